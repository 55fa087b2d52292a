#include "services/pricing/comparison_convert.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"

namespace weft::pricing {
namespace {

absl::Status ReadLimit(const std::string& text, const char* field, std::optional<Decimal>& out) {
  if (text.empty()) return absl::OkStatus();
  Decimal value;
  if (Decimal::ParseInto(text, value) != DecimalError::kOk || value.sign() < 0) {
    return InvalidArgument("FIELD_INVALID",
                           absl::StrCat(field, ": '", text.substr(0, 60),
                                        "' is no decimal number of 0 or more"),
                           {{"field", field}});
  }
  out = value;
  return absl::OkStatus();
}

void SetMoney(const MoneyAtRisk& money, Currency currency, v1::CompareMoney& out) {
  out.set_currency_code(currency.code());
  out.set_gross_risk(money.gross.ToString());
  out.set_net(money.net.ToString());
}

Decimal Parsed(const std::string& text) {
  Decimal value;
  return Decimal::ParseInto(text, value) == DecimalError::kOk ? value : Decimal();
}

MoneyAtRisk ReadMoney(const v1::CompareMoney& message) {
  return {.gross = Parsed(message.gross_risk()), .net = Parsed(message.net())};
}

template <typename Out>
void SetGroups(const Comparison::Groups& groups, size_t most, Out& out) {
  std::vector<const Comparison::Groups::value_type*> sorted;
  sorted.reserve(groups.size());
  for (const auto& group : groups) sorted.push_back(&group);
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) {
    return a->second.money.gross > b->second.money.gross;
  });
  if (sorted.size() > most) sorted.resize(most);
  for (const auto* group : sorted) {
    v1::CompareGroup& added = *out.Add();
    added.set_key(group->first.first);
    added.set_lines(group->second.lines);
    SetMoney(group->second.money, group->first.second, *added.mutable_money());
  }
}

template <typename In>
void ReadGroups(const In& in, Comparison::Groups& groups) {
  for (const v1::CompareGroup& group : in) {
    Comparison::Group& added =
        groups[{group.key(), Currency::Find(group.money().currency_code())}];
    added.lines += group.lines();
    added.money.Add(ReadMoney(group.money()));
  }
}

}  // namespace

absl::Status ReadGate(const v1::CompareGate& message, Gate& gate) {
  WEFT_RETURN_IF_ERROR(ReadLimit(message.different_percent_max(), "gate.differentPercentMax",
                                 gate.different_percent_max));
  return ReadLimit(message.gross_risk_max(), "gate.grossRiskMax", gate.gross_risk_max);
}

v1::PriceComparison ToProto(const Comparison& comparison, size_t groups) {
  v1::PriceComparison out;
  out.set_lines(comparison.lines);
  out.set_equal(comparison.equal);
  out.set_within_tolerance(comparison.within);
  out.set_beyond(comparison.beyond);
  out.set_only_theirs(comparison.only_theirs);
  out.set_only_ours(comparison.only_ours);
  out.set_noise(comparison.noise);
  out.set_different_adjusted(comparison.different_adjusted());
  out.set_exact_percent(Percent(comparison.equal, comparison.lines));
  out.set_tolerance_percent(Percent(comparison.equal + comparison.within, comparison.lines));
  // Nothing compared, nothing different.
  out.set_different_adjusted_percent(
      comparison.lines == 0 ? "0.00" : Percent(comparison.different_adjusted(), comparison.lines));
  for (const auto& [currency, money] : comparison.money) {
    SetMoney(money, currency, *out.add_money());
  }
  SetGroups(comparison.rules, groups, *out.mutable_rules());
  SetGroups(comparison.accounts, groups, *out.mutable_accounts());
  SetGroups(comparison.items, groups, *out.mutable_items());
  for (const Comparison::Worst& worst : comparison.worst) {
    v1::CompareDifference& added = *out.add_worst();
    const ComparedLine& line = worst.line;
    added.set_label(line.label);
    added.set_account(line.account);
    added.set_sku(line.sku);
    added.mutable_quantity()->set_value(line.quantity.ToString());
    added.mutable_quantity()->set_unit(line.unit);
    if (worst.judgement.their_net.has_value()) {
      added.set_theirs(worst.judgement.their_net->ToString());
    } else if (line.theirs.has_price()) {
      added.set_theirs(line.theirs.net.value_or(line.theirs.unit.value_or(Decimal())).ToString());
    }
    if (line.has_price) added.set_ours(line.our_net.ToString());
    if (worst.judgement.difference.has_value()) {
      added.mutable_difference()->set_amount(worst.judgement.difference->ToString());
      added.mutable_difference()->set_currency_code(line.currency.code());
    }
    added.set_rule(line.rule);
    added.set_decision_id(line.decision_id);
  }
  return out;
}

void SetVerdict(const Comparison& comparison, const Gate& gate, v1::PriceComparison& out) {
  const std::vector<GateFailure> failures = CheckGate(comparison, gate);
  v1::CompareVerdict& verdict = *out.mutable_verdict();
  verdict.set_passed(failures.empty());
  for (const GateFailure failure : failures) {
    common::v1::Reason& reason = *verdict.add_reasons();
    if (failure == GateFailure::kDifferences) {
      reason.set_reason("TOO_MANY_DIFFERENCES");
      reason.set_message(absl::StrCat(
          Percent(comparison.different_adjusted(), comparison.lines),
          " % of the lines differ after noise; the gate allows ",
          gate.different_percent_max->ToString(), " %"));
      continue;
    }
    reason.set_reason("RISK_TOO_HIGH");
    for (const auto& [currency, money] : comparison.money) {
      if (money.gross <= *gate.gross_risk_max) continue;
      reason.set_message(absl::StrCat("lines differ by ", money.gross.ToString(), " ",
                                      currency.code(), " in all; the gate allows ",
                                      gate.gross_risk_max->ToString()));
    }
  }
}

Comparison FromProto(const v1::PriceComparison& message) {
  Comparison out;
  out.lines = message.lines();
  out.equal = message.equal();
  out.within = message.within_tolerance();
  out.beyond = message.beyond();
  out.only_theirs = message.only_theirs();
  out.only_ours = message.only_ours();
  out.noise = message.noise();
  for (const v1::CompareMoney& money : message.money()) {
    out.money[Currency::Find(money.currency_code())].Add(ReadMoney(money));
  }
  ReadGroups(message.rules(), out.rules);
  ReadGroups(message.accounts(), out.accounts);
  ReadGroups(message.items(), out.items);
  for (const v1::CompareDifference& worst : message.worst()) {
    Comparison::Worst one;
    one.line.label = worst.label();
    one.line.account = worst.account();
    one.line.sku = worst.sku();
    one.line.quantity = Parsed(worst.quantity().value());
    one.line.unit = worst.quantity().unit();
    one.line.currency = Currency::Find(worst.difference().currency_code());
    one.line.rule = worst.rule();
    one.line.decision_id = worst.decision_id();
    one.line.has_price = !worst.ours().empty();
    if (one.line.has_price) one.line.our_net = Parsed(worst.ours());
    if (!worst.theirs().empty()) one.line.theirs.net = Parsed(worst.theirs());
    if (worst.has_difference()) {
      one.judgement.their_net = one.line.theirs.net;
      one.judgement.difference = Parsed(worst.difference().amount());
    }
    one.judgement.likeness = Likeness::kBeyond;
    out.worst.push_back(std::move(one));
  }
  return out;
}

}  // namespace weft::pricing
