#include "libs/rules/document/schema.h"

#include <algorithm>
#include <set>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/money/money.h"
#include "libs/rules/expr/functions.h"

namespace weft::rules {
namespace {

using expr::Arena;
using expr::Ordering;
using expr::Type;
using expr::TypeKind;
using expr::Value;

void Add(std::vector<Fault>& faults, const Tree& at, std::string path, std::string code,
         std::string message, std::string hint = "") {
  faults.push_back({std::move(code), std::move(path), at.line, at.column, std::move(message),
                    std::move(hint), false});
}

bool IsIdentifier(absl::string_view name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  for (const char c : name) {
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_')) {
      return false;
    }
  }
  return true;
}

// Reads the rules of a field or variable; its type goes to `type`.
void ReadField(const Tree& tree, const std::string& path, Arena& arena, FieldRules& rules,
               Type& type, std::vector<Fault>& faults) {
  static const std::set<std::string> kKeys = {"type", "optional", "default", "values", "range",
                                              "max_items", "max_length", "sensitive", "label",
                                              "description"};
  if (!tree.is_map()) {
    return Add(faults, tree, path, "not_a_map", "a field is written {type: …}");
  }
  for (const auto& [key, value] : tree.fields) {
    if (kKeys.count(key) == 0) {
      Add(faults, value, path, "unknown_key", absl::StrCat("'", key, "' is not known here"),
          absl::StrJoin(kKeys, ", "));
    }
  }
  if (!expr::ParseType(tree.TextOr("type"), type)) {
    Add(faults, tree, path, "bad_type", absl::StrCat("'", tree.TextOr("type"), "' is no type"),
        "e.g. string, decimal, money, list(Line)");
  }
  rules.optional = tree.TextOr("optional") == "true";
  rules.sensitive = tree.TextOr("sensitive") == "true";
  if (const Tree* values = tree.Find("values")) {
    for (const Tree& value : values->items) rules.values.push_back(value.text);
  }
  if (const Tree* range = tree.Find("range")) {
    Interval interval;
    if (ReadInterval(range->text, type.kind, arena, interval)) {
      rules.range = interval;
    } else {
      Add(faults, *range, path + ".range", "bad_range",
          absl::StrCat("'", range->text, "' is no interval of ", type.ToString()),
          "e.g. \"(0..1000000]\"");
    }
  }
  if (const Tree* fallback = tree.Find("default")) {
    Value value;
    if (ReadScalar(type.kind, *fallback, arena, value)) {
      rules.fallback = value;
    } else {
      Add(faults, *fallback, path + ".default", "bad_default",
          absl::StrCat("'", fallback->text, "' is no ", type.ToString()));
    }
  }
  const auto limit = [&](const char* key, uint32_t& out) {
    const Tree* field = tree.Find(key);
    if (field == nullptr) return;
    uint32_t value = 0;
    if (!absl::SimpleAtoi(field->text, &value) || value == 0 || value > 1'000'000) {
      return Add(faults, *field, absl::StrCat(path, ".", key), "bad_limit",
                 absl::StrCat("'", field->text, "' is no number from 1 to 1,000,000"));
    }
    out = value;
  };
  limit("max_items", rules.limits.items);
  limit("max_length", rules.limits.length);
}

// The range as the checker knows it. Facts that are outside are refused before
// anything is evaluated; a default may be anything.
expr::NumberRange RangeOf(const FieldRules& rules) {
  expr::NumberRange range;
  if (!rules.range.has_value() || rules.fallback.has_value()) return range;
  const auto end = [](const std::optional<Value>& value, std::optional<Decimal>& out) {
    Decimal decimal;
    if (value.has_value() && expr::AsDecimal(*value, decimal)) out = decimal;
  };
  end(rules.range->low, range.low);
  end(rules.range->high, range.high);
  range.low_open = !rules.range->low_included;
  range.high_open = !rules.range->high_included;
  return range;
}

// Types of fields must be built in or declared here.
void CheckTypes(const Type& type, const expr::Environment& environment, const Tree& at,
                const std::string& path, std::vector<Fault>& faults) {
  if (type.kind == TypeKind::kRecord && environment.FindRecord(type.name) == nullptr) {
    Add(faults, at, path, "bad_type", absl::StrCat("there is no type '", type.name, "'"));
  }
  for (const Type& param : type.params) CheckTypes(param, environment, at, path, faults);
}

}  // namespace

bool Interval::Contains(const Value& value) const {
  if (low.has_value()) {
    const Ordering order = expr::Order(value, *low);
    if (!(order == Ordering::kGreater || (low_included && order == Ordering::kEqual))) return false;
  }
  if (high.has_value()) {
    const Ordering order = expr::Order(value, *high);
    if (!(order == Ordering::kLess || (high_included && order == Ordering::kEqual))) return false;
  }
  return true;
}

bool ReadScalar(TypeKind type, const Tree& from, Arena& arena, Value& out) {
  if (type == TypeKind::kMoney) {
    // {amount, currency}; a bare "12.50 EUR" is accepted for writing.
    std::string amount = from.TextOr("amount");
    std::string currency = from.TextOr("currency");
    if (from.is_scalar()) {
      const size_t blank = from.text.find(' ');
      if (blank == std::string::npos) return false;
      amount = from.text.substr(0, blank);
      currency = from.text.substr(blank + 1);
    }
    Decimal decimal;
    const uint16_t number = expr::CurrencyNumber(currency);
    if (number == 0 || Decimal::ParseInto(amount, decimal) != DecimalError::kOk) return false;
    out = Value::Money(decimal, number);
    return true;
  }
  if (!from.is_scalar()) return false;
  const std::string& text = from.text;
  switch (type) {
    case TypeKind::kBool:
      out = Value::Bool(text == "true");
      return text == "true" || text == "false";
    case TypeKind::kInt: {
      int64_t value;
      if (!absl::SimpleAtoi(text, &value)) return false;
      out = Value::Int(value);
      return true;
    }
    case TypeKind::kUint: {
      uint64_t value;
      if (!absl::SimpleAtoi(text, &value)) return false;
      out = Value::Uint(value);
      return true;
    }
    case TypeKind::kDouble: {
      double value;
      if (!absl::SimpleAtod(text, &value)) return false;
      out = Value::Double(value);
      return true;
    }
    case TypeKind::kString: out = Value::String(arena.Copy(text)); return true;
    case TypeKind::kBytes: {
      std::string bytes;
      if (!absl::Base64Unescape(text, &bytes)) return false;
      out = Value::Bytes(arena.Copy(bytes));
      return true;
    }
    case TypeKind::kDecimal: {
      Decimal value;
      if (Decimal::ParseInto(text, value) != DecimalError::kOk) return false;
      out = Value::OfDecimal(value);
      return true;
    }
    case TypeKind::kTimestamp: {
      int64_t seconds;
      int32_t nanos;
      expr::Code code;
      if (!expr::ParseTimestamp(text, seconds, nanos, code)) return false;
      out = Value::Timestamp(seconds, nanos);
      return true;
    }
    case TypeKind::kDuration: {
      int64_t nanos;
      expr::Code code;
      if (!expr::ParseDuration(text, nanos, code)) return false;
      out = Value::Duration(nanos);
      return true;
    }
    default: return false;
  }
}

bool ReadInterval(absl::string_view text, TypeKind type, Arena& arena, Interval& out) {
  if (text.size() < 4) return false;
  const char open = text.front();
  const char close = text.back();
  if ((open != '[' && open != '(' && open != ']') || (close != ']' && close != ')' && close != '[')) {
    return false;
  }
  out.low_included = open == '[';
  out.high_included = close == ']';
  const absl::string_view inner = text.substr(1, text.size() - 2);
  const size_t dots = inner.find("..");
  if (dots == absl::string_view::npos) return false;
  // Money ranges are written without a currency: their ends are decimals.
  const TypeKind end_type = type == TypeKind::kMoney ? TypeKind::kDecimal : type;
  const auto end = [&](absl::string_view part, std::optional<Value>& value) {
    while (!part.empty() && part.front() == ' ') part.remove_prefix(1);
    while (!part.empty() && part.back() == ' ') part.remove_suffix(1);
    if (part.empty()) return true;
    Tree leaf;
    leaf.kind = Tree::Kind::kScalar;
    leaf.text = std::string(part);
    Value read;
    if (!ReadScalar(end_type, leaf, arena, read)) return false;
    value = read;
    return true;
  };
  return end(inner.substr(0, dots), out.low) && end(inner.substr(dots + 2), out.high);
}

std::shared_ptr<const FactSchema> FactSchema::Parse(const Tree& document,
                                                    std::vector<Fault>& faults) {
  const size_t before = faults.size();
  auto schema = std::shared_ptr<FactSchema>(new FactSchema);
  schema->id_ = document.TextOr("id");
  if (schema->id_.empty()) Add(faults, document, "id", "missing_key", "a schema needs an id");
  if (const Tree* types = document.Find("types")) {
    for (const auto& [name, fields] : types->fields) {
      expr::RecordDeclaration record;
      record.name = name;
      std::vector<FieldRules> rules_of_record;
      for (const auto& [field, tree] : fields.fields) {
        const std::string path = absl::StrCat("types.", name, ".", field);
        if (!IsIdentifier(field)) Add(faults, tree, path, "bad_name", "a field needs a plain name");
        FieldRules rules;
        Type type;
        ReadField(tree, path, schema->arena_, rules, type, faults);
        record.fields.push_back(
            {field, type, rules.optional, rules.limits, RangeOf(rules)});
        rules_of_record.push_back(std::move(rules));
      }
      schema->environment_.records.push_back(std::move(record));
      schema->fields_.push_back(std::move(rules_of_record));
    }
  }
  const Tree* variables = document.Find("variables");
  if (variables == nullptr || variables->fields.empty()) {
    Add(faults, document, "variables", "missing_key", "a schema needs variables");
    return nullptr;
  }
  for (const auto& [name, tree] : variables->fields) {
    FieldRules rules;
    Type type;
    ReadField(tree, absl::StrCat("variables.", name), schema->arena_, rules, type, faults);
    schema->environment_.variables.push_back(
        {name, type, rules.limits, RangeOf(rules)});
    schema->variables_.push_back(std::move(rules));
  }
  for (const expr::RecordDeclaration& record : schema->environment_.records) {
    for (const expr::FieldDeclaration& field : record.fields) {
      CheckTypes(field.type, schema->environment_, document,
                 absl::StrCat("types.", record.name, ".", field.name), faults);
    }
  }
  for (const expr::VariableDeclaration& variable : schema->environment_.variables) {
    CheckTypes(variable.type, schema->environment_, *variables,
               absl::StrCat("variables.", variable.name), faults);
  }
  return faults.size() > before ? nullptr : schema;
}

const FieldRules* FactSchema::FindPath(absl::string_view path) const {
  const size_t dot = path.find('.');
  const absl::string_view head = path.substr(0, dot);
  for (size_t i = 0; i < environment_.variables.size(); ++i) {
    if (absl::string_view(environment_.variables[i].name) != head) continue;
    if (dot == absl::string_view::npos) return &variables_[i];
    const Type* type = &environment_.variables[i].type;
    absl::string_view rest = path.substr(dot + 1);
    while (type->kind == TypeKind::kRecord) {
      const size_t next = rest.find('.');
      for (size_t r = 0; r < environment_.records.size(); ++r) {
        const expr::RecordDeclaration& record = environment_.records[r];
        if (record.name != type->name) continue;
        const int number = record.FieldNumber(rest.substr(0, next));
        if (number < 0) return nullptr;
        if (next == absl::string_view::npos) return &fields_[r][number];
        type = &record.fields[number].type;
        rest = rest.substr(next + 1);
        break;
      }
    }
  }
  return nullptr;
}

// ---- JSON facts ----

namespace {

class JsonRecord final : public expr::Record {
 public:
  JsonRecord(const std::string& name, std::vector<Value> values)
      : name_(name), values_(std::move(values)) {
    ready_ = values_.data();
  }
  Value Field(int number, Arena&) const override { return values_[number]; }
  absl::string_view type_name() const override { return name_; }
  int field_count() const override { return static_cast<int>(values_.size()); }

 private:
  const std::string& name_;
  std::vector<Value> values_;
};

}  // namespace

// Reads facts of one schema; stops at the first that does not fit.
class FactReader {
 public:
  FactReader(const FactSchema& schema, JsonFacts& facts, Fault& fault)
      : schema_(schema), facts_(facts), fault_(fault) {}

  bool Run(const Tree& json) {
    if (!json.is_map()) return Refuse(json, "", "facts are a JSON object");
    const expr::Environment& environment = schema_.environment();
    for (const auto& [name, unused] : json.fields) {
      bool known = false;
      for (const auto& variable : environment.variables) known = known || variable.name == name;
      if (!known) return Refuse(json, name, "the schema has no such variable");
    }
    for (size_t slot = 0; slot < environment.variables.size(); ++slot) {
      const auto& variable = environment.variables[slot];
      Value value;
      if (!Read(json.Find(variable.name), variable.type, schema_.variable(slot), variable.name,
                value)) {
        return false;
      }
      facts_.values_.push_back(value);
    }
    return true;
  }

 private:
  bool Refuse(const Tree& at, const std::string& path, std::string message) {
    fault_ = {"facts_invalid", path, at.line, at.column, std::move(message), "", false};
    return false;
  }

  bool Read(const Tree* json, const Type& type, const FieldRules& rules, const std::string& path,
            Value& out) {
    static const Tree kMissing;
    if (json == nullptr || (json->is_null() && type.kind != TypeKind::kDyn)) {
      if (rules.fallback.has_value()) {
        out = *rules.fallback;
        return true;
      }
      if (!rules.optional) return Refuse(kMissing, path, "a required value is missing");
      out = Value::AbsentField();
      return true;
    }
    switch (type.kind) {
      case TypeKind::kList: return ReadList(*json, type, rules, path, out);
      case TypeKind::kMap: return ReadMap(*json, type, rules, path, out);
      case TypeKind::kRecord: return ReadRecord(*json, type, path, out);
      case TypeKind::kDyn: return ReadDyn(*json, path, out);
      default: break;
    }
    if (!ReadScalar(type.kind, *json, facts_.arena_, out)) {
      return Refuse(*json, path,
                    absl::StrCat(rules.sensitive ? "the value" : absl::StrCat("'", json->text, "'"),
                                 " is no ", type.ToString()));
    }
    if (type.kind == TypeKind::kString) {
      if (out.length > rules.limits.length) {
        return Refuse(*json, path, absl::StrCat("longer than ", rules.limits.length));
      }
      if (!rules.values.empty() &&
          std::find(rules.values.begin(), rules.values.end(), json->text) == rules.values.end()) {
        return Refuse(*json, path, absl::StrCat("not one of ", absl::StrJoin(rules.values, ", ")));
      }
    }
    if (rules.range.has_value()) {
      const Value compared = out.kind == expr::Kind::kMoney ? Value::OfDecimal(out.decimal) : out;
      if (!rules.range->Contains(compared)) return Refuse(*json, path, "outside its range");
    }
    return true;
  }

  bool ReadList(const Tree& json, const Type& type, const FieldRules& rules,
                const std::string& path, Value& out) {
    if (!json.is_list()) return Refuse(json, path, "a list is wanted");
    if (json.items.size() > rules.limits.items) {
      return Refuse(json, path, absl::StrCat("more than ", rules.limits.items, " elements"));
    }
    auto* items = facts_.arena_.AllocateArray<Value>(json.items.size() + 1);
    if (items == nullptr) return Refuse(json, path, "the facts need more than 4 MiB");
    for (size_t i = 0; i < json.items.size(); ++i) {
      if (!Read(&json.items[i], type.params[0], kPlain, absl::StrCat(path, "[", i, "]"),
                items[i])) {
        return false;
      }
    }
    out = Value::List(items, json.items.size());
    return true;
  }

  bool ReadMap(const Tree& json, const Type& type, const FieldRules& rules,
               const std::string& path, Value& out) {
    const bool pairs = json.is_list();  // [[key, value], …] for keys that are not texts.
    const size_t size = pairs ? json.items.size() : json.fields.size();
    if (!pairs && !json.is_map()) return Refuse(json, path, "a map is wanted");
    if (size > rules.limits.items) {
      return Refuse(json, path, absl::StrCat("more than ", rules.limits.items, " entries"));
    }
    auto* keys = facts_.arena_.AllocateArray<Value>(size + 1);
    auto* values = facts_.arena_.AllocateArray<Value>(size + 1);
    if (keys == nullptr || values == nullptr) return Refuse(json, path, "the facts need more than 4 MiB");
    for (size_t i = 0; i < size; ++i) {
      Tree key;
      const Tree* value = nullptr;
      if (pairs) {
        if (json.items[i].items.size() != 2) return Refuse(json, path, "a pair is [key, value]");
        key = json.items[i].items[0];
        value = &json.items[i].items[1];
      } else {
        key.kind = Tree::Kind::kScalar;
        key.text = json.fields[i].first;
        value = &json.fields[i].second;
      }
      const std::string at = absl::StrCat(path, "[", key.text, "]");
      if (!Read(&key, type.params[0], kPlain, at, keys[i]) ||
          !Read(value, type.params[1], kPlain, at, values[i])) {
        return false;
      }
    }
    out = expr::MakeMap(keys, values, static_cast<uint32_t>(size), facts_.arena_);
    return out.is_error() ? Refuse(json, path, std::string(out.view())) : true;
  }

  bool ReadRecord(const Tree& json, const Type& type, const std::string& path, Value& out) {
    if (!json.is_map()) return Refuse(json, path, absl::StrCat("a ", type.name, " is wanted"));
    const auto& records = schema_.environment().records;
    for (size_t r = 0; r < records.size(); ++r) {
      if (records[r].name != type.name) continue;
      for (const auto& [name, unused] : json.fields) {
        if (records[r].FieldNumber(name) < 0) {
          return Refuse(json, absl::StrCat(path, ".", name),
                        absl::StrCat(type.name, " has no such field"));
        }
      }
      std::vector<Value> values(records[r].fields.size());
      for (size_t f = 0; f < values.size(); ++f) {
        const auto& field = records[r].fields[f];
        if (!Read(json.Find(field.name), field.type, schema_.field(r, f),
                  absl::StrCat(path, ".", field.name), values[f])) {
          return false;
        }
      }
      facts_.records_.push_back(std::make_unique<JsonRecord>(records[r].name, std::move(values)));
      out = Value::OfRecord(facts_.records_.back().get());
      return true;
    }
    return Refuse(json, path, "unknown type");
  }

  bool ReadDyn(const Tree& json, const std::string& path, Value& out) {
    switch (json.kind) {
      case Tree::Kind::kNull: out = Value::Null(); return true;
      case Tree::Kind::kList: return ReadList(json, Type::List(Type()), kPlain, path, out);
      case Tree::Kind::kMap:
        return ReadMap(json, Type::Map(Type::Of(TypeKind::kString), Type()), kPlain, path, out);
      case Tree::Kind::kScalar: break;
    }
    for (const TypeKind kind : {TypeKind::kBool, TypeKind::kInt, TypeKind::kDouble}) {
      if (!json.quoted && ReadScalar(kind, json, facts_.arena_, out)) return true;
    }
    return ReadScalar(TypeKind::kString, json, facts_.arena_, out);
  }

  inline static const FieldRules kPlain;
  const FactSchema& schema_;
  JsonFacts& facts_;
  Fault& fault_;
};

JsonFacts::~JsonFacts() = default;

std::unique_ptr<JsonFacts> JsonFacts::Make(const FactSchema& schema, const Tree& json,
                                           Fault& fault) {
  auto facts = std::unique_ptr<JsonFacts>(new JsonFacts);
  if (!FactReader(schema, *facts, fault).Run(json)) return nullptr;
  return facts;
}

}  // namespace weft::rules
