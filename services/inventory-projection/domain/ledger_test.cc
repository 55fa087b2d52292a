#include "services/inventory-projection/domain/ledger.h"

#include <catch2/catch.hpp>

namespace weft::inventory {
namespace {

constexpr absl::Duration kMemory = absl::Hours(24 * 35);

absl::Time At(int hour) { return absl::FromUnixSeconds(1'700'000'000) + absl::Hours(hour); }

Count CountedAt(int hour, std::vector<std::string> exceptions = {}) {
  Count count;
  Apply(NewCount{Decimal(100), At(hour), std::move(exceptions), std::nullopt}, count);
  return count;
}

Flow::Shipment Shipped(std::string id, int quantity, int hour) {
  return {std::move(id), "DEN", Decimal(quantity), At(hour)};
}
Flow::Movement Booked(std::string id, std::string shipment, int quantity, int hour) {
  return {std::move(id), "DEN", std::move(shipment), Decimal(quantity), At(hour)};
}

TEST_CASE("a movement counts unless the count has seen it", "[ledger]") {
  // The count has seen everything up to hour 10, but for what it names.
  auto [posted, exceptions, unseen] =
      GENERATE(table<int, std::vector<std::string>, int>({
          {9, {}, 0},
          {10, {}, 0},       // At the watermark is seen.
          {11, {}, 5},
          {9, {"M"}, 5},     // Posted late: named as not seen.
          {11, {"M"}, 0},    // Named as seen already.
          {9, {"other"}, 0},
          {10 - 24 * 36, {"M"}, 0},  // Beyond memory no exception helps.
      }));
  CAPTURE(posted, exceptions);
  const Count count = CountedAt(10, exceptions);

  CHECK(Unseen(Movement{"M", Decimal(5), At(posted)}, count, kMemory) == Decimal(unseen));
}

TEST_CASE("an older count never overwrites a newer one", "[ledger]") {
  Count count = CountedAt(10);

  CHECK_FALSE(Apply(NewCount{Decimal(7), At(9), {}, std::nullopt}, count));
  CHECK(count.on_hand == Decimal(100));
  CHECK(Apply(NewCount{Decimal(7), At(10), {}, std::nullopt}, count));
  CHECK(count.on_hand == Decimal(7));
}

TEST_CASE("safety stock stays when a count does not mention it", "[ledger]") {
  Count count;
  Apply(NewCount{Decimal(1), At(3), {}, Decimal(9)}, count);
  Apply(NewCount{Decimal(2), At(4), {}, std::nullopt}, count);
  Apply(NewCount{Decimal(2), At(2), {}, Decimal(8)}, count);

  CHECK(count.safety == Decimal(9));
}

TEST_CASE("a shipment is taken once however it is told", "[ledger]") {
  struct Case {
    const char* what;
    std::vector<Flow::Shipment> shipments;
    std::vector<Flow::Movement> movements;
    int total;
    int unseen;  // By a count with its watermark at hour 10.
  };
  const Case c = GENERATE(values<Case>({
      {"by the order", {Shipped("S", 6, 11)}, {}, 6, 6},
      {"by the order, counted", {Shipped("S", 6, 9)}, {}, 6, 0},
      {"by the ledger", {}, {Booked("M", "S", 6, 11)}, 6, 6},
      {"by both", {Shipped("S", 6, 11)}, {Booked("M", "S", 6, 11)}, 6, 6},
      {"by both, the ledger's time counts", {Shipped("S", 6, 11)}, {Booked("M", "S", 6, 10)}, 6, 0},
      {"half of it booked", {Shipped("S", 6, 11)}, {Booked("M", "S", 4, 11)}, 6, 6},
      {"half of it booked and counted", {Shipped("S", 6, 11)}, {Booked("M", "S", 4, 9)}, 6, 2},
      {"two postings", {Shipped("S", 6, 11)}, {Booked("M", "S", 4, 11), Booked("N", "S", 2, 11)}, 6, 6},
      {"more booked than told", {Shipped("S", 6, 11)}, {Booked("M", "S", 7, 11)}, 7, 7},
      {"posting without shipment", {Shipped("S", 6, 11)}, {Booked("M", "", 6, 11)}, 6, 6},
      {"posting without shipment covers the earliest",
       {Shipped("S", 6, 12), Shipped("R", 4, 11)}, {Booked("M", "", 4, 9)}, 10, 6},
      {"two shipments", {Shipped("S", 6, 11), Shipped("R", 4, 9)}, {}, 10, 6},
  }));
  CAPTURE(c.what);
  Flow flow;
  for (const auto& s : c.shipments) CHECK(flow.Add(s));
  for (const auto& m : c.movements) CHECK(flow.Add(m));
  for (const auto& s : c.shipments) CHECK_FALSE(flow.Add(s));
  for (const auto& m : c.movements) CHECK_FALSE(flow.Add(m));

  CHECK(flow.Total("DEN") == Decimal(c.total));
  CHECK(flow.Total() == Decimal(c.total));
  CHECK(flow.Unseen("DEN", CountedAt(10), kMemory) == Decimal(c.unseen));
  CHECK(flow.Total("CHI").is_zero());
}

}  // namespace
}  // namespace weft::inventory
