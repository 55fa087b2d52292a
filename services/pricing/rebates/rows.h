// What the owner of pricing stores for rebates. Keys, behind the engine's partition,
// tenant and table:
//
//   rebate_agreements   = agreement
//   rebate_items        = sku
//   rebate_categories   = category
//   rebate_accounts     = account
//   rebate_members      = "p" parent account | "g" group account
//   rebate_invoices     = account counts_us invoice
//   rebate_places       = invoice
//   rebate_credits      = credited-invoice credit     a credit that waits for, or follows, its
//                                                     invoice
//   rebate_settlements  = agreement account period number
//
// An invoice lies at the moment it counts at: its own, or for a credit that of the
// invoice it takes back. `period` is RebatePeriod::key_us.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "libs/engine/table.h"
#include "weft/pricing/v1/rebate_state.pb.h"

namespace weft::pricing::rebates {

inline constexpr engine::Table<v1::RebateAgreementRow> kAgreements{61, "rebate_agreements"};
inline constexpr engine::Table<v1::RebateItemRow> kItems{62, "rebate_items"};
inline constexpr engine::Table<v1::RebateCategoryRow> kCategories{63, "rebate_categories"};
inline constexpr engine::Table<v1::RebateAccountRow> kAccounts{64, "rebate_accounts"};
inline constexpr engine::Table<v1::RebateMemberRow> kMembers{65, "rebate_members"};
inline constexpr engine::Table<v1::RebateInvoiceRow> kInvoices{66, "rebate_invoices"};
inline constexpr engine::Table<v1::RebateInvoicePlaceRow> kPlaces{67, "rebate_places"};
inline constexpr engine::Table<v1::RebateMemberRow> kCredits{68, "rebate_credits"};
inline constexpr engine::Table<v1::RebateSettlementRow> kSettlements{69, "rebate_settlements"};

inline std::string MembersOf(char side, absl::string_view of) {
  return engine::Key().Add(absl::string_view(&side, 1)).Add(of).Take();
}
inline std::string MemberKey(char side, absl::string_view of, absl::string_view account) {
  return MembersOf(side, of) + engine::Key().Add(account).Take();
}
inline std::string InvoicesOf(absl::string_view account) {
  return engine::Key().Add(account).Take();
}
inline std::string InvoiceKey(absl::string_view account, int64_t counts_us,
                              absl::string_view invoice) {
  return engine::Key().Add(account).Add(counts_us).Add(invoice).Take();
}
inline std::string CreditsOf(absl::string_view invoice) {
  return engine::Key().Add(invoice).Take();
}
inline std::string CreditKey(absl::string_view invoice, absl::string_view credit) {
  return engine::Key().Add(invoice).Add(credit).Take();
}
inline std::string SettlementsOf(absl::string_view agreement, absl::string_view account,
                                 int64_t period) {
  return engine::Key().Add(agreement).Add(account).Add(period).Take();
}
inline std::string SettlementKey(absl::string_view agreement, absl::string_view account,
                                 int64_t period, int64_t number) {
  return engine::Key().Add(agreement).Add(account).Add(period).Add(number).Take();
}

}  // namespace weft::pricing::rebates
