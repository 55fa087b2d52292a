#include "services/pricing/domain/ladder.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "services/pricing/domain/testing/small_facts.h"

namespace weft::pricing {
namespace {

struct Shop {
  Shop() {
    facts.AddItem("X");
    facts.AddAccount("A", "GBP");
    facts.AddBook("LIST", "GBP");
    facts.AddPrice("LIST", "X",
                   {.tiers = {{"1", "10.00"}, {"10", "9.50"}, {"50", "9.00"}, {"100", "8.40"}}});
  }
  // Prices the line and builds its ladder.
  void Ask(const char* quantity) {
    REQUIRE(DescribeBuyer(facts, {.account = "A", .as_of_us = Us("2026-05-01T00:00:00Z")}, buyer)
                .ok());
    PriceFinder finder(facts, buyer, *PricingRules::Platform());
    finder.Find({.sku = "X", .quantity = quantity}, Depth::kAll, answer);
    ladder = BuildLadder(finder, answer);
  }
  bool Hint(TierHint& hint) {
    PriceFinder finder(facts, buyer, *PricingRules::Platform());
    return HintOf(finder, ladder, answer, hint);
  }
  std::string Told() const {
    std::string text;
    for (const LadderStep& step : ladder) {
      absl::StrAppend(&text, step.minimum.ToString(), ":", step.unit_price.ToString(), " ");
    }
    return text;
  }
  SmallFacts facts;
  Buyer buyer;
  LineAnswer answer;
  std::vector<LadderStep> ladder;
};

TEST_CASE("the hint says what the next tier saves and where it begins to pay", "[ladder]") {
  Shop shop;
  shop.Ask("99");
  TierHint hint;

  REQUIRE(shop.Hint(hint));

  CHECK(hint.next.minimum == D("100"));
  CHECK(hint.next.net.ToString() == "840.00");
  CHECK(hint.saves);
  CHECK(hint.saving.ToString() == "51.00");
  REQUIRE(hint.has_dearer_from);
  CHECK(hint.dearer_from == D("94"));
}

TEST_CASE("a hint that saves nothing says so, and the last tier has none", "[ladder]") {
  Shop shop;
  TierHint hint;
  shop.Ask("5");
  REQUIRE(shop.Hint(hint));
  CHECK(hint.next.minimum == D("10"));
  CHECK_FALSE(hint.saves);
  CHECK_FALSE(hint.has_dearer_from);  // 9 for 90.00, 10 for 95.00.

  shop.Ask("100");
  CHECK_FALSE(shop.Hint(hint));
}

TEST_CASE("a ladder is the buyer's own, over all candidates", "[ladder]") {
  Shop shop;
  shop.facts.AddContract("A", "X", {.tiers = {{"20", "8.80"}}, .currency = "GBP"});
  shop.Ask("1");
  // From 20 on the contract holds, whatever the list says at 50 and 100.
  CHECK(shop.Told() == "1:10.00 10:9.50 20:8.80 ");
}

TEST_CASE("a ladder is stated in the unit of the line", "[ladder]") {
  Shop shop;
  Item& item = shop.facts.AddItem("X");
  shop.facts.AddUnit(item, "CS", 12);
  REQUIRE(
      DescribeBuyer(shop.facts, {.account = "A", .as_of_us = Us("2026-05-01T00:00:00Z")},
                    shop.buyer)
          .ok());
  PriceFinder finder(shop.facts, shop.buyer, *PricingRules::Platform());
  finder.Find({.sku = "X", .quantity = "1", .unit = "CS"}, Depth::kAll, shop.answer);
  shop.ladder = BuildLadder(finder, shop.answer);
  // 1, 10, 50 and 100 pieces are 1, 1, 5 and 9 whole cases.
  CHECK(shop.Told() == "1:114.00 5:108.00 9:100.80 ");
}

}  // namespace
}  // namespace weft::pricing
