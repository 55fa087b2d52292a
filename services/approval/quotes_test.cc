// Quotes through the engine, and what buyers may read.
#include <catch2/catch.hpp>

#include "services/approval/testing/approval_rig.h"

namespace weft::approval {
namespace {

constexpr char kCreate[] = "weft.approval.v1.QuoteService/CreateQuote";
constexpr char kSend[] = "weft.approval.v1.QuoteService/SendQuote";
constexpr char kAccept[] = "weft.approval.v1.QuoteService/AcceptQuote";
constexpr char kDecline[] = "weft.approval.v1.QuoteService/DeclineQuote";

v1::CreateQuoteRequest QuoteOf(const std::string& sku, const std::string& quantity) {
  v1::CreateQuoteRequest request;
  v1::NewLine& line = *request.add_lines();
  line.set_sku(sku);
  line.mutable_quantity()->set_value(quantity);
  request.set_buyer_reference("RFQ 1");
  request.set_notes("as discussed");
  return request;
}

std::string Create(Rig& rig, const std::string& sku = "X", const std::string& quantity = "10") {
  return rig.room
      .Submit<v1::Quote>(kCreate, rig.Buyer(), rig.NextId(), QuoteOf(sku, quantity))
      ->name();
}
absl::StatusOr<v1::Quote> Send(Rig& rig, const std::string& name) {
  v1::SendQuoteRequest request;
  request.set_name(name);
  return rig.room.Submit<v1::Quote>(kSend, rig.Staff(), rig.NextId(), request);
}
absl::StatusOr<v1::Quote> Accept(Rig& rig, const std::string& name, const Principal& who) {
  v1::AcceptQuoteRequest request;
  request.set_name(name);
  return rig.room.Submit<v1::Quote>(kAccept, who, rig.NextId(), request);
}

TEST_CASE("a quote is priced, sent, accepted, and becomes an order without retyping",
          "[quote]") {
  Rig rig;
  const std::string name = Create(rig);
  CHECK(rig.Quote(name).state() == v1::QUOTE_STATE_DRAFT);
  CHECK(rig.Quote(name).total().amount() == "100.00");
  CHECK(rig.Quote(name).lines(0).decision_id() == "d-X");
  REQUIRE(Send(rig, name).ok());

  rig.prices["X"] = "12.00";  // The list moves, the quote does not.
  REQUIRE(Accept(rig, name, rig.Buyer()).ok());

  const v1::Quote quote = rig.Quote(name);
  CHECK(quote.state() == v1::QUOTE_STATE_ACCEPTED);
  const v1::Order order = rig.Order(quote.order());
  CHECK(order.state() == v1::ORDER_STATE_SENT);
  CHECK(order.total().amount() == "100.00");
  CHECK(order.lines(0).decision_id() == "d-X");
  CHECK(order.quote() == name);
  CHECK(order.buyer_reference() == "RFQ 1");
  CHECK(order.notes() == "as discussed");
  CHECK(order.terms() == "NET30");
  CHECK(rig.Done(kPriceTask) == 0);
  CHECK(rig.Released() == 1);
  CHECK(ReasonOf(Accept(rig, name, rig.Buyer()).status()) == "QUOTE_STATE");
}

TEST_CASE("an accepted quote above the limit needs an approval like any order", "[quote]") {
  Rig rig;
  const std::string name = Create(rig, "X", "200");
  REQUIRE(Send(rig, name).ok());
  REQUIRE(Accept(rig, name, rig.Buyer()).ok());

  const v1::Order order = rig.Order(rig.Quote(name).order());
  CHECK(order.state() == v1::ORDER_STATE_PENDING_APPROVAL);
  CHECK(ReasonOf(rig.TryDecide(order.approval(), "ann").status()) == "CANNOT_DECIDE_OWN");
  REQUIRE(rig.TryDecide(order.approval(), "cat").ok());
  CHECK(rig.Order(order.name()).state() == v1::ORDER_STATE_SENT);
}

TEST_CASE("a quote with a line without a price says so and cannot be sent", "[quote]") {
  Rig rig;
  const std::string name = Create(rig, "NEW");

  CHECK(rig.Quote(name).state() == v1::QUOTE_STATE_DRAFT);
  CHECK(rig.Quote(name).reason().reason() == "NO_PRICE_IN_CURRENCY");
  CHECK_FALSE(rig.Quote(name).has_total());
  CHECK(ReasonOf(Send(rig, name).status()) == "QUOTE_NOT_PRICED");
}

TEST_CASE("a sent quote runs out once, at its time", "[quote]") {
  Rig rig;
  const std::string name = Create(rig);
  REQUIRE(Send(rig, name).ok());

  rig.room.Advance(absl::Hours(24 * 30) - absl::Seconds(1));
  CHECK(rig.Quote(name).state() == v1::QUOTE_STATE_SENT);
  rig.room.Advance(absl::Seconds(1));
  CHECK(rig.Quote(name).state() == v1::QUOTE_STATE_EXPIRED);
  const int64_t revision = rig.Quote(name).revision();
  rig.room.Advance(absl::Hours(24 * 365));
  CHECK(rig.Quote(name).revision() == revision);
  CHECK(ReasonOf(Accept(rig, name, rig.Buyer()).status()) == "QUOTE_STATE");
}

TEST_CASE("every revision of a quote stays readable", "[quote]") {
  Rig rig;
  const std::string name = Create(rig);
  REQUIRE(Send(rig, name).ok());
  v1::DeclineQuoteRequest decline;
  decline.set_name(name);
  decline.set_reason("too dear");
  REQUIRE(rig.room.Submit<v1::Quote>(kDecline, rig.Buyer(), rig.NextId(), decline).ok());

  const auto at = [&](int64_t revision) {
    v1::GetQuoteRequest request;
    request.set_name(name);
    request.set_revision(revision);
    return GetQuote(rig.Context(rig.Buyer()), request, *rig.room.Read(rig.tenant));
  };
  CHECK(at(0)->state() == v1::QUOTE_STATE_DECLINED);
  CHECK(at(0)->reason().message() == "too dear");
  CHECK(at(1)->state() == v1::QUOTE_STATE_PRICING);
  CHECK(at(2)->state() == v1::QUOTE_STATE_DRAFT);
  CHECK(at(3)->state() == v1::QUOTE_STATE_SENT);
  CHECK(at(4)->state() == v1::QUOTE_STATE_DECLINED);
  CHECK(ReasonOf(at(5).status()) == "QUOTE_NOT_FOUND");
  CHECK(rig.AuditIntact());
}

TEST_CASE("only the state and the version asked about can be acted on", "[quote]") {
  Rig rig;
  const std::string name = Create(rig);
  CHECK(ReasonOf(Accept(rig, name, rig.Buyer()).status()) == "QUOTE_STATE");
  v1::SendQuoteRequest stale;
  stale.set_name(name);
  stale.set_etag("r1");
  CHECK(ReasonOf(rig.room.Submit<v1::Quote>(kSend, rig.Staff(), rig.NextId(), stale).status()) ==
        "ETAG_MISMATCH");
  stale.set_etag("r2");
  stale.mutable_expire_time()->set_seconds(1);
  CHECK(ReasonOf(rig.room.Submit<v1::Quote>(kSend, rig.Staff(), rig.NextId(), stale).status()) ==
        "FIELD_INVALID");
  CHECK(rig.Quote(name).state() == v1::QUOTE_STATE_DRAFT);
}

TEST_CASE("a restart while a quote is priced changes nothing of it", "[quote]") {
  Rig rig;
  int failures = 2;
  rig.trouble = [&](const engine::TaskCall&) -> std::optional<absl::Status> {
    if (failures-- > 0) return Unavailable("AWAY", "away");
    return std::nullopt;
  };
  const std::string name = Create(rig);
  CHECK(rig.Quote(name).state() == v1::QUOTE_STATE_PRICING);
  rig.room.Reopen();
  rig.room.Advance(absl::Minutes(2));
  CHECK(rig.Quote(name).state() == v1::QUOTE_STATE_DRAFT);
  CHECK(rig.Quote(name).revision() == 2);
}

TEST_CASE("a buyer sees and touches the own account's things only", "[isolation]") {
  Rig rig;
  const v1::Order order = rig.Submit("200");
  const std::string quote = Create(rig);
  REQUIRE(Send(rig, quote).ok());
  const Principal foreign = rig.Buyer("zoe", "A2");
  Principal limited = testing::MakePrincipal(rig.tenant, {"rep"}, "rob");
  limited.accounts = {"A2"};
  const Principal who = GENERATE_COPY(foreign, limited);
  const auto view = rig.room.Read(rig.tenant);
  const PageTokens tokens("k");

  v1::GetOrderRequest get;
  get.set_name(order.name());
  CHECK(ReasonOf(GetOrder(rig.Context(who), get, *view).status()) == "ORDER_NOT_FOUND");
  CHECK(GetOrder(rig.Context(rig.Buyer()), get, *view).ok());
  v1::GetQuoteRequest get_quote;
  get_quote.set_name(quote);
  CHECK(ReasonOf(GetQuote(rig.Context(who), get_quote, *view).status()) == "QUOTE_NOT_FOUND");
  v1::GetApprovalRequest get_approval;
  get_approval.set_name(order.approval());
  CHECK(ReasonOf(GetApproval(rig.Context(who), get_approval, *view).status()) ==
        "APPROVAL_NOT_FOUND");
  CHECK(ListOrders(tokens, rig.Context(who), {}, *view)->orders().empty());
  CHECK(ListQuotes(tokens, rig.Context(who), {}, *view)->quotes().empty());
  CHECK(ListOrders(tokens, rig.Context(rig.Buyer()), {}, *view)->orders_size() == 1);
  v1::ListOrdersRequest named;
  named.set_account("A1");
  CHECK(ReasonOf(ListOrders(tokens, rig.Context(who), named, *view).status()) ==
        "ACCOUNT_NOT_FOUND");
  v1::ListOrdersRequest external;
  external.set_channel("web");
  external.set_external_order_id(order.external_order_id());
  CHECK(ListOrders(tokens, rig.Context(who), external, *view)->orders().empty());
  CHECK(ReasonOf(rig.TryCancel(order.name(), who).status()) == "ORDER_NOT_FOUND");
  CHECK(ReasonOf(Accept(rig, quote, who).status()) == "QUOTE_NOT_FOUND");
  // What is refused as foreign reads the same as what does not exist.
  CHECK(rig.TryCancel("orders/none", who).status().code() ==
        rig.TryCancel(order.name(), who).status().code());
}

TEST_CASE("orders are listed newest first, by account and state, in pages", "[reads]") {
  Rig rig;
  std::vector<std::string> all;
  for (int i = 0; i < 5; ++i) {
    all.insert(all.begin(), rig.Submit(i == 2 ? "200" : "1").name());
    rig.room.Advance(absl::Seconds(1));
  }
  const auto view = rig.room.Read(rig.tenant);
  const PageTokens tokens("k");
  for (const Principal& who : {rig.Buyer(), rig.Staff()}) {
    v1::ListOrdersRequest request;
    request.set_page_size(2);
    std::vector<std::string> listed;
    do {
      const auto page = ListOrders(tokens, rig.Context(who), request, *view);
      REQUIRE(page.ok());
      for (const v1::Order& order : page->orders()) listed.push_back(order.name());
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
    CHECK(listed == all);
  }
  v1::ListOrdersRequest pending;
  pending.set_state(v1::ORDER_STATE_PENDING_APPROVAL);
  const auto page = ListOrders(tokens, rig.Context(rig.Staff()), pending, *view);
  REQUIRE(page->orders_size() == 1);
  CHECK(page->orders(0).name() == all[2]);
}

TEST_CASE("a page token is good only for its own list", "[reads]") {
  Rig rig;
  rig.Submit("1");
  rig.Submit("1");
  const auto view = rig.room.Read(rig.tenant);
  const PageTokens tokens("k");
  v1::ListOrdersRequest request;
  request.set_page_size(1);
  request.set_page_token(
      ListOrders(tokens, rig.Context(rig.Staff()), request, *view)->next_page_token());
  REQUIRE_FALSE(request.page_token().empty());

  const auto reason = [&](const PageTokens& by, const v1::ListOrdersRequest& asked) {
    return ReasonOf(ListOrders(by, rig.Context(rig.Staff()), asked, *view).status());
  };
  CHECK(reason(tokens, request).empty());
  CHECK(reason(PageTokens("other"), request) == "PAGE_TOKEN_INVALID");
  v1::ListOrdersRequest other = request;
  other.set_account("A1");
  CHECK(reason(tokens, other) == "PAGE_TOKEN_INVALID");
  other = request;
  other.set_page_token("garbage");
  CHECK(reason(tokens, other) == "PAGE_TOKEN_INVALID");
  other.set_page_size(-1);
  CHECK(reason(tokens, other) == "FIELD_INVALID");
}

}  // namespace
}  // namespace weft::approval
