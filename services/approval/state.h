// Rows of the room. Keys are written as libs/engine/table.h draws them; `rest`
// is what stands here.
//
//   1  orders             order                          → OrderRow
//   2  orders_by_account  account, -created, order       → RefRow     newest first
//   3  orders_by_time     -created, order                → RefRow     newest first
//   4  external_ids       channel, external id           → ExternalIdRow, for good
//   5  open_orders        account, order                 → OpenOrderRow
//   6  approvals          approval                       → ApprovalRow
//   7  tasks              assignee, created, approval    → RefRow     open ones only
//   8  quotes             quote                          → Quote      last revision
//   9  quote_revisions    quote, revision                → Quote
//   10 quotes_by_account  account, -created, quote       → RefRow
//   11 quotes_by_time     -created, quote                → RefRow
//   12 audit              sequence                       → AuditEntry, never deleted
//   13 audit_head         (empty)                        → AuditHeadRow
//   14 audit_by_subject   subject, sequence              → RefRow
//   15 policies           policy                         → Policy
//   16 accounts           account                        → AccountRow
//   17 credit             account                        → CreditRow
//   18 loads              connection, entity             → LoadRow
//   19 users              user                           → UserRow
//   20 role_holders       role, user                     → RefRow
//   21 substitutes        substitute, user               → RefRow
//
// created = microseconds since 1970; assignee = "user/<user>", "role/<role>" or
// "nobody/" (a question that nobody known may decide, beside its role).
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/engine/table.h"
#include "weft/approval/v1/approval.pb.h"
#include "weft/approval/v1/state.pb.h"

namespace weft::approval {

inline constexpr engine::Table<v1::OrderRow> kOrders{1, "orders", 1, "ORDER_NOT_FOUND"};
inline constexpr engine::Table<v1::RefRow> kOrdersByAccount{2, "orders_by_account"};
inline constexpr engine::Table<v1::RefRow> kOrdersByTime{3, "orders_by_time"};
inline constexpr engine::Table<v1::ExternalIdRow> kExternalIds{4, "external_ids"};
inline constexpr engine::Table<v1::OpenOrderRow> kOpenOrders{5, "open_orders"};
inline constexpr engine::Table<v1::ApprovalRow> kApprovals{6, "approvals", 1,
                                                           "APPROVAL_NOT_FOUND"};
inline constexpr engine::Table<v1::RefRow> kTasks{7, "tasks"};
inline constexpr engine::Table<v1::Quote> kQuotes{8, "quotes", 1, "QUOTE_NOT_FOUND"};
inline constexpr engine::Table<v1::Quote> kQuoteRevisions{9, "quote_revisions", 1,
                                                          "QUOTE_NOT_FOUND"};
inline constexpr engine::Table<v1::RefRow> kQuotesByAccount{10, "quotes_by_account"};
inline constexpr engine::Table<v1::RefRow> kQuotesByTime{11, "quotes_by_time"};
inline constexpr engine::Table<v1::AuditEntry> kAudit{12, "audit"};
inline constexpr engine::Table<v1::AuditHeadRow> kAuditHead{13, "audit_head"};
inline constexpr engine::Table<v1::RefRow> kAuditBySubject{14, "audit_by_subject"};
inline constexpr engine::Table<v1::Policy> kPolicies{15, "policies", 1, "POLICY_NOT_FOUND"};
inline constexpr engine::Table<v1::AccountRow> kAccounts{16, "accounts", 1, "ACCOUNT_NOT_FOUND"};
inline constexpr engine::Table<v1::CreditRow> kCredit{17, "credit"};
inline constexpr engine::Table<v1::LoadRow> kLoads{18, "loads"};
inline constexpr engine::Table<v1::UserRow> kUsers{19, "users", 1, "USER_NOT_FOUND"};
inline constexpr engine::Table<v1::RefRow> kRoleHolders{20, "role_holders"};
inline constexpr engine::Table<v1::RefRow> kSubstitutes{21, "substitutes"};

// Keys.
std::string NewestFirstKey(absl::Time created, absl::string_view id);
std::string AccountNewestFirstKey(absl::string_view account, absl::Time created,
                                  absl::string_view id);
std::string PairKey(absl::string_view first, absl::string_view second);
std::string PairKey(absl::string_view first, int64_t second);
std::string NumberKey(int64_t number);
std::string PrefixKey(absl::string_view first);
std::string TaskKey(absl::string_view assignee, absl::Time created, absl::string_view approval);

// "orders/abc" → "abc"; "" when the name is of another kind or has no id.
std::string IdOf(absl::string_view name, absl::string_view collection);

}  // namespace weft::approval
