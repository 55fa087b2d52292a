// The room under test: one tenant with two accounts and a few people, and
// neighbours (pricing, inventory) whose answers a test can change.
//
//   ann (A1) → manager bob (A1, up to 500 GBP) → manager cat (up to 5,000 GBP)
//   sam: sales-manager, up to 50,000 GBP; tom: sales-manager, no limit of his own
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "libs/base/error.h"
#include "libs/testing/room_harness.h"
#include "services/approval/app_common.h"
#include "services/approval/program.h"
#include "services/approval/reads.h"
#include "services/approval/state.h"
#include "services/approval/tasks.h"
#include "weft/directory/v1/directory.pb.h"
#include "weft/facts/v1/facts.pb.h"
#include "weft/inventory/v1/inventory.pb.h"
#include "weft/pricing/v1/pricing.pb.h"
#include "weft/sales/v1/sales.pb.h"

namespace weft::approval {

inline common::v1::Money Gbp(const std::string& amount) {
  common::v1::Money money;
  money.set_amount(amount);
  money.set_currency_code("GBP");
  return money;
}

class Rig {
 public:
  explicit Rig(Settings given = DefaultSettings())
      : program(MakeProgram(given, {})), room(program) {
    Account("A1");
    Account("A2");
    User("ann", "A1", {"buyer"}, "bob");
    User("bob", "A1", {"buyer-approver"}, "cat", "500");
    User("cat", "A1", {"buyer-admin"}, "", "5000");
    User("sam", "", {"sales-manager"}, "", "50000");
    User("tom", "", {"sales-manager"}, "");
    ScriptNeighbours();
  }

  static Settings DefaultSettings() { return FromConfig({}).value(); }

  // ---- what the ERP and the directory say
  void Account(const std::string& account, bool blocked = false,
               const std::string& currency = "GBP") {
    facts::v1::AccountChanged fact;
    fact.set_account(account);
    fact.set_currency_code(currency);
    fact.set_terms("NET30");
    fact.set_order_blocked(blocked);
    fact.set_block_reason(blocked ? "overdue" : "");
    room.Deliver(tenant, engine::kTimeline, "erp-connector", "accounts/" + account, fact);
  }
  void Credit(const std::string& account, const std::string& limit, const std::string& balance,
              absl::Time watermark = absl::UnixEpoch(),
              const std::vector<std::string>& contained = {}) {
    facts::v1::CreditChanged fact;
    fact.set_account(account);
    *fact.mutable_limit() = Gbp(limit);
    *fact.mutable_open_balance() = Gbp(balance);
    *fact.mutable_watermark() = ToProto(watermark);
    for (const std::string& order : contained) fact.add_contained_orders(order);
    room.Deliver(tenant, engine::kTimeline, "erp-connector", "credit/" + account, fact);
  }
  void User(const std::string& user, const std::string& account,
            const std::vector<std::string>& roles, const std::string& manager,
            const std::string& limit = "", const std::string& substitute = "",
            bool disabled = false) {
    directory::v1::UserChanged fact;
    fact.set_user(user);
    fact.set_account(account);
    for (const std::string& role : roles) fact.add_roles()->set_role(role);
    fact.set_manager(manager);
    if (!limit.empty()) *fact.mutable_approval_limit() = Gbp(limit);
    fact.set_substitute(substitute);
    fact.set_disabled(disabled);
    room.Deliver(tenant, app::kDirectoryTopic, "erp-connector", "users/" + user, fact);
  }
  template <typename Message>
  void Erp(const Message& message) {
    room.Deliver(tenant, app::kErpTopic, "erp-connector", message.order(), message);
  }

  // ---- who calls
  Principal Buyer(const std::string& user = "ann", const std::string& account = "A1") const {
    Principal principal = testing::MakePrincipal(tenant, {"buyer"}, user, account);
    return principal;
  }
  Principal Staff(const std::string& user = "sam") const {
    Principal principal = testing::MakePrincipal(tenant, {"sales-manager"}, user);
    principal.accounts = {"*"};
    principal.channels = {"*"};
    return principal;
  }

  // ---- what they do
  v1::SubmitOrderRequest OrderOf(const std::string& external, const std::string& quantity) {
    v1::SubmitOrderRequest request;
    request.set_external_order_id(external);
    v1::NewLine& line = *request.add_lines();
    line.set_sku("X");
    line.mutable_quantity()->set_value(quantity);
    return request;
  }
  absl::StatusOr<v1::Order> TrySubmit(const v1::SubmitOrderRequest& request,
                                      const Principal& who) {
    return room.Submit<v1::Order>("weft.approval.v1.OrderService/SubmitOrder", who, NextId(),
                                  request);
  }
  // Submits and returns the order as it is once everything settled.
  v1::Order Submit(const v1::SubmitOrderRequest& request) {
    return Order(TrySubmit(request, Buyer()).value().name());
  }
  v1::Order Submit(const std::string& quantity) {
    return Submit(OrderOf("web-" + std::to_string(++orders_), quantity));
  }
  absl::StatusOr<v1::Order> TryCancel(const std::string& name, const Principal& who,
                                      const std::vector<int>& lines = {}) {
    v1::CancelOrderRequest request;
    request.set_name(name);
    for (int line : lines) request.add_lines(line);
    return room.Submit<v1::Order>("weft.approval.v1.OrderService/CancelOrder", who, NextId(),
                                  request);
  }
  absl::StatusOr<v1::Approval> TryDecide(const std::string& approval, const std::string& user,
                                         v1::Decision decision = v1::DECISION_APPROVE,
                                         const std::string& etag = "") {
    v1::DecideRequest request;
    request.set_name(approval);
    request.set_user(user);
    request.set_decision(decision);
    request.set_etag(etag);
    Principal shop = testing::MakePrincipal(tenant, {"storefront"});
    shop.accounts = {"*"};
    return room.Submit<v1::Approval>("weft.approval.v1.ApprovalService/Decide", shop, NextId(),
                                     request);
  }
  absl::StatusOr<v1::Policy> TrySetPolicy(const std::string& name, const v1::Policy& policy) {
    v1::SetPolicyRequest request;
    request.set_name(name);
    *request.mutable_policy() = policy;
    return room.Submit<v1::Policy>("weft.approval.v1.PolicyService/SetPolicy", Staff(), NextId(),
                                   request);
  }

  // ---- what they see
  v1::Order Order(const std::string& name) const {
    return room.Read(tenant)->Get(kOrders, IdOf(name, "orders")).value().order();
  }
  v1::Approval Approval(const std::string& name) const {
    return room.Read(tenant)->Get(kApprovals, IdOf(name, "approvals")).value().approval();
  }
  v1::Quote Quote(const std::string& name) const {
    return room.Read(tenant)->Get(kQuotes, IdOf(name, "quotes")).value();
  }
  rpc::CallContext Context(const Principal& who) const {
    rpc::CallContext context;
    context.principal = who;
    return context;
  }
  // Calls that reached a neighbour and were answered.
  int Done(const std::string& kind) const {
    const auto it = done_.find(kind);
    return it == done_.end() ? 0 : it->second;
  }
  // Net effect on stock: holds made less holds given back.
  int Held() const { return static_cast<int>(held_.size()); }
  int Released() const {
    int count = 0;
    for (const auto& event : room.emitted()) {
      count += event.type == "weft.sales.v1.OrderReleased" ? 1 : 0;
    }
    return count;
  }
  bool AuditIntact() const {
    const auto answer = VerifyAuditTrail(Context(Staff()), {}, *room.Read(tenant));
    return answer.ok() && answer->intact() && answer->complete();
  }
  std::string NextId() { return "r" + std::to_string(++requests_); }

  // ---- what the neighbours answer: change at will
  static constexpr char kGoodLock[] = "a lock that holds";
  std::map<std::string, std::string> prices{{"X", "10.00"}};  // By sku, per unit, GBP.
  // Asked first for each call; a status is the answer, nullopt = as usual.
  std::function<std::optional<absl::Status>(const engine::TaskCall&)> trouble;

  const std::string tenant = "demo";
  engine::Program program;
  testing::RoomHarness room;

 private:
  using Answer = absl::StatusOr<std::string>;

  void ScriptNeighbours() {
    const auto wrap = [this](Answer (Rig::*usual)(const engine::TaskCall&)) {
      return [this, usual](const engine::TaskCall& call) -> Answer {
        if (trouble) {
          if (std::optional<absl::Status> status = trouble(call)) return *std::move(status);
        }
        Answer answer = (this->*usual)(call);
        ++done_[call.kind];
        return answer;
      };
    };
    room.OnTask(kPriceTask, wrap(&Rig::Price));
    room.OnTask(kQuotePriceTask, wrap(&Rig::Price));
    room.OnTask(kReserveTask, wrap(&Rig::Reserve));
    room.OnTask(kConfirmTask, wrap(&Rig::Confirm));
    room.OnTask(kReleaseTask, wrap(&Rig::Release));
  }
  Answer Price(const engine::TaskCall& call) {
    pricing::v1::CalculatePricesRequest request;
    request.ParseFromString(call.payload);
    pricing::v1::CalculatePricesResponse response;
    for (const pricing::v1::PriceRequestLine& line : request.lines()) {
      pricing::v1::PriceLine& out = *response.add_lines();
      out.set_sku(line.sku());
      *out.mutable_quantity() = line.quantity();
      out.mutable_quantity()->set_unit("EA");
      const auto price = prices.find(line.sku());
      if (price == prices.end()) {
        out.mutable_reason()->set_reason("NO_PRICE_IN_CURRENCY");
        continue;
      }
      const Decimal unit = Decimal::Parse(price->second).value();
      const Decimal quantity = Decimal::Parse(line.quantity().value()).value();
      *out.mutable_unit_price() = Gbp(price->second);
      *out.mutable_net() = Gbp(Multiply(unit, quantity)->ToString());
      out.set_decision_id("d-" + line.sku());
    }
    if (!request.price_lock().empty() && request.price_lock() != kGoodLock) {
      response.mutable_price_lock_use()->mutable_reason()->set_reason("LOCK_EXPIRED");
    }
    return response.SerializeAsString();
  }
  Answer Reserve(const engine::TaskCall& call) {
    inventory::v1::ReserveRequest request;
    request.ParseFromString(call.payload);
    held_.insert({request.request_id(), true});
    inventory::v1::Reservation reservation;
    reservation.set_name("reservations/" + request.request_id().substr(0, 8));
    for (const inventory::v1::ReserveLine& line : request.lines()) {
      inventory::v1::ReservationLine& out = *reservation.add_lines();
      out.set_sku(line.sku());
      *out.mutable_quantity() = line.quantity();
      out.set_base_quantity(line.quantity().value());
      inventory::v1::Allocation& part = *out.add_allocations();
      part.set_location("DEN");
      part.set_base_quantity(line.quantity().value());
    }
    return reservation.SerializeAsString();
  }
  Answer Confirm(const engine::TaskCall&) {
    return inventory::v1::Reservation().SerializeAsString();
  }
  Answer Release(const engine::TaskCall& call) {
    inventory::v1::ReleaseRequest request;
    request.ParseFromString(call.payload);
    held_.erase(request.undo_of());
    return inventory::v1::Reservation().SerializeAsString();
  }

  std::map<std::string, bool> held_;  // By key of the Reserve.
  std::map<std::string, int> done_;
  int requests_ = 0;
  int orders_ = 0;
};

}  // namespace weft::approval
