// Unsigned 256-bit whole numbers: the intermediate of decimal products and
// quotients. Inside libs/money only.
//
// Every operation is exact; those that can leave 256 bits say so.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace weft::money_internal {

using uint128 = unsigned __int128;
using int128 = __int128;

constexpr uint64_t Low(uint128 x) { return static_cast<uint64_t>(x); }
constexpr uint64_t High(uint128 x) { return static_cast<uint64_t>(x >> 64); }

// 10^0 .. 10^38: all powers of ten below 2^128.
inline constexpr std::array<uint128, 39> kPowersOfTen = [] {
  std::array<uint128, 39> powers{};
  uint128 power = 1;
  for (auto& entry : powers) {
    entry = power;
    power *= 10;  // Wraps after the last one, which is not stored.
  }
  return powers;
}();

// Limbs from low to high.
struct Wide {
  uint64_t w[4] = {0, 0, 0, 0};

  static constexpr Wide Of(uint128 x) { return Wide{{Low(x), High(x), 0, 0}}; }
  constexpr bool FitsIn128() const { return (w[2] | w[3]) == 0; }
  constexpr uint128 To128() const { return (uint128{w[1]} << 64) | w[0]; }
  constexpr bool IsZero() const { return (w[0] | w[1] | w[2] | w[3]) == 0; }
  constexpr bool IsOdd() const { return (w[0] & 1) != 0; }
  constexpr int BitLength() const {
    for (int i = 3; i >= 0; --i) {
      if (w[i] != 0) return 64 * i + 64 - std::countl_zero(w[i]);
    }
    return 0;
  }
};

constexpr int Compare(const Wide& a, const Wide& b) {
  for (int i = 3; i >= 0; --i) {
    if (a.w[i] != b.w[i]) return a.w[i] < b.w[i] ? -1 : 1;
  }
  return 0;
}

// False when the sum leaves 256 bits.
constexpr bool Add(const Wide& a, const Wide& b, Wide& sum) {
  uint128 carry = 0;
  for (int i = 0; i < 4; ++i) {
    carry += uint128{a.w[i]} + b.w[i];
    sum.w[i] = Low(carry);
    carry >>= 64;
  }
  return carry == 0;
}

// a - b for a >= b.
constexpr Wide Subtract(const Wide& a, const Wide& b) {
  Wide difference;
  uint64_t borrow = 0;
  for (int i = 0; i < 4; ++i) {
    const uint128 d = uint128{a.w[i]} - b.w[i] - borrow;
    difference.w[i] = Low(d);
    borrow = High(d) != 0 ? 1 : 0;
  }
  return difference;
}

constexpr Wide Multiply(uint128 a, uint128 b) {
  const uint128 ll = uint128{Low(a)} * Low(b);
  const uint128 lh = uint128{Low(a)} * High(b);
  const uint128 hl = uint128{High(a)} * Low(b);
  const uint128 hh = uint128{High(a)} * High(b);
  const uint128 middle = uint128{High(ll)} + Low(lh) + Low(hl);
  const uint128 upper = hh + High(lh) + High(hl) + High(middle);
  return Wide{{Low(ll), Low(middle), Low(upper), High(upper)}};
}

// False when the product leaves 256 bits.
constexpr bool Multiply(const Wide& a, uint128 b, Wide& product) {
  const Wide low = Multiply(a.To128(), b);
  const Wide high = Multiply((uint128{a.w[3]} << 64) | a.w[2], b);
  if ((high.w[2] | high.w[3]) != 0) return false;
  const Wide shifted{{0, 0, high.w[0], high.w[1]}};
  return Add(low, shifted, product);
}

// 10^k for k in 0..77.
constexpr Wide PowerOfTen(int k) {
  if (k <= 38) return Wide::Of(kPowersOfTen[static_cast<size_t>(k)]);
  if (k <= 76) return Multiply(kPowersOfTen[38], kPowersOfTen[static_cast<size_t>(k - 38)]);
  Wide power;
  (void)Multiply(Multiply(kPowersOfTen[38], kPowersOfTen[38]), 10, power);
  return power;
}

// Number of decimal digits; 0 for 0.
constexpr int DigitCount(const Wide& x) {
  const int bits = x.BitLength();
  if (bits == 0) return 0;
  // bits * log10(2): the number of digits, or one less.
  const int guess = bits * 30103 / 100000;
  return guess + (Compare(x, PowerOfTen(guess)) >= 0 ? 1 : 0);
}

struct QuotientRemainder {
  Wide quotient;
  Wide remainder;
};

// Schoolbook division by limbs (Knuth, TAOCP 4.3.1 D). `divisor` is not zero.
QuotientRemainder Divide(const Wide& dividend, const Wide& divisor);

}  // namespace weft::money_internal
