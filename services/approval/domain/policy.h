// What an order needs before its release: the thin policy.
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "libs/money/money.h"
#include "services/approval/domain/order_saga.h"

namespace weft::approval {

// The policy that holds for one order, with every default filled in.
struct PolicyTerms {
  std::string rule;             // "policies/default#3"; "builtin" when none is stored.
  bool approval_off = false;
  std::vector<Money> limits;    // At most one a currency.
  Decimal default_limit;        // For a currency that has none.
  bool ask_managers = true;
  std::string role = "sales-manager";
  HoldRule hold = HoldRule::kSubmit;
  absl::Duration approval_time = absl::Hours(72);
  absl::Duration quote_time = absl::Hours(24 * 30);
  absl::Duration erp_answer_time = absl::Hours(4);
};

// The limit that holds for the total's currency.
Money LimitFor(const PolicyTerms& terms, Currency currency);
// True when the total is above it.
bool NeedsApproval(const PolicyTerms& terms, const Money& total);

}  // namespace weft::approval
