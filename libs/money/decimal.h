// Decimal: exact decimal numbers with a kept scale.
//
// A decimal is a whole coefficient c with |c| < 10^34 and a scale s from 0 to
// 34; its value is c / 10^s. The scale is kept: "12.50" has scale 2 and prints
// as "12.50", and still equals "12.5". There is no NaN, no infinity and no
// negative zero.
//
// Fitting: the result of an operation is the exact mathematical result, fitted
// once. With a wanted scale w, the largest scale s <= min(w, 34) is taken for
// which the exact result, rounded half to even at s, still has a coefficient
// below 10^34 in magnitude. If not even scale 0 fits it is an overflow. Nothing
// is ever rounded twice.
//
//   operation       wanted scale
//   a + b, a - b    the larger of the two
//   a * b           their sum
//   a / b           34; of an exact quotient trailing zeros are removed while
//                   the scale is above max(scale(a) - scale(b), 0)
//   sqrt(a)         34; of an exact root trailing zeros are removed while the
//                   scale is above half the scale of a, rounded up
//   -a, |a|         unchanged
//
// Two families of functions do the same things:
//
//   absl::StatusOr<Decimal> Add(a, b)             for code that reports errors
//   DecimalError            AddInto(a, b, out)      for hot code: no allocation,
//                                                 `out` untouched on error
//
// The functions that round the exact result of several steps once (MulRound,
// MulDivRound, DivRound) are what prices are made of: a line is
// MulDivRound(unit price, quantity, numerator, denominator, minor units, mode).
//
// Errors: INVALID_ARGUMENT with reason OVERFLOW, OUT_OF_RANGE, INVALID_ARGUMENT
// or DIVIDE_BY_ZERO. Values are plain and trivially copyable, 24 octets; every
// function may be called from any thread.
// Source: the decimal vectors in tests/data/decimal, all of which must pass.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/money/rounding.h"

namespace weft {

// What a fast function says instead of a status.
enum class [[nodiscard]] DecimalError : uint8_t {
  kOk,
  kOverflow,         // OVERFLOW: the result has no scale at which it fits.
  kOutOfRange,       // OUT_OF_RANGE: a text with too many digits or decimals.
  kInvalidArgument,  // INVALID_ARGUMENT: no decimal text, bad scale or step.
  kDivideByZero,     // DIVIDE_BY_ZERO
};

// "OVERFLOW"; "" for kOk.
const char* ReasonOf(DecimalError error);
// OK for kOk; otherwise INVALID_ARGUMENT with that reason. `what` names the
// operation for people.
absl::Status ToStatus(DecimalError error, absl::string_view what);

class Decimal {
 public:
  using Coefficient = __int128;

  static constexpr int kMaxDigits = 34;
  static constexpr int kMaxScale = 34;
  // Longest text: sign, "0.", 34 decimals.
  static constexpr int kMaxText = 37;

  // Zero of scale 0.
  constexpr Decimal() = default;
  constexpr explicit Decimal(int64_t whole) : Decimal(Coefficient{whole}, 0) {}
  static constexpr Decimal FromUint(uint64_t whole) {
    return Decimal(static_cast<Coefficient>(whole), 0);
  }
  // c / 10^scale. `scale` is in 0..34 (checked by a stored price's reader, not
  // here); any 64-bit coefficient fits.
  static constexpr Decimal FromUnscaled(int64_t coefficient, int scale) {
    return Decimal(Coefficient{coefficient}, scale);
  }
  // c / 10^scale. Errors: OUT_OF_RANGE.
  static absl::StatusOr<Decimal> FromCoefficient(Coefficient coefficient, int scale);

  // Shape: [+-]?digits[.digits][(e|E)[+-]?digits], at least one digit on each
  // side of a dot, nothing around it.
  // Errors: OUT_OF_RANGE for more than 34 significant digits as written or a
  // scale above 34; INVALID_ARGUMENT for any other text.
  static absl::StatusOr<Decimal> Parse(absl::string_view text);
  static DecimalError ParseInto(absl::string_view text, Decimal& out);

  constexpr Coefficient coefficient() const {
    return (static_cast<Coefficient>(high_) << 64) | static_cast<Coefficient>(low_);
  }
  constexpr int scale() const { return scale_; }
  // -1, 0 or 1.
  constexpr int sign() const { return high_ < 0 ? -1 : (high_ == 0 && low_ == 0 ? 0 : 1); }
  constexpr bool is_zero() const { return high_ == 0 && low_ == 0; }
  // True when the coefficient fits a signed 64-bit integer, as most prices do.
  constexpr bool fits_64() const {
    return high_ == (static_cast<int64_t>(low_) < 0 ? -1 : 0);
  }
  constexpr int64_t coefficient_64() const { return static_cast<int64_t>(low_); }

  // Plain digits, the scale kept, never an exponent.
  std::string ToString() const;
  // Writes the text without a terminating zero; `buffer` has room for kMaxText
  // octets. Returns the end.
  char* WriteTo(char* buffer) const;
  void AppendTo(std::string& out) const;

  constexpr Decimal operator-() const { return Decimal(-coefficient(), scale_); }
  constexpr Decimal Abs() const { return sign() < 0 ? -*this : *this; }
  // The same value without trailing zeros.
  Decimal Normalized() const;

  // Truncated towards zero. Errors: OUT_OF_RANGE.
  absl::StatusOr<int64_t> ToInt64() const;
  absl::StatusOr<uint64_t> ToUint64() const;
  // The nearest double; for the expression language and for metrics, never to
  // compute with.
  double ToDouble() const;
  // True when there is nothing behind the dot but zeros.
  bool IsWhole() const;

  // By exact value: 12.5 == 12.50.
  friend bool operator==(const Decimal& a, const Decimal& b) {
    return (a <=> b) == std::weak_ordering::equivalent;
  }
  friend std::weak_ordering operator<=>(const Decimal& a, const Decimal& b);
  // Same value and same scale.
  constexpr bool Identical(const Decimal& other) const {
    return low_ == other.low_ && high_ == other.high_ && scale_ == other.scale_;
  }

  template <typename H>
  friend H AbslHashValue(H h, const Decimal& d) {
    const Decimal n = d.Normalized();
    return H::combine(std::move(h), n.low_, n.high_, n.scale_);
  }

 private:
  friend struct DecimalAccess;
  constexpr Decimal(Coefficient coefficient, int scale)
      : low_(static_cast<uint64_t>(coefficient)),
        high_(static_cast<int64_t>(coefficient >> 64)),
        scale_(static_cast<uint8_t>(scale)) {}

  uint64_t low_ = 0;
  int64_t high_ = 0;
  uint8_t scale_ = 0;
};

static_assert(sizeof(Decimal) == 24);

// -1, 0 or 1, by exact value.
int Compare(const Decimal& a, const Decimal& b);

absl::StatusOr<Decimal> Add(const Decimal& a, const Decimal& b);
absl::StatusOr<Decimal> Subtract(const Decimal& a, const Decimal& b);
absl::StatusOr<Decimal> Multiply(const Decimal& a, const Decimal& b);
absl::StatusOr<Decimal> Divide(const Decimal& a, const Decimal& b);
// Errors: INVALID_ARGUMENT for a negative value.
absl::StatusOr<Decimal> SquareRoot(const Decimal& a);

// To exactly `scale` decimals (0..34); a shorter scale is padded with zeros.
// Errors: INVALID_ARGUMENT for another scale; OVERFLOW.
absl::StatusOr<Decimal> Round(const Decimal& a, int scale,
                              RoundingMode mode = RoundingMode::kHalfUp);
// The multiple of `step` (above 0) that the exact quotient, rounded once,
// chooses; has the scale of `step`.
// Errors: INVALID_ARGUMENT for a step that is not above 0; OVERFLOW.
absl::StatusOr<Decimal> RoundToStep(const Decimal& a, const Decimal& step,
                                RoundingMode mode = RoundingMode::kHalfUp);

DecimalError AddInto(const Decimal& a, const Decimal& b, Decimal& out);
DecimalError SubtractInto(const Decimal& a, const Decimal& b, Decimal& out);
DecimalError MultiplyInto(const Decimal& a, const Decimal& b, Decimal& out);
DecimalError DivideInto(const Decimal& a, const Decimal& b, Decimal& out);
DecimalError SquareRootInto(const Decimal& a, Decimal& out);
DecimalError RoundInto(const Decimal& a, int scale, RoundingMode mode, Decimal& out);
DecimalError RoundToStepInto(const Decimal& a, const Decimal& step, RoundingMode mode,
                         Decimal& out);

// Exact results rounded once to `scale` decimals.
//   MulRound     a * b
//   DivRound     a / b
//   MulDivRound  a * b * numerator / denominator
// Units of measure and "price per n" are ratios of whole numbers, hence the last
// one; numerator is not negative and denominator is above 0.
// Errors: OVERFLOW also when an intermediate leaves 256 bits.
DecimalError MulRound(const Decimal& a, const Decimal& b, int scale, RoundingMode mode,
                      Decimal& out);
DecimalError DivRound(const Decimal& a, const Decimal& b, int scale, RoundingMode mode,
                      Decimal& out);
DecimalError MulDivRound(const Decimal& a, const Decimal& b, int64_t numerator,
                         int64_t denominator, int scale, RoundingMode mode, Decimal& out);

// Compares a * na / da with b * nb / db exactly: quantities in two units without
// converting either. The four numbers are above 0.
// Shape: -1, 0 or 1.
int CompareScaled(const Decimal& a, int64_t na, int64_t da, const Decimal& b, int64_t nb,
                  int64_t db);

}  // namespace weft
