#include "libs/rules/table/decision_table.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/rules/expr/number_range.h"

namespace weft::rules {
namespace {

using expr::Code;
using expr::Kind;
using expr::Ordering;
using expr::Type;
using expr::TypeKind;
using expr::Value;

constexpr size_t kRulesMax = 10'000;
constexpr size_t kColumnsMax = 64;
constexpr uint64_t kDecisionCostMax = 1'000'000;

bool ReadHitPolicy(const std::string& text, HitPolicy& out) {
  static constexpr std::pair<const char*, HitPolicy> kNames[] = {
      {"UNIQUE", HitPolicy::kUnique},          {"FIRST", HitPolicy::kFirst},
      {"ANY", HitPolicy::kAny},                {"PRIORITY", HitPolicy::kPriority},
      {"RULE_ORDER", HitPolicy::kRuleOrder},   {"OUTPUT_ORDER", HitPolicy::kOutputOrder},
      {"COLLECT", HitPolicy::kCollect}};
  for (const auto& [name, policy] : kNames) {
    if (text != name) continue;
    out = policy;
    return true;
  }
  return false;
}

bool ReadAggregate(const std::string& text, Aggregate& out) {
  static constexpr std::pair<const char*, Aggregate> kNames[] = {
      {"NONE", Aggregate::kNone}, {"SUM", Aggregate::kSum},     {"MIN", Aggregate::kMin},
      {"MAX", Aggregate::kMax},   {"COUNT", Aggregate::kCount}};
  for (const auto& [name, aggregate] : kNames) {
    if (text != name) continue;
    out = aggregate;
    return true;
  }
  return false;
}

bool IsColumnType(const Type& type) {
  const Type& scalar = type.kind == TypeKind::kList ? type.params[0] : type;
  switch (scalar.kind) {
    case TypeKind::kBool: case TypeKind::kInt: case TypeKind::kUint: case TypeKind::kDouble:
    case TypeKind::kString: case TypeKind::kBytes: case TypeKind::kDecimal: case TypeKind::kMoney:
    case TypeKind::kTimestamp: case TypeKind::kDuration: return true;
    default: return false;
  }
}

class NoFacts final : public expr::Facts {
 public:
  Value Variable(int, expr::Arena&) const override { return Value::Null(); }
};

}  // namespace

class TableParser {
 public:
  TableParser(const Tree& document, std::shared_ptr<const FactSchema> schema,
              std::vector<Fault>& faults)
      : document_(document), faults_(faults), table_(new DecisionTable) {
    table_->schema_ = std::move(schema);
  }

  std::shared_ptr<const DecisionTable> Run() {
    const size_t before = faults_.size();
    ReadHead();
    ReadInputs();
    ReadOutputs();
    ReadRules();
    for (size_t i = before; i < faults_.size(); ++i) {
      if (!faults_[i].warning) return nullptr;
    }
    table_->Prepare();
    CheckCost();
    for (size_t i = before; i < faults_.size(); ++i) {
      if (!faults_[i].warning) return nullptr;
    }
    return table_;
  }

 private:
  void Add(const Tree& at, std::string path, std::string code, std::string message,
           std::string hint = "") {
    faults_.push_back({std::move(code), std::move(path), at.line, at.column, std::move(message),
                       std::move(hint), false});
  }
  void AllowKeys(const Tree& tree, const std::string& path, const std::set<std::string>& keys) {
    for (const auto& [key, value] : tree.fields) {
      if (keys.count(key) == 0) {
        Add(value, path.empty() ? key : absl::StrCat(path, ".", key), "unknown_key",
            absl::StrCat("'", key, "' is not known here"), absl::StrJoin(keys, ", "));
      }
    }
  }

  void ReadHead() {
    AllowKeys(document_, "", {"kind", "id", "schema", "hit_policy", "aggregate", "inputs",
                              "outputs", "rules", "complete", "label", "description", "scope",
                              "gate", "valid_from", "valid_to", "owner", "tests",
                              "title", "version"});
    table_->id_ = document_.TextOr("id");
    if (table_->id_.empty()) Add(document_, "id", "missing_key", "a table needs an id");
    const std::string policy = document_.TextOr("hit_policy", "UNIQUE");
    if (!ReadHitPolicy(policy, table_->hit_policy_)) {
      Add(document_, "hit_policy", "bad_value", absl::StrCat("'", policy, "' is no hit policy"),
          "UNIQUE, FIRST, ANY, PRIORITY, RULE_ORDER, OUTPUT_ORDER or COLLECT");
    }
    const std::string aggregate = document_.TextOr("aggregate", "NONE");
    if (!ReadAggregate(aggregate, table_->aggregate_)) {
      Add(document_, "aggregate", "bad_value", absl::StrCat("'", aggregate, "' is no aggregate"),
          "NONE, SUM, MIN, MAX or COUNT");
    }
    table_->complete_ = document_.TextOr("complete") == "true";
    table_->environment_ = table_->schema_->environment();
  }

  std::unique_ptr<expr::Program> Compile(const Tree& at, const std::string& path,
                                         const std::string& text,
                                         const std::optional<Type>& wanted) {
    expr::CompileOptions options;
    options.wanted = wanted;
    options.safe = true;
    if (!given_.empty()) options.given = {given_};
    expr::CompileResult result = expr::Compile(text, table_->environment_, options);
    for (const expr::Error& error : result.errors) {
      faults_.push_back({CodeName(error.code), path, at.line, at.column,
                         absl::StrCat("in '", text, "' at ", error.position.line, ":",
                                      error.position.column, ": ", error.message),
                         error.hint, false});
    }
    return std::move(result.program);
  }

  void ReadInputs() {
    const Tree* inputs = document_.Find("inputs");
    if (inputs == nullptr || !inputs->is_list() || inputs->items.empty() ||
        inputs->items.size() > kColumnsMax) {
      return Add(document_, "inputs", "missing_key",
                 absl::StrCat("a table has 1 to ", kColumnsMax, " inputs"));
    }
    std::set<std::string> ids;
    for (size_t i = 0; i < inputs->items.size(); ++i) {
      const Tree& tree = inputs->items[i];
      const std::string path = absl::StrCat("inputs[", i, "]");
      AllowKeys(tree, path, {"id", "label", "expr", "type", "optional", "values", "range"});
      TableInput input;
      input.id = tree.TextOr("id");
      input.label = tree.TextOr("label", input.id);
      if (input.id.empty() || !ids.insert(input.id).second) {
        Add(tree, path + ".id", "bad_id", "an input needs an id of its own");
      }
      if (!expr::ParseType(tree.TextOr("type"), input.type) || !IsColumnType(input.type)) {
        Add(tree, path + ".type", "bad_type",
            absl::StrCat("'", tree.TextOr("type"), "' is no type of a column"),
            "string, decimal, money, int, bool, timestamp, duration, or a list of one");
      }
      input.optional = tree.TextOr("optional") == "true";
      const std::string text = tree.TextOr("expr", input.id);
      input.program = Compile(tree, path + ".expr", text, input.type);
      if (const FieldRules* field = table_->schema_->FindPath(text)) {
        input.values = field->values;
        input.range = field->range;
      }
      if (const Tree* values = tree.Find("values")) {
        input.values.clear();
        for (const Tree& value : values->items) input.values.push_back(value.text);
      }
      if (const Tree* range = tree.Find("range")) {
        Interval interval;
        if (ReadInterval(range->text, input.type.kind, table_->constants_, interval)) {
          input.range = interval;
        } else {
          Add(*range, path + ".range", "bad_range",
              absl::StrCat("'", range->text, "' is no interval of ", input.type.ToString()));
        }
      }
      table_->inputs_.push_back(std::move(input));
    }
    // Rules and outputs see the inputs by their ids; `it` is the column's value.
    for (const TableInput& input : table_->inputs_) {
      table_->environment_.variables.push_back({input.id, input.type});
      // A text or list is as long as the fact that it is; of others nothing is known.
      if (const expr::SizeLimits* limits = LimitsOf(input)) {
        table_->environment_.variables.back().limits = *limits;
      }
      if (input.program != nullptr) {
        table_->environment_.variables.back().range = input.program->result_range();
      }
    }
    table_->environment_.variables.push_back({"it", Type()});
  }

  // The declared limits of an input that is a plain fact.
  const expr::SizeLimits* LimitsOf(const TableInput& input) const {
    if (input.program == nullptr) return nullptr;
    const FieldRules* field = table_->schema_->FindPath(input.program->source());
    return field == nullptr ? nullptr : &field->limits;
  }

  bool MakeOperand(const Tree& tree, const std::string& path, const Type& type, Operand& operand) {
    const bool money_map = type.kind == TypeKind::kMoney && tree.is_map();
    if (money_map) {
      Value value;
      if (!ReadScalar(TypeKind::kMoney, tree, table_->constants_, value)) {
        Add(tree, path, "bad_value", "money is written {amount, currency}");
        return false;
      }
      operand.constant = value;
      return true;
    }
    if (!tree.is_scalar()) {
      Add(tree, path, "bad_value", "an expression is wanted");
      return false;
    }
    auto program = Compile(tree, path, tree.text, type);
    if (program == nullptr) return false;
    if (program->variables().empty()) {
      const NoFacts facts;
      uint64_t cost = 0;
      Value value = program->EvaluateValue(facts, table_->constants_, 100'000, cost);
      if (value.is_error()) {
        Add(tree, path, CodeName(value.code),
            absl::StrCat("'", tree.text, "': ", value.view()));
        return false;
      }
      if (value.kind == Kind::kString) {
        value.text = table_->constants_.Copy(value.view()).data();
        operand.constant = value;
        return true;
      }
      if (value.kind != Kind::kList && value.kind != Kind::kMap && value.kind != Kind::kBytes) {
        operand.constant = value;
        return true;
      }
    }
    operand.program = std::move(program);
    return true;
  }

  void ReadOutputs() {
    const Tree* outputs = document_.Find("outputs");
    if (outputs == nullptr || !outputs->is_list() || outputs->items.empty() ||
        outputs->items.size() > kColumnsMax) {
      return Add(document_, "outputs", "missing_key",
                 absl::StrCat("a table has 1 to ", kColumnsMax, " outputs"));
    }
    size_t fallbacks = 0;
    std::set<std::string> ids;
    for (size_t i = 0; i < outputs->items.size(); ++i) {
      const Tree& tree = outputs->items[i];
      const std::string path = absl::StrCat("outputs[", i, "]");
      AllowKeys(tree, path, {"id", "label", "type", "values", "default"});
      TableOutput output;
      output.id = tree.TextOr("id");
      output.label = tree.TextOr("label", output.id);
      if (output.id.empty() || !ids.insert(output.id).second) {
        Add(tree, path + ".id", "bad_id", "an output needs an id of its own");
      }
      if (!expr::ParseType(tree.TextOr("type"), output.type)) {
        Add(tree, path + ".type", "bad_type",
            absl::StrCat("'", tree.TextOr("type"), "' is no type"));
      }
      if (const Tree* values = tree.Find("values")) {
        for (const Tree& value : values->items) {
          Value read;
          if (ReadScalar(output.type.kind, value, table_->constants_, read)) {
            output.values.push_back(read);
          } else {
            Add(value, path + ".values", "bad_value",
                absl::StrCat("'", value.text, "' is no ", output.type.ToString()));
          }
        }
      }
      if (const Tree* fallback = tree.Find("default")) {
        output.has_fallback =
            MakeOperand(*fallback, path + ".default", output.type, output.fallback);
        ++fallbacks;
      }
      table_->outputs_.push_back(std::move(output));
    }
    if (fallbacks != 0 && fallbacks != table_->outputs_.size()) {
      Add(*outputs, "outputs", "bad_default", "all outputs have a default, or none");
    }
    const bool ranked = table_->hit_policy_ == HitPolicy::kPriority ||
                        table_->hit_policy_ == HitPolicy::kOutputOrder;
    if (ranked && table_->outputs_[0].values.empty()) {
      Add(*outputs, "outputs[0].values", "missing_key",
          "this hit policy needs the allowed values of the first output, best first");
    }
    const bool folds = table_->aggregate_ == Aggregate::kSum ||
                       table_->aggregate_ == Aggregate::kMin ||
                       table_->aggregate_ == Aggregate::kMax;
    if (folds && table_->outputs_.size() != 1) {
      Add(*outputs, "outputs", "bad_value", "SUM, MIN and MAX work on a single output");
    }
    if (table_->aggregate_ != Aggregate::kNone && table_->hit_policy_ != HitPolicy::kCollect) {
      Add(document_, "aggregate", "bad_value", "an aggregate goes with COLLECT");
    }
  }

  void ReadRules() {
    const Tree* rules = document_.Find("rules");
    if (rules == nullptr || !rules->is_list() || rules->items.empty() ||
        rules->items.size() > kRulesMax) {
      return Add(document_, "rules", "missing_key",
                 absl::StrCat("a table has 1 to ", kRulesMax, " rules"));
    }
    std::set<std::string> ids;
    for (size_t r = 0; r < rules->items.size(); ++r) {
      ReadRule(rules->items[r], absl::StrCat("rules[", r, "]"), ids);
    }
  }

  void ReadRule(const Tree& tree, const std::string& path, std::set<std::string>& ids) {
    AllowKeys(tree, path,
              {"id", "when", "if", "then", "enabled", "valid_from", "valid_to", "note"});
    TableRule rule;
    rule.id = tree.TextOr("id");
    if (rule.id.empty() || !ids.insert(rule.id).second) {
      Add(tree, path + ".id", "bad_id", "a rule needs an id of its own");
    }
    rule.enabled = tree.TextOr("enabled", "true") == "true";
    const auto moment = [&](const char* key, std::optional<Value>& out) {
      const Tree* field = tree.Find(key);
      if (field == nullptr || field->is_null()) return;
      Value value;
      if (ReadScalar(TypeKind::kTimestamp, *field, table_->constants_, value)) {
        out = value;
      } else {
        Add(*field, absl::StrCat(path, ".", key), "bad_value",
            absl::StrCat("'", field->text, "' is no RFC 3339 time"));
      }
    };
    moment("valid_from", rule.valid_from);
    moment("valid_to", rule.valid_to);
    rule.cells.resize(table_->inputs_.size());
    if (const Tree* when = tree.Find("when")) {
      for (const auto& [id, cell] : when->fields) {
        size_t column = 0;
        while (column < table_->inputs_.size() && table_->inputs_[column].id != id) ++column;
        const std::string at = absl::StrCat(path, ".when.", id);
        if (column == table_->inputs_.size()) {
          Add(cell, at, "unknown_key", absl::StrCat("there is no input '", id, "'"));
          continue;
        }
        ReadCell(cell, at, column, rule.cells[column]);
      }
    }
    // What the cells accept holds in `if` and in the outputs.
    const size_t facts = table_->schema_->environment().variables.size();
    const std::vector<expr::VariableDeclaration> whole = table_->environment_.variables;
    for (size_t c = 0; c < table_->inputs_.size(); ++c) {
      expr::NumberRange& range = table_->environment_.variables[facts + c].range;
      range = expr::IntersectRanges(range, RangeOf(rule.cells[c]));
    }
    if (const Tree* condition = tree.Find("if")) {
      rule.condition =
          Compile(*condition, path + ".if", condition->text, Type::Of(TypeKind::kBool));
      given_ = condition->text;
    }
    rule.outputs.resize(table_->outputs_.size());
    if (const Tree* then = tree.Find("then")) {
      for (const auto& [id, value] : then->fields) {
        size_t output = 0;
        while (output < table_->outputs_.size() && table_->outputs_[output].id != id) ++output;
        const std::string at = absl::StrCat(path, ".then.", id);
        if (output == table_->outputs_.size()) {
          Add(value, at, "unknown_key", absl::StrCat("there is no output '", id, "'"));
          continue;
        }
        ReadOutput(value, at, table_->outputs_[output], rule.outputs[output]);
      }
    }
    given_.clear();
    table_->environment_.variables = whole;
    for (size_t o = 0; o < rule.outputs.size(); ++o) {
      if (!rule.outputs[o].given && !table_->outputs_[o].has_fallback) {
        Add(tree, path + ".then", "missing_output",
            absl::StrCat("'", table_->outputs_[o].id, "' is not given and has no default"));
      }
    }
    table_->rules_.push_back(std::move(rule));
  }

  void ReadCell(const Tree& tree, const std::string& path, size_t column, Cell& cell) {
    const int it = static_cast<int>(table_->environment_.variables.size()) - 1;
    table_->environment_.variables[it].type = table_->inputs_[column].type;
    const size_t facts = table_->schema_->environment().variables.size();
    table_->environment_.variables[it].limits =
        table_->environment_.variables[facts + column].limits;
    table_->environment_.variables[it].range = table_->environment_.variables[facts + column].range;
    const ColumnContext context{&table_->environment_, it, table_->inputs_[column].type,
                                &table_->constants_, RoundingMode::kHalfUp};
    Fault fault;
    if (!ParseCell(tree, context, cell, fault)) {
      fault.path = path;
      faults_.push_back(std::move(fault));
    }
  }

  void ReadOutput(const Tree& tree, const std::string& path, const TableOutput& output,
                  TableRule::Output& out) {
    out.given = MakeOperand(tree, path, output.type, out.operand) || true;
    if (output.values.empty() || !out.operand.constant.has_value()) return;
    expr::Arena arena;
    for (const Value& allowed : output.values) {
      if (expr::Equals(allowed, *out.operand.constant, arena)) return;
    }
    Add(tree, path, "bad_value",
        absl::StrCat("'", tree.text, "' is not among the allowed values of '", output.id, "'"));
  }

  // Each expression is bounded by itself; so is the decision as a whole.
  void CheckCost() {
    const uint64_t upper = table_->cost_bounds().upper;
    if (upper <= kDecisionCostMax) return;
    size_t dearest = 0;
    uint64_t most = 0;
    for (size_t r = 0; r < table_->rules_.size(); ++r) {
      const uint64_t units = table_->CostOfRule(r);
      if (units <= most) continue;
      most = units;
      dearest = r;
    }
    Add(document_.Find("rules")->items[dearest], absl::StrCat("rules[", dearest, "]"),
        "cost_exceeded",
        absl::StrCat("a decision may cost up to ", upper, " units, and ", kDecisionCostMax,
                     " is the most; this rule alone ", most),
        "give lists and texts smaller `max_items` and `max_length` in the schema, or split the "
        "table");
  }

  std::string given_;  // The `if` of the rule whose outputs are read.
  const Tree& document_;
  std::vector<Fault>& faults_;
  std::shared_ptr<DecisionTable> table_;
};

std::shared_ptr<const DecisionTable> DecisionTable::Parse(const Tree& document,
                                                          std::shared_ptr<const FactSchema> schema,
                                                          std::vector<Fault>& faults) {
  return TableParser(document, std::move(schema), faults).Run();
}

}  // namespace weft::rules
