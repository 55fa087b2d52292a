#include "libs/money/decimal.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/money/wide.h"

namespace weft {

using money_internal::Compare;
using money_internal::DigitCount;
using money_internal::Divide;
using money_internal::High;
using money_internal::kPowersOfTen;
using money_internal::Low;
using money_internal::Multiply;
using money_internal::PowerOfTen;
using money_internal::QuotientRemainder;
using money_internal::uint128;
using money_internal::Wide;

struct DecimalAccess {
  // `magnitude` is below 10^34.
  static Decimal Make(bool negative, uint128 magnitude, int scale) {
    const auto c = static_cast<Decimal::Coefficient>(magnitude);
    return Decimal(negative ? -c : c, scale);
  }
};

namespace {

constexpr uint128 kLimit = kPowersOfTen[34];

uint128 Magnitude(const Decimal& a) {
  const Decimal::Coefficient c = a.coefficient();
  return c < 0 ? -static_cast<uint128>(c) : static_cast<uint128>(c);
}

// Whether a quotient cut towards zero goes one up in magnitude. `half` compares
// the remainder with half of the divisor; `inexact` says that it is not 0.
bool GoesUp(RoundingMode mode, bool negative, bool odd, int half, bool inexact) {
  if (!inexact) return false;
  switch (mode) {
    case RoundingMode::kHalfUp: return half >= 0;
    case RoundingMode::kHalfEven: return half > 0 || (half == 0 && odd);
    case RoundingMode::kHalfDown: return half > 0;
    case RoundingMode::kUp: return true;
    case RoundingMode::kDown: return false;
    case RoundingMode::kCeiling: return !negative;
    case RoundingMode::kFloor: return negative;
  }
  return false;
}

uint128 RoundQuotient(uint128 a, uint128 b, bool negative, RoundingMode mode) {
  uint128 quotient;
  uint128 remainder;
  if (High(a) == 0 && High(b) == 0) {
    quotient = Low(a) / Low(b);
    remainder = Low(a) % Low(b);
  } else {
    quotient = a / b;
    remainder = a - quotient * b;
  }
  // remainder <=> b - remainder is remainder * 2 <=> b without the carry.
  const uint128 other = b - remainder;
  const int half = remainder < other ? -1 : (remainder == other ? 0 : 1);
  return quotient + (GoesUp(mode, negative, (quotient & 1) != 0, half, remainder != 0) ? 1 : 0);
}

// `exact`, when given, says whether nothing was rounded away.
Wide RoundQuotient(const Wide& a, const Wide& b, bool negative, RoundingMode mode,
                   bool* exact = nullptr) {
  const QuotientRemainder qr = Divide(a, b);
  const Wide other = Subtract(b, qr.remainder);
  if (exact != nullptr) *exact = qr.remainder.IsZero();
  Wide rounded = qr.quotient;
  if (GoesUp(mode, negative, qr.quotient.IsOdd(), Compare(qr.remainder, other),
             !qr.remainder.IsZero())) {
    (void)Add(qr.quotient, Wide::Of(1), rounded);  // Below 2^256: a quotient of b >= 2.
  }
  return rounded;
}

bool BelowLimit(const Wide& x) { return x.FitsIn128() && x.To128() < kLimit; }

// n / 10^wanted, fitted.
DecimalError Fit(bool negative, const Wide& n, int wanted, Decimal& out) {
  int drop = std::max({0, wanted - Decimal::kMaxScale, DigitCount(n) - Decimal::kMaxDigits});
  for (; drop <= wanted; ++drop) {
    const Wide rounded =
        drop == 0 ? n : RoundQuotient(n, PowerOfTen(drop), negative, RoundingMode::kHalfEven);
    if (BelowLimit(rounded)) {
      out = DecimalAccess::Make(negative, rounded.To128(), wanted - drop);
      return DecimalError::kOk;
    }
    // Rounding reached 10^34: one digit less, from the exact value again.
  }
  return DecimalError::kOverflow;
}

// Removes trailing zeros while the scale is above `least`.
Decimal Trim(const Decimal& a, int least) {
  uint128 magnitude = Magnitude(a);
  int scale = a.scale();
  while (scale > least && magnitude % 10 == 0) {
    magnitude /= 10;
    --scale;
  }
  return DecimalAccess::Make(a.sign() < 0, magnitude, scale);
}

DecimalError FromWide(bool negative, const Wide& magnitude, int scale, Decimal& out) {
  if (!BelowLimit(magnitude)) return DecimalError::kOverflow;
  out = DecimalAccess::Make(negative, magnitude.To128(), scale);
  return DecimalError::kOk;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// (a / b) * 10^shift rounded once, at `scale`.
DecimalError RoundedRatio(bool negative, Wide a, Wide b, int shift, int scale,
                          RoundingMode mode, Decimal& out) {
  if (a.IsZero()) {
    out = DecimalAccess::Make(false, 0, scale);
    return DecimalError::kOk;
  }
  // The scaled operand may pass 38 digits at a time.
  for (int left = std::abs(shift); left > 0;) {
    const int step = std::min(left, 38);
    Wide& grown = shift > 0 ? a : b;
    if (!Multiply(grown, kPowersOfTen[static_cast<size_t>(step)], grown)) {
      return DecimalError::kOverflow;
    }
    left -= step;
  }
  return FromWide(negative, RoundQuotient(a, b, negative, mode), scale, out);
}

template <typename Operation>
absl::StatusOr<Decimal> Checked(const char* what, const Operation& operation) {
  Decimal out;
  if (const DecimalError error = operation(out); error != DecimalError::kOk) {
    return ToStatus(error, what);
  }
  return out;
}

}  // namespace

const char* ReasonOf(DecimalError error) {
  switch (error) {
    case DecimalError::kOk: return "";
    case DecimalError::kOverflow: return "OVERFLOW";
    case DecimalError::kOutOfRange: return "OUT_OF_RANGE";
    case DecimalError::kInvalidArgument: return "INVALID_ARGUMENT";
    case DecimalError::kDivideByZero: return "DIVIDE_BY_ZERO";
  }
  return "";
}

absl::Status ToStatus(DecimalError error, absl::string_view what) {
  switch (error) {
    case DecimalError::kOk: return absl::OkStatus();
    case DecimalError::kOverflow:
      return InvalidArgument("OVERFLOW", absl::StrCat(what, ": the result has more than 34 digits"));
    case DecimalError::kOutOfRange:
      return InvalidArgument(
          "OUT_OF_RANGE",
          absl::StrCat(what, ": more than 34 digits or 34 decimals; shorten the number"));
    case DecimalError::kInvalidArgument:
      return InvalidArgument("INVALID_ARGUMENT",
                             absl::StrCat(what, ": not a decimal, or an argument it cannot use"));
    case DecimalError::kDivideByZero:
      return InvalidArgument("DIVIDE_BY_ZERO", absl::StrCat(what, ": division by zero"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Decimal> Decimal::FromCoefficient(Coefficient coefficient, int scale) {
  const Decimal made(coefficient, scale);
  if (scale < 0 || scale > kMaxScale || Magnitude(made) >= kLimit) {
    return ToStatus(DecimalError::kOutOfRange, "coefficient and scale");
  }
  return made;
}

DecimalError Decimal::ParseInto(absl::string_view text, Decimal& out) {
  const char* p = text.data();
  const char* const end = p + text.size();
  bool negative = false;
  if (p != end && (*p == '+' || *p == '-')) negative = *p++ == '-';
  uint128 magnitude = 0;
  int digits = 0;    // Significant ones as written.
  int64_t scale = 0;
  const auto take = [&](char c) {
    if (digits == 0 && c == '0') return;
    if (++digits <= kMaxDigits) magnitude = magnitude * 10 + static_cast<uint128>(c - '0');
  };
  const char* start = p;
  for (; p != end && IsDigit(*p); ++p) take(*p);
  if (p == start) return DecimalError::kInvalidArgument;
  if (p != end && *p == '.') {
    start = ++p;
    for (; p != end && IsDigit(*p); ++p) take(*p);
    if (p == start) return DecimalError::kInvalidArgument;
    scale = p - start;
  }
  if (p != end && (*p == 'e' || *p == 'E')) {
    ++p;
    bool exponent_negative = false;
    if (p != end && (*p == '+' || *p == '-')) exponent_negative = *p++ == '-';
    start = p;
    int64_t exponent = 0;
    for (; p != end && IsDigit(*p); ++p) {
      // Beyond this nothing but zero is in range, and zero does not care.
      exponent = std::min<int64_t>(exponent * 10 + (*p - '0'), 1'000'000'000);
    }
    if (p == start) return DecimalError::kInvalidArgument;
    scale += exponent_negative ? exponent : -exponent;
  }
  if (p != end) return DecimalError::kInvalidArgument;
  if (digits > kMaxDigits || scale > kMaxScale) return DecimalError::kOutOfRange;
  if (scale < 0) {
    if (magnitude != 0) {
      if (digits - scale > kMaxDigits) return DecimalError::kOutOfRange;
      magnitude *= kPowersOfTen[static_cast<size_t>(-scale)];
    }
    scale = 0;
  }
  out = DecimalAccess::Make(negative, magnitude, static_cast<int>(scale));
  return DecimalError::kOk;
}

absl::StatusOr<Decimal> Decimal::Parse(absl::string_view text) {
  Decimal out;
  const DecimalError error = ParseInto(text, out);
  if (error != DecimalError::kOk) {
    return ToStatus(error, absl::StrCat("'", text.substr(0, 60), "'"));
  }
  return out;
}

char* Decimal::WriteTo(char* buffer) const {
  char digits[40];
  char* const digits_end = digits + sizeof(digits);
  char* first = digits_end;
  uint128 magnitude = Magnitude(*this);
  // Blocks of 18 digits, so that all but the split is 64-bit work.
  constexpr uint64_t kBlock = 1'000'000'000'000'000'000;
  while (High(magnitude) != 0) {
    auto block = Low(magnitude % kBlock);
    magnitude /= kBlock;
    for (int i = 0; i < 18; ++i, block /= 10) *--first = static_cast<char>('0' + block % 10);
  }
  for (uint64_t low = Low(magnitude); low != 0; low /= 10) {
    *--first = static_cast<char>('0' + low % 10);
  }
  while (digits_end - first <= scale_) *--first = '0';
  if (sign() < 0) *buffer++ = '-';
  const size_t whole = static_cast<size_t>(digits_end - first) - scale_;
  std::memcpy(buffer, first, whole);
  buffer += whole;
  if (scale_ == 0) return buffer;
  *buffer++ = '.';
  std::memcpy(buffer, first + whole, scale_);
  return buffer + scale_;
}

std::string Decimal::ToString() const {
  char buffer[kMaxText];
  return std::string(buffer, WriteTo(buffer));
}

void Decimal::AppendTo(std::string& out) const {
  char buffer[kMaxText];
  out.append(buffer, static_cast<size_t>(WriteTo(buffer) - buffer));
}

Decimal Decimal::Normalized() const { return Trim(*this, 0); }

absl::StatusOr<int64_t> Decimal::ToInt64() const {
  const uint128 whole = Magnitude(*this) / kPowersOfTen[scale_];
  const bool negative = sign() < 0;
  const uint128 most = uint128{1} << 63;
  if (negative ? whole > most : whole >= most) {
    return ToStatus(DecimalError::kOutOfRange, "conversion to a 64-bit integer");
  }
  return static_cast<int64_t>(negative ? uint64_t{0} - Low(whole) : Low(whole));
}

absl::StatusOr<uint64_t> Decimal::ToUint64() const {
  const uint128 whole = Magnitude(*this) / kPowersOfTen[scale_];
  if (High(whole) != 0 || (sign() < 0 && whole != 0)) {
    return ToStatus(DecimalError::kOutOfRange, "conversion to an unsigned 64-bit integer");
  }
  return Low(whole);
}

double Decimal::ToDouble() const {
  // The library's text reader rounds to nearest; two floating divisions would not.
  char buffer[kMaxText + 1];
  *WriteTo(buffer) = '\0';
  return std::strtod(buffer, nullptr);
}

bool Decimal::IsWhole() const { return Magnitude(*this) % kPowersOfTen[scale_] == 0; }

std::weak_ordering operator<=>(const Decimal& a, const Decimal& b) {
  const int c = Compare(a, b);
  return c < 0   ? std::weak_ordering::less
         : c > 0 ? std::weak_ordering::greater
                 : std::weak_ordering::equivalent;
}

int Compare(const Decimal& a, const Decimal& b) {
  if (a.scale() == b.scale()) {
    const auto ca = a.coefficient();
    const auto cb = b.coefficient();
    return ca < cb ? -1 : (ca > cb ? 1 : 0);
  }
  if (a.sign() != b.sign()) return a.sign() < b.sign() ? -1 : 1;
  const int shift = b.scale() - a.scale();
  const Wide wa =
      Multiply(Magnitude(a), kPowersOfTen[static_cast<size_t>(std::max(shift, 0))]);
  const Wide wb =
      Multiply(Magnitude(b), kPowersOfTen[static_cast<size_t>(std::max(-shift, 0))]);
  return a.sign() < 0 ? Compare(wb, wa) : Compare(wa, wb);
}

DecimalError AddInto(const Decimal& a, const Decimal& b, Decimal& out) {
  const int wanted = std::max(a.scale(), b.scale());
  const int up_a = wanted - a.scale();
  const int up_b = wanted - b.scale();
  // Both below 2^63 * 10^18 < 2^127 after scaling, or of one scale: 128 bits do.
  if ((up_a == 0 && up_b == 0) ||
      (a.fits_64() && b.fits_64() && up_a <= 18 && up_b <= 18)) {
    const auto sum =
        a.coefficient() * static_cast<Decimal::Coefficient>(kPowersOfTen[up_a]) +
        b.coefficient() * static_cast<Decimal::Coefficient>(kPowersOfTen[up_b]);
    const uint128 magnitude = sum < 0 ? -static_cast<uint128>(sum) : static_cast<uint128>(sum);
    if (magnitude < kLimit) {
      out = DecimalAccess::Make(sum < 0, magnitude, wanted);
      return DecimalError::kOk;
    }
    return Fit(sum < 0, Wide::Of(magnitude), wanted, out);
  }
  const Wide wa = Multiply(Magnitude(a), kPowersOfTen[up_a]);
  const Wide wb = Multiply(Magnitude(b), kPowersOfTen[up_b]);
  const bool negative_a = a.sign() < 0;
  const bool negative_b = b.sign() < 0;
  Wide result;
  if (negative_a == negative_b) {
    (void)Add(wa, wb, result);  // Each below 10^68.
    return Fit(negative_a, result, wanted, out);
  }
  const int c = Compare(wa, wb);
  if (c == 0) return Fit(false, Wide{}, wanted, out);
  return c > 0 ? Fit(negative_a, Subtract(wa, wb), wanted, out)
               : Fit(negative_b, Subtract(wb, wa), wanted, out);
}

DecimalError SubtractInto(const Decimal& a, const Decimal& b, Decimal& out) {
  return AddInto(a, -b, out);
}

DecimalError MultiplyInto(const Decimal& a, const Decimal& b, Decimal& out) {
  const int wanted = a.scale() + b.scale();
  const bool negative = a.sign() * b.sign() < 0;
  if (a.fits_64() && b.fits_64()) {
    const uint128 product = Magnitude(a) * Magnitude(b);  // At most 2^126.
    if (product < kLimit && wanted <= Decimal::kMaxScale) {
      out = DecimalAccess::Make(negative, product, wanted);
      return DecimalError::kOk;
    }
    return Fit(negative, Wide::Of(product), wanted, out);
  }
  return Fit(negative, Multiply(Magnitude(a), Magnitude(b)), wanted, out);
}

DecimalError DivideInto(const Decimal& a, const Decimal& b, Decimal& out) {
  if (b.is_zero()) return DecimalError::kDivideByZero;
  const int least = std::max(a.scale() - b.scale(), 0);
  if (a.is_zero()) {
    out = DecimalAccess::Make(false, 0, least);
    return DecimalError::kOk;
  }
  const bool negative = a.sign() * b.sign() < 0;
  const uint128 ma = Magnitude(a);
  const Wide wb = Wide::Of(Magnitude(b));
  // quotient at scale s = ma * 10^(s + sb - sa) / mb. The largest exponent whose
  // quotient can have 34 digits gives 34 or 35; then one less is right.
  const int to_scale = b.scale() - a.scale();
  int exponent = std::min(Decimal::kMaxScale + to_scale,
                          Decimal::kMaxDigits - DigitCount(Wide::Of(ma)) + DigitCount(wb));
  for (; exponent - to_scale >= 0; --exponent) {
    // Exponents are never negative: the scale limit gives 34 + sb - sa >= 0, the
    // digit limit at least 34 - 34 + 1, and one step down follows only the latter.
    Wide dividend;
    (void)Multiply(PowerOfTen(exponent), ma, dividend);  // At most 68 digits.
    bool exact = false;
    const Wide quotient =
        RoundQuotient(dividend, wb, negative, RoundingMode::kHalfEven, &exact);
    if (!BelowLimit(quotient)) continue;
    const Decimal fitted =
        DecimalAccess::Make(negative, quotient.To128(), exponent - to_scale);
    out = exact ? Trim(fitted, least) : fitted;
    return DecimalError::kOk;
  }
  return DecimalError::kOverflow;
}

DecimalError SquareRootInto(const Decimal& a, Decimal& out) {
  if (a.sign() < 0) return DecimalError::kInvalidArgument;
  const int least = (a.scale() + 1) / 2;
  if (a.is_zero()) {
    out = DecimalAccess::Make(false, 0, least);
    return DecimalError::kOk;
  }
  const uint128 magnitude = Magnitude(a);
  // The root at scale t is that of c * 10^(2t - s), which may have 68 digits.
  const int scale = std::min(Decimal::kMaxScale,
                             (68 - DigitCount(Wide::Of(magnitude)) + a.scale()) / 2);
  Wide radicand;
  (void)Multiply(PowerOfTen(2 * scale - a.scale()), magnitude, radicand);
  uint128 root = 0;
  for (int bit = 113; bit >= 0; --bit) {
    const uint128 tried = root | (uint128{1} << bit);
    if (Compare(Multiply(tried, tried), radicand) <= 0) root = tried;
  }
  const Wide rest = Subtract(radicand, Multiply(root, root));
  // (root + 1/2)^2 = root^2 + root + 1/4: above it if the rest exceeds the root;
  // a whole radicand never meets it.
  if (Compare(rest, Wide::Of(root)) > 0) ++root;
  if (root >= kLimit) return DecimalError::kOverflow;
  const Decimal fitted = DecimalAccess::Make(false, root, scale);
  out = rest.IsZero() ? Trim(fitted, least) : fitted;
  return DecimalError::kOk;
}

DecimalError RoundInto(const Decimal& a, int scale, RoundingMode mode, Decimal& out) {
  if (scale < 0 || scale > Decimal::kMaxScale) return DecimalError::kInvalidArgument;
  const int drop = a.scale() - scale;
  const uint128 magnitude = Magnitude(a);
  const bool negative = a.sign() < 0;
  if (drop > 0) {
    out = DecimalAccess::Make(
        negative, RoundQuotient(magnitude, kPowersOfTen[drop], negative, mode), scale);
    return DecimalError::kOk;
  }
  return FromWide(negative, Multiply(magnitude, kPowersOfTen[-drop]), scale, out);
}

DecimalError RoundToStepInto(const Decimal& a, const Decimal& step, RoundingMode mode,
                         Decimal& out) {
  if (step.sign() <= 0) return DecimalError::kInvalidArgument;
  const int shift = step.scale() - a.scale();
  const bool negative = a.sign() < 0;
  const Wide dividend = Multiply(Magnitude(a), kPowersOfTen[std::max(shift, 0)]);
  const Wide divisor = Multiply(Magnitude(step), kPowersOfTen[std::max(-shift, 0)]);
  const Wide steps = RoundQuotient(dividend, divisor, negative, mode);
  if (!BelowLimit(steps)) return DecimalError::kOverflow;
  return FromWide(negative, Multiply(steps.To128(), Magnitude(step)), step.scale(), out);
}

DecimalError MulRound(const Decimal& a, const Decimal& b, int scale, RoundingMode mode,
                      Decimal& out) {
  return MulDivRound(a, b, 1, 1, scale, mode, out);
}

DecimalError DivRound(const Decimal& a, const Decimal& b, int scale, RoundingMode mode,
                      Decimal& out) {
  if (scale < 0 || scale > Decimal::kMaxScale) return DecimalError::kInvalidArgument;
  if (b.is_zero()) return DecimalError::kDivideByZero;
  return RoundedRatio(a.sign() * b.sign() < 0, Wide::Of(Magnitude(a)), Wide::Of(Magnitude(b)),
                      scale + b.scale() - a.scale(), scale, mode, out);
}

DecimalError MulDivRound(const Decimal& a, const Decimal& b, int64_t numerator,
                         int64_t denominator, int scale, RoundingMode mode, Decimal& out) {
  if (scale < 0 || scale > Decimal::kMaxScale || numerator < 0 || denominator <= 0) {
    return denominator == 0 ? DecimalError::kDivideByZero : DecimalError::kInvalidArgument;
  }
  const bool negative = a.sign() * b.sign() < 0;
  const int shift = scale - a.scale() - b.scale();
  if (a.fits_64() && b.fits_64()) {
    // The way nearly every price goes: all of it in 128 bits.
    uint128 dividend = Magnitude(a) * Magnitude(b);
    auto divisor = static_cast<uint128>(denominator);
    const uint128 up = shift > 0 && shift <= 38 ? kPowersOfTen[shift] : 1;
    const uint128 down = shift < 0 && shift >= -19 ? kPowersOfTen[-shift] : 1;
    if (shift <= 38 && shift >= -19 &&
        !__builtin_mul_overflow(dividend, static_cast<uint128>(numerator), &dividend) &&
        !__builtin_mul_overflow(dividend, up, &dividend) &&
        !__builtin_mul_overflow(divisor, down, &divisor)) {
      const uint128 rounded = RoundQuotient(dividend, divisor, negative, mode);
      if (rounded >= kLimit) return DecimalError::kOverflow;
      out = DecimalAccess::Make(negative, rounded, scale);
      return DecimalError::kOk;
    }
  }
  Wide dividend = Multiply(Magnitude(a), Magnitude(b));
  if (!Multiply(dividend, static_cast<uint128>(numerator), dividend)) {
    return DecimalError::kOverflow;
  }
  return RoundedRatio(negative, dividend, Wide::Of(static_cast<uint128>(denominator)), shift,
                      scale, mode, out);
}

int CompareScaled(const Decimal& a, int64_t na, int64_t da, const Decimal& b, int64_t nb,
                  int64_t db) {
  if (a.sign() != b.sign()) return a.sign() < b.sign() ? -1 : 1;
  const int shift = b.scale() - a.scale();
  // Each side: below 10^34 * 10^34 * 2^126 needs 353 bits, so a common power of
  // ten is compared first by digits and only then multiplied out.
  const uint128 factor_a = static_cast<uint128>(na) * static_cast<uint128>(db);
  const uint128 factor_b = static_cast<uint128>(nb) * static_cast<uint128>(da);
  Wide wa = Multiply(Magnitude(a), factor_a);
  Wide wb = Multiply(Magnitude(b), factor_b);
  Wide& grown = shift > 0 ? wa : wb;
  int order;
  if (Multiply(grown, kPowersOfTen[static_cast<size_t>(std::abs(shift))], grown)) {
    order = Compare(wa, wb);
  } else {
    order = shift > 0 ? 1 : -1;  // One side is beyond 2^256, the other is not.
  }
  return a.sign() < 0 ? -order : order;
}

absl::StatusOr<Decimal> Add(const Decimal& a, const Decimal& b) {
  return Checked("addition", [&](Decimal& out) { return AddInto(a, b, out); });
}
absl::StatusOr<Decimal> Subtract(const Decimal& a, const Decimal& b) {
  return Checked("subtraction", [&](Decimal& out) { return SubtractInto(a, b, out); });
}
absl::StatusOr<Decimal> Multiply(const Decimal& a, const Decimal& b) {
  return Checked("multiplication", [&](Decimal& out) { return MultiplyInto(a, b, out); });
}
absl::StatusOr<Decimal> Divide(const Decimal& a, const Decimal& b) {
  return Checked("division", [&](Decimal& out) { return DivideInto(a, b, out); });
}
absl::StatusOr<Decimal> SquareRoot(const Decimal& a) {
  return Checked("square root", [&](Decimal& out) { return SquareRootInto(a, out); });
}
absl::StatusOr<Decimal> Round(const Decimal& a, int scale, RoundingMode mode) {
  return Checked("rounding", [&](Decimal& out) { return RoundInto(a, scale, mode, out); });
}
absl::StatusOr<Decimal> RoundToStep(const Decimal& a, const Decimal& step, RoundingMode mode) {
  return Checked("rounding to a step",
                 [&](Decimal& out) { return RoundToStepInto(a, step, mode, out); });
}

}  // namespace weft
