// People, as far as approvals need them: who manages whom, who has which role
// where, and up to what total somebody may approve.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/money/money.h"

namespace weft::approval {

struct Grant {
  std::string role;
  std::string account;       // "" = every account.
  std::string organisation;  // "" = every organisation.
};

struct Person {
  std::string user;
  std::string account;  // "" for staff.
  std::vector<Grant> grants;
  std::string manager;
  std::optional<Money> limit;  // May approve up to it; missing = nothing.
  std::string substitute;
  bool disabled = false;
};

// Where an order stands, for the scope of roles.
struct Scope {
  std::string account;
  std::string organisation;
};

// Where people are looked up; app reads rows, a test has a map.
class Directory {
 public:
  virtual ~Directory() = default;
  virtual absl::StatusOr<std::optional<Person>> Find(const std::string& user) const = 0;
  // Users granted the role anywhere, at most 1,000, by user id.
  virtual absl::StatusOr<std::vector<std::string>> Holders(const std::string& role) const = 0;
};

// True when a grant of the person gives the role there.
bool Holds(const Person& person, absl::string_view role, const Scope& scope);
// True when the person may approve that total: same currency, limit not below it.
bool Covers(const Person& person, const Money& total);

// Who is asked: a user or a role, never neither. `nobody` = the role is asked,
// but nobody known may decide: an incident.
struct Assignment {
  std::string user;
  std::string role;
  bool nobody = false;
  bool operator==(const Assignment&) const = default;
};

struct Question {
  std::vector<std::string> requesters;  // May not decide: who ordered, who submitted.
  Money total;
  Scope scope;
  bool ask_managers = true;
  std::string role;  // Fallback, e.g. "sales-manager".
};

// The first manager going up from requesters[0] whose limit covers the total,
// who is not disabled and not a requester; else the role. A chain is followed
// through disabled managers and those with too low a limit, at most 10 up, and
// ends at a cycle.
absl::StatusOr<Assignment> Assign(const Directory& directory, const Question& question);

inline constexpr int kManagerChainMax = 10;

}  // namespace weft::approval
