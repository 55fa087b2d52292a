// The life of a version, and what a tenant's policy asks of it (LANGUAGE: life of
// a version, simulation). Decisions only: values in, a refusal or nothing out.
//
// A Policy named `documents.publishing` says which kinds need an approval and what
// a simulation must have shown:
//
//   kind: Policy
//   id: documents.publishing
//   approval: {RuleSet: true, DecisionTable: true}
//   gates: {simulated_cases_min: 1000, changed_percent_max: 20,
//           net_change_percent_max: 2, newly_failing_max: 0}
//
// Without it, or for kinds it does not name, nobody need approve and there is no
// gate: a tenant that has not asked for four eyes is not locked out by default.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "libs/money/decimal.h"
#include "libs/rules/documents/document.h"

namespace weft::rules {

inline constexpr char kPublishingPolicy[] = "documents.publishing";

enum class VersionState {
  kDraft,
  kChecked,
  kApproved,
  kScheduled,
  kActive,
  kSuperseded,
  kRolledBack,
  kWithdrawn
};
const char* NameOf(VersionState state);

// What is stored of a version, and where activations name it.
struct VersionLife {
  VersionState mark = VersionState::kChecked;  // kChecked, kApproved, kRolledBack, kWithdrawn.
  bool published = false;  // Some activation names it.
  bool active = false;     // The one that counts now names it.
  bool due = false;        // One that is to come names it.
};
VersionState StateOf(const VersionLife& life);

struct Gates {
  std::optional<Decimal> simulated_cases_min;
  std::optional<Decimal> changed_percent_max;
  std::optional<Decimal> net_change_percent_max;
  std::optional<Decimal> newly_failing_max;
  bool any() const;
};

struct PublishingPolicy {
  std::set<std::string> approval;  // Kinds.
  Gates gates;
  // Of a sound document; one of nullptr asks for nothing.
  static PublishingPolicy From(const Tree* document);
};

// Refusals, each with reason and metadata; OK otherwise.
//
// FAILED_PRECONDITION / STATE_WRONG; PERMISSION_DENIED / APPROVER_IS_AUTHOR.
absl::Status MayApprove(const std::string& what, VersionState state, absl::string_view author,
                        absl::string_view approver);
// FAILED_PRECONDITION / STATE_WRONG, NOT_APPROVED.
absl::Status MayPublish(const std::string& what, const std::string& kind, VersionState state,
                        bool approved, const PublishingPolicy& policy);
// FAILED_PRECONDITION / STATE_WRONG.
absl::Status MayWithdraw(const std::string& what, VersionState state);

// What a simulation counted.
struct SimulationFigures {
  int64_t cases = 0;
  int64_t changed = 0;
  int64_t newly_failing = 0;
  // Per currency: with the baseline, with the candidates.
  std::vector<std::pair<Decimal, Decimal>> totals;
};
// A finding for each gate that is not passed.
std::vector<Finding> PassGates(const Gates& gates, const SimulationFigures& figures);

}  // namespace weft::rules
