#include "services/pricing/domain/rules/access_plan.h"

#include <algorithm>
#include <initializer_list>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace weft::pricing {
namespace {

using rules::Fault;
using rules::Tree;

template <typename T>
using Words = std::initializer_list<std::pair<absl::string_view, T>>;

template <typename T>
std::string Listed(Words<T> words) {
  return absl::StrJoin(words, ", ", [](std::string* out, const auto& word) {
    absl::StrAppend(out, word.first);
  });
}

}  // namespace

class AccessPlanParser {
 public:
  AccessPlanParser(const Tree& document, std::vector<Fault>& faults)
      : document_(document), faults_(faults), before_(faults.size()) {}

  std::shared_ptr<const AccessPlan> Run() {
    plan_ = std::make_shared<AccessPlan>();
    if (!document_.is_map()) {
      Add(document_, "", "not_a_map", "an access sequence is a map", "kind, id, steps");
      return nullptr;
    }
    CheckKeys(document_, "", {"kind", "id", "version", "scope", "title", "owner", "note", "units",
                              "steps", "best_price"});
    ReadUnits();
    ReadSteps();
    ReadExclusions();
    ReadGroups();
    for (const AccessStep& step : plan_->steps_) {
      plan_->conditional_ = plan_->conditional_ || step.conditional();
      plan_->converts_ = plan_->converts_ || step.convert;
    }
    return Failed() ? nullptr : plan_;
  }

 private:
  void Add(const Tree& at, std::string path, std::string code, std::string message,
           std::string hint = "") {
    faults_.push_back({std::move(code), std::move(path), at.line, at.column, std::move(message),
                       std::move(hint), false});
  }
  bool Failed() const {
    return std::any_of(faults_.begin() + static_cast<std::ptrdiff_t>(before_), faults_.end(),
                       [](const Fault& fault) { return !fault.warning; });
  }
  void CheckKeys(const Tree& tree, const std::string& path,
                 std::initializer_list<absl::string_view> known) {
    for (const auto& [key, value] : tree.fields) {
      if (std::find(known.begin(), known.end(), absl::string_view(key)) == known.end()) {
        Add(value, absl::StrCat(path, path.empty() ? "" : ".", key), "unknown_key",
            absl::StrCat("'", key, "' is not known here"), absl::StrJoin(known, ", "));
      }
    }
  }
  template <typename T>
  bool ReadWord(const Tree& tree, const std::string& path, Words<T> words, T& out) {
    for (const auto& [word, value] : words) {
      if (tree.is_scalar() && tree.text == word) {
        out = value;
        return true;
      }
    }
    Add(tree, path, "bad_value", absl::StrCat("'", tree.text, "' is not possible here"),
        Listed(words));
    return false;
  }
  // Calls `each` with every element of the list at `key`; a missing one is empty.
  template <typename F>
  void EachOf(const Tree& tree, const std::string& path, absl::string_view key, F each) {
    const Tree* list = tree.Find(key);
    if (list == nullptr) return;
    if (!list->is_list() || list->items.empty()) {
      Add(*list, absl::StrCat(path, key), "bad_value", absl::StrCat(key, " is a list"));
      return;
    }
    for (size_t i = 0; i < list->items.size(); ++i) {
      each(list->items[i], absl::StrCat(path, key, "[", i, "]"));
    }
  }

  void ReadUnits() {
    if (document_.Find("units") == nullptr) return;
    std::array<uint8_t, 3> preference{AccessPlan::kNotUsed, AccessPlan::kNotUsed,
                                      AccessPlan::kNotUsed};
    uint8_t next = 0;
    EachOf(document_, "", "units", [&](const Tree& item, const std::string& path) {
      size_t unit = 0;
      if (!ReadWord<size_t>(item, path, {{"asked", 0}, {"base", 1}, {"other", 2}}, unit)) return;
      if (preference[unit] != AccessPlan::kNotUsed) {
        return Add(item, path, "duplicate", absl::StrCat("'", item.text, "' stands twice"));
      }
      preference[unit] = next++;
    });
    plan_->unit_preference_ = preference;
  }

  void ReadSteps() {
    const Tree* steps = document_.Find("steps");
    if (steps == nullptr || !steps->is_list() || steps->items.empty()) {
      Add(steps == nullptr ? document_ : *steps, "steps", "missing_key",
          "an access sequence needs at least one step", "steps: [{id, source}]");
      return;
    }
    if (steps->items.size() > AccessPlan::kStepsMax) {
      Add(*steps, "steps", "too_many", absl::StrCat("at most ", AccessPlan::kStepsMax, " steps"));
      return;
    }
    for (size_t i = 0; i < steps->items.size(); ++i) {
      ReadStep(steps->items[i], absl::StrCat("steps[", i, "]."));
    }
  }

  void ReadStep(const Tree& tree, const std::string& path) {
    AccessStep& step = plan_->steps_.emplace_back();
    if (!tree.is_map()) return Add(tree, path, "not_a_map", "a step is a map", "id, source");
    CheckKeys(tree, path.substr(0, path.size() - 1),
              {"id", "source", "owners", "targets", "order", "combine", "currency", "scopes",
               "excludes", "channels", "organisations", "branches", "note"});
    step.id = tree.TextOr("id");
    if (step.id.empty()) Add(tree, path + "id", "missing_key", "a step needs an id");
    if (Number(step.id) + 1 < plan_->steps_.size()) {
      Add(tree, path + "id", "duplicate", absl::StrCat("two steps are called '", step.id, "'"));
    }
    if (const Tree* source = tree.Find("source")) {
      ReadWord<AccessStep::Source>(*source, path + "source",
                                   {{"contract", AccessStep::Source::kContract},
                                    {"book", AccessStep::Source::kBook}},
                                   step.source);
    } else {
      Add(tree, path + "source", "missing_key", "a step needs a source", "contract, book");
    }
    if (const Tree* combine = tree.Find("combine")) {
      ReadWord<Combine>(*combine, path + "combine",
                        {{"FIRST", Combine::kFirst},
                         {"BEST_PRICE", Combine::kBestPrice},
                         {"MERGE_TIERS", Combine::kMergeTiers}},
                        step.combine);
    }
    const auto texts = [&](absl::string_view key, std::vector<std::string>& out) {
      EachOf(tree, path, key, [&](const Tree& item, const std::string& at) {
        if (!item.is_scalar() || item.text.empty()) {
          return Add(item, at, "bad_value", "a name is a text");
        }
        out.push_back(item.text);
      });
    };
    texts("channels", step.channels);
    texts("organisations", step.organisations);
    texts("branches", step.branches);
    if (step.source == AccessStep::Source::kContract) {
      ReadContractStep(tree, path, step);
    } else {
      ReadBookStep(tree, path, step);
    }
  }

  void OnlyFor(const Tree& tree, const std::string& path, absl::string_view source,
               std::initializer_list<absl::string_view> keys) {
    for (const absl::string_view key : keys) {
      if (const Tree* field = tree.Find(key)) {
        Add(*field, absl::StrCat(path, key), "not_of_source",
            absl::StrCat("'", key, "' is of steps with source ", source, " only"), "leave it out");
      }
    }
  }

  void ReadContractStep(const Tree& tree, const std::string& path, AccessStep& step) {
    OnlyFor(tree, path, "book", {"scopes", "currency"});
    EachOf(tree, path, "owners", [&](const Tree& item, const std::string& at) {
      AccessStep::Owner owner = AccessStep::Owner::kAccount;
      if (!ReadWord<AccessStep::Owner>(item, at,
                                       {{"ship-to", AccessStep::Owner::kShipTo},
                                        {"project", AccessStep::Owner::kProject},
                                        {"account", AccessStep::Owner::kAccount},
                                        {"parents", AccessStep::Owner::kParents},
                                        {"groups", AccessStep::Owner::kGroups}},
                                       owner)) {
        return;
      }
      if (std::find(step.owners.begin(), step.owners.end(), owner) != step.owners.end()) {
        return Add(item, at, "duplicate", absl::StrCat("'", item.text, "' stands twice"));
      }
      step.owners.push_back(owner);
    });
    EachOf(tree, path, "targets", [&](const Tree& item, const std::string& at) {
      Facts::Target target = Facts::Target::kSku;
      if (!ReadWord<Facts::Target>(item, at,
                                   {{"sku", Facts::Target::kSku},
                                    {"category", Facts::Target::kCategory},
                                    {"all", Facts::Target::kEverything}},
                                   target)) {
        return;
      }
      if (std::find(step.targets.begin(), step.targets.end(), target) != step.targets.end()) {
        return Add(item, at, "duplicate", absl::StrCat("'", item.text, "' stands twice"));
      }
      step.targets.push_back(target);
    });
    if (tree.Find("owners") == nullptr) {
      Add(tree, path + "owners", "missing_key", "a step over contracts says whose",
          "ship-to, project, account, parents, groups");
    }
    if (tree.Find("targets") == nullptr) {
      Add(tree, path + "targets", "missing_key", "a step over contracts says for what",
          "sku, category, all");
    }
    if (const Tree* order = tree.Find("order")) {
      ReadWord<bool>(*order, path + "order", {{"BY_OWNER", true}, {"BY_TARGET", false}},
                     step.by_owner);
    }
  }

  void ReadBookStep(const Tree& tree, const std::string& path, AccessStep& step) {
    OnlyFor(tree, path, "contract", {"owners", "targets", "order"});
    if (const Tree* currency = tree.Find("currency")) {
      ReadWord<bool>(*currency, path + "currency", {{"asked", false}, {"converted", true}},
                     step.convert);
    }
    if (tree.Find("scopes") == nullptr) return;
    step.scopes = 0;
    EachOf(tree, path, "scopes", [&](const Tree& item, const std::string& at) {
      uint8_t scope = 0;
      if (ReadWord<uint8_t>(item, at,
                            {{"branch", AccessStep::kBranch},
                             {"organisation", AccessStep::kOrganisation},
                             {"channel", AccessStep::kChannel},
                             {"group", AccessStep::kGroup},
                             {"everyone", AccessStep::kEveryone}},
                            scope)) {
        step.scopes |= scope;
      }
    });
  }

  // steps_.size() when there is none of that id.
  size_t Number(absl::string_view id) const {
    size_t i = 0;
    while (i < plan_->steps_.size() && plan_->steps_[i].id != id) ++i;
    return i;
  }
  // False and a fault when `item` names no step.
  bool FindStep(const Tree& item, const std::string& path, size_t& number) {
    number = item.is_scalar() ? Number(item.text) : plan_->steps_.size();
    if (number < plan_->steps_.size()) return true;
    Add(item, path, "unknown_reference", absl::StrCat("no step is called '", item.text, "'"));
    return false;
  }

  void ReadExclusions() {
    const Tree* steps = document_.Find("steps");
    if (steps == nullptr || plan_->steps_.size() != steps->items.size()) return;
    for (size_t i = 0; i < plan_->steps_.size(); ++i) {
      const std::string path = absl::StrCat("steps[", i, "].");
      EachOf(steps->items[i], path, "excludes", [&](const Tree& item, const std::string& at) {
        size_t other = 0;
        if (!FindStep(item, at, other)) return;
        if (other <= i) {
          return Add(item, at, "not_later",
                     absl::StrCat("'", item.text, "' was asked already; a step excludes later ones"));
        }
        plan_->steps_[i].excludes |= uint64_t{1} << other;
      });
    }
  }

  void ReadGroups() {
    int8_t group = 0;
    EachOf(document_, "", "best_price", [&](const Tree& list, const std::string& path) {
      if (!list.is_list() || list.items.size() < 2) {
        return Add(list, path, "bad_value", "a best-price group names two steps or more");
      }
      std::vector<size_t> members;
      for (size_t i = 0; i < list.items.size(); ++i) {
        const std::string at = absl::StrCat(path, "[", i, "]");
        size_t number = 0;
        if (!FindStep(list.items[i], at, number)) continue;
        AccessStep& step = plan_->steps_[number];
        if (step.group >= 0) {
          Add(list.items[i], at, "duplicate", absl::StrCat("'", step.id, "' competes already"));
        }
        if (step.combine == Combine::kMergeTiers) {
          Add(list.items[i], at, "merge_competes",
              absl::StrCat("'", step.id, "' merges tiers and cannot compete for the best price"),
              "combine: BEST_PRICE");
        }
        step.group = group;
        members.push_back(number);
      }
      std::sort(members.begin(), members.end());
      if (!members.empty() && members.back() - members.front() + 1 != members.size()) {
        Add(list, path, "not_adjacent",
            "steps of one best-price group follow each other without others between them");
      }
      ++group;
    });
  }

  const Tree& document_;
  std::vector<Fault>& faults_;
  const size_t before_;
  std::shared_ptr<AccessPlan> plan_;
};

std::shared_ptr<const AccessPlan> AccessPlan::Parse(const rules::Tree& document,
                                                    std::vector<rules::Fault>& faults) {
  return AccessPlanParser(document, faults).Run();
}

}  // namespace weft::pricing
