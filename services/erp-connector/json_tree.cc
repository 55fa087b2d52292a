#include "services/erp-connector/json_tree.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "simdjson.h"

namespace weft::erp {
namespace {

namespace ondemand = simdjson::ondemand;

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

absl::string_view TrimEnd(absl::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n' || text.back() == '\r' ||
                           text.back() == '\t')) {
    text.remove_suffix(1);
  }
  return text;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

bool IsJsonNumber(absl::string_view text) {
  size_t i = 0;
  const auto digits = [&] {
    const size_t start = i;
    while (i < text.size() && IsDigit(text[i])) ++i;
    return i - start;
  };
  if (i < text.size() && text[i] == '-') ++i;
  const size_t whole = i;
  if (digits() == 0) return false;
  if (text[whole] == '0' && i - whole > 1) return false;
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (digits() == 0) return false;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (digits() == 0) return false;
  }
  return i == text.size();
}

struct JsonTree::Impl {
  ondemand::parser parser;
  std::string padded;

  bool Add(ondemand::value value, absl::string_view name, int depth, std::vector<Node>& nodes,
           Problem& problem);
  bool AddScalar(absl::string_view token, Node& node, Problem& problem);
};

namespace {

bool NotJson(simdjson::error_code code, Problem& problem) {
  problem = {"MESSAGE_NOT_JSON",
             absl::StrCat("the message is not JSON: ", simdjson::error_message(code)), ""};
  return false;
}

bool HasDuplicate(const std::vector<JsonTree::Node>& nodes, uint32_t object,
                  absl::string_view& name) {
  const JsonTree::Node& node = nodes[object];
  if (node.count < 2) return false;
  if (node.count <= 32) {
    for (uint32_t a = object + 1; a < node.next; a = nodes[a].next) {
      for (uint32_t b = nodes[a].next; b < node.next; b = nodes[b].next) {
        if (nodes[a].name == nodes[b].name) {
          name = nodes[a].name;
          return true;
        }
      }
    }
    return false;
  }
  std::vector<absl::string_view> names;
  names.reserve(node.count);
  for (uint32_t a = object + 1; a < node.next; a = nodes[a].next) names.push_back(nodes[a].name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice == names.end()) return false;
  name = *twice;
  return true;
}

}  // namespace

bool JsonTree::Impl::AddScalar(absl::string_view token, Node& node, Problem& problem) {
  node.text = token;
  if (token == "null") {
    node.kind = Kind::kNull;
  } else if (token == "true" || token == "false") {
    node.kind = Kind::kBool;
  } else if (IsJsonNumber(token)) {
    node.kind = Kind::kNumber;
  } else {
    problem = {"MESSAGE_NOT_JSON",
               absl::StrCat("the message is not JSON: '", token.substr(0, 40),
                            "' is neither number, true, false nor null"),
               ""};
    return false;
  }
  return true;
}

bool JsonTree::Impl::Add(ondemand::value value, absl::string_view name, int depth,
                         std::vector<Node>& nodes, Problem& problem) {
  if (depth > kDepthMax) {
    problem = {"MESSAGE_TOO_DEEP", absl::StrCat("the message nests deeper than ", kDepthMax), ""};
    return false;
  }
  const auto index = static_cast<uint32_t>(nodes.size());
  nodes.emplace_back();
  nodes[index].name = name;
  ondemand::json_type type;
  if (const auto error = value.type().get(type)) return NotJson(error, problem);
  switch (type) {
    case ondemand::json_type::object: {
      ondemand::object object;
      if (const auto error = value.get_object().get(object)) return NotJson(error, problem);
      uint32_t count = 0;
      for (auto field : object) {
        if (const auto error = field.error()) return NotJson(error, problem);
        std::string_view key;
        if (const auto error = field.unescaped_key().get(key)) return NotJson(error, problem);
        ondemand::value member;
        if (const auto error = field.value().get(member)) return NotJson(error, problem);
        if (!Add(member, View(key), depth + 1, nodes, problem)) return false;
        ++count;
      }
      nodes[index].kind = Kind::kObject;
      nodes[index].count = count;
      nodes[index].next = static_cast<uint32_t>(nodes.size());
      absl::string_view twice;
      if (HasDuplicate(nodes, index, twice)) {
        problem = {"FIELD_DUPLICATE", absl::StrCat("the name '", twice, "' stands twice"), ""};
        return false;
      }
      return true;
    }
    case ondemand::json_type::array: {
      ondemand::array array;
      if (const auto error = value.get_array().get(array)) return NotJson(error, problem);
      uint32_t count = 0;
      for (auto element : array) {
        ondemand::value item;
        if (const auto error = element.get(item)) return NotJson(error, problem);
        if (!Add(item, "", depth + 1, nodes, problem)) return false;
        ++count;
      }
      nodes[index].kind = Kind::kArray;
      nodes[index].count = count;
      nodes[index].next = static_cast<uint32_t>(nodes.size());
      return true;
    }
    case ondemand::json_type::string: {
      std::string_view text;
      if (const auto error = value.get_string().get(text)) return NotJson(error, problem);
      nodes[index].kind = Kind::kString;
      nodes[index].text = View(text);
      break;
    }
    default:
      if (!AddScalar(TrimEnd(View(value.raw_json_token())), nodes[index], problem)) return false;
  }
  nodes[index].next = index + 1;
  return true;
}

JsonTree::JsonTree() : impl_(std::make_unique<Impl>()) {}
JsonTree::~JsonTree() = default;

bool JsonTree::Parse(absl::string_view bytes, Problem& problem) {
  nodes_.clear();
  std::string& padded = impl_->padded;
  padded.assign(bytes.data(), bytes.size());
  padded.append(simdjson::SIMDJSON_PADDING, '\0');
  ondemand::document document;
  if (const auto error = impl_->parser.iterate(padded.data(), bytes.size(), padded.size())
                             .get(document)) {
    return NotJson(error, problem);
  }
  ondemand::json_type type;
  if (const auto error = document.type().get(type)) return NotJson(error, problem);
  if (type == ondemand::json_type::object || type == ondemand::json_type::array) {
    ondemand::value value;
    if (const auto error = document.get_value().get(value)) return NotJson(error, problem);
    if (!impl_->Add(value, "", 1, nodes_, problem)) return false;
  } else {
    // A value() of a scalar document is refused by the library.
    nodes_.emplace_back();
    if (type == ondemand::json_type::string) {
      std::string_view text;
      if (const auto error = document.get_string().get(text)) return NotJson(error, problem);
      nodes_[0].kind = Kind::kString;
      nodes_[0].text = View(text);
    } else {
      std::string_view token;
      if (const auto error = document.raw_json_token().get(token)) {
        return NotJson(error, problem);
      }
      return AddRootScalar(View(token), problem);
    }
    nodes_[0].next = 1;
  }
  const char* where = nullptr;
  if (document.current_location().get(where) == simdjson::SUCCESS) {
    problem = {"MESSAGE_NOT_JSON", "the message is not JSON: something follows its end", ""};
    return false;
  }
  return true;
}

bool JsonTree::AddRootScalar(absl::string_view token, Problem& problem) {
  nodes_[0].next = 1;
  return impl_->AddScalar(TrimEnd(token), nodes_[0], problem);
}

uint32_t JsonTree::Member(uint32_t index, absl::string_view name) const {
  const Node& node = nodes_[index];
  if (node.kind != Kind::kObject) return 0;
  for (uint32_t i = index + 1; i < node.next; i = nodes_[i].next) {
    if (nodes_[i].name == name) return i;
  }
  return 0;
}

}  // namespace weft::erp
