#include "services/approval/domain/approval_vote.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"

namespace weft::approval {

const char* ApprovalStateName(ApprovalState state) {
  switch (state) {
    case ApprovalState::kUnspecified:
      return "UNSPECIFIED";
    case ApprovalState::kOpen:
      return "OPEN";
    case ApprovalState::kApproved:
      return "APPROVED";
    case ApprovalState::kRejected:
      return "REJECTED";
    case ApprovalState::kExpired:
      return "EXPIRED";
    case ApprovalState::kWithdrawn:
      return "WITHDRAWN";
  }
  return "UNSPECIFIED";
}

absl::StatusOr<bool> IsAsked(const Directory& directory, const OpenQuestion& question,
                             const Decider& decider, std::string& stood_in_for) {
  stood_in_for.clear();
  if (decider.user.empty()) return false;
  if (decider.person.has_value() && decider.person->disabled) return false;
  for (const Assignment& assignee : question.assignees) {
    if (!assignee.user.empty() && assignee.user == decider.user) return true;
    if (!assignee.role.empty()) {
      const bool by_token = std::find(decider.token_roles.begin(), decider.token_roles.end(),
                                      assignee.role) != decider.token_roles.end();
      const bool by_directory =
          decider.person.has_value() && Holds(*decider.person, assignee.role, question.scope);
      if (by_token || by_directory) return true;
    }
  }
  for (const Assignment& assignee : question.assignees) {
    if (assignee.user.empty()) continue;
    WEFT_ASSIGN_OR_RETURN(const std::optional<Person> person, directory.Find(assignee.user));
    if (person.has_value() && person->substitute == decider.user) {
      stood_in_for = assignee.user;
      return true;
    }
  }
  return false;
}

absl::StatusOr<Vote> DecideVote(const Directory& directory, const OpenQuestion& question,
                                const Decider& decider, bool approve) {
  if (question.state != ApprovalState::kOpen) {
    return FailedPrecondition(
        "ALREADY_CLOSED",
        absl::StrCat("the approval is ", ApprovalStateName(question.state), " already"),
        {{"state", ApprovalStateName(question.state)}});
  }
  if (std::find(question.requesters.begin(), question.requesters.end(), decider.user) !=
      question.requesters.end()) {
    return PermissionDenied("CANNOT_DECIDE_OWN",
                            "nobody decides on an order of their own; somebody else has to");
  }
  Vote vote;
  WEFT_ASSIGN_OR_RETURN(const bool asked,
                        IsAsked(directory, question, decider, vote.decided_for));
  if (!asked) {
    return PermissionDenied("NOT_ELIGIBLE",
                            "the question was not put to this user; see `assignees`");
  }
  if (!approve) {
    vote.to = ApprovalState::kRejected;
    return vote;
  }
  if (!decider.person.has_value() || !Covers(*decider.person, question.total)) {
    const bool has_limit = decider.person.has_value() && decider.person->limit.has_value();
    return PermissionDenied(
        "LIMIT_TOO_LOW", "the total is above what this user may approve",
        {{"total", question.total.ToString()},
         {"limit", has_limit ? decider.person->limit->ToString() : "none"}});
  }
  vote.to = ApprovalState::kApproved;
  return vote;
}

}  // namespace weft::approval
