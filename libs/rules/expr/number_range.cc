#include "libs/rules/expr/number_range.h"

#include <algorithm>
#include <utility>

namespace weft::rules::expr {
namespace {

using Bound = std::optional<Decimal>;
using Operation = DecimalError (*)(const Decimal&, const Decimal&, Decimal&);

// Nothing where an end is missing or does not fit.
Bound Apply(Operation operation, const Bound& a, const Bound& b) {
  if (!a.has_value() || !b.has_value()) return std::nullopt;
  Decimal out;
  return operation(*a, *b, out) == DecimalError::kOk ? Bound(out) : std::nullopt;
}

bool AtLeastZero(const NumberRange& range) {
  return range.low.has_value() && range.low->sign() >= 0;
}
bool AtMostZero(const NumberRange& range) {
  return range.high.has_value() && range.high->sign() <= 0;
}
bool AboveZero(const NumberRange& range) {
  return AtLeastZero(range) && (range.low->sign() > 0 || range.low_open);
}

// `nonzero` beside a bound of zero is an open bound.
NumberRange Tidy(NumberRange range) {
  if (range.nonzero && range.low.has_value() && range.low->is_zero()) range.low_open = true;
  if (range.nonzero && range.high.has_value() && range.high->is_zero()) range.high_open = true;
  return range;
}

uint16_t CommonCurrency(const NumberRange& a, const NumberRange& b) {
  return a.currency == b.currency ? a.currency : 0;
}

}  // namespace

NumberRange ExactRange(const Decimal& value) {
  NumberRange range;
  range.low = value;
  range.high = value;
  return range;
}

bool MayBeZero(const NumberRange& range) {
  if (range.nonzero) return false;
  if (range.low.has_value() &&
      (range.low->sign() > 0 || (range.low->is_zero() && range.low_open))) {
    return false;
  }
  return !(range.high.has_value() &&
           (range.high->sign() < 0 || (range.high->is_zero() && range.high_open)));
}

bool IsExactly(const NumberRange& range, const Decimal& value) {
  return range.low.has_value() && range.high.has_value() && *range.low == value &&
         *range.high == value;
}

NumberRange AddRanges(const NumberRange& a, const NumberRange& b) {
  NumberRange sum;
  sum.low = Apply(&AddInto, a.low, b.low);
  sum.high = Apply(&AddInto, a.high, b.high);
  // One open end opens the sum's; a sum never rounds to zero from beside it.
  sum.low_open = sum.low.has_value() && sum.low->is_zero() && (a.low_open || b.low_open);
  sum.high_open = sum.high.has_value() && sum.high->is_zero() && (a.high_open || b.high_open);
  sum.currency = a.currency != 0 ? a.currency : b.currency;
  return sum;
}

NumberRange NegateRange(const NumberRange& a) {
  NumberRange negative = a;
  negative.low = a.high.has_value() ? Bound(-*a.high) : std::nullopt;
  negative.high = a.low.has_value() ? Bound(-*a.low) : std::nullopt;
  std::swap(negative.low_open, negative.high_open);
  return negative;
}

NumberRange SubtractRanges(const NumberRange& a, const NumberRange& b) {
  return AddRanges(a, NegateRange(b));
}

NumberRange MultiplyRanges(const NumberRange& a, const NumberRange& b) {
  // A product of small numbers may round to zero, so an open end does not last.
  NumberRange product;
  if (AtLeastZero(a) && AtLeastZero(b)) {
    product.low = Apply(&MultiplyInto, a.low, b.low);
    product.high = Apply(&MultiplyInto, a.high, b.high);
  } else if (AtMostZero(a) && AtMostZero(b)) {
    return MultiplyRanges(NegateRange(a), NegateRange(b));
  } else if (AtMostZero(a) && AtLeastZero(b)) {
    return NegateRange(MultiplyRanges(NegateRange(a), b));
  } else if (AtLeastZero(a) && AtMostZero(b)) {
    return NegateRange(MultiplyRanges(a, NegateRange(b)));
  } else {
    const Bound corners[] = {
        Apply(&MultiplyInto, a.low, b.low), Apply(&MultiplyInto, a.low, b.high),
        Apply(&MultiplyInto, a.high, b.low), Apply(&MultiplyInto, a.high, b.high)};
    if (std::all_of(std::begin(corners), std::end(corners),
                    [](const Bound& corner) { return corner.has_value(); })) {
      for (const Bound& corner : corners) {
        if (!product.low.has_value() || *corner < *product.low) product.low = corner;
        if (!product.high.has_value() || *corner > *product.high) product.high = corner;
      }
    }
  }
  product.currency = a.currency != 0 ? a.currency : b.currency;
  return product;
}

NumberRange DivideRanges(const NumberRange& a, const NumberRange& b) {
  NumberRange quotient;
  quotient.currency = a.currency;
  if (AtLeastZero(a) && AboveZero(b)) {
    quotient.low = Decimal();
    if (b.high.has_value()) quotient.low = Apply(&DivideInto, a.low, b.high);
    if (b.low->sign() > 0) quotient.high = Apply(&DivideInto, a.high, b.low);
  } else if (AtMostZero(a) && AboveZero(b)) {
    quotient.high = Decimal();
  }
  return quotient;
}

NumberRange AbsoluteRange(const NumberRange& a) {
  if (AtLeastZero(a)) return a;
  if (AtMostZero(a)) return NegateRange(a);
  NumberRange absolute;
  absolute.low = Decimal();
  absolute.nonzero = a.nonzero;
  absolute.currency = a.currency;
  return Tidy(absolute);
}

NumberRange RoundRange(const NumberRange& a, int scale) {
  NumberRange rounded;
  rounded.currency = a.currency;
  Decimal end;
  if (a.low.has_value() &&
      RoundInto(*a.low, scale, RoundingMode::kFloor, end) == DecimalError::kOk) {
    rounded.low = end;
  }
  if (a.high.has_value() &&
      RoundInto(*a.high, scale, RoundingMode::kCeiling, end) == DecimalError::kOk) {
    rounded.high = end;
  }
  return rounded;
}

NumberRange UnionOfRanges(const NumberRange& a, const NumberRange& b) {
  NumberRange both;
  if (a.low.has_value() && b.low.has_value()) {
    const bool first = *a.low < *b.low || (*a.low == *b.low && !a.low_open);
    both.low = first ? a.low : b.low;
    both.low_open = first ? a.low_open : b.low_open;
  }
  if (a.high.has_value() && b.high.has_value()) {
    const bool first = *a.high > *b.high || (*a.high == *b.high && !a.high_open);
    both.high = first ? a.high : b.high;
    both.high_open = first ? a.high_open : b.high_open;
  }
  both.nonzero = !MayBeZero(a) && !MayBeZero(b);
  both.currency = CommonCurrency(a, b);
  return both;
}

NumberRange IntersectRanges(const NumberRange& a, const NumberRange& b) {
  NumberRange both = a;
  if (b.low.has_value() &&
      (!a.low.has_value() || *b.low > *a.low || (*b.low == *a.low && b.low_open))) {
    both.low = b.low;
    both.low_open = b.low_open;
  }
  if (b.high.has_value() &&
      (!a.high.has_value() || *b.high < *a.high || (*b.high == *a.high && b.high_open))) {
    both.high = b.high;
    both.high_open = b.high_open;
  }
  both.nonzero = a.nonzero || b.nonzero;
  if (both.currency == 0) both.currency = b.currency;
  return Tidy(both);
}

NumberRange LargerRange(const NumberRange& a, const NumberRange& b) {
  NumberRange larger = UnionOfRanges(a, b);
  // Not below either low end.
  const NumberRange& from = !a.low.has_value() ? b
                            : !b.low.has_value() ? a
                            : *a.low > *b.low || (*a.low == *b.low && a.low_open) ? a
                                                                                  : b;
  larger.low = from.low;
  larger.low_open = from.low_open;
  return larger;
}

}  // namespace weft::rules::expr
