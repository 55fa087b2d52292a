// The room on the engine: repeats, undo marks, timers, restarts.
#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/testing/room_harness.h"
#include "services/inventory-projection/app.h"
#include "services/inventory-projection/availability.h"
#include "services/inventory-projection/convert.h"
#include "services/inventory-projection/program.h"
#include "weft/facts/v1/facts.pb.h"
#include "weft/sales/v1/sales.pb.h"
#include "weft/stock/v1/stock.pb.h"

namespace weft::inventory {
namespace {

const std::string kService = "weft.inventory.v1.InventoryService/";

class Bench {
 public:
  Bench() : program_(MakeProgram(Settings())), room_(program_) {
    facts::v1::LoadChanged load;
    load.set_ended(true);
    load.add_entities("item");
    room_.Deliver("demo", engine::kTimeline, "erp-connector", "loads/main", load);
  }

  void Stock(const std::string& sku, int on_hand) {
    facts::v1::ItemChanged item;
    item.set_sku(sku);
    item.set_base_unit("EA");
    room_.Deliver("demo", engine::kTimeline, "erp-connector", "items/" + sku, item);
    stock::v1::StockCounted counted;
    counted.set_sku(sku);
    counted.set_location("DEN");
    counted.set_on_hand(absl::StrCat(on_hand));
    *counted.mutable_watermark() = ToTimestamp(absl::FromUnixSeconds(1'600'000'000));
    room_.Deliver("demo", kMovementsTopic, "erp-connector", sku + "@DEN", counted);
  }

  absl::StatusOr<v1::Reservation> Reserve(const std::string& request_id,
                                          const std::string& quantity,
                                          const std::string& order = "") {
    v1::ReserveRequest request;
    request.set_request_id(request_id);
    request.set_order(order);
    auto* line = request.add_lines();
    line->set_sku("X");
    line->mutable_quantity()->set_value(quantity);
    return room_.Submit<v1::Reservation>(kReserveMethod, principal_, request_id, request);
  }
  absl::StatusOr<v1::Reservation> Release(const std::string& undo_of) {
    v1::ReleaseRequest request;
    request.set_request_id("undo-" + undo_of);
    request.set_undo_of(undo_of);
    return room_.Submit<v1::Reservation>(kService + "Release", principal_,
                                         request.request_id(), request);
  }
  absl::StatusOr<v1::Reservation> Confirm(const std::string& name) {
    v1::ConfirmRequest request;
    request.set_request_id("confirm-" + name);
    request.set_name(name);
    return room_.Submit<v1::Reservation>(kService + "Confirm", principal_,
                                         request.request_id(), request);
  }
  v1::GetAvailabilityResponse Ask(const std::string& sku) {
    v1::GetAvailabilityRequest request;
    request.add_lines()->set_sku(sku);
    return ReadAvailability(request, *room_.Read("demo")).value();
  }
  std::string Available() { return Ask("X").lines(0).available(); }

  testing::RoomHarness& room() { return room_; }

 private:
  engine::Program program_;
  testing::RoomHarness room_;
  Principal principal_ = testing::MakePrincipal("demo", {"service"});
};

TEST_CASE("a hold that nobody confirms expires without any traffic", "[room]") {
  Bench bench;
  bench.Stock("X", 10);
  const auto held = bench.Reserve("r1", "4");
  REQUIRE(held.ok());
  const auto firm = bench.Reserve("r2", "1");
  REQUIRE(bench.Confirm(firm->name()).ok());

  bench.room().Advance(absl::Minutes(15) - absl::Seconds(1));
  CHECK(bench.Available() == "5");
  bench.room().Reopen();
  bench.room().Advance(absl::Seconds(2));

  CHECK(bench.Available() == "9");
}

TEST_CASE("the undo that comes first makes the late reservation refused", "[room]") {
  Bench bench;
  bench.Stock("X", 10);

  REQUIRE(bench.Release("r1").ok());
  const auto late = bench.Reserve("r1", "4");

  CHECK(ReasonOf(late.status()) == "UNDONE");
  CHECK(bench.Available() == "10");
}

TEST_CASE("a refused reservation leaves no row, no timer and no event", "[room]") {
  Bench bench;
  bench.Stock("X", 10);
  bench.room().ClearEmitted();
  const std::string before = bench.room().Dump();

  CHECK(ReasonOf(bench.Reserve("r1", "11").status()) == "INSUFFICIENT_STOCK");

  CHECK(bench.room().Dump() == before);
  CHECK(bench.room().emitted().empty());
}

TEST_CASE("a record that makes no sense is parked and the next one is applied", "[room]") {
  Bench bench;
  bench.Stock("X", 10);
  stock::v1::StockCounted broken;
  broken.set_sku("X");
  broken.set_location("DEN");
  broken.set_on_hand("ten");
  bench.room().Deliver("demo", kMovementsTopic, "erp-connector", "X@DEN", broken);

  REQUIRE(bench.room().parked().size() == 1);
  bench.Stock("Y", 3);

  CHECK(bench.Ask("Y").lines(0).available() == "3");
  CHECK(bench.Ask("X").freshness().position() == bench.Ask("Y").freshness().position());
}

TEST_CASE("tenants do not see one another's stock", "[room]") {
  Bench bench;
  bench.Stock("X", 10);
  v1::GetAvailabilityRequest request;
  request.add_lines()->set_sku("X");

  const auto other = ReadAvailability(request, *bench.room().Read("other"));

  CHECK(other->lines(0).reason().reason() == "NOT_LOADED");
}

TEST_CASE("an order goes from hold to shipped and is told on the log", "[room]") {
  Bench bench;
  bench.Stock("X", 10);
  const auto held = bench.Reserve("r1", "4", "orders/o1");
  REQUIRE(bench.Confirm(held->name()).ok());
  sales::v1::OrderShipped shipped;
  shipped.set_order("orders/o1");
  shipped.set_shipment("S1");
  *shipped.mutable_time() = ToTimestamp(bench.room().now());
  auto* line = shipped.add_lines();
  line->set_line(1);
  line->set_sku("X");
  line->set_location("DEN");
  line->set_quantity("4");
  line->set_base_quantity("4");

  bench.room().Deliver("demo", kErpOrdersTopic, "erp-connector", "orders/o1", shipped);
  bench.room().Deliver("demo", kErpOrdersTopic, "erp-connector", "orders/o1", shipped);

  CHECK(bench.Available() == "6");
  std::vector<v1::ReservationState> states;
  for (const auto& event : bench.room().emitted(kStockTopic)) {
    states.push_back(event.As<v1::ReservationChanged>().state());
  }
  CHECK(states == std::vector<v1::ReservationState>{v1::RESERVATION_STATE_HELD,
                                                    v1::RESERVATION_STATE_CONFIRMED,
                                                    v1::RESERVATION_STATE_FULFILLED});
}

}  // namespace
}  // namespace weft::inventory
