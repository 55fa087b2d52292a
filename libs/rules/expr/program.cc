#include "libs/rules/expr/program.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/rules/expr/checker.h"
#include "libs/rules/expr/parser.h"
#include "libs/rules/expr/plan.h"
#include "libs/rules/expr/planner.h"
#include "libs/rules/expr/safety.h"

namespace weft::rules::expr {

Program::~Program() = default;

Value Program::EvaluateValue(const Facts& facts, Arena& arena, uint64_t budget,
                             uint64_t& cost) const noexcept {
  Value* locals = nullptr;
  if (locals_ > 0) {
    locals = arena.AllocateArray<Value>(static_cast<size_t>(locals_));
    if (locals == nullptr) {
      return Value::Error(Code::kSizeExceeded, "the evaluation needs more than 4 MiB");
    }
  }
  internal::Frame frame{Context{arena, 0, budget, rounding_}, facts, facts.slots(), locals};
  const Value value = root_->Run(frame);
  cost += frame.context.cost;
  return value;
}

Error Program::ErrorOf(const Value& value) const {
  const uint32_t offset = value.fault.place == 0 ? 0 : value.fault.place - 1;
  return {value.code, PositionAt(source_, offset), std::string(value.view()), ""};
}

Outcome Program::Evaluate(const Facts& facts, Arena& arena, const Limits& limits) const noexcept {
  Outcome outcome;
  outcome.value = EvaluateValue(facts, arena, limits.cost, outcome.cost);
  if (outcome.value.is_error()) outcome.error = ErrorOf(outcome.value);
  return outcome;
}

namespace {

Error TooDear(absl::string_view source, const CostEstimate& estimate, uint64_t most) {
  return {Code::kCostExceeded, PositionAt(source, estimate.dearest_offset),
          absl::StrCat("this may cost up to ", estimate.bounds.upper, " units, and ", most,
                       " is the most; the dearest part is ", estimate.dearest),
          "give lists and texts smaller `max_items` and `max_length` in the schema, or look at "
          "fewer elements"};
}

}  // namespace

CompileResult Compile(absl::string_view source, const Environment& environment,
                      const CompileOptions& options) {
  CompileResult result;
  Error error;
  NodePtr root = Parse(source, {options.macros}, error);
  if (root == nullptr) {
    result.errors.push_back(std::move(error));
    return result;
  }
  if (options.check) {
    result.errors = Check(source, *root, environment, options.wanted);
    if (!result.errors.empty()) return result;
  }
  auto program = std::unique_ptr<Program>(new Program);
  if (options.check) {
    const CostEstimate estimate = EstimateCost(*root, environment);
    program->cost_bounds_ = estimate.bounds;
    program->result_limits_ = estimate.result;
    if (options.safe) {
      Safety safety = CheckSafety(source, *root, environment, options.given);
      result.errors = std::move(safety.errors);
      program->result_range_ = std::move(safety.range);
      if (estimate.bounds.upper > options.cost_max) {
        result.errors.push_back(TooDear(source, estimate, options.cost_max));
      }
      if (!result.errors.empty()) return result;
    }
  }
  program->source_ = std::string(source);
  program->result_type_ = root->type;
  program->rounding_ = options.rounding;
  program->root_ = Planner(environment, options, *program).Build(*root);
  result.program = std::move(program);
  return result;
}

}  // namespace weft::rules::expr
