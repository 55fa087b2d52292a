// Whether an order fits into what its account may owe.
//
//   used = open balance of the ERP
//        + our open orders that the balance does not contain, as far as they are
//          not invoiced
//        + their invoices later than the balance
//
// An order fits when used + its total <= limit. No limit = always.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/approval/domain/directory.h"
#include "services/approval/domain/order_saga.h"

namespace weft::approval {

struct CreditStanding {
  std::optional<Money> limit;
  std::optional<Money> open_balance;
  absl::Time watermark;
  std::set<std::string> contained_orders;
};

struct OpenOrder {
  std::string order;
  std::string external_order_id;
  std::string erp_order;
  Money open;  // Not invoiced.
  struct Invoiced {
    absl::Time time;
    Money net;
  };
  std::vector<Invoiced> invoices;
};

// What the account uses without the order at hand, in `currency`.
// Errors: INVALID_ARGUMENT / CURRENCY_MISMATCH, OVERFLOW.
absl::StatusOr<Money> CreditUsed(const CreditStanding& standing,
                                 const std::vector<OpenOrder>& open_orders,
                                 Currency currency);

// The end of the order, or nullopt when it fits: CREDIT_EXCEEDED (metadata:
// limit, used, total, exceeded_by, currency), or CREDIT_CURRENCY when the credit
// is kept in another currency and nothing can be said.
std::optional<Ending> CheckCredit(const CreditStanding& standing,
                                  const std::vector<OpenOrder>& open_orders,
                                  const Money& total);

}  // namespace weft::approval
