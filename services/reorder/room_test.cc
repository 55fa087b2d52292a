// The room on the engine, with scripted neighbours: history, suggestions, reorders.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/testing/room_harness.h"
#include "services/reorder/app.h"
#include "services/reorder/convert.h"
#include "services/reorder/history.h"
#include "services/reorder/program.h"
#include "services/reorder/service.h"
#include "services/reorder/state.h"
#include "weft/facts/v1/facts.pb.h"
#include "weft/inventory/v1/inventory.pb.h"
#include "weft/pricing/v1/pricing.pb.h"
#include "weft/sales/v1/sales.pb.h"

namespace weft::reorder {
namespace {

// Another room, as a function from method and request to answer.
class ScriptedRoom final : public rpc::Client {
 public:
  using Script = std::function<absl::StatusOr<std::string>(const std::string& request)>;
  void On(const std::string& method, Script script) { scripts_[method] = std::move(script); }
  int calls(const std::string& method) const {
    const auto found = calls_.find(method);
    return found == calls_.end() ? 0 : found->second;
  }

  void CallRaw(const std::string& method, std::string request, const rpc::CallOptions&,
               rpc::RawAnswerCallback done) override {
    ++calls_[method];
    const auto script = scripts_.find(method);
    if (script == scripts_.end()) return done(Unavailable("ROOM_UNAVAILABLE", "away"));
    absl::StatusOr<std::string> answer = script->second(request);
    if (!answer.ok()) return done(answer.status());
    done(rpc::RawAnswer{.payload = *std::move(answer)});
  }
  std::unique_ptr<rpc::StreamHandle> StreamRaw(const std::string&, std::string,
                                               const rpc::CallOptions&,
                                               rpc::StreamCallbacks) override {
    return nullptr;
  }

 private:
  std::map<std::string, Script> scripts_;
  std::map<std::string, int> calls_;
};

class Methods final : public rpc::MethodRegistry {
 public:
  void RegisterUnary(const std::string& method, rpc::RawUnaryHandler handler) override {
    unary_[method] = std::move(handler);
  }
  void RegisterStream(const std::string&, rpc::RawStreamHandler) override {}

  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(const std::string& method, const Principal& principal,
                                const Request& request) {
    rpc::CallContext context;
    context.principal = principal;
    context.method = method;
    context.deadline = absl::Now() + absl::Seconds(30);
    absl::StatusOr<std::string> bytes = absl::InternalError("not answered");
    unary_.at("weft.reorder.v1.ReorderService/" + method)(
        context, request.SerializeAsString(),
        [&](absl::StatusOr<std::string> answer, rpc::ReplyInfo info) {
          bytes = std::move(answer);
          replayed = info.replayed;
        });
    if (!bytes.ok()) return bytes.status();
    Response response;
    response.ParseFromString(*bytes);
    return response;
  }
  bool replayed = false;

 private:
  std::map<std::string, rpc::RawUnaryHandler> unary_;
};

absl::Time On(const std::string& day) {
  absl::Time time;
  std::string error;
  REQUIRE(absl::ParseTime("%Y-%m-%d", day, absl::UTCTimeZone(), &time, &error));
  return time;
}

sales::v1::OrderInvoiced Invoice(const std::string& number, const std::string& account,
                                 const std::string& day,
                                 std::vector<std::pair<std::string, int>> lines,
                                 const std::string& order = "") {
  sales::v1::OrderInvoiced invoice;
  invoice.set_invoice(number);
  invoice.set_account(account);
  invoice.set_order(order);
  invoice.set_currency_code("GBP");
  *invoice.mutable_time() = ToTimestamp(On(day));
  for (const auto& [sku, quantity] : lines) {
    auto* line = invoice.add_lines();
    line->set_sku(sku);
    line->mutable_quantity()->set_value(absl::StrCat(quantity));
    line->mutable_quantity()->set_unit("EA");
    line->mutable_unit_price()->set_amount("2.00");
    line->mutable_unit_price()->set_currency_code("GBP");
  }
  return invoice;
}

sales::v1::OrderReleased Released(const std::string& order, const std::string& day,
                                  std::vector<std::pair<std::string, int>> lines) {
  sales::v1::OrderReleased released;
  released.set_order(order);
  released.set_account("17850");
  released.set_currency_code("GBP");
  *released.mutable_accept_time() = ToTimestamp(On(day));
  int number = 0;
  for (const auto& [sku, quantity] : lines) {
    auto* line = released.add_lines();
    line->set_line(++number);
    line->set_sku(sku);
    line->mutable_quantity()->set_value(absl::StrCat(quantity));
    line->mutable_unit_price()->set_amount("2.00");
    line->mutable_unit_price()->set_currency_code("GBP");
  }
  return released;
}

class World {
 public:
  World()
      : neighbours_({{"approval", &approval}, {"inventory-projection", &inventory},
                     {"pricing", &pricing}}),
        program_(MakeProgram(neighbours_)),
        room(program_) {
    BindService(settings_, neighbours_, mac_key_, methods, room.shards());
    for (const char* sku : {"A", "B", "NEW"}) Item(sku);
    Item("OLD", "NEW", true);
    Item("END", "", true);

    inventory.On("weft.inventory.v1.InventoryService/GetAvailability",
                 [this](const std::string& bytes) {
                   inventory::v1::GetAvailabilityRequest request;
                   request.ParseFromString(bytes);
                   inventory::v1::GetAvailabilityResponse response;
                   for (const auto& line : request.lines()) {
                     auto* to = response.add_lines();
                     to->set_sku(line.sku());
                     to->set_available(absl::StrCat(stock.count(line.sku()) > 0
                                                        ? stock.at(line.sku())
                                                        : 1000));
                   }
                   return response.SerializeAsString();
                 });
    pricing.On("weft.pricing.v1.PricingService/CalculatePrices",
               [this](const std::string& bytes) {
                 pricing::v1::CalculatePricesRequest request;
                 request.ParseFromString(bytes);
                 pricing::v1::CalculatePricesResponse response;
                 response.set_currency_code("GBP");
                 for (const auto& line : request.lines()) {
                   auto* to = response.add_lines();
                   to->set_sku(line.sku());
                   const int pence = prices.count(line.sku()) > 0 ? prices.at(line.sku()) : 200;
                   const int net = pence * std::stoi(line.quantity().value());
                   const auto text = [](int amount) {
                     return absl::StrCat(amount / 100, ".", amount / 10 % 10, amount % 10);
                   };
                   to->mutable_unit_price()->set_amount(text(pence));
                   to->mutable_unit_price()->set_currency_code("GBP");
                   to->mutable_net()->set_amount(text(net));
                   to->mutable_net()->set_currency_code("GBP");
                 }
                 return response.SerializeAsString();
               });
    approval.On(kSubmitMethod, [this](const std::string& bytes) {
      approval::v1::SubmitOrderRequest request;
      request.ParseFromString(bytes);
      submitted[request.request_id()] = request;
      approval::v1::Order order;
      order.set_name("orders/of-" + request.request_id());
      return order.SerializeAsString();
    });
  }

  void Item(const std::string& sku, const std::string& successor = "", bool gone = false) {
    facts::v1::ItemChanged item;
    item.set_sku(sku);
    item.set_name("Item " + sku);
    item.set_base_unit("EA");
    item.set_state(gone ? facts::v1::ItemChanged::ITEM_STATE_DISCONTINUED
                        : facts::v1::ItemChanged::ITEM_STATE_ACTIVE);
    item.set_successor_sku(successor);
    room.Deliver("demo", engine::kTimeline, "erp-connector", "items/" + sku, item);
  }
  template <typename Message>
  void Erp(const Message& message) {
    room.Deliver("demo", kErpOrdersTopic, "erp-connector", "x", message);
  }
  void Sales(const sales::v1::OrderReleased& message) {
    room.Deliver("demo", kSalesOrdersTopic, "approval", message.order(), message);
  }

  v1::ReorderOrderRequest Request(const std::string& source,
                                  const std::string& request_id = "r1") {
    v1::ReorderOrderRequest request;
    request.set_source(source);
    request.set_request_id(request_id);
    return request;
  }
  absl::StatusOr<v1::Reorder> Reorder(const v1::ReorderOrderRequest& request) {
    return methods.Call<v1::Reorder>("ReorderOrder", buyer, request);
  }
  v1::ListSuggestionsResponse Suggestions(const std::string& day, int page_size = 0,
                                          const std::string& token = "") {
    v1::ListSuggestionsRequest request;
    *request.mutable_as_of() = ToTimestamp(On(day));
    request.set_page_size(page_size);
    request.set_page_token(token);
    const auto answer =
        methods.Call<v1::ListSuggestionsResponse>("ListSuggestions", buyer, request);
    CAPTURE(answer.status().ToString());
    REQUIRE(answer.ok());
    return *answer;
  }
  v1::GetPurchaseHistoryResponse History(const std::string& sku = "") {
    v1::GetPurchaseHistoryRequest request;
    request.set_sku(sku);
    const auto answer =
        methods.Call<v1::GetPurchaseHistoryResponse>("GetPurchaseHistory", buyer, request);
    REQUIRE(answer.ok());
    return *answer;
  }
  std::string Total(const std::string& sku) {
    const auto history = History(sku);
    return history.items().empty() ? "" : history.items(0).total_quantity();
  }

  ScriptedRoom approval, inventory, pricing;
  std::map<std::string, int> stock;
  std::map<std::string, int> prices;
  std::map<std::string, approval::v1::SubmitOrderRequest> submitted;
  Principal buyer = testing::MakePrincipal("demo", {"buyer"}, "u1", "17850");
  Methods methods;

 private:
  Settings settings_;
  std::string mac_key_ = "a key of the tests";
  Neighbours neighbours_;
  engine::Program program_;

 public:
  testing::RoomHarness room;
};

TEST_CASE("an invoice of the past becomes a proposal with a result per line", "[reorder]") {
  World world;
  world.stock["B"] = 4;
  world.prices["A"] = 210;
  world.Erp(Invoice("536365", "17850", "2010-12-01",
                    {{"A", 6}, {"B", 6}, {"OLD", 2}, {"END", 1}, {"GONE", 3}, {"NEW", -1}}));

  const auto reorder = world.Reorder(world.Request("invoices/536365"));

  REQUIRE(reorder.ok());
  CHECK(reorder->state() == v1::REORDER_STATE_PROPOSED);
  REQUIRE(reorder->lines_size() == 6);
  CHECK(reorder->lines(0).outcome() == v1::REORDER_OUTCOME_PRICE_CHANGED);
  CHECK(reorder->lines(1).outcome() == v1::REORDER_OUTCOME_SHORT);
  CHECK(reorder->lines(1).quantity().value() == "4");
  CHECK(reorder->lines(2).outcome() == v1::REORDER_OUTCOME_SUBSTITUTED);
  CHECK(reorder->lines(2).sku() == "NEW");
  CHECK(reorder->lines(3).outcome() == v1::REORDER_OUTCOME_DISCONTINUED);
  CHECK(reorder->lines(4).outcome() == v1::REORDER_OUTCOME_NOT_FOUND);
  CHECK(reorder->lines(5).outcome() == v1::REORDER_OUTCOME_CREDIT);
  CHECK(reorder->orderable_lines() == 3);
  CHECK(reorder->total().amount() == "24.60");  // 6 × 2.10, 4 × 2.00, 2 × 2.00.
  for (const auto& line : reorder->lines()) {
    CHECK((line.outcome() == v1::REORDER_OUTCOME_ADDED || !line.reasons().empty()));
  }
  CHECK(world.submitted.empty());
}

TEST_CASE("a submitted reorder is one order, however often it is asked for", "[reorder]") {
  World world;
  world.Sales(Released("orders/o1", "2011-03-01", {{"A", 6}, {"END", 1}}));
  auto request = world.Request("orders/o1");
  request.set_submit(true);
  request.set_buyer_reference("PO-7");

  const auto first = world.Reorder(request);
  CHECK_FALSE(world.methods.replayed);
  const auto again = world.Reorder(request);

  REQUIRE(first.ok());
  CHECK(first->state() == v1::REORDER_STATE_SUBMITTED);
  CHECK(first->order().substr(0, 18) == "orders/of-reorder-");
  REQUIRE(again.ok());
  CHECK(world.methods.replayed);
  CHECK(again->order() == first->order());
  REQUIRE(world.submitted.size() == 1);
  const auto& submitted = world.submitted.begin()->second;
  CHECK(submitted.lines_size() == 1);
  CHECK(submitted.lines(0).quantity().unit() == "EA");
  CHECK(submitted.account() == "17850");
  CHECK(submitted.user() == "u1");
  CHECK(submitted.buyer_reference() == "PO-7");

  request.set_buyer_reference("PO-8");
  CHECK(ReasonOf(world.Reorder(request).status()) == "REQUEST_ID_REUSED");
}

TEST_CASE("a submission outlives an approval room that is away", "[reorder]") {
  World world;
  world.Sales(Released("orders/o1", "2011-03-01", {{"A", 6}}));
  bool away = true;
  world.approval.On(kSubmitMethod, [&](const std::string&) -> absl::StatusOr<std::string> {
    if (away) return Unavailable("ROOM_UNAVAILABLE", "away");
    approval::v1::Order order;
    order.set_name("orders/late");
    return order.SerializeAsString();
  });
  auto request = world.Request("orders/o1");
  request.set_submit(true);

  const auto reorder = world.Reorder(request);
  REQUIRE(reorder.ok());
  CHECK(reorder->state() == v1::REORDER_STATE_SUBMITTING);
  world.room.Reopen();
  away = false;
  world.room.Advance(absl::Minutes(10));

  CHECK(world.Reorder(request)->state() == v1::REORDER_STATE_SUBMITTED);
  CHECK(world.Reorder(request)->order() == "orders/late");
}

TEST_CASE("a refusal of approval is told with its reason", "[reorder]") {
  World world;
  world.Sales(Released("orders/o1", "2011-03-01", {{"A", 6}}));
  world.approval.On(kSubmitMethod, [](const std::string&) -> absl::StatusOr<std::string> {
    return FailedPrecondition("NOT_LOADED", "accounts are not loaded");
  });
  auto request = world.Request("orders/o1");
  request.set_submit(true);

  const auto reorder = world.Reorder(request);

  REQUIRE(reorder.ok());
  CHECK(reorder->state() == v1::REORDER_STATE_REFUSED);
  CHECK(reorder->submit_reason().reason() == "NOT_LOADED");
}

TEST_CASE("nothing to order is said, not submitted", "[reorder]") {
  World world;
  world.Sales(Released("orders/o1", "2011-03-01", {{"END", 6}}));
  auto request = world.Request("orders/o1");
  request.set_submit(true);

  const auto reorder = world.Reorder(request);

  CHECK(reorder->state() == v1::REORDER_STATE_PROPOSED);
  CHECK(reorder->submit_reason().reason() == "NOTHING_TO_ORDER");
  CHECK(reorder->lines_size() == 1);
  CHECK(world.submitted.empty());
}

TEST_CASE("neighbours that do not answer give the lines a reason", "[reorder]") {
  World world;
  world.Erp(Invoice("1", "17850", "2010-12-01", {{"A", 6}}));
  for (auto* room : {&world.inventory, &world.pricing}) {
    for (const char* method : {"weft.inventory.v1.InventoryService/GetAvailability",
                               "weft.pricing.v1.PricingService/CalculatePrices"}) {
      room->On(method, [](const std::string&) -> absl::StatusOr<std::string> {
        return absl::DeadlineExceededError("too late");
      });
    }
  }

  const auto reorder = world.Reorder(world.Request("invoices/1"));

  REQUIRE(reorder.ok());
  CHECK(reorder->lines(0).outcome() == v1::REORDER_OUTCOME_UNKNOWN);
  CHECK(reorder->lines(0).orderable());
  REQUIRE(reorder->lines(0).reasons_size() == 2);
  CHECK(reorder->lines(0).reasons(0).reason() == "STOCK_UNKNOWN");
  CHECK(reorder->lines(0).reasons(1).reason() == "PRICE_UNKNOWN");
  CHECK_FALSE(reorder->has_total());
}

TEST_CASE("an order that was never released is asked of approval", "[reorder]") {
  World world;
  world.approval.On("weft.approval.v1.OrderService/GetOrder", [](const std::string& bytes)
                        -> absl::StatusOr<std::string> {
    approval::v1::GetOrderRequest request;
    request.ParseFromString(bytes);
    if (request.name() != "orders/held") return NotFound("ORDER_NOT_FOUND", "no");
    approval::v1::Order order;
    order.set_account("17850");
    auto* line = order.add_lines();
    line->set_line(1);
    line->set_sku("A");
    line->mutable_quantity()->set_value("3");
    return order.SerializeAsString();
  });

  CHECK(world.Reorder(world.Request("orders/held"))->lines(0).quantity().value() == "3");
  CHECK(ReasonOf(world.Reorder(world.Request("orders/none", "r2")).status()) ==
        "SOURCE_NOT_FOUND");
  CHECK(ReasonOf(world.Reorder(world.Request("invoices/none", "r3")).status()) ==
        "SOURCE_NOT_FOUND");
  CHECK(ReasonOf(world.Reorder(world.Request("quotes/1", "r4")).status()) == "SOURCE_INVALID");
}

TEST_CASE("another account's purchases are not found", "[reorder]") {
  World world;
  world.Erp(Invoice("1", "12347", "2010-12-01", {{"A", 6}}));

  CHECK(ReasonOf(world.Reorder(world.Request("invoices/1")).status()) == "SOURCE_NOT_FOUND");
  v1::GetPurchaseHistoryRequest request;
  request.set_account("12347");
  CHECK(ReasonOf(world.methods
                     .Call<v1::GetPurchaseHistoryResponse>("GetPurchaseHistory", world.buyer,
                                                           request)
                     .status()) == "ACCOUNT_NOT_FOUND");
}

TEST_CASE("only the lines asked for are bought again", "[reorder]") {
  World world;
  world.Erp(Invoice("1", "17850", "2010-12-01", {{"A", 6}, {"B", 7}}));
  auto request = world.Request("invoices/1");
  request.add_lines(2);

  const auto reorder = world.Reorder(request);

  REQUIRE(reorder->lines_size() == 1);
  CHECK(reorder->lines(0).sku() == "B");
  request.set_request_id("r2");
  request.add_lines(3);
  CHECK(ReasonOf(world.Reorder(request).status()) == "LINE_UNKNOWN");
}

TEST_CASE("an account is reminded by its own rhythm, with the reason", "[suggestions]") {
  World world;
  int number = 0;
  for (const char* day : {"2011-05-18", "2011-06-15", "2011-07-13", "2011-08-10",
                          "2011-09-07", "2011-10-05", "2011-11-02"}) {
    world.Erp(Invoice(absl::StrCat(++number), "17850", day, {{"A", 24}, {"OLD", 6}}));
  }
  world.Erp(Invoice("once", "17850", "2011-11-01", {{"B", 500}}));
  world.Erp(Invoice("other", "12347", "2011-11-01", {{"A", 500}}));

  const auto answer = world.Suggestions("2011-12-01");

  REQUIRE(answer.suggestions_size() == 2);
  const v1::Suggestion& a = answer.suggestions(0);
  CHECK(a.sku() == "A");
  CHECK(a.item_name() == "Item A");
  CHECK(a.quantity().value() == "24");
  CHECK(a.days_overdue() == 1);
  CHECK(a.reason() ==
        "bought 7 times, every 28 days (median), usually 24 EA; last on 2011-11-02; due "
        "2011-11-30");
  CHECK(answer.suggestions(1).sku() == "NEW");
  CHECK(answer.suggestions(1).replaces_sku() == "OLD");
  CHECK(world.Suggestions("2011-11-20").suggestions().empty());

  const auto first = world.Suggestions("2011-12-01", 1);
  REQUIRE(first.suggestions_size() == 1);
  const auto second = world.Suggestions("2011-12-01", 1, first.next_page_token());
  REQUIRE(second.suggestions_size() == 1);
  CHECK(second.suggestions(0).sku() == "NEW");
  CHECK(second.next_page_token().empty());

  v1::ListSuggestionsRequest forged;
  forged.set_page_token(first.next_page_token());
  CHECK(ReasonOf(world.methods
                     .Call<v1::ListSuggestionsResponse>("ListSuggestions", world.buyer, forged)
                     .status()) == "PAGE_TOKEN_INVALID");
}

TEST_CASE("an order and its invoice are one purchase", "[history]") {
  World world;
  world.Sales(Released("orders/o1", "2011-03-01", {{"A", 6}, {"A", 4}, {"B", 1}}));
  world.Erp(Invoice("I1", "17850", "2011-03-04", {{"A", 7}}, "orders/o1"));
  world.Erp(Invoice("I2", "17850", "2011-03-09", {{"A", 3}}, "orders/o1"));
  CHECK(world.Total("A") == "10");
  CHECK(world.History("A").items(0).rhythm().purchases() == 1);
  CHECK(world.History("A").items(0).purchases_size() == 1);
  CHECK(world.History().items_size() == 2);

  world.Erp(Invoice("C1", "17850", "2011-03-20", {{"A", -2}}, "orders/o1"));
  CHECK(world.Total("A") == "8");
}

TEST_CASE("what the ERP refused or cancelled was no purchase, in any order of arrival",
          "[history]") {
  const std::vector<std::function<void(World&)>> story = {
      [](World& w) { w.Sales(Released("orders/o1", "2011-03-01", {{"A", 6}, {"B", 1}})); },
      [](World& w) { w.Sales(Released("orders/o2", "2011-03-08", {{"A", 5}, {"B", 2}})); },
      [](World& w) { w.Sales(Released("orders/o3", "2011-03-15", {{"A", 7}})); },
      [](World& w) {
        sales::v1::OrderRejected rejected;
        rejected.set_order("orders/o1");
        w.Erp(rejected);
      },
      [](World& w) {
        sales::v1::OrderCancelAnswered cancelled;
        cancelled.set_order("orders/o2");
        cancelled.set_accepted(true);
        cancelled.add_lines(1);
        w.Erp(cancelled);
      },
      [](World& w) {
        sales::v1::OrderCancelAnswered refused;
        refused.set_order("orders/o3");
        w.Erp(refused);
      },
      [](World& w) { w.Erp(Invoice("H", "17850", "2010-03-01", {{"A", 1}, {"A", 2}})); },
  };
  const unsigned seed = Catch::rngSeed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 50; ++round) {
    World world;
    std::vector<size_t> order = {0, 1, 2, 3, 4, 5, 6};
    order.push_back(random() % order.size());
    std::shuffle(order.begin(), order.end(), random);
    for (const size_t i : order) story[i](world);

    CHECK(world.Total("A") == "10");
    CHECK(world.Total("B") == "2");
    CHECK(world.History("A").items(0).purchases_size() == 2);
  }
}

TEST_CASE("only the last purchases are remembered one by one", "[history]") {
  World world;
  for (int i = 0; i < kEntriesMax + 5; ++i) {
    world.Erp(Invoice(absl::StrCat(i), "17850", absl::StrCat("2011-", 1 + i / 28, "-", 1 + i % 28),
                      {{"A", 1}}));
  }

  CHECK(world.History("A").items(0).purchases_size() == kEntriesMax);
  CHECK(world.Total("A") == absl::StrCat(kEntriesMax + 5));
}

TEST_CASE("invoices that make no sense are parked", "[records]") {
  World world;
  auto invoice = Invoice("1", "17850", "2010-12-01", {{"A", 6}});
  invoice.mutable_lines(0)->mutable_quantity()->set_value("six");
  world.Erp(invoice);
  invoice = Invoice("2", "", "2010-12-01", {{"A", 6}});
  world.Erp(invoice);
  invoice = Invoice("3", "17850", "2010-12-01", {{"A", 6}});
  invoice.clear_time();
  world.Erp(invoice);

  CHECK(world.room.parked().size() == 3);
  CHECK(world.Total("A").empty());
}

}  // namespace
}  // namespace weft::reorder
