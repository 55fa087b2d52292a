// Decisions that depended on more than their line, texts in the reader's language, and
// what is counted.
#include <catch2/catch.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "libs/telemetry/metrics.h"
#include "services/pricing/testing/scenario_shop.h"

namespace weft::pricing {
namespace {

using B = PricingBench;

facts::v1::ContractChanged GroupTiers() {
  facts::v1::ContractChanged contract;
  contract.set_contract("K-1");
  contract.set_account("A");
  contract.set_category("BOLTS");
  auto& tiers = *contract.mutable_discount_tiers();
  tiers.set_scale_group("BOLTS");
  for (const auto& [minimum, percent] : {std::pair{"25", "3"}, {"100", "8"}}) {
    auto& tier = *tiers.add_tiers();
    tier.set_minimum_quantity(minimum);
    tier.set_percent(percent);
  }
  return contract;
}

struct Shop : ScenarioShop {
  Shop() {
    AddItem("P", {{"1", "20.00"}}, "BOLTS");
    AddItem("Q", {{"1", "12.00"}}, "BOLTS");
  }
  absl::StatusOr<v1::DecisionReplay> Replay(const std::string& id,
                                            const v1::CalculatePricesRequest* with) {
    v1::ReplayDecisionRequest request;
    request.set_id(id);
    if (with != nullptr) *request.mutable_request() = *with;
    return Call<v1::DecisionReplay>(Staff(), "ReplayDecision", request);
  }
  std::string Reason(const std::string& id, const v1::CalculatePricesRequest* with) {
    return ReasonOf(Replay(id, with).status());
  }
};

TEST_CASE("a price that read other lines is replayed with its request", "[replay]") {
  Shop shop;
  shop.Put(GroupTiers());
  const v1::CalculatePricesRequest request = Lines({{"Q", "90"}, {"P", "30"}});
  const auto shown = shop.Calculate(B::Staff(), request);
  REQUIRE(shown.ok());
  const v1::PriceLine& line = shown->lines(1);
  CHECK(line.net().amount() == "552.00");  // 120 together: 8 % off.
  shop.Put(B::Price("LIST", "P", {{"1", "21.00"}}));

  CHECK(shop.Reason(line.decision_id(), nullptr) == "REQUEST_NEEDED");
  const auto replay = shop.Replay(line.decision_id(), &request);
  REQUIRE(replay.ok());
  CHECK(replay->then().line().net().amount() == "552.00");
  CHECK(replay->then().line().decision_id() == line.decision_id());
  CHECK(replay->now().sku() == "P");
  CHECK(replay->now().net().amount() == "579.60");  // 30 at 21.00 less 8 %.
  CHECK_FALSE(replay->unchanged());

  v1::CalculatePricesRequest other = request;
  other.mutable_lines(0)->mutable_quantity()->set_value("60");
  CHECK(shop.Reason(line.decision_id(), &other) == "REQUEST_DIFFERENT");
  other = request;
  other.add_coupons("MAY");
  CHECK(shop.Reason(line.decision_id(), &other) == "REQUEST_DIFFERENT");
  other.mutable_coupons()->Clear();
  other.mutable_lines()->SwapElements(0, 1);
  CHECK(shop.Reason(line.decision_id(), &other) == "REQUEST_DIFFERENT");
  // What was asked for otherwise does not matter to a price that read only its line.
  const auto alone = shop.Calculate(B::Staff(), Lines({{"P", "1"}}));
  REQUIRE(alone.ok());
  CHECK(shop.Replay(alone->lines(0).decision_id(), &other)->unchanged());
}

TEST_CASE("a price that needed a coupon is replayed with it", "[replay]") {
  Shop shop;
  facts::v1::PromotionChanged promotion;
  promotion.set_promotion("SPRING");
  promotion.set_percent("10");
  promotion.set_coupon("MAY");
  promotion.mutable_target()->set_everything(true);
  shop.Fact("promotions/SPRING", promotion);
  v1::CalculatePricesRequest request = Lines({{"P", "2"}});
  request.add_coupons("MAY");
  const auto shown = shop.Calculate(B::Staff(), request);
  REQUIRE(shown.ok());
  CHECK(shown->lines(0).net().amount() == "36.00");

  const auto replay = shop.Replay(shown->lines(0).decision_id(), &request);
  REQUIRE(replay.ok());
  CHECK(replay->then().line().net().amount() == "36.00");
  CHECK(replay->now().net().amount() == "36.00");
  CHECK(replay->unchanged());
}

TEST_CASE("more coupons than are looked at are refused", "[replay]") {
  Shop shop;
  v1::CalculatePricesRequest request = Lines({{"P", "2"}});
  for (int i = 0; i < 20; ++i) request.add_coupons(absl::StrCat("C", i));
  CHECK(Nets(shop, request) == "40.00 = 40.00");
  request.add_coupons("C20");
  CHECK(Nets(shop, request) == "TOO_MANY_COUPONS");
}

// ---- Languages ----

std::string Floors(const char* binds) {
  return absl::StrCat(R"(kind: DecisionTable
id: pricing.floors
schema: pricing-line@1
hit_policy: FIRST
inputs: [{id: category, expr: item.category, type: string}]
outputs:
  - {id: active, type: bool, default: "false"}
  - {id: markup_percent, type: decimal, default: "0"}
  - {id: decimals, type: int, default: "4"}
  - {id: binds_contracts, type: bool, default: "false"}
rules: [{id: all, when: {}, then: {active: "true", markup_percent: "5", binds_contracts: ")",
                      binds, R"("}}]
)");
}

TEST_CASE("steps and hints are told in the reader's language", "[languages]") {
  const auto [language, list, discount, floor, hint] =
      GENERATE(table<const char*, const char*, const char*, const char*, const char*>({
          {"", "List price", "Contract discount 20 %", "Lowest price",
           "from 10 EA on the price is 18.90 GBP"},
          {"de-AT", "Listenpreis", "Vertragsrabatt 20 %", "Mindestpreis",
           "ab 10 EA ist der Preis 18.90 GBP"},
          {"pl", "List price", "Contract discount 20 %", "Lowest price",
           "from 10 EA on the price is 18.90 GBP"},
      }));
  CAPTURE(language);
  Shop shop;
  facts::v1::ItemChanged item = B::Item("P");
  item.mutable_cost()->set_amount("18.00");
  item.mutable_cost()->set_currency_code("GBP");
  shop.Put(item);
  shop.Put(B::Price("LIST", "P", {{"1", "25.00"}, {"10", "20.00"}}));
  shop.Put(B::Discount("K-17", "A", "P", "20"));
  shop.Publish({Floors("true")});
  Principal reader = B::Buyer("A");
  reader.language = language;

  const v1::PriceExplanation told = shop.Explain(Lines({{"P", "1"}}), reader);

  REQUIRE(told.steps_size() == 2);
  CHECK(told.steps(0).label() == list);
  CHECK(told.steps(1).label() == discount);
  CHECK(told.line().next_tier().message() == hint);
  v1::CalculatePricesRequest ten = Lines({{"P", "10"}});
  const v1::PriceExplanation lifted = shop.Explain(ten, reader);
  REQUIRE(lifted.steps_size() == 3);
  CHECK(lifted.steps(2).label() == floor);
  CHECK(lifted.steps(2).result() == "18.90");
}

// ---- Margin and counted ----

TEST_CASE("a margin is of the cost that counts at the moment", "[explain]") {
  Shop shop;
  facts::v1::CostChanged cost;
  cost.set_sku("P");
  cost.set_entry("1");
  cost.set_per_quantity(100);
  cost.mutable_cost()->set_amount("1500");
  cost.mutable_cost()->set_currency_code("GBP");
  shop.Fact("costs/P///1", cost);
  Principal reader = B::Staff();
  reader.permissions = {"see-cost"};

  const v1::PriceExplanation told = shop.Explain(Lines({{"P", "3"}}), reader);

  CHECK(told.margin().unit_cost().amount() == "15.00");
  CHECK(told.margin().cost().amount() == "45.00");
  CHECK(told.margin().margin().amount() == "15.00");
  CHECK(told.margin().margin_percent() == "25.00");
}

TEST_CASE("unknown costs and contracts below their floor are counted", "[metrics]") {
  Shop shop;
  facts::v1::ItemChanged item = B::Item("P");
  item.mutable_cost()->set_amount("19.50");
  item.mutable_cost()->set_currency_code("GBP");
  shop.Put(item);
  shop.Put(B::Discount("K-17", "A", "P", "20"));
  shop.Publish({Floors("false")});
  telemetry::Metrics metrics;
  telemetry::MetricsScope scope(metrics, {});
  PriceChanges changes(shop.memory());
  Service service({}, shop.memory(), changes, shop.room().shards(), shop.clock(),
                  std::string(32, 'k'), &shop.documents(), &scope);
  DirectMethods methods;
  service.Bind(methods);
  const auto counted = [&](const char* code) {
    return scope.GetCounter("weft_pricing_rule_notices_total", "", {{"code", code}}).value();
  };
  const auto ask = [&](const v1::CalculatePricesRequest& request) {
    return methods
        .CallBytes(B::Staff(), "weft.pricing.v1.PricingService/CalculatePrices",
                   request.SerializeAsString())
        .ok();
  };
  CHECK(counted("COST_UNKNOWN") == 0);

  REQUIRE(ask(Lines({{"P", "1"}, {"Q", "1"}, {"P", "2"}})));

  CHECK(counted("COST_UNKNOWN") == 1);
  CHECK(counted("CONTRACT_BELOW_FLOOR") == 2);
}

}  // namespace
}  // namespace weft::pricing
