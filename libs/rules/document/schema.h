// Fact schemas: what expressions may look at (LANGUAGE: fact schemas).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "libs/rules/document/tree.h"
#include "libs/rules/expr/environment.h"
#include "libs/rules/expr/program.h"

namespace weft::rules {

// An interval over one ordered type: "[a..b)", either end may be missing.
struct Interval {
  std::optional<expr::Value> low;
  std::optional<expr::Value> high;
  bool low_included = true;
  bool high_included = true;
  // False also when `value` has no order with the ends.
  bool Contains(const expr::Value& value) const;
};

struct FieldRules {
  bool optional = false;
  bool sensitive = false;
  std::optional<expr::Value> fallback;  // `default`
  std::vector<std::string> values;      // Closed set; empty = open.
  std::optional<Interval> range;
  expr::SizeLimits limits;
};

// Immutable once parsed; values in it live as long as the schema.
class FactSchema {
 public:
  // nullptr when `faults` holds errors.
  static std::shared_ptr<const FactSchema> Parse(const Tree& document, std::vector<Fault>& faults);

  const std::string& id() const { return id_; }
  const expr::Environment& environment() const { return environment_; }
  // By record number and field number of the environment.
  const FieldRules& field(size_t record, size_t number) const { return fields_[record][number]; }
  const FieldRules& variable(size_t slot) const { return variables_[slot]; }
  // The rules of the plain field that `path` names ("line.quantity"), or nullptr.
  const FieldRules* FindPath(absl::string_view path) const;

 private:
  std::string id_;
  expr::Environment environment_;
  std::vector<std::vector<FieldRules>> fields_;
  std::vector<FieldRules> variables_;
  expr::Arena arena_{expr::Arena::kDocumentBytesMax};
};

// Facts of a schema read from a JSON object: {"line": {"quantity": "3"}, …}.
// Values live as long as the facts.
class JsonFacts final : public expr::Facts {
 public:
  // nullptr and a fault `facts_invalid` when they do not fit the schema.
  static std::unique_ptr<JsonFacts> Make(const FactSchema& schema, const Tree& json, Fault& fault);
  ~JsonFacts() override;

  expr::Value Variable(int slot, expr::Arena&) const override { return values_[slot]; }
  const expr::Value* slots() const override { return values_.data(); }

 private:
  friend class FactReader;
  JsonFacts() = default;
  std::vector<expr::Value> values_;
  std::vector<std::unique_ptr<expr::Record>> records_;
  expr::Arena arena_{expr::Arena::kDocumentBytesMax};
};

// Reads one scalar of `type` from text: "12.50" as decimal, an RFC 3339 time …
// Strings are copied into the arena. False when the text is not of the type.
bool ReadScalar(expr::TypeKind type, const Tree& from, expr::Arena& arena, expr::Value& out);

// Reads "[a..b)" with ends of `type`; "" on either side is open.
bool ReadInterval(absl::string_view text, expr::TypeKind type, expr::Arena& arena, Interval& out);

}  // namespace weft::rules
