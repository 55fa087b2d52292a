// The order saga through the engine: every outcome at every step.
#include <catch2/catch.hpp>
#include <random>

#include "services/approval/testing/approval_rig.h"

namespace weft::approval {
namespace {

TEST_CASE("an order within the limit goes to the ERP without anybody being asked", "[saga]") {
  Rig rig;

  const v1::Order order = rig.Submit("100");  // 1,000.00 is not above 1,000.

  CHECK(order.state() == v1::ORDER_STATE_SENT);
  CHECK(order.total().amount() == "1000.00");
  CHECK(order.approval().empty());
  CHECK(order.lines(0).sources(0).location() == "DEN");
  CHECK(rig.Released() == 1);
  CHECK(rig.Held() == 1);
  CHECK(rig.AuditIntact());
}

TEST_CASE("an order above the limit waits, and goes once somebody else approved", "[saga]") {
  Rig rig;

  const v1::Order order = rig.Submit("100.1");
  CHECK(order.state() == v1::ORDER_STATE_PENDING_APPROVAL);
  CHECK(rig.Released() == 0);
  const v1::Approval approval = rig.Approval(order.approval());
  REQUIRE(approval.assignees_size() == 1);
  CHECK(approval.assignees(0).user() == "cat");  // bob's 500 are not enough.

  REQUIRE(rig.TryDecide(order.approval(), "cat").ok());

  CHECK(rig.Order(order.name()).state() == v1::ORDER_STATE_SENT);
  CHECK(rig.Approval(order.approval()).decided_by() == "cat");
  CHECK(rig.Released() == 1);
  CHECK(rig.AuditIntact());
}

TEST_CASE("what the ERP gets is what was ordered, at the agreed prices", "[saga]") {
  Rig rig;
  v1::SubmitOrderRequest request = rig.OrderOf("web-1", "3");
  request.set_buyer_reference("PO 7");
  request.set_requested_date("2026-02-01");
  request.set_cost_centre("CC1");
  request.set_contact("Front desk");
  request.set_notes("Ring twice");
  request.set_payment_reference("pay-1");
  request.set_partial_delivery(true);
  request.mutable_ship_to()->set_city("Leeds");
  v1::Charge& freight = *request.add_charges();
  freight.set_kind("FREIGHT");
  *freight.mutable_amount() = Gbp("4.90");

  const v1::Order order = rig.Submit(request);

  sales::v1::OrderReleased released;
  for (const auto& event : rig.room.emitted(app::kSalesTopic)) {
    if (event.type == "weft.sales.v1.OrderReleased") {
      released = event.As<sales::v1::OrderReleased>();
    }
  }
  CHECK(released.order() == order.name());
  CHECK(released.external_order_id() == "web-1");
  CHECK(released.account() == "A1");
  CHECK(released.user() == "ann");
  CHECK(released.total().amount() == "34.90");
  CHECK(released.lines(0).net().amount() == "30.00");
  CHECK(released.lines(0).decision_id() == "d-X");
  CHECK(released.lines(0).base_quantity() == "3");
  CHECK(released.terms() == "NET30");
  CHECK(released.buyer_reference() == "PO 7");
  CHECK(released.requested_date() == "2026-02-01");
  CHECK(released.cost_centre() == "CC1");
  CHECK(released.contact() == "Front desk");
  CHECK(released.notes() == "Ring twice");
  CHECK(released.payment_reference() == "pay-1");
  CHECK(released.partial_delivery());
  CHECK(released.ship_to().city() == "Leeds");
  CHECK(released.charges(0).amount().amount() == "4.90");
  CHECK(released.reservation() == order.reservation());
  CHECK(released.accept_time().seconds() == order.create_time().seconds());
}

TEST_CASE("each refusal ends the order with its reason and nothing held", "[saga]") {
  struct Case {
    const char* name;
    const char* refused_task;  // "" = none.
    absl::Status answer;
    v1::OrderState state;
    const char* reason;
  };
  const auto refusal = FailedPrecondition("INSUFFICIENT_STOCK", "5 left", {{"line", "1"}});
  auto c = GENERATE_COPY(values<Case>({
      {"no price answer", kPriceTask, NotFound("ACCOUNT_NOT_FOUND", "none"),
       v1::ORDER_STATE_REJECTED, "ACCOUNT_NOT_FOUND"},
      {"pricing broken", kPriceTask, Internal("bug"), v1::ORDER_STATE_FAILED,
       "PRICE_CHECK_FAILED"},
      {"no stock", kReserveTask, refusal, v1::ORDER_STATE_REJECTED, "INSUFFICIENT_STOCK"},
      {"inventory broken", kReserveTask, Internal("bug"), v1::ORDER_STATE_FAILED,
       "STOCK_HOLD_FAILED"},
      {"hold lost", kConfirmTask, FailedPrecondition("RESERVATION_EXPIRED", "too late"),
       v1::ORDER_STATE_FAILED, "STOCK_HOLD_LOST"},
  }));
  CAPTURE(c.name);
  Rig rig;
  rig.trouble = [&](const engine::TaskCall& call) -> std::optional<absl::Status> {
    if (call.kind == c.refused_task) return c.answer;
    return std::nullopt;
  };

  const v1::Order order = rig.Submit("10");

  CHECK(order.state() == c.state);
  CHECK(order.reason().reason() == c.reason);
  CHECK(rig.Released() == 0);
  CHECK(rig.Held() == 0);
  CHECK(rig.room.pending_tasks() == 0);
  CHECK(rig.AuditIntact());
}

TEST_CASE("an order whose price lock does not hold is rejected, whatever it would cost", "[saga]") {
  const bool holds = GENERATE(true, false);
  CAPTURE(holds);
  Rig rig;
  v1::SubmitOrderRequest request = rig.OrderOf("web-lock", "10");
  request.set_price_lock(holds ? Rig::kGoodLock : "one that has ended");

  const v1::Order order = rig.Submit(request);

  CHECK((order.state() == v1::ORDER_STATE_REJECTED) == !holds);
  CHECK(order.reason().reason() == (holds ? "" : "LOCK_EXPIRED"));
}

TEST_CASE("a price that is not the one shown ends the order with PRICE_CHANGED", "[saga]") {
  struct Case {
    const char* unit_price;
    const char* net;
    v1::OrderState state;
    const char* reason;
  };
  auto c = GENERATE(values<Case>({
      {"10", "", v1::ORDER_STATE_SENT, ""},
      {"10.000", "100.0", v1::ORDER_STATE_SENT, ""},
      {"9.99", "", v1::ORDER_STATE_REJECTED, "PRICE_CHANGED"},
      {"10.00", "99.00", v1::ORDER_STATE_REJECTED, "PRICE_CHANGED"},
  }));
  CAPTURE(c.unit_price, c.net);
  Rig rig;
  v1::SubmitOrderRequest request = rig.OrderOf("web-1", "10");
  *request.mutable_lines(0)->mutable_expected_unit_price() = Gbp(c.unit_price);
  if (*c.net != 0) *request.mutable_lines(0)->mutable_expected_net() = Gbp(c.net);

  const v1::Order order = rig.Submit(request);

  CHECK(order.state() == c.state);
  CHECK(order.reason().reason() == c.reason);
  CHECK(rig.Done(kReserveTask) == (c.state == v1::ORDER_STATE_SENT ? 1 : 0));
}

TEST_CASE("a line without a price gives the order its reason", "[saga]") {
  Rig rig;
  v1::SubmitOrderRequest request = rig.OrderOf("web-1", "1");
  request.add_lines()->set_sku("NEW");
  request.mutable_lines(1)->mutable_quantity()->set_value("1");

  const v1::Order order = rig.Submit(request);

  CHECK(order.state() == v1::ORDER_STATE_REJECTED);
  CHECK(order.reason().reason() == "NO_PRICE_IN_CURRENCY");
  CHECK(order.reason().metadata().at("line") == "2");
  CHECK(order.lines(1).reason().reason() == "NO_PRICE_IN_CURRENCY");
  CHECK(order.lines(0).net().amount() == "10.00");
}

TEST_CASE("a blocked account buys nothing, also when blocked while an approval waits", "[saga]") {
  Rig rig;
  const v1::Order waiting = rig.Submit("200");
  rig.Account("A1", true);

  CHECK(rig.Submit("1").reason().reason() == "ACCOUNT_BLOCKED");
  REQUIRE(rig.TryDecide(waiting.approval(), "cat").ok());

  CHECK(rig.Order(waiting.name()).state() == v1::ORDER_STATE_REJECTED);
  CHECK(rig.Order(waiting.name()).reason().reason() == "ACCOUNT_BLOCKED");
  CHECK(rig.Held() == 0);
}

TEST_CASE("credit counts the ERP's balance and our open orders it does not contain", "[saga]") {
  Rig rig;
  rig.Credit("A1", "1000", "400");

  const v1::Order first = rig.Submit("50");   // 400 + 500
  const v1::Order second = rig.Submit("11");  // 900 + 110 > 1,000
  const v1::Order third = rig.Submit("10");   // 900 + 100 = 1,000

  CHECK(first.state() == v1::ORDER_STATE_SENT);
  CHECK(second.state() == v1::ORDER_STATE_REJECTED);
  CHECK(second.reason().reason() == "CREDIT_EXCEEDED");
  CHECK(second.reason().metadata().at("used") == "900.00");
  CHECK(second.reason().metadata().at("exceeded_by") == "10.00");
  CHECK(third.state() == v1::ORDER_STATE_SENT);

  // The balance now contains the first order: it counts once.
  rig.Credit("A1", "1000", "500", absl::FromUnixSeconds(10), {first.external_order_id()});
  CHECK(rig.Submit("41").reason().reason() == "CREDIT_EXCEEDED");
  CHECK(rig.Submit("40").state() == v1::ORDER_STATE_SENT);
}

TEST_CASE("an order that ended gives its credit back", "[saga]") {
  Rig rig;
  rig.Credit("A1", "2000", "0");
  const v1::Order big = rig.Submit("150");
  REQUIRE(big.state() == v1::ORDER_STATE_PENDING_APPROVAL);
  CHECK(rig.Submit("60").reason().reason() == "CREDIT_EXCEEDED");

  REQUIRE(rig.TryDecide(big.approval(), "cat", v1::DECISION_REJECT).ok());

  CHECK(rig.Order(big.name()).reason().reason() == "APPROVAL_REJECTED");
  CHECK(rig.Held() == 0);
  CHECK(rig.Submit("60").state() == v1::ORDER_STATE_SENT);
}

TEST_CASE("an older balance never overwrites a newer one", "[saga]") {
  Rig rig;
  rig.Credit("A1", "1000", "900", absl::FromUnixSeconds(20));
  rig.Credit("A1", "1000", "0", absl::FromUnixSeconds(10));

  CHECK(rig.Submit("20").reason().reason() == "CREDIT_EXCEEDED");
}

TEST_CASE("nobody deciding in time ends the order and gives the stock back", "[saga]") {
  Rig rig;
  const v1::Order order = rig.Submit("200");

  rig.room.Advance(absl::Hours(72) - absl::Seconds(1));
  CHECK(rig.Order(order.name()).state() == v1::ORDER_STATE_PENDING_APPROVAL);
  rig.room.Advance(absl::Seconds(1));

  CHECK(rig.Order(order.name()).state() == v1::ORDER_STATE_REJECTED);
  CHECK(rig.Order(order.name()).reason().reason() == "APPROVAL_EXPIRED");
  CHECK(rig.Approval(order.approval()).state() == v1::APPROVAL_STATE_EXPIRED);
  CHECK(rig.Held() == 0);
  CHECK(rig.Done(kReleaseTask) == 1);
}

TEST_CASE("by policy the stock is held only after the approval", "[saga]") {
  Rig rig;
  v1::Policy policy;
  policy.set_hold(v1::HOLD_RULE_APPROVED);
  *policy.add_approval_limits() = Gbp("100");
  REQUIRE(rig.TrySetPolicy("policies/account-A1", policy).ok());

  const v1::Order order = rig.Submit("20");
  CHECK(order.state() == v1::ORDER_STATE_PENDING_APPROVAL);
  CHECK(rig.Done(kReserveTask) == 0);
  CHECK(rig.Approval(order.approval()).rule() == "policies/account-A1#1");
  REQUIRE(rig.TryDecide(order.approval(), "bob").ok());

  CHECK(rig.Order(order.name()).state() == v1::ORDER_STATE_SENT);
  CHECK(rig.Done(kReserveTask) == 1);
}

TEST_CASE("a cancel before the release undoes everything once, whatever is in flight", "[saga]") {
  struct Case {
    const char* stuck;  // The call that is not answered while the cancel comes.
    const char* quantity;
    v1::OrderState at_cancel;
    int released;  // Release calls in the end.
  };
  auto c = GENERATE(values<Case>({
      {kPriceTask, "10", v1::ORDER_STATE_PRICING, 0},
      {kReserveTask, "10", v1::ORDER_STATE_HOLDING, 1},
      {kConfirmTask, "10", v1::ORDER_STATE_CONFIRMING, 1},
      {"none", "200", v1::ORDER_STATE_PENDING_APPROVAL, 1},
  }));
  CAPTURE(c.stuck);
  Rig rig;
  bool away = true;
  rig.trouble = [&](const engine::TaskCall& call) -> std::optional<absl::Status> {
    if (away && call.kind == c.stuck) return Unavailable("AWAY", "away");
    return std::nullopt;
  };
  v1::Order order = rig.Submit(c.quantity);
  REQUIRE(order.state() == c.at_cancel);

  REQUIRE(rig.TryCancel(order.name(), rig.Buyer()).ok());
  away = false;
  rig.room.Advance(absl::Minutes(5));

  order = rig.Order(order.name());
  CHECK(order.state() == v1::ORDER_STATE_CANCELLED);
  CHECK(order.reason().reason() == "CANCELLED");
  CHECK(rig.Held() == 0);
  CHECK(rig.Done(kReleaseTask) == c.released);
  CHECK(rig.Released() == 0);
  CHECK(rig.room.pending_tasks() == 0);
  if (!order.approval().empty()) {
    CHECK(rig.Approval(order.approval()).state() == v1::APPROVAL_STATE_WITHDRAWN);
  }
  CHECK(ReasonOf(rig.TryCancel(order.name(), rig.Buyer()).status()) == "ORDER_CLOSED");
}

TEST_CASE("a neighbour that is away delays an order and changes nothing else", "[saga]") {
  const std::string kind =
      GENERATE(as<std::string>(), kPriceTask, kReserveTask, kConfirmTask);
  CAPTURE(kind);
  Rig rig;
  int failures = 3;
  rig.trouble = [&](const engine::TaskCall& call) -> std::optional<absl::Status> {
    if (call.kind == kind && failures-- > 0) return Unavailable("AWAY", "away");
    return std::nullopt;
  };

  v1::Order order = rig.Submit("10");
  CHECK(order.state() != v1::ORDER_STATE_SENT);
  rig.room.Advance(absl::Minutes(10));

  CHECK(rig.Order(order.name()).state() == v1::ORDER_STATE_SENT);
  CHECK(rig.Done(kReserveTask) == 1);
  CHECK(rig.Released() == 1);
}

// One life of an order with a restart after every step and answers that get lost
// (the neighbour did it, we did not hear).
TEST_CASE("a kill between any two steps changes nothing of the outcome", "[saga]") {
  const std::string end = GENERATE("approve", "reject", "erp-reject", "cancel");
  CAPTURE(end);
  const auto live = [&](bool kills) {
    Rig rig;
    std::map<std::string, int> lost;
    rig.trouble = [&](const engine::TaskCall& call) -> std::optional<absl::Status> {
      if (kills && ++lost[call.kind] <= 2) return Unavailable("LOST", "no answer");
      return std::nullopt;
    };
    const auto step = [&] {
      for (int i = 0; i < 6; ++i) {
        if (kills) rig.room.Reopen();
        rig.room.Advance(absl::Seconds(30));
      }
    };
    const std::string name = rig.TrySubmit(rig.OrderOf("w", "200"), rig.Buyer())->name();
    step();
    const std::string approval = rig.Order(name).approval();
    if (end == "cancel") {
      CHECK(rig.TryCancel(name, rig.Buyer()).ok());
    } else {
      CHECK(rig.TryDecide(approval, "cat",
                          end == "reject" ? v1::DECISION_REJECT : v1::DECISION_APPROVE)
                .ok());
    }
    step();
    if (end == "erp-reject") {
      sales::v1::OrderRejected rejected;
      rejected.set_order(name);
      rig.Erp(rejected);
      step();
    }
    v1::Order order = rig.Order(name);
    CHECK(rig.AuditIntact());
    CHECK(rig.Done(kReleaseTask) == (end == "approve" ? 0 : 1));
    CHECK(rig.Held() == (end == "approve" ? 1 : 0));
    CHECK(rig.Released() == (end == "approve" || end == "erp-reject" ? 1 : 0));
    order.clear_update_time();
    order.clear_release_time();
    return order.SerializeAsString();
  };

  CHECK(live(true) == live(false));
}

TEST_CASE("the same order of a shop is one order for good", "[saga]") {
  Rig rig;
  const v1::SubmitOrderRequest request = rig.OrderOf("web-1", "10");
  const v1::Order first = rig.TrySubmit(request, rig.Buyer()).value();

  const auto again = rig.TrySubmit(request, rig.Buyer());
  const auto other = rig.TrySubmit(rig.OrderOf("web-1", "11"), rig.Buyer());
  const auto foreign = rig.TrySubmit(request, rig.Buyer("zoe", "A2"));
  v1::SubmitOrderRequest phone = request;
  phone.set_channel("phone");
  phone.set_account("A1");
  const auto elsewhere = rig.TrySubmit(phone, rig.Staff());

  REQUIRE(again.ok());
  CHECK(again->name() == first.name());
  CHECK(ReasonOf(other.status()) == "ORDER_ID_REUSED");
  CHECK(ReasonOf(foreign.status()) == "ORDER_ID_REUSED");
  REQUIRE(elsewhere.ok());
  CHECK(elsewhere->name() != first.name());
  CHECK(rig.Released() == 2);
}

TEST_CASE("what can never work is refused with its reason", "[saga]") {
  Rig rig;
  const auto with = [&](auto change) {
    v1::SubmitOrderRequest request = rig.OrderOf("", "1");
    change(request);
    return ReasonOf(rig.TrySubmit(request, rig.Buyer()).status());
  };
  CHECK(with([](auto& r) { r.clear_lines(); }) == "LINES_REQUIRED");
  CHECK(with([](auto& r) { r.mutable_lines(0)->mutable_quantity()->set_value("-1"); }) ==
        "LINE_INVALID");
  CHECK(with([](auto& r) { r.mutable_lines(0)->mutable_quantity()->set_value("0"); }) ==
        "LINE_INVALID");
  CHECK(with([](auto& r) { r.mutable_lines(0)->mutable_quantity()->set_value("many"); }) ==
        "LINE_INVALID");
  CHECK(with([](auto& r) { r.mutable_lines(0)->mutable_quantity()->set_value("1e3"); }) ==
        "LINE_INVALID");
  CHECK(with([](auto& r) { r.mutable_lines(0)->clear_sku(); }) == "LINE_INVALID");
  CHECK(with([](auto& r) { r.set_requested_date("2026-02-30"); }) == "FIELD_INVALID");
  CHECK(with([](auto& r) { r.set_currency_code("gbp"); }) == "FIELD_INVALID");
  CHECK(with([](auto& r) { r.set_account("A2"); }) == "ACCOUNT_NOT_FOUND");
  CHECK(with([](auto& r) { r.set_notes(std::string(2001, 'x')); }) == "FIELD_INVALID");
  CHECK(with([](auto& r) {
          for (int i = 0; i < 1000; ++i) *r.add_lines() = r.lines(0);
        }) == "TOO_MANY_LINES");
  CHECK(with([](auto& r) {
          r.add_charges()->set_kind("FREIGHT");
          *r.mutable_charges(0)->mutable_amount() = Gbp("-1");
        }) == "FIELD_INVALID");
}

TEST_CASE("before the accounts are loaded an unknown one is NOT_LOADED, then NOT_FOUND",
          "[saga]") {
  Rig rig;
  v1::SubmitOrderRequest request = rig.OrderOf("", "1");
  request.set_account("A9");
  CHECK(ReasonOf(rig.TrySubmit(request, rig.Staff()).status()) == "NOT_LOADED");

  facts::v1::LoadChanged load;
  load.set_connection("main");
  load.add_entities("account");
  load.set_ended(true);
  rig.room.Deliver(rig.tenant, engine::kTimeline, "erp-connector", "loads/main", load);

  CHECK(ReasonOf(rig.TrySubmit(request, rig.Staff()).status()) == "ACCOUNT_NOT_FOUND");
}

TEST_CASE("random lives end in one final state with nothing held but what was sent",
          "[saga]") {
  const uint32_t seed = GENERATE(take(60, random(1u, 4'000'000'000u)));
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto chance = [&](int percent) { return static_cast<int>(random() % 100) < percent; };
  Rig rig;
  rig.trouble = [&](const engine::TaskCall& call) -> std::optional<absl::Status> {
    if (chance(30)) return Unavailable("AWAY", "away");
    if (chance(10) && call.kind != kReleaseTask) return FailedPrecondition("NO", "no");
    return std::nullopt;
  };
  std::vector<std::string> names;
  for (int step = 0; step < 60; ++step) {
    if (chance(15) || names.empty()) {
      const std::string quantity = std::to_string(1 + random() % 300);
      const auto order =
          rig.TrySubmit(rig.OrderOf("s" + std::to_string(step), quantity), rig.Buyer());
      REQUIRE(order.ok());
      names.push_back(order->name());
    }
    const std::string name = names[random() % names.size()];
    const v1::Order order = rig.Order(name);
    if (chance(20)) (void)rig.TryCancel(name, rig.Buyer());
    if (chance(30) && !order.approval().empty()) {
      (void)rig.TryDecide(order.approval(), "cat",
                          chance(70) ? v1::DECISION_APPROVE : v1::DECISION_REJECT);
    }
    if (chance(15)) {
      sales::v1::OrderRejected rejected;
      rejected.set_order(name);
      if (order.state() == v1::ORDER_STATE_SENT) rig.Erp(rejected);
    }
    if (chance(15)) rig.room.Reopen();
    if (chance(40)) rig.room.Advance(absl::Seconds(random() % 600));
  }
  rig.trouble = nullptr;
  rig.room.Advance(absl::Hours(100));

  int sent = 0;
  for (const std::string& name : names) {
    const v1::Order order = rig.Order(name);
    CAPTURE(name, order.state());
    const bool with_erp = order.state() == v1::ORDER_STATE_SENT;
    CHECK((with_erp || IsFinal(static_cast<OrderState>(order.state()))));
    sent += with_erp ? 1 : 0;
  }
  CHECK(rig.Held() == sent);
  CHECK(rig.room.pending_tasks() == 0);
  CHECK(rig.AuditIntact());
  CHECK(rig.room.parked().empty());
}

}  // namespace
}  // namespace weft::approval
