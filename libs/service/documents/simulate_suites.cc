#include "libs/service/documents/simulate_suites.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/rules/documents/suite.h"

namespace weft::documents {
namespace {

using rules::DecidedCase;

// Amount, or the outputs that are not money, or the error.
std::string Tell(const DecidedCase& decided) {
  if (!decided.error.empty()) return decided.error;
  if (decided.amount.has_value()) {
    return absl::StrCat(decided.amount->ToString(), " ", decided.currency);
  }
  std::vector<std::string> parts;
  for (const auto& [name, text] : decided.outputs) parts.push_back(absl::StrCat(name, " ", text));
  return absl::StrJoin(parts, ", ");
}

struct Group {
  int64_t cases = 0;
  std::map<std::string, Decimal> change;
  std::vector<v1::SimulatedCase> examples;
};

struct Sums {
  Decimal before;
  Decimal after;
};

void Increase(Decimal& sum, const Decimal& by) {
  Decimal out;
  if (AddInto(sum, by, out) == DecimalError::kOk) sum = out;
}

void SetMoney(const std::string& currency, const Decimal& amount, common::v1::Money& out) {
  out.set_currency_code(currency);
  out.set_amount(amount.ToString());
}

}  // namespace

void SetCosts(std::vector<int64_t> before, std::vector<int64_t> after,
              v1::SimulateResponse& report) {
  std::sort(before.begin(), before.end());
  std::sort(after.begin(), after.end());
  const auto at = [](const std::vector<int64_t>& sorted, size_t percent) {
    if (sorted.empty()) return int64_t{0};
    return sorted[std::max<size_t>((sorted.size() * percent + 99) / 100, 1) - 1];
  };
  for (const int percent : {50, 95, 99, 100}) {
    v1::SimulatedCost& cost = *report.add_costs();
    cost.set_percent(percent);
    cost.set_baseline(at(before, static_cast<size_t>(percent)));
    cost.set_candidate(at(after, static_cast<size_t>(percent)));
  }
}

v1::SimulateResponse SimulateSuites(const std::vector<rules::SetDocument>& suites,
                                    const rules::CompiledSet& before,
                                    const rules::CompiledSet& after, absl::Time now, bool at_now,
                                    int examples) {
  v1::SimulateResponse report;
  std::map<std::pair<std::string, std::string>, Group> groups;
  std::map<std::string, Sums> totals;
  std::vector<int64_t> costs_before;
  std::vector<int64_t> costs_after;
  for (const rules::SetDocument& suite : suites) {
    const std::vector<DecidedCase> was = rules::DecideSuite(suite, before.rules, now, at_now);
    const std::vector<DecidedCase> is = rules::DecideSuite(suite, after.rules, now, at_now);
    for (size_t i = 0; i < was.size(); ++i) {
      const DecidedCase& a = was[i];
      const DecidedCase& b = is[i];
      report.set_cases(report.cases() + 1);
      costs_before.push_back(a.cost);
      costs_after.push_back(b.cost);
      const bool both = a.error.empty() && b.error.empty();
      const bool money = both && a.amount.has_value() && b.amount.has_value() &&
                         a.currency == b.currency;
      Decimal change;
      if (money && SubtractInto(*b.amount, *a.amount, change) == DecimalError::kOk) {
        Increase(totals[a.currency].before, *a.amount);
        Increase(totals[a.currency].after, *b.amount);
      }
      if (a.error == b.error && (!both || a.outputs == b.outputs)) {
        report.set_equal(report.equal() + 1);
        continue;
      }
      if (both) {
        report.set_changed(report.changed() + 1);
      } else if (a.error.empty()) {
        report.set_newly_failing(report.newly_failing() + 1);
      } else if (b.error.empty()) {
        report.set_newly_passing(report.newly_passing() + 1);
      } else {
        report.set_equal(report.equal() + 1);  // Fails otherwise, and fails.
        continue;
      }
      Group& group = groups[{a.error.empty() ? a.rule : a.error, b.error.empty() ? b.rule : b.error}];
      ++group.cases;
      if (money) Increase(group.change[a.currency], change);
      if (static_cast<int>(group.examples.size()) < examples) {
        v1::SimulatedCase& example = group.examples.emplace_back();
        example.set_id(absl::StrCat(suite.key.id, "/", a.name));
        example.set_before(Tell(a));
        example.set_after(Tell(b));
      }
    }
  }
  for (const auto& [currency, sums] : totals) {
    SetMoney(currency, sums.before, *report.add_baseline_total());
    SetMoney(currency, sums.after, *report.add_candidate_total());
    Decimal change;
    if (SubtractInto(sums.after, sums.before, change) == DecimalError::kOk) {
      SetMoney(currency, change, *report.add_change());
    }
  }
  for (const auto& [rules, group] : groups) {
    v1::SimulatedGroup& out = *report.add_groups();
    out.set_rule_before(rules.first);
    out.set_rule_after(rules.second);
    out.set_cases(group.cases);
    for (const auto& [currency, amount] : group.change) {
      SetMoney(currency, amount, *out.add_change());
    }
    for (const v1::SimulatedCase& example : group.examples) *out.add_examples() = example;
  }
  std::stable_sort(report.mutable_groups()->begin(), report.mutable_groups()->end(),
                   [](const v1::SimulatedGroup& a, const v1::SimulatedGroup& b) {
                     return a.cases() > b.cases();
                   });
  SetCosts(std::move(costs_before), std::move(costs_after), report);
  return report;
}

}  // namespace weft::documents
