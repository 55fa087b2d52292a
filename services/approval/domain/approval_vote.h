// Who may decide an approval, and what a decision does to it.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/approval/domain/directory.h"

namespace weft::approval {

// Numbers are those of the contract (weft.approval.v1.ApprovalState).
enum class ApprovalState {
  kUnspecified = 0,
  kOpen = 1,
  kApproved = 2,
  kRejected = 3,
  kExpired = 4,
  kWithdrawn = 5,
};

// "OPEN".
const char* ApprovalStateName(ApprovalState state);

// What a decision depends on.
struct OpenQuestion {
  ApprovalState state = ApprovalState::kOpen;
  std::vector<Assignment> assignees;
  std::vector<std::string> requesters;  // Who ordered, who submitted; "" entries are skipped.
  Money total;
  Scope scope;
};

// Who decides. `person` is what the directory says; `token_roles` are roles of
// the caller's own token, empty when the caller names another user.
struct Decider {
  std::string user;
  std::optional<Person> person;
  std::vector<std::string> token_roles;
};

struct Vote {
  ApprovalState to = ApprovalState::kApproved;  // kApproved or kRejected.
  std::string decided_for;  // Assignee stood in for; "" when decided in their own right.
};

// True when the question is put to this user: assigned in person, by a role held
// there, or as the substitute of an assigned person. `stood_in_for` is set in
// the last case. `assigned` looks people up (assigned users only).
absl::StatusOr<bool> IsAsked(const Directory& directory, const OpenQuestion& question,
                             const Decider& decider, std::string& stood_in_for);

// Errors, in order of precedence: FAILED_PRECONDITION / ALREADY_CLOSED;
// PERMISSION_DENIED / CANNOT_DECIDE_OWN, NOT_ELIGIBLE, LIMIT_TOO_LOW. Saying no
// needs no limit.
absl::StatusOr<Vote> DecideVote(const Directory& directory, const OpenQuestion& question,
                                const Decider& decider, bool approve);

}  // namespace weft::approval
