#include "services/pricing/domain/rules/pricing_rules.h"

#include <catch2/catch.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "services/pricing/domain/find_price.h"
#include "services/pricing/domain/testing/rules_for_test.h"
#include "services/pricing/domain/testing/small_facts.h"

namespace weft::pricing {
namespace {

struct Question {
  std::string quantity = "1";
  std::string unit;
  std::string account = "A";
  std::string channel;
  std::string currency;
  std::string sku = "X";
};

LineAnswer Ask(const Facts& facts, const PricingRules& rules, const Question& question,
               Depth depth = Depth::kWinner) {
  Buyer buyer;
  REQUIRE(DescribeBuyer(facts,
                        {.account = question.account,
                         .channel = question.channel,
                         .currency = question.currency,
                         .as_of_us = Us("2026-05-01T12:00:00Z")},
                        buyer)
              .ok());
  PriceFinder finder(facts, buyer, rules);
  LineAnswer answer;
  finder.Find({.sku = question.sku, .quantity = question.quantity, .unit = question.unit}, depth,
              answer);
  return answer;
}

// "unit price net", or the reason.
std::string Told(const Facts& facts, const PricingRules& rules, const Question& question) {
  const LineAnswer answer = Ask(facts, rules, question);
  if (answer.reason != LineReason::kNone) return ReasonName(answer.reason);
  return absl::StrCat(answer.unit_price.ToString(), " ", answer.net.ToString());
}

// Codes of the steps that ran.
std::string Codes(const LineAnswer& answer, const PricingRules& rules) {
  std::string out;
  for (size_t i = 0; i < rules.waterfall().codes().size(); ++i) {
    if ((answer.codes >> i & 1) != 0) absl::StrAppend(&out, rules.waterfall().codes()[i], " ");
  }
  return out;
}

SmallFacts Shop() {
  SmallFacts facts;
  facts.AddItem("X");
  facts.AddAccount("A", "GBP", {"KEY"});
  facts.AddBook("LIST", "GBP");
  return facts;
}

// ---- Access sequences ----

constexpr char kMerge[] = R"(
kind: AccessSequence
id: pricing.prices
steps:
  - {id: books, source: book, combine: MERGE_TIERS}
)";
constexpr char kBest[] = R"(
kind: AccessSequence
id: pricing.prices
steps:
  - {id: books, source: book, combine: BEST_PRICE}
)";

SmallFacts TwoBooks(const SmallFacts::OfferText& high, const SmallFacts::OfferText& custom) {
  SmallFacts facts;
  facts.AddItem("X");
  facts.AddAccount("A", "GBP");
  facts.AddBook("DEFAULT", "GBP", 10);
  facts.AddBook("CUSTOM", "GBP", 5);
  facts.AddPrice("DEFAULT", "X", high);
  facts.AddPrice("CUSTOM", "X", custom);
  return facts;
}

TEST_CASE("PR-02: two lists are merged by priority, or the best price is taken", "[rules]") {
  const SmallFacts facts =
      TwoBooks({.tiers = {{"1", "9"}, {"2", "8"}, {"5", "6"}}},
               {.tiers = {{"1", "8"}, {"2", "7"}, {"4", "7"}}});
  const auto [mode, quantity, net] = GENERATE(table<const char*, const char*, const char*>({
      {kMerge, "1", "9.00"},
      {kMerge, "2", "16.00"},
      {kMerge, "3", "24.00"},
      {kMerge, "4", "28.00"},
      {kMerge, "5", "30.00"},
      {kBest, "3", "21.00"},
      {kBest, "4", "28.00"},
      {kBest, "5", "30.00"},
  }));
  CAPTURE(mode, quantity);

  CHECK(Ask(facts, *RulesOf({mode}), {.quantity = quantity}).net.ToString() == net);
}

TEST_CASE("PR-02: the best price looks past the tier that begins at the quantity", "[rules]") {
  const SmallFacts facts =
      TwoBooks({.tiers = {{"1", "10"}, {"5", "9"}}}, {.tiers = {{"1", "8"}}});

  CHECK(Told(facts, *RulesOf({kBest}), {.quantity = "5"}) == "8.00 40.00");
}

TEST_CASE("who loses against another list says why", "[rules]") {
  const SmallFacts facts =
      TwoBooks({.tiers = {{"1", "10"}}}, {.tiers = {{"1", "9"}, {"5", "8"}}});
  const auto [mode, reason] = GENERATE(table<const char*, const char*>({
      {kBest, "DEARER"},
      {kMerge, "OTHER_TIER"},
  }));
  CAPTURE(mode);

  const LineAnswer answer = Ask(facts, *RulesOf({mode}), {.quantity = "5"}, Depth::kAll);

  REQUIRE(answer.candidates.size() == 2);
  CHECK(ReasonName(answer.candidates[0].lost) == std::string(reason));
  CHECK(answer.candidates[1].lost == LineReason::kNone);
}

constexpr char kCompeting[] = R"(
kind: AccessSequence
id: pricing.prices
best_price: [[contracts, books]]
steps:
  - {id: contracts, source: contract, owners: [account], targets: [sku]}
  - {id: books, source: book}
)";
constexpr char kExcluding[] = R"(
kind: AccessSequence
id: pricing.prices
best_price: [[contracts, books]]
steps:
  - {id: contracts, source: contract, owners: [account], targets: [sku], excludes: [books]}
  - {id: books, source: book}
)";
constexpr char kForWeb[] = R"(
kind: AccessSequence
id: pricing.prices
steps:
  - {id: contracts, source: contract, owners: [account], targets: [sku], channels: [rep]}
  - {id: books, source: book}
)";

TEST_CASE("steps compete, exclude each other or are for some channels only", "[rules]") {
  SmallFacts facts = Shop();
  facts.AddPrice("LIST", "X", {.tiers = {{"1", "9.00"}}});
  facts.AddContract("A", "X", {.tiers = {{"1", "10.00"}}, .currency = "GBP"});
  const auto [document, channel, expected] = GENERATE(table<const char*, const char*, const char*>({
      {"", "web", "10.00 10.00"},
      {kCompeting, "web", "9.00 9.00"},
      {kExcluding, "web", "10.00 10.00"},
      {kForWeb, "web", "9.00 9.00"},
      {kForWeb, "rep", "10.00 10.00"},
  }));
  CAPTURE(document, channel);
  const auto rules =
      *document == '\0' ? PricingRules::Platform() : RulesOf({document});

  CHECK(Told(facts, *rules, {.channel = channel}) == expected);
}

TEST_CASE("what an excluded step offers is told", "[rules]") {
  SmallFacts facts = Shop();
  facts.AddPrice("LIST", "X", {.tiers = {{"1", "9.00"}}});
  facts.AddContract("A", "X", {.tiers = {{"1", "10.00"}}, .currency = "GBP"});

  const LineAnswer answer = Ask(facts, *RulesOf({kExcluding}), {}, Depth::kAll);

  REQUIRE(answer.candidates.size() == 2);
  CHECK(ReasonName(answer.candidates[1].lost) == std::string("EXCLUDED"));
}

TEST_CASE("an access sequence that cannot be is refused", "[rules]") {
  const auto [steps, code] = GENERATE(table<const char*, const char*>({
      {"steps: []", "missing_key"},
      {"steps: [{id: a}]", "missing_key"},
      {"steps: [{id: a, source: thin-air}]", "bad_value"},
      {"steps: [{id: a, source: contract}]", "missing_key"},
      {"steps: [{id: a, source: book, owners: [account]}]", "not_of_source"},
      {"steps: [{id: a, source: book}, {id: a, source: book}]", "duplicate"},
      {"steps: [{id: a, source: book, excludes: [b]}]", "unknown_reference"},
      {"steps: [{id: a, source: book}, {id: b, source: book, excludes: [a]}]", "not_later"},
      {"steps: [{id: a, source: book, combine: MERGE_TIERS}, {id: b, source: book}]\n"
       "best_price: [[a, b]]",
       "merge_competes"},
      {"steps: [{id: a, source: book}, {id: b, source: book}, {id: c, source: book}]\n"
       "best_price: [[a, c]]",
       "not_adjacent"},
      {"steps: [{id: a, source: book, wish: x}]", "unknown_key"},
  }));
  CAPTURE(steps);

  const auto codes = FaultsOf({absl::StrCat("kind: AccessSequence\nid: pricing.prices\n", steps)});

  REQUIRE(!codes.empty());
  CHECK(codes.front() == code);
}

// ---- The waterfall ----

TEST_CASE("the platform's waterfall touches no line until a table has a rule", "[rules]") {
  for (uint32_t features = 0; features < FactBinding::kFeatures; ++features) {
    CAPTURE(features);
    CHECK_FALSE(PricingRules::Platform()->waterfall().Touches(features));
  }
}

constexpr char kVolume[] = R"(
kind: DecisionTable
id: pricing.volume-discounts
schema: pricing-line@1
hit_policy: FIRST
inputs:
  - {id: groups, expr: account.groups, type: list(string)}
  - {id: quantity, expr: line.scale_quantity, type: decimal}
outputs:
  - {id: percent, type: decimal, default: "0"}
  - {id: label, type: string, default: '""'}
rules:
  - {id: key-100, when: {groups: '"KEY" in it', quantity: ">= 100"}, then: {percent: "8", label: '"Volume"'}}
  - {id: key-25, when: {groups: '"KEY" in it', quantity: ">= 25"}, then: {percent: "3", label: '"Volume"'}}
)";
constexpr char kFloors[] = R"(
kind: DecisionTable
id: pricing.floors
schema: pricing-line@1
hit_policy: FIRST
inputs:
  - {id: category, expr: item.category, type: string}
outputs:
  - {id: active, type: bool, default: "false"}
  - {id: markup_percent, type: decimal, default: "0"}
  - {id: decimals, type: int, default: "4"}
  - {id: binds_contracts, type: bool, default: "false"}
rules:
  - {id: bound, when: {category: '"BOUND"'}, then: {active: "true", markup_percent: "5", binds_contracts: "true"}}
  - {id: all, when: {}, then: {active: "true", markup_percent: "5"}}
)";

TEST_CASE("a volume discount is taken off list prices, not off contracts", "[rules]") {
  SmallFacts facts = Shop();
  facts.AddItem("Y");
  facts.AddAccount("B", "GBP");
  facts.AddPrice("LIST", "X", {.tiers = {{"1", "20.00"}}});
  facts.AddPrice("LIST", "Y", {.tiers = {{"1", "20.00"}}});
  facts.AddContract("A", "Y", {.tiers = {{"1", "19.00"}}, .currency = "GBP"});
  const auto rules = RulesOf({kVolume});
  const auto [account, sku, quantity, expected] =
      GENERATE(table<const char*, const char*, const char*, const char*>({
          {"A", "X", "24", "20.00 480.00"},
          {"A", "X", "30", "19.40 582.00"},
          {"A", "X", "100", "18.40 1840.00"},
          {"B", "X", "100", "20.00 2000.00"},
          {"A", "Y", "100", "19.00 1900.00"},
      }));
  CAPTURE(account, sku, quantity);

  CHECK(Told(facts, *rules, {.quantity = quantity, .account = account, .sku = sku}) == expected);
}

TEST_CASE("floors raise list prices, keep contracts and count unknown costs", "[rules]") {
  SmallFacts facts = Shop();
  const auto item = [&](const char* sku, const char* cost, const char* category) {
    Item& made = facts.AddItem(sku);
    if (*cost != '\0') made.cost = {D(cost), Cur("GBP")};
    if (*category != '\0') made.categories.push_back(facts.S(SymbolKind::kCategory, category));
    facts.AddPrice("LIST", sku, {.tiers = {{"1", "10.00"}}});
  };
  item("CHEAP", "5.00", "");
  item("DEAR", "9.80", "");
  item("NO-COST", "", "");
  item("AGREED", "9.80", "");
  item("BOUND", "9.80", "BOUND");
  facts.AddContract("A", "AGREED", {.tiers = {{"1", "9.00"}}, .currency = "GBP"});
  facts.AddContract("A", "BOUND", {.tiers = {{"1", "9.00"}}, .currency = "GBP"});
  const auto rules = RulesOf({kFloors});
  const auto [sku, expected, codes] = GENERATE(table<const char*, const char*, const char*>({
      {"CHEAP", "10.00 10.00", ""},
      {"DEAR", "10.29 10.29", "FLOOR "},
      {"NO-COST", "10.00 10.00", "COST_UNKNOWN "},
      {"AGREED", "9.00 9.00", "CONTRACT_BELOW_FLOOR "},
      {"BOUND", "10.29 10.29", "FLOOR "},
  }));
  CAPTURE(sku);

  CHECK(Told(facts, *rules, {.sku = sku}) == expected);
  CHECK(Codes(Ask(facts, *rules, {.sku = sku}), *rules) == codes);
}

TEST_CASE("PR-05: the unit price is rounded where the document says", "[rules]") {
  SmallFacts facts = Shop();
  facts.AddPrice("LIST", "X", {.tiers = {{"1", "13.37892672"}}});
  const auto table_with = [](const char* unit_decimals, const char* mode) {
    return absl::StrCat(R"(
kind: DecisionTable
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
  - {id: all, when: {}, then: {discount_decimals: "4", unit_decimals: ")",
                        unit_decimals, R"(", conversion_decimals: "-1", mode: '")", mode, R"("'}}
)");
  };
  CHECK(Told(facts, *RulesOf({table_with("4", "HALF_UP")}), {.quantity = "37"}) ==
        "13.3789 495.02");
  CHECK(Told(facts, *RulesOf({table_with("2", "HALF_UP")}), {.quantity = "37"}) ==
        "13.38 495.06");
  CHECK(Told(facts, *RulesOf({table_with("-1", "DOWN")}), {.quantity = "37"}) ==
        "13.378927 495.02");
}

TEST_CASE("rules that refuse, fail or give no price answer a reason", "[rules]") {
  SmallFacts facts = Shop();
  facts.AddPrice("LIST", "X", {.tiers = {{"1", "10.00"}}});
  const auto line_price = [](const char* step) {
    return absl::StrCat(
        "kind: RuleSet\nid: pricing.line-price\nschema: pricing-line@1\n"
        "outputs: {price: {type: money}}\nsteps:\n  - {id: start, set: {price: offer.price}}\n",
        step);
  };
  const auto [step, expected] = GENERATE(table<const char*, const char*>({
      {"  - {id: no, when: line.quantity > 5, fail: {code: call_us, message: please call}}\n",
       "PRICE_REFUSED"},
      {"  - {id: zero, set: {price: price * 0}}\n", "RULES_FAILED"},
      {"  - {id: other, set: {price: 'money(\"1.00\", \"USD\")'}}\n", "RULES_FAILED"},
      {"  - {id: by, set: {price: price.round(40)}}\n", "RULES_FAILED"},
      {"  - {id: no, when: line.quantity > 6, fail: {code: call_us, message: please call}}\n",
       "10.00 60.00"},
  }));
  CAPTURE(step);

  CHECK(Told(facts, *RulesOf({line_price(step)}), {.quantity = "6"}) == expected);
}

TEST_CASE("rules that pricing cannot run are refused", "[rules]") {
  const auto [body, code] = GENERATE(table<const char*, const char*>({
      {"kind: RuleSet\nid: pricing.line-price\nschema: pricing-line@1\n"
       "outputs: {cost: {type: decimal, default: '0'}}\nsteps: [{id: a, set: {cost: '1'}}]",
       "output_missing"},
      {"kind: RuleSet\nid: pricing.line-price\nschema: orders@1\n"
       "outputs: {price: {type: money}}\nsteps: [{id: a, set: {price: offer.price}}]",
       "unknown_schema"},
      {"kind: FactSchema\nid: pricing-line\ntypes: {Line: {colour: {type: string}}}\n"
       "variables: {line: {type: Line}}",
       "unknown_fact"},
  }));
  CAPTURE(body);

  const auto codes = FaultsOf({body});

  REQUIRE(!codes.empty());
  CHECK(codes.front() == code);
}

}  // namespace
}  // namespace weft::pricing
