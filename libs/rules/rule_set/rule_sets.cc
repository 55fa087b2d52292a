#include "libs/rules/rule_set/rule_sets.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace weft::rules {
namespace {

// Chains longer than this are refused before they are followed.
constexpr size_t kChainMax = 64;

class Assembly {
 public:
  Assembly(const std::vector<RuleSetSource>& sources, const TableFinder& tables,
           std::vector<Fault>& faults)
      : faults_(faults) {
    references_.table = tables;
    references_.rule_set = [this](const std::string& id) {
      const auto found = parsed_.find(id);
      return found == parsed_.end() ? nullptr : found->second;
    };
    for (const RuleSetSource& source : sources) {
      const std::string id = source.document->TextOr("id");
      if (!sources_.emplace(id, &source).second) {
        Add(id, *source.document, "id", "duplicate_id",
            absl::StrCat("there are two rule sets '", id, "'"));
      }
    }
  }

  std::map<std::string, std::shared_ptr<const RuleSet>> Run() {
    for (const auto& [id, source] : sources_) Need(id);
    for (auto it = parsed_.begin(); it != parsed_.end();) {
      it = it->second == nullptr ? parsed_.erase(it) : std::next(it);
    }
    return std::move(parsed_);
  }

 private:
  void Add(const std::string& id, const Tree& at, const std::string& path, std::string code,
           std::string message) {
    faults_.push_back({std::move(code), absl::StrCat(id, ": ", path), at.line, at.column,
                       std::move(message), "references form no cycle", false});
  }

  // Parses what `id` calls, then `id`. nullptr stands for faults.
  void Need(const std::string& id) {
    const auto source = sources_.find(id);
    if (source == sources_.end() || parsed_.count(id) != 0) return;
    chain_.push_back(id);
    const Tree& document = *source->second->document;
    const bool sound = NeedCalled(id, document);
    chain_.pop_back();
    std::shared_ptr<const RuleSet>& slot = parsed_[id];
    if (!sound || slot != nullptr) return;
    std::vector<Fault> found;
    slot = RuleSet::Parse(document, source->second->schema, references_, found);
    for (Fault& fault : found) {
      fault.path = absl::StrCat(id, ": ", fault.path);
      faults_.push_back(std::move(fault));
    }
  }

  // False and a fault when a call leads back to a document of the chain.
  bool NeedCalled(const std::string& id, const Tree& document) {
    const Tree* steps = document.Find("steps");
    if (steps == nullptr || !steps->is_list()) return true;
    bool sound = true;
    for (size_t i = 0; i < steps->items.size(); ++i) {
      const Tree* call = steps->items[i].is_map() ? steps->items[i].Find("call") : nullptr;
      if (call == nullptr || !call->is_map()) continue;
      const std::string ref = call->TextOr("ref");
      const std::string path = absl::StrCat("steps[", i, "].call.ref");
      const auto circle = std::find(chain_.begin(), chain_.end(), ref);
      if (circle != chain_.end()) {
        Add(id, *call, path, "reference_cycle",
            absl::StrCat(absl::StrJoin(circle, chain_.end(), " → "), " → ", ref));
        sound = false;
      } else if (chain_.size() >= kChainMax) {
        Add(id, *call, path, "nesting_too_deep",
            absl::StrCat("more than ", kChainMax, " rule sets call each other in a row"));
        sound = false;
      } else {
        Need(ref);
      }
    }
    return sound;
  }

  std::vector<Fault>& faults_;
  References references_;
  std::map<std::string, const RuleSetSource*> sources_;
  std::map<std::string, std::shared_ptr<const RuleSet>> parsed_;
  std::vector<std::string> chain_;
};

}  // namespace

std::map<std::string, std::shared_ptr<const RuleSet>> ParseRuleSets(
    const std::vector<RuleSetSource>& sources, const TableFinder& tables,
    std::vector<Fault>& faults) {
  return Assembly(sources, tables, faults).Run();
}

}  // namespace weft::rules
