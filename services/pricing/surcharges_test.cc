// Surcharges beside the nets of lines, through the RPCs.
#include <catch2/catch.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "services/pricing/testing/scenario_shop.h"

namespace weft::pricing {
namespace {

using B = PricingBench;
using S = facts::v1::SurchargeChanged;

S Made(const char* code, S::Kind kind, S::Per per, const char* amount) {
  S fact;
  fact.set_surcharge(code);
  fact.set_label(absl::StrCat(code, " label"));
  fact.set_kind(kind);
  fact.set_per(per);
  fact.set_amount(amount);
  if (per != S::PER_LINE_PERCENT && per != S::PER_ORDER_PERCENT) fact.set_currency_code("GBP");
  fact.mutable_target()->set_everything(true);
  return fact;
}

struct Shop : ScenarioShop {
  Shop() {
    AddItem("P", {{"1", "20.00"}});
    AddItem("Q", {{"1", "5.00"}}, "LIQUID");
  }
  void Add(const S& surcharge) { Fact("surcharges/" + surcharge.surcharge(), surcharge); }
  // "code amount @lines; … = total with them"
  std::string Told(const v1::CalculatePricesRequest& request) {
    const auto answer = Calculate(Staff(), request);
    if (!answer.ok()) return ReasonOf(answer.status());
    std::string told;
    for (const v1::PriceSurcharge& one : answer->surcharges()) {
      absl::StrAppend(&told, one.surcharge(), " ", one.amount().amount(), " @");
      for (const int line : one.lines()) absl::StrAppend(&told, line);
      told += "; ";
    }
    return absl::StrCat(told, "= ", answer->total_with_surcharges().amount());
  }
};

TEST_CASE("surcharges per order and line stand beside the nets and in a total of their own",
          "[surcharges]") {
  Shop shop;
  CHECK(shop.Told(Lines({{"P", "2"}, {"Q", "1"}})) == "= ");
  shop.Add(Made("FREIGHT", S::KIND_FREIGHT, S::PER_ORDER, "9.90"));
  S hazard = Made("HAZARD", S::KIND_HAZARDOUS, S::PER_LINE, "4.50");
  hazard.clear_target();
  hazard.mutable_target()->add_categories("LIQUID");
  shop.Add(hazard);
  S energy = Made("ENERGY", S::KIND_OTHER, S::PER_ORDER_PERCENT, "2.5");
  shop.Add(energy);

  const v1::CalculatePricesRequest request = Lines({{"P", "2"}, {"Q", "1"}});
  CHECK(Nets(shop, request) == "40.00 5.00 = 45.00");
  CHECK(shop.Told(request) == "ENERGY 1.13 @01; FREIGHT 9.90 @01; HAZARD 4.50 @1; = 60.53");
  // A line without a price: nothing is said of all together.
  CHECK(shop.Told(Lines({{"P", "1"}, {"NONE", "1"}})) == "ENERGY 0.50 @0; FREIGHT 9.90 @0; = ");
  S gone = hazard;
  gone.set_deleted(true);
  shop.Add(gone);
  CHECK(shop.Told(Lines({{"Q", "1"}})) == "ENERGY 0.13 @0; FREIGHT 9.90 @0; = 15.03");
}

TEST_CASE("a small order pays a surcharge below a net, not at it", "[surcharges]") {
  Shop shop;
  S small = Made("SMALL", S::KIND_MINIMUM_ORDER, S::PER_ORDER, "7.50");
  small.set_below_net("50.00");
  shop.Add(small);

  CHECK(shop.Told(Lines({{"P", "2"}, {"Q", "1"}})) == "SMALL 7.50 @01; = 52.50");
  CHECK(shop.Told(Lines({{"P", "2"}, {"Q", "2"}})) == "= ");
  // In percent of each line, while the order is small.
  S share = Made("SHARE", S::KIND_OTHER, S::PER_LINE_PERCENT, "10");
  share.set_below_net("10.00");
  share.set_currency_code("GBP");
  shop.Add(share);
  CHECK(shop.Told(Lines({{"Q", "1"}})) == "SHARE 0.50 @0; SMALL 7.50 @0; = 13.00");
  CHECK(Nets(shop, Lines({{"Q", "1"}})) == "5.00 = 5.00");
}

TEST_CASE("metal at the day's price is part of the unit price, small lines too", "[surcharges]") {
  Shop shop;
  S copper = Made("CU", S::KIND_METAL, S::PER_UNIT, "0.35");
  shop.Add(copper);
  S few = Made("FEW", S::KIND_SMALL_QUANTITY, S::PER_LINE_PERCENT, "10");
  few.set_below_quantity("10");
  shop.Add(few);

  CHECK(Nets(shop, Lines({{"P", "10"}})) == "203.50 = 203.50");
  CHECK(Nets(shop, Lines({{"P", "1"}})) == "22.35 = 22.35");
  CHECK(shop.Told(Lines({{"P", "1"}})) == "= ");
  // The ladder begins anew where it is no longer taken.
  v1::CalculatePricesRequest request = Lines({{"P", "1"}});
  request.add_include(v1::INCLUDE_TIERS);
  const auto answer = shop.Calculate(B::Staff(), request);
  REQUIRE(answer.ok());
  REQUIRE(answer->lines(0).tiers_size() == 2);
  CHECK(answer->lines(0).tiers(0).unit_price().amount() == "22.35");
  CHECK(answer->lines(0).tiers(1).minimum_quantity() == "10");
  CHECK(answer->lines(0).tiers(1).unit_price().amount() == "20.35");
}

TEST_CASE("a table waives surcharges, or takes a part, from its publication on", "[surcharges]") {
  Shop shop;
  shop.Put(B::Account("A", {"KEY"}));
  shop.Add(Made("FREIGHT", S::KIND_FREIGHT, S::PER_ORDER, "9.95"));
  shop.Add(Made("PACK", S::KIND_OTHER, S::PER_LINE, "1.00"));
  CHECK(shop.Told(Lines({{"P", "1"}})) == "FREIGHT 9.95 @0; PACK 1.00 @0; = 30.95");

  shop.Publish({R"(kind: DecisionTable
id: pricing.surcharges
schema: pricing-surcharge@1
hit_policy: FIRST
inputs:
  - {id: groups, expr: account.groups, type: list(string)}
  - {id: kind, expr: charge.kind, type: string}
  - {id: net, expr: charge.net.amount(), type: decimal}
outputs: [{id: percent, type: decimal, default: "100"}]
rules:
  - {id: large, when: {groups: '"KEY" in it', kind: '"freight"', net: ">= 100"},
     then: {percent: "0"}}
  - {id: key, when: {groups: '"KEY" in it', kind: '"freight"'}, then: {percent: "50"}}
)"});

  CHECK(shop.Told(Lines({{"P", "1"}})) == "FREIGHT 4.98 @0; PACK 1.00 @0; = 25.98");
  CHECK(shop.Told(Lines({{"P", "5"}})) == "PACK 1.00 @0; = 101.00");
  const v1::PriceExplanation told = shop.Explain(Lines({{"P", "5"}}));
  REQUIRE(told.surcharges_size() == 2);
  CHECK(told.surcharges(0).lost().reason() == "WAIVED");
  CHECK(told.surcharges(0).rule() == "surcharges/FREIGHT, tables/pricing.surcharges#large");
}

TEST_CASE("an explanation names the fact behind a surcharge, and why others are not taken",
          "[surcharges]") {
  Shop shop;
  shop.Add(Made("FREIGHT", S::KIND_FREIGHT, S::PER_ORDER, "9.90"));
  S small = Made("SMALL", S::KIND_MINIMUM_ORDER, S::PER_ORDER, "7.50");
  small.set_below_net("40.00");
  shop.Add(small);
  S other = Made("EURO", S::KIND_OTHER, S::PER_ORDER, "1");
  other.set_currency_code("EUR");
  shop.Add(other);
  S cheap = Made("PARCEL", S::KIND_FREIGHT, S::PER_ORDER, "4.90");
  cheap.set_exclusion_group("CARRIAGE");
  S dear = Made("TRUCK", S::KIND_FREIGHT, S::PER_ORDER, "49.00");
  dear.set_exclusion_group("CARRIAGE");
  dear.set_priority(1);
  shop.Add(cheap);
  shop.Add(dear);
  const auto lost = [](const v1::PriceExplanation& told) {
    std::string text;
    for (const v1::PriceSurcharge& one : told.surcharges()) {
      absl::StrAppend(&text, one.surcharge(), " ",
                      one.has_lost() ? one.lost().reason() : one.amount().amount(), "; ");
    }
    return text;
  };

  const v1::PriceExplanation staff = shop.Explain(Lines({{"P", "2"}}));
  CHECK(lost(staff) ==
        "EURO NO_PRICE_IN_CURRENCY; FREIGHT 9.90; PARCEL EXCLUDED; SMALL NOT_BELOW_NET; "
        "TRUCK 49.00; ");
  CHECK(staff.surcharges(1).rule() == "surcharges/FREIGHT");
  CHECK(staff.surcharges(1).basis().amount() == "40.00");
  CHECK_FALSE(staff.surcharges(1).version().empty());
  const v1::PriceExplanation buyer = shop.Explain(Lines({{"P", "2"}}), B::Buyer("A"));
  CHECK(lost(buyer) == "FREIGHT 9.90; TRUCK 49.00; ");
  CHECK(buyer.surcharges(0).rule().empty());
  CHECK(buyer.surcharges(0).label() == "FREIGHT label");
}

}  // namespace
}  // namespace weft::pricing
