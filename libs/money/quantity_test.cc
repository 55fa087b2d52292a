#include "libs/money/quantity.h"

#include <catch2/catch.hpp>

#include "libs/base/error.h"

namespace weft {
namespace {

Decimal D(absl::string_view text) { return Decimal::Parse(text).value(); }
UnitRatio R(int64_t numerator, int64_t denominator) {
  return UnitRatio::Make(numerator, denominator).value();
}

TEST_CASE("a unit ratio is held in lowest terms", "[quantity]") {
  CHECK(R(24, 2) == R(12, 1));
  CHECK(ReasonOf(UnitRatio::Make(0, 1).status()) == "UNIT_RATIO_INVALID");
  CHECK(ReasonOf(UnitRatio::Make(1, -1).status()) == "UNIT_RATIO_INVALID");
}

TEST_CASE("cases and pallets convert exactly", "[quantity]") {
  const UnitRatio each;
  const UnitRatio dozen_case = R(12, 1);
  const UnitRatio pallet = R(480, 1);

  CHECK(ConvertUnit(D("2"), pallet, each)->value == D("960"));
  CHECK(ConvertUnit(D("2"), pallet, dozen_case)->value == D("80"));
  CHECK(ConvertUnit(D("30"), each, dozen_case)->value.ToString() == "2.5");
  CHECK(CompareQuantities(D("3"), dozen_case, D("36"), each) == 0);
}

TEST_CASE("one piece of an item stocked in dozens stays one piece", "[quantity]") {
  const UnitRatio dozen;  // Base unit.
  const UnitRatio each = R(1, 12);

  const ConvertedValue there = ConvertUnit(D("1"), each, dozen).value();

  // A twelfth has no decimal; the ratio is what keeps it exact.
  CHECK_FALSE(there.exact);
  CHECK(CompareQuantities(D("12"), each, D("1"), dozen) == 0);
  CHECK(CompareQuantities(D("1"), each, D("1"), each) == 0);
}

TEST_CASE("a quantity is covered by whole packs", "[quantity]") {
  CHECK(WholeUnitsCovering(D("200"), UnitRatio(), R(12, 1)).value() == D("17"));
  CHECK(WholeUnitsCovering(D("204"), UnitRatio(), R(12, 1)).value() == D("17"));
  CHECK(WholeUnitsCovering(D("204.001"), UnitRatio(), R(12, 1)).value() == D("18"));
}

TEST_CASE("a ratio that leaves 64 bits is an overflow", "[quantity]") {
  CHECK(ReasonOf(RatioBetween(R(INT64_MAX, 1), R(1, 2)).status()) == "OVERFLOW");
  CHECK(RatioBetween(R(INT64_MAX, 1), R(INT64_MAX, 3)).value() == R(3, 1));
}

TEST_CASE("a quantity prints with its unit", "[quantity]") {
  CHECK(Quantity{D("600"), "EA"}.ToString() == "600 EA");
}

}  // namespace
}  // namespace weft
