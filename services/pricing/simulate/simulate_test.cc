// A room with documents, prices and invoices: what a simulation says comes true when the
// documents are published.
#include "services/pricing/simulate/simulate.h"

#include <catch2/catch.hpp>
#include <future>
#include <map>

#include "absl/strings/str_cat.h"
#include "libs/base/ids.h"
#include "libs/base/status_macros.h"
#include "libs/service/documents/convert.h"
#include "libs/service/documents/owner.h"
#include "services/pricing/rebates/rebates.h"
#include "services/pricing/rule_documents.h"
#include "services/pricing/testing/pricing_bench.h"
#include "weft/sales/v1/sales.pb.h"

namespace weft::pricing {
namespace {

namespace docs = documents::v1;
using B = PricingBench;

// The harness delivers each event to the partition of its tenant, the platform's too.
std::string NeighbourOfPlatform() {
  for (int i = 0;; ++i) {
    std::string name = absl::StrCat("t", i);
    if (PartitionOf(name) == PartitionOf(engine::kPlatformTenant)) return name;
  }
}
const std::string kTenant = NeighbourOfPlatform();

class Methods final : public rpc::MethodRegistry {
 public:
  void RegisterUnary(const std::string& method, rpc::RawUnaryHandler handler) override {
    unary_[method] = std::move(handler);
  }
  void RegisterStream(const std::string&, rpc::RawStreamHandler) override {}
  // Waits for an answer of another thread.
  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(const std::string& method, const Request& request) {
    rpc::CallContext context;
    context.principal = testing::MakePrincipal(kTenant, {"pricing-manager", "rep"}, "ann");
    context.principal.accounts = {"*"};
    context.principal.channels = {"*"};
    context.deadline = absl::Now() + absl::Minutes(1);
    std::promise<absl::StatusOr<std::string>> promise;
    unary_.at(method)(context, request.SerializeAsString(),
                      [&](absl::StatusOr<std::string> answer, rpc::ReplyInfo) {
                        promise.set_value(std::move(answer));
                      });
    WEFT_ASSIGN_OR_RETURN(const std::string bytes, promise.get_future().get());
    Response response;
    if (!response.ParseFromString(bytes)) return absl::InternalError("unreadable answer");
    return response;
  }

 private:
  std::map<std::string, rpc::RawUnaryHandler> unary_;
};

struct House {
  FactMemory memory;
  PriceChanges changes{memory};
  documents::DocumentReader reader{"pricing", PricingKinds(), ShippedDocuments()};
  engine::Program owner = MakeOwner();
  engine::Program replica = MakeReplica(memory, changes, &reader);
  testing::RoomHarness room{owner};
  testing::RoomHarness follower{replica};
  testing::FakeClock clock;
  Methods methods;
  Service prices{{}, memory, changes, follower.shards(), clock, std::string(32, 'k'), &reader};
  documents::DocumentService service;
  size_t delivered = 0;
  int requests = 0;

  explicit House(int threads = 3)
      : service({.room = "pricing",
                 .kinds = PricingKinds(),
                 .shipped = ShippedDocuments(),
                 .simulate = simulate::MakeSimulator(memory, room.shards(), threads)},
                room.shards(), room.clock(), nullptr) {
    prices.Bind(methods);
    service.Bind(methods);
    std::promise<absl::Status> shipped;
    service.PublishShipped([&](absl::Status status) { shipped.set_value(status); });
    REQUIRE(shipped.get_future().get().ok());
    Sync();
  }
  // What the owner emitted reaches the replica.
  void Sync() {
    room.Advance(absl::ZeroDuration());
    const auto& emitted = room.emitted();
    for (; delivered < emitted.size(); ++delivered) {
      const auto& e = emitted[delivered];
      if (e.partition != PartitionOf(kTenant)) continue;
      follower.DeliverBytes(e.tenant, e.topic, "pricing", e.subject, e.type, e.payload);
    }
  }
  template <typename Message>
  void Fact(const std::string& subject, const Message& message) {
    follower.Deliver(kTenant, engine::kTimeline, "erp-connector", subject, message);
  }
  struct Sold {
    const char* sku;
    const char* quantity;
  };
  void Invoice(const std::string& invoice, const std::string& account,
               const std::vector<Sold>& lines, const char* time = "2026-03-01T00:00:00Z",
               const char* credit_of = "") {
    sales::v1::OrderInvoiced fact;
    fact.set_invoice(invoice);
    fact.set_account(account);
    fact.set_currency_code("GBP");
    fact.set_credit_of(credit_of);
    SetUs(*fact.mutable_time(), time);
    for (const Sold& sold : lines) {
      sales::v1::InvoicedLine& line = *fact.add_lines();
      line.set_sku(sold.sku);
      line.mutable_quantity()->set_value(sold.quantity);
      line.mutable_net()->set_amount("1.00");
    }
    room.Deliver(kTenant, rebates::kErpOrdersTopic, "erp-connector",
                 absl::StrCat("invoices/", invoice), fact);
  }
  docs::SimulateResponse Simulate(const docs::SimulateRequest& request) {
    const auto answer = methods.Call<docs::SimulateResponse>(
        absl::StrCat(documents::kService, "Simulate"), request);
    INFO(answer.status());
    REQUIRE(answer.ok());
    return *answer;
  }
  void Publish(const std::string& source) {
    docs::SaveDraftRequest save;
    save.set_request_id(absl::StrCat("r", ++requests));
    save.set_source(source);
    REQUIRE(
        methods.Call<docs::Document>(absl::StrCat(documents::kService, "SaveDraft"), save).ok());
    docs::CheckRequest check;
    check.set_request_id(absl::StrCat("r", ++requests));
    check.add_documents()->set_id("pricing.volume-discounts");
    REQUIRE(
        methods.Call<docs::CheckResponse>(absl::StrCat(documents::kService, "Check"), check).ok());
    docs::PublishRequest publish;
    publish.set_request_id(absl::StrCat("r", ++requests));
    publish.add_documents()->set_id("pricing.volume-discounts");
    publish.set_reason("3 % for key customers");
    const auto activation =
        methods.Call<docs::Activation>(absl::StrCat(documents::kService, "Publish"), publish);
    INFO(activation.status());
    REQUIRE(activation.ok());
    Sync();
  }
  std::string Net(const std::string& account, const std::string& sku, const std::string& quantity) {
    v1::CalculatePricesRequest request = B::Line(account, sku, quantity);
    *request.mutable_as_of() = documents::TimestampOf(room.now());
    const auto answer = methods.Call<v1::CalculatePricesResponse>(
        "weft.pricing.v1.PricingService/CalculatePrices", request);
    if (!answer.ok()) return std::string(answer.status().message());
    return answer->lines(0).has_reason() ? answer->lines(0).reason().reason()
                                         : answer->lines(0).net().amount();
  }
};

constexpr char kThreePercent[] = R"(kind: DecisionTable
id: pricing.volume-discounts
title: Volume discounts
schema: pricing-line@1
hit_policy: FIRST
inputs:
  - {id: groups, label: Groups, expr: account.groups, type: list(string)}
  - {id: quantity, label: Quantity, expr: line.scale_quantity, type: decimal}
outputs:
  - {id: percent, label: Percent, type: decimal, default: "0"}
  - {id: label, label: Text, type: string, default: '""'}
rules:
  - {id: key, when: {groups: '"KEY" in it', quantity: ">= 100"},
     then: {percent: "3", label: '"Key customers"'}}
)";

// LIST: A at 2.00, B at 5.00. KEY1 and KEY2 are key customers, SMALL is not; KEY2 has a
// contract on B.
void Fill(House& house) {
  for (const char* sku : {"A", "B"}) house.Fact(absl::StrCat("items/", sku), B::Item(sku));
  house.Fact("accounts/KEY1", B::Account("KEY1", {"KEY"}));
  house.Fact("accounts/KEY2", B::Account("KEY2", {"KEY"}));
  house.Fact("accounts/SMALL", B::Account("SMALL"));
  house.Fact("books/LIST", B::Book("LIST"));
  house.Fact("prices/LIST/A//1", B::Price("LIST", "A", {{"1", "2.00"}}));
  house.Fact("prices/LIST/B//1", B::Price("LIST", "B", {{"1", "5.00"}}));
  house.Fact("contracts/K-1", B::Discount("K-1", "KEY2", "B", "10"));
  house.Invoice("I-1", "KEY1", {{"A", "100"}, {"A", "99"}, {"B", "200"}});
  house.Invoice("I-2", "KEY2", {{"A", "400"}, {"B", "100"}, {"GONE", "100"}},
                "2026-04-01T00:00:00Z");
  house.Invoice("I-3", "SMALL", {{"A", "1000"}});
  house.Invoice("I-4", "NOBODY", {{"A", "100"}, {"B", "100"}});
  house.Invoice("C-1", "KEY1", {{"A", "-100"}}, "2026-03-02T00:00:00Z", "I-1");
}

TEST_CASE("a simulation foretells what publishing a discount table changes", "[simulation]") {
  House house;
  Fill(house);
  docs::SimulateRequest request;
  request.add_sources(kThreePercent);

  const docs::SimulateResponse report = house.Simulate(request);

  // 200.00 -> 194.00, 1,000.00 -> 970.00 of KEY1; 800.00 -> 776.00 of KEY2. Below 100, under
  // a contract and out of the group nothing changes; one item and one account are not known.
  CHECK(report.cases() == 6);
  CHECK(report.equal() == 3);
  CHECK(report.changed() == 3);
  CHECK(report.newly_failing() == 0);
  CHECK(report.newly_passing() == 0);
  CHECK(report.skipped() == 3);
  REQUIRE(report.change_size() == 1);
  CHECK(report.baseline_total(0).amount() == "4648.00");
  CHECK(report.candidate_total(0).amount() == "4588.00");
  CHECK(report.change(0).amount() == "-60.00");
  CHECK(report.change(0).currency_code() == "GBP");
  REQUIRE(report.distribution_size() == 1);
  CHECK(report.distribution(0).from_percent() == "-5");
  CHECK(report.distribution(0).to_percent() == "-2");
  CHECK(report.distribution(0).cases() == 3);
  REQUIRE(report.groups_size() == 1);
  CHECK(report.groups(0).rule_before() == "books/LIST");
  CHECK(report.groups(0).rule_after() == "books/LIST, VOLUME_DISCOUNT");
  REQUIRE(report.groups(0).examples_size() == 3);
  CHECK(report.groups(0).examples(0).id() == "I-1/3");
  CHECK(report.groups(0).examples(0).before() == "1000.00 GBP");
  CHECK(report.groups(0).examples(0).after() == "970.00 GBP");
  REQUIRE(report.accounts_size() == 2);
  CHECK(report.accounts(0).account() == "KEY1");
  CHECK(report.accounts(0).cases() == 2);
  CHECK(report.accounts(0).change(0).amount() == "-36.00");
  CHECK(report.accounts(1).account() == "KEY2");
  CHECK(report.accounts(1).change(0).amount() == "-24.00");

  // A simulation changes nothing; publishing makes it true.
  CHECK(house.Net("KEY1", "B", "200") == "1000.00");
  house.Publish(kThreePercent);
  CHECK(house.Net("KEY1", "B", "200") == "970.00");
  CHECK(house.Net("KEY1", "A", "100") == "194.00");
  CHECK(house.Net("KEY1", "A", "99") == "198.00");
  CHECK(house.Net("KEY2", "A", "400") == "776.00");
  CHECK(house.Net("KEY2", "B", "100") == "450.00");
  CHECK(house.Net("SMALL", "A", "1000") == "2000.00");
  // Against itself nothing changes any more.
  const docs::SimulateResponse again = house.Simulate(request);
  CHECK(again.cases() == 6);
  CHECK(again.equal() == 6);
  CHECK(again.baseline_total(0).amount() == "4588.00");
}

TEST_CASE("a simulation looks at one account and one time when it is told to", "[simulation]") {
  House house;
  Fill(house);
  docs::SimulateRequest request;
  request.add_sources(kThreePercent);
  request.set_account("KEY2");
  CHECK(house.Simulate(request).cases() == 2);
  request.clear_account();
  SetUs(*request.mutable_from(), "2026-03-15T00:00:00Z");
  CHECK(house.Simulate(request).change(0).amount() == "-24.00");
  SetUs(*request.mutable_to(), "2026-04-01T00:00:00Z");
  CHECK(house.Simulate(request).cases() == 0);
  request.clear_from();
  CHECK(house.Simulate(request).change(0).amount() == "-36.00");
}

TEST_CASE("any number of threads comes to the same report", "[simulation]") {
  std::string one;
  for (const int threads : {1, 2, 5}) {
    House house(threads);
    Fill(house);
    for (int i = 0; i < 1'000; ++i) {
      const std::string quantity = absl::StrCat(50 + i % 100);
      house.Invoice(absl::StrCat("M-", i), i % 3 == 0 ? "KEY1" : "KEY2", {{"A", quantity.c_str()}});
    }
    docs::SimulateRequest request;
    request.add_sources(kThreePercent);
    docs::SimulateResponse report = house.Simulate(request);
    CHECK(report.cases() == 1'006);
    report.clear_seconds();
    if (one.empty()) one = report.SerializeAsString();
    CHECK(report.SerializeAsString() == one);
  }
}

}  // namespace
}  // namespace weft::pricing
