// Counts what an agreement's beneficiaries have bought, and what it earns them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "libs/engine/turn.h"
#include "libs/money/decimal.h"
#include "services/pricing/domain/rebate.h"
#include "weft/pricing/v1/rebate_state.pb.h"
#include "weft/pricing/v1/rebates.pb.h"

namespace weft::pricing::rebates {

// Most invoices that a statement shows.
inline constexpr int kMaxShown = 1000;

// Of an agreement that CheckFact accepted.
RebateTerms ToTerms(const facts::v1::RebateAgreementChanged& agreement);

// With at least the currency's minor digits: 0.00 for a sum of nothing.
void ShowMoney(const Decimal& amount, Currency currency, common::v1::Money& out);

// Whose purchases count under the agreement: its account, or the group's members, by
// name. `only` (when not empty) leaves just that one.
// Errors: NOT_FOUND / ACCOUNT_NOT_FOUND when `only` is none of them.
absl::StatusOr<std::vector<std::string>> Beneficiaries(
    const engine::RowReader& rows, const facts::v1::RebateAgreementChanged& agreement,
    const std::string& only);

struct Counted {
  RebatePeriod period;
  Decimal invoiced;   // Eligible.
  Decimal credited;   // Eligible, 0 or below.
  Decimal turnover;
  int invoices = 0;
  std::vector<v1::RebateInvoice> shown;  // When asked for.
};

// Answers which items count; keeps what it has read.
class Eligibility {
 public:
  Eligibility(const engine::RowReader& rows, const facts::v1::ItemTarget& target);
  // "" when it counts, else the reason.
  absl::StatusOr<const char*> Of(const std::string& sku);

 private:
  absl::StatusOr<const char*> Decide(const std::string& sku) const;

  const engine::RowReader& rows_;
  const bool everything_;
  absl::flat_hash_set<std::string> named_, excepted_;
  absl::flat_hash_set<std::string> named_categories_, excepted_categories_;
  absl::flat_hash_map<std::string, const char*> known_;
};

// The purchases of `beneficiary` by period. `within` limits the moments that are read.
// With `show` the invoices are told, at most kMaxShown.
absl::StatusOr<std::map<int64_t, Counted>> Count(
    const engine::RowReader& rows, const facts::v1::RebateAgreementChanged& agreement,
    const std::string& beneficiary, const Period& within, bool show, Eligibility& eligibility);

// The settlements of one period, oldest first.
absl::StatusOr<std::vector<v1::RebateSettlement>> SettlementsOfPeriod(
    const engine::RowReader& rows, const std::string& agreement, const std::string& account,
    int64_t period);

}  // namespace weft::pricing::rebates
