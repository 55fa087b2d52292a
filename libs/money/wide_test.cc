#include "libs/money/wide.h"

#include <catch2/catch.hpp>
#include <random>

namespace weft::money_internal {
namespace {

uint128 Any(std::mt19937_64& random) {
  const uint128 x = (uint128{random()} << 64) | random();
  return x >> (random() % 128);
}

TEST_CASE("quotient times divisor plus remainder is the dividend", "[wide]") {
  const uint64_t seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20000; ++i) {
    Wide dividend = Multiply(Any(random), Any(random));
    Wide divisor = random() % 4 == 0 ? Multiply(Any(random), Any(random)) : Wide::Of(Any(random));
    if (random() % 8 == 0) divisor.w[1] = ~uint64_t{0};
    if (random() % 8 == 0) dividend.w[3] = divisor.w[3];
    if (divisor.IsZero()) continue;

    const QuotientRemainder qr = Divide(dividend, divisor);

    REQUIRE(Compare(qr.remainder, divisor) < 0);
    // quotient * divisor by halves of the quotient.
    Wide low;
    REQUIRE(Multiply(divisor, qr.quotient.To128(), low));
    Wide high;
    REQUIRE(Multiply(divisor, (uint128{qr.quotient.w[3]} << 64) | qr.quotient.w[2], high));
    REQUIRE((high.w[2] | high.w[3]) == 0);
    Wide sum;
    REQUIRE(Add(low, Wide{{0, 0, high.w[0], high.w[1]}}, sum));
    REQUIRE(Add(sum, qr.remainder, sum));
    REQUIRE(Compare(sum, dividend) == 0);
  }
}

TEST_CASE("digits are counted exactly around every power of ten", "[wide]") {
  for (int k = 0; k <= 77; ++k) {
    CAPTURE(k);
    CHECK(DigitCount(PowerOfTen(k)) == k + 1);
    if (k > 0) CHECK(DigitCount(Subtract(PowerOfTen(k), Wide::Of(1))) == k);
  }
  CHECK(DigitCount(Wide{}) == 0);
}

}  // namespace
}  // namespace weft::money_internal
