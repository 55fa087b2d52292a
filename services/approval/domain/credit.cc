#include "services/approval/domain/credit.h"

#include "libs/base/error.h"
#include "libs/base/status_macros.h"

namespace weft::approval {

absl::StatusOr<Money> CreditUsed(const CreditStanding& standing,
                                 const std::vector<OpenOrder>& open_orders,
                                 Currency currency) {
  Money used{Decimal(), currency};
  if (standing.open_balance.has_value()) {
    WEFT_ASSIGN_OR_RETURN(used, Add(used, *standing.open_balance));
  }
  for (const OpenOrder& order : open_orders) {
    const bool contained =
        standing.contained_orders.count(order.external_order_id) > 0 ||
        (!order.erp_order.empty() && standing.contained_orders.count(order.erp_order) > 0);
    if (contained) continue;
    WEFT_ASSIGN_OR_RETURN(used, Add(used, order.open));
    for (const OpenOrder::Invoiced& invoice : order.invoices) {
      if (invoice.time <= standing.watermark) continue;
      WEFT_ASSIGN_OR_RETURN(used, Add(used, invoice.net));
    }
  }
  return used;
}

std::optional<Ending> CheckCredit(const CreditStanding& standing,
                                  const std::vector<OpenOrder>& open_orders,
                                  const Money& total) {
  if (!standing.limit.has_value()) return std::nullopt;
  const Money& limit = *standing.limit;
  const absl::StatusOr<Money> used = CreditUsed(standing, open_orders, limit.currency);
  const absl::StatusOr<Money> sum = used.ok() ? Add(*used, total) : used.status();
  const absl::StatusOr<Money> exceeded = sum.ok() ? Subtract(*sum, limit) : sum.status();
  if (!exceeded.ok()) {
    return Ending{.state = OrderState::kRejected,
                  .reason = "CREDIT_CURRENCY",
                  .message = "the credit of the account is kept in another currency, so the order "
                             "cannot be checked against it",
                  .metadata = {{"credit_currency", limit.currency.code()},
                               {"order_currency", total.currency.code()}}};
  }
  if (exceeded->amount.sign() <= 0) return std::nullopt;
  return Ending{.state = OrderState::kRejected,
                .reason = "CREDIT_EXCEEDED",
                .message = "the order does not fit into the credit limit of the account",
                .metadata = {{"limit", limit.amount.ToString()},
                             {"used", used->amount.ToString()},
                             {"total", total.amount.ToString()},
                             {"exceeded_by", exceeded->amount.ToString()},
                             {"currency", limit.currency.code()}}};
}

}  // namespace weft::approval
