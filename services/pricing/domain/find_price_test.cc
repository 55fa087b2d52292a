#include "services/pricing/domain/find_price.h"

#include <catch2/catch.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "libs/base/error.h"
#include "services/pricing/domain/explain.h"
#include "services/pricing/domain/testing/small_facts.h"

namespace weft::pricing {
namespace {

constexpr char kNow[] = "2026-05-01T12:00:00Z";

struct Asked {
  std::string account = "A";
  std::string channel;
  std::string currency;
  std::string at = kNow;
};

// "unit price net", or the reason.
std::string Told(const Facts& facts, const LineQuestion& question, const Asked& asked = {},
                 LineAnswer* kept = nullptr, Depth depth = Depth::kWinner) {
  Buyer buyer;
  const absl::Status status = DescribeBuyer(facts,
                                            {.account = asked.account,
                                             .channel = asked.channel,
                                             .currency = asked.currency,
                                             .as_of_us = Us(asked.at)},
                                            buyer);
  if (!status.ok()) return ReasonOf(status);
  PriceFinder finder(facts, buyer, *PricingRules::Platform());
  LineAnswer answer;
  finder.Find(question, depth, answer);
  if (kept != nullptr) *kept = answer;
  if (answer.reason != LineReason::kNone) return ReasonName(answer.reason);
  return absl::StrCat(answer.unit_price.ToString(), " ", answer.net.ToString());
}

SmallFacts OneItem() {
  SmallFacts facts;
  facts.AddItem("X");
  facts.AddAccount("A", "GBP");
  facts.AddBook("LIST", "GBP");
  return facts;
}

TEST_CASE("tiers are all-units with an inclusive minimum", "[find_price]") {
  SmallFacts facts = OneItem();
  facts.AddPrice("LIST", "X",
                 {.tiers = {{"1", "10.00"}, {"10", "9.50"}, {"50", "9.00"}, {"100", "8.40"}}});
  const auto [quantity, expected] = GENERATE(table<const char*, const char*>({
      {"9", "10.00 90.00"},
      {"10", "9.50 95.00"},
      {"49", "9.50 465.50"},
      {"50", "9.00 450.00"},
      {"99", "9.00 891.00"},
      {"100", "8.40 840.00"},
      {"120", "8.40 1008.00"},
      {"94", "9.00 846.00"},
  }));
  CAPTURE(quantity);
  CHECK(Told(facts, {.sku = "X", .quantity = quantity}) == expected);
}

TEST_CASE("a contract discount comes off the list price", "[find_price]") {
  SmallFacts facts = OneItem();
  facts.AddPrice("LIST", "X", {.tiers = {{"1", "17.75"}}});
  facts.AddContract("A", "X", {.discount = "20", .name = "K-1"});
  LineAnswer answer;

  CHECK(Told(facts, {.sku = "X", .quantity = "600"}, {}, &answer) == "14.20 8520.00");

  Buyer buyer;
  buyer.currency = Cur("GBP");
  PriceFinder finder(facts, buyer, *PricingRules::Platform());
  const std::vector<Step> steps = StepsOf(finder, answer, buyer, "", nullptr);
  REQUIRE(steps.size() == 2);
  CHECK(steps[0].amount.ToString() == "17.75");
  CHECK(steps[1].amount.ToString() == "-3.55");
  CHECK(steps[1].result.ToString() == "14.20");
  CHECK(steps[1].label == "Contract discount 20 %");
}

TEST_CASE("a discounted price is rounded to four decimals before the quantity",
          "[find_price]") {
  SmallFacts facts = OneItem();
  facts.AddPrice("LIST", "X", {.tiers = {{"1", "0.0333"}}});
  facts.AddContract("A", "X", {.discount = "12.5"});
  // 0.0333 * 0.875 = 0.0291375 -> 0.0291; * 1000 = 29.10.
  CHECK(Told(facts, {.sku = "X", .quantity = "1000"}) == "0.0291 29.10");
}

TEST_CASE("the most special candidate wins", "[find_price]") {
  SmallFacts facts;
  Item& item = facts.AddItem("X");
  const Symbol sku = item.sku;
  item.categories = {facts.S(SymbolKind::kCategory, "BOLTS"),
                     facts.S(SymbolKind::kCategory, "METAL")};
  facts.AddAccount("HQ", "GBP");
  facts.AddAccount("A", "GBP", {"GOLD", "SILVER"}, "HQ");
  facts.AddBook("LIST", "GBP", 0);
  facts.AddBook("GOLDBOOK", "GBP", 5, {"GOLD"});
  facts.AddBook("OTHERS", "GBP", 99, {"PLATINUM"});
  const auto owner = [&](SymbolKind kind, const char* name) { return facts.S(kind, name); };
  const Symbol bolts = facts.S(SymbolKind::kCategory, "BOLTS");
  const Symbol metal = facts.S(SymbolKind::kCategory, "METAL");
  struct Level {
    Symbol owner;
    Symbol target;
    const char* price;
  };
  const std::vector<Level> levels = {
      {owner(SymbolKind::kAccount, "A"), sku, "1.00"},
      {owner(SymbolKind::kAccount, "A"), bolts, "2.00"},
      {owner(SymbolKind::kAccount, "A"), metal, "3.00"},
      {owner(SymbolKind::kAccount, "A"), Symbol::kNone, "4.00"},
      {owner(SymbolKind::kAccount, "HQ"), sku, "5.00"},
      {owner(SymbolKind::kAccount, "HQ"), Symbol::kNone, "6.00"},
      {owner(SymbolKind::kGroup, "GOLD"), sku, "7.00"},
      {owner(SymbolKind::kGroup, "SILVER"), sku, "8.00"},
      {owner(SymbolKind::kGroup, "GOLD"), bolts, "9.00"},
      {owner(SymbolKind::kGroup, "SILVER"), Symbol::kNone, "10.00"},
      {owner(SymbolKind::kBook, "GOLDBOOK"), sku, "11.00"},
      {owner(SymbolKind::kBook, "LIST"), sku, "12.00"},
  };
  const size_t first = GENERATE(range(size_t{0}, size_t{12}));
  for (size_t i = first; i < levels.size(); ++i) {
    facts.AddOffer(levels[i].owner, levels[i].target,
                   {.tiers = {{"0", levels[i].price}}, .currency = "GBP"});
  }
  facts.AddPrice("OTHERS", "X", {.tiers = {{"0", "0.01"}}});
  CAPTURE(first);
  LineAnswer answer;

  CHECK(Told(facts, {.sku = "X", .quantity = "1"}) ==
        absl::StrCat(levels[first].price, " ", levels[first].price));
  // The explanation comes to the same and lists all that lost.
  CHECK(Told(facts, {.sku = "X", .quantity = "1"}, {}, &answer, Depth::kAll) ==
        absl::StrCat(levels[first].price, " ", levels[first].price));
  REQUIRE(answer.candidates.size() == levels.size() - first);
  CHECK(answer.candidates[0].lost == LineReason::kNone);
  for (size_t i = 1; i < answer.candidates.size(); ++i) {
    CHECK(answer.candidates[i].lost == LineReason::kLessSpecific);
    CHECK(answer.candidates[i].has_price);
  }
}

TEST_CASE("a line without a price says why", "[find_price]") {
  SmallFacts facts = OneItem();
  facts.AddItem("GONE").state = Item::State::kDiscontinued;
  facts.AddItem("BARE");
  facts.AddItem("DEAR");
  facts.AddPrice("LIST", "DEAR", {.tiers = {{"1", "999999999999999999"}}});
  facts.AddItem("ZERO");
  facts.AddPrice("LIST", "ZERO", {.tiers = {{"0", "0.00"}}});
  facts.AddItem("SOON");
  facts.AddPrice("LIST", "SOON", {.tiers = {{"1", "5"}}, .from = "2026-06-01T00:00:00Z"});
  facts.AddItem("PAST");
  facts.AddPrice("LIST", "PAST", {.tiers = {{"1", "5"}}, .to = "2026-05-01T12:00:00Z"});
  facts.AddItem("EURO");
  facts.AddBook("EUROLIST", "EUR");
  facts.AddPrice("EUROLIST", "EURO", {.tiers = {{"1", "5"}}});
  facts.AddPrice("LIST", "X", {.tiers = {{"5", "10.00"}}});
  const auto [sku, quantity, unit, expected] =
      GENERATE(table<const char*, const char*, const char*, const char*>({
          {"", "1", "", "UNKNOWN_ITEM"},
          {"NOPE", "1", "", "UNKNOWN_ITEM"},
          {"GONE", "x", "", "ITEM_DISCONTINUED"},
          {"X", "", "", "INVALID_QUANTITY"},
          {"X", "0", "", "INVALID_QUANTITY"},
          {"X", "-1", "", "INVALID_QUANTITY"},
          {"X", "1,5", "", "INVALID_QUANTITY"},
          {"X", "99999999999999999999999999999999999", "", "INVALID_QUANTITY"},
          {"X", "9999999999999999999", "", "INVALID_QUANTITY"},
          {"X", "1234567890123456789", "", "INVALID_QUANTITY"},
          {"X", "1e3", "", "INVALID_QUANTITY"},
          {"DEAR", "999999999999999999", "", "AMOUNT_TOO_LARGE"},
          {"X", "5", "CS", "UNKNOWN_UNIT"},
          {"X", "3", "", "BELOW_MINIMUM"},
          {"SOON", "1", "", "NOT_YET_VALID"},
          {"PAST", "1", "", "NO_LONGER_VALID"},
          {"EURO", "1", "", "NO_PRICE_IN_CURRENCY"},
          {"BARE", "1", "", "NO_PRICE"},
          {"ZERO", "1", "", "NO_PRICE"},
      }));
  CAPTURE(sku, quantity, unit);
  CHECK(Told(facts, {.sku = sku, .quantity = quantity, .unit = unit}) == expected);
}

TEST_CASE("a refusal carries the quantity or the moment that would do", "[find_price]") {
  SmallFacts facts = OneItem();
  facts.AddPrice("LIST", "X", {.tiers = {{"5", "10.00"}, {"9", "9.00"}}});
  LineAnswer answer;
  CHECK(Told(facts, {.sku = "X", .quantity = "3"}, {}, &answer) == "BELOW_MINIMUM");
  CHECK(answer.minimum == D("5"));

  facts.AddItem("SOON");
  facts.AddPrice("LIST", "SOON",
                 {.tiers = {{"1", "5"}}, .from = "2026-07-01T00:00:00Z", .name = "2"});
  facts.AddPrice("LIST", "SOON",
                 {.tiers = {{"1", "5"}}, .from = "2026-06-01T00:00:00Z", .name = "1"});
  CHECK(Told(facts, {.sku = "SOON", .quantity = "3"}, {}, &answer) == "NOT_YET_VALID");
  CHECK(answer.boundary_us == Us("2026-06-01T00:00:00Z"));
  CHECK(answer.valid_until_us == Us("2026-06-01T00:00:00Z"));
}

TEST_CASE("an offer below its first tier leaves the line to the next candidate",
          "[find_price]") {
  SmallFacts facts = OneItem();
  facts.AddPrice("LIST", "X", {.tiers = {{"1", "10.00"}}});
  facts.AddContract("A", "X", {.tiers = {{"5", "8.00"}}, .currency = "GBP"});
  CHECK(Told(facts, {.sku = "X", .quantity = "4"}) == "10.00 40.00");
  CHECK(Told(facts, {.sku = "X", .quantity = "5"}) == "8.00 40.00");
}

TEST_CASE("validity is half-open and follows the local month over the clock change",
          "[find_price]") {
  SmallFacts facts = OneItem();
  facts.AddPrice("LIST", "X", {.tiers = {{"1", "10.00"}}});
  // March 2026 in America/Denver.
  facts.AddContract("A", "X",
                    {.tiers = {{"1", "9.00"}},
                     .currency = "GBP",
                     .from = "2026-03-01T07:00:00Z",
                     .to = "2026-04-01T06:00:00Z"});
  const auto [at, expected, until] = GENERATE(table<const char*, const char*, const char*>({
      {"2026-03-01T06:59:59Z", "10.00 10.00", "2026-03-01T07:00:00Z"},
      {"2026-03-01T07:00:00Z", "9.00 9.00", "2026-04-01T06:00:00Z"},
      {"2026-04-01T05:59:59Z", "9.00 9.00", "2026-04-01T06:00:00Z"},
      {"2026-04-01T06:00:00Z", "10.00 10.00", ""},
  }));
  CAPTURE(at);
  LineAnswer answer;

  CHECK(Told(facts, {.sku = "X", .quantity = "1"}, {.at = at}, &answer) == expected);

  CHECK(answer.valid_until_us == (std::string(until).empty() ? kForEver : Us(until)));
}

TEST_CASE("of overlapping entries the one that starts latest holds", "[find_price]") {
  SmallFacts facts = OneItem();
  facts.AddPrice("LIST", "X", {.tiers = {{"1", "110"}}, .name = "0"});
  facts.AddPrice("LIST", "X",
                 {.tiers = {{"1", "100"}},
                  .from = "2026-01-01T00:00:00Z",
                  .to = "2026-08-01T00:00:00Z",
                  .name = "1"});
  facts.AddPrice("LIST", "X",
                 {.tiers = {{"1", "95"}},
                  .from = "2026-02-25T00:00:00Z",
                  .to = "2026-06-09T00:00:00Z",
                  .name = "2"});
  facts.AddPrice("LIST", "X",
                 {.tiers = {{"1", "90"}},
                  .from = "2026-03-01T00:00:00Z",
                  .to = "2026-04-02T00:00:00Z",
                  .name = "3"});
  const auto [day, expected] = GENERATE(table<const char*, const char*>({
      {"2026-01-15", "100.00"},
      {"2026-02-26", "95.00"},
      {"2026-03-15", "90.00"},
      {"2026-04-02", "95.00"},
      {"2026-06-09", "100.00"},
      {"2026-08-01", "110.00"},
  }));
  CAPTURE(day);
  CHECK(Told(facts, {.sku = "X", .quantity = "1"}, {.at = absl::StrCat(day, "T09:00:00Z")}) ==
        absl::StrCat(expected, " ", expected));
}

TEST_CASE("prices apply in every unit by exact ratios", "[find_price]") {
  SmallFacts facts = OneItem();
  Item& item = facts.AddItem("X");
  facts.AddUnit(item, "CS", 12);
  facts.AddUnit(item, "PL", 480);
  facts.AddPrice("LIST", "X", {.tiers = {{"1", "2.4875"}}, .unit = "EA"});
  const bool case_price = GENERATE(false, true);
  if (case_price) facts.AddPrice("LIST", "X", {.tiers = {{"1", "27.90"}}, .unit = "CS"});

  CHECK(Told(facts, {.sku = "X", .quantity = "41", .unit = "EA"}) == "2.4875 101.99");
  CHECK(Told(facts, {.sku = "X", .quantity = "5"}) == "2.4875 12.44");
  CHECK(Told(facts, {.sku = "X", .quantity = "3", .unit = "CS"}) ==
        (case_price ? "27.90 83.70" : "29.85 89.55"));
  CHECK(Told(facts, {.sku = "X", .quantity = "2", .unit = "PL"}) == "1194.00 2388.00");
}

TEST_CASE("a price per many units is exact per line", "[find_price]") {
  SmallFacts facts = OneItem();
  facts.AddPrice("LIST", "X", {.tiers = {{"1", "49.00"}}, .per = 1000});
  const auto [quantity, expected] = GENERATE(table<const char*, const char*>(
      {{"333", "0.049 16.32"}, {"1", "0.049 0.05"}, {"250", "0.049 12.25"}}));
  CHECK(Told(facts, {.sku = "X", .quantity = quantity}) == expected);
}

TEST_CASE("tiers count in the unit they are stated in", "[find_price]") {
  SmallFacts facts = OneItem();
  Item& item = facts.AddItem("X");
  facts.AddUnit(item, "CS", 12);
  facts.AddPrice("LIST", "X", {.tiers = {{"1", "2.00"}, {"36", "1.50"}}});
  CHECK(Told(facts, {.sku = "X", .quantity = "2.99", .unit = "CS"}) == "24.00 71.76");
  CHECK(Told(facts, {.sku = "X", .quantity = "3", .unit = "CS"}) == "18.00 54.00");
}

TEST_CASE("lines are rounded to the currency's own minor unit", "[find_price]") {
  SmallFacts facts;
  facts.AddItem("X");
  facts.AddAccount("A", "JPY");
  facts.AddBook("YEN", "JPY");
  facts.AddPrice("YEN", "X", {.tiers = {{"1", "3025.8863"}}});
  facts.AddBook("DINAR", "KWD");
  facts.AddPrice("DINAR", "X", {.tiers = {{"1", "6.13893"}}});
  CHECK(Told(facts, {.sku = "X", .quantity = "1"}) == "3025.8863 3026");
  CHECK(Told(facts, {.sku = "X", .quantity = "1"}, {.currency = "KWD"}) == "6.13893 6.139");
}

TEST_CASE("a contract in another currency does not hide that one", "[find_price]") {
  SmallFacts facts = OneItem();
  facts.AddContract("A", "X", {.tiers = {{"1", "8.00"}}, .currency = "EUR"});
  CHECK(Told(facts, {.sku = "X", .quantity = "1"}) == "NO_PRICE_IN_CURRENCY");
  CHECK(Told(facts, {.sku = "X", .quantity = "1"}, {.currency = "EUR"}) == "8.00 8.00");
}

TEST_CASE("a contract may open a book to one account", "[find_price]") {
  SmallFacts facts = OneItem();
  facts.AddPrice("LIST", "X", {.tiers = {{"1", "10.00"}}});
  facts.AddBook("SECRET", "GBP", 0, {"NOBODY"});
  facts.AddPrice("SECRET", "X", {.tiers = {{"1", "6.00"}}});
  facts.AddOffer(facts.S(SymbolKind::kAccount, "A"), Symbol::kNone, {.book = "SECRET"});
  facts.AddAccount("B", "GBP");
  CHECK(Told(facts, {.sku = "X", .quantity = "1"}) == "6.00 6.00");
  CHECK(Told(facts, {.sku = "X", .quantity = "1"}, {.account = "B"}) == "10.00 10.00");
}

TEST_CASE("books are scoped to channel, branch and organisation", "[find_price]") {
  SmallFacts facts;
  facts.AddItem("X");
  Account& account = facts.AddAccount("A", "GBP");
  account.branch = facts.S(SymbolKind::kBranch, "NORTH");
  facts.AddBook("LIST", "GBP");
  facts.AddPrice("LIST", "X", {.tiers = {{"1", "10.00"}}});
  facts.AddBook("WEB", "GBP").channel = facts.S(SymbolKind::kChannel, "web");
  facts.AddPrice("WEB", "X", {.tiers = {{"1", "9.00"}}});
  facts.AddBook("SOUTH", "GBP", 50).branch = facts.S(SymbolKind::kBranch, "SOUTH");
  facts.AddPrice("SOUTH", "X", {.tiers = {{"1", "1.00"}}});
  CHECK(Told(facts, {.sku = "X", .quantity = "1"}) == "10.00 10.00");
  CHECK(Told(facts, {.sku = "X", .quantity = "1"}, {.channel = "web"}) == "9.00 9.00");
  CHECK(Told(facts, {.sku = "X", .quantity = "1"}, {.channel = "rep"}) == "10.00 10.00");
}

TEST_CASE("an account's own number finds our item", "[find_price]") {
  SmallFacts facts = OneItem();
  facts.AddAccount("CHILD", "GBP", {}, "A");
  facts.AddPartNumber("A", "4711", "X");
  facts.AddPrice("LIST", "X", {.tiers = {{"1", "10.00"}}});
  CHECK(Told(facts, {.customer_sku = "4711", .quantity = "1"}) == "10.00 10.00");
  CHECK(Told(facts, {.customer_sku = "4711", .quantity = "1"}, {.account = "CHILD"}) ==
        "10.00 10.00");
  CHECK(Told(facts, {.customer_sku = "4712", .quantity = "1"}) == "UNKNOWN_CUSTOMER_SKU");
}

TEST_CASE("a circle of parents ends", "[find_price]") {
  SmallFacts facts = OneItem();
  facts.AddAccount("A", "GBP", {}, "B");
  facts.AddAccount("B", "GBP", {}, "A");
  facts.AddPrice("LIST", "X", {.tiers = {{"1", "10.00"}}});
  CHECK(Told(facts, {.sku = "X", .quantity = "1"}) == "10.00 10.00");
}

TEST_CASE("a guest needs a currency and sees books for everyone", "[find_price]") {
  SmallFacts facts = OneItem();
  facts.AddPrice("LIST", "X", {.tiers = {{"1", "10.00"}}});
  CHECK(Told(facts, {.sku = "X", .quantity = "1"}, {.account = ""}) == "CURRENCY_REQUIRED");
  CHECK(Told(facts, {.sku = "X", .quantity = "1"}, {.account = "", .currency = "GBP"}) ==
        "10.00 10.00");
  CHECK(Told(facts, {.sku = "X", .quantity = "1"}, {.currency = "gbp"}) == "CURRENCY_UNKNOWN");
  CHECK(Told(facts, {.sku = "X", .quantity = "1"}, {.account = "nope"}) == "ACCOUNT_NOT_FOUND");
}

TEST_CASE("the list price is that of the last book for everyone", "[find_price]") {
  SmallFacts facts = OneItem();
  facts.AddPrice("LIST", "X", {.tiers = {{"1", "10.00"}}});
  facts.AddBook("SALE", "GBP", 10);
  facts.AddPrice("SALE", "X", {.tiers = {{"1", "7.00"}}});
  facts.AddAccount("B", "GBP");
  facts.AddContract("B", "X", {.discount = "10"});
  CHECK(Told(facts, {.sku = "X", .quantity = "1"}) == "7.00 7.00");
  CHECK(Told(facts, {.sku = "X", .quantity = "1"}, {.account = "B"}) == "9.00 9.00");
}

}  // namespace
}  // namespace weft::pricing
