// Arithmetic of ranges: what is known of a result from what is known of its
// operands. Bounds are those of the language's decimals, rounding included.
#pragma once

#include "libs/rules/expr/environment.h"
#include "libs/rules/expr/value.h"

namespace weft::rules::expr {

NumberRange ExactRange(const Decimal& value);
bool MayBeZero(const NumberRange& range);
bool IsExactly(const NumberRange& range, const Decimal& value);

NumberRange AddRanges(const NumberRange& a, const NumberRange& b);
NumberRange SubtractRanges(const NumberRange& a, const NumberRange& b);
NumberRange MultiplyRanges(const NumberRange& a, const NumberRange& b);
NumberRange DivideRanges(const NumberRange& a, const NumberRange& b);
NumberRange NegateRange(const NumberRange& a);
NumberRange AbsoluteRange(const NumberRange& a);
// Rounded to `scale` decimals, by any mode.
NumberRange RoundRange(const NumberRange& a, int scale);

// One of both, and both at once.
NumberRange UnionOfRanges(const NumberRange& a, const NumberRange& b);
NumberRange IntersectRanges(const NumberRange& a, const NumberRange& b);
// The larger (or the smaller) of two numbers.
NumberRange LargerRange(const NumberRange& a, const NumberRange& b);

}  // namespace weft::rules::expr
