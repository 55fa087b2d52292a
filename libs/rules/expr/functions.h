// The functions and operators of the language: what the checker knows of them
// (overloads) and what the evaluator does (one implementation per name, which
// looks at the kinds of its arguments).
//
// Operators are functions named "_+_", "_<_", "-_", "!_", "_in_" …; functions of
// a namespace carry it in the name ("math.abs").
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "libs/money/rounding.h"
#include "libs/rules/expr/type.h"
#include "libs/rules/expr/value.h"

namespace re2 {
class RE2;
}

namespace weft::rules::expr {

inline constexpr uint32_t kPatternBytesMax = 1024;    // Of a pattern's text.
inline constexpr uint32_t kTextBytesMax = 64 * 1024;  // size_exceeded beyond.
inline constexpr uint32_t kElementsMax = 10'000;      // The same.

// What an implementation may use.
struct Context {
  Arena& arena;
  uint64_t cost = 0;
  uint64_t budget = 0;
  RoundingMode rounding = RoundingMode::kHalfUp;  // `round` without a mode.

  // Counts `units`; false when the budget is passed: return CostExceeded().
  bool Charge(uint64_t units) {
    cost += units;
    return cost <= budget;
  }
  static Value CostExceeded() {
    return Value::Error(Code::kCostExceeded, "the evaluation costs more than its budget");
  }
};

using Implementation = Value (*)(Context&, const Value* arguments, size_t count);

struct Overload {
  bool receiver = false;
  std::vector<Type> params;
  Type result;
};

struct Function {
  std::string name;
  Implementation implementation = nullptr;
  std::vector<Overload> overloads;  // In the order they are tried.
  bool any_arguments = false;       // math.greatest and math.least.
  // Whether a call of this style and size exists at all.
  bool Accepts(bool receiver, size_t count) const;
};

// nullptr when there is no function of that name.
const Function* FindFunction(absl::string_view name);

// The namespaces whose functions are called as `namespace.name(..)`.
bool IsNamespace(absl::string_view name);

// ---- For the files that implement functions ----

// One entry: name, implementation, overloads as text: "(int, int) int" for the
// global style, "string.(string) bool" for the receiver style, separated by ';'.
struct FunctionEntry {
  const char* name;
  Implementation implementation;
  const char* overloads;
};
struct FunctionEntries {
  const FunctionEntry* entries;
  size_t count;
};
FunctionEntries OperatorFunctions();
FunctionEntries ConversionFunctions();
FunctionEntries StringFunctions();
FunctionEntries TimeFunctions();
FunctionEntries MathFunctions();
FunctionEntries ListFunctions();
FunctionEntries DecimalFunctions();

inline Value NoOverload() {
  return Value::Error(Code::kNoSuchOverload, "the operands have types this cannot work on");
}
// nullptr for a pattern that RE2 refuses or that is larger than its limits.
std::shared_ptr<const re2::RE2> CompilePattern(absl::string_view pattern);
// Whether the pattern is found anywhere in `text`.
bool PatternFound(const re2::RE2& pattern, absl::string_view text);
// A message made at run time, copied into the arena.
Value MakeError(Context& context, Code code, absl::string_view message);
Value MakeString(Context& context, absl::string_view text);
Value FromDecimalError(DecimalError error);
// v is int, uint or decimal.
bool AsDecimal(const Value& v, Decimal& out);
// Cost of reading or writing `size` octets: ceil(size / 10).
inline uint64_t Tenths(uint64_t size) { return (size + 9) / 10; }
// Cost of one comparison of two values.
uint64_t ComparisonCost(const Value& a, const Value& b);
// Equals that pays; false in `ok` when the budget is passed.
bool PaidEquals(Context& context, const Value& a, const Value& b, bool& ok);
// `items` ordered by `keys` (one each), ascending and stable; keys of one
// ordered type, else no_such_overload.
Value SortByKeys(Context& context, const Value* items, const Value* keys, uint32_t size);
// The result of adding two values ("_+_"), for sum().
Value AddValues(Context& context, const Value& a, const Value& b);

}  // namespace weft::rules::expr
