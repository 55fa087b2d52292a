// Who is calling, as a verified token says it. Made by libs/rpc from a token,
// carried by libs/engine with a command, read by rooms. A plain value.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace weft {

// The closed set of roles. `kService` is another room calling; it stands for
// the causing user in `Principal::user`.
inline constexpr const char* kRoles[] = {
    "guest",          "buyer",        "buyer-approver", "buyer-admin", "storefront",
    "rep",            "sales-manager", "pricing-manager", "erp-admin",  "operator",
    "auditor",        "service"};

struct Principal {
  std::string tenant;
  std::string subject;         // The token's subject.
  std::string user;            // Opaque user id; "" for a machine without a user.
  std::string account;         // Set for buyers: the one account they act for.
  std::set<std::string> roles;
  std::set<std::string> permissions;  // E.g. "see-cost".
  // What a storefront or staff principal may name in a request; "*" = all.
  std::set<std::string> accounts;
  std::set<std::string> organisations;
  std::set<std::string> channels;
  std::string channel;         // Default channel of the token.
  std::string language;        // BCP 47, for texts; "" = "en".

  bool Has(absl::string_view role) const { return roles.count(std::string(role)) > 0; }
  bool May(absl::string_view permission) const {
    return permissions.count(std::string(permission)) > 0;
  }
  // Works for the seller: rep, sales-manager, pricing-manager, erp-admin,
  // operator, auditor or another room.
  bool IsStaff() const;
  bool operator==(const Principal&) const = default;
};

// The account a request acts for: a buyer's own, whatever was named must equal
// it; for a storefront, staff or a room the named one, if the token allows it.
// "" when none was named and none is fixed (a guest's question).
// Errors: NOT_FOUND / ACCOUNT_NOT_FOUND for an account the token does not allow
// (a foreign account cannot be told from one that does not exist).
absl::StatusOr<std::string> ActingAccount(const Principal& principal,
                                          absl::string_view named);

// The user a request acts as: a buyer's own; for storefront, staff, rooms the
// named one, or their own when none is named.
// Errors: NOT_FOUND / USER_NOT_FOUND.
absl::StatusOr<std::string> ActingUser(const Principal& principal,
                                       absl::string_view named);

}  // namespace weft
