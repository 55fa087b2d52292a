// Test suites (LANGUAGE: test suites).
#include "libs/rules/documents/suite.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/rules/documents/compile.h"

namespace weft::rules {
namespace {

using expr::Arena;
using expr::Type;
using expr::TypeKind;
using expr::Value;

struct Place {
  const SetDocument& suite;
  std::string path;
  std::vector<Finding>& findings;
  void Add(const Tree& at, std::string code, std::string message, std::string hint = "") const {
    findings.push_back({Finding::Severity::kError, std::move(code), suite.key.ToText(), path,
                        at.line, at.column, std::move(message), std::move(hint)});
  }
};

// Whether `value` is what the suite expects; decimals and money by value.
bool Matches(const Tree& expected, const Value& value, Arena& arena) {
  if (expected.is_null()) return value.kind == expr::Kind::kNull;
  if (value.kind == expr::Kind::kList) {
    if (!expected.is_list() || expected.items.size() != value.length) return false;
    for (uint32_t i = 0; i < value.length; ++i) {
      if (!Matches(expected.items[i], value.items[i], arena)) return false;
    }
    return true;
  }
  if (value.kind == expr::Kind::kMap) {
    if (!expected.is_map()) return false;
    for (const auto& [name, field] : expected.fields) {
      const Value* found = expr::MapFind(*value.map, Value::String(name));
      if (found == nullptr || !Matches(field, *found, arena)) return false;
    }
    return true;
  }
  const std::pair<expr::Kind, TypeKind> kScalars[] = {
      {expr::Kind::kBool, TypeKind::kBool},           {expr::Kind::kInt, TypeKind::kInt},
      {expr::Kind::kUint, TypeKind::kUint},           {expr::Kind::kDouble, TypeKind::kDouble},
      {expr::Kind::kString, TypeKind::kString},       {expr::Kind::kBytes, TypeKind::kBytes},
      {expr::Kind::kDecimal, TypeKind::kDecimal},     {expr::Kind::kMoney, TypeKind::kMoney},
      {expr::Kind::kTimestamp, TypeKind::kTimestamp}, {expr::Kind::kDuration, TypeKind::kDuration}};
  for (const auto& [kind, type] : kScalars) {
    if (value.kind != kind) continue;
    Value wanted;
    return ReadScalar(type, expected, arena, wanted) && expr::Equals(wanted, value, arena);
  }
  return expected.is_scalar() && expected.text == expr::ToText(value, arena);
}

std::string Written(const Tree& tree) {
  if (tree.is_scalar()) return tree.text;
  return CanonicalJson(tree);
}

absl::Time MomentOf(const Tree& facts, absl::Time otherwise) {
  const Tree* now = facts.Find("now");
  absl::Time at;
  std::string error;
  if (now != nullptr && absl::ParseTime(absl::RFC3339_full, now->text, &at, &error)) return at;
  return otherwise;
}

// The facts of a case; `now` is left out where the schema does not want it.
Tree FactsOf(const Tree& facts, const FactSchema& schema) {
  Tree out = facts;
  const auto& variables = schema.environment().variables;
  const bool wanted = std::any_of(variables.begin(), variables.end(),
                                  [](const auto& v) { return v.name == "now"; });
  if (!wanted && out.is_map()) {
    out.fields.erase(std::remove_if(out.fields.begin(), out.fields.end(),
                                    [](const auto& field) { return field.first == "now"; }),
                     out.fields.end());
  }
  return out;
}

struct Outcome {
  std::string rule;  // What decided; only where it is asked for.
  uint64_t cost = 0;
  std::string error;
  std::string error_message;
  std::vector<std::pair<std::string, Value>> outputs;
  std::vector<std::string> reasons;
};

Outcome RunTable(const DecisionTable& table, const expr::Facts& facts, const Value& now,
                 Arena& arena) {
  Outcome outcome;
  const TableResult result = table.Decide(facts, now, arena, {});
  outcome.cost = result.cost;
  for (const int rule : result.rules) {
    absl::StrAppend(&outcome.rule, outcome.rule.empty() ? "" : ", ",
                    table.rules()[static_cast<size_t>(rule)].id);
  }
  if (result.value.is_error()) {
    outcome.error = std::string(expr::CodeName(result.value.code));
    outcome.error_message = std::string(result.value.view());
    return outcome;
  }
  for (const TableOutput& output : table.outputs()) {
    const Value* found = result.value.kind == expr::Kind::kMap
                             ? expr::MapFind(*result.value.map, Value::String(output.id))
                             : nullptr;
    outcome.outputs.emplace_back(output.id, found != nullptr ? *found : result.value);
  }
  return outcome;
}

// "start, volume(big)": the steps that ran, with the rules of their tables.
void NameSteps(const std::vector<StepTrace>& trace, std::string& out) {
  for (const StepTrace& step : trace) {
    if (!step.ran) continue;
    absl::StrAppend(&out, out.empty() ? "" : ", ", step.id);
    if (!step.rules.empty()) absl::StrAppend(&out, "(", absl::StrJoin(step.rules, " "), ")");
    NameSteps(step.inner, out);
  }
}

Outcome RunRuleSet(const RuleSet& rule_set, const expr::Facts& facts, const Value& now,
                   Arena& arena, bool trace) {
  Outcome outcome;
  RuleSetResult result = rule_set.Run(facts, now, arena, {.trace = trace});
  outcome.cost = result.cost;
  NameSteps(result.trace, outcome.rule);
  if (result.error.has_value()) {
    outcome.error = result.error->code;
    outcome.error_message = result.error->ToString();
    return outcome;
  }
  for (size_t i = 0; i < result.outputs.size(); ++i) {
    outcome.outputs.emplace_back(rule_set.outputs()[i].name, result.outputs[i]);
  }
  for (const Reason& reason : result.reasons) outcome.reasons.push_back(reason.In("en"));
  return outcome;
}

bool Passes(const Tree& one, const Outcome& outcome, Arena& arena, const Place& place) {
  if (const Tree* error = one.Find("expect_error"); error != nullptr) {
    if (outcome.error == error->text) return true;
    place.Add(*error, "test_failed",
              absl::StrCat("error ", error->text, " is expected, it came to ",
                           outcome.error.empty() ? "a result" : outcome.error_message));
    return false;
  }
  if (!outcome.error.empty()) {
    place.Add(one, "test_failed", absl::StrCat("it fails: ", outcome.error_message));
    return false;
  }
  bool passes = true;
  if (const Tree* expect = one.Find("expect"); expect != nullptr) {
    for (const auto& [name, wanted] : expect->fields) {
      const auto found =
          std::find_if(outcome.outputs.begin(), outcome.outputs.end(),
                       [&, n = &name](const auto& output) { return output.first == *n; });
      if (found != outcome.outputs.end() && Matches(wanted, found->second, arena)) continue;
      passes = false;
      place.Add(wanted, "test_failed",
                absl::StrCat(name, ": ", Written(wanted), " is expected, it came to ",
                             found == outcome.outputs.end()
                                 ? "nothing of that name"
                                 : expr::ToText(found->second, arena)));
    }
  }
  if (const Tree* reasons = one.Find("expect_reasons"); reasons != nullptr) {
    std::vector<std::string> wanted;
    for (const Tree& reason : reasons->items) wanted.push_back(reason.text);
    if (wanted != outcome.reasons) {
      passes = false;
      place.Add(*reasons, "test_failed",
                absl::StrCat("reasons: ", absl::StrJoin(outcome.reasons, ", "), "; expected ",
                             absl::StrJoin(wanted, ", ")));
    }
  }
  return passes;
}

Value Moment(absl::Time at) {
  const int64_t seconds = absl::ToUnixSeconds(at);
  return Value::Timestamp(
      seconds, static_cast<int32_t>((at - absl::FromUnixSeconds(seconds)) / absl::Nanoseconds(1)));
}

}  // namespace

std::vector<DecidedCase> DecideSuite(const SetDocument& suite, const Rules& rules, absl::Time now,
                                     bool at_now) {
  std::vector<DecidedCase> decided;
  const std::string what = suite.tree->TextOr("for");
  const std::string id = what.substr(what.find('/') + 1);
  const bool of_table = what.rfind("DecisionTable/", 0) == 0;
  const auto rule_set = rules.rule_sets.find(id);
  const auto table = rules.tables.find(id);
  const bool found = of_table ? table != rules.tables.end() : rule_set != rules.rule_sets.end();
  const Tree* cases = suite.tree->Find("cases");
  for (size_t i = 0; cases != nullptr && i < cases->items.size(); ++i) {
    const Tree& one = cases->items[i];
    DecidedCase& out = decided.emplace_back();
    out.name = one.TextOr("name");
    if (out.name.empty()) out.name = absl::StrCat("cases[", i, "]");
    if (!found) {
      out.error = "unknown_reference";
      continue;
    }
    const FactSchema& schema = of_table ? table->second->schema() : rule_set->second->schema();
    const Tree* given = one.Find("facts");
    Tree fields = given != nullptr ? FactsOf(*given, schema) : Tree();
    const absl::Time at = at_now ? now : MomentOf(given != nullptr ? *given : one, now);
    if (at_now) {
      for (auto& [name, value] : fields.fields) {
        if (name == "now") value.text = absl::FormatTime(absl::RFC3339_full, now, absl::UTCTimeZone());
      }
    }
    Fault fault;
    const auto facts = JsonFacts::Make(schema, fields, fault);
    if (facts == nullptr) {
      out.error = fault.code;
      continue;
    }
    Arena arena;
    const Outcome outcome = of_table
                                ? RunTable(*table->second, *facts, Moment(at), arena)
                                : RunRuleSet(*rule_set->second, *facts, Moment(at), arena, true);
    out.error = outcome.error;
    out.rule = outcome.rule;
    out.cost = static_cast<int64_t>(outcome.cost);
    for (const auto& [name, value] : outcome.outputs) {
      out.outputs[name] = expr::ToText(value, arena);
      if (value.kind == expr::Kind::kMoney) {
        out.amount = value.decimal;
        out.currency = std::string(expr::CurrencyCode(value.currency));
      }
    }
  }
  return decided;
}

void RunSuite(const SetDocument& suite, const Rules& rules, absl::Time now,
              std::vector<Finding>& findings, int& run, int& failed) {
  const Tree& document = *suite.tree;
  const std::string what = document.TextOr("for");
  const std::string id = what.substr(what.find('/') + 1);
  const auto rule_set = rules.rule_sets.find(id);
  const auto table = rules.tables.find(id);
  const bool of_table = what.rfind("DecisionTable/", 0) == 0;
  const Place head{suite, "for", findings};
  if (of_table ? table == rules.tables.end() : rule_set == rules.rule_sets.end()) {
    return head.Add(document, "unknown_reference",
                    absl::StrCat("there is no '", what, "' to test"),
                    "for: RuleSet/id or DecisionTable/id");
  }
  const FactSchema& schema = of_table ? table->second->schema() : rule_set->second->schema();
  const Tree* cases = document.Find("cases");
  if (cases == nullptr || !cases->is_list()) {
    return head.Add(document, "missing_key", "a suite has a list of cases");
  }
  for (size_t i = 0; i < cases->items.size(); ++i) {
    const Tree& one = cases->items[i];
    const Place place{suite, absl::StrCat("cases[", i, "] ", one.TextOr("name")), findings};
    ++run;
    const Tree* given = one.Find("facts");
    Fault fault;
    const Tree fields = given != nullptr ? FactsOf(*given, schema) : Tree();
    const auto facts = JsonFacts::Make(schema, fields, fault);
    if (facts == nullptr) {
      const Tree* error = one.Find("expect_error");
      if (error != nullptr && error->text == fault.code) continue;
      ++failed;
      place.Add(given != nullptr ? *given : one, fault.code, fault.message, fault.hint);
      continue;
    }
    Arena arena;
    const absl::Time at = MomentOf(given != nullptr ? *given : one, now);
    const Value moment = Moment(at);
    const Outcome outcome = of_table ? RunTable(*table->second, *facts, moment, arena)
                                     : RunRuleSet(*rule_set->second, *facts, moment, arena, false);
    if (!Passes(one, outcome, arena, place)) ++failed;
  }
}

}  // namespace weft::rules
