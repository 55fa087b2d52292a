// What the ERP says of released orders: once, in any order that makes sense.
#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <set>

#include "services/approval/testing/approval_rig.h"

namespace weft::approval {
namespace {

sales::v1::OrderAcknowledged Ack(const std::string& order, const std::string& confirmed = "",
                                 const std::string& rejected = "") {
  sales::v1::OrderAcknowledged event;
  event.set_order(order);
  event.set_erp_order("E1");
  event.mutable_time()->set_seconds(100);
  if (!confirmed.empty()) {
    sales::v1::AcknowledgedLine& line = *event.add_lines();
    line.set_line(1);
    line.set_confirmed(confirmed);
    line.set_rejected(rejected);
    line.set_reason("not made any more");
  }
  return event;
}
sales::v1::OrderShipped Shipment(const std::string& order, const std::string& number,
                                 const std::string& quantity, int line_number = 1) {
  sales::v1::OrderShipped event;
  event.set_order(order);
  event.set_shipment(number);
  event.set_tracking("T" + number);
  sales::v1::ShippedLine& line = *event.add_lines();
  line.set_line(line_number);
  line.set_quantity(quantity);
  return event;
}
sales::v1::OrderInvoiced InvoiceOf(const std::string& order, const std::string& number,
                                   const std::string& quantity, const std::string& net,
                                   int64_t at = 200) {
  sales::v1::OrderInvoiced event;
  event.set_order(order);
  event.set_invoice(number);
  event.set_currency_code("GBP");
  event.mutable_time()->set_seconds(at);
  sales::v1::InvoicedLine& line = *event.add_lines();
  line.set_line(1);
  line.mutable_quantity()->set_value(quantity);
  *line.mutable_net() = Gbp(net);
  return event;
}

TEST_CASE("acknowledged, shipped in two parts, invoiced: the order follows", "[erp]") {
  Rig rig;
  const std::string name = rig.Submit("10").name();
  const auto state = [&] { return rig.Order(name).state(); };

  rig.Erp(Ack(name));
  CHECK(state() == v1::ORDER_STATE_ACKNOWLEDGED);
  CHECK(rig.Order(name).erp_order() == "E1");
  CHECK(rig.Order(name).lines(0).quantities().confirmed() == "10");
  rig.Erp(Shipment(name, "S1", "4"));
  CHECK(state() == v1::ORDER_STATE_PARTIALLY_SHIPPED);
  rig.Erp(Shipment(name, "S2", "6"));
  CHECK(state() == v1::ORDER_STATE_SHIPPED);
  rig.Erp(InvoiceOf(name, "I1", "10", "100"));
  CHECK(state() == v1::ORDER_STATE_INVOICED);
  CHECK(rig.Order(name).shipments_size() == 2);
  CHECK(rig.Order(name).invoices(0).net().amount() == "100");
  rig.Erp(InvoiceOf(name, "C1", "-2", "-20"));
  CHECK(state() == v1::ORDER_STATE_INVOICED);
  CHECK(rig.Order(name).lines(0).quantities().credited() == "2");
  CHECK(rig.Done(kReleaseTask) == 0);  // What left consumes its own hold.
}

TEST_CASE("the same messages in any order and any number give the same order", "[erp]") {
  const uint32_t seed = GENERATE(take(40, random(1u, 4'000'000'000u)));
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto run = [&](bool shuffled) {
    Rig rig;
    const std::string name = rig.TrySubmit(rig.OrderOf("w", "10"), rig.Buyer())->name();
    std::vector<std::function<void()>> messages{
        [&] { rig.Erp(Ack(name, "8", "2")); },
        [&] { rig.Erp(Shipment(name, "S1", "3")); },
        [&] { rig.Erp(Shipment(name, "S2", "5")); },
        [&] { rig.Erp(InvoiceOf(name, "I1", "3", "30")); },
        [&] { rig.Erp(InvoiceOf(name, "I2", "5", "50")); }};
    if (shuffled) {
      const size_t count = messages.size();
      for (size_t i = 0; i < count; ++i) messages.push_back(messages[i]);
      std::shuffle(messages.begin(), messages.end(), random);
    }
    for (const auto& message : messages) {
      message();
      if (shuffled && random() % 3 == 0) rig.room.Reopen();
    }
    v1::Order order = rig.Order(name);
    CHECK(order.state() == v1::ORDER_STATE_INVOICED);
    CHECK(rig.room.parked().empty());
    CHECK(order.incidents().empty());
    CHECK(rig.Done(kReleaseTask) == 1);  // The two that were refused.
    order.clear_etag();
    order.clear_revision();
    order.clear_update_time();
    const auto by_name = [](auto* list) {
      std::sort(list->begin(), list->end(), [](const auto& a, const auto& b) {
        return a.SerializeAsString() < b.SerializeAsString();
      });
    };
    by_name(order.mutable_shipments());
    by_name(order.mutable_invoices());
    return order.SerializeAsString();
  };

  CHECK(run(true) == run(false));
}

TEST_CASE("a refused order is undone once and gives its credit back", "[erp]") {
  Rig rig;
  rig.Credit("A1", "500", "0");
  const std::string name = rig.Submit("50").name();
  CHECK(rig.Submit("1").reason().reason() == "CREDIT_EXCEEDED");
  sales::v1::OrderRejected rejected;
  rejected.set_order(name);
  rejected.set_reason("unknown ship-to");

  rig.Erp(rejected);
  rig.Erp(rejected);

  CHECK(rig.Order(name).state() == v1::ORDER_STATE_REJECTED);
  CHECK(rig.Order(name).reason().reason() == "ERP_REJECTED");
  CHECK(rig.Order(name).reason().message() == "unknown ship-to");
  CHECK(rig.Held() == 0);
  CHECK(rig.Done(kReleaseTask) == 1);
  CHECK(rig.Submit("50").state() == v1::ORDER_STATE_SENT);
}

TEST_CASE("an order of which every line was refused is rejected", "[erp]") {
  Rig rig;
  const std::string name = rig.Submit("10").name();

  rig.Erp(Ack(name, "0", "10"));

  CHECK(rig.Order(name).state() == v1::ORDER_STATE_REJECTED);
  CHECK(rig.Order(name).lines(0).reason().reason() == "ERP_REJECTED");
  CHECK(rig.Order(name).lines(0).quantities().cancelled() == "10");
  CHECK(rig.Held() == 0);
}

TEST_CASE("a cancel after the release is the ERP's to answer", "[erp]") {
  Rig rig;
  const std::string name = rig.Submit("10").name();

  REQUIRE(rig.TryCancel(name, rig.Buyer()).ok());
  REQUIRE(rig.TryCancel(name, rig.Buyer()).ok());

  CHECK(rig.Order(name).state() == v1::ORDER_STATE_SENT);
  CHECK(rig.Order(name).cancel_state() == v1::CANCEL_STATE_REQUESTED);
  int asked = 0;
  for (const auto& event : rig.room.emitted(app::kSalesTopic)) {
    asked += event.type == "weft.sales.v1.OrderCancelRequested" ? 1 : 0;
  }
  CHECK(asked == 1);

  sales::v1::OrderCancelAnswered answer;
  answer.set_order(name);
  SECTION("accepted") {
    answer.set_accepted(true);
    rig.Erp(answer);
    CHECK(rig.Order(name).state() == v1::ORDER_STATE_CANCELLED);
    CHECK(rig.Order(name).cancel_state() == v1::CANCEL_STATE_ACCEPTED);
    CHECK(rig.Held() == 0);
    CHECK(rig.Done(kReleaseTask) == 1);
  }
  SECTION("refused") {
    rig.Erp(answer);
    CHECK(rig.Order(name).state() == v1::ORDER_STATE_SENT);
    CHECK(rig.Order(name).cancel_state() == v1::CANCEL_STATE_REFUSED);
    CHECK(rig.Held() == 1);
  }
  CHECK(rig.AuditIntact());
}

TEST_CASE("lines can be cancelled after the release, the rest goes on", "[erp]") {
  Rig rig;
  v1::SubmitOrderRequest request = rig.OrderOf("w", "4");
  *request.add_lines() = request.lines(0);
  const std::string name = rig.Submit(request).name();
  CHECK(ReasonOf(rig.TryCancel(name, rig.Buyer(), {3}).status()) == "LINE_INVALID");
  REQUIRE(rig.TryCancel(name, rig.Buyer(), {2}).ok());
  sales::v1::OrderCancelAnswered answer;
  answer.set_order(name);
  answer.add_lines(2);
  answer.set_accepted(true);

  rig.Erp(answer);
  CHECK(rig.Order(name).state() == v1::ORDER_STATE_SENT);
  CHECK(rig.Order(name).lines(1).quantities().cancelled() == "4");
  rig.Erp(Shipment(name, "S1", "4"));

  CHECK(rig.Order(name).state() == v1::ORDER_STATE_SHIPPED);
  CHECK(rig.Done(kReleaseTask) == 1);  // What line 2 still held.
  CHECK(ReasonOf(rig.TryCancel(name, rig.Buyer()).status()) == "ORDER_CLOSED");
}

TEST_CASE("before the release lines cannot be cancelled alone", "[erp]") {
  Rig rig;
  const v1::Order order = rig.Submit("200");
  CHECK(ReasonOf(rig.TryCancel(order.name(), rig.Buyer(), {1}).status()) == "CANCEL_WHOLE_ONLY");
}

TEST_CASE("an ERP that is silent is an incident, and the order stays sent", "[erp]") {
  Rig rig;
  const std::string name = rig.Submit("10").name();

  rig.room.Advance(absl::Hours(4) - absl::Seconds(1));
  CHECK(rig.Order(name).incidents().empty());
  rig.room.Advance(absl::Seconds(1));
  CHECK(rig.Order(name).state() == v1::ORDER_STATE_SENT);
  REQUIRE(rig.Order(name).incidents_size() == 1);
  CHECK(rig.Order(name).incidents(0).reason() == "ERP_SILENT");
  CHECK_FALSE(rig.Order(name).incidents(0).has_resolve_time());

  rig.Erp(Ack(name));
  CHECK(rig.Order(name).incidents(0).has_resolve_time());
  CHECK(rig.Order(name).state() == v1::ORDER_STATE_ACKNOWLEDGED);
}

TEST_CASE("an export that is stuck shows on the order until the ERP answers", "[erp]") {
  Rig rig;
  const std::string name = rig.Submit("10").name();
  sales::v1::OrderExportStuck stuck;
  stuck.set_order(name);
  stuck.set_reason("EXPORT_UNCERTAIN");
  stuck.set_message("no reply");

  rig.Erp(stuck);
  rig.Erp(stuck);
  REQUIRE(rig.Order(name).incidents_size() == 1);
  CHECK(rig.Order(name).state() == v1::ORDER_STATE_SENT);
  rig.Erp(Shipment(name, "S1", "10"));

  CHECK(rig.Order(name).incidents(0).has_resolve_time());
}

TEST_CASE("what does not fit an order is an incident, what names none is parked", "[erp]") {
  Rig rig;
  const std::string waiting = rig.Submit("200").name();

  rig.Erp(Ack(waiting));
  CHECK(rig.Order(waiting).state() == v1::ORDER_STATE_PENDING_APPROVAL);
  CHECK(rig.Order(waiting).incidents(0).reason() == "ERP_EVENT_UNEXPECTED");
  rig.Erp(Ack("orders/none"));
  // Of one order later messages wait behind a parked one, so each has its own.
  rig.Erp(Shipment(rig.Submit("10").name(), "S1", "1", 7));
  rig.Erp(Shipment(rig.Submit("10").name(), "S2", "-1"));
  rig.Erp(Shipment(rig.Submit("10").name(), "S3", "one"));
  const std::string sent = rig.Submit("10").name();
  rig.Erp(Shipment(sent, "S4", "10"));

  std::multiset<std::string> reasons;
  for (const auto& record : rig.room.parked()) reasons.insert(record.reason);
  CHECK(reasons == std::multiset<std::string>{"LINE_UNKNOWN", "ORDER_NOT_FOUND",
                                              "QUANTITY_INVALID", "QUANTITY_INVALID"});
  CHECK(rig.Order(sent).state() == v1::ORDER_STATE_SHIPPED);
}

TEST_CASE("a price that comes back different is an incident", "[erp]") {
  Rig rig;
  const std::string name = rig.Submit("10").name();
  sales::v1::OrderAcknowledged ack = Ack(name, "10");
  *ack.mutable_lines(0)->mutable_unit_price() = Gbp("10.5");

  rig.Erp(ack);

  REQUIRE(rig.Order(name).incidents_size() == 1);
  CHECK(rig.Order(name).incidents(0).reason() == "PRICE_DIFFERS");
}

TEST_CASE("what is invoiced moves from our open orders into the ERP's balance, once", "[erp]") {
  Rig rig;
  rig.Credit("A1", "1000", "0", absl::FromUnixSeconds(100));
  const std::string name = rig.Submit("100").name();
  REQUIRE(rig.Order(name).state() == v1::ORDER_STATE_SENT);
  const auto fits = [&](const char* quantity) {
    const v1::Order order = rig.Submit(quantity);
    const bool sent = order.state() == v1::ORDER_STATE_SENT;
    if (sent) {  // Only asked.
      sales::v1::OrderRejected rejected;
      rejected.set_order(order.name());
      rig.Erp(rejected);
    }
    return sent;
  };
  CHECK_FALSE(fits("1"));
  rig.Erp(InvoiceOf(name, "I1", "60", "600", 150));
  CHECK_FALSE(fits("1"));  // 400 open + 600 invoiced that the balance lacks.
  rig.Credit("A1", "1000", "600", absl::FromUnixSeconds(160));
  CHECK_FALSE(fits("1"));  // 600 + 400.
  rig.Credit("A1", "1000", "0", absl::FromUnixSeconds(170));  // Paid.
  CHECK(fits("60"));
  CHECK_FALSE(fits("61"));
  rig.Erp(InvoiceOf(name, "I2", "40", "400", 180));
  CHECK_FALSE(fits("61"));
  rig.Credit("A1", "1000", "400", absl::FromUnixSeconds(190));
  CHECK(fits("60"));
  rig.Credit("A1", "1000", "0", absl::FromUnixSeconds(200));
  CHECK(fits("100"));
  CHECK(rig.room.Read(rig.tenant)->Find(kOpenOrders, PairKey("A1", IdOf(name, "orders")))->has_value() ==
        false);
}

TEST_CASE("history of other orders passes by", "[erp]") {
  Rig rig;
  sales::v1::OrderInvoiced past = InvoiceOf("", "H1", "5", "50");
  rig.Erp(past);
  CHECK(rig.room.parked().empty());
}

}  // namespace
}  // namespace weft::approval
