// The real rooms approval and inventory-projection in the simulator: orders are
// placed, held, approved, cancelled, released, acknowledged and shipped, while
// everything that can fail does. Half of the worlds stand on changelogs: disks are
// lost, shards taken over, the log is away.
//
//   WEFT_SEED=123 mesh_sim_test "orders*"   runs one seed
//   WEFT_SEEDS=100000 ...                    runs that many
#include <catch2/catch.hpp>
#include <cstdlib>
#include <map>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "libs/base/error.h"
#include "libs/base/ids.h"
#include "libs/testing/simulator.h"
#include "services/approval/app_common.h"
#include "services/approval/program.h"
#include "services/approval/reads.h"
#include "services/approval/state.h"
#include "services/approval/tasks.h"
#include "services/inventory-projection/app.h"
#include "services/inventory-projection/program.h"
#include "services/inventory-projection/state.h"
#include "weft/directory/v1/directory.pb.h"
#include "weft/facts/v1/facts.pb.h"
#include "weft/pricing/v1/pricing.pb.h"
#include "weft/sales/v1/sales.pb.h"
#include "weft/stock/v1/stock.pb.h"

namespace weft::sim {
namespace {

constexpr uint64_t kSeeds = 1'500;
constexpr uint64_t kParts = 2;
constexpr char kErp[] = "erp-connector";
constexpr char kInventory[] = "inventory-projection";
constexpr char kApproval[] = "approval";
constexpr char kEmit[] = "sim.Erp/Emit";
const std::string kInventoryService = "weft.inventory.v1.InventoryService/";
const char* const kTenants[] = {"acme", "blue"};
const char* const kSkus[] = {"X", "Y", "Z"};
constexpr int64_t kCounted = 40;  // Of each item, when the world begins.

uint64_t Setting(const char* name, uint64_t otherwise) {
  const char* const value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

int64_t Whole(const Decimal& decimal) { return decimal.ToInt64().value_or(-1); }

Principal Caller(const std::string& tenant, const std::string& role,
                 const std::string& user = "", const std::string& account = "") {
  Principal principal;
  principal.tenant = tenant;
  principal.subject = user.empty() ? role : user;
  principal.user = user;
  principal.account = account;
  principal.roles = {role};
  if (account.empty()) principal.accounts = {"*"};
  if (account.empty()) principal.channels = {"*"};
  return principal;
}

// --- The ERP: says what it is told to, and ships what it gets ------------------

std::shared_ptr<const engine::Program> MakeErp() {
  auto program = std::make_shared<engine::Program>(kErp);
  for (const char* topic : {engine::kTimeline, inventory::kMovementsTopic,
                            inventory::kErpOrdersTopic, approval::app::kDirectoryTopic}) {
    program->Emits(topic, {});
  }
  // payload: topic NL type NL subject NL bytes
  program->commands[kEmit] = [](absl::string_view payload,
                                engine::Turn& turn) -> absl::StatusOr<std::string> {
    const std::vector<std::string> parts =
        absl::StrSplit(payload, absl::MaxSplits('\n', 3));
    turn.EmitBytes(parts[0], parts[1], parts[2], parts[3]);
    return std::string("said");
  };
  program->Events(approval::app::kSalesTopic, [](const engine::Event& event,
                                                 engine::Turn& turn) {
    if (event.type != "weft.sales.v1.OrderReleased") return absl::OkStatus();
    sales::v1::OrderReleased released;
    released.ParseFromString(event.payload);
    if (event.number % 4 == 0) {
      sales::v1::OrderRejected rejected;
      rejected.set_order(released.order());
      rejected.set_reason("no such customer");
      turn.Emit(inventory::kErpOrdersTopic, released.order(), rejected);
      return absl::OkStatus();
    }
    sales::v1::OrderAcknowledged acknowledged;
    acknowledged.set_order(released.order());
    acknowledged.set_erp_order(absl::StrCat("E", event.number));
    turn.Emit(inventory::kErpOrdersTopic, released.order(), acknowledged);
    if (event.number % 2 == 0) return absl::OkStatus();
    sales::v1::OrderShipped shipped;
    shipped.set_order(released.order());
    shipped.set_shipment("1");
    shipped.mutable_time()->set_seconds(absl::ToUnixSeconds(event.time));
    for (const sales::v1::OrderLine& line : released.lines()) {
      sales::v1::ShippedLine& out = *shipped.add_lines();
      out.set_line(line.line());
      out.set_sku(line.sku());
      out.set_location("DEN");
      out.set_quantity(line.quantity().value());
      out.set_base_quantity(line.base_quantity());
    }
    turn.Emit(inventory::kErpOrdersTopic, released.order(), shipped);
    return absl::OkStatus();
  });
  return program;
}

// --- Pricing answers from nothing: 10.00 a piece --------------------------------

std::string PriceOf(const engine::TaskCall& call) {
  pricing::v1::CalculatePricesRequest request;
  request.ParseFromString(call.payload);
  pricing::v1::CalculatePricesResponse response;
  for (const auto& line : request.lines()) {
    auto& out = *response.add_lines();
    out.set_sku(line.sku());
    *out.mutable_quantity() = line.quantity();
    out.mutable_quantity()->set_unit("EA");
    out.mutable_unit_price()->set_amount("10.00");
    out.mutable_unit_price()->set_currency_code("GBP");
    out.mutable_net()->set_amount(absl::StrCat(line.quantity().value(), "0.00"));
    out.mutable_net()->set_currency_code("GBP");
    out.set_decision_id("d-" + line.sku());
  }
  return response.SerializeAsString();
}

std::shared_ptr<const engine::Program> MakeApproval(testing::Simulator& sim) {
  auto program = std::make_shared<engine::Program>(
      approval::MakeProgram(approval::FromConfig({}).value(), {}));
  const auto priced = [&sim](const engine::TaskCall& call, engine::TaskDone done) {
    if (sim.Chance(100)) return done(Unavailable("AWAY", "pricing is away"));
    done(PriceOf(call));
  };
  program->tasks[approval::kPriceTask].executor = priced;
  program->tasks[approval::kQuotePriceTask].executor = priced;
  program->tasks[approval::kReserveTask].executor =
      sim.Caller(kInventory, inventory::kReserveMethod);
  program->tasks[approval::kConfirmTask].executor =
      sim.Caller(kInventory, kInventoryService + "Confirm");
  program->tasks[approval::kReleaseTask].executor =
      sim.Caller(kInventory, kInventoryService + "Release");
  return program;
}

// --- What people do ---------------------------------------------------------------

class World {
 public:
  World(uint64_t seed, testing::SimulatorOptions options) : sim_(seed, options) {
    sim_.AddRoom(kErp, [] { return MakeErp(); });
    sim_.AddRoom(kInventory, [] {
      return std::make_shared<engine::Program>(inventory::MakeProgram(inventory::Settings()));
    });
    sim_.AddRoom(kApproval, [this] { return MakeApproval(sim_); });
    sim_.Start();
    for (const char* tenant : kTenants) Furnish(tenant);
    sim_.Settle(absl::ZeroDuration());
  }

  std::string Run() {
    for (int round = 0; round < 4; ++round) {
      for (uint64_t i = 2 + sim_.Random(4); i > 0; --i) Act();
      sim_.Run(120);
    }
    sim_.Settle();
    // Whoever has not decided yet says yes, so that every order ends.
    for (int round = 0; round < 3; ++round) {
      for (const char* tenant : kTenants) DecideAll(tenant);
      sim_.Settle();
    }
    sim_.Check();
    for (const char* tenant : kTenants) Check(tenant);
    return absl::StrJoin(sim_.problems(), "\n");
  }

  const testing::Simulator::Counts& counts() const { return sim_.counts(); }
  // How many orders and reservations ended in each state.
  const std::map<std::string, int>& ends() const { return ends_; }

 private:
  void Furnish(const std::string& tenant) {
    for (const char* entity : {"items", "stock", "accounts"}) {
      facts::v1::LoadChanged load;
      load.set_connection("main");
      load.add_entities(entity);
      load.set_ended(true);
      Say(tenant, engine::kTimeline, absl::StrCat("loads/", entity), load);
    }
    facts::v1::LocationChanged location;
    location.set_location("DEN");
    location.set_priority(1);
    Say(tenant, engine::kTimeline, "locations/DEN", location);
    for (const char* sku : kSkus) {
      facts::v1::ItemChanged item;
      item.set_sku(sku);
      item.set_base_unit("EA");
      Say(tenant, engine::kTimeline, absl::StrCat("items/", sku), item);
      stock::v1::StockCounted counted;
      counted.set_sku(sku);
      counted.set_location("DEN");
      counted.set_on_hand(absl::StrCat(kCounted));
      counted.mutable_watermark()->set_seconds(1'700'000'000);
      Say(tenant, inventory::kMovementsTopic, absl::StrCat(sku, "@DEN"), counted);
    }
    facts::v1::AccountChanged account;
    account.set_account("A1");
    account.set_currency_code("GBP");
    Say(tenant, engine::kTimeline, "accounts/A1", account);
    const auto user = [&](const char* name, const char* role, const char* manager,
                          const char* limit) {
      directory::v1::UserChanged fact;
      fact.set_user(name);
      fact.set_account("A1");
      fact.add_roles()->set_role(role);
      fact.set_manager(manager);
      if (*limit != 0) {
        fact.mutable_approval_limit()->set_amount(limit);
        fact.mutable_approval_limit()->set_currency_code("GBP");
      }
      Say(tenant, approval::app::kDirectoryTopic, absl::StrCat("users/", name), fact);
    };
    user("ann", "buyer", "bob", "");
    user("bob", "buyer-approver", "", "100000");
  }

  template <typename Message>
  void Say(const std::string& tenant, const std::string& topic, const std::string& subject,
           const Message& message) {
    engine::Command command;
    command.method = kEmit;
    command.principal.tenant = tenant;
    command.request_id = absl::StrCat("say-", ++requests_);
    command.payload = absl::StrCat(topic, "\n", message.GetTypeName(), "\n", subject, "\n",
                                   message.SerializeAsString());
    sim_.Send(kErp, std::move(command));
  }

  template <typename Request>
  void Send(const std::string& room, const std::string& method, Principal who, Request request,
            testing::Simulator::Answered answered = nullptr) {
    engine::Command command;
    command.method = method;
    command.request_id = absl::StrCat("r", ++requests_);
    command.principal = std::move(who);
    request.set_request_id(command.request_id);
    command.payload = request.SerializeAsString();
    sim_.Send(room, std::move(command), std::move(answered));
  }

  void Act() {
    const std::string tenant = kTenants[sim_.Random(2)];
    const std::string sku = kSkus[sim_.Random(3)];
    switch (sim_.Random(8)) {
      case 0: {
        const int64_t quantity = 1 + static_cast<int64_t>(sim_.Random(5));
        stock::v1::StockMoved moved;
        moved.set_movement(absl::StrCat("m", ++movements_));
        moved.set_sku(sku);
        moved.set_location("DEN");
        moved.set_quantity(absl::StrCat(quantity));
        moved.mutable_posted()->set_seconds(absl::ToUnixSeconds(sim_.wall()));
        moved_[tenant + sku] += quantity;
        return Say(tenant, inventory::kMovementsTopic, absl::StrCat(sku, "@DEN"), moved);
      }
      case 1:
      case 2: {
        inventory::v1::ReserveRequest request;
        request.set_account("A1");
        auto& line = *request.add_lines();
        line.set_sku(sku);
        line.mutable_quantity()->set_value(absl::StrCat(1 + sim_.Random(12)));
        request.mutable_expire_time()->set_seconds(absl::ToUnixSeconds(sim_.wall()) + 10 +
                                                   static_cast<int64_t>(sim_.Random(120)));
        return Send(kInventory, inventory::kReserveMethod,
                    Caller(tenant, "buyer", "ann", "A1"), std::move(request),
                    [this, tenant](const absl::StatusOr<engine::Answer>& answer) {
                      inventory::v1::Reservation made;
                      if (answer.ok() && made.ParseFromString(answer->payload)) {
                        reservations_.emplace_back(tenant, made.name());
                      }
                    });
      }
      case 3: {
        if (reservations_.empty()) return;
        const auto [owner, name] = reservations_[sim_.Random(reservations_.size())];
        if (sim_.Chance(500)) {
          inventory::v1::ReleaseRequest request;
          request.set_name(name);
          return Send(kInventory, kInventoryService + "Release",
                      Caller(owner, "buyer", "ann", "A1"), std::move(request));
        }
        inventory::v1::ConfirmRequest request;
        request.set_name(name);
        return Send(kInventory, kInventoryService + "Confirm",
                    Caller(owner, "buyer", "ann", "A1"), std::move(request));
      }
      case 4: {
        if (orders_.empty()) return;
        const auto [owner, name] = orders_[sim_.Random(orders_.size())];
        approval::v1::CancelOrderRequest request;
        request.set_name(name);
        return Send(kApproval, std::string(approval::kOrderService) + "CancelOrder",
                    Caller(owner, "buyer", "ann", "A1"), std::move(request));
      }
      default: {
        approval::v1::SubmitOrderRequest request;
        // Now and then the shop sends the same order under another request id.
        external_ += sim_.Chance(200) ? 0 : 1;
        request.set_external_order_id(absl::StrCat("web-", external_));
        auto& line = *request.add_lines();
        line.set_sku(kSkus[external_ % 3]);
        // Above a hundred pieces it is above the limit, and above the stock.
        line.mutable_quantity()->set_value(
            absl::StrCat(external_ % 7 == 0 ? 105 : 1 + external_ % 11));
        return Send(kApproval, std::string(approval::kOrderService) + "SubmitOrder",
                    Caller(tenant, "buyer", "ann", "A1"), std::move(request),
                    [this, tenant](const absl::StatusOr<engine::Answer>& answer) {
                      approval::v1::Order order;
                      if (answer.ok() && order.ParseFromString(answer->payload)) {
                        orders_.emplace_back(tenant, order.name());
                      }
                    });
      }
    }
  }

  void DecideAll(const std::string& tenant) {
    std::vector<std::string> pending;
    (void)sim_.View(kApproval, tenant)
        ->Scan(approval::kApprovals, "",
               [&](absl::string_view, const approval::v1::ApprovalRow& row) {
                 if (row.approval().state() == approval::v1::APPROVAL_STATE_OPEN) {
                   pending.push_back(row.approval().name());
                 }
                 return true;
               });
    for (const std::string& name : pending) {
      approval::v1::DecideRequest request;
      request.set_name(name);
      request.set_user("bob");
      request.set_decision(sim_.Chance(700) ? approval::v1::DECISION_APPROVE
                                            : approval::v1::DECISION_REJECT);
      Send(kApproval, std::string(approval::kApprovalService) + "Decide",
           Caller(tenant, "storefront"), std::move(request));
    }
  }

  // --- What must hold ---------------------------------------------------------------

  void Check(const std::string& tenant) {
    const auto wrong = [&](auto&&... parts) {
      sim_.Problem(absl::StrCat(tenant, ": ", parts...));
    };
    const auto stock = sim_.View(kInventory, tenant);
    const auto orders = sim_.View(kApproval, tenant);

    // Stock: what is reserved is what open reservations hold.
    std::map<std::string, inventory::v1::ReservationRow> reservations;
    (void)stock->Scan(inventory::kReservations, "",
                      [&](absl::string_view id, const inventory::v1::ReservationRow& row) {
                        reservations[absl::StrCat("reservations/", id)] = row;
                        if (row.state() == inventory::v1::RESERVATION_STATE_HELD &&
                            inventory::FromNanos(row.expire_ns()) < stock->now() - absl::Seconds(1)) {
                          wrong("reservation ", id, " is held beyond its time");
                        }
                        if (row.state() == inventory::v1::RESERVATION_STATE_EXPIRED &&
                            row.expire_ns() > row.update_ns()) {
                          wrong("reservation ", id, " expired early");
                        }
                        return true;
                      });
    std::map<std::string, int64_t> held;
    (void)stock->Scan(inventory::kHolds, "",
                      [&](absl::string_view key, const std::vector<inventory::Held>& hold) {
                        engine::KeyReader reader(key);
                        std::string order;
                        std::string sku;
                        std::string id;
                        reader.Next(order);
                        reader.Next(sku);
                        reader.Next(id);
                        for (const inventory::Held& h : hold) held[sku] += Whole(h.open());
                        return true;
                      });
    std::map<std::string, int64_t> open;
    for (const auto& [name, row] : reservations) {
      ++ends_[inventory::v1::ReservationState_Name(row.state())];
      if (row.state() != inventory::v1::RESERVATION_STATE_HELD &&
          row.state() != inventory::v1::RESERVATION_STATE_CONFIRMED) {
        continue;
      }
      for (const auto& line : row.lines()) {
        for (const auto& part : line.parts()) {
          int64_t quantity = 0;
          if (absl::SimpleAtoi(part.quantity(), &quantity)) open[line.sku()] += quantity;
        }
      }
    }
    // What left for orders, as the log tells it, each shipment once.
    std::map<std::string, int64_t> left;
    for (const engine::Event& event :
         sim_.Events(inventory::kErpOrdersTopic, PartitionOf(tenant))) {
      if (event.tenant != tenant || event.type != "weft.sales.v1.OrderShipped") continue;
      sales::v1::OrderShipped shipped;
      shipped.ParseFromString(event.payload);
      for (const auto& line : shipped.lines()) {
        int64_t quantity = 0;
        if (absl::SimpleAtoi(line.base_quantity(), &quantity)) left[line.sku()] += quantity;
      }
    }
    (void)stock->Scan(inventory::kStock, "",
                      [&](absl::string_view key, const inventory::Stock& row) {
                        const std::string sku(key);
                        for (const inventory::Place& place : row.places) {
                          const int64_t on_hand = Whole(place.on_hand);
                          const int64_t reserved = Whole(place.reserved);
                          const int64_t expected = kCounted + moved_[tenant + sku] - left[sku];
                          if (on_hand != expected) {
                            wrong(sku, " has ", on_hand, " on hand, the log says ", expected);
                          }
                          if (reserved != open[sku]) {
                            wrong(sku, " has ", reserved,
                                  " reserved, open reservations hold ", open[sku]);
                          }
                          if (reserved > on_hand) wrong(sku, " is promised twice");
                        }
                        return true;
                      });

    // Orders: each in an end state that its reservation agrees with.
    std::map<std::string, int> released;
    for (const engine::Event& event :
         sim_.Events(approval::app::kSalesTopic, PartitionOf(tenant))) {
      if (event.tenant != tenant || event.type != "weft.sales.v1.OrderReleased") continue;
      if (++released[event.subject] > 1) wrong(event.subject, " was released twice");
    }
    std::set<std::string> external;
    (void)orders->Scan(approval::kOrders, "",
                       [&](absl::string_view, const approval::v1::OrderRow& row) {
                         CheckOrder(row.order(), reservations, released, wrong);
                         if (!external.insert(row.order().external_order_id()).second) {
                           wrong(row.order().external_order_id(), " is two orders");
                         }
                         return true;
                       });
    for (const auto& [owner, name] : orders_) {
      if (owner != tenant) continue;
      if (!orders->Get(approval::kOrders, approval::IdOf(name, "orders")).ok()) {
        wrong(name, " was accepted and is gone");
      }
    }
    rpc::CallContext context;
    context.principal = Caller(tenant, "sales-manager", "sam");
    const auto audit = approval::VerifyAuditTrail(context, {}, *orders);
    if (!audit.ok() || !audit->intact() || !audit->complete()) {
      wrong("the audit trail does not verify");
    }
  }

  template <typename Wrong>
  void CheckOrder(const approval::v1::Order& order,
                  const std::map<std::string, inventory::v1::ReservationRow>& reservations,
                  const std::map<std::string, int>& released, const Wrong& wrong) {
    // Its reservation, whether or not the order knows the name.
    auto state = inventory::v1::RESERVATION_STATE_UNSPECIFIED;
    for (const auto& [name, row] : reservations) {
      if (row.order() == order.name()) state = row.state();
    }
    const bool open = state == inventory::v1::RESERVATION_STATE_HELD ||
                      state == inventory::v1::RESERVATION_STATE_CONFIRMED;
    const bool went = released.count(order.name()) > 0;
    const std::string what = absl::StrCat(
        order.name(), " is ", approval::v1::OrderState_Name(order.state()), ", its stock ",
        inventory::v1::ReservationState_Name(state));
    ++ends_[approval::v1::OrderState_Name(order.state())];
    switch (order.state()) {
      case approval::v1::ORDER_STATE_ACKNOWLEDGED:
        if (!open) wrong(what);
        if (!went) wrong(what, ", and it was never released");
        return;
      case approval::v1::ORDER_STATE_SHIPPED:
      case approval::v1::ORDER_STATE_PARTIALLY_SHIPPED:
        if (!went) wrong(what, ", and it was never released");
        if (state != inventory::v1::RESERVATION_STATE_FULFILLED) wrong(what);
        return;
      case approval::v1::ORDER_STATE_REJECTED:
      case approval::v1::ORDER_STATE_CANCELLED:
      case approval::v1::ORDER_STATE_FAILED:
        if (open) wrong(what);
        return;
      default:
        wrong(what, ", which is no end");
    }
  }

  testing::Simulator sim_;
  int64_t requests_ = 0;
  int64_t movements_ = 0;
  int64_t external_ = 0;
  std::map<std::string, int64_t> moved_;
  std::map<std::string, int> ends_;
  std::vector<std::pair<std::string, std::string>> reservations_;  // Tenant, name.
  std::vector<std::pair<std::string, std::string>> orders_;
};

testing::SimulatorOptions OptionsOf(uint64_t seed) {
  testing::SimulatorOptions options;
  // Some worlds are calm, some are rough.
  options.crash *= static_cast<int>(seed % 3);
  // Half of the worlds stand on changelogs, as on Kafka.
  options.changelog = seed % 4 < 2;
  return options;
}

void RunSeeds(uint64_t part) {
  const uint64_t one = Setting("WEFT_SEED", 0);
  const uint64_t seeds = Setting("WEFT_SEEDS", kSeeds);
  for (uint64_t seed = 1 + part; seed <= seeds; seed += kParts) {
    if (one != 0 && seed != one) continue;
    World world(seed, OptionsOf(seed));
    const std::string problems = world.Run();
    CAPTURE(seed);
    INFO("repeat it with WEFT_SEED=" << seed << " mesh_sim_test 'orders*'");
    INFO(problems);
    REQUIRE(problems.empty());
  }
}

TEST_CASE("orders and stock hold what they promise, first half of the seeds", "[sim]") {
  RunSeeds(0);
}
TEST_CASE("orders and stock hold what they promise, second half of the seeds", "[sim]") {
  RunSeeds(1);
}

TEST_CASE("the seeds reach every end an order and a reservation can have, and every fault",
          "[sim]") {
  std::map<std::string, int> ends;
  testing::Simulator::Counts sum;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    World world(seed, OptionsOf(seed));
    (void)world.Run();
    for (const auto& [state, count] : world.ends()) ends[state] += count;
    sum.disowned += world.counts().disowned;
    sum.disks_lost += world.counts().disks_lost;
    sum.thrown_away += world.counts().thrown_away;
  }
  CHECK(sum.disowned > 0);
  CHECK(sum.disks_lost > 0);
  CHECK(sum.thrown_away > 0);
  for (const char* state :
       {"ORDER_STATE_ACKNOWLEDGED", "ORDER_STATE_SHIPPED", "ORDER_STATE_REJECTED",
        "ORDER_STATE_CANCELLED", "RESERVATION_STATE_CONFIRMED", "RESERVATION_STATE_RELEASED",
        "RESERVATION_STATE_EXPIRED", "RESERVATION_STATE_FULFILLED"}) {
    CAPTURE(state);
    CHECK(ends[state] >= 5);
  }
}

}  // namespace
}  // namespace weft::sim
