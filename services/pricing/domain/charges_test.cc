#include "services/pricing/domain/charges.h"

#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/pricing/domain/find_price.h"
#include "services/pricing/domain/testing/small_facts.h"

namespace weft::pricing {
namespace {

using Per = Surcharge::Per;

// X at 20.00, Y at 5.00, in pieces and cases of 12.
struct Shop {
  Shop() {
    for (const char* sku : {"X", "Y"}) facts.AddUnit(facts.AddItem(sku), "CS", 12);
    facts.AddAccount("A", "GBP");
    facts.AddBook("LIST", "GBP");
    facts.AddPrice("LIST", "X", {.tiers = {{"1", "20.00"}}});
    facts.AddPrice("LIST", "Y", {.tiers = {{"1", "5.00"}}});
  }
  Surcharge& Add(const char* name, Per per, const char* amount) {
    Surcharge& made = facts.surcharges.emplace_back();
    made.surcharge = facts.S(SymbolKind::kSurcharge, name);
    made.per = per;
    made.currency = Cur("GBP");
    made.amount = D(amount);
    made.target.everything = true;
    return made;
  }
  struct Asked {
    const char* sku;
    const char* quantity;
    const char* unit = "";
  };
  // "code amount @lines", or "code !n" where it is lost for reason n.
  std::string Told(const std::vector<Asked>& lines) {
    Buyer buyer;
    REQUIRE(DescribeBuyer(facts, {.account = "A", .as_of_us = Us("2026-05-01T00:00:00Z")}, buyer)
                .ok());
    PriceFinder finder(facts, buyer, *PricingRules::Platform());
    OrderCharges charges(facts, buyer, finder.rounding());
    LineAnswer answer;
    for (size_t i = 0; i < lines.size(); ++i) {
      finder.Find({.sku = lines[i].sku, .quantity = lines[i].quantity, .unit = lines[i].unit},
                  Depth::kWinner, answer);
      REQUIRE(answer.reason == LineReason::kNone);
      charges.Add(static_cast<int>(i), answer, finder.categories(), answer.net);
    }
    std::string told;
    for (const Charge& charge : charges.Finish()) {
      absl::StrAppend(&told, facts.Text(charge.surcharge->surcharge), " ");
      if (charge.lost == Charge::Lost::kTaken) {
        absl::StrAppend(&told, charge.amount.ToString());
      } else {
        absl::StrAppend(&told, "!", static_cast<int>(charge.lost));
      }
      absl::StrAppend(&told, " @");
      for (const int line : charge.lines) absl::StrAppend(&told, line);
      told += "; ";
    }
    return told;
  }
  SmallFacts facts;
};

TEST_CASE("a surcharge is taken per what it says", "[charges]") {
  const auto [per, amount, below_net, told] =
      GENERATE(table<Per, const char*, const char*, const char*>({
          {Per::kOrder, "9.90", "0", "S 9.90 @01; "},
          {Per::kOrderPercent, "2.5", "0", "S 1.13 @01; "},       // Of 45.00.
          {Per::kLine, "1.5", "0", "S 1.50 @0; S 1.50 @1; "},
          // Parts of the unit price, unless they hang on the net of the order.
          {Per::kUnit, "0.10", "0", ""},
          {Per::kLinePercent, "3", "0", ""},
          {Per::kUnit, "0.125", "50", "S 0.25 @0; S 0.13 @1; "},
          {Per::kLinePercent, "3", "50", "S 1.20 @0; S 0.15 @1; "},
          // Taken below, not at.
          {Per::kOrder, "9.90", "45.01", "S 9.90 @01; "},
          {Per::kOrder, "9.90", "45.00", "S !1 @01; "},
          {Per::kOrder, "0", "0", "S 0.00 @01; "},
      }));
  CAPTURE(static_cast<int>(per), amount, below_net);
  Shop shop;
  shop.Add("S", per, amount).below_net = D(below_net);

  CHECK(shop.Told({{"X", "2"}, {"Y", "1"}}) == told);
}

TEST_CASE("a surcharge is about its own lines only", "[charges]") {
  Shop shop;
  Surcharge& small = shop.Add("S", Per::kOrder, "5.00");
  small.below_quantity = D("12");
  small.below_net = D("50");
  // The line of a whole case is not small, so its net does not count.
  CHECK(shop.Told({{"X", "1", "CS"}, {"Y", "11"}}) == "S !1 @1; ");
  CHECK(shop.Told({{"X", "1", "CS"}}) == "");
  CHECK(shop.Told({{"Y", "8"}, {"X", "1", "CS"}}) == "S 5.00 @0; ");
  small.unit = shop.facts.S(SymbolKind::kUnit, "CS");
  small.below_quantity = D("2");
  CHECK(shop.Told({{"Y", "8"}, {"Y", "2", "CS"}}) == "S 5.00 @0; ");
}

TEST_CASE("of a group only what would be taken excludes others", "[charges]") {
  Shop shop;
  const auto in_group = [&](Surcharge& made, int priority, const char* below_net) {
    made.exclusion_group = shop.facts.S(SymbolKind::kCombination, "SMALL");
    made.priority = priority;
    made.below_net = D(below_net);
  };
  in_group(shop.Add("VERY", Per::kOrder, "10.00"), 2, "50");
  in_group(shop.Add("QUITE", Per::kOrder, "5.00"), 1, "100");
  CHECK(shop.Told({{"X", "1"}}) == "QUITE !3 @0; VERY 10.00 @0; ");
  CHECK(shop.Told({{"X", "3"}}) == "QUITE 5.00 @0; VERY !1 @0; ");
  CHECK(shop.Told({{"X", "5"}}) == "QUITE !1 @0; VERY !1 @0; ");
}

TEST_CASE("surcharges per line exclude each other line by line", "[charges]") {
  Shop shop;
  const Symbol group = shop.facts.S(SymbolKind::kCombination, "FREIGHT");
  Surcharge& heavy = shop.Add("HEAVY", Per::kLine, "20.00");
  heavy.exclusion_group = group;
  heavy.priority = 1;
  heavy.below_quantity = D("2");
  shop.Add("PARCEL", Per::kLine, "4.00").exclusion_group = group;

  CHECK(shop.Told({{"X", "1"}, {"Y", "7"}}) == "HEAVY 20.00 @0; PARCEL 4.00 @1; PARCEL !3 @0; ");
}

TEST_CASE("a surcharge in another currency is not taken", "[charges]") {
  Shop shop;
  shop.Add("S", Per::kOrder, "5.00").currency = Cur("EUR");
  shop.Add("P", Per::kOrderPercent, "1").currency = Currency();
  CHECK(shop.Told({{"X", "1"}}) == "P 0.20 @0; S !2 @0; ");
}

}  // namespace
}  // namespace weft::pricing
