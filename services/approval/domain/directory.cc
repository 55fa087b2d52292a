#include "services/approval/domain/directory.h"

#include <algorithm>
#include <set>

#include "libs/base/status_macros.h"

namespace weft::approval {
namespace {

bool IsRequester(const Question& question, const std::string& user) {
  return std::find(question.requesters.begin(), question.requesters.end(), user) !=
         question.requesters.end();
}

bool MayDecide(const Question& question, const Person& person) {
  return !person.disabled && !IsRequester(question, person.user) &&
         Covers(person, question.total);
}

}  // namespace

bool Holds(const Person& person, absl::string_view role, const Scope& scope) {
  return std::any_of(person.grants.begin(), person.grants.end(), [&](const Grant& grant) {
    return grant.role == role && (grant.account.empty() || grant.account == scope.account) &&
           (grant.organisation.empty() || grant.organisation == scope.organisation);
  });
}

bool Covers(const Person& person, const Money& total) {
  return person.limit.has_value() && person.limit->currency == total.currency &&
         person.limit->amount >= total.amount;
}

absl::StatusOr<Assignment> Assign(const Directory& directory, const Question& question) {
  if (question.ask_managers && !question.requesters.empty() &&
      !question.requesters.front().empty()) {
    std::set<std::string> seen;
    std::string user = question.requesters.front();
    for (int step = 0; step <= kManagerChainMax && !user.empty() && seen.insert(user).second;
         ++step) {
      WEFT_ASSIGN_OR_RETURN(const std::optional<Person> person, directory.Find(user));
      if (!person.has_value()) break;
      if (step > 0 && MayDecide(question, *person)) return Assignment{.user = user, .role = ""};
      user = person->manager;
    }
  }
  Assignment assignment{.user = "", .role = question.role, .nobody = true};
  WEFT_ASSIGN_OR_RETURN(const std::vector<std::string> holders,
                        directory.Holders(question.role));
  for (const std::string& holder : holders) {
    WEFT_ASSIGN_OR_RETURN(const std::optional<Person> person, directory.Find(holder));
    if (person.has_value() && Holds(*person, question.role, question.scope) &&
        MayDecide(question, *person)) {
      assignment.nobody = false;
      break;
    }
  }
  return assignment;
}

}  // namespace weft::approval
