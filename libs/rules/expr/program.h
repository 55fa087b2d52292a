// A compiled expression.
//
//   Environment environment;
//   environment.variables = {{"price", Type::Of(TypeKind::kDecimal)}, …};
//   CompileResult compiled = Compile("price * 0.95", environment, {});
//   Arena arena;
//   Outcome outcome = compiled.program->Evaluate(FactsOf(values), arena, {});
//
// A program is immutable and may be used by any number of threads at once, each
// with an arena of its own. An evaluation that builds no list, map or text
// allocates nothing from the heap.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/strings/string_view.h"
#include "libs/money/rounding.h"
#include "libs/rules/expr/cost_bounds.h"
#include "libs/rules/expr/environment.h"
#include "libs/rules/expr/error.h"
#include "libs/rules/expr/value.h"

namespace weft::rules::expr {

// What an evaluation sees. Variables are asked for by slot, at most once per
// mention; values live as long as the facts or the arena.
class Facts {
 public:
  virtual ~Facts() = default;
  virtual Value Variable(int slot, Arena& arena) const = 0;
  // The values of all slots where they stand ready in an array, else nullptr.
  virtual const Value* slots() const { return nullptr; }
};

// Facts that stand ready in an array, one value a slot.
class ArrayFacts final : public Facts {
 public:
  explicit ArrayFacts(const Value* values) : values_(values) {}
  Value Variable(int slot, Arena&) const override { return values_[slot]; }
  const Value* slots() const override { return values_; }

 private:
  const Value* values_;
};

struct CompileOptions {
  bool check = true;    // False: names resolve, types are found at run time.
  bool macros = true;
  std::optional<Type> wanted;  // What the document wants here.
  RoundingMode rounding = RoundingMode::kHalfUp;  // `round` without a mode.
  // For documents: refuse also what may fail for some facts (safety.h) and what
  // may cost more than `cost_max`. `given`: conditions that are true whenever this
  // is evaluated, as texts over the same names.
  bool safe = false;
  uint64_t cost_max = 100'000;
  std::vector<std::string> given;
};

struct Limits {
  uint64_t cost = 100'000;
};

struct Outcome {
  Value value;                 // kError when `error` is set.
  std::optional<Error> error;
  uint64_t cost = 0;
};

namespace internal {
struct PlanNode;
}

class Program {
 public:
  ~Program();
  Outcome Evaluate(const Facts& facts, Arena& arena, const Limits& limits) const noexcept;
  // The same without making an Error; for hot paths. `cost` is added to.
  Value EvaluateValue(const Facts& facts, Arena& arena, uint64_t budget,
                      uint64_t& cost) const noexcept;
  // Makes the error of a kError value.
  Error ErrorOf(const Value& value) const;
  const Type& result_type() const { return result_type_; }
  const std::string& source() const { return source_; }
  // Of a checked program, from the sizes that its environment declares.
  const CostBounds& cost_bounds() const { return cost_bounds_; }
  const SizeLimits& result_limits() const { return result_limits_; }
  // What is known of the result of a program that was compiled as `safe`.
  const NumberRange& result_range() const { return result_range_; }
  // Slots that the expression mentions, ascending.
  const std::vector<int>& variables() const { return variables_; }

 private:
  friend class Planner;
  friend struct CompileResult Compile(absl::string_view, const Environment&,
                                      const CompileOptions&);
  Program() = default;

  std::string source_;
  Type result_type_;
  RoundingMode rounding_ = RoundingMode::kHalfUp;
  int locals_ = 0;  // Slots for variables of macros.
  std::vector<int> variables_;
  CostBounds cost_bounds_;
  SizeLimits result_limits_;
  NumberRange result_range_;
  Arena constants_;
  std::unique_ptr<internal::PlanNode> root_;
};

struct CompileResult {
  std::unique_ptr<Program> program;  // nullptr when there are errors.
  std::vector<Error> errors;
};

CompileResult Compile(absl::string_view source, const Environment& environment,
                      const CompileOptions& options);

}  // namespace weft::rules::expr
