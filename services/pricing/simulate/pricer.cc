#include "services/pricing/simulate/pricer.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "services/pricing/convert.h"

namespace weft::pricing::simulate {
namespace {

constexpr size_t kGroupsMax = 100;
constexpr size_t kAccountsMax = 20;

void SetChanges(const Simulation::Changes& changes,
                google::protobuf::RepeatedPtrField<common::v1::Money>& out) {
  for (const auto& [currency, amount] : changes) SetMoney(amount, currency, *out.Add());
}

}  // namespace

void NameRule(const Outcome& outcome, const Waterfall& waterfall, std::string& out) {
  out.clear();
  if (outcome.reason != LineReason::kNone) {
    out = ReasonName(outcome.reason);
    return;
  }
  absl::StrAppend(&out, outcome.contract ? "contracts/" : "books/", outcome.maker);
  for (size_t i = 0; i < waterfall.codes().size(); ++i) {
    if ((outcome.codes >> i & 1) != 0) absl::StrAppend(&out, ", ", waterfall.codes()[i]);
  }
}

void AskLines(const Facts& facts, const Buyer& buyer, const PricingRules& rules,
              const std::vector<Case::Line>& lines, LineAnswer& scratch,
              std::vector<Outcome>& outcomes) {
  outcomes.resize(lines.size());
  PriceFinder finder(facts, buyer, rules);
  do {
    for (size_t i = 0; i < lines.size(); ++i) {
      scratch.cost = 0;
      finder.Find(lines[i].question, Depth::kWinner, scratch);
      Outcome& out = outcomes[i];
      out.reason = scratch.reason;
      out.cost = scratch.cost;
      if (scratch.reason != LineReason::kNone) continue;
      const bool book = scratch.source == Source::kBook || scratch.source == Source::kList;
      out.net = scratch.net;
      out.contract = !book;
      out.maker = book ? facts.Text(scratch.owner) : scratch.offer.name;
      out.codes = scratch.codes;
    }
    // Once more where lines turn out to reach tiers together.
  } while (finder.StartOver());
}

absl::StatusOr<Pricer::Sets> Pricer::RulesFor(const Facts& facts, const Buyer& buyer,
                                              absl::string_view channel) {
  rules::DocumentScope scope;
  if (buyer.account != nullptr) {
    scope.organisation = std::string(facts.Text(buyer.account->organisation));
    scope.branch = std::string(facts.Text(buyer.account->branch));
  }
  scope.channel = std::string(channel);
  const auto [found, is_new] =
      sets_.try_emplace(std::tuple(scope.organisation, scope.branch, scope.channel));
  Sets& sets = found->second;
  if (!is_new) return sets;
  for (const auto& [compiled_for, rules] :
       {std::pair(&before_, &sets.before), std::pair(&after_, &sets.after)}) {
    const rules::CompiledSet* compiled = (*compiled_for)(scope);
    if (compiled == nullptr) {
      sets_.erase(found);
      return FailedPrecondition("RULES_STALE",
                                absl::StrCat("documents of organisation '", scope.organisation,
                                             "', branch '", scope.branch, "' do not compile"),
                                {{"organisation", scope.organisation}, {"branch", scope.branch}});
    }
    *rules = compiled->As<PricingRules>();
    if (*rules == nullptr) *rules = PricingRules::Platform().get();
  }
  return sets;
}

absl::Status Pricer::Price(const Facts& facts, const Case& asked) {
  if (asked.lines.empty()) return absl::OkStatus();
  if (!DescribeBuyer(facts,
                     {.account = asked.account,
                      .channel = asked.channel,
                      .currency = asked.currency,
                      .as_of_us = asked.as_of_us,
                      .project = asked.project,
                      .ship_to = asked.ship_to},
                     buyer_)
           .ok()) {
    result_.Skip(static_cast<int64_t>(asked.lines.size()));
    return absl::OkStatus();
  }
  buyer_.coupons = asked.coupons;
  WEFT_ASSIGN_OR_RETURN(const Sets sets, RulesFor(facts, buyer_, asked.channel));
  AskLines(facts, buyer_, *sets.before, asked.lines, answer_, outcomes_before_);
  AskLines(facts, buyer_, *sets.after, asked.lines, answer_, outcomes_after_);
  for (size_t i = 0; i < asked.lines.size(); ++i) {
    const Outcome& before = outcomes_before_[i];
    const Outcome& after = outcomes_after_[i];
    if (before.reason == LineReason::kUnknownItem) {
      result_.Skip(1);
      continue;
    }
    ++costs_before_[before.cost];
    ++costs_after_[after.cost];
    const Case::Line& line = asked.lines[i];
    SimulatedLine simulated{
        .invoice = asked.id,
        .number = line.number,
        .account = asked.account,
        .sku = line.question.sku,
        .quantity = line.question.quantity,
        .currency = buyer_.currency,
        .before = {.priced = before.reason == LineReason::kNone, .net = before.net, .rule = {}},
        .after = {.priced = after.reason == LineReason::kNone, .net = after.net, .rule = {}}};
    if (!simulated.Same()) {
      NameRule(before, sets.before->waterfall(), rule_before_);
      NameRule(after, sets.after->waterfall(), rule_after_);
      simulated.before.rule = rule_before_;
      simulated.after.rule = rule_after_;
    }
    result_.Add(simulated);
  }
  return absl::OkStatus();
}

void SetReport(const Simulation& result, documents::v1::SimulateResponse& out) {
  out.set_cases(result.cases());
  out.set_equal(result.equal());
  out.set_changed(result.changed());
  out.set_newly_failing(result.newly_failing());
  out.set_newly_passing(result.newly_passing());
  out.set_skipped(result.skipped());
  for (const auto& [currency, totals] : result.totals()) {
    SetMoney(totals.before, currency, *out.add_baseline_total());
    SetMoney(totals.after, currency, *out.add_candidate_total());
    Decimal change;
    if (SubtractInto(totals.after, totals.before, change) == DecimalError::kOk) {
      SetMoney(change, currency, *out.add_change());
    }
  }
  constexpr auto& kEdges = Simulation::kEdges;
  for (size_t i = 0; i <= kEdges.size(); ++i) {
    if (result.distribution()[i] == 0) continue;
    documents::v1::SimulatedBucket& bucket = *out.add_distribution();
    if (i > 0) bucket.set_from_percent(absl::StrCat(kEdges[i - 1]));
    if (i < kEdges.size()) bucket.set_to_percent(absl::StrCat(kEdges[i]));
    bucket.set_cases(result.distribution()[i]);
  }
  for (const auto& [rules, group] : result.GroupsByCases(kGroupsMax)) {
    documents::v1::SimulatedGroup& shown = *out.add_groups();
    shown.set_rule_before(rules.first);
    shown.set_rule_after(rules.second);
    shown.set_cases(group->cases);
    SetChanges(group->change, *shown.mutable_change());
    for (const Simulation::Example& example : group->examples) {
      documents::v1::SimulatedCase& one = *shown.add_examples();
      one.set_id(absl::StrCat(example.invoice, "/", example.number));
      one.set_account(example.account);
      one.set_sku(example.sku);
      one.set_quantity(example.quantity);
      one.set_before(example.before);
      one.set_after(example.after);
    }
  }
  for (const auto& [account, affected] : result.AccountsByChange(kAccountsMax)) {
    documents::v1::SimulatedAccount& shown = *out.add_accounts();
    shown.set_account(account);
    shown.set_cases(affected->cases);
    SetChanges(affected->change, *shown.mutable_change());
  }
}

void SetCostReport(const std::vector<const Pricer::Costs*>& before,
                   const std::vector<const Pricer::Costs*>& after,
                   documents::v1::SimulateResponse& out) {
  const auto merged = [](const std::vector<const Pricer::Costs*>& parts) {
    std::map<int64_t, int64_t> all;
    for (const Pricer::Costs* part : parts) {
      for (const auto& [cost, cases] : *part) all[cost] += cases;
    }
    return all;
  };
  const auto at = [](const std::map<int64_t, int64_t>& all, int percent) {
    int64_t cases = 0;
    for (const auto& [unused, count] : all) cases += count;
    int64_t seen = 0;
    for (const auto& [cost, count] : all) {
      seen += count;
      if (seen * 100 >= cases * percent) return cost;
    }
    return int64_t{0};
  };
  const std::map<int64_t, int64_t> were = merged(before);
  const std::map<int64_t, int64_t> are = merged(after);
  for (const int percent : {50, 95, 99, 100}) {
    documents::v1::SimulatedCost& cost = *out.add_costs();
    cost.set_percent(percent);
    cost.set_baseline(at(were, percent));
    cost.set_candidate(at(are, percent));
  }
}

}  // namespace weft::pricing::simulate
