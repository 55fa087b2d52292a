#include "services/reorder/domain/rhythm.h"

#include <algorithm>
#include <catch2/catch.hpp>

namespace weft::reorder {
namespace {

absl::Time On(const std::string& day) {
  absl::Time time;
  std::string error;
  REQUIRE(absl::ParseTime("%Y-%m-%d", day, absl::UTCTimeZone(), &time, &error));
  return time + absl::Hours(11);
}

// Seven purchases, every 28 days but one, usually 24.
std::vector<Purchase> Regular() {
  std::vector<Purchase> purchases;
  absl::Time day = On("2011-05-18");
  for (const auto& [days, quantity] : {std::pair{0, 24}, {28, 24}, {28, 36}, {28, 24},
                                       {28, 12}, {28, 24}, {28, 48}}) {
    day += absl::Hours(24 * days);
    purchases.push_back({day, Decimal(quantity)});
  }
  return purchases;
}

TEST_CASE("the rhythm is the median of what the account did", "[rhythm]") {
  struct Case {
    const char* what;
    std::vector<Purchase> purchases;
    int count;
    int64_t interval;
    int64_t deviation;
    int typical;
  };
  const Case c = GENERATE(values<Case>({
      {"nothing", {}, 0, 0, 0, 0},
      {"once", {{On("2011-01-01"), Decimal(5)}}, 1, 0, 0, 5},
      {"twice on one day is one purchase",
       {{On("2011-01-01"), Decimal(5)}, {On("2011-01-01"), Decimal(2)}}, 1, 0, 0, 7},
      {"a stray order moves nothing",
       {{On("2011-01-01"), Decimal(10)}, {On("2011-01-11"), Decimal(10)},
        {On("2011-01-12"), Decimal(900)}, {On("2011-01-21"), Decimal(10)},
        {On("2011-01-31"), Decimal(10)}}, 5, 10, 1, 10},
      {"a day on which all was given back is none",
       {{On("2011-01-01"), Decimal(4)}, {On("2011-01-05"), Decimal(4)},
        {On("2011-01-05"), -Decimal(4)}, {On("2011-01-09"), Decimal(4)}}, 2, 8, 0, 4},
      {"a later credit is no purchase",
       {{On("2011-01-01"), Decimal(4)}, {On("2011-01-09"), Decimal(4)},
        {On("2011-01-10"), -Decimal(4)}}, 2, 8, 0, 4},
      {"an even number of intervals",
       {{On("2011-01-01"), Decimal(1)}, {On("2011-01-05"), Decimal(2)},
        {On("2011-01-12"), Decimal(3)}}, 3, 6, 2, 2},
  }));
  CAPTURE(c.what);

  const Rhythm rhythm = FindRhythm(c.purchases);

  CHECK(rhythm.purchases == c.count);
  CHECK(rhythm.interval_days == c.interval);
  CHECK(rhythm.deviation_days == c.deviation);
  CHECK(rhythm.typical == Decimal(c.typical));
  std::vector<Purchase> backwards = c.purchases;
  std::reverse(backwards.begin(), backwards.end());
  CHECK(FindRhythm(backwards).interval_days == c.interval);
}

TEST_CASE("an item is due an interval after the last time, and given up later", "[rhythm]") {
  auto [today, due] = GENERATE(table<std::string, bool>({
      {"2011-11-02", false},
      {"2011-11-26", false},
      {"2011-11-27", true},   // Three days ahead.
      {"2011-11-30", true},
      {"2012-02-22", true},
      {"2012-02-23", false},  // Four intervals without it.
  }));
  CAPTURE(today);

  CHECK(FindDue(FindRhythm(Regular()), {}, On(today)).has_value() == due);
}

TEST_CASE("the reason says the numbers", "[rhythm]") {
  const Rhythm rhythm = FindRhythm(Regular());
  const auto due = FindDue(rhythm, {}, On("2011-12-05"));

  REQUIRE(due.has_value());
  CHECK(due->days_overdue == 5);
  CHECK(due->confidence_percent == 85);
  CHECK(Explain(rhythm, *due, "EA", Decimal(24)) ==
        "bought 7 times, every 28 days (median), usually 24 EA; last on 2011-11-02; due "
        "2011-11-30");
}

TEST_CASE("two purchases are no rhythm", "[rhythm]") {
  const Rhythm rhythm =
      FindRhythm({{On("2011-01-01"), Decimal(4)}, {On("2011-01-09"), Decimal(4)}});

  CHECK_FALSE(FindDue(rhythm, {}, On("2011-01-17")).has_value());
  CHECK(FindDue(rhythm, {.min_purchases = 2}, On("2011-01-17")).has_value());
}

TEST_CASE("a suggestion keeps to what the item is sold in", "[rhythm]") {
  CHECK(OrderQuantity(Decimal(7), std::nullopt, std::nullopt) == Decimal(7));
  CHECK(OrderQuantity(Decimal(7), Decimal(10), std::nullopt) == Decimal(10));
  CHECK(OrderQuantity(Decimal(7), std::nullopt, Decimal(6)) == Decimal(12));
  CHECK(OrderQuantity(Decimal(7), Decimal(20), Decimal(6)) == Decimal(24));
}

}  // namespace
}  // namespace weft::reorder
