// Quantities and units of measure.
//
// A unit is an exact ratio of whole numbers to its item's base unit: 1 CS = 12/1
// EA, 1 EA of an item stocked in dozens = 1/12 DZ. Converting there and back
// gives the same number; nothing is ever held as a rounded factor.
//
// Plain values; every function may be called from any thread.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/money/decimal.h"

namespace weft {

// numerator / denominator, both above 0, in lowest terms.
class UnitRatio {
 public:
  // 1/1: the base unit itself.
  constexpr UnitRatio() = default;
  // Errors: INVALID_ARGUMENT / UNIT_RATIO_INVALID unless both are above 0.
  static absl::StatusOr<UnitRatio> Make(int64_t numerator, int64_t denominator);

  constexpr int64_t numerator() const { return numerator_; }
  constexpr int64_t denominator() const { return denominator_; }
  constexpr bool operator==(const UnitRatio&) const = default;

 private:
  constexpr UnitRatio(int64_t numerator, int64_t denominator)
      : numerator_(numerator), denominator_(denominator) {}
  int64_t numerator_ = 1;
  int64_t denominator_ = 1;
};

// from / to in lowest terms: how many `to` one `from` is.
// Errors: OVERFLOW when it leaves 64 bits.
absl::StatusOr<UnitRatio> RatioBetween(UnitRatio from, UnitRatio to);
DecimalError RatioBetweenInto(UnitRatio from, UnitRatio to, UnitRatio& out);

struct Quantity {
  Decimal value;
  std::string unit;  // As the ERP knows it: "EA".

  // "600 EA".
  std::string ToString() const;
  bool operator==(const Quantity&) const = default;
};

struct ConvertedValue {
  Decimal value;
  bool exact = true;  // False when the true value has more digits than a decimal.
};

// `value` of unit `from` in unit `to`, fitted like a quotient.
// Errors: OVERFLOW.
absl::StatusOr<ConvertedValue> ConvertUnit(const Decimal& value, UnitRatio from, UnitRatio to);

// The smallest whole number of units of `to` that is at least `value` of `from`:
// 200 EA sold in whole dozens are 17 DZ.
// Errors: OVERFLOW.
absl::StatusOr<Decimal> WholeUnitsCovering(const Decimal& value, UnitRatio from, UnitRatio to);

// Compares `a` of unit `ua` with `b` of unit `ub` exactly. Shape: -1, 0 or 1.
inline int CompareQuantities(const Decimal& a, UnitRatio ua, const Decimal& b, UnitRatio ub) {
  return CompareScaled(a, ua.numerator(), ua.denominator(), b, ub.numerator(),
                       ub.denominator());
}

}  // namespace weft
