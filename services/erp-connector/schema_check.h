// A validator for the part of JSON Schema 2020-12 that canonical.schema.json uses.
// For tests: it shares no code with the reader it is compared with. A keyword it
// does not know fails the check loudly.
#pragma once

#include <regex>
#include <set>
#include <stdexcept>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "services/erp-connector/json_tree.h"

namespace weft::erp {

class SchemaCheck {
 public:
  explicit SchemaCheck(absl::string_view schema) {
    Problem problem;
    if (!schema_.Parse(schema, problem)) throw std::runtime_error(problem.message);
  }

  bool Valid(const JsonTree& tree) const { return Valid(0, tree, 0); }

 private:
  using Kind = JsonTree::Kind;

  bool Valid(uint32_t s, const JsonTree& t, uint32_t n) const {
    if (schema_[s].kind == Kind::kBool) return schema_[s].text == "true";
    for (uint32_t k = s + 1; k < schema_[s].next; k = schema_[k].next) {
      if (!Keyword(s, k, t, n)) return false;
    }
    return true;
  }

  bool Keyword(uint32_t s, uint32_t k, const JsonTree& t, uint32_t n) const {
    const absl::string_view name = schema_[k].name;
    const JsonTree::Node& node = t[n];
    static const std::set<absl::string_view> kWords = {"$schema", "$id", "title", "description",
                                                       "$defs", "then", "else"};
    if (kWords.count(name) > 0) return true;
    if (name == "$ref") {
      const absl::string_view target = schema_[k].text.substr(8);  // "#/$defs/"
      const uint32_t found = schema_.Member(schema_.Member(0, "$defs"), target);
      if (found == 0) throw std::runtime_error("no $def " + std::string(target));
      return Valid(found, t, n);
    }
    if (name == "type") return IsType(schema_[k].text, node);
    if (name == "const") return Equal(k, node);
    if (name == "enum") {
      for (uint32_t i = k + 1; i < schema_[k].next; i = schema_[i].next) {
        if (Equal(i, node)) return true;
      }
      return false;
    }
    if (name == "not") return !Valid(k, t, n);
    if (name == "anyOf" || name == "allOf" || name == "oneOf") {
      int passed = 0;
      int all = 0;
      for (uint32_t i = k + 1; i < schema_[k].next; i = schema_[i].next) {
        passed += Valid(i, t, n);
        ++all;
      }
      return name == "anyOf" ? passed > 0 : name == "allOf" ? passed == all : passed == 1;
    }
    if (name == "if") {
      const uint32_t branch = schema_.Member(s, Valid(k, t, n) ? "then" : "else");
      return branch == 0 || Valid(branch, t, n);
    }
    if (node.kind == Kind::kObject) {
      if (name == "properties") {
        for (uint32_t i = n + 1; i < node.next; i = t[i].next) {
          const uint32_t p = schema_.Member(k, t[i].name);
          if (p != 0 && !Valid(p, t, i)) return false;
        }
        return true;
      }
      if (name == "required") {
        for (uint32_t i = k + 1; i < schema_[k].next; i = schema_[i].next) {
          if (t.Member(n, schema_[i].text) == 0) return false;
        }
        return true;
      }
      if (name == "additionalProperties") {  // With "^x-" as the only pattern.
        const uint32_t properties = schema_.Member(s, "properties");
        for (uint32_t i = n + 1; i < node.next; i = t[i].next) {
          if (schema_.Member(properties, t[i].name) == 0 && !absl::StartsWith(t[i].name, "x-")) {
            return false;
          }
        }
        return true;
      }
      if (name == "maxProperties") return node.count <= Number(k);
    }
    if (node.kind == Kind::kArray) {
      if (name == "items") {
        for (uint32_t i = n + 1; i < node.next; i = t[i].next) {
          if (!Valid(k, t, i)) return false;
        }
        return true;
      }
      if (name == "minItems") return node.count >= Number(k);
      if (name == "maxItems") return node.count <= Number(k);
    }
    if (node.kind == Kind::kString) {
      if (name == "pattern") {
        const std::regex pattern{std::string(schema_[k].text)};
        return std::regex_search(std::string(node.text), pattern);
      }
      if (name == "maxLength") {
        long characters = 0;
        for (const char c : node.text) characters += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
        return characters <= Number(k);
      }
    }
    if (node.kind == Kind::kNumber) {
      double value = 0;  // Bounds only; they are small.
      if (!absl::SimpleAtod(node.text, &value)) throw std::runtime_error("number");
      if (name == "minimum") return value >= static_cast<double>(Number(k));
      if (name == "maximum") return value <= static_cast<double>(Number(k));
      if (name == "exclusiveMinimum") return value > static_cast<double>(Number(k));
    }
    static const std::set<absl::string_view> kOtherTypes = {
        "properties", "required", "additionalProperties", "maxProperties", "items", "minItems",
        "maxItems", "pattern", "maxLength", "minimum", "maximum", "exclusiveMinimum",
        "patternProperties"};
    if (kOtherTypes.count(name) > 0) return true;
    throw std::runtime_error("keyword " + std::string(name));
  }

  bool Equal(uint32_t k, const JsonTree::Node& node) const {
    return schema_[k].kind == node.kind && schema_[k].text == node.text;
  }
  static bool IsType(absl::string_view type, const JsonTree::Node& node) {
    switch (node.kind) {
      case Kind::kNull:
        return type == "null";
      case Kind::kBool:
        return type == "boolean";
      case Kind::kString:
        return type == "string";
      case Kind::kArray:
        return type == "array";
      case Kind::kObject:
        return type == "object";
      case Kind::kNumber:
        return type == "number" ||
               (type == "integer" && node.text.find_first_of(".eE") == node.text.npos);
    }
    return false;
  }
  long Number(uint32_t k) const {
    long value = 0;
    if (!absl::SimpleAtoi(schema_[k].text, &value)) throw std::runtime_error("number");
    return value;
  }

  JsonTree schema_;
};

}  // namespace weft::erp
