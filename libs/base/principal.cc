#include "libs/base/principal.h"

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"

namespace weft {

bool Principal::IsStaff() const {
  for (const char* role : {"rep", "sales-manager", "pricing-manager", "erp-admin",
                           "operator", "auditor", "service"}) {
    if (Has(role)) return true;
  }
  return false;
}

absl::StatusOr<std::string> ActingAccount(const Principal& principal,
                                          absl::string_view named) {
  const std::string account(named);
  const auto refused = [&] {
    return NotFound("ACCOUNT_NOT_FOUND",
                    absl::StrCat("account '", account, "' is not known; name one your token allows"),
                    {{"account", account}});
  };
  if (!principal.account.empty()) {
    if (!account.empty() && account != principal.account) return refused();
    return principal.account;
  }
  if (account.empty()) return account;
  if (principal.accounts.count("*") > 0 || principal.accounts.count(account) > 0) {
    return account;
  }
  return refused();
}

absl::StatusOr<std::string> ActingUser(const Principal& principal,
                                       absl::string_view named) {
  const std::string user(named);
  if (user.empty() || user == principal.user) return principal.user;
  if (principal.IsStaff() || principal.Has("storefront")) return user;
  return NotFound("USER_NOT_FOUND",
                  absl::StrCat("user '", user, "' is not known; a buyer acts as themselves"),
                  {{"user", user}});
}

}  // namespace weft
