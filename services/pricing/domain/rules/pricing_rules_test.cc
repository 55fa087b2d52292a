#include "services/pricing/domain/rules/pricing_rules.h"

#include <catch2/catch.hpp>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "services/pricing/domain/explain.h"
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

TEST_CASE("without rules in tables only promotions and surcharges are looked at", "[rules]") {
  for (uint32_t features = 0; features < FactBinding::kFeatures; ++features) {
    CAPTURE(features);
    const bool surcharge = (features & FactBinding::kSurcharge) != 0;
    const bool promotion = (features & FactBinding::kPromotion) != 0 &&
                           (features & FactBinding::kContract) == 0;
    CHECK(PricingRules::Platform()->waterfall().Touches(features) == (surcharge || promotion));
  }
  CHECK_FALSE(PricingRules::Platform()->waterfall().asks_for_costs());
}

// Numbers in an expression, outside of its texts and names.
std::vector<std::string> NumbersOf(const std::string& expression) {
  std::vector<std::string> numbers;
  std::string number;
  bool in_text = false;
  char before = ' ';
  for (const char c : expression + " ") {
    if (c == '"') in_text = !in_text;
    const bool digit = !in_text && ((c >= '0' && c <= '9') || (c == '.' && !number.empty()));
    const bool in_name = absl::ascii_isalpha(static_cast<unsigned char>(before)) || before == '_';
    if (digit && !(number.empty() && in_name)) {
      number += c;
    } else if (!number.empty()) {
      numbers.push_back(number);
      number.clear();
    }
    before = c;
  }
  return numbers;
}

void WalkExpressions(const rules::Tree& tree, std::vector<std::string>& out) {
  if (tree.is_scalar()) out.push_back(tree.text);
  for (const rules::Tree& item : tree.items) WalkExpressions(item, out);
  for (const auto& [key, value] : tree.fields) {
    if (key != "id" && key != "code") WalkExpressions(value, out);
  }
}

TEST_CASE("the platform's rule sets hold no number that a business person changes", "[rules]") {
  int rule_sets = 0;
  for (const RuleDocument& document : PricingRules::PlatformDocuments()) {
    if (document.kind != "RuleSet") continue;
    ++rule_sets;
    rules::Tree tree;
    rules::Fault fault;
    REQUIRE(rules::ReadTree(document.body, tree, fault));
    std::vector<std::string> expressions;
    WalkExpressions(*tree.Find("steps"), expressions);
    for (const std::string& expression : expressions) {
      for (const std::string& number : NumbersOf(expression)) {
        CAPTURE(document.id, expression);
        // Neutral ones and percent.
        CHECK((number == "0" || number == "1" || number == "100"));
      }
    }
  }
  CHECK(rule_sets == 1);
  CHECK(NumbersOf("(cost * 1.05).round(4)") == std::vector<std::string>{"1.05", "4"});
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

TEST_CASE("a table of surcharges that cannot be asked is refused", "[rules]") {
  const auto table = [](const char* schema, const char* outputs) {
    return absl::StrCat("kind: DecisionTable\nid: pricing.surcharges\nschema: ", schema,
                        "\nhit_policy: FIRST\n"
                        "inputs: [{id: channel, expr: channel, type: string}]\noutputs: [",
                        outputs, "]\nrules: [{id: all, when: {}, then: {percent: \"1\"}}]\n");
  };
  CHECK(FaultsOf({table("pricing-line@1", "{id: percent, type: decimal, default: \"1\"}")}) ==
        std::vector<std::string>{"unknown_schema"});
  CHECK(FaultsOf({table("pricing-surcharge@1", "{id: percent, type: int, default: \"1\"}")}) ==
        std::vector<std::string>{"output_missing"});
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

// ---- Tiers, currencies, promotions, surcharges ----

TEST_CASE("PR-01: graduated tiers price each part of the quantity", "[rules]") {
  SmallFacts facts = Shop();
  facts.AddPrice("LIST", "X",
                 {.tiers = {{"1", "10.00"}, {"10", "9.50"}, {"50", "9.00"}, {"100", "8.40"}},
                  .graduated = true});
  const auto [quantity, net] = GENERATE(table<const char*, const char*>({
      {"9", "90.00"},
      {"9.5", "95.00"},
      {"10", "99.50"},
      {"100", "928.40"},
      {"120", "1096.40"},
  }));
  CAPTURE(quantity);

  CHECK(Ask(facts, *PricingRules::Platform(), {.quantity = quantity}).net.ToString() == net);
}

// Nets of lines of one request, with a sum.
std::string TogetherTold(const Facts& facts, const PricingRules& rules,
                         const std::vector<std::pair<std::string, std::string>>& lines) {
  Buyer buyer;
  REQUIRE(DescribeBuyer(facts, {.account = "A", .as_of_us = Us("2026-05-01T12:00:00Z")}, buyer)
              .ok());
  PriceFinder finder(facts, buyer, rules);
  std::string told;
  do {
    told.clear();
    Decimal sum;
    for (const auto& [sku, quantity] : lines) {
      LineAnswer answer;
      finder.Find({.sku = sku, .quantity = quantity}, Depth::kWinner, answer);
      absl::StrAppend(&told, answer.net.ToString(), " ");
      REQUIRE(AddInto(sum, answer.net, sum) == DecimalError::kOk);
    }
    absl::StrAppend(&told, "= ", sum.ToString());
  } while (finder.StartOver());
  return told;
}

TEST_CASE("PR-01: tiers of a group are reached by all lines together", "[rules]") {
  const auto [group, expected] = GENERATE(table<const char*, const char*>({
      {"BOLTS", "552.00 496.80 207.00 = 1255.80"},
      {"", "582.00 523.80 218.25 = 1324.05"},
  }));
  CAPTURE(group);
  SmallFacts facts = Shop();
  for (const auto& [sku, price] : {std::pair{"P", "20.00"}, {"Q", "12.00"}, {"R", "7.50"}}) {
    Item& item = facts.AddItem(sku);
    item.categories.push_back(facts.S(SymbolKind::kCategory, "BOLTS"));
    facts.AddPrice("LIST", sku, {.tiers = {{"1", price}}});
  }
  facts.AddOffer(facts.S(SymbolKind::kAccount, "A"), facts.S(SymbolKind::kCategory, "BOLTS"),
                 {.tiers = {{"25", "3"}, {"100", "8"}}, .discount_tiers = true,
                  .scale_group = group});

  CHECK(TogetherTold(facts, *PricingRules::Platform(), {{"P", "30"}, {"Q", "45"}, {"R", "30"}}) ==
        expected);
}

constexpr char kConverting[] = R"(
kind: AccessSequence
id: pricing.prices
steps:
  - {id: books, source: book}
  - {id: converted, source: book, currency: converted}
)";

TEST_CASE("PR-05: a list in another currency is converted at the rate of the moment", "[rules]") {
  const auto [price, currency, rate, expected] =
      GENERATE(table<const char*, const char*, const char*, const char*>({
          {"19.99", "JPY", "151.37", "3025.8863 3026"},
          {"19.99", "KWD", "0.3071", "6.138929 6.139"},
      }));
  CAPTURE(currency);
  SmallFacts facts;
  facts.AddItem("X");
  facts.AddAccount("A", currency);
  facts.AddBook("USD", "USD");
  facts.AddPrice("USD", "X", {.tiers = {{"1", price}}});
  facts.AddRate("USD", currency, rate, "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");

  CHECK(Told(facts, *RulesOf({kConverting}), {}) == expected);
}

TEST_CASE("PR-05: a missing or expired rate is a reason, never 1", "[rules]") {
  const auto [from, to, expected] = GENERATE(table<const char*, const char*, const char*>({
      {"2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z", "RATE_EXPIRED"},
      {"2026-06-01T00:00:00Z", "", "RATE_MISSING"},
      {"", "", "RATE_MISSING"},
      {"2026-01-01T00:00:00Z", "", "13.378927 13.38"},
  }));
  CAPTURE(from, to);
  SmallFacts facts;
  facts.AddItem("X");
  facts.AddAccount("A", "USD");
  facts.AddBook("EUR", "EUR");
  facts.AddPrice("EUR", "X", {.tiers = {{"1", "12.3456"}}});
  if (*from != '\0') facts.AddRate("EUR", "USD", "1.0837", from, to);

  CHECK(Told(facts, *RulesOf({kConverting}), {}) == expected);
  // Nobody converts unless a document says so.
  CHECK(Told(facts, *PricingRules::Platform(), {}) == "NO_PRICE_IN_CURRENCY");
}

TEST_CASE("promotions lower list prices, surcharges raise what is left", "[rules]") {
  SmallFacts facts = Shop();
  facts.AddPrice("LIST", "X", {.tiers = {{"1", "20.00"}}});
  Promotion ten;
  ten.promotion = facts.S(SymbolKind::kPromotion, "TEN");
  ten.value = D("10");
  ten.label = "Spring";
  ten.target.everything = true;
  Surcharge metal;
  metal.surcharge = facts.S(SymbolKind::kSurcharge, "CU");
  metal.kind = Surcharge::Kind::kMetal;
  metal.per = Surcharge::Per::kUnit;
  metal.currency = Cur("GBP");
  metal.amount = D("0.35");
  metal.label = "Copper";
  metal.target.everything = true;
  const auto [with_promotion, with_surcharge, expected] =
      GENERATE(table<bool, bool, const char*>({
          {false, false, "20.00 40.00"},
          {true, false, "18.00 36.00"},
          {false, true, "20.35 40.70"},
          {true, true, "18.35 36.70"},
      }));
  CAPTURE(with_promotion, with_surcharge);
  if (with_promotion) facts.promotions.push_back(ten);
  if (with_surcharge) facts.surcharges.push_back(metal);

  CHECK(Told(facts, *PricingRules::Platform(), {.quantity = "2"}) == expected);
}

TEST_CASE("the steps of an explanation add up to the price", "[rules]") {
  SmallFacts facts = Shop();
  Item& item = facts.AddItem("X");
  item.cost = {D("16.90"), Cur("GBP")};
  facts.AddPrice("LIST", "X", {.tiers = {{"1", "17.75"}}});
  const auto rules = RulesOf({kVolume, kFloors});
  Buyer buyer;
  REQUIRE(DescribeBuyer(facts, {.account = "A", .as_of_us = Us("2026-05-01T12:00:00Z")}, buyer)
              .ok());
  PriceFinder finder(facts, buyer, *rules);
  LineAnswer answer;
  finder.Find({.sku = "X", .quantity = "30"}, Depth::kAll, answer);

  const std::vector<Step> steps = StepsOf(finder, answer, buyer, "en", nullptr);

  std::string told;
  for (const Step& step : steps) {
    absl::StrAppend(&told, step.label, " ", step.amount.ToString(), " ", step.rule, "\n");
  }
  CHECK(told ==
        "List price 17.75 \n"
        "Volume 3 % -0.5325 rule-sets/pricing.line-price#volume-discount, "
        "tables/pricing.volume-discounts#key-25\n"
        "Lowest price 0.5275 rule-sets/pricing.line-price#floor, tables/pricing.floors#all\n");
  CHECK(steps.back().result.ToString() == answer.unit_price.ToString());
  CHECK(answer.unit_price.ToString() == "17.745");
}

}  // namespace
}  // namespace weft::pricing
