// ComparePrices and ReplayDecision through the room.
#include <catch2/catch.hpp>

#include "libs/base/error.h"
#include "services/pricing/comparison_convert.h"
#include "services/pricing/testing/pricing_bench.h"

namespace weft::pricing {
namespace {

struct Shop : PricingBench {
  Shop() {
    Put(Item("A"));
    Put(Item("B"));
    Put(Account("ACME"));
    Put(Account("OTHER"));
    Put(Book("LIST"));
    Put(Price("LIST", "A", {{"1", "14.20"}}));
    Put(Discount("K-1", "OTHER", "A", "50"));
  }
  void Add(v1::ComparePricesRequest& request, int count, const std::string& account,
           const std::string& quantity, const std::string& theirs, const std::string& sku = "A") {
    for (int i = 0; i < count; ++i) {
      v1::CompareLine& line = *request.add_lines();
      line.set_account(account);
      line.set_sku(sku);
      line.mutable_quantity()->set_value(quantity);
      line.set_unit_price(theirs);
    }
  }
  v1::PriceComparison Compare(const v1::ComparePricesRequest& request) {
    auto answer = Call<v1::PriceComparison>(Staff(), "ComparePrices", request);
    REQUIRE(answer.ok());
    return *std::move(answer);
  }
};

TEST_CASE("a shadow run of 10,000 requests is reported in money and fails its gate on money",
          "[shadow]") {
  Shop shop;
  v1::ComparePricesRequest first, second;
  shop.Add(first, 4'965, "ACME", "12", "14.20");
  shop.Add(first, 35, "ACME", "12", "14.21");
  shop.Add(second, 4'975, "OTHER", "12", "7.10");
  shop.Add(second, 20, "OTHER", "12", "6.60");
  shop.Add(second, 5, "ACME", "40", "17.20");
  second.set_noise_lines(12);
  Comparison run = FromProto(shop.Compare(first));
  run.Merge(FromProto(shop.Compare(second)));

  v1::PriceComparison report = ToProto(run, 10);
  Gate gate;
  v1::CompareGate limits;
  limits.set_different_percent_max("0.5");
  limits.set_gross_risk_max("500");
  REQUIRE(ReadGate(limits, gate).ok());
  SetVerdict(run, gate, report);

  CHECK(report.lines() == 10'000);
  CHECK(report.equal() == 9'940);
  CHECK(report.within_tolerance() == 35);
  CHECK(report.beyond() == 25);
  CHECK(report.exact_percent() == "99.40");
  CHECK(report.tolerance_percent() == "99.75");
  CHECK(report.different_adjusted() == 48);
  CHECK(report.different_adjusted_percent() == "0.48");
  REQUIRE(report.money_size() == 1);
  CHECK(report.money(0).gross_risk() == "720.00");
  CHECK(report.money(0).net() == "-480.00");
  CHECK_FALSE(report.verdict().passed());
  REQUIRE(report.verdict().reasons_size() == 1);
  CHECK(report.verdict().reasons(0).reason() == "RISK_TOO_HIGH");

  REQUIRE(report.rules_size() == 2);
  CHECK(report.rules(0).key() == "books/LIST");
  CHECK(report.rules(0).money().gross_risk() == "600.00");
  CHECK(report.rules(1).key() == "contracts/K-1");
  CHECK(report.rules(1).lines() == 20);
  CHECK(report.accounts(0).key() == "ACME");
  CHECK(report.worst(0).difference().amount() == "-120.00");
}

TEST_CASE("who has no price, and who contradicts himself, is told", "[shadow]") {
  Shop shop;
  v1::ComparePricesRequest request;
  shop.Add(request, 1, "ACME", "1", "");           // Only ours.
  shop.Add(request, 1, "ACME", "1", "3.00", "B");  // Only theirs: NO_PRICE here.
  shop.Add(request, 1, "NOBODY", "1", "3.00");     // Not known here.
  shop.Add(request, 1, "ACME", "1", "14.20");
  request.mutable_lines(3)->set_again_unit_price("14.30");

  const v1::PriceComparison report = shop.Compare(request);

  CHECK(report.beyond() == 3);
  CHECK(report.only_ours() == 1);
  CHECK(report.only_theirs() == 2);
  CHECK(report.noise() == 1);
  std::map<std::string, int64_t> rules;
  for (const v1::CompareGroup& group : report.rules()) rules[group.key()] += group.lines();
  CHECK(rules == std::map<std::string, int64_t>{
                     {"books/LIST", 1}, {"NO_PRICE", 1}, {"ACCOUNT_NOT_FOUND", 1}});
}

TEST_CASE("a comparison that cannot be made names the field", "[shadow]") {
  Shop shop;
  v1::ComparePricesRequest request;
  CHECK(ReasonOf(shop.Call<v1::PriceComparison>(Shop::Staff(), "ComparePrices", request).status()) ==
        "LINES_REQUIRED");
  shop.Add(request, 1, "ACME", "1", "14,20");
  const auto refused = shop.Call<v1::PriceComparison>(Shop::Staff(), "ComparePrices", request);
  CHECK(ReasonOf(refused.status()) == "FIELD_INVALID");
  CHECK(MetadataOf(refused.status())[0].second == "lines[0].unitPrice");
}

TEST_CASE("a decision is replayed against what was shown and against now", "[replay]") {
  Shop shop;
  const auto shown = shop.Calculate(Shop::Staff(), Shop::Line("ACME", "A", "12"));
  REQUIRE(shown.ok());
  shop.Put(Shop::Price("LIST", "A", {{"1", "15.00"}}));
  v1::ReplayDecisionRequest request;
  request.set_id(shown->lines(0).decision_id());

  const auto replay = [&] {
    auto answer = shop.Call<v1::DecisionReplay>(Shop::Staff(), "ReplayDecision", request);
    REQUIRE(answer.ok());
    return *std::move(answer);
  };
  CHECK(replay().outcome() == v1::REPLAY_OUTCOME_NOT_COMPARED);
  *request.mutable_net() = shown->lines(0).net();
  *request.mutable_unit_price() = shown->lines(0).unit_price();
  const v1::DecisionReplay same = replay();
  CHECK(same.outcome() == v1::REPLAY_OUTCOME_SAME);
  CHECK(same.then().line().net().amount() == "170.40");
  CHECK(same.now().net().amount() == "180.00");
  CHECK_FALSE(same.unchanged());
  request.mutable_net()->set_amount("170.00");
  const v1::DecisionReplay other = replay();
  CHECK(other.outcome() == v1::REPLAY_OUTCOME_DIFFERENT);
  CHECK(other.net_difference().amount() == "0.40");
  request.mutable_net()->set_amount("much");
  CHECK(ReasonOf(shop.Call<v1::DecisionReplay>(Shop::Staff(), "ReplayDecision", request).status()) ==
        "FIELD_INVALID");
  CHECK(ReasonOf(shop.Call<v1::DecisionReplay>(Shop::Buyer("OTHER"), "ReplayDecision", request)
                     .status()) == "DECISION_NOT_FOUND");
}

}  // namespace
}  // namespace weft::pricing
