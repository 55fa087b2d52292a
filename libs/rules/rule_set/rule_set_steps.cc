#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libs/rules/expr/number_range.h"
#include "libs/rules/rule_set/names.h"
#include "libs/rules/rule_set/rule_set_parser.h"

namespace weft::rules {

using expr::Type;
using expr::TypeKind;

namespace {

constexpr uint64_t kDecisionCostMax = 1'000'000;

}  // namespace

// ---- What is sure in a step ----

void RuleSetParser::Forget(int slot) {
  std::erase_if(given_, [&](const Given& given) {
    return std::find(given.slots.begin(), given.slots.end(), slot) != given.slots.end();
  });
}

void RuleSetParser::Learn(int slot, const expr::Program& program) {
  expr::VariableDeclaration& variable = environment_.variables[slot];
  variable.range = program.result_range();
  variable.limits.items = std::max(variable.limits.items, program.result_limits().items);
  variable.limits.length = std::max(variable.limits.length, program.result_limits().length);
}

void RuleSetParser::MayBeSkipped(const std::vector<expr::VariableDeclaration>& before,
                  const std::vector<bool>& assigned_before) {
  for (size_t slot = facts_; slot < before.size(); ++slot) {
    expr::NumberRange& range = environment_.variables[slot].range;
    if (assigned_before[slot]) range = expr::UnionOfRanges(range, before[slot].range);
  }
}

// ---- Steps ----

void RuleSetParser::ReadSteps() {
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

void RuleSetParser::CheckCost(const Tree& steps) {
  if (set_->cost_bounds_.upper <= kDecisionCostMax) return;
  const size_t dearest =
      std::max_element(step_costs_.begin(), step_costs_.end()) - step_costs_.begin();
  Add(steps.items[dearest], absl::StrCat("steps[", dearest, "]"), "cost_exceeded",
      absl::StrCat("the decision may cost up to ", set_->cost_bounds_.upper, " units, and ",
                   kDecisionCostMax, " is the most; this step alone ", step_costs_[dearest]),
      "give lists and texts smaller `max_items` and `max_length` in the schema, or look at fewer "
      "elements");
}

bool RuleSetParser::ReadStep(const Tree& tree, const std::string& path) {
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

void RuleSetParser::ReadSet(const Tree& tree, const std::string& path, Step& step,
                            bool conditional) {
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

void RuleSetParser::ReadFail(const Tree& tree, const std::string& path, Step& step) {
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

}  // namespace weft::rules
