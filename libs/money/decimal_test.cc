#include "libs/money/decimal.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "absl/hash/hash.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/error.h"
#include "libs/money/wide.h"
#include "libs/testing/paths.h"

namespace weft {
namespace {

Decimal D(absl::string_view text) { return Decimal::Parse(text).value(); }

std::string Told(const absl::StatusOr<Decimal>& result) {
  if (result.ok()) return result->ToString();
  return absl::StrCat("!", absl::AsciiStrToLower(ReasonOf(result.status())));
}

std::string Run(const std::vector<std::string>& c) {
  if (c[0] == "parse") return Told(Decimal::Parse(c[1]));
  const Decimal a = D(c[1]);
  if (c[0] == "sqrt") return Told(SquareRoot(a));
  if (c[0] == "round") {
    int scale = 0;
    REQUIRE(absl::SimpleAtoi(c[2], &scale));
    return Told(Round(a, scale, ParseRoundingMode(c[3]).value()));
  }
  const Decimal b = D(c[2]);
  if (c[0] == "add") return Told(Add(a, b));
  if (c[0] == "sub") return Told(Subtract(a, b));
  if (c[0] == "mul") return Told(Multiply(a, b));
  if (c[0] == "div") return Told(Divide(a, b));
  if (c[0] == "roundTo") return Told(RoundToStep(a, b, ParseRoundingMode(c[3]).value()));
  if (c[0] == "cmp") return absl::StrCat(Compare(a, b));
  return "no such operation";
}

TEST_CASE("every decimal vector comes out to the letter", "[decimal]") {
  std::ifstream file(testing::DataDir() + "/decimal/vectors.tsv");
  REQUIRE(file.good());
  int cases = 0;
  std::string line;
  while (std::getline(file, line)) {
    if (line.empty() || line[0] == '#') continue;
    const std::vector<std::string> columns = absl::StrSplit(line, '\t');
    REQUIRE(columns.size() == 5);
    CAPTURE(line);
    CHECK(Run(columns) == columns[4]);
    ++cases;
  }
  CHECK(cases >= 838);
}

TEST_CASE("examples of the language's reference hold", "[decimal]") {
  CHECK(Told(Add(D("12.50"), D("1"))) == "13.50");
  CHECK(Told(Multiply(D("12.50"), D("1.10"))) == "13.7500");
  CHECK(Told(Divide(D("1"), D("3"))) == "0.3333333333333333333333333333333333");
  CHECK(Told(Divide(D("2"), D("3"))) == "0.6666666666666666666666666666666667");
  CHECK(Told(Divide(D("10"), D("4"))) == "2.5");
}

TEST_CASE("seven modes round as their table says", "[decimal]") {
  const auto [mode, a, b, c, d] = GENERATE(table<const char*, int, int, int, int>({
      {"HALF_UP", 3, -3, 2, -3},
      {"HALF_EVEN", 2, -2, 2, -3},
      {"HALF_DOWN", 2, -2, 2, -3},
      {"UP", 3, -3, 3, -3},
      {"DOWN", 2, -2, 2, -2},
      {"CEILING", 3, -2, 3, -2},
      {"FLOOR", 2, -3, 2, -3},
  }));
  CAPTURE(mode);
  const RoundingMode m = ParseRoundingMode(mode).value();

  CHECK(Round(D("2.5"), 0, m).value() == Decimal(a));
  CHECK(Round(D("-2.5"), 0, m).value() == Decimal(b));
  CHECK(Round(D("2.4"), 0, m).value() == Decimal(c));
  CHECK(Round(D("-2.6"), 0, m).value() == Decimal(d));
  CHECK(RoundingModeName(m) == std::string(mode));
}

TEST_CASE("an unknown rounding mode is refused", "[decimal]") {
  CHECK(ReasonOf(ParseRoundingMode("half_up").status()) == "INVALID_ARGUMENT");
}

TEST_CASE("halves of amounts round half up and half even", "[decimal]") {
  const auto [text, up, even] = GENERATE(table<const char*, const char*, const char*>({
      {"2.125", "2.13", "2.12"},
      {"2.135", "2.14", "2.14"},
      {"2.145", "2.15", "2.14"},
      {"-2.125", "-2.13", "-2.12"},
      {"1.005", "1.01", "1.00"},
  }));
  CHECK(Told(Round(D(text), 2, RoundingMode::kHalfUp)) == up);
  CHECK(Told(Round(D(text), 2, RoundingMode::kHalfEven)) == even);
}

TEST_CASE("equal values of different scale are equal and hash alike", "[decimal]") {
  CHECK(D("12.5") == D("12.50"));
  CHECK_FALSE(D("12.5").Identical(D("12.50")));
  CHECK(absl::HashOf(D("12.5")) == absl::HashOf(D("12.50")));
  CHECK(D("-1") < D("0.0001"));
  CHECK(D("0.00") == Decimal());
}

TEST_CASE("conversions to integers truncate and refuse what does not fit", "[decimal]") {
  CHECK(D("-2.9").ToInt64().value() == -2);
  CHECK(D("9223372036854775807.5").ToInt64().value() == INT64_MAX);
  CHECK(D("-9223372036854775808.9").ToInt64().value() == INT64_MIN);
  CHECK(ReasonOf(D("9223372036854775808").ToInt64().status()) == "OUT_OF_RANGE");
  CHECK(D("18446744073709551615").ToUint64().value() == UINT64_MAX);
  CHECK(D("-0.9").ToUint64().value() == 0);
  CHECK(ReasonOf(D("-1").ToUint64().status()) == "OUT_OF_RANGE");
  CHECK(D("0.1").ToDouble() == 0.1);
  CHECK(Decimal::FromUint(UINT64_MAX).ToString() == "18446744073709551615");
}

TEST_CASE("a line is rounded once however many steps it has", "[decimal]") {
  Decimal net;
  // 49.00 per 1,000.
  const auto [quantity, expected] = GENERATE(table<const char*, const char*>(
      {{"333", "16.32"}, {"1", "0.05"}, {"250", "12.25"}}));
  REQUIRE(MulDivRound(D("49.00"), D(quantity), 1, 1000, 2, RoundingMode::kHalfUp, net) ==
          DecimalError::kOk);
  CHECK(net.ToString() == expected);
}

TEST_CASE("a product of the largest numbers overflows instead of wrapping", "[decimal]") {
  const Decimal most = D("9999999999999999999999999999999999");
  Decimal out = D("7");
  CHECK(MulDivRound(most, most, INT64_MAX, 1, 34, RoundingMode::kUp, out) ==
        DecimalError::kOverflow);
  CHECK(MulRound(most, D("2"), 0, RoundingMode::kUp, out) == DecimalError::kOverflow);
  CHECK(DivRound(most, D("0"), 0, RoundingMode::kUp, out) == DecimalError::kDivideByZero);
  CHECK(MulRound(most, D("2"), 35, RoundingMode::kUp, out) == DecimalError::kInvalidArgument);
  CHECK(out == D("7"));  // Untouched by errors.
}

// A random decimal with `digits` digits at most.
Decimal Any(std::mt19937_64& random) {
  const int digits = static_cast<int>(random() % 34) + 1;
  Decimal::Coefficient c = 0;
  for (int i = 0; i < digits; ++i) c = c * 10 + static_cast<int>(random() % 10);
  if (random() % 2 == 0) c = -c;
  return Decimal::FromCoefficient(c, static_cast<int>(random() % 35)).value();
}

TEST_CASE("every decimal survives printing and parsing", "[decimal]") {
  const uint64_t seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 2000; ++i) {
    const Decimal a = Any(random);
    CAPTURE(a.ToString());
    REQUIRE(Decimal::Parse(a.ToString()).value().Identical(a));
  }
}

TEST_CASE("the fast and the wide way agree", "[decimal]") {
  const uint64_t seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 5000; ++i) {
    const auto a = Decimal::FromUnscaled(static_cast<int64_t>(random()) >> (random() % 60),
                                         static_cast<int>(random() % 8));
    const auto b = Decimal::FromUnscaled(static_cast<int64_t>(random()) >> (random() % 60),
                                         static_cast<int>(random() % 8));
    const int scale = static_cast<int>(random() % 6);
    CAPTURE(a.ToString(), b.ToString(), scale);
    const auto mode = static_cast<RoundingMode>(random() % 7);
    // The exact product has at most 38 digits; where it fits, rounding it is the
    // definition.
    const absl::StatusOr<Decimal> product = Multiply(a, b);
    Decimal direct;
    const DecimalError error = MulRound(a, b, scale, mode, direct);
    if (product.ok() && product->scale() == a.scale() + b.scale()) {
      const absl::StatusOr<Decimal> rounded = Round(*product, scale, mode);
      REQUIRE(rounded.ok() == (error == DecimalError::kOk));
      if (rounded.ok()) REQUIRE(rounded->Identical(direct));
    }
    // a * n / n rounded to its own scale is a.
    const int64_t n = static_cast<int64_t>(random() >> 1) | 1;
    REQUIRE(MulDivRound(a, Decimal(1), n, n, a.scale(), mode, direct) == DecimalError::kOk);
    REQUIRE(direct.Identical(a));
  }
}

TEST_CASE("comparing in two units needs no conversion", "[decimal]") {
  CHECK(CompareScaled(D("3"), 12, 1, D("36"), 1, 1) == 0);
  CHECK(CompareScaled(D("1"), 1, 3, D("0.3333333333333333333333333333333333"), 1, 1) == 1);
  CHECK(CompareScaled(D("-3"), 12, 1, D("35"), 1, 1) == -1);
  CHECK(CompareScaled(D("9999999999999999999999999999999999"), INT64_MAX, 1,
                      D("0.0000000000000000000000000000000001"), 1, INT64_MAX) == 1);
}

}  // namespace
}  // namespace weft
