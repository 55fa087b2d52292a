// PR-03, PR-05, PR-07 and PR-08: channels, currencies, validity and units, through the
// RPCs.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/pricing/testing/scenario_shop.h"

namespace weft::pricing {
namespace {

using B = PricingBench;

// ---- PR-03 ----

// List 17.75, contract -20 % for the account, and prices of its branch and its group.
struct OnePrice : ScenarioShop {
  OnePrice() {
    facts::v1::AccountChanged account = Account("A", {"TRADE"});
    account.set_branch("B-7");
    Put(account);
    Put(Account("OTHER"));
    AddItem("P", {{"1", "17.75"}});
    facts::v1::PriceBookChanged branch = Book("BRANCH", 8);
    branch.set_branch("B-7");
    Put(branch);
    Put(Price("BRANCH", "P", {{"1", "16.40"}}));
    Put(Book("TRADE", 5, {"TRADE"}));
    Put(Price("TRADE", "P", {{"1", "16.00"}}));
    Put(Discount("K-17", "A", "P", "20"));
  }
};

TEST_CASE("PR-03: rep, portal, punch-out and quote get one price, steps and versions",
          "[scenario]") {
  OnePrice shop;
  shop.Publish({"kind: AccessSequence\nid: pricing.prices\nsteps:\n"
                "  - {id: contracts, source: contract, owners: [account], targets: [sku]}\n"
                "  - {id: books, source: book}\n"});
  Principal quote = testing::MakePrincipal("demo", {"service"}, "approval");
  quote.accounts = {"*"};
  Principal punch_out = testing::MakePrincipal("demo", {"storefront"}, "s-punch");
  punch_out.accounts = {"*"};
  punch_out.channels = {"*"};
  struct Way {
    const char* channel;
    Principal who;
  };
  const std::vector<Way> ways = {{"rep", B::Staff()},
                                 {"web", B::Buyer("A")},
                                 {"punch-out", punch_out},
                                 {"web", quote}};
  const auto ask = [](const Way& way) {
    v1::CalculatePricesRequest request = Lines({{"P", "600"}});
    request.set_channel(way.channel);
    return request;
  };
  const v1::PriceExplanation first = shop.Explain(ask(ways[0]), B::Staff());
  std::vector<std::string> decisions;
  for (const Way& way : ways) {
    CAPTURE(way.channel);
    const auto answer = shop.Calculate(way.who, ask(way));
    REQUIRE(answer.ok());
    CHECK(answer->lines(0).unit_price().amount() == "14.20");
    CHECK(answer->lines(0).net().amount() == "8520.00");
    decisions.push_back(answer->lines(0).decision_id());
    // Staff look at every one of them: the same steps of the same versions.
    const v1::PriceExplanation told = shop.Explain(ask(way), B::Staff());
    CHECK(told.activation() == 1);
    REQUIRE(told.steps_size() == first.steps_size());
    for (int i = 0; i < told.steps_size(); ++i) {
      CHECK(told.steps(i).SerializeAsString() == first.steps(i).SerializeAsString());
    }
  }
  CHECK(decisions[1] == decisions[3]);  // One channel.
  CHECK(decisions[0] != decisions[1]);
}

TEST_CASE("PR-03: the explanation sums exactly and says why branch and group lost",
          "[scenario]") {
  OnePrice shop;
  const v1::PriceExplanation told = shop.Explain(Lines({{"P", "600"}}));

  REQUIRE(told.steps_size() == 2);
  CHECK(told.steps(0).amount() == "17.75");
  CHECK(told.steps(0).rule() == "prices/LIST/P//1");
  CHECK(told.steps(1).amount() == "-3.55");
  CHECK(told.steps(1).result() == "14.20");
  CHECK(told.steps(1).rule() == "contracts/K-17");
  std::string candidates;
  for (const v1::PriceCandidate& candidate : told.candidates()) {
    absl::StrAppend(&candidates, candidate.owner(), " ", candidate.unit_price().amount(), " ",
                    candidate.won() ? "WON" : candidate.lost().reason(), ", ");
  }
  CHECK(candidates ==
        "A 14.20 WON, BRANCH 16.40 LESS_SPECIFIC, TRADE 16.00 LESS_SPECIFIC, "
        "LIST 17.75 LESS_SPECIFIC, ");
  // A buyer reads the steps, not the others' prices.
  const v1::PriceExplanation own = shop.Explain(Lines({{"P", "600"}}), B::Buyer("A"));
  CHECK(own.steps_size() == 2);
  CHECK(own.candidates_size() == 1);
}

TEST_CASE("PR-03: without a price there is a reason, never 0.00", "[scenario]") {
  OnePrice shop;
  v1::CalculatePricesRequest euro = Lines({{"P", "600"}});
  euro.set_currency_code("EUR");
  CHECK(Nets(shop, euro) == "NO_PRICE_IN_CURRENCY = ");

  facts::v1::PriceChanged later = B::Price("LIST", "LATE", {{"5", "3.00"}});
  SetUs(*later.mutable_validity()->mutable_from(), "2026-06-01T00:00:00Z");
  shop.Put(B::Item("LATE"));
  shop.Put(later);
  CHECK(Nets(shop, Lines({{"LATE", "5"}})) == "NOT_YET_VALID = ");
  v1::CalculatePricesRequest few = Lines({{"LATE", "3"}});
  SetUs(*few.mutable_as_of(), "2026-06-01T00:00:00Z");
  const auto answer = shop.Calculate(B::Staff(), few);
  REQUIRE(answer.ok());
  CHECK(answer->lines(0).reason().reason() == "BELOW_MINIMUM");
  CHECK(answer->lines(0).reason().metadata().at("minimum_quantity") == "5");
  CHECK_FALSE(answer->lines(0).has_net());
  CHECK_FALSE(answer->lines(0).has_unit_price());
  CHECK_FALSE(answer->has_total());
}

// ---- PR-05 ----

std::string Rounding(const char* conversion, const char* unit, const char* mode) {
  return absl::StrCat(R"(kind: DecisionTable
id: pricing.rounding
schema: pricing-line@1
hit_policy: FIRST
inputs: [{id: currency, expr: currency, type: string}]
outputs:
  - {id: discount_decimals, type: int}
  - {id: unit_decimals, type: int}
  - {id: conversion_decimals, type: int}
  - {id: mode, type: string}
rules:
  - {id: all, when: {}, then: {discount_decimals: "4", conversion_decimals: ")",
                      conversion, R"(", unit_decimals: ")", unit, R"(", mode: '")", mode, R"("'}}
)");
}

constexpr char kConverting[] =
    "kind: AccessSequence\nid: pricing.prices\nsteps:\n"
    "  - {id: books, source: book}\n"
    "  - {id: converted, source: book, currency: converted}\n";

facts::v1::ExchangeRateChanged Rate(const char* from, const char* to, const char* rate,
                                    const char* valid_from, const char* valid_to = "") {
  facts::v1::ExchangeRateChanged fact;
  fact.set_from_currency_code(from);
  fact.set_to_currency_code(to);
  fact.set_rate(rate);
  fact.set_entry("1");
  SetUs(*fact.mutable_validity()->mutable_from(), valid_from);
  if (*valid_to != '\0') SetUs(*fact.mutable_validity()->mutable_to(), valid_to);
  return fact;
}

struct Exchange : PublishedBench {
  Exchange(const char* from, const char* price, const char* to) {
    Put(Item("P"));
    Put(Account("A", {}, to));
    Put(Book("FOREIGN", 0, {}, from));
    Put(Price("FOREIGN", "P", {{"1", price}}));
  }
};

TEST_CASE("PR-05: a converted price is rounded where the document says", "[scenario]") {
  struct Case {
    const char* from;
    const char* price;
    const char* to;
    const char* rate;
    const char* conversion;
    const char* quantity;
    const char* told;
  };
  const Case c = GENERATE(values<Case>({
      {"EUR", "12.3456", "USD", "1.0837", "-1", "37", "13.378927 495.02"},
      {"EUR", "12.3456", "USD", "1.0837", "4", "37", "13.3789 495.02"},
      {"EUR", "12.3456", "USD", "1.0837", "2", "37", "13.38 495.06"},
      {"USD", "19.99", "JPY", "151.37", "-1", "1", "3025.8863 3026"},
      {"USD", "19.99", "KWD", "0.3071", "-1", "1", "6.138929 6.139"},
  }));
  CAPTURE(c.to, c.conversion);
  Exchange shop(c.from, c.price, c.to);
  shop.Publish({kConverting, Rounding(c.conversion, "-1", "HALF_UP")});
  shop.Fact("rates/1", Rate(c.from, c.to, c.rate, "2026-01-01T00:00:00Z"));

  CHECK(shop.Told(B::Staff(), Lines({{"P", c.quantity}})) == c.told);
}

TEST_CASE("PR-05: a missing or expired rate is a reason, never 1", "[scenario]") {
  Exchange shop("EUR", "12.3456", "USD");
  shop.Publish({kConverting});
  CHECK(Nets(shop, Lines({{"P", "1"}})) == "RATE_MISSING = ");

  shop.Fact("rates/1", Rate("EUR", "USD", "1.0837", "2026-01-01T00:00:00Z",
                            "2026-05-01T12:00:00Z"));
  CHECK(Nets(shop, Lines({{"P", "1"}})) == "RATE_EXPIRED = ");
  v1::CalculatePricesRequest before = Lines({{"P", "1"}});
  SetUs(*before.mutable_as_of(), "2026-05-01T11:59:59Z");
  CHECK(Nets(shop, before) == "13.38 = 13.38");
}

TEST_CASE("PR-05: half-up and half-even round a line's net as they are named", "[scenario]") {
  const auto [price, up, even] = GENERATE(table<const char*, const char*, const char*>({
      {"2.125", "2.13", "2.12"},
      {"2.135", "2.14", "2.14"},
      {"2.145", "2.15", "2.14"},
      {"1.005", "1.01", "1.00"},
  }));
  CAPTURE(price);
  ScenarioShop shop;
  shop.AddItem("P", {{"1", price}});
  CHECK(Nets(shop, Lines({{"P", "1"}})) == absl::StrCat(up, " = ", up));
  shop.Publish({Rounding("-1", "-1", "HALF_EVEN")});
  CHECK(Nets(shop, Lines({{"P", "1"}})) == absl::StrCat(even, " = ", even));
}

// ---- PR-07 ----

std::string NetAt(PricingBench& shop, const char* at) {
  v1::CalculatePricesRequest request = Lines({{"P", "1"}});
  SetUs(*request.mutable_as_of(), at);
  return shop.Calculate(B::Staff(), request)->lines(0).net().amount();
}

TEST_CASE("PR-07: a contract of one local month is 743 hours long", "[scenario]") {
  ScenarioShop shop;
  shop.AddItem("P", {{"1", "10.00"}});
  facts::v1::ContractChanged contract;
  contract.set_contract("K-1");
  contract.set_account("A");
  contract.set_sku("P");
  contract.mutable_net_price()->set_currency_code("GBP");
  facts::v1::PriceTier& tier = *contract.mutable_net_price()->add_tiers();
  tier.set_minimum_quantity("1");
  tier.set_price("9.00");
  // March 2026 in America/Denver.
  SetUs(*contract.mutable_validity()->mutable_from(), "2026-03-01T07:00:00Z");
  SetUs(*contract.mutable_validity()->mutable_to(), "2026-04-01T06:00:00Z");
  shop.Put(contract);

  CHECK(NetAt(shop, "2026-03-01T06:59:59Z") == "10.00");
  CHECK(NetAt(shop, "2026-03-01T07:00:00Z") == "9.00");
  CHECK(NetAt(shop, "2026-04-01T05:59:59Z") == "9.00");
  CHECK(NetAt(shop, "2026-04-01T06:00:00Z") == "10.00");
}

TEST_CASE("PR-07: of overlapping prices the one that starts latest holds, of lists and contracts",
          "[scenario]") {
  const bool of_contract = GENERATE(false, true);
  CAPTURE(of_contract);
  struct Entry {
    const char* name;
    const char* price;
    const char* from;
    const char* to;  // The day after the last.
  };
  ScenarioShop shop;
  shop.AddItem("P", {{"1", "110"}});
  for (const Entry& entry : {Entry{"1", "100", "2026-01-01T00:00:00Z", "2026-08-01T00:00:00Z"},
                             Entry{"2", "95", "2026-02-25T00:00:00Z", "2026-06-09T00:00:00Z"},
                             Entry{"3", "90", "2026-03-01T00:00:00Z", "2026-04-02T00:00:00Z"}}) {
    // Tiers: the higher one is never reached.
    common::v1::Validity validity;
    SetUs(*validity.mutable_from(), entry.from);
    SetUs(*validity.mutable_to(), entry.to);
    if (of_contract) {
      facts::v1::ContractChanged contract;
      contract.set_contract(absl::StrCat("K-", entry.name));
      contract.set_account("A");
      contract.set_sku("P");
      contract.mutable_net_price()->set_currency_code("GBP");
      for (const auto& [minimum, price] : {std::pair{"1", entry.price}, {"1000", "1"}}) {
        facts::v1::PriceTier& tier = *contract.mutable_net_price()->add_tiers();
        tier.set_minimum_quantity(minimum);
        tier.set_price(price);
      }
      *contract.mutable_validity() = validity;
      shop.Put(contract);
    } else {
      facts::v1::PriceChanged price =
          B::Price("LIST", "P", {{"1", entry.price}, {"1000", "1"}}, absl::StrCat("x", entry.name));
      *price.mutable_validity() = validity;
      shop.Put(price);
    }
  }

  CHECK(NetAt(shop, "2026-01-15T00:00:00Z") == "100.00");
  CHECK(NetAt(shop, "2026-02-26T00:00:00Z") == "95.00");
  CHECK(NetAt(shop, "2026-03-15T00:00:00Z") == "90.00");
  CHECK(NetAt(shop, "2026-04-01T23:59:59Z") == "90.00");
  CHECK(NetAt(shop, "2026-04-02T00:00:00Z") == "95.00");
  CHECK(NetAt(shop, "2026-06-09T00:00:00Z") == "100.00");
  CHECK(NetAt(shop, "2026-08-01T00:00:00Z") == "110.00");
}

// ---- PR-08 ----

TEST_CASE("PR-08: 200 pieces sold only in whole dozens are 17 dozens, 204 pieces", "[scenario]") {
  ScenarioShop shop;
  shop.AddItem("P", {{"1", "0.50"}});
  facts::v1::ItemChanged item = B::Item("P");
  item.set_quantity_step("12");
  common::v1::UnitRatio& dozen = *item.add_units();
  dozen.set_unit("DZ");
  dozen.set_numerator(12);
  dozen.set_denominator(1);
  shop.Put(item);
  v1::CalculatePricesRequest request = Lines({{"P", "200"}});
  request.add_include(v1::INCLUDE_QUANTITY_RULES);
  const auto rules = [&] {
    return shop.Calculate(B::Staff(), request)->lines(0).quantity_rules();
  };

  CHECK(rules().quantity_step() == "12");
  CHECK(rules().sellable_quantity().value() == "204");
  CHECK(rules().sellable_quantity().unit() == "EA");
  CHECK(rules().sellable_packs().value() == "17");
  CHECK(rules().sellable_packs().unit() == "DZ");

  request.mutable_lines(0)->mutable_quantity()->set_value("17");
  request.mutable_lines(0)->mutable_quantity()->set_unit("DZ");
  CHECK(rules().sellable_quantity().value() == "204");
  CHECK(Nets(shop, request) == "102.00 = 102.00");
  request.mutable_lines(0)->mutable_quantity()->set_value("204");
  request.mutable_lines(0)->mutable_quantity()->set_unit("EA");
  CHECK(Nets(shop, request) == "102.00 = 102.00");
}

}  // namespace
}  // namespace weft::pricing
