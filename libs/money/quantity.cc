#include "libs/money/quantity.h"

#include <limits>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"

namespace weft {

absl::StatusOr<UnitRatio> UnitRatio::Make(int64_t numerator, int64_t denominator) {
  if (numerator <= 0 || denominator <= 0) {
    return InvalidArgument("UNIT_RATIO_INVALID",
                           absl::StrCat("a unit ratio needs two numbers above 0, not ",
                                        numerator, "/", denominator));
  }
  const int64_t divisor = std::gcd(numerator, denominator);
  return UnitRatio(numerator / divisor, denominator / divisor);
}

DecimalError RatioBetweenInto(UnitRatio from, UnitRatio to, UnitRatio& out) {
  // Cross-reduced first, so that only a result that truly does not fit overflows.
  const int64_t g1 = std::gcd(from.numerator(), to.numerator());
  const int64_t g2 = std::gcd(to.denominator(), from.denominator());
  int64_t numerator = 0;
  int64_t denominator = 0;
  if (__builtin_mul_overflow(from.numerator() / g1, to.denominator() / g2, &numerator) ||
      __builtin_mul_overflow(from.denominator() / g2, to.numerator() / g1, &denominator)) {
    return DecimalError::kOverflow;
  }
  out = *UnitRatio::Make(numerator, denominator);
  return DecimalError::kOk;
}

absl::StatusOr<UnitRatio> RatioBetween(UnitRatio from, UnitRatio to) {
  UnitRatio ratio;
  WEFT_RETURN_IF_ERROR(ToStatus(RatioBetweenInto(from, to, ratio), "unit ratio"));
  return ratio;
}

std::string Quantity::ToString() const {
  return unit.empty() ? value.ToString() : absl::StrCat(value.ToString(), " ", unit);
}

absl::StatusOr<ConvertedValue> ConvertUnit(const Decimal& value, UnitRatio from,
                                           UnitRatio to) {
  WEFT_ASSIGN_OR_RETURN(const UnitRatio ratio, RatioBetween(from, to));
  if (ratio == UnitRatio()) return ConvertedValue{value, true};
  // As many decimals as fit; then the zeros behind the exact part go.
  ConvertedValue converted;
  for (int scale = Decimal::kMaxScale;; --scale) {
    const DecimalError error =
        MulDivRound(value, Decimal(1), ratio.numerator(), ratio.denominator(), scale,
                    RoundingMode::kHalfEven, converted.value);
    if (error == DecimalError::kOk) break;
    if (scale == 0) return ToStatus(error, "unit conversion");
  }
  converted.value = converted.value.Normalized();
  converted.exact = CompareScaled(value, ratio.numerator(), ratio.denominator(),
                                  converted.value, 1, 1) == 0;
  return converted;
}

absl::StatusOr<Decimal> WholeUnitsCovering(const Decimal& value, UnitRatio from,
                                           UnitRatio to) {
  WEFT_ASSIGN_OR_RETURN(const UnitRatio ratio, RatioBetween(from, to));
  Decimal whole;
  WEFT_RETURN_IF_ERROR(ToStatus(MulDivRound(value, Decimal(1), ratio.numerator(),
                                            ratio.denominator(), 0, RoundingMode::kCeiling,
                                            whole),
                                "unit conversion"));
  return whole;
}

}  // namespace weft
