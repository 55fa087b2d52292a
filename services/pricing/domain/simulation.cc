#include "services/pricing/domain/simulation.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"

namespace weft::pricing {
namespace {

// False when the sum does not fit; then nothing is changed.
bool Increase(Decimal& sum, const Decimal& by) {
  Decimal out;
  if (AddInto(sum, by, out) != DecimalError::kOk) return false;
  sum = out;
  return true;
}

void Increase(Simulation::Changes& sums, const Simulation::Changes& by) {
  for (const auto& [currency, amount] : by) Increase(sums[currency], amount);
}

size_t BucketOf(const Decimal& was, const Decimal& change) {
  Decimal hundredfold;
  if (MultiplyInto(change, Decimal::FromUnscaled(100, 0), hundredfold) != DecimalError::kOk) {
    return change.sign() < 0 ? 0 : Simulation::kEdges.size();
  }
  size_t bucket = 0;
  for (const int edge : Simulation::kEdges) {
    Decimal limit;
    if (MultiplyInto(was, Decimal::FromUnscaled(edge, 0), limit) != DecimalError::kOk ||
        hundredfold < limit) {
      break;
    }
    ++bucket;
  }
  return bucket;
}

std::string Tell(const SimulatedLine::Side& side, Currency currency) {
  return side.priced ? absl::StrCat(side.net.ToString(), " ", currency.code())
                     : std::string(side.rule);
}

Decimal SizeOf(const Simulation::Changes& changes) {
  Decimal most;
  for (const auto& [currency, amount] : changes) most = std::max(most, amount.Abs());
  return most;
}

}  // namespace

void Simulation::Add(const SimulatedLine& line) {
  const bool both = line.before.priced && line.after.priced;
  Decimal change;
  if (both) {
    Totals& totals = totals_[line.currency];
    Totals with = totals;
    if (!Increase(with.before, line.before.net) || !Increase(with.after, line.after.net) ||
        SubtractInto(line.after.net, line.before.net, change) != DecimalError::kOk) {
      ++skipped_;
      return;
    }
    totals = with;
  }
  if (line.Same()) {
    ++equal_;
    return;
  }
  ++(both ? changed_ : line.before.priced ? newly_failing_ : newly_passing_);
  Group& group = groups_[Rules(line.before.rule, line.after.rule)];
  Affected& account = accounts_[line.account];
  ++group.cases;
  ++account.cases;
  if (both) {
    ++distribution_[BucketOf(line.before.net, change)];
    Increase(group.change[line.currency], change);
    Increase(account.change[line.currency], change);
  }
  // Texts are made for what may be kept only.
  const Decimal size = change.Abs();
  if (static_cast<int>(group.examples.size()) >= examples_ &&
      (examples_ == 0 || group.examples.back().size > size)) {
    return;
  }
  AddExample({.size = size,
              .invoice = std::string(line.invoice),
              .number = line.number,
              .account = std::string(line.account),
              .sku = std::string(line.sku),
              .quantity = std::string(line.quantity),
              .before = Tell(line.before, line.currency),
              .after = Tell(line.after, line.currency)},
             group);
}

void Simulation::AddExample(Example example, Group& group) const {
  // Among equal changes by name, so that the order of lines does not matter.
  const auto before = [](const Example& a, const Example& b) {
    if (a.size != b.size) return a.size > b.size;
    return std::tie(a.invoice, a.number) < std::tie(b.invoice, b.number);
  };
  group.examples.insert(
      std::upper_bound(group.examples.begin(), group.examples.end(), example, before),
      std::move(example));
  if (static_cast<int>(group.examples.size()) > examples_) group.examples.pop_back();
}

void Simulation::Merge(const Simulation& other) {
  equal_ += other.equal_;
  changed_ += other.changed_;
  newly_failing_ += other.newly_failing_;
  newly_passing_ += other.newly_passing_;
  skipped_ += other.skipped_;
  for (const auto& [currency, theirs] : other.totals_) {
    Totals& ours = totals_[currency];
    Increase(ours.before, theirs.before);
    Increase(ours.after, theirs.after);
  }
  for (size_t i = 0; i < distribution_.size(); ++i) distribution_[i] += other.distribution_[i];
  for (const auto& [rules, theirs] : other.groups_) {
    Group& ours = groups_[rules];
    ours.cases += theirs.cases;
    Increase(ours.change, theirs.change);
    for (const Example& example : theirs.examples) AddExample(example, ours);
  }
  for (const auto& [account, theirs] : other.accounts_) {
    Affected& ours = accounts_[account];
    ours.cases += theirs.cases;
    Increase(ours.change, theirs.change);
  }
}

std::vector<std::pair<Simulation::Rules, const Simulation::Group*>> Simulation::GroupsByCases(
    size_t most) const {
  std::vector<std::pair<Rules, const Group*>> groups;
  for (const auto& [rules, group] : groups_) groups.emplace_back(rules, &group);
  std::sort(groups.begin(), groups.end(), [](const auto& a, const auto& b) {
    if (a.second->cases != b.second->cases) return a.second->cases > b.second->cases;
    return a.first < b.first;
  });
  if (groups.size() > most) groups.resize(most);
  return groups;
}

std::vector<std::pair<std::string, const Simulation::Affected*>> Simulation::AccountsByChange(
    size_t most) const {
  std::vector<std::pair<std::string, const Affected*>> accounts;
  std::map<std::string, Decimal> sizes;
  for (const auto& [name, affected] : accounts_) {
    accounts.emplace_back(name, &affected);
    sizes[name] = SizeOf(affected.change);
  }
  std::sort(accounts.begin(), accounts.end(), [&](const auto& a, const auto& b) {
    const Decimal& size_a = sizes.at(a.first);
    const Decimal& size_b = sizes.at(b.first);
    if (size_a != size_b) return size_a > size_b;
    if (a.second->cases != b.second->cases) return a.second->cases > b.second->cases;
    return a.first < b.first;
  });
  if (accounts.size() > most) accounts.resize(most);
  return accounts;
}

}  // namespace weft::pricing
