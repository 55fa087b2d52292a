// WF-01 as far as prices go: tables that are complete and unambiguous are published,
// others refused at their place; a draft is replayed on what was sold; what runs stays on
// its version. (Who approves what is a flow, and not of this room.)
#include <catch2/catch.hpp>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/pricing/testing/pricing_house.h"

namespace weft::pricing {
namespace {

using B = PricingBench;

// A fee in percent by the size of the line, in the bands of the scenario.
std::string Bands(const char* first, const char* second, const char* third) {
  return absl::StrCat(R"yaml(kind: DecisionTable
id: pricing.volume-discounts
title: By the size of a line
schema: pricing-line@1
hit_policy: UNIQUE
complete: true
inputs:
  - {id: quantity, label: Quantity, expr: line.quantity, type: decimal, range: "[0..1000000000)"}
outputs:
  - {id: percent, label: Percent, type: decimal}
  - {id: label, label: Text, type: string}
rules:
  - {id: auto, when: {quantity: ")yaml", first, R"yaml("}, then: {percent: "0", label: '""'}}
  - {id: manager, when: {quantity: ")yaml", second, R"yaml("},
     then: {percent: "5", label: '"Large"'}}
  - {id: director, when: {quantity: ")yaml", third, R"yaml("},
     then: {percent: "10", label: '"Huge"'}}
)yaml");
}

// Codes of the errors, with what they say of the region.
std::string Told(const docs::CheckResponse& checked) {
  std::string told;
  for (const docs::Finding& finding : checked.findings()) {
    if (finding.severity() != docs::SEVERITY_ERROR) continue;
    absl::StrAppend(&told, finding.code(), ": ", finding.message(), "; ");
  }
  return told;
}

struct Shop : House {
  Shop() {
    Fact("items/P", B::Item("P"));
    Fact("accounts/A", B::Account("A"));
    Fact("books/LIST", B::Book("LIST"));
    Fact("prices/LIST/P//1", B::Price("LIST", "P", {{"0", "1.00"}}));
  }
};

TEST_CASE("WF-01: bands that leave nothing out and nothing twice are published", "[scenario]") {
  Shop shop;
  const char* const id = "pricing.volume-discounts";
  const auto good = shop.SaveAndCheck(id, Bands("[0..1000)", "[1000..5000]", "> 5000"));
  CHECK(Told(good) == "");

  CHECK(Told(shop.SaveAndCheck(id, Bands("[0..1000]", "[1000..5000]", "> 5000"))) ==
        "overlap: rules 'auto' and 'manager' both take quantity {1000}; ");
  CHECK(Told(shop.SaveAndCheck(id, Bands("[0..1000)", "[1000..5000]", "> 6000"))) ==
        "gap: no rule takes quantity (5000, 6000]; ");
}

TEST_CASE("WF-01: a draft is replayed on what was sold, and says what is new", "[scenario]") {
  Shop shop;
  const auto from = [](const char* over) {
    return absl::StrCat(R"yaml(kind: DecisionTable
id: pricing.volume-discounts
title: Above a size
schema: pricing-line@1
hit_policy: FIRST
inputs:
  - {id: quantity, label: Quantity, expr: line.quantity, type: decimal}
outputs:
  - {id: percent, label: Percent, type: decimal, default: "0"}
  - {id: label, label: Text, type: string, default: '""'}
rules:
  - {id: large, when: {quantity: "> )yaml", over, R"yaml("},
     then: {percent: "10", label: '"Large"'}}
)yaml");
  };
  int number = 0;
  for (const char* sold : {"5000", "12000", "19999.99", "20000", "24999", "25000", "25000.01",
                           "40000"}) {
    shop.Invoice(absl::StrCat("I-", ++number), "A", {{"P", sold}});
  }
  shop.Publish("pricing.volume-discounts", from("25000"));
  CHECK(shop.Net("A", "P", "25000") == "25000.00");
  CHECK(shop.Net("A", "P", "25000.01") == "22500.01");

  docs::SimulateRequest request;
  request.add_sources(from("20000"));
  const docs::SimulateResponse report = shop.Simulate(request);

  // Two lines had it already, two more would.
  CHECK(report.cases() == 8);
  CHECK(report.changed() == 2);
  CHECK(report.equal() == 6);
  std::string added;
  for (const auto& group : report.groups()) {
    for (const auto& example : group.examples()) {
      absl::StrAppend(&added, example.before(), " -> ", example.after(), "; ");
    }
  }
  CHECK(added == "25000.00 GBP -> 22500.00 GBP; 24999.00 GBP -> 22499.10 GBP; ");
}

TEST_CASE("WF-01: a decision stays on the version it was made with", "[scenario]") {
  Shop shop;
  const char* const id = "pricing.volume-discounts";
  shop.Publish(id, Bands("[0..1000)", "[1000..5000]", "> 5000"));
  v1::CalculatePricesRequest request = B::Line("A", "P", "2000");
  *request.mutable_as_of() = weft::documents::TimestampOf(shop.room.now());
  const auto shown = shop.methods.Call<v1::CalculatePricesResponse>(
      "weft.pricing.v1.PricingService/CalculatePrices", request);
  REQUIRE(shown.ok());
  CHECK(shown->lines(0).net().amount() == "1900.00");
  shop.Publish(id, Bands("[0..2000]", "(2000..5000]", "> 5000"));
  CHECK(shop.Net("A", "P", "2000") == "2000.00");

  v1::ReplayDecisionRequest replay;
  replay.set_id(shown->lines(0).decision_id());
  const auto told = shop.methods.Call<v1::DecisionReplay>(
      "weft.pricing.v1.PricingService/ReplayDecision", replay);
  REQUIRE(told.ok());
  CHECK(told->then().line().net().amount() == "1900.00");
  CHECK(told->then().activation() == 1);
}

}  // namespace
}  // namespace weft::pricing
