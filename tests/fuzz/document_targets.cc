// Documents: trees, schemas, tables and rule sets.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/rules/document/schema.h"
#include "libs/rules/rule_set/rule_set.h"
#include "libs/rules/table/decision_table.h"
#include "tests/fuzz/bytes.h"
#include "tests/fuzz/targets.h"

namespace weft::fuzz {
namespace {

using namespace rules;  // NOLINT: a file about one library.

Tree MustRead(const std::string& text) {
  Tree tree;
  Fault fault;
  if (!ReadTree(text, tree, fault)) Broken("a written document is not read", text);
  return tree;
}

std::shared_ptr<const FactSchema> TheSchema() {
  static const auto* const kSchema = [] {
    std::vector<Fault> faults;
    auto schema = FactSchema::Parse(MustRead(R"(
kind: FactSchema
id: sale
types:
  Line: {qty: {type: decimal}, level: {type: int, optional: true}, total: {type: money}}
variables:
  group: {type: string}
  line: {type: Line}
  at: {type: timestamp}
)"), faults);
    if (schema == nullptr) Broken("the schema has faults", faults[0].ToString());
    return new std::shared_ptr<const FactSchema>(schema);
  }();
  return *kSchema;
}

std::unique_ptr<JsonFacts> MakeFacts(Bytes& bytes) {
  static constexpr const char* kGroups[] = {"key", "public", "", "keys", "a longer text than most"};
  static constexpr const char* kNumbers[] = {
      "0",  "1",  "5",    "5.0", "5.00001",
      "-3", "10", "99.5", "100", "9999999999999999999999999999999999"};
  const std::string level =
      bytes.Pick(3) == 0 ? "" : absl::StrCat(", \"level\": ", bytes.Pick(12) - 2);
  const std::string json = absl::StrCat(
      R"({"group": ")", bytes.Of(kGroups), R"(", "at": "2026-01-0)", 1 + bytes.Pick(9),
      R"(T00:00:00Z", "line": {"qty": ")", bytes.Of(kNumbers), R"(", "total": {"amount": ")",
      bytes.Of(kNumbers), R"(", "currency": ")", bytes.Of({"EUR", "JPY"}), "\"}", level, "}}");
  Fault fault;
  auto facts = JsonFacts::Make(*TheSchema(), MustRead(json), fault);
  if (facts == nullptr) Broken("facts are refused", absl::StrCat(json, fault.ToString()));
  return facts;
}

std::string TestOf(Bytes& bytes, const char* const* constants, int count) {
  const auto one = [&] { return constants[bytes.Pick(count)]; };
  const std::string a = one();
  switch (bytes.Pick(9)) {
    case 0: return absl::StrCat("< ", a);
    case 1: return absl::StrCat("<= ", a);
    case 2: return absl::StrCat("> ", a);
    case 3: return absl::StrCat(">= ", a);
    case 4: return absl::StrCat("!= ", a);
    case 5:
      return absl::StrCat(bytes.Of({"[", "(", "]"}), a, "..", one(), bytes.Of({"]", ")", "["}));
    case 6: return absl::StrCat("[", a, ", ", one(), "]");
    default: return a;
  }
}

std::string CellOf(Bytes& bytes, int column) {
  static constexpr const char* kTexts[] = {"\"key\"", "\"public\"", "\"\"", "\"x\""};
  static constexpr const char* kNumbers[] = {"0", "1", "5", "5.00", "10", "100", "-3"};
  static constexpr const char* kWhole[] = {"0", "1", "5", "9", "-2"};
  static constexpr const char* kTimes[] = {"timestamp('2026-01-03T00:00:00Z')",
                                           "timestamp('2026-01-07T00:00:00Z')"};
  const int shape = bytes.Pick(8);
  if (shape == 0) return "-";
  if (shape == 1) return bytes.Of({"absent", "present", "it == it", "group == 'key'"});
  const auto test = [&] {
    switch (column) {
      case 0: return bytes.Pick(3) == 0 ? TestOf(bytes, kTexts, 4) : std::string(bytes.Of(kTexts));
      case 1: return TestOf(bytes, kNumbers, 7);
      case 2: return TestOf(bytes, kWhole, 5);
      case 3:
        return bytes.Pick(3) == 0 ? std::string("money('5', 'EUR')") : TestOf(bytes, kNumbers, 7);
      default: return TestOf(bytes, kTimes, 2);
    }
  };
  std::string cell = test();
  if (shape == 2) absl::StrAppend(&cell, ", ", test());
  return shape == 3 ? absl::StrCat("not(", cell, ")") : cell;
}

std::string Quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) absl::StrAppend(&quoted, c == '\'' ? "''" : std::string(1, c));
  return quoted + "'";
}

std::string TableOf(Bytes& bytes) {
  static constexpr const char* kIds[] = {"g", "q", "l", "t", "w"};
  std::string yaml = absl::StrCat(
      "kind: DecisionTable\nid: t\nhit_policy: ",
      bytes.Of({"UNIQUE", "FIRST", "ANY", "PRIORITY", "RULE_ORDER", "OUTPUT_ORDER", "COLLECT"}),
      R"(
inputs:
  - {id: g, expr: group, type: string}
  - {id: q, expr: line.qty, type: decimal}
  - {id: l, expr: line.level, type: int, optional: true}
  - {id: t, expr: line.total, type: money}
  - {id: w, expr: at, type: timestamp}
outputs:
  - {id: n, type: int, values: [2, 0, 1])",
      bytes.Pick(2) == 0 ? ", default: '7'" : "", "}\nrules:\n");
  const int rules = 1 + bytes.Pick(80);
  for (int r = 0; r < rules; ++r) {
    absl::StrAppend(&yaml, "  - {id: r", r, ", when: {");
    for (int c = 0; c < 5; ++c) {
      if (bytes.Pick(3) == 0) continue;
      absl::StrAppend(&yaml, kIds[c], ": ", Quoted(CellOf(bytes, c)), ", ");
    }
    absl::StrAppend(&yaml, "}, then: {n: ", bytes.Pick(3), "}",
                    bytes.Pick(9) == 0 ? ", if: 'line.qty > 5 && line.level > 2'" : "",
                    bytes.Pick(9) == 0 ? ", valid_from: '2026-01-05T00:00:00Z'" : "",
                    bytes.Pick(9) == 0 ? ", enabled: 'false'" : "", "}\n");
  }
  return yaml;
}

std::string Show(const TableResult& result, expr::Arena& arena) {
  std::string text = result.value.is_error() ? expr::CodeName(result.value.code)
                                             : expr::ToText(result.value, arena);
  absl::StrAppend(&text, " rule ", result.error_rule, ":");
  for (const int rule : result.rules) absl::StrAppend(&text, " ", rule);
  return text;
}

}  // namespace

void ReadDocument(absl::string_view input) {
  Tree tree;
  Fault fault;
  if (!ReadTree(input, tree, fault)) {
    if (fault.code.empty()) Broken("a fault has no code", input);
    return;
  }
  std::vector<Fault> faults;
  (void)FactSchema::Parse(tree, faults);
  faults.clear();
  const auto table = DecisionTable::Parse(tree, TheSchema(), faults);
  if (table != nullptr) (void)Analyse(*table);
  if (table == nullptr && faults.empty()) Broken("neither table nor fault", input);
  faults.clear();
  const References references{[&](const std::string&) { return table; }, nullptr};
  const auto set = RuleSet::Parse(tree, TheSchema(), references, faults);
  if (set == nullptr && faults.empty()) Broken("neither rule set nor fault", input);
  Bytes bytes(input);
  const auto facts = MakeFacts(bytes);
  expr::Arena arena;
  const expr::Value now = expr::Value::Timestamp(1'767'225'600, 0);
  if (table != nullptr) (void)table->Decide(*facts, now, arena, {});
  if (set == nullptr) return;
  RunOptions options;
  options.trace = true;
  (void)set->Run(*facts, now, arena, options);
}

void DecideByTable(absl::string_view input) {
  Bytes bytes(input);
  const std::string yaml = TableOf(bytes);
  std::vector<Fault> faults;
  const auto table = DecisionTable::Parse(MustRead(yaml), TheSchema(), faults);
  if (table == nullptr) return;  // A cell that does not fit its column.
  if (table->rules().size() <= 12) (void)Analyse(*table);
  const expr::Value now = expr::Value::Timestamp(1'767'225'600 + 86'400 * bytes.Pick(9), 0);
  for (int i = 0; i < 8; ++i) {
    const auto facts = MakeFacts(bytes);
    expr::Arena arena;
    const TableResult with = table->Decide(*facts, now, arena, {});
    DecideOptions plain;
    plain.use_index = false;
    const TableResult without = table->Decide(*facts, now, arena, plain);
    if (Show(with, arena) != Show(without, arena)) {
      Broken("the index changes an outcome",
             absl::StrCat(yaml, "\n", Show(with, arena), "\n", Show(without, arena)));
    }
    if (without.cost > table->cost_bounds().upper) Broken("the cost is above its bound", yaml);
  }
}

}  // namespace weft::fuzz
