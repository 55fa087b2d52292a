// Activations: which versions decide, from when on (LANGUAGE: activations,
// rollback). Pure: the caller stores what comes out.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "libs/rules/documents/document.h"

namespace weft::rules {

struct ActivatedVersion {
  int64_t version = 0;
  std::string hash;
  bool operator==(const ActivatedVersion&) const = default;
};
using ActiveSet = std::map<DocumentKey, ActivatedVersion>;

struct Activation {
  int64_t number = 0;
  absl::Time effective_from;
  ActiveSet documents;                 // Complete.
  int64_t previous = 0;                // What counted at effective_from before it; 0 = none.
  std::vector<int64_t> rolled_back;
  // Against `previous`; version 0 = it went away.
  std::map<DocumentKey, ActivatedVersion> changed;
  int64_t rebased = 0;                 // The scheduled one that it stands for.
};

// All of one tenant and room, by number.
using Activations = std::map<int64_t, Activation>;

// The one that counts at `t`: the greatest effective_from ≤ t, then the highest
// number; nullptr before the first.
const Activation* ActiveAt(const Activations& all, absl::Time t);

// What publishing `changed` (version 0 = remove) from `from` on comes to: the new
// activation and, in order, one for each moment to come at which another set is
// due, with the change in it: what is scheduled stays scheduled, and a document
// that is published now does not come undone by a set that was made before.
// Empty when nothing changes.
std::vector<Activation> Publish(const Activations& all, const ActiveSet& changed,
                                absl::Time from);

// Returns to activation `target`, 0 = to before the first, for all documents or for `chosen`, from `from`
// on. What was scheduled by activations after `target` is called off where all
// return; chosen documents return in it. Empty when nothing changes.
std::vector<Activation> Rollback(const Activations& all, int64_t target,
                                 const std::set<DocumentKey>& chosen, absl::Time from);

// Versions that `after` no longer has and `before` had.
std::vector<std::pair<DocumentKey, int64_t>> LeftBehind(const ActiveSet& before,
                                                        const ActiveSet& after);

}  // namespace weft::rules
