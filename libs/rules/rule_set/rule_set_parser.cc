#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/rules/expr/number_range.h"
#include "libs/rules/rule_set/rule_set.h"
#include "libs/rules/rule_set/schema_match.h"
#include "libs/rules/rule_set/sensitivity.h"
#include "libs/rules/rule_set/text.h"

namespace weft::rules {
namespace {

using expr::Type;
using expr::TypeKind;
using expr::Value;

// Made of `letters`, 1 to `max` long, not starting with a digit unless allowed.
bool IsMadeOf(absl::string_view text, bool (*allowed)(char), size_t max, bool digit_first) {
  if (text.empty() || text.size() > max) return false;
  if (!digit_first && absl::ascii_isdigit(static_cast<unsigned char>(text[0]))) return false;
  return std::all_of(text.begin(), text.end(), allowed);
}
bool IsIdChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
}
bool IsNameChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}
bool IsCodeChar(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; }
bool IsReasonCodeChar(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

constexpr uint64_t kDecisionCostMax = 1'000'000;

class NoFacts final : public expr::Facts {
 public:
  Value Variable(int, expr::Arena&) const override { return Value::Null(); }
};

}  // namespace

class RuleSetParser {
 public:
  RuleSetParser(const Tree& document, std::shared_ptr<const FactSchema> schema,
                const References& references, std::vector<Fault>& faults)
      : document_(document), schema_(*schema), references_(references), faults_(faults),
        environment_(schema->environment()), set_(new RuleSet) {
    set_->schema_ = std::move(schema);
    facts_ = environment_.variables.size();
    assigned_.assign(facts_, true);
    for (size_t slot = 0; slot < facts_; ++slot) {
      sensitive_.push_back(schema_.variable(slot).sensitive);
    }
  }

  std::shared_ptr<const RuleSet> Run() {
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

 private:
  void Add(const Tree& at, std::string path, std::string code, std::string message,
           std::string hint = "") {
    faults_.push_back({std::move(code), std::move(path), at.line, at.column, std::move(message),
                       std::move(hint), false});
  }
  // False and a fault when `tree` is no map.
  bool AllowKeys(const Tree& tree, const std::string& path, const std::set<std::string>& keys) {
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

  void ReadHead() {
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

  // -1 when there is none yet.
  int FindName(const std::string& name) const {
    for (size_t slot = 0; slot < environment_.variables.size(); ++slot) {
      if (environment_.variables[slot].name == name) return static_cast<int>(slot);
    }
    return -1;
  }
  int Declare(const std::string& name, const Type& type) {
    environment_.variables.push_back({name, type});
    assigned_.push_back(false);
    sensitive_.push_back(false);
    return static_cast<int>(environment_.variables.size()) - 1;
  }
  // Whether a step may assign `name`; reports why not.
  bool MayAssign(const Tree& at, const std::string& path, const std::string& name) {
    if (!IsMadeOf(name, IsNameChar, 80, false)) {
      Add(at, path, "bad_name", absl::StrCat("'", name, "' is no name"),
          "letters, digits and '_', not starting with a digit");
      return false;
    }
    const int slot = FindName(name);
    if (slot >= 0 && static_cast<size_t>(slot) < facts_) {
      Add(at, path, "fact_assigned", absl::StrCat("'", name, "' is a fact, and facts stay as they are"),
          "choose another name");
      return false;
    }
    return true;
  }
  // The slot of `name` with `type`, declared when new; -1 and a fault when it
  // has another type.
  int SlotFor(const Tree& at, const std::string& path, const std::string& name, const Type& type) {
    const int slot = FindName(name);
    if (slot < 0) return Declare(name, type);
    if (environment_.variables[slot].type == type) return slot;
    Add(at, path, "type_mismatch",
        absl::StrCat("'", name, "' is ", environment_.variables[slot].type.ToString(),
                     " since its first assignment, and this gives ", type.ToString()));
    return -1;
  }
  void Mark(int slot, bool sensitive, bool conditional) {
    assigned_[slot] = true;
    sensitive_[slot] = sensitive || (conditional && sensitive_[slot]);
  }

  // ---- Expressions ----

  Formula Compile(const Tree& at, const std::string& path, const std::string& text,
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
  Formula CompileScalar(const Tree& tree, const std::string& path,
                        const std::optional<Type>& wanted) {
    if (tree.is_scalar()) return Compile(tree, path, tree.text, wanted);
    Add(tree, path, "bad_value", "an expression is wanted");
    return {};
  }

  std::vector<Text::Part> ReadParts(const Tree& tree, const std::string& path) {
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
  // A text, or a map by language with an optional `code`.
  Text ReadText(const Tree& tree, const std::string& path) {
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

  void ReadOutputs() {
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

  void ReadDefault(const Tree& tree, const std::string& path, RuleSetOutput& output) {
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

  // Reports outputs that may have no value when the decision ends at `at`.
  void CheckOutputs(const Tree& at, const std::string& path) {
    for (RuleSetOutput& output : set_->outputs_) {
      // Sensitive on one path is sensitive on all.
      output.sensitive = output.sensitive || sensitive_[output.slot];
      const expr::NumberRange& range = environment_.variables[output.slot].range;
      output.range = ended_ ? expr::UnionOfRanges(output.range, range) : range;
      if (assigned_[output.slot]) continue;
      Add(at, path, "output_unset",
          absl::StrCat("the output '", output.name, "' may have no value when the decision ends here"),
          "assign it in a step without `when`, or give it a default");
    }
    ended_ = true;
  }

  // ---- What is sure in a step ----

  // A condition that is true here.
  struct Given {
    std::string text;
    std::vector<int> slots;  // That it speaks of.
  };
  // After an assignment nothing is sure of what was said of the old value.
  void Forget(int slot) {
    std::erase_if(given_, [&](const Given& given) {
      return std::find(given.slots.begin(), given.slots.end(), slot) != given.slots.end();
    });
  }
  void Learn(int slot, const expr::Program& program) {
    expr::VariableDeclaration& variable = environment_.variables[slot];
    variable.range = program.result_range();
    variable.limits.items = std::max(variable.limits.items, program.result_limits().items);
    variable.limits.length = std::max(variable.limits.length, program.result_limits().length);
  }
  // What holds after a step that may have been skipped: what held before or after it.
  void MayBeSkipped(const std::vector<expr::VariableDeclaration>& before,
                    const std::vector<bool>& assigned_before) {
    for (size_t slot = facts_; slot < before.size(); ++slot) {
      expr::NumberRange& range = environment_.variables[slot].range;
      if (assigned_before[slot]) range = expr::UnionOfRanges(range, before[slot].range);
    }
  }

  // ---- Steps ----

  void ReadSteps() {
    const Tree* steps = document_.Find("steps");
    if (steps == nullptr || !steps->is_list() || steps->items.empty() ||
        steps->items.size() > RuleSet::kStepsMax) {
      return Add(steps == nullptr ? document_ : *steps, "steps", "missing_key",
                 absl::StrCat("a rule set has 1 to ", RuleSet::kStepsMax, " steps"));
    }
    bool ended = false;
    for (size_t i = 0; i < steps->items.size(); ++i) {
      const std::string path = absl::StrCat("steps[", i, "]");
      if (ended) {
        Add(steps->items[i], path, "unreachable_step",
            "the step before always ends the decision, so this one never runs",
            "give that step a `when`, or remove this one");
        return;
      }
      ended = ReadStep(steps->items[i], path);
    }
    if (!ended) CheckOutputs(*steps, "steps");
    CheckCost(*steps);
  }

  // Each expression is bounded by itself; so is the decision as a whole.
  void CheckCost(const Tree& steps) {
    if (set_->cost_bounds_.upper <= kDecisionCostMax) return;
    const size_t dearest =
        std::max_element(step_costs_.begin(), step_costs_.end()) - step_costs_.begin();
    Add(steps.items[dearest], absl::StrCat("steps[", dearest, "]"), "cost_exceeded",
        absl::StrCat("the decision may cost up to ", set_->cost_bounds_.upper, " units, and ",
                     kDecisionCostMax, " is the most; this step alone ", step_costs_[dearest]),
        "give lists and texts smaller `max_items` and `max_length` in the schema, or look at fewer "
        "elements");
  }

  // Whether the step ends the decision whenever it is reached.
  bool ReadStep(const Tree& tree, const std::string& path) {
    if (!AllowKeys(tree, path,
                   {"id", "when", "set", "table", "call", "reason", "stop", "fail", "note"})) {
      return false;
    }
    Step step;
    step.id = tree.TextOr("id");
    if (!IsMadeOf(step.id, [](char c) { return IsNameChar(c) || c == '-' || c == '.'; }, 80, true) ||
        !step_ids_.insert(step.id).second) {
      Add(tree, path + ".id", "bad_id", "a step needs an id of its own",
          "letters, digits, '-', '.' and '_'");
    }
    const std::vector<bool> assigned_before = assigned_;
    const std::vector<bool> sensitive_before = sensitive_;
    const std::vector<expr::VariableDeclaration> before = environment_.variables;
    const size_t given_before = given_.size();
    step_cost_ = {1, 1};
    const Tree* when = tree.Find("when");
    const bool conditional = when != nullptr;
    if (conditional) step.when = CompileScalar(*when, path + ".when", Type::Of(TypeKind::kBool));
    std::vector<int> spoken_of;
    if (conditional && step.when->program != nullptr) {
      spoken_of = step.when->program->variables();
      given_.push_back({when->text, spoken_of});
    }
    if (const Tree* table = tree.Find("table")) ReadTable(*table, path + ".table", step, conditional);
    if (const Tree* call = tree.Find("call")) ReadCall(*call, path + ".call", step, conditional);
    if (const Tree* set = tree.Find("set")) ReadSet(*set, path + ".set", step, conditional);
    if (const Tree* reason = tree.Find("reason")) step.reason = ReadText(*reason, path + ".reason");
    if (const Tree* fail = tree.Find("fail")) ReadFail(*fail, path + ".fail", step);
    if (const Tree* stop = tree.Find("stop")) {
      step.stop = stop->text == "true";
      if (stop->text != "true" && stop->text != "false") {
        Add(*stop, path + ".stop", "bad_value", "`stop` is true or false");
      }
    }
    const bool fails = tree.Find("fail") != nullptr;
    if (fails && step.stop) {
      Add(tree, path, "bad_value", "a step stops or fails, not both", "remove `stop`");
    }
    if (!fails && !step.stop && tree.Find("table") == nullptr && tree.Find("call") == nullptr &&
        tree.Find("set") == nullptr && tree.Find("reason") == nullptr) {
      Add(tree, path, "empty_step", "the step does nothing",
          "set, table, call, reason, stop or fail");
    }
    if (step.stop) CheckOutputs(tree, path + ".stop");
    set_->steps_.push_back(std::move(step));
    const bool ends = fails || set_->steps_.back().stop;
    step_costs_.push_back(step_cost_.upper);
    set_->cost_bounds_ += {conditional ? 1 : step_cost_.lower, step_cost_.upper};
    if (conditional) {
      std::erase_if(given_, [&](const Given& given) { return given.text == when->text; });
      // Where the step ends the decision, its condition is false from here on, and
      // what it assigned counts no more.
      if (ends && !spoken_of.empty() && given_.size() == given_before) {
        given_.push_back({absl::StrCat("!(", when->text, "\n)"), spoken_of});
      }
      if (ends) {
        for (size_t slot = 0; slot < before.size(); ++slot) {
          environment_.variables[slot].range = before[slot].range;
        }
      } else {
        MayBeSkipped(before, assigned_before);
      }
      // What a step that may be skipped assigns is not sure to be there; what it
      // made sensitive may be.
      for (size_t slot = 0; slot < assigned_.size(); ++slot) {
        const bool known = slot < assigned_before.size();
        assigned_[slot] = known && assigned_before[slot];
        if (known && sensitive_before[slot]) sensitive_[slot] = true;
      }
    }
    return ends && !conditional;
  }

  void ReadSet(const Tree& tree, const std::string& path, Step& step, bool conditional) {
    if (!tree.is_map() || tree.fields.empty()) {
      return Add(tree, path, "not_a_map", "assignments are written {name: expression}");
    }
    for (const auto& [name, value] : tree.fields) {
      const std::string at = absl::StrCat(path, ".", name);
      if (!MayAssign(value, at, name)) continue;
      const int known = FindName(name);
      std::optional<Type> wanted;
      if (known >= 0) wanted = environment_.variables[known].type;
      Formula formula = CompileScalar(value, at, wanted);
      // After a fault the name counts as assigned, so that one fault is one report.
      const Type type = formula.program == nullptr ? Type() : formula.program->result_type();
      const int slot = known >= 0 ? known : Declare(name, type);
      Mark(slot, formula.sensitive, conditional);
      Forget(slot);
      if (formula.program != nullptr) Learn(slot, *formula.program);
      step.set.push_back({name, slot, environment_.variables[slot].type, std::move(formula)});
    }
  }

  void ReadFail(const Tree& tree, const std::string& path, Step& step) {
    if (!AllowKeys(tree, path, {"code", "message"})) return;
    step.fail_code = tree.TextOr("code");
    if (!IsMadeOf(step.fail_code, IsCodeChar, 80, false)) {
      Add(tree, path + ".code", "bad_value",
          absl::StrCat("'", step.fail_code, "' is no code of a business error"),
          "lower_snake, e.g. no_supplier");
    }
    if (const Tree* message = tree.Find("message")) {
      step.fail_message = ReadText(*message, path + ".message");
    } else {
      Add(tree, path + ".message", "missing_key", "say why the decision is refused");
    }
  }

  // ---- References ----

  // Reads `ref` and `into`; "" and faults when they cannot be used.
  std::string ReadReference(const Tree& tree, const std::string& path,
                            const std::set<std::string>& keys, Reference& reference) {
    if (!AllowKeys(tree, path, keys)) return "";
    reference.into = tree.TextOr("into");
    const std::string ref = tree.TextOr("ref");
    if (ref.empty()) Add(tree, path + ".ref", "missing_key", "the id of a document is wanted");
    if (reference.into.empty()) {
      Add(tree, path + ".into", "missing_key", "say under which name the result is stored");
      return "";
    }
    return MayAssign(tree, path + ".into", reference.into) ? ref : "";
  }
  // Forgets a name that could not be typed: it takes anything from here on.
  void Recover(const std::string& name) {
    if (name.empty()) return;
    const int known = FindName(name);
    if (known >= 0 && static_cast<size_t>(known) < facts_) return;
    assigned_[known >= 0 ? known : Declare(name, Type())] = true;
  }
  void CheckDepth(const Tree& at, const std::string& path, int below) {
    set_->depth_ = std::max(set_->depth_, below + 1);
    if (below + 1 > RuleSet::kDepthMax) {
      Add(at, path, "nesting_too_deep",
          absl::StrCat("references nest ", below + 1, " deep, and ", RuleSet::kDepthMax,
                       " is the most"));
    }
  }
  // Declares the record type of a result once a document.
  std::string DeclareRecord(const std::string& id, expr::RecordDeclaration record) {
    record.name = absl::StrCat("result of ", id);
    if (environment_.FindRecord(record.name) == nullptr) environment_.records.push_back(record);
    return record.name;
  }
  bool CheckImported(const Tree& at, const std::string& path, const Type& type,
                     const expr::Environment& from) {
    if (SameRecords(type, schema_.environment(), from)) return true;
    Add(at, path, "schema_mismatch",
        absl::StrCat("the result holds ", type.ToString(), ", which '", schema_.id(),
                     "' declares otherwise or not at all"));
    return false;
  }

  // Finds each fact of `wanted`: in `with`, among our facts by name, or missing.
  void MatchFacts(const Tree& at, const std::string& path, const FactSchema& wanted,
                  const std::vector<Assignment>& with, Reference& reference) {
    reference.same_facts = &wanted == &schema_ && with.empty();
    const auto& variables = wanted.environment().variables;
    for (size_t slot = 0; slot < variables.size(); ++slot) {
      FactSource source;
      for (size_t i = 0; i < with.size(); ++i) {
        if (with[i].slot == static_cast<int>(slot)) source.argument = static_cast<int>(i);
      }
      const int own = FindName(variables[slot].name);
      const FieldRules& rules = wanted.variable(slot);
      if (source.argument >= 0) {
        // Overridden.
      } else if (own >= 0 && static_cast<size_t>(own) < facts_) {
        source.slot = own;
        // The other schema may not know that this is sensitive.
        if (&wanted != &schema_ &&
            (sensitive_[own] || HoldsSensitive(variables[slot].type, schema_))) {
          reference.sensitive = true;
        }
        if (environment_.variables[own].type != variables[slot].type ||
            !SameRecords(variables[slot].type, schema_.environment(), wanted.environment())) {
          Add(at, path, "schema_mismatch",
              absl::StrCat("the fact '", variables[slot].name, "' is ",
                           variables[slot].type.ToString(), " of another form there"));
        }
      } else if (rules.fallback.has_value()) {
        source.fallback = *rules.fallback;
      } else if (rules.optional) {
        source.fallback = Value::AbsentField();
      } else {
        Add(at, path, "missing_fact",
            absl::StrCat("the fact '", variables[slot].name, "' is needed there and not known here"),
            "call a rule set with {with: {name: expression}}");
      }
      reference.facts.push_back(source);
    }
  }

  void ReadTable(const Tree& tree, const std::string& path, Step& step, bool conditional) {
    TableCall call;
    const std::string ref = ReadReference(tree, path, {"ref", "into"}, call);
    if (!ref.empty()) call.table = references_.table ? references_.table(ref) : nullptr;
    if (!ref.empty() && call.table == nullptr) {
      Add(tree, path + ".ref", "unknown_reference", absl::StrCat("there is no table '", ref, "'"));
    }
    if (call.table == nullptr) return Recover(call.into);
    const DecisionTable& table = *call.table;
    CheckDepth(tree, path + ".ref", 0);
    MatchFacts(tree, path, table.schema(), {}, call);
    Type type;
    if (table.aggregate() == Aggregate::kCount) {
      type = Type::Of(TypeKind::kInt);
    } else if (table.aggregate() != Aggregate::kNone) {
      type = table.outputs()[0].type;
    } else {
      expr::RecordDeclaration record;
      for (const TableOutput& output : table.outputs()) {
        if (!CheckImported(tree, path, output.type, table.schema().environment())) {
          return Recover(call.into);
        }
        record.fields.push_back({output.id, output.type});
        record.fields.back().range = table.RangeOfOutput(record.fields.size() - 1);
      }
      call.record = DeclareRecord(table.id(), std::move(record));
      type = Type::Record(call.record);
      if (table.gives_list()) type = Type::List(type);
    }
    call.sensitive = call.sensitive || OutputsReveal(table);
    call.slot = SlotFor(tree, path + ".into", call.into, type);
    if (call.slot < 0) return Recover(call.into);
    Mark(call.slot, call.sensitive, conditional);
    Forget(call.slot);
    environment_.variables[call.slot].range = {};
    step_cost_ += table.cost_bounds();
    step.table = std::move(call);
  }

  void ReadCall(const Tree& tree, const std::string& path, Step& step, bool conditional) {
    RuleSetCall call;
    const std::string ref = ReadReference(tree, path, {"ref", "into", "with"}, call);
    if (!ref.empty() && ref == set_->id_) {
      Add(tree, path + ".ref", "reference_cycle",
          absl::StrCat("'", ref, "' calls itself"), "references form no cycle");
      return Recover(call.into);
    }
    if (!ref.empty()) call.rule_set = references_.rule_set ? references_.rule_set(ref) : nullptr;
    if (!ref.empty() && call.rule_set == nullptr) {
      Add(tree, path + ".ref", "unknown_reference",
          absl::StrCat("there is no rule set '", ref, "', or it has faults"));
    }
    if (call.rule_set == nullptr) return Recover(call.into);
    const RuleSet& called = *call.rule_set;
    CheckDepth(tree, path + ".ref", called.depth());
    if (const Tree* with = tree.Find("with")) ReadWith(*with, path + ".with", call);
    MatchFacts(tree, path, called.schema(), call.with, call);
    expr::RecordDeclaration record;
    call.hides_facts = call.hides_facts || call.sensitive;
    call.sensitive = call.hides_facts;
    for (const RuleSetOutput& output : called.outputs()) {
      if (!CheckImported(tree, path, output.type, called.schema().environment())) {
        return Recover(call.into);
      }
      record.fields.push_back({output.name, output.type});
      record.fields.back().range = output.range;
      call.sensitive = call.sensitive || output.sensitive;
    }
    call.record = DeclareRecord(called.id(), std::move(record));
    call.slot = SlotFor(tree, path + ".into", call.into, Type::Record(call.record));
    if (call.slot < 0) return Recover(call.into);
    Mark(call.slot, call.sensitive, conditional);
    Forget(call.slot);
    step_cost_ += called.cost_bounds();
    step.call = std::move(call);
  }

  void ReadWith(const Tree& tree, const std::string& path, RuleSetCall& call) {
    if (!tree.is_map()) {
      return Add(tree, path, "not_a_map", "overridden facts are written {name: expression}");
    }
    const expr::Environment& there = call.rule_set->schema().environment();
    for (const auto& [name, value] : tree.fields) {
      const std::string at = absl::StrCat(path, ".", name);
      int slot = static_cast<int>(there.variables.size()) - 1;
      while (slot >= 0 && there.variables[slot].name != name) --slot;
      if (slot < 0) {
        Add(value, at, "unknown_key",
            absl::StrCat("'", call.rule_set->id(), "' knows no fact '", name, "'"));
        continue;
      }
      const Type& type = there.variables[slot].type;
      if (!SameRecords(type, schema_.environment(), there)) {
        Add(value, at, "schema_mismatch",
            absl::StrCat(type.ToString(), " has another form in '", call.rule_set->id(), "'"));
        continue;
      }
      Formula formula = CompileScalar(value, at, type);
      if (formula.sensitive) call.hides_facts = true;
      call.with.push_back({name, slot, type, std::move(formula)});
    }
  }

  const Tree& document_;
  const FactSchema& schema_;
  const References& references_;
  std::vector<Fault>& faults_;
  expr::Environment environment_;  // Facts, then names in the order of their declaration.
  std::shared_ptr<RuleSet> set_;
  RoundingMode rounding_ = RoundingMode::kHalfUp;
  size_t facts_ = 0;
  std::vector<bool> assigned_;     // By slot: surely has a value here.
  std::vector<bool> sensitive_;    // By slot: may tell of sensitive facts here.
  std::set<std::string> step_ids_;
  std::vector<Given> given_;             // Sure at the place that is read.
  bool ended_ = false;                   // An end of the decision was seen.
  expr::CostBounds step_cost_;
  std::vector<uint64_t> step_costs_;     // At most, by step.
};

RuleSet::RuleSet() = default;
RuleSet::~RuleSet() = default;

std::shared_ptr<const RuleSet> RuleSet::Parse(const Tree& document,
                                              std::shared_ptr<const FactSchema> schema,
                                              const References& references,
                                              std::vector<Fault>& faults) {
  return RuleSetParser(document, std::move(schema), references, faults).Run();
}

}  // namespace weft::rules
