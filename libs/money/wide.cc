#include "libs/money/wide.h"

namespace weft::money_internal {
namespace {

int LimbCount(const Wide& x) {
  for (int i = 3; i >= 0; --i) {
    if (x.w[i] != 0) return i + 1;
  }
  return 0;
}

QuotientRemainder DivideByLimb(const Wide& dividend, uint64_t divisor) {
  QuotientRemainder result;
  uint64_t remainder = 0;
  for (int i = 3; i >= 0; --i) {
    const uint128 part = (uint128{remainder} << 64) | dividend.w[i];
    result.quotient.w[i] = Low(part / divisor);
    remainder = Low(part % divisor);
  }
  result.remainder.w[0] = remainder;
  return result;
}

}  // namespace

QuotientRemainder Divide(const Wide& dividend, const Wide& divisor) {
  if (dividend.FitsIn128() && divisor.FitsIn128()) {
    const uint128 a = dividend.To128();
    const uint128 b = divisor.To128();
    return {Wide::Of(a / b), Wide::Of(a % b)};
  }
  if (Compare(dividend, divisor) < 0) return {Wide{}, dividend};
  const int n = LimbCount(divisor);
  if (n == 1) return DivideByLimb(dividend, divisor.w[0]);

  // Normalise: the divisor's top bit is set, so a guessed digit is at most two
  // too large.
  const int shift = std::countl_zero(divisor.w[n - 1]);
  uint64_t v[4] = {0, 0, 0, 0};
  uint64_t u[5] = {0, 0, 0, 0, 0};
  for (int i = 3; i >= 0; --i) {
    const uint64_t from_below_v = shift != 0 && i > 0 ? divisor.w[i - 1] >> (64 - shift) : 0;
    const uint64_t from_below_u = shift != 0 && i > 0 ? dividend.w[i - 1] >> (64 - shift) : 0;
    v[i] = (divisor.w[i] << shift) | from_below_v;
    u[i] = (dividend.w[i] << shift) | from_below_u;
  }
  u[4] = shift != 0 ? dividend.w[3] >> (64 - shift) : 0;

  QuotientRemainder result;
  for (int j = 4 - n; j >= 0; --j) {
    const uint128 top = (uint128{u[j + n]} << 64) | u[j + n - 1];
    uint128 digit = top / v[n - 1];
    uint128 rest = top % v[n - 1];
    while (High(digit) != 0 || digit * v[n - 2] > ((rest << 64) | u[j + n - 2])) {
      --digit;
      rest += v[n - 1];
      if (High(rest) != 0) break;
    }
    uint128 carry = 0;
    uint64_t borrow = 0;
    for (int i = 0; i < n; ++i) {
      carry += digit * v[i];
      const uint128 d = uint128{u[i + j]} - Low(carry) - borrow;
      u[i + j] = Low(d);
      borrow = High(d) != 0 ? 1 : 0;
      carry >>= 64;
    }
    const uint128 d = uint128{u[j + n]} - Low(carry) - borrow;
    u[j + n] = Low(d);
    if (High(d) != 0) {
      // The guess was one too large: give one divisor back.
      --digit;
      uint128 sum = 0;
      for (int i = 0; i < n; ++i) {
        sum += uint128{u[i + j]} + v[i];
        u[i + j] = Low(sum);
        sum >>= 64;
      }
      u[j + n] += Low(sum);
    }
    result.quotient.w[j] = Low(digit);
  }
  for (int i = 0; i < n; ++i) {
    const uint64_t from_above = shift != 0 ? u[i + 1] << (64 - shift) : 0;
    result.remainder.w[i] = (u[i] >> shift) | from_above;
  }
  return result;
}

}  // namespace weft::money_internal
