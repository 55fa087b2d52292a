// PR-01 and PR-02: tiers and several lists, through the RPCs.
#include <catch2/catch.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "services/pricing/testing/scenario_shop.h"

namespace weft::pricing {
namespace {

const PricingBench::Tiers kTiers = {
    {"1", "10.00"}, {"10", "9.50"}, {"50", "9.00"}, {"100", "8.40"}};

TEST_CASE("PR-01: a tier's minimum is inclusive and holds for the whole quantity", "[scenario]") {
  const auto [quantity, net] = GENERATE(table<const char*, const char*>({
      {"9", "90.00"}, {"10", "95.00"}, {"49", "465.50"}, {"50", "450.00"}, {"94", "846.00"},
      {"99", "891.00"}, {"100", "840.00"}, {"120", "1008.00"},
  }));
  CAPTURE(quantity);
  ScenarioShop shop;
  shop.AddItem("P", kTiers);

  CHECK(Nets(shop, Lines({{"P", quantity}})) == absl::StrCat(net, " = ", net));
}

TEST_CASE("PR-01: 99 pieces are told that 100 cost 51.00 less, and from where on", "[scenario]") {
  ScenarioShop shop;
  shop.AddItem("P", kTiers);
  v1::CalculatePricesRequest request = Lines({{"P", "99"}});
  const auto check = [](const v1::TierHint& hint) {
    CHECK(hint.minimum_quantity() == "100");
    CHECK(hint.unit_price().amount() == "8.40");
    CHECK(hint.net().amount() == "840.00");
    CHECK(hint.saving().amount() == "51.00");
    CHECK(hint.dearer_from_quantity() == "94");
    CHECK(hint.message() == "100 EA cost 51.00 GBP less");
  };

  check(shop.Explain(request).line().next_tier());
  check(shop.Explain(request, PricingBench::Buyer("A")).line().next_tier());
  request.add_include(v1::INCLUDE_TIERS);
  check(shop.Calculate(PricingBench::Staff(), request)->lines(0).next_tier());
}

TEST_CASE("PR-01: graduated tiers price each part of the quantity", "[scenario]") {
  const auto [quantity, net] = GENERATE(table<const char*, const char*>({
      {"9", "90.00"}, {"10", "99.50"}, {"100", "928.40"}, {"120", "1096.40"},
  }));
  CAPTURE(quantity);
  ScenarioShop shop;
  shop.AddItem("P", kTiers);
  facts::v1::PriceChanged graduated = PricingBench::Price("LIST", "P", kTiers);
  graduated.set_tier_mode(facts::v1::TIER_MODE_GRADUATED);
  shop.Put(graduated);

  CHECK(Nets(shop, Lines({{"P", quantity}})) == absl::StrCat(net, " = ", net));
}

TEST_CASE("PR-01: below the next graduated tier nothing costs less by ordering more",
          "[scenario]") {
  ScenarioShop shop;
  shop.AddItem("P", kTiers);
  facts::v1::PriceChanged graduated = PricingBench::Price("LIST", "P", kTiers);
  graduated.set_tier_mode(facts::v1::TIER_MODE_GRADUATED);
  shop.Put(graduated);

  // 99 pieces are 920.00, 100 are 928.40: the average falls, the sum does not.
  const v1::PriceLine line = shop.Explain(Lines({{"P", "99"}})).line();
  CHECK(line.net().amount() == "920.00");
  CHECK(line.next_tier().minimum_quantity() == "100");
  CHECK(line.next_tier().net().amount() == "928.40");
  CHECK_FALSE(line.next_tier().has_saving());
  CHECK(line.next_tier().dearer_from_quantity().empty());
  CHECK(line.next_tier().message() == "from 100 EA on each further one costs 8.40 GBP");
}

std::string Combining(const char* combine) {
  return absl::StrCat(
      "kind: AccessSequence\nid: pricing.prices\nsteps:\n"
      "  - {id: books, source: book, combine: ",
      combine, "}\n");
}

struct TwoLists : PublishedBench {
  TwoLists(const Tiers& high, const Tiers& custom) {
    Put(Item("P"));
    Put(Account("A"));
    Put(Book("DEFAULT", 10));
    Put(Book("CUSTOM", 5));
    Put(Price("DEFAULT", "P", high));
    Put(Price("CUSTOM", "P", custom));
  }
};

TEST_CASE("PR-02: two lists are merged by priority, or the best price is taken", "[scenario]") {
  const auto [combine, quantity, net] =
      GENERATE(table<const char*, const char*, const char*>({
          {"MERGE_TIERS", "1", "9.00"},   {"MERGE_TIERS", "2", "16.00"},
          {"MERGE_TIERS", "3", "24.00"},  {"MERGE_TIERS", "4", "28.00"},
          {"MERGE_TIERS", "5", "30.00"},  {"BEST_PRICE", "3", "21.00"},
          {"BEST_PRICE", "4", "28.00"},   {"BEST_PRICE", "5", "30.00"},
      }));
  CAPTURE(combine, quantity);
  TwoLists shop({{"1", "9"}, {"2", "8"}, {"5", "6"}}, {{"1", "8"}, {"2", "7"}, {"4", "7"}});
  shop.Publish({Combining(combine)});

  CHECK(Nets(shop, Lines({{"P", quantity}})) == absl::StrCat(net, " = ", net));
}

TEST_CASE("PR-02: a merged ladder is the buyer's own", "[scenario]") {
  TwoLists shop({{"1", "9"}, {"2", "8"}, {"5", "6"}}, {{"1", "8"}, {"2", "7"}, {"4", "7"}});
  shop.Publish({Combining("MERGE_TIERS")});
  v1::CalculatePricesRequest request = Lines({{"P", "1"}});
  request.add_include(v1::INCLUDE_TIERS);

  const auto answer = shop.Calculate(PricingBench::Staff(), request);
  REQUIRE(answer.ok());
  std::string ladder;
  for (const v1::LadderStep& step : answer->lines(0).tiers()) {
    absl::StrAppend(&ladder, step.minimum_quantity(), ":", step.unit_price().amount(), " ");
  }
  CHECK(ladder == "1:9.00 2:8.00 4:7.00 5:6.00 ");
}

TEST_CASE("PR-02: the best price looks past the tier that begins at the quantity", "[scenario]") {
  TwoLists shop({{"1", "10"}, {"5", "9"}}, {{"1", "8"}});
  shop.Publish({Combining("BEST_PRICE")});

  CHECK(Nets(shop, Lines({{"P", "5"}})) == "40.00 = 40.00");
}

}  // namespace
}  // namespace weft::pricing
