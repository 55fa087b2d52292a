#include "libs/rules/rule_set/rule_set.h"

#include <catch2/catch.hpp>
#include <map>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/rules/rule_set/rule_sets.h"

namespace weft::rules {
namespace {

constexpr char kSchema[] = R"(
kind: FactSchema
id: quote-line
types:
  Customer: {segment: {type: string, values: [key, public, standard]}}
  Line:
    category: {type: string}
    quantity: {type: decimal, range: "(0..1000000]"}
    list_price: {type: money}
    cost: {type: money, sensitive: true}
    contract_price: {type: money, optional: true}
variables:
  customer: {type: Customer}
  line: {type: Line}
)";

constexpr char kDiscount[] = R"(
kind: DecisionTable
id: pricing.volume-discount
hit_policy: FIRST
inputs:
  - {id: segment, expr: customer.segment, type: string}
  - {id: qty, expr: line.quantity, type: decimal}
  - {id: category, expr: line.category, type: string}
outputs:
  - {id: discount, type: decimal, default: "0"}
  - {id: why, type: string, default: '"list"'}
rules:
  - {id: key-bulk, when: {segment: '"key"', qty: ">= 1000", category: '"fasteners"'},
     then: {discount: "0.22", why: '"key bulk"'}}
  - {id: key-volume, when: {segment: '"key"', qty: ">= 100"},
     then: {discount: "0.15", why: '"key volume"'}}
  - {id: big, when: {qty: ">= 500"}, then: {discount: "0.04", why: '"volume"'}}
)";

// A table without defaults, by hit policy and aggregate.
std::string Fees(const std::string& policy, const std::string& aggregate = "NONE") {
  return absl::StrCat("{kind: DecisionTable, id: fees, hit_policy: ", policy,
                      ", aggregate: ", aggregate, R"(,
 inputs: [{id: qty, expr: line.quantity, type: decimal}],
 outputs: [{id: fee, type: money}],
 rules: [{id: small, when: {qty: "< 100"}, then: {fee: 'money("2.50", "EUR")'}},
         {id: tiny, when: {qty: "< 10"}, then: {fee: 'money("5", "EUR")'}}]})");
}

constexpr char kLinePrice[] = R"y(
kind: RuleSet
id: pricing.line-price
schema: quote-line@3
rounding: {mode: HALF_UP}
outputs:
  unit_price: {type: money}
  discount:   {type: decimal, default: "0"}
  net:        {type: money}
steps:
  - id: base
    set: {unit_price: line.list_price}
  - id: contract
    when: has(line.contract_price)
    set: {unit_price: line.contract_price}
    reason: contract
  - id: volume
    when: "!has(line.contract_price)"
    table: {ref: pricing.volume-discount, into: vd}
    set:
      discount: vd.discount
      unit_price: (unit_price * (1 - vd.discount)).round(4)
    reason: "{= vd.why }"
  - id: floor
    set: {floor: '(line.cost * 1.05).round(4, "CEILING")'}
  - id: apply-floor
    when: unit_price < floor
    set: {unit_price: floor}
    reason: {code: MARGIN_FLOOR, en: margin floor, de: Mindestmarge}
  - id: total
    set: {net: (unit_price * line.quantity).round()}
)y";

Tree Read(const std::string& text) {
  Tree tree;
  Fault fault;
  INFO(text);
  const bool good = ReadTree(text, tree, fault);
  INFO(fault.ToString());
  REQUIRE(good);
  return tree;
}

std::shared_ptr<const FactSchema> Schema(const std::string& yaml = kSchema) {
  std::vector<Fault> faults;
  auto schema = FactSchema::Parse(Read(yaml), faults);
  REQUIRE(schema != nullptr);
  return schema;
}

// Documents that a test refers to, by id.
struct Shelf {
  std::shared_ptr<const FactSchema> schema = Schema();
  std::map<std::string, std::shared_ptr<const DecisionTable>> tables;
  std::map<std::string, std::shared_ptr<const RuleSet>> rule_sets;
  std::vector<Fault> faults;

  explicit Shelf(const std::string& table = kDiscount) { AddTable(table); }
  void AddTable(const std::string& yaml) {
    auto table = DecisionTable::Parse(Read(yaml), schema, faults);
    REQUIRE(table != nullptr);
    tables[table->id()] = table;
  }
  std::shared_ptr<const RuleSet> Parse(const std::string& yaml) {
    faults.clear();
    const References references{[this](const std::string& id) { return tables[id]; },
                                [this](const std::string& id) { return rule_sets[id]; }};
    auto set = RuleSet::Parse(Read(yaml), schema, references, faults);
    if (set != nullptr) rule_sets[set->id()] = set;
    return set;
  }
  std::shared_ptr<const RuleSet> Good(const std::string& yaml) {
    auto set = Parse(yaml);
    for (const Fault& fault : faults) UNSCOPED_INFO(fault.ToString());
    REQUIRE(set != nullptr);
    return set;
  }
  // "code@path" of the faults.
  std::string Refusal(const std::string& yaml) {
    const auto set = Parse(yaml);
    CHECK((set == nullptr) == !faults.empty());
    std::vector<std::string> found;
    for (const Fault& fault : faults) {
      CHECK(fault.line > 0);
      found.push_back(absl::StrCat(fault.code, "@", fault.path));
    }
    return absl::StrJoin(found, " ");
  }
};

// Outputs (or the error), then reasons, as text.
std::string Told(const RuleSet& set, const RuleSetResult& result, expr::Arena& arena) {
  if (result.error.has_value()) {
    return absl::StrCat("!", result.error->code, "@", result.error->step, ".", result.error->part);
  }
  std::vector<std::string> parts;
  for (size_t i = 0; i < result.outputs.size(); ++i) {
    parts.push_back(absl::StrCat(set.outputs()[i].name, "=", expr::ToText(result.outputs[i], arena)));
  }
  for (const Reason& reason : result.reasons) parts.push_back(reason.In("en"));
  return absl::StrJoin(parts, "; ");
}

std::string Line(const std::string& quantity, const std::string& price, const std::string& cost,
                 const std::string& more = "") {
  return absl::StrCat("{customer: {segment: key}, line: {category: fasteners, quantity: \"",
                      quantity, "\", list_price: \"", price, " EUR\", cost: \"", cost, " EUR\"", more,
                      "}}");
}
const std::string kFacts = Line("480", "12.99", "8.10");

template <typename Look>
void RunOn(const RuleSet& set, const std::string& json, const RunOptions& options,
           const Look& look) {
  Fault fault;
  const auto facts = JsonFacts::Make(set.schema(), Read(json), fault);
  INFO(fault.ToString());
  REQUIRE(facts != nullptr);
  expr::Arena arena;
  look(set.Run(*facts, expr::Value::Timestamp(0, 0), arena, options), arena);
}

std::string Decide(const RuleSet& set, const std::string& json = kFacts,
                   const RunOptions& options = {}) {
  std::string told;
  RunOn(set, json, options, [&](const RuleSetResult& result, expr::Arena& arena) {
    told = Told(set, result, arena);
  });
  return told;
}

// A rule set with one output `out` of `type`.
std::string Set(const std::string& steps, const std::string& output = "{type: decimal}",
                const std::string& id = "t") {
  return absl::StrCat("{kind: RuleSet, id: ", id, ", schema: quote-line@1, outputs: {out: ", output,
                      "}, steps: [", steps, "]}");
}

}  // namespace

TEST_CASE("a line price has the exact numbers of its rules", "[rules]") {
  auto [facts, expected] = GENERATE(table<std::string, std::string>({
      {Line("480", "12.99", "8.10"),
       "unit_price=11.0415 EUR; discount=0.15; net=5299.92 EUR; key volume"},
      {Line("1200", "0.0475", "0.0381"),
       "unit_price=0.0401 EUR; discount=0.22; net=48.12 EUR; key bulk; margin floor"},
      {Line("1200", "0.0475", "0.0381", ", contract_price: \"0.0415 EUR\""),
       "unit_price=0.0415 EUR; discount=0; net=49.80 EUR; contract"},
      {Line("3", "0.335", "0.1"), "unit_price=0.3350 EUR; discount=0; net=1.01 EUR; list"},
  }));
  Shelf shelf;
  CHECK(Decide(*shelf.Good(kLinePrice), facts) == expected);
}

TEST_CASE("suppliers are ranked among those who can deliver", "[rules]") {
  const auto supplier = [](const char* id, const char* cost, int available, int lead,
                           const char* on_time, const char* freight) {
    return absl::StrCat("{id: ", id, ", blocked: false, unit_cost: ", cost, " EUR, available: \"",
                        available, "\", lead_days: ", lead, ", on_time: \"", on_time,
                        "\", freight: ", freight, " EUR}");
  };
  Shelf shelf;
  shelf.schema = Schema(R"(
kind: FactSchema
id: sourcing
types:
  Supplier:
    id: {type: string}
    blocked: {type: bool}
    unit_cost: {type: money, sensitive: true}
    available: {type: decimal}
    lead_days: {type: int}
    on_time: {type: decimal}
    freight: {type: money}
  Line: {quantity: {type: decimal}, needed_by_days: {type: int}}
variables:
  suppliers: {type: list(Supplier)}
  line: {type: Line}
)");
  const auto set = shelf.Good(R"y(
kind: RuleSet
id: sourcing.choose-supplier
schema: sourcing@1
outputs:
  ranked: {type: list(string)}
  eligible: {type: list(Supplier)}
steps:
  - id: eligible
    set:
      eligible: >-
        suppliers.filter(s, !s.blocked && s.available >= line.quantity
                            && s.lead_days <= line.needed_by_days)
  - id: nobody
    when: eligible.size() == 0
    fail: {code: no_supplier, message: No supplier can deliver this line in time}
  - id: rank
    set:
      ranked: >-
        eligible.sortBy(s, (s.unit_cost * line.quantity + s.freight) * (1 + (1 - s.on_time) * 0.5))
                .map(s, s.id)
)y");
  const std::string suppliers = absl::StrJoin(
      {supplier("S1", "8.10", 1000, 3, "0.97", "120.00"),
       supplier("S2", "7.85", 450, 2, "0.99", "60.00"),
       supplier("S3", "7.60", 5000, 4, "0.91", "350.00"),
       supplier("S4", "6.90", 5000, 9, "0.95", "80.00")},
      ", ");
  auto [days, expected] = GENERATE(table<int, std::string>({
      {5, "ranked=[S1, S3]; eligible=[Supplier{..}, Supplier{..}]"},
      {9, "ranked=[S4, S1, S3]; eligible=[Supplier{..}, Supplier{..}, Supplier{..}]"},
      {1, "!no_supplier@nobody.fail"},
  }));
  CHECK(Decide(*set, absl::StrCat("{suppliers: [", suppliers,
                                  "], line: {quantity: \"480\", needed_by_days: ", days, "}}")) ==
        expected);
}

TEST_CASE("a stock item is reordered up to its maximum in whole packs", "[rules]") {
  Shelf shelf;
  shelf.schema = Schema(R"(
kind: FactSchema
id: stock-item
types:
  Item:
    on_hand: {type: decimal}
    on_order: {type: decimal}
    reserved: {type: decimal}
    pack: {type: decimal}
    moq: {type: decimal}
  Supplier: {lead_days: {type: int}}
  Policy: {review_days: {type: int}, service_z: {type: decimal}, max_stock: {type: decimal}}
  Demand: {daily_mean: {type: decimal}, daily_sd: {type: decimal}}
variables:
  item: {type: Item}
  supplier: {type: Supplier}
  policy: {type: Policy}
  demand: {type: Demand}
)");
  const auto set = shelf.Good(R"y(
kind: RuleSet
id: reorder.min-max
schema: stock-item@1
outputs:
  due:      {type: bool}
  quantity: {type: decimal, default: "0"}
steps:
  - id: horizon
    set:
      available: item.on_hand + item.on_order - item.reserved
      horizon: supplier.lead_days + policy.review_days
      safety: (policy.service_z * demand.daily_sd * math.sqrt(decimal(horizon))).round(0, "UP")
      point: (demand.daily_mean * horizon + safety).round(0, "UP")
      due: available <= point
  - id: size
    when: due
    set:
      quantity: >-
        math.greatest((policy.max_stock - available).roundTo(item.pack, "DOWN"),
                      item.moq.roundTo(item.pack, "UP"))
    reason: "{= 'available %s at or below %s'.format([available, point]) }"
)y");
  auto [on_hand, expected] = GENERATE(table<std::string, std::string>({
      {"320", "due=true; quantity=600; available 275 at or below 277"},
      {"322", "due=true; quantity=600; available 277 at or below 277"},
      {"323", "due=false; quantity=0"},
  }));
  CHECK(Decide(*set, absl::StrCat(
                         "{item: {on_hand: \"", on_hand,
                         "\", on_order: \"0\", reserved: \"45\", pack: \"50\", moq: \"200\"}, "
                         "supplier: {lead_days: 4}, policy: {review_days: 2, service_z: \"1.65\", "
                         "max_stock: \"900\"}, demand: {daily_mean: \"38.5\", daily_sd: \"11.2\"}}")) ==
        expected);
}

TEST_CASE("the keys of a step do what the language says", "[rules]") {
  Shelf shelf;
  shelf.AddTable(Fees("UNIQUE"));
  shelf.Good(Set("{id: half, set: {out: line.quantity / 2}}", "{type: decimal}", "half"));
  auto [steps, expected] = GENERATE(table<std::string, std::string>({
      // set: in order, each sees the ones before.
      {"{id: a, set: {x: line.quantity, out: x + 1}}", "out=481"},
      {"{id: a, set: {out: 1}}, {id: b, when: 'false', set: {out: 2}}", "out=1"},
      {"{id: a, set: {out: 1}}, {id: b, when: out == 1.0, set: {out: out + 1}}", "out=2"},
      // reason: only of steps that ran.
      {"{id: a, set: {out: 1}, reason: 'one {= out } {= {\"a\": \"}\"}[\"a\"] }'}",
       "out=1; one 1 }"},
      {"{id: a, set: {out: 1}}, {id: b, when: out > 1, reason: big}", "out=1"},
      // stop
      {"{id: a, set: {out: 1}}, {id: b, when: out == 1.0, stop: true}, {id: c, set: {out: 9}}",
       "out=1"},
      {"{id: a, set: {out: 1}}, {id: b, when: out == 2.0, stop: true}, {id: c, set: {out: 9}}",
       "out=9"},
      // fail
      {"{id: a, set: {out: 1}}, {id: b, when: out == 1.0, fail: {code: no_price, message: none}}",
       "!no_price@b.fail"},
      // errors
      {"{id: a, set: {out: line.quantity.round(40)}}", "!invalid_argument@a.set.out"},
      {"{id: a, when: line.quantity.round(40) == 1.0, set: {x: 1}}, {id: b, set: {out: 1}}",
       "!invalid_argument@a.when"},
      {"{id: a, set: {out: 1}, reason: '{= decimal(1).round(40) }'}", "!invalid_argument@a.reason"},
      {"{id: a, set: {out: 'dyn(\"x\")'}}", "!type_mismatch@a.set.out"},
      // table
      {"{id: a, table: {ref: pricing.volume-discount, into: vd}, set: {out: vd.discount}}",
       "out=0.15"},
      {"{id: a, table: {ref: fees, into: f}}, {id: b, set: {out: 1}}", "!no_rule_matched@a.table"},
      // call
      {"{id: a, call: {ref: half, into: h}, set: {out: h.out + 1}}", "out=241"},
  }));
  CAPTURE(steps);
  CHECK(Decide(*shelf.Good(Set(steps))) == expected);
}

TEST_CASE("a table gives a step a record, a list or a number", "[rules]") {
  auto [policy, aggregate, expression, quantity, expected] =
      GENERATE(table<std::string, std::string, std::string, std::string, std::string>({
          {"FIRST", "NONE", "f.fee", "5", "out=2.50 EUR"},
          {"FIRST", "NONE", "f.fee", "100", "!no_rule_matched@a.table"},
          {"UNIQUE", "NONE", "f.fee", "5", "!hit_policy_violation@a.table:tiny"},
          {"RULE_ORDER", "NONE", "f[1].fee", "5", "out=5 EUR"},
          {"RULE_ORDER", "NONE", "f.map(x, x.fee).sum()", "5", "out=7.50 EUR"},
          {"COLLECT", "SUM", "f", "5", "out=7.50 EUR"},
          {"COLLECT", "MAX", "f", "5", "out=5 EUR"},
          {"COLLECT", "MIN", "f", "100", "!no_rule_matched@a.table"},
          {"COLLECT", "SUM", "f", "100", "!no_rule_matched@a.table"},
          {"COLLECT", "COUNT", "line.list_price * f", "5", "out=25.98 EUR"},
      }));
  CAPTURE(policy, aggregate, expression, quantity);
  Shelf shelf(Fees(policy, aggregate));
  const auto set = shelf.Good(Set(
      absl::StrCat("{id: a, table: {ref: fees, into: f}, set: {out: '", expression, "'}}"),
      "{type: money}"));
  CHECK(Decide(*set, Line(quantity, "12.99", "1")) == expected);
}

TEST_CASE("rounding.mode is what round uses in its rule set only", "[rules]") {
  auto [mode, expected] = GENERATE(table<std::string, std::string>(
      {{"HALF_UP", "out=3"}, {"HALF_DOWN", "out=2"}, {"HALF_EVEN", "out=2"}, {"CEILING", "out=3"}}));
  Shelf shelf;
  const std::string text = absl::StrCat(
      "{kind: RuleSet, id: t, schema: quote-line, rounding: {mode: ", mode,
      "}, outputs: {out: {type: decimal}}, steps: [{id: a, set: {out: 'decimal(\"2.5\").round(0)'}}]}");
  CHECK(Decide(*shelf.Good(text)) == expected);
}

TEST_CASE("with overrides facts of the called rule set by name", "[rules]") {
  const auto other = Schema(
      "{kind: FactSchema, id: quantity, variables: {qty: {type: decimal, range: \"[1..1000]\"}, "
      "factor: {type: decimal, default: \"2\"}}}");
  Shelf shelf;
  std::vector<Fault> faults;
  shelf.rule_sets["double"] = RuleSet::Parse(
      Read("{kind: RuleSet, id: double, schema: quantity, outputs: {twice: {type: decimal}}, "
           "steps: [{id: s, set: {twice: qty * factor}, reason: doubled}]}"),
      other, {}, faults);
  REQUIRE(shelf.rule_sets["double"] != nullptr);
  auto [with, expected] = GENERATE(table<std::string, std::string>({
      {"{qty: line.quantity}", "out=960; doubled"},
      {"{qty: line.quantity, factor: '3'}", "out=1440; doubled"},
      {"{qty: line.quantity * 10}", "!facts_invalid@a.call.with.qty"},
      {"{qty: line.quantity.round(40)}", "!invalid_argument@a.call.with.qty"},
  }));
  CAPTURE(with);
  const auto set = shelf.Good(Set(absl::StrCat("{id: a, call: {ref: double, into: d, with: ", with,
                                               "}, set: {out: d.twice}}")));
  CHECK(Decide(*set) == expected);
}

TEST_CASE("documents with faults are refused at the place of the fault", "[rules]") {
  Shelf shelf;
  shelf.Good(Set("{id: half, set: {out: line.quantity / 2}}", "{type: decimal}", "half"));
  auto [text, expected] = GENERATE(table<std::string, std::string>({
      {Set("{id: a, set: {out: 1}, wehn: 'true'}"), "unknown_key@steps[0].wehn"},
      {Set("{id: a, set: {out: 1}}, {id: a, set: {out: 2}}"), "bad_id@steps[1].id"},
      {Set("{id: a}, {id: b, set: {out: 1}}"), "empty_step@steps[0]"},
      {Set("{id: a, set: {out: nothing}}"), "undeclared_reference@steps[0].set.out"},
      {Set("{id: a, set: {out: '\"text\"'}}"), "type_mismatch@steps[0].set.out"},
      {Set("{id: a, set: {x: '1', out: 1}}, {id: b, set: {x: '\"one\"'}}"),
       "type_mismatch@steps[1].set.x"},
      {Set("{id: a, set: {line: 1, out: 1}}"), "fact_assigned@steps[0].set.line"},
      {Set("{id: a, set: {a-b: 1, out: 1}}"), "bad_name@steps[0].set.a-b"},
      {Set("{id: a, when: line.quantity, set: {x: 1}}, {id: b, set: {out: 1}}"),
       "type_mismatch@steps[0].when"},
      // Every output is set on every path; nothing is read that may have no value.
      {Set("{id: a, set: {x: 1}}"), "output_unset@steps"},
      {Set("{id: a, when: 'true', set: {out: 1}}"), "output_unset@steps"},
      {Set("{id: a, when: 'true', stop: true}, {id: b, set: {out: 1}}"),
       "output_unset@steps[0].stop"},
      {Set("{id: a, when: 'true', set: {x: 1}}, {id: b, set: {out: x}}"),
       "maybe_unset@steps[1].set.out"},
      {Set("{id: a, set: {out: out + 1}}"), "maybe_unset@steps[0].set.out"},
      {Set("{id: a, set: {out: 1}, stop: true}, {id: b, set: {out: 2}}"), "unreachable_step@steps[1]"},
      {Set("{id: a, set: {out: 1}}", "{type: decimal, default: line.quantity}"),
       "bad_default@outputs.out.default"},
      {Set("{id: a, set: {out: 1}}", "{type: Nothing}"), "bad_type@outputs.out.type"},
      {Set("{id: a, fail: {code: No, message: x}}"), "bad_value@steps[0].fail.code"},
      {Set("{id: a, fail: {code: no}}"), "missing_key@steps[0].fail.message"},
      {Set("{id: a, set: {out: 1}, reason: '{= out'}"), "bad_text@steps[0].reason"},
      {Set("{id: a, set: {out: 1}, reason: {code: low, en: x}}"), "bad_value@steps[0].reason.code"},
      {Set("{id: a, set: {out: 1}, stop: maybe}"), "bad_value@steps[0].stop"},
      // References.
      {Set("{id: a, table: {ref: none, into: v}, set: {out: 1}}"),
       "unknown_reference@steps[0].table.ref"},
      {Set("{id: a, table: {ref: pricing.volume-discount}, set: {out: 1}}"),
       "missing_key@steps[0].table.into"},
      {Set("{id: a, table: {ref: pricing.volume-discount, into: v}, set: {out: v.rebate}}"),
       "unknown_field@steps[0].set.out"},
      {Set("{id: a, call: {ref: t, into: v}, set: {out: 1}}"), "reference_cycle@steps[0].call.ref"},
      {Set("{id: a, call: {ref: half, into: v, with: {price: '1'}}, set: {out: 1}}"),
       "unknown_key@steps[0].call.with.price"},
      {Set("{id: a, call: {ref: half, into: v, with: {line: '1'}}, set: {out: 1}}"),
       "type_mismatch@steps[0].call.with.line"},
      {"{kind: RuleSet, id: T, schema: other@2, rounding: {mode: NEAREST}, "
       "outputs: {out: {type: int}}, steps: [{id: a, set: {out: '1'}}]}",
       "bad_id@id schema_mismatch@schema bad_value@rounding.mode"},
      {"{kind: RuleSet, id: t, schema: quote-line}", "missing_key@outputs missing_key@steps"},
  }));
  CAPTURE(text);
  CHECK(shelf.Refusal(text) == expected);
}

TEST_CASE("a path that fails needs no outputs", "[rules]") {
  Shelf shelf;
  CHECK(Decide(*shelf.Good(Set("{id: a, fail: {code: closed, message: closed today}}"))) ==
        "!closed@a.fail");
}

TEST_CASE("the budget is that of the whole decision", "[rules]") {
  Shelf shelf;
  const auto set = shelf.Good(kLinePrice);
  uint64_t cost = 0;
  RunOn(*set, kFacts, {}, [&](const RuleSetResult& result, expr::Arena&) { cost = result.cost; });
  REQUIRE(cost > 6);

  for (uint64_t budget = 0; budget < cost; ++budget) {
    CAPTURE(budget, cost);
    RunOptions options;
    options.cost = budget;
    RunOn(*set, kFacts, options, [&](const RuleSetResult& result, expr::Arena&) {
      REQUIRE(result.error.has_value());
      CHECK(result.error->code == "cost_exceeded");
      CHECK(result.outputs.empty());
    });
  }
  RunOptions enough;
  enough.cost = cost;
  CHECK(Decide(*set, kFacts, enough).substr(0, 4) == "unit");
}

TEST_CASE("steps that evaluate nothing still cost", "[rules]") {
  Shelf shelf;
  std::string steps = "{id: a, set: {out: 1}}";
  for (int i = 0; i < 100; ++i) absl::StrAppend(&steps, ", {id: s", i, ", set: {out: 2}}");
  RunOptions options;
  options.cost = 100;
  CHECK(Decide(*shelf.Good(Set(steps)), kFacts, options) == "!cost_exceeded@s99.");
}

TEST_CASE("references nest eight deep and no deeper", "[rules]") {
  Shelf shelf;
  shelf.Good(Set("{id: s, set: {out: 1}}", "{type: decimal}", "n0"));
  for (int i = 1; i <= 8; ++i) {
    const auto set = shelf.Good(Set(
        absl::StrCat("{id: s, call: {ref: n", i - 1, ", into: below}, set: {out: below.out + 1}}"),
        "{type: decimal}", absl::StrCat("n", i)));
    CHECK(set->depth() == i);
    CHECK(Decide(*set) == absl::StrCat("out=", i + 1));
  }
  CHECK(shelf.Refusal(Set("{id: s, call: {ref: n8, into: below}, set: {out: below.out}}",
                          "{type: decimal}", "n9")) == "nesting_too_deep@steps[0].call.ref");
}

TEST_CASE("rule sets are parsed in the order of their calls, and circles are named", "[rules]") {
  const auto schema = Schema();
  const auto calls = [](const std::string& id, const std::string& ref) {
    return Read(Set(absl::StrCat("{id: s, call: {ref: ", ref, ", into: v}, set: {out: v.out}}"),
                    "{type: decimal}", id));
  };
  const std::vector<Tree> trees = {
      calls("a", "b"), calls("b", "c"), Read(Set("{id: s, set: {out: 1}}", "{type: decimal}", "c")),
      calls("x", "y"), calls("y", "z"), calls("z", "x")};
  std::vector<RuleSetSource> sources;
  for (const Tree& tree : trees) sources.push_back({&tree, schema});
  std::vector<Fault> faults;
  const auto sets = ParseRuleSets(sources, nullptr, faults);

  CHECK(sets.size() == 3);
  CHECK(sets.at("a")->depth() == 2);
  REQUIRE_FALSE(faults.empty());
  CHECK(faults[0].code == "reference_cycle");
  CHECK(faults[0].path == "z: steps[0].call.ref");
  CHECK(faults[0].message == "x → y → z → x");
}

TEST_CASE("a trace tells what ran and hides what tells of sensitive facts", "[rules]") {
  Shelf shelf;
  const auto set = shelf.Good(kLinePrice);
  RunOptions options;
  options.trace = true;
  RunOn(*set, Line("1200", "0.0475", "0.0381"), options,
        [&](const RuleSetResult& result, expr::Arena&) {
          using Assigned = std::vector<StepTrace::Assigned>;
          REQUIRE(result.trace.size() == 6);
          CHECK(result.trace[0].assigned == Assigned{{"unit_price", "0.0475 EUR"}});
          CHECK_FALSE(result.trace[1].ran);
          CHECK(result.trace[1].assigned.empty());
          CHECK(result.trace[2].rules == std::vector<std::string>{"key-bulk"});
          CHECK(result.trace[2].assigned == Assigned{{"vd", "{discount: 0.22, why: key bulk}"},
                                                     {"discount", "0.22"},
                                                     {"unit_price", "0.0371 EUR"}});
          CHECK(result.trace[2].reason == "key bulk");
          CHECK(result.trace[3].assigned == Assigned{{"floor", "***"}});
          CHECK(result.trace[4].assigned == Assigned{{"unit_price", "***"}});
          CHECK(result.trace[5].assigned == Assigned{{"net", "***"}});
          REQUIRE(result.reasons.size() == 2);
          CHECK(result.reasons[1].code == "MARGIN_FLOOR");
          CHECK(result.reasons[1].step == "apply-floor");
          CHECK(result.reasons[1].In("de") == "Mindestmarge");
        });
}

TEST_CASE("sensitive facts are hidden through calls, reasons and messages", "[rules]") {
  Shelf shelf;
  shelf.Good(Set("{id: in, set: {out: line.cost}, reason: 'cost {= out }'}", "{type: money}", "cost"));
  shelf.Good(Set("{id: in, set: {out: line.quantity.round(40)}}", "{type: decimal}", "broken"));
  RunOptions options;
  options.trace = true;
  const auto outer = shelf.Good(
      Set("{id: a, call: {ref: cost, into: c}, set: {out: c.out, n: line.quantity}}", "{type: money}"));
  CHECK(outer->outputs()[0].sensitive);
  RunOn(*outer, kFacts, options, [&](const RuleSetResult& result, expr::Arena&) {
    REQUIRE(result.trace.size() == 1);
    using Assigned = std::vector<StepTrace::Assigned>;
    CHECK(result.trace[0].assigned == Assigned{{"c", "{out: ***}"}, {"out", "***"}, {"n", "480"}});
    REQUIRE(result.trace[0].inner.size() == 1);
    CHECK(result.trace[0].inner[0].assigned == Assigned{{"out", "***"}});
    REQUIRE(result.reasons.size() == 1);
    CHECK(result.reasons[0].step == "a/in");
    CHECK(result.reasons[0].In("") == "cost ***");
  });
  CHECK(Decide(*shelf.Good(Set("{id: a, call: {ref: broken, into: c}, set: {out: c.out}}"))) ==
        "!invalid_argument@a/in.set.out");
}

TEST_CASE("one rule set serves many threads", "[rules]") {
  Shelf shelf;
  const auto set = shelf.Good(kLinePrice);
  const auto schema_facts = Read(kFacts);
  Fault fault;
  const auto facts = JsonFacts::Make(set->schema(), schema_facts, fault);
  std::vector<std::string> told(4);
  std::vector<std::thread> threads;
  for (std::string& out : told) {
    threads.emplace_back([&] {
      expr::Arena arena;
      for (int i = 0; i < 200; ++i) {
        arena.Reset();
        out = Told(*set, set->Run(*facts, expr::Value::Timestamp(0, 0), arena, {}), arena);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& out : told) {
    CHECK(out == "unit_price=11.0415 EUR; discount=0.15; net=5299.92 EUR; key volume");
  }
}

TEST_CASE("a step may divide by what its when, or a step before, has made sure of", "[rules]") {
  auto [steps, expected] = GENERATE(table<std::string, std::string>({
      {"{id: a, set: {x: line.quantity - 5, out: 1.0 / x}}", "divide_by_zero@steps[0].set.out"},
      {"{id: a, set: {x: line.quantity + 5, out: 1.0 / x}}", ""},
      {"{id: a, set: {x: line.quantity - 5, out: 0.0}}, {id: b, when: x > 0, set: {out: 1.0 / x}}", ""},
      {"{id: a, set: {x: line.quantity - 5, out: 0.0}}, "
       "{id: b, when: x > 0, set: {x: x - 5, out: 1.0 / x}}", "divide_by_zero@steps[1].set.out"},
      {"{id: a, set: {x: line.quantity - 5}}, {id: b, when: x == 0.0, fail: {code: none, message: no}}, "
       "{id: c, set: {out: 1.0 / x}}", ""},
      {"{id: a, set: {x: line.quantity - 5}}, {id: b, when: x == 0.0, fail: {code: none, message: no}}, "
       "{id: c, set: {x: x - 1}}, {id: d, set: {out: 1.0 / x}}", "divide_by_zero@steps[3].set.out"},
      {"{id: a, set: {x: decimal(1.5)}}, {id: b, when: line.quantity > 7, set: {x: decimal(0)}}, "
       "{id: c, set: {out: 1.0 / x}}", "divide_by_zero@steps[2].set.out"},
      {"{id: a, set: {x: decimal(1.5)}}, {id: b, when: line.quantity > 7, set: {x: decimal(2.5)}}, "
       "{id: c, set: {out: 1.0 / x}}", ""},
      {"{id: a, table: {ref: pricing.volume-discount, into: d}, set: {out: 1.0 / (1 - d.discount)}}", ""},
      {"{id: a, table: {ref: pricing.volume-discount, into: d}, set: {out: 1.0 / d.discount}}",
       "divide_by_zero@steps[0].set.out"},
  }));
  CAPTURE(steps);
  Shelf shelf;

  CHECK(shelf.Refusal(Set(steps, "{type: decimal}")) == expected);
}

}  // namespace weft::rules
