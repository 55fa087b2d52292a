#include "services/inventory-projection/domain/quantity.h"

#include <catch2/catch.hpp>

namespace weft::inventory {
namespace {

UnitRatio Ratio(int64_t numerator, int64_t denominator) {
  return UnitRatio::Make(numerator, denominator).value();
}

TEST_CASE("quantities are decimals within the limits and nothing else", "[quantity]") {
  auto [text, expected] = GENERATE(table<std::string, std::string>({
      {"600", "600"},
      {"0.500", "0.5"},
      {"-3", "-3"},
      {"1000000000000", "1000000000000"},
      {"1000000000001", "refused"},
      {"0.0000001", "refused"},
      {"1.0000000", "1"},
      {"", "refused"},
      {"12 EA", "refused"},
      {"1e3", "refused"},
      {"NaN", "refused"},
  }));
  CAPTURE(text);

  const std::optional<Decimal> parsed = ParseQuantity(text);

  CHECK((parsed.has_value() ? Text(*parsed) : "refused") == expected);
}

TEST_CASE("a unit becomes base units exactly, or rounded up where it cannot", "[quantity]") {
  auto [quantity, numerator, denominator, expected] =
      GENERATE(table<std::string, int64_t, int64_t, std::string>({
          {"2", 12, 1, "24"},
          {"0.5", 12, 1, "6"},
          {"6", 1, 12, "0.5"},
          {"1", 1, 3, "0.333334"},
          {"3", 1, 3, "1"},
      }));
  CAPTURE(quantity, numerator, denominator);

  const auto base = ToBase(Decimal::Parse(quantity).value(), Ratio(numerator, denominator));

  REQUIRE(base.has_value());
  CHECK(Text(*base) == expected);
}

TEST_CASE("only whole units are offered of another unit", "[quantity]") {
  CHECK(Text(WholeUnits(Decimal(43), Ratio(12, 1))) == "3");
  CHECK(Text(WholeUnits(Decimal(11), Ratio(12, 1))) == "0");
  CHECK(Text(WholeUnits(Decimal(5), Ratio(1, 2))) == "10");
}

}  // namespace
}  // namespace weft::inventory
