// What an expression may cost, before any evaluation (LANGUAGE: estimates).
#pragma once

#include <cstdint>
#include <string>

#include "libs/rules/expr/ast.h"
#include "libs/rules/expr/environment.h"

namespace weft::rules::expr {

// Units. Far below 2^64: sums of many do not overflow.
struct CostBounds {
  static constexpr uint64_t kMost = uint64_t{1} << 50;
  uint64_t lower = 0;
  uint64_t upper = 0;

  CostBounds& operator+=(const CostBounds& other) {
    lower = Sum(lower, other.lower);
    upper = Sum(upper, other.upper);
    return *this;
  }
  static uint64_t Sum(uint64_t a, uint64_t b) { return a + b > kMost ? kMost : a + b; }
  static uint64_t Product(uint64_t a, uint64_t b) {
    return b != 0 && a > kMost / b ? kMost : a * b;
  }
};

struct CostEstimate {
  CostBounds bounds;
  SizeLimits result;  // The most that the result holds.
  // The node that costs most by itself, its position and what it does, for people.
  uint32_t dearest_offset = 0;
  std::string dearest;
};

// From the sizes that the environment declares. `root` is checked.
CostEstimate EstimateCost(const Node& root, const Environment& environment);

}  // namespace weft::rules::expr
