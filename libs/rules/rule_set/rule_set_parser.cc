#include "libs/rules/rule_set/rule_set_parser.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/rules/expr/number_range.h"
#include "libs/rules/rule_set/names.h"
#include "libs/rules/rule_set/schema_match.h"
#include "libs/rules/rule_set/sensitivity.h"
#include "libs/rules/rule_set/text.h"

namespace weft::rules {

using expr::Type;
using expr::TypeKind;
using expr::Value;

namespace {

class NoFacts final : public expr::Facts {
 public:
  Value Variable(int, expr::Arena&) const override { return Value::Null(); }
};

}  // namespace

std::shared_ptr<const RuleSet> RuleSetParser::Run() {
  const size_t before = faults_.size();
  ReadHead();
  ReadOutputs();
  ReadSteps();
  for (size_t i = before; i < faults_.size(); ++i) {
    if (!faults_[i].warning) return nullptr;
  }
  set_->slots_ = environment_.variables.size();
  return set_;
}

void RuleSetParser::Add(const Tree& at, std::string path, std::string code, std::string message,
         std::string hint) {
  faults_.push_back({std::move(code), std::move(path), at.line, at.column, std::move(message),
                     std::move(hint), false});
}

bool RuleSetParser::AllowKeys(const Tree& tree, const std::string& path,
                              const std::set<std::string>& keys) {
  if (!tree.is_map()) {
    Add(tree, path, "not_a_map", absl::StrCat("a map is wanted: ", absl::StrJoin(keys, ", ")));
    return false;
  }
  for (const auto& [key, value] : tree.fields) {
    if (keys.count(key) == 0) {
      Add(value, path.empty() ? key : absl::StrCat(path, ".", key), "unknown_key",
          absl::StrCat("'", key, "' is not known here"), absl::StrJoin(keys, ", "));
    }
  }
  return true;
}

void RuleSetParser::ReadHead() {
  AllowKeys(document_, "",
            {"kind", "id", "schema", "rounding", "outputs", "steps", "label", "title",
             "description", "scope", "gate", "valid_from", "valid_to", "owner", "tests",
             "version"});
  if (document_.TextOr("kind", "RuleSet") != "RuleSet") {
    Add(document_, "kind", "bad_value", "this is no rule set", "kind: RuleSet");
  }
  set_->id_ = document_.TextOr("id");
  if (set_->id_.empty()) {
    Add(document_, "id", "missing_key", "a rule set needs an id");
  } else if (!IsMadeOf(set_->id_, IsIdChar, 80, true)) {
    Add(*document_.Find("id"), "id", "bad_id", absl::StrCat("'", set_->id_, "' is no id"),
        "lower-case letters, digits, '.' and '-', at most 80");
  }
  const std::string schema = document_.TextOr("schema");
  if (schema.empty()) {
    Add(document_, "schema", "missing_key", "a rule set names the schema of its facts");
  } else if (schema.substr(0, schema.find('@')) != schema_.id()) {
    Add(*document_.Find("schema"), "schema", "schema_mismatch",
        absl::StrCat("this is written for '", schema, "', the facts are '", schema_.id(), "'"));
  }
  if (const Tree* rounding = document_.Find("rounding");
      rounding != nullptr && AllowKeys(*rounding, "rounding", {"mode"})) {
    const std::string text = rounding->TextOr("mode", "HALF_UP");
    const auto mode = ParseRoundingMode(text);
    if (mode.ok()) {
      rounding_ = *mode;
    } else {
      Add(*rounding, "rounding.mode", "bad_value",
          absl::StrCat("'", text, "' is no rounding mode"),
          "HALF_UP, HALF_EVEN, HALF_DOWN, UP, DOWN, CEILING or FLOOR");
    }
  }
}

// ---- Names ----

int RuleSetParser::FindName(const std::string& name) const {
  for (size_t slot = 0; slot < environment_.variables.size(); ++slot) {
    if (environment_.variables[slot].name == name) return static_cast<int>(slot);
  }
  return -1;
}

int RuleSetParser::Declare(const std::string& name, const Type& type) {
  environment_.variables.push_back({name, type});
  assigned_.push_back(false);
  sensitive_.push_back(false);
  return static_cast<int>(environment_.variables.size()) - 1;
}

bool RuleSetParser::MayAssign(const Tree& at, const std::string& path, const std::string& name) {
  if (!IsMadeOf(name, IsNameChar, 80, false)) {
    Add(at, path, "bad_name", absl::StrCat("'", name, "' is no name"),
        "letters, digits and '_', not starting with a digit");
    return false;
  }
  const int slot = FindName(name);
  if (slot >= 0 && static_cast<size_t>(slot) < facts_) {
    Add(at, path, "fact_assigned",
        absl::StrCat("'", name, "' is a fact, and facts stay as they are"), "choose another name");
    return false;
  }
  return true;
}

int RuleSetParser::SlotFor(const Tree& at, const std::string& path, const std::string& name,
                           const Type& type) {
  const int slot = FindName(name);
  if (slot < 0) return Declare(name, type);
  if (environment_.variables[slot].type == type) return slot;
  Add(at, path, "type_mismatch",
      absl::StrCat("'", name, "' is ", environment_.variables[slot].type.ToString(),
                   " since its first assignment, and this gives ", type.ToString()));
  return -1;
}

void RuleSetParser::Mark(int slot, bool sensitive, bool conditional) {
  assigned_[slot] = true;
  sensitive_[slot] = sensitive || (conditional && sensitive_[slot]);
}

// ---- Expressions ----

Formula RuleSetParser::Compile(const Tree& at, const std::string& path, const std::string& text,
                const std::optional<Type>& wanted) {
  Formula formula;
  expr::CompileOptions options;
  options.wanted = wanted;
  options.rounding = rounding_;
  options.safe = true;
  for (const Given& given : given_) options.given.push_back(given.text);
  expr::CompileResult result = expr::Compile(text, environment_, options);
  for (const expr::Error& error : result.errors) {
    faults_.push_back({CodeName(error.code), path, at.line, at.column,
                       absl::StrCat("in '", text, "' at ", error.position.line, ":",
                                    error.position.column, ": ", error.message),
                       error.hint, false});
  }
  formula.program = std::move(result.program);
  if (formula.program == nullptr) return formula;
  step_cost_ += formula.program->cost_bounds();
  for (const int slot : formula.program->variables()) {
    if (assigned_[slot]) continue;
    Add(at, path, "maybe_unset",
        absl::StrCat("'", environment_.variables[slot].name, "' may have no value here"),
        "assign it in an earlier step without `when`, or give the output a default");
  }
  formula.sensitive = Reveals(*formula.program, environment_, schema_, sensitive_);
  return formula;
}

Formula RuleSetParser::CompileScalar(const Tree& tree, const std::string& path,
                      const std::optional<Type>& wanted) {
  if (tree.is_scalar()) return Compile(tree, path, tree.text, wanted);
  Add(tree, path, "bad_value", "an expression is wanted");
  return {};
}

std::vector<Text::Part> RuleSetParser::ReadParts(const Tree& tree, const std::string& path) {
  std::vector<Text::Part> parts;
  std::vector<TextPiece> pieces;
  if (!tree.is_scalar() || !CutText(tree.text, pieces)) {
    Add(tree, path, "bad_text", "a text is wanted, with every '{=' closed by '}'");
    return parts;
  }
  for (const TextPiece& piece : pieces) {
    Text::Part part;
    if (piece.is_expression) {
      part.formula = Compile(tree, path, piece.text, std::nullopt);
    } else {
      part.literal = piece.text;
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

Text RuleSetParser::ReadText(const Tree& tree, const std::string& path) {
  Text text;
  if (!tree.is_map()) {
    text.variants.push_back({"", ReadParts(tree, path)});
    return text;
  }
  for (const auto& [key, value] : tree.fields) {
    const std::string at = absl::StrCat(path, ".", key);
    if (key != "code") {
      text.variants.push_back({key, ReadParts(value, at)});
    } else if (IsMadeOf(value.text, IsReasonCodeChar, 80, false)) {
      text.code = value.text;
    } else {
      Add(value, at, "bad_value", absl::StrCat("'", value.text, "' is no code of a reason"),
          "UPPER_SNAKE, e.g. MARGIN_FLOOR");
    }
  }
  if (text.variants.empty()) Add(tree, path, "bad_text", "a text has at least one language");
  return text;
}

// ---- Outputs ----

void RuleSetParser::ReadOutputs() {
  const Tree* outputs = document_.Find("outputs");
  if (outputs == nullptr || !outputs->is_map() || outputs->fields.empty() ||
      outputs->fields.size() > RuleSet::kOutputsMax) {
    return Add(outputs == nullptr ? document_ : *outputs, "outputs", "missing_key",
               absl::StrCat("a rule set has 1 to ", RuleSet::kOutputsMax, " outputs"),
               "outputs: {price: {type: money}}");
  }
  for (const auto& [name, tree] : outputs->fields) {
    const std::string path = absl::StrCat("outputs.", name);
    if (!AllowKeys(tree, path, {"type", "default", "label", "description"})) continue;
    if (!MayAssign(tree, path, name)) continue;
    RuleSetOutput output;
    output.name = name;
    if (!expr::ParseType(tree.TextOr("type"), output.type) ||
        !HasRecordsOf(output.type, schema_.environment())) {
      Add(tree, path + ".type", "bad_type",
          absl::StrCat("'", tree.TextOr("type"), "' is no type"),
          "e.g. decimal, money, list(string), or a record of the schema");
      output.type = Type();  // Takes anything, so that one fault is one report.
    }
    if (const Tree* fallback = tree.Find("default")) {
      ReadDefault(*fallback, path + ".default", output);
    }
    output.slot = Declare(name, output.type);
    environment_.variables.back().range = output.range;
    assigned_[output.slot] = tree.Find("default") != nullptr;
    set_->outputs_.push_back(std::move(output));
  }
}

void RuleSetParser::ReadDefault(const Tree& tree, const std::string& path, RuleSetOutput& output) {
  Value value;
  if (output.type.kind == TypeKind::kMoney && tree.is_map()) {
    if (!ReadScalar(TypeKind::kMoney, tree, set_->constants_, value)) {
      return Add(tree, path, "bad_default", "money is written {amount, currency}");
    }
    output.fallback = value;
    return;
  }
  Formula formula = CompileScalar(tree, path, output.type);
  if (formula.program == nullptr) return;
  if (!formula.program->variables().empty()) {
    return Add(tree, path, "bad_default", "a default is a constant",
               "assign it in a first step instead");
  }
  uint64_t cost = 0;
  value = formula.program->EvaluateValue(NoFacts(), set_->constants_, 100'000, cost);
  if (value.is_error()) {
    return Add(tree, path, "bad_default",
               absl::StrCat("'", tree.text, "': ", CodeName(value.code), ": ", value.view()));
  }
  output.fallback = value;
  output.range = formula.program->result_range();
  output.source = std::move(formula.program);
}

void RuleSetParser::CheckOutputs(const Tree& at, const std::string& path) {
  for (RuleSetOutput& output : set_->outputs_) {
    // Sensitive on one path is sensitive on all.
    output.sensitive = output.sensitive || sensitive_[output.slot];
    const expr::NumberRange& range = environment_.variables[output.slot].range;
    output.range = ended_ ? expr::UnionOfRanges(output.range, range) : range;
    if (assigned_[output.slot]) continue;
    Add(at, path, "output_unset",
        absl::StrCat("the output '", output.name,
                     "' may have no value when the decision ends here"),
        "assign it in a step without `when`, or give it a default");
  }
  ended_ = true;
}

RuleSet::RuleSet() = default;
RuleSet::~RuleSet() = default;

std::shared_ptr<const RuleSet> RuleSet::Parse(const Tree& document,
                                              std::shared_ptr<const FactSchema> schema,
                                              const References& references,
                                              std::vector<Fault>& faults) {
  return RuleSetParser(document, std::move(schema), references, faults).Run();
}

}  // namespace weft::rules
