// Scenarios of prices through the RPCs, as facts and requests state them.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/pricing/testing/scenario_shop.h"

namespace weft::pricing {
namespace {

struct Shop : ScenarioShop {
  void Bolt(const std::string& sku, const std::string& price) {
    AddItem(sku, {{"1", price}}, "BOLTS");
  }
};

facts::v1::ContractChanged GroupTiers(const std::string& scale_group) {
  facts::v1::ContractChanged contract;
  contract.set_contract("K-1");
  contract.set_account("A");
  contract.set_category("BOLTS");
  auto& tiers = *contract.mutable_discount_tiers();
  tiers.set_scale_group(scale_group);
  for (const auto& [minimum, percent] : {std::pair{"25", "3"}, {"100", "8"}}) {
    auto& tier = *tiers.add_tiers();
    tier.set_minimum_quantity(minimum);
    tier.set_percent(percent);
  }
  return contract;
}

TEST_CASE("PR-01: lines of one request reach group tiers together", "[scenario]") {
  const auto [group, expected] = GENERATE(table<const char*, const char*>({
      {"BOLTS", "552.00 496.80 207.00 = 1255.80"},
      {"", "582.00 523.80 218.25 = 1324.05"},
  }));
  CAPTURE(group);
  Shop shop;
  shop.Bolt("P", "20.00");
  shop.Bolt("Q", "12.00");
  shop.Bolt("R", "7.50");
  shop.Put(GroupTiers(group));

  CHECK(Nets(shop, Lines({{"P", "30"}, {"Q", "45"}, {"R", "30"}})) == expected);
}

TEST_CASE("a price that read other lines asks for its request again", "[scenario]") {
  Shop shop;
  shop.Bolt("P", "20.00");
  shop.Bolt("Q", "12.00");
  shop.Put(GroupTiers("BOLTS"));
  const auto together =
      shop.Calculate(PricingBench::Staff(), Lines({{"P", "30"}, {"Q", "90"}})).value();
  const auto alone = shop.Calculate(PricingBench::Staff(), Lines({{"P", "30"}})).value();
  const auto decide = [&](const std::string& id) {
    v1::GetDecisionRequest request;
    request.set_id(id);
    const auto answer =
        shop.Call<v1::PriceExplanation>(PricingBench::Staff(), "GetDecision", request);
    return answer.ok() ? answer->line().net().amount() : ReasonOf(answer.status());
  };

  CHECK(together.lines(0).net().amount() == "552.00");
  CHECK(decide(together.lines(0).decision_id()) == "REQUEST_NEEDED");
  CHECK(decide(alone.lines(0).decision_id()) == "582.00");
}

TEST_CASE("a contract that excepts an item is told as not applicable", "[scenario]") {
  Shop shop;
  shop.Bolt("P", "20.00");
  facts::v1::ContractChanged contract = PricingBench::Discount("K-2", "A", "", "10");
  contract.set_category("BOLTS");
  contract.clear_sku();
  contract.add_except_skus("P");
  shop.Put(contract);
  v1::ExplainPriceRequest request;
  request.set_account("A");
  SetUs(*request.mutable_as_of(), "2026-05-01T12:00:00Z");
  request.mutable_line()->set_sku("P");
  request.mutable_line()->mutable_quantity()->set_value("1");

  const auto told =
      shop.Call<v1::PriceExplanation>(PricingBench::Staff(), "ExplainPrice", request).value();

  CHECK(told.line().net().amount() == "20.00");
  REQUIRE(told.candidates_size() == 2);
  CHECK(told.candidates(0).lost().reason() == "NOT_APPLICABLE");
}

TEST_CASE("a contract of an address or project is for that one only", "[scenario]") {
  Shop shop;
  shop.Bolt("P", "20.00");
  facts::v1::ContractChanged contract = PricingBench::Discount("K-3", "A", "P", "10");
  contract.set_project("TOWER-B");
  shop.Put(contract);
  v1::CalculatePricesRequest request = Lines({{"P", "1"}});

  CHECK(Nets(shop, request) == "20.00 = 20.00");
  request.set_project("TOWER-B");
  CHECK(Nets(shop, request) == "18.00 = 18.00");
  request.set_project("TOWER-C");
  CHECK(Nets(shop, request) == "20.00 = 20.00");
}

TEST_CASE("a promotion with a coupon is for requests that name it", "[scenario]") {
  Shop shop;
  shop.Bolt("P", "20.00");
  facts::v1::PromotionChanged promotion;
  promotion.set_promotion("SPRING");
  promotion.set_label("Spring offer");
  promotion.set_percent("10");
  promotion.set_coupon("MAY");
  promotion.mutable_target()->add_categories("BOLTS");
  shop.Fact("promotions/SPRING", promotion);
  v1::CalculatePricesRequest request = Lines({{"P", "2"}});

  CHECK(Nets(shop, request) == "40.00 = 40.00");
  request.add_coupons("MAY");
  CHECK(Nets(shop, request) == "36.00 = 36.00");
}

TEST_CASE("PR-08: units, prices per 1,000 and explicit case prices", "[scenario]") {
  Shop shop;
  facts::v1::ItemChanged item = PricingBench::Item("P");
  for (const auto& [unit, ratio] : {std::pair{"CS", 12}, {"PL", 480}}) {
    common::v1::UnitRatio& added = *item.add_units();
    added.set_unit(unit);
    added.set_numerator(ratio);
    added.set_denominator(1);
  }
  shop.Put(item);
  shop.Put(PricingBench::Price("LIST", "P", {{"1", "2.4875"}}));
  shop.Put(PricingBench::Item("M"));
  facts::v1::PriceChanged per_thousand = PricingBench::Price("LIST", "M", {{"1", "49.00"}});
  per_thousand.set_per_quantity(1000);
  shop.Put(per_thousand);
  const auto in_units = [&](const std::vector<std::pair<std::string, std::string>>& lines,
                            const std::string& sku) {
    v1::CalculatePricesRequest request;
    request.set_account("A");
    SetUs(*request.mutable_as_of(), "2026-05-01T12:00:00Z");
    for (const auto& [quantity, unit] : lines) {
      v1::PriceRequestLine& line = *request.add_lines();
      line.set_sku(sku);
      line.mutable_quantity()->set_value(quantity);
      line.mutable_quantity()->set_unit(unit);
    }
    return Nets(shop, request);
  };

  CHECK(in_units({{"41", "EA"}}, "P") == "101.99 = 101.99");
  CHECK(in_units({{"2", "PL"}}, "P") == "2388.00 = 2388.00");
  CHECK(in_units({{"333", "EA"}}, "M") == "16.32 = 16.32");
  CHECK(in_units({{"1", "EA"}}, "M") == "0.05 = 0.05");
  CHECK(in_units({{"250", "EA"}}, "M") == "12.25 = 12.25");

  facts::v1::PriceChanged of_case = PricingBench::Price("LIST", "P", {{"1", "27.90"}}, "2");
  of_case.set_unit("CS");
  shop.Put(of_case);
  CHECK(in_units({{"3", "CS"}, {"5", "EA"}}, "P") == "83.70 12.44 = 96.14");
}

}  // namespace
}  // namespace weft::pricing
