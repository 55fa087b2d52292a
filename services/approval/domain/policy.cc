#include "services/approval/domain/policy.h"

namespace weft::approval {

Money LimitFor(const PolicyTerms& terms, Currency currency) {
  for (const Money& limit : terms.limits) {
    if (limit.currency == currency) return limit;
  }
  return Money{terms.default_limit, currency};
}

bool NeedsApproval(const PolicyTerms& terms, const Money& total) {
  return !terms.approval_off && total.amount > LimitFor(terms, total.currency).amount;
}

}  // namespace weft::approval
