// How long an answer holds, what was known when, and what is no longer known.
#include <catch2/catch.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "services/pricing/testing/scenario_shop.h"

namespace weft::pricing {
namespace {

using B = PricingBench;

std::string Discounts(const char* percent) {
  return absl::StrCat(R"(kind: DecisionTable
id: pricing.volume-discounts
schema: pricing-line@1
hit_policy: FIRST
inputs:
  - {id: quantity, expr: line.scale_quantity, type: decimal}
outputs:
  - {id: percent, type: decimal, default: "0"}
  - {id: label, type: string, default: '""'}
rules:
  - {id: many, when: {quantity: ">= 100"}, then: {percent: ")",
                      percent, R"(", label: '"Volume"'}}
)");
}

std::string Until(PricingBench& shop, const v1::CalculatePricesRequest& request) {
  const auto answer = shop.Calculate(B::Staff(), request);
  if (!answer.ok()) return ReasonOf(answer.status());
  const v1::PriceLine& line = answer->lines(0);
  if (!line.has_valid_until()) return "for ever";
  return absl::FormatTime("%Y-%m-%d", absl::FromUnixSeconds(line.valid_until().seconds()),
                          absl::UTCTimeZone());
}

TEST_CASE("an answer holds until the next activation takes over", "[validity]") {
  ScenarioShop shop;
  shop.AddItem("P", {{"1", "1.00"}});
  CHECK(Until(shop, Lines({{"P", "100"}})) == "for ever");

  shop.Publish({Discounts("3")}, "2026-07-01T00:00:00Z");
  shop.Publish({Discounts("5")}, "2026-06-01T00:00:00Z");
  CHECK(Until(shop, Lines({{"P", "100"}})) == "2026-06-01");
  v1::CalculatePricesRequest later = Lines({{"P", "100"}});
  SetUs(*later.mutable_as_of(), "2026-06-01T00:00:00Z");
  CHECK(Nets(shop, later) == "95.00 = 95.00");
  CHECK(Until(shop, later) == "2026-07-01");
  const auto explained = shop.Explain(later);
  CHECK(explained.line().valid_until().seconds() == absl::ToUnixSeconds(
      absl::FromCivil(absl::CivilDay(2026, 7, 1), absl::UTCTimeZone())));
  SetUs(*later.mutable_as_of(), "2026-07-01T00:00:00Z");
  CHECK(Nets(shop, later) == "97.00 = 97.00");
  CHECK(Until(shop, later) == "for ever");
}

TEST_CASE("an answer holds until any candidate begins or ends", "[validity]") {
  ScenarioShop shop;
  shop.AddItem("P", {{"1", "10.00"}});
  SECTION("a contract begins") {
    facts::v1::ContractChanged contract = B::Discount("K-1", "A", "P", "10");
    SetUs(*contract.mutable_validity()->mutable_from(), "2026-06-05T00:00:00Z");
    shop.Put(contract);
    CHECK(Until(shop, Lines({{"P", "1"}})) == "2026-06-05");
  }
  SECTION("the price ends") {
    facts::v1::PriceChanged price = B::Price("LIST", "P", {{"1", "10.00"}});
    SetUs(*price.mutable_validity()->mutable_to(), "2026-06-06T00:00:00Z");
    shop.Put(price);
    CHECK(Until(shop, Lines({{"P", "1"}})) == "2026-06-06");
  }
  SECTION("a later price takes its place") {
    facts::v1::PriceChanged price = B::Price("LIST", "P", {{"1", "11.00"}}, "2");
    SetUs(*price.mutable_validity()->mutable_from(), "2026-06-07T00:00:00Z");
    shop.Put(price);
    CHECK(Until(shop, Lines({{"P", "1"}})) == "2026-06-07");
  }
  SECTION("a promotion begins, for the line or not yet for its quantity") {
    facts::v1::PromotionChanged promotion;
    promotion.set_promotion("S");
    promotion.set_percent("10");
    promotion.mutable_target()->set_everything(true);
    SetUs(*promotion.mutable_validity()->mutable_from(), "2026-06-08T00:00:00Z");
    shop.Fact("promotions/S", promotion);
    CHECK(Until(shop, Lines({{"P", "1"}})) == "2026-06-08");
  }
  SECTION("a surcharge ends") {
    facts::v1::SurchargeChanged surcharge;
    surcharge.set_surcharge("S");
    surcharge.set_kind(facts::v1::SurchargeChanged::KIND_FREIGHT);
    surcharge.set_per(facts::v1::SurchargeChanged::PER_ORDER);
    surcharge.set_amount("5");
    surcharge.set_currency_code("GBP");
    surcharge.mutable_target()->set_everything(true);
    SetUs(*surcharge.mutable_validity()->mutable_to(), "2026-06-09T00:00:00Z");
    shop.Fact("surcharges/S", surcharge);
    CHECK(Until(shop, Lines({{"P", "1"}})) == "2026-06-09");
  }
  SECTION("a cost begins where there is a floor") {
    shop.Publish({R"(kind: DecisionTable
id: pricing.floors
schema: pricing-line@1
hit_policy: FIRST
inputs: [{id: category, expr: item.category, type: string}]
outputs:
  - {id: active, type: bool, default: "false"}
  - {id: markup_percent, type: decimal, default: "0"}
  - {id: decimals, type: int, default: "4"}
  - {id: binds_contracts, type: bool, default: "false"}
rules: [{id: all, when: {}, then: {active: "true", markup_percent: "5"}}]
)"});
    facts::v1::CostChanged cost;
    cost.set_sku("P");
    cost.set_entry("1");
    cost.mutable_cost()->set_amount("12.00");
    cost.mutable_cost()->set_currency_code("GBP");
    SetUs(*cost.mutable_validity()->mutable_from(), "2026-06-10T00:00:00Z");
    shop.Fact("costs/P///1", cost);
    CHECK(Until(shop, Lines({{"P", "1"}})) == "2026-06-10");
    v1::CalculatePricesRequest later = Lines({{"P", "1"}});
    SetUs(*later.mutable_as_of(), "2026-06-10T00:00:00Z");
    CHECK(Nets(shop, later) == "12.60 = 12.60");
  }
}

TEST_CASE("a ladder has the breakpoints of tables", "[validity]") {
  ScenarioShop shop;
  shop.AddItem("P", {{"1", "1.00"}});
  shop.Publish({Discounts("3")});
  v1::CalculatePricesRequest request = Lines({{"P", "99"}});
  request.add_include(v1::INCLUDE_TIERS);
  const auto answer = shop.Calculate(B::Staff(), request);
  REQUIRE(answer.ok());
  const v1::PriceLine& line = answer->lines(0);
  REQUIRE(line.tiers_size() == 2);
  CHECK(line.tiers(1).minimum_quantity() == "100");
  CHECK(line.tiers(1).unit_price().amount() == "0.97");
  CHECK(line.next_tier().saving().amount() == "2.00");
  CHECK(line.next_tier().dearer_from_quantity() == "98");
}

TEST_CASE("what was known at a moment are its facts and its documents", "[validity]") {
  ScenarioShop shop;
  shop.AddItem("P", {{"1", "1.00"}});
  const absl::Time before = shop.room().now();
  shop.room().Advance(absl::Hours(1));
  shop.Publish({Discounts("3")});
  const absl::Time between = shop.room().now();
  shop.room().Advance(absl::Hours(1));
  shop.Publish({Discounts("5")});
  shop.room().Advance(absl::Hours(1));
  v1::CalculatePricesRequest request = Lines({{"P", "100"}});
  CHECK(Nets(shop, request) == "95.00 = 95.00");

  request.mutable_known_at()->set_seconds(absl::ToUnixSeconds(before) + 1);
  CHECK(Nets(shop, request) == "100.00 = 100.00");
  request.mutable_known_at()->set_seconds(absl::ToUnixSeconds(between) + 1);
  CHECK(Nets(shop, request) == "97.00 = 97.00");
  // Its decision is that of then.
  const auto answer = shop.Calculate(B::Staff(), request);
  REQUIRE(answer.ok());
  v1::GetDecisionRequest decision;
  decision.set_id(answer->lines(0).decision_id());
  const auto told = shop.Call<v1::PriceExplanation>(B::Staff(), "GetDecision", decision);
  REQUIRE(told.ok());
  CHECK(told->line().net().amount() == "97.00");
  CHECK(told->activation() == 1);
}

// A room that keeps what was replaced for a day.
struct Forgetful {
  FactMemory memory;
  PriceChanges changes{memory};
  engine::Program program = MakeReplica(memory, changes, nullptr, absl::Hours(24));
  testing::RoomHarness room{program};
  testing::FakeClock clock;
  DirectMethods methods;
  Service service{{}, memory, changes, room.shards(), clock, std::string(32, 'k')};
  Forgetful() { service.Bind(methods); }
  template <typename Message>
  void Fact(const std::string& subject, const Message& message) {
    room.Deliver("demo", engine::kTimeline, "erp-connector", subject, message);
  }
  std::string Ask(const v1::CalculatePricesRequest& request, std::string* decision = nullptr) {
    const auto bytes =
        methods.CallBytes(B::Staff(), "weft.pricing.v1.PricingService/CalculatePrices",
                          request.SerializeAsString());
    if (!bytes.ok()) return ReasonOf(bytes.status());
    v1::CalculatePricesResponse answer;
    if (!answer.ParseFromString(*bytes)) return "unreadable";
    if (decision != nullptr) *decision = answer.lines(0).decision_id();
    return answer.lines(0).net().amount();
  }
  std::string Tell(const std::string& decision) {
    v1::GetDecisionRequest request;
    request.set_id(decision);
    const auto bytes = methods.CallBytes(
        B::Staff(), "weft.pricing.v1.PricingService/GetDecision", request.SerializeAsString());
    if (!bytes.ok()) return ReasonOf(bytes.status());
    v1::PriceExplanation told;
    if (!told.ParseFromString(*bytes)) return "unreadable";
    return told.line().net().amount();
  }
};

TEST_CASE("before what is kept the history is said to be gone", "[validity]") {
  Forgetful room;
  room.Fact("items/P", B::Item("P"));
  room.Fact("accounts/A", B::Account("A"));
  room.Fact("books/LIST", B::Book("LIST"));
  room.Fact("prices/LIST/P//1", B::Price("LIST", "P", {{"1", "1.00"}}));
  v1::CalculatePricesRequest request = Lines({{"P", "1"}});
  std::string one, two;
  CHECK(room.Ask(request, &one) == "1.00");
  const absl::Time first = room.room.now();
  room.room.Advance(absl::Hours(2));
  room.Fact("prices/LIST/P//1", B::Price("LIST", "P", {{"1", "2.00"}}));
  CHECK(room.Ask(request, &two) == "2.00");
  const absl::Time second = room.room.now();
  room.room.Advance(absl::Hours(23));
  room.Fact("prices/LIST/P//1", B::Price("LIST", "P", {{"1", "3.00"}}));
  // Replaced 23 hours ago: still there.
  CHECK(room.Tell(one) == "1.00");
  room.room.Advance(absl::Hours(2));
  room.Fact("prices/LIST/P//1", B::Price("LIST", "P", {{"1", "4.00"}}));

  CHECK(room.Ask(request) == "4.00");
  CHECK(room.Tell(one) == "HISTORY_GONE");
  CHECK(room.Tell(two) == "2.00");
  request.mutable_known_at()->set_seconds(absl::ToUnixSeconds(first) + 1);
  CHECK(room.Ask(request) == "HISTORY_GONE");
  request.mutable_known_at()->set_seconds(absl::ToUnixSeconds(second) + 1);
  CHECK(room.Ask(request) == "2.00");
}

}  // namespace
}  // namespace weft::pricing
