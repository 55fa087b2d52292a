#include "services/pricing/domain/comparison.h"

#include <algorithm>

namespace weft::pricing {
namespace {

// Sums of money of a report do not overflow 34 digits; one that did would stay as it was.
void AddTo(Decimal& sum, const Decimal& amount) {
  Decimal out;
  if (AddInto(sum, amount, out) == DecimalError::kOk) sum = out;
}

bool Differ(const std::optional<Decimal>& a, const std::optional<Decimal>& b) {
  return a.has_value() && b.has_value() && *a != *b;
}

Decimal RiskOf(const Comparison::Worst& worst) {
  return worst.judgement.difference.has_value() ? worst.judgement.difference->Abs() : Decimal();
}

}  // namespace

Judgement Judge(const ComparedLine& line, const Decimal& tolerance) {
  Judgement judgement;
  if (!line.has_price || !line.theirs.has_price()) {
    judgement.likeness =
        line.has_price == line.theirs.has_price() ? Likeness::kEqual : Likeness::kBeyond;
    return judgement;
  }
  judgement.likeness = Likeness::kBeyond;
  Decimal their_net, difference;
  if (line.theirs.net.has_value()) {
    their_net = *line.theirs.net;
  } else if (MulRound(*line.theirs.unit, line.quantity, line.currency.minor_digits(),
                      RoundingMode::kHalfUp, their_net) != DecimalError::kOk) {
    return judgement;
  }
  judgement.their_net = their_net;
  if (SubtractInto(line.our_net, their_net, difference) != DecimalError::kOk) return judgement;
  judgement.difference = difference;

  const bool equal = line.theirs.net.has_value() ? difference.is_zero()
                                                 : line.our_unit == *line.theirs.unit;
  Decimal distance = difference;
  if (!equal && line.theirs.unit.has_value() &&
      SubtractInto(line.our_unit, *line.theirs.unit, distance) != DecimalError::kOk) {
    return judgement;
  }
  judgement.likeness = equal                          ? Likeness::kEqual
                       : distance.Abs() <= tolerance ? Likeness::kWithin
                                                      : Likeness::kBeyond;
  return judgement;
}

bool IsNoise(const ComparedLine& line) {
  if (!line.again.has_price()) return false;
  if (!line.theirs.has_price()) return true;
  return Differ(line.theirs.net, line.again.net) || Differ(line.theirs.unit, line.again.unit);
}

void MoneyAtRisk::Add(const Decimal& difference) {
  AddTo(gross, difference.Abs());
  AddTo(net, difference);
}

void MoneyAtRisk::Add(const MoneyAtRisk& other) {
  AddTo(gross, other.gross);
  AddTo(net, other.net);
}

void Comparison::Add(const ComparedLine& line) {
  Judgement judgement = Judge(line, tolerance_);
  ++lines;
  if (IsNoise(line)) ++noise;
  if (judgement.likeness == Likeness::kEqual) ++equal;
  if (judgement.likeness == Likeness::kWithin) ++within;
  if (judgement.likeness != Likeness::kBeyond) return;
  ++beyond;
  if (!line.has_price) ++only_theirs;
  if (!line.theirs.has_price()) ++only_ours;
  const Decimal difference = judgement.difference.value_or(Decimal());
  if (judgement.difference.has_value()) money[line.currency].Add(difference);
  for (const auto& [groups, key] : {std::pair<Groups*, const std::string*>{&rules, &line.rule},
                                    {&accounts, &line.account},
                                    {&items, &line.sku}}) {
    Group& group = (*groups)[{*key, line.currency}];
    ++group.lines;
    group.money.Add(difference);
  }
  AddWorst({line, std::move(judgement)});
}

void Comparison::AddWorst(Worst one) {
  const auto at = std::upper_bound(
      worst.begin(), worst.end(), one,
      [](const Worst& a, const Worst& b) { return RiskOf(a) > RiskOf(b); });
  worst.insert(at, std::move(one));
  if (worst.size() > kMaxWorst) worst.pop_back();
}

void Comparison::Merge(const Comparison& other) {
  lines += other.lines;
  equal += other.equal;
  within += other.within;
  beyond += other.beyond;
  only_theirs += other.only_theirs;
  only_ours += other.only_ours;
  noise += other.noise;
  for (const auto& [currency, risk] : other.money) money[currency].Add(risk);
  for (const auto& [mine, theirs] :
       {std::pair<Groups*, const Groups*>{&rules, &other.rules},
        {&accounts, &other.accounts},
        {&items, &other.items}}) {
    for (const auto& [key, group] : *theirs) {
      Group& added = (*mine)[key];
      added.lines += group.lines;
      added.money.Add(group.money);
    }
  }
  for (const Worst& one : other.worst) AddWorst(one);
}

std::string Percent(int64_t part, int64_t whole) {
  if (whole == 0) return "100.00";
  Decimal hundredfold, percent;
  if (MultiplyInto(Decimal(part), Decimal(100), hundredfold) != DecimalError::kOk ||
      DivRound(hundredfold, Decimal(whole), 2, RoundingMode::kHalfUp, percent) !=
          DecimalError::kOk) {
    return "";
  }
  return percent.ToString();
}

std::vector<GateFailure> CheckGate(const Comparison& comparison, const Gate& gate) {
  std::vector<GateFailure> failures;
  Decimal different, allowed;
  if (gate.different_percent_max.has_value() &&
      (MultiplyInto(Decimal(comparison.different_adjusted()), Decimal(100), different) !=
           DecimalError::kOk ||
       MultiplyInto(*gate.different_percent_max, Decimal(comparison.lines), allowed) !=
           DecimalError::kOk ||
       different > allowed)) {
    failures.push_back(GateFailure::kDifferences);
  }
  if (gate.gross_risk_max.has_value() &&
      std::any_of(comparison.money.begin(), comparison.money.end(), [&](const auto& entry) {
        return entry.second.gross > *gate.gross_risk_max;
      })) {
    failures.push_back(GateFailure::kRisk);
  }
  return failures;
}

}  // namespace weft::pricing
