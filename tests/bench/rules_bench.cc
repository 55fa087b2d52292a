// What rules cost in process, on one core: conditions, formulas, tables, a rule
// set over the lines of a quote.
//
//   rules_bench FOLDER [--rounds=7] [--only=NAME] [--json]
//
// FOLDER is what peers/tables.py wrote. Prints the median and the best of the
// rounds in nanoseconds of processor time a decision; every round checks its
// result.
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/rules/document/schema.h"
#include "libs/rules/rule_set/rule_set.h"
#include "libs/rules/table/decision_table.h"

namespace {

using namespace weft::rules;        // NOLINT: a bench of one library.
using namespace weft::rules::expr;  // NOLINT
using weft::Decimal;

int g_rounds = 7;
bool g_json = false;
std::string g_only;

double CpuSeconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

[[noreturn]] void Die(const std::string& what) {
  std::cerr << "rules_bench: " << what << "\n";
  std::exit(1);
}

// `work` does `count` decisions and dies when one is wrong.
void Measure(const char* name, size_t count, const std::function<void()>& work) {
  if (!g_only.empty() && !absl::StrContains(name, g_only)) return;
  std::vector<double> nanos;
  work();
  for (int round = 0; round < g_rounds; ++round) {
    const double start = CpuSeconds();
    work();
    nanos.push_back((CpuSeconds() - start) / static_cast<double>(count) * 1e9);
  }
  std::sort(nanos.begin(), nanos.end());
  if (g_json) {
    std::printf("{\"name\": \"%s\", \"median_ns\": %.1f, \"best_ns\": %.1f}\n", name,
                nanos[nanos.size() / 2], nanos.front());
  } else {
    std::printf("%-28s median %8.1f ns, best %8.1f ns\n", name, nanos[nanos.size() / 2],
                nanos.front());
  }
  std::fflush(stdout);
}

Tree Read(const std::string& text) {
  Tree tree;
  Fault fault;
  if (!ReadTree(text, tree, fault)) Die(fault.ToString());
  return tree;
}

Tree ReadFile(const std::string& path) {
  std::ifstream file(path);
  if (!file) Die(absl::StrCat(path, " cannot be read"));
  std::stringstream text;
  text << file.rdbuf();
  return Read(text.str());
}

std::shared_ptr<const FactSchema> SchemaOf(const std::string& yaml) {
  std::vector<Fault> faults;
  auto schema = FactSchema::Parse(Read(yaml), faults);
  if (schema == nullptr) Die(faults[0].ToString());
  return schema;
}

std::unique_ptr<Program> CompileOrDie(const std::string& text, const Environment& environment) {
  CompileResult compiled = Compile(text, environment, {});
  if (compiled.program == nullptr) Die(compiled.errors[0].ToString());
  return std::move(compiled.program);
}

constexpr char kOrder[] = R"(
kind: FactSchema
id: order
types:
  Order: {total: {type: money}, category: {type: string}}
  Person: {level: {type: int}}
  Line: {price: {type: decimal}, quantity: {type: decimal}}
variables:
  order: {type: Order}
  person: {type: Person}
  line: {type: Line}
)";

void Expressions() {
  const auto schema = SchemaOf(kOrder);
  Fault fault;
  const auto facts = JsonFacts::Make(*schema, Read(R"({
      "order": {"total": {"amount": "7450.50", "currency": "EUR"}, "category": "MRO"},
      "person": {"level": 4}, "line": {"price": "12.9900", "quantity": "480"}})"), fault);
  if (facts == nullptr) Die(fault.ToString());
  Arena arena;
  const auto run = [&](const char* name, const char* text, const std::function<bool(Value)>& good) {
    const auto program = CompileOrDie(text, schema->environment());
    constexpr size_t kCount = 300'000;
    Measure(name, kCount, [&] {
      size_t right = 0;
      for (size_t i = 0; i < kCount; ++i) {
        uint64_t cost = 0;
        arena.Reset();
        right += good(program->EvaluateValue(*facts, arena, 100'000, cost)) ? 1 : 0;
      }
      if (right != kCount) Die(absl::StrCat("wrong result of ", text));
    });
  };
  const auto is_true = [](const Value& v) { return v.kind == Kind::kBool && v.bool_value; };
  run("condition, 3 comparisons",
      "order.total > money('5000', 'EUR') && (order.category in ['IT', 'MRO'] || person.level < 5)",
      is_true);
  run("condition, 3 numbers", "line.quantity >= 100 && line.price < 50.0 && person.level == 4",
      is_true);
  run("price formula", "((line.price * 0.85).round(4) * line.quantity).round(2)",
      [](const Value& v) {
        return v.kind == Kind::kDecimal && v.decimal == Decimal::FromUnscaled(529992, 2);
      });
  const std::string source =
      "order.total > money('5000', 'EUR') && (order.category in ['IT', 'MRO', 'PPE', 'tools'] || "
      "person.level < 5) && (line.price * 0.85).round(4) * line.quantity > 100 && "
      "line.quantity >= 10.5 && line.quantity <= 5000";
  Measure("compile 200 characters", 2000, [&] {
    for (int i = 0; i < 2000; ++i) CompileOrDie(source, schema->environment());
  });
}

// What cel-go is asked, too; with a double, as there.
void LikeCelGo() {
  Environment environment;
  environment.variables = {{"qty", Type::Of(TypeKind::kInt)},
                           {"group", Type::Of(TypeKind::kString)},
                           {"price", Type::Of(TypeKind::kDouble)}};
  const auto program =
      CompileOrDie("qty >= 100 && group == 'A' ? price * 0.9 : price", environment);
  Arena arena;
  constexpr size_t kCount = 500'000;
  Measure("expression as cel-go", kCount, [&] {
    double sum = 0;
    for (size_t i = 0; i < kCount; ++i) {
      const Value slots[] = {Value::Int(static_cast<int64_t>(i % 200)),
                             Value::String(i % 2 == 0 ? "A" : "B"), Value::Double(100)};
      uint64_t cost = 0;
      arena.Reset();
      sum += program->EvaluateValue(ArrayFacts(slots), arena, 100'000, cost).double_value;
    }
    if (std::abs(sum - static_cast<double>(kCount) * 97.5) > 1) Die("wrong sum of the expression");
  });
}

void Tables(const std::string& folder, const std::string& name) {
  const auto schema = SchemaOf(R"(
kind: FactSchema
id: sale
variables:
  group: {type: string}
  category: {type: string}
  qty: {type: decimal}
)");
  std::vector<Fault> faults;
  const auto table = DecisionTable::Parse(ReadFile(absl::StrCat(folder, "/", name, ".table.json")),
                                          schema, faults);
  if (table == nullptr) Die(faults[0].ToString());
  const Tree file = ReadFile(absl::StrCat(folder, "/", name, ".inputs.json"));
  struct Input {
    std::string group;
    std::string category;
    int64_t quantity;
  };
  std::vector<Input> inputs;
  for (const Tree& one : file.Find("inputs")->items) {
    inputs.push_back({one.TextOr("group"), one.TextOr("category"),
                      std::atoll(one.TextOr("qty").c_str())});
  }
  const int64_t expected = std::atoll(file.TextOr("sum").c_str());
  Arena arena;
  const Value now = Value::Timestamp(0, 0);
  constexpr int kRepeat = 200;
  Measure(absl::StrCat("table ", name).c_str(), inputs.size() * kRepeat, [&] {
    for (int repeat = 0; repeat < kRepeat; ++repeat) {
      int64_t sum = 0;
      for (const Input& input : inputs) {
        const Value slots[] = {Value::String(input.group), Value::String(input.category),
                               Value::OfDecimal(Decimal(input.quantity))};
        arena.Reset();
        const TableResult result = table->Decide(ArrayFacts(slots), now, arena, {});
        if (result.value.kind != Kind::kMap) Die("a table gave no record");
        sum += result.value.map->values[0].decimal.coefficient_64();
      }
      if (sum != expected) Die(absl::StrCat(name, ": sum ", sum, ", expected ", expected));
    }
  });
}

constexpr char kQuoteLine[] = R"(
kind: FactSchema
id: quote-line
types:
  Customer: {segment: {type: string}}
  Line:
    category: {type: string}
    quantity: {type: decimal, range: "(0..1000000]"}
    list_price: {type: money}
    cost: {type: money}
    contract_price: {type: money, optional: true}
variables:
  customer: {type: Customer}
  line: {type: Line}
)";

constexpr char kVolumeDiscount[] = R"yaml(
kind: DecisionTable
id: pricing.volume-discount
schema: quote-line@3
hit_policy: FIRST
inputs:
  - {id: segment, expr: customer.segment, type: string}
  - {id: qty, expr: line.quantity, type: decimal}
  - {id: category, expr: line.category, type: string}
outputs:
  - {id: discount, type: decimal, default: "0"}
  - {id: why, type: string, default: '"list"'}
rules:
  - {id: a, when: {segment: '"key"', qty: ">= 1000", category: '"fasteners"'}, then: {discount: "0.22", why: '"key bulk"'}}
  - {id: b, when: {segment: '"key"', qty: ">= 100"}, then: {discount: "0.15", why: '"key volume"'}}
  - {id: c, when: {segment: '"key"'}, then: {discount: "0.08", why: '"key"'}}
  - {id: d, when: {segment: '"public"', category: 'not("services")'}, then: {discount: "0.05", why: '"public sector"'}}
  - {id: e, when: {qty: ">= 500"}, then: {discount: "qty >= 2000 ? 0.06 : 0.04", why: '"volume"'}}
)yaml";

constexpr char kLinePrice[] = R"yaml(
kind: RuleSet
id: pricing.line-price
schema: quote-line@3
outputs:
  unit_price: {type: money}
  discount: {type: decimal, default: "0"}
  net: {type: money}
steps:
  - {id: base, set: {unit_price: line.list_price}}
  - {id: contract, when: has(line.contract_price), set: {unit_price: line.contract_price}, reason: contract}
  - id: volume
    when: "!has(line.contract_price)"
    table: {ref: pricing.volume-discount, into: vd}
    set: {discount: vd.discount, unit_price: (unit_price * (1 - vd.discount)).round(4)}
    reason: "{= vd.why }"
  - {id: floor, set: {floor: '(line.cost * 1.05).round(4, "CEILING")'}}
  - {id: apply-floor, when: unit_price < floor, set: {unit_price: floor}, reason: margin floor}
  - {id: total, set: {net: (unit_price * line.quantity).round()}}
)yaml";

void QuoteLines() {
  const auto schema = SchemaOf(kQuoteLine);
  std::vector<Fault> faults;
  const std::shared_ptr<const DecisionTable> table =
      DecisionTable::Parse(Read(kVolumeDiscount), schema, faults);
  if (table == nullptr) Die(faults[0].ToString());
  References references;
  references.table = [&](const std::string&) { return table; };
  const auto set = RuleSet::Parse(Read(kLinePrice), schema, references, faults);
  if (set == nullptr) Die(faults[0].ToString());
  Fault fault;
  const auto facts = JsonFacts::Make(*schema, Read(R"({"customer": {"segment": "key"},
      "line": {"category": "fasteners", "quantity": "480",
               "list_price": {"amount": "12.99", "currency": "EUR"},
               "cost": {"amount": "8.10", "currency": "EUR"}}})"), fault);
  if (facts == nullptr) Die(fault.ToString());
  Arena arena;
  const Value now = Value::Timestamp(0, 0);
  constexpr size_t kCount = 50'000;
  RuleSetResult result;
  Measure("rule set, a quote line", kCount, [&] {
    for (size_t i = 0; i < kCount; ++i) {
      arena.Reset();
      set->Run(*facts, now, arena, {}, result);
      if (result.error.has_value() ||
          !(result.outputs[2].decimal == Decimal::FromUnscaled(529992, 2))) {
        Die("wrong price of the quote line");
      }
    }
  });
}

}  // namespace

int main(int argc, char** argv) {
  std::string folder;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (absl::StartsWith(argument, "--rounds=")) {
      g_rounds = std::max(1, std::atoi(argument.c_str() + 9));
    } else if (absl::StartsWith(argument, "--only=")) {
      g_only = argument.substr(7);
    } else if (argument == "--json") {
      g_json = true;
    } else {
      folder = argument;
    }
  }
  if (folder.empty()) Die("usage: rules_bench FOLDER [--rounds=7] [--only=NAME] [--json]");
  Expressions();
  LikeCelGo();
  Tables(folder, "t20");
  Tables(folder, "t1000");
  QuoteLines();
  return 0;
}
