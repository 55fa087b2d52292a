#include "libs/rules/documents/activation.h"

#include <algorithm>
#include <functional>

namespace weft::rules {
namespace {

void Apply(const ActiveSet& changed, ActiveSet& documents) {
  for (const auto& [key, version] : changed) {
    if (version.version == 0) {
      documents.erase(key);
    } else {
      documents[key] = version;
    }
  }
}

ActiveSet Difference(const ActiveSet& before, const ActiveSet& after) {
  ActiveSet changed;
  for (const auto& [key, version] : after) {
    const auto old = before.find(key);
    if (old == before.end() || !(old->second == version)) changed[key] = version;
  }
  for (const auto& [key, version] : before) {
    if (after.count(key) == 0) changed[key] = ActivatedVersion();
  }
  return changed;
}

const ActiveSet& SetOf(const Activation* activation) {
  static const ActiveSet* const kNone = new ActiveSet();
  return activation == nullptr ? *kNone : activation->documents;
}

// The activation at `from` with the set that `now` makes, then one for each moment
// to come whose set `later` changes.
std::vector<Activation> Issue(
    const Activations& all, absl::Time from, const std::function<void(ActiveSet&)>& now,
    const std::function<void(const Activation& due, const ActiveSet& before_it, ActiveSet&)>&
        later) {
  std::vector<Activation> made;
  int64_t number = all.empty() ? 1 : all.rbegin()->first + 1;
  const auto add = [&](absl::Time at, const Activation* before, ActiveSet documents,
                       int64_t rebased) {
    Activation activation;
    activation.number = number++;
    activation.effective_from = at;
    activation.previous = before == nullptr ? 0 : before->number;
    activation.changed = Difference(SetOf(before), documents);
    activation.documents = std::move(documents);
    activation.rebased = rebased;
    made.push_back(std::move(activation));
  };
  const Activation* base = ActiveAt(all, from);
  ActiveSet first = SetOf(base);
  now(first);
  if (first != SetOf(base)) add(from, base, std::move(first), 0);

  std::set<absl::Time> moments;
  for (const auto& [unused, activation] : all) {
    if (activation.effective_from > from) moments.insert(activation.effective_from);
  }
  const Activation* before_due = base;
  for (const absl::Time at : moments) {
    const Activation* due = ActiveAt(all, at);
    ActiveSet documents = due->documents;
    later(*due, SetOf(before_due), documents);
    before_due = due;
    if (documents != due->documents) add(at, due, std::move(documents), due->number);
  }
  return made;
}

}  // namespace

const Activation* ActiveAt(const Activations& all, absl::Time t) {
  const Activation* best = nullptr;
  for (const auto& [unused, activation] : all) {
    if (activation.effective_from > t) continue;
    if (best == nullptr || activation.effective_from >= best->effective_from) best = &activation;
  }
  return best;
}

std::vector<Activation> Publish(const Activations& all, const ActiveSet& changed,
                                absl::Time from) {
  // A key stays as a scheduled set has it from the moment that set changes it.
  ActiveSet left = changed;
  return Issue(
      all, from, [&](ActiveSet& documents) { Apply(changed, documents); },
      [&](const Activation& due, const ActiveSet& before, ActiveSet& documents) {
        for (const auto& [key, unused] : Difference(before, due.documents)) left.erase(key);
        Apply(left, documents);
      });
}

std::vector<Activation> Rollback(const Activations& all, int64_t target,
                                 const std::set<DocumentKey>& chosen, absl::Time from) {
  const auto found = all.find(target);
  if (found == all.end() && (target != 0 || all.empty())) return {};
  const ActiveSet& wanted = SetOf(found == all.end() ? nullptr : &found->second);
  const auto back = [&](ActiveSet& documents) {
    if (chosen.empty()) {
      documents = wanted;
      return;
    }
    for (const DocumentKey& key : chosen) {
      const auto old = wanted.find(key);
      if (old == wanted.end()) {
        documents.erase(key);
      } else {
        documents[key] = old->second;
      }
    }
  };
  std::vector<Activation> made = Issue(
      all, from, back, [&](const Activation& due, const ActiveSet&, ActiveSet& documents) {
        if (due.number > target) back(documents);
      });
  if (!made.empty()) {
    for (const auto& [number, unused] : all) {
      if (number > target) made[0].rolled_back.push_back(number);
    }
  }
  return made;
}

std::vector<std::pair<DocumentKey, int64_t>> LeftBehind(const ActiveSet& before,
                                                        const ActiveSet& after) {
  std::vector<std::pair<DocumentKey, int64_t>> left;
  for (const auto& [key, version] : before) {
    const auto now = after.find(key);
    if (now == after.end() || now->second.version != version.version) {
      left.emplace_back(key, version.version);
    }
  }
  return left;
}

}  // namespace weft::rules
