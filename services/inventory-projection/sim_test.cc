// The room under crashes, lost and repeated messages, late records and clock
// steps: promises and stock must come out right from every seed.
//
//   WEFT_SEED=123 inventory_sim_test   runs one seed
//   WEFT_SEEDS=10000 ...               runs that many
#include <catch2/catch.hpp>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "libs/base/error.h"
#include "libs/base/ids.h"
#include "libs/testing/simulator.h"
#include "services/inventory-projection/app.h"
#include "services/inventory-projection/convert.h"
#include "services/inventory-projection/program.h"
#include "services/inventory-projection/state.h"
#include "weft/facts/v1/facts.pb.h"
#include "weft/sales/v1/sales.pb.h"
#include "weft/stock/v1/stock.pb.h"

namespace weft::inventory {
namespace {

constexpr char kRoom[] = "inventory-projection";
constexpr char kErp[] = "erp-connector";
constexpr char kTenant1[] = "t1";
constexpr absl::Duration kMemory = absl::Hours(24 * 35);
const std::string kService = "weft.inventory.v1.InventoryService/";

absl::Time At(int64_t hour) {
  return absl::FromUnixSeconds(1'600'000'000) + absl::Hours(hour);
}

// A room that emits what it is told to.
std::shared_ptr<const engine::Program> MakeErp() {
  auto program = std::make_shared<engine::Program>(kErp);
  for (const char* topic : {engine::kTimeline, kMovementsTopic, kErpOrdersTopic}) {
    program->Emits(topic, {});
  }
  program->commands["Erp/Say"] = [](absl::string_view payload,
                                    engine::Turn& turn) -> absl::StatusOr<std::string> {
    const std::vector<std::string> parts = absl::StrSplit(payload, absl::MaxSplits('\n', 2));
    turn.EmitBytes(parts[0], parts[1], "x", parts[2]);
    return std::string("said");
  };
  return program;
}

class Story {
 public:
  // In a calm story stock never falls but by shipments of what was promised.
  Story(testing::Simulator& sim, bool calm) : sim_(sim), calm_(calm) {
    sim_.AddRoom(kErp, &MakeErp);
    sim_.AddRoom(kRoom, [] {
      return std::make_shared<const engine::Program>(MakeProgram(Settings()));
    });
    sim_.Start();
    for (const char* sku : {"X", "Y"}) {
      facts::v1::ItemChanged item;
      item.set_sku(sku);
      item.set_base_unit("EA");
      Say(engine::kTimeline, item);
      SayCount(sku, "DEN", 40, 0);
      SayCount(sku, "CHI", 20, 0);
    }
  }

  void Work() {
    for (int i = 0; i < 6; ++i) {
      switch (sim_.Random(calm_ ? 4 : 6)) {
        case 0:
        case 1:
        case 2: ReserveSome(); break;
        case 3: Move(static_cast<int>(sim_.Random(10)) + 1); break;
        case 4: Move(-static_cast<int>(sim_.Random(10)) - 1); break;
        default:
          SayCount(Sku(), Location(), static_cast<int>(sim_.Random(60)),
                static_cast<int64_t>(sim_.Random(200)));
      }
    }
  }

  void Check() {
    const auto view = sim_.View(kRoom, kTenant1);
    const std::map<std::pair<std::string, std::string>, Decimal> on_hand = Fold();
    std::map<std::pair<std::string, std::string>, Decimal> held;
    const absl::Status scanned = view->Scan(
        kReservations, "", [&](absl::string_view key, const v1::ReservationRow& row) {
          const std::string id(key);
          const auto whole = ToProtoWithHeld(id, row, *view);
          if (!whole.ok()) {
            sim_.Problem(absl::StrCat("reservation ", id, " cannot be read"));
            return true;
          }
          bool open = false;
          std::map<std::string, Decimal> promised_of, held_of;
          for (const auto& line : whole->lines()) {
            for (const auto& part : line.allocations()) {
              Decimal quantity;
              if (Decimal::ParseInto(part.held_quantity(), quantity) != DecimalError::kOk) {
                sim_.Problem("a held quantity is no number");
                continue;
              }
              open = open || quantity.sign() > 0;
              held_of[line.sku()] = Plus(held_of[line.sku()], quantity);
              promised_of[line.sku()] = Plus(promised_of[line.sku()],
                                             ParseQuantity(part.base_quantity()).value());
              Decimal& sum = held[{line.sku(), part.location()}];
              sum = Plus(sum, quantity);
            }
          }
          for (const auto& [sku, promised] : promised_of) {
            if (row.state() != v1::RESERVATION_STATE_CONFIRMED &&
                row.state() != v1::RESERVATION_STATE_FULFILLED) {
              continue;
            }
            const Decimal left = flows_[{sku, row.order()}].Total();
            if (held_of[sku] != AtLeastZero(Minus(promised, left))) {
              sim_.Problem(absl::StrCat("reservation ", id, " promised ", Text(promised), " ",
                                        sku, ", ", Text(left), " left, it holds ",
                                        Text(held_of[sku])));
            }
          }
          if (undone_.count(id) > 0 && open) {
            sim_.Problem(absl::StrCat("reservation ", id, " was undone and still holds"));
          }
          return true;
        });
    if (!scanned.ok()) sim_.Problem("reservations cannot be read");

    for (const char* sku : {"X", "Y"}) {
      const absl::StatusOr<std::optional<Stock>> stock = view->Find(kStock, sku);
      if (!stock.ok() || !stock->has_value()) {
        sim_.Problem(absl::StrCat(sku, " has no stock row"));
        continue;
      }
      for (const Place& place : (*stock)->places) {
        const std::string name = absl::StrCat(sku, "@", place.location);
        if (place.reserved != held[{sku, place.location}]) {
          sim_.Problem(absl::StrCat(name, " has ", Text(place.reserved),
                                    " reserved, its reservations hold ",
                                    Text(held[{sku, place.location}])));
        }
        const auto expected = on_hand.find({sku, place.location});
        if (expected == on_hand.end() || place.on_hand != expected->second) {
          sim_.Problem(absl::StrCat(name, " has ", Text(place.on_hand), " on hand, its log says ",
                                    expected == on_hand.end() ? "nothing"
                                                              : Text(expected->second)));
        }
        if (calm_ && place.Short().sign() > 0) {
          sim_.Problem(absl::StrCat(name, " promised ", Text(place.Short()), " too many"));
        }
      }
    }
  }

 private:
  std::string Sku() { return sim_.Random(2) == 0 ? "X" : "Y"; }
  std::string Location() { return sim_.Random(2) == 0 ? "DEN" : "CHI"; }

  void Send(const std::string& room, const std::string& method, const std::string& payload,
            const std::string& request_id, testing::Simulator::Answered answered = nullptr) {
    engine::Command command;
    command.method = method;
    command.request_id = request_id;
    command.principal.tenant = kTenant1;
    command.principal.roles = {"service"};
    command.principal.accounts = {"*"};
    command.payload = payload;
    sim_.Send(room, std::move(command), std::move(answered));
  }
  template <typename Message>
  void Say(const std::string& topic, const Message& message) {
    Send(kErp, "Erp/Say",
         absl::StrCat(topic, "\n", message.GetTypeName(), "\n", message.SerializeAsString()),
         absl::StrCat("say-", ++said_));
  }

  void SayCount(const std::string& sku, const std::string& location, int on_hand, int64_t hour) {
    stock::v1::StockCounted counted;
    counted.set_sku(sku);
    counted.set_location(location);
    counted.set_on_hand(absl::StrCat(on_hand));
    // No two counts of one place have the same watermark: their order would matter.
    *counted.mutable_watermark() = ToTimestamp(At(hour) + absl::Seconds(++said_));
    Say(kMovementsTopic, counted);
  }

  void Move(int quantity) {
    stock::v1::StockMoved moved;
    moved.set_movement(absl::StrCat("M", ++said_));
    moved.set_sku(Sku());
    moved.set_location(Location());
    moved.set_quantity(absl::StrCat(quantity));
    *moved.mutable_posted() = ToTimestamp(At(1 + static_cast<int64_t>(sim_.Random(200))));
    Say(kMovementsTopic, moved);
  }

  void ReserveSome() {
    const std::string request_id = absl::StrCat("reserve-", ++said_);
    v1::ReserveRequest request;
    request.set_request_id(request_id);
    request.set_order(absl::StrCat("orders/", request_id));
    for (uint64_t i = 0; i <= sim_.Random(3); ++i) {
      auto* line = request.add_lines();
      line->set_sku(Sku());
      line->mutable_quantity()->set_value(absl::StrCat(1 + sim_.Random(12)));
    }
    const uint64_t fate = sim_.Random(5);
    Send(kRoom, kReserveMethod, request.SerializeAsString(), request_id,
         [this, fate](const absl::StatusOr<engine::Answer>& answer) {
           if (!answer.ok()) return;
           v1::Reservation held;
           held.ParseFromString(answer->payload);
           if (fate <= 1) ConfirmAndShip(held);
           if (fate == 2) Undo("", held.name());
           // Fate 3 expires.
         });
    // The undo may overtake what it undoes.
    if (fate == 4) Undo(request_id, "reservations/-");
  }

  void Undo(const std::string& undo_of, const std::string& name) {
    v1::ReleaseRequest request;
    request.set_request_id(absl::StrCat("release-", ++said_));
    request.set_name(name);
    request.set_undo_of(undo_of);
    Send(kRoom, kService + "Release", request.SerializeAsString(), request.request_id(),
         [this](const absl::StatusOr<engine::Answer>& answer) {
           if (!answer.ok()) return sim_.Problem(std::string(answer.status().message()));
           v1::Reservation released;
           released.ParseFromString(answer->payload);
           undone_.insert(ReservationId(released.name()).value());
         });
  }

  void ConfirmAndShip(const v1::Reservation& held) {
    v1::ConfirmRequest request;
    request.set_request_id(absl::StrCat("confirm-", ++said_));
    request.set_name(held.name());
    Send(kRoom, kService + "Confirm", request.SerializeAsString(), request.request_id(),
         [this](const absl::StatusOr<engine::Answer>& answer) {
           // It may have expired while the message was on its way.
           if (!answer.ok()) return;
           v1::Reservation firm;
           firm.ParseFromString(answer->payload);
           Ship(firm);
         });
  }

  // Ships some of the lines: told by the order, by the ledger, or by both.
  void Ship(const v1::Reservation& firm) {
    int number = 0;
    for (const auto& line : firm.lines()) {
      for (const auto& part : line.allocations()) {
        ++number;
        if (sim_.Chance(300)) continue;
        // All of it, or a part.
        Decimal quantity = ParseQuantity(part.base_quantity()).value();
        if (sim_.Chance(400)) quantity = Least(quantity, Decimal(static_cast<int64_t>(1 + sim_.Random(3))));
        const uint64_t told = sim_.Random(3);
        const std::string shipment = absl::StrCat(firm.order(), "-S", number);
        const absl::Time time = At(static_cast<int64_t>(sim_.Random(200)) + 1);
        if (told != 0) {
          sales::v1::OrderShipped shipped;
          shipped.set_order(firm.order());
          shipped.set_shipment(shipment);
          *shipped.mutable_time() = ToTimestamp(time);
          auto* to = shipped.add_lines();
          to->set_line(number);
          to->set_sku(line.sku());
          to->set_location(part.location());
          to->set_quantity(Text(quantity));
          to->set_base_quantity(Text(quantity));
          Say(kErpOrdersTopic, shipped);
        }
        if (told != 1) {
          stock::v1::StockMoved moved;
          moved.set_movement(absl::StrCat(shipment, "-M"));
          moved.set_sku(line.sku());
          moved.set_location(part.location());
          moved.set_quantity(Text(-quantity));
          *moved.mutable_posted() = ToTimestamp(time);
          moved.set_order(firm.order());
          moved.set_shipment(shipment);
          Say(kMovementsTopic, moved);
        }
      }
    }
  }

  // On hand by item and location, from the log alone.
  std::map<std::pair<std::string, std::string>, Decimal> Fold() {
    struct Books {
      Count count;
      std::vector<Movement> movements;
    };
    std::map<std::pair<std::string, std::string>, Books> books;
    auto& flows = flows_;
    const uint32_t partition = PartitionOf(kTenant1);
    for (const engine::Event& event : sim_.Events(kMovementsTopic, partition)) {
      if (event.type == stock::v1::StockCounted::descriptor()->full_name()) {
        stock::v1::StockCounted counted;
        counted.ParseFromString(event.payload);
        Apply(NewCount{ParseQuantity(counted.on_hand()).value(),
                       FromTimestamp(counted.watermark()),
                       {},
                       std::nullopt},
              books[{counted.sku(), counted.location()}].count);
        continue;
      }
      stock::v1::StockMoved moved;
      moved.ParseFromString(event.payload);
      const Decimal quantity = ParseQuantity(moved.quantity()).value();
      const absl::Time posted = FromTimestamp(moved.posted());
      Books& at = books[{moved.sku(), moved.location()}];
      if (moved.order().empty()) {
        at.movements.push_back({moved.movement(), quantity, posted});
      } else {
        flows[{moved.sku(), moved.order()}].Add(Flow::Movement{
            moved.movement(), moved.location(), moved.shipment(), -quantity, posted});
      }
    }
    for (const engine::Event& event : sim_.Events(kErpOrdersTopic, partition)) {
      sales::v1::OrderShipped shipped;
      shipped.ParseFromString(event.payload);
      for (const auto& line : shipped.lines()) {
        books[{line.sku(), line.location()}];
        flows[{line.sku(), shipped.order()}].Add(
            Flow::Shipment{shipped.shipment(), line.location(),
                           ParseQuantity(line.base_quantity()).value(),
                           FromTimestamp(shipped.time())});
      }
    }
    std::map<std::pair<std::string, std::string>, Decimal> on_hand;
    for (const auto& [place, at] : books) {
      Decimal sum = at.count.on_hand;
      for (const Movement& m : at.movements) sum = Plus(sum, Unseen(m, at.count, kMemory));
      for (const auto& [key, flow] : flows) {
        if (key.first == place.first) {
          sum = Minus(sum, flow.Unseen(place.second, at.count, kMemory));
        }
      }
      on_hand[place] = sum;
    }
    return on_hand;
  }

  testing::Simulator& sim_;
  const bool calm_;
  int64_t said_ = 0;
  std::set<std::string> undone_;
  std::map<std::pair<std::string, std::string>, Flow> flows_;  // By item and order.
};

uint64_t Setting(const char* name, uint64_t otherwise) {
  const char* const value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

TEST_CASE("promises and stock come out right whatever fails on the way", "[sim]") {
  const uint64_t one = Setting("WEFT_SEED", 0);
  const uint64_t seeds = Setting("WEFT_SEEDS", 1000);
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    if (one != 0 && seed != one) continue;
    testing::SimulatorOptions options;
    options.crash = static_cast<int>(seed % 3) * options.crash;
    testing::Simulator sim(seed, options);
    Story story(sim, /*calm=*/seed % 2 == 0);
    for (int round = 0; round < 4; ++round) {
      story.Work();
      sim.Run(100);
    }
    sim.Settle();
    sim.Check();
    story.Check();
    CAPTURE(seed);
    INFO("repeat it with WEFT_SEED=" << seed << " inventory_sim_test");
    INFO(absl::StrJoin(sim.problems(), "\n"));
    REQUIRE(sim.problems().empty());
  }
}

}  // namespace
}  // namespace weft::inventory
