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
//   permissions:
//     - {kind: RuleSet, actions: [publish, rollback], roles: [sales-manager]}
//     - {kind: "*", organisation: "4711", roles: [pricing-manager]}
//
// Without it, or for kinds it does not name, nobody need approve and there is no
// gate: a tenant that has not asked for four eyes is not locked out by default.
// An action on a kind that no permission names is left to pricing managers and
// operators, an approval to sales managers, too. Operators may always change this
// policy, so that nobody can lock a tenant out.
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

// What may be done with documents.
inline constexpr const char* kDocumentActions[] = {"save",    "check",    "approve",
                                                   "publish", "withdraw", "rollback"};

// Who may do it; parts that are empty mean all.
struct Permission {
  std::string kind;
  std::string organisation;
  std::set<std::string> actions;
  std::set<std::string> roles;  // One of them suffices.
  bool Names(absl::string_view action, const DocumentKey& key) const;
};

struct PublishingPolicy {
  std::set<std::string> approval;  // Kinds.
  Gates gates;
  std::vector<Permission> permissions;
  // Of a sound document; one of nullptr asks for nothing.
  static PublishingPolicy From(const Tree* document);
};

// Refusals, each with reason and metadata; OK otherwise.
//
// PERMISSION_DENIED / KIND_NOT_ALLOWED: no permission that names the action, kind
// and organisation has one of `roles`.
absl::Status MayDo(const PublishingPolicy& policy, absl::string_view action,
                   const DocumentKey& key, const std::set<std::string>& roles);
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
