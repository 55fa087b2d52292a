#include "libs/rules/table/decision_table.h"

#include <catch2/catch.hpp>
#include <random>

#include "absl/strings/str_cat.h"

namespace weft::rules {
namespace {

constexpr char kSchema[] = R"(
kind: FactSchema
id: quote-line
types:
  Customer: {segment: {type: string, values: [key, public, standard]}}
  Line:
    quantity: {type: decimal, range: "(0..1000000]"}
    contract: {type: decimal, optional: true}
variables:
  customer: {type: Customer}
  line: {type: Line}
)";

Tree Read(const std::string& text) {
  Tree tree;
  Fault fault;
  INFO(text);
  const bool good = ReadTree(text, tree, fault);
  INFO(fault.ToString());
  REQUIRE(good);
  return tree;
}

std::shared_ptr<const FactSchema> Schema() {
  std::vector<Fault> faults;
  auto schema = FactSchema::Parse(Read(kSchema), faults);
  REQUIRE(schema != nullptr);
  return schema;
}

std::shared_ptr<const DecisionTable> Table(const std::string& yaml) {
  std::vector<Fault> faults;
  auto table = DecisionTable::Parse(Read(yaml), Schema(), faults);
  for (const Fault& fault : faults) UNSCOPED_INFO(fault.ToString());
  REQUIRE(table != nullptr);
  return table;
}

// The result as text; errors by code.
std::string Decide(const DecisionTable& table, const std::string& facts_json) {
  Fault fault;
  const auto facts = JsonFacts::Make(table.schema(), Read(facts_json), fault);
  if (facts == nullptr) return "!" + fault.code;
  expr::Arena arena;
  const TableResult result = table.Decide(*facts, expr::Value::Timestamp(0, 0), arena, {});
  if (result.value.is_error()) return std::string("!") + expr::CodeName(result.value.code);
  return expr::ToText(result.value, arena);
}

std::string Facts(const std::string& segment, const std::string& quantity) {
  return absl::StrCat("{customer: {segment: ", segment, "}, line: {quantity: \"", quantity, "\"}}");
}

std::string Approval(const std::string& first, const std::string& second, const std::string& third,
                     const std::string& policy = "UNIQUE") {
  const auto rule = [](const char* id, const std::string& cell) {
    return absl::StrCat("  - {id: ", id, ", when: {total: \"", cell, "\"}, then: {who: '\"", id,
                        "\"'}}\n");
  };
  return absl::StrCat(R"y(
kind: DecisionTable
id: band
complete: true
inputs: [{id: total, expr: line.quantity, type: decimal, range: "[0..)"}]
outputs: [{id: who, type: string}]
)y",
                      "hit_policy: ", policy, "\nrules:\n", rule("auto", first),
                      rule("manager", second), rule("director", third));
}

std::string Analysed(const std::string& yaml) {
  const auto faults = Analyse(*Table(yaml));
  std::string out;
  for (const Fault& fault : faults) absl::StrAppend(&out, fault.code, ": ", fault.message, "\n");
  return out;
}

}  // namespace

TEST_CASE("the seven hit policies choose as the language says", "[rules]") {
  auto [policy, aggregate, expected] = GENERATE(table<std::string, std::string, std::string>({
      {"UNIQUE", "NONE", "!hit_policy_violation"},
      {"FIRST", "NONE", "{discount: 0.10}"},
      {"ANY", "NONE", "!hit_policy_violation"},
      {"PRIORITY", "NONE", "{discount: 0.22}"},
      {"RULE_ORDER", "NONE", "[{discount: 0.10}, {discount: 0.22}]"},
      {"OUTPUT_ORDER", "NONE", "[{discount: 0.22}, {discount: 0.10}]"},
      {"COLLECT", "NONE", "[{discount: 0.10}, {discount: 0.22}]"},
      {"COLLECT", "SUM", "0.32"},
      {"COLLECT", "MIN", "0.10"},
      {"COLLECT", "MAX", "0.22"},
      {"COLLECT", "COUNT", "2"},
  }));
  CAPTURE(policy, aggregate);
  const auto table = Table(absl::StrCat(R"(
kind: DecisionTable
id: t
hit_policy: )", policy, "\naggregate: ", aggregate, R"(
inputs:
  - {id: segment, expr: customer.segment, type: string}
  - {id: qty, expr: line.quantity, type: decimal}
outputs: [{id: discount, type: decimal, values: ["0.22", "0.10"]}]
rules:
  - {id: key, when: {segment: '"key", "public"'}, then: {discount: "0.10"}}
  - {id: bulk, when: {qty: ">= 1000"}, then: {discount: "0.22"}}
  - {id: never, when: {qty: "< 0"}, then: {discount: "0.22"}}
)"));

  CHECK(Decide(*table, Facts("key", "1000")) == expected);
}

TEST_CASE("cells accept what the language says", "[rules]") {
  auto [cell, quantity, expected] = GENERATE(table<std::string, std::string, bool>({
      {"-", "5", true},
      {"5", "5.00", true},
      {"5, 7", "7", true},
      {"not(5, 7)", "7", false},
      {"!= 5", "5", false},
      {"[5..10)", "5", true},
      {"[5..10)", "10", false},
      {"]5..10]", "5", false},
      {"]5..10]", "10", true},
      {"[..10]", "3", true},
      {"it % 2 == 0", "4", false},
      {"it > 3 && it < 5", "4", true},
      {"[1, 2, 4]", "4", true},
      {">= line.quantity * 2", "4", false},
      {"present", "4", true},
      {"absent", "4", false},
  }));
  CAPTURE(cell, quantity);
  std::vector<Fault> faults;
  const auto table = DecisionTable::Parse(Read(absl::StrCat(R"(
kind: DecisionTable
id: t
hit_policy: FIRST
inputs: [{id: qty, expr: line.quantity, type: decimal}]
outputs: [{id: hit, type: bool, default: "false"}]
rules: [{id: r, when: {qty: ")", cell, R"("}, then: {hit: "true"}}]
)")), Schema(), faults);
  if (cell == "it % 2 == 0") {  // Decimals have no %.
    CHECK(table == nullptr);
    return;
  }
  for (const Fault& fault : faults) UNSCOPED_INFO(fault.ToString());
  REQUIRE(table != nullptr);

  CHECK(Decide(*table, Facts("key", quantity)) == (expected ? "{hit: true}" : "{hit: false}"));
}

TEST_CASE("bands without a hole or an overlap are accepted", "[rules]") {
  CHECK(Analysed(Approval("[0..1000)", "[1000..5000]", "> 5000")).empty());
}

TEST_CASE("an overlap names the region", "[rules]") {
  CHECK(Analysed(Approval("[0..1000]", "[1000..5000]", "> 5000")) ==
        "overlap: rules 'auto' and 'manager' both take total {1000}\n");
}

TEST_CASE("a gap names the region", "[rules]") {
  CHECK(Analysed(Approval("[0..1000)", "[1000..5000]", "> 6000")) ==
        "gap: no rule takes total (5000, 6000]\n");
}

TEST_CASE("a rule that an earlier one hides is noted under FIRST", "[rules]") {
  CHECK(Analysed(Approval("[0..]", "[1000..5000]", "> 5000", "FIRST"))
            .find("redundant_rule: rule 'manager' can never decide: 'auto' hides it") !=
        std::string::npos);
}

TEST_CASE("facts that do not fit their schema are refused before anything runs", "[rules]") {
  const auto table = Table(Approval("[0..1000)", "[1000..5000]", "> 5000"));

  CHECK(Decide(*table, Facts("gold", "5")) == "!facts_invalid");
  CHECK(Decide(*table, Facts("key", "0")) == "!facts_invalid");
  CHECK(Decide(*table, "{customer: {segment: key}}") == "!facts_invalid");
}

TEST_CASE("an index never changes the outcome", "[rules]") {
  const unsigned seed = Catch::rngSeed() == 0 ? 20110912 : Catch::rngSeed();
  std::mt19937 random(seed);
  const auto pick = [&](int limit) { return static_cast<int>(random() % limit); };
  std::string yaml = R"(
kind: DecisionTable
id: t
hit_policy: RULE_ORDER
inputs:
  - {id: segment, expr: customer.segment, type: string}
  - {id: qty, expr: line.quantity, type: decimal}
outputs: [{id: n, type: int}]
rules:
)";
  const std::vector<std::string> segments = {"-", "'\"key\"'", "'\"key\", \"public\"'",
                                             "'not(\"public\")'", "'!= \"standard\"'"};
  for (int r = 0; r < 80; ++r) {
    const std::string a = absl::StrCat(1 + pick(50));
    const std::string b = absl::StrCat(51 + pick(50));
    const std::vector<std::string> quantities = {
        "-", a, "> " + a, "<= " + b, "[" + a + ".." + b + ")", "(" + a + ".." + b + "]",
        "not([" + a + ".." + b + "])", a + ", " + b, "it * 2 > " + b};
    absl::StrAppend(&yaml, "  - {id: r", r, ", when: {segment: ",
                    segments[pick(static_cast<int>(segments.size()))], ", qty: \"",
                    quantities[pick(static_cast<int>(quantities.size()))], "\"}, then: {n: \"", r,
                    "\"}}\n");
  }
  const auto table = Table(yaml);

  for (int i = 0; i < 400; ++i) {
    const char* segment[] = {"key", "public", "standard"};
    const std::string json =
        Facts(segment[pick(3)], absl::StrCat(1 + pick(110), pick(2) == 0 ? ".5" : ""));
    Fault fault;
    const auto facts = JsonFacts::Make(table->schema(), Read(json), fault);
    REQUIRE(facts != nullptr);
    expr::Arena arena;
    const TableResult with = table->Decide(*facts, expr::Value::Timestamp(0, 0), arena, {});
    DecideOptions plain;
    plain.use_index = false;
    const TableResult without = table->Decide(*facts, expr::Value::Timestamp(0, 0), arena, plain);
    CAPTURE(seed, json);
    REQUIRE(with.rules == without.rules);
  }
}

TEST_CASE("an output may divide by what its row has made sure of", "[rules]") {
  auto [rule, code] = GENERATE(table<std::string, std::string>({
      {"{id: a, then: {n: 1.0 / q}}", ""},
      {"{id: a, then: {n: 1.0 / c}}", "divide_by_zero"},
      {"{id: a, when: {c: '> 0'}, then: {n: 1.0 / c}}", ""},
      {"{id: a, when: {c: '[1..5], [7..9]'}, then: {n: 1.0 / c}}", ""},
      {"{id: a, when: {c: '[0..5]'}, then: {n: 1.0 / c}}", "divide_by_zero"},
      {"{id: a, when: {c: 'not(0)'}, then: {n: 1.0 / c}}", "divide_by_zero"},
      {"{id: a, when: {c: '1.0 / it > 3'}, then: {n: 1}}", "divide_by_zero"},
      {"{id: a, if: c != 0.0, then: {n: 1.0 / c}}", ""},
  }));
  CAPTURE(rule);
  std::vector<Fault> faults;

  DecisionTable::Parse(Read(absl::StrCat(R"({kind: DecisionTable, id: t, hit_policy: FIRST,
      inputs: [{id: q, expr: line.quantity, type: decimal},
               {id: c, expr: line.contract, type: decimal, optional: true}],
      outputs: [{id: n, type: decimal}], rules: [)", rule, "]}")), Schema(), faults);

  CHECK((faults.empty() ? "" : faults[0].code) == code);
}

TEST_CASE("a document with aliases, double keys or too much depth is refused", "[rules]") {
  auto [text, code] = GENERATE(table<std::string, std::string>({
      {"a: &x 1\nb: *x", "anchor_refused"},
      {"a: 1\na: 2", "duplicate_key"},
      {"a: !!binary x", "tag_refused"},
      {"a: [", "syntax"},
      {"", "empty"},
      {"a: 1\n---\nb: 2", "several_documents"},
      {std::string(200, '[') + std::string(200, ']'), "too_deep"},
  }));
  CAPTURE(text);
  Tree tree;
  Fault fault;

  CHECK_FALSE(ReadTree(text, tree, fault));
  CHECK(fault.code == code);
}

}  // namespace weft::rules
