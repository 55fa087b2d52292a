// What several use cases of the room need. Inside app_*.cc and service.cc only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/base/principal.h"
#include "libs/engine/turn.h"
#include "services/approval/config.h"
#include "services/approval/convert.h"
#include "services/approval/domain/directory.h"
#include "services/approval/domain/order_saga.h"
#include "services/approval/state.h"

namespace weft::approval::app {

// Who acts, for the audit trail: the user, else the token's subject, else "room".
std::string ActorOf(const engine::Turn& turn);

// What the audit trail says of a step, beside who, when and the chain.
struct AuditNote {
  std::string action;  // "order.released"
  std::string subject;
  int64_t subject_revision = 0;
  std::string on_behalf_of = "";
  std::string rule = "";
  std::string detail = "";
  std::string actor = "";  // "" = ActorOf(turn).
};
// Appends the next entry of the tenant's chain.
absl::Status Audit(engine::Turn& turn, const AuditNote& note);

// "r7": changes with every change.
std::string EtagOf(int64_t revision);
// Errors: ABORTED / ETAG_MISMATCH when `asked` is set and another.
absl::Status CheckEtag(const std::string& asked, const std::string& present);

// False for things of accounts that the caller may not act for.
bool MaySee(const Principal& principal, const std::string& account);

// The policy that holds for an account: its own, else the nearest parent's, else
// the tenant's, else what the settings say.
absl::StatusOr<PolicyTerms> TermsFor(const engine::RowReader& rows, const Settings& settings,
                                     const std::string& account);

// People as stored.
class StoredDirectory final : public Directory {
 public:
  explicit StoredDirectory(const engine::RowReader& rows) : rows_(rows) {}
  absl::StatusOr<std::optional<Person>> Find(const std::string& user) const override;
  absl::StatusOr<std::vector<std::string>> Holders(const std::string& role) const override;

 private:
  const engine::RowReader& rows_;
};

// Adds an incident, or does nothing when the same reason stands already.
void AddIncident(google::protobuf::RepeatedPtrField<v1::Incident>& incidents,
                 const std::string& reason, const std::string& message, absl::Time now);
// Resolves standing incidents of these reasons. Shape: true when there was one.
bool ResolveIncidents(google::protobuf::RepeatedPtrField<v1::Incident>& incidents,
                      const std::vector<std::string>& reasons, absl::Time now);

inline constexpr int kIncidentsMax = 50;

// What was asked for, checked: lines, charges and texts of orders and quotes.
// Errors: INVALID_ARGUMENT / LINES_REQUIRED, TOO_MANY_LINES, LINE_INVALID,
// FIELD_INVALID.
absl::Status CheckLines(const google::protobuf::RepeatedPtrField<v1::NewLine>& lines,
                        const std::string& currency_code);
absl::Status CheckCharges(const google::protobuf::RepeatedPtrField<v1::Charge>& charges,
                          const std::string& currency_code);
absl::Status CheckText(const char* field, const std::string& text, size_t max);
// A price lock travels in the row of the price task.
inline constexpr size_t kMaxPriceLock = 256 << 10;
absl::Status CheckDate(const char* field, const std::string& text);
v1::OrderLine ToLine(const v1::NewLine& line, int number);

// Who buys, through which channel, in which currency.
struct Buyer {
  std::string account;
  std::string user;
  std::string channel;
  std::string currency_code;
  v1::AccountRow facts;
};
// Errors: NOT_FOUND / ACCOUNT_NOT_FOUND, USER_NOT_FOUND, CHANNEL_NOT_FOUND;
// INVALID_ARGUMENT / ACCOUNT_REQUIRED, FIELD_INVALID; FAILED_PRECONDITION /
// NOT_LOADED.
absl::StatusOr<Buyer> ResolveBuyer(const engine::Turn& turn, const std::string& account,
                                   const std::string& user, const std::string& channel,
                                   const std::string& currency_code);

// Sum of line nets and charges. Errors: those of Add.
absl::StatusOr<Money> TotalOf(const google::protobuf::RepeatedPtrField<v1::OrderLine>& lines,
                              const google::protobuf::RepeatedPtrField<v1::Charge>& charges,
                              const std::string& currency_code);

// Writes the answer's prices and reasons into the lines.
void StorePrices(const std::vector<PricedLine>& priced,
                 google::protobuf::RepeatedPtrField<v1::OrderLine>& lines);

// Where orders go and where the ERP answers.
inline constexpr char kSalesTopic[] = "weft.sales.orders.v1";
inline constexpr char kErpTopic[] = "weft.erp.orders.v1";
inline constexpr char kDirectoryTopic[] = "weft.directory.users.v1";

// ---- orders: shared by app_orders, app_saga, app_approvals, app_quotes, app_erp

// An order at work in one turn.
struct OrderWork {
  std::string id;
  v1::OrderRow row;
  Saga saga;
};
// Errors: NOT_FOUND / ORDER_NOT_FOUND.
absl::StatusOr<OrderWork> LoadOrder(const engine::Turn& turn, const std::string& id);

// Carries the effects out in this turn, stores the order with its next revision
// and tells the log when the state changed.
absl::Status Advance(const Settings& settings, engine::Turn& turn, OrderWork& work,
                     const Effects& effects);

// Credit, blocks and policy for an order whose prices are known; then on.
absl::Status CheckAndAdvance(const Settings& settings, engine::Turn& turn, OrderWork& work);

// ACCOUNT_BLOCKED as the end of an order, or nullopt.
absl::StatusOr<std::optional<Ending>> BlockOf(const engine::RowReader& rows,
                                              const std::string& account);

// Writes a new order, all its indexes and its id at the shop. The row's lines and
// texts are filled in; state, times and name are set here.
// Errors: INVALID_ARGUMENT / ORDER_ID_REUSED is the caller's to find first.
absl::Status InsertOrder(engine::Turn& turn, OrderWork& work, const std::string& content_hash);

// Opens the approval of an order; sets order.approval.
absl::Status OpenApproval(const Settings& settings, engine::Turn& turn, OrderWork& work);
// Ends an open approval that is not to be answered any more.
absl::Status WithdrawApproval(engine::Turn& turn, const std::string& approval_id);
// Asks anew who has to decide what nobody could, or what `user` was asked.
absl::Status ReassignOpen(engine::Turn& turn, const std::string& user);

// The list key of an assignee.
std::string AssigneeKey(const v1::Assignee& assignee);
inline constexpr char kNobodyKey[] = "nobody/";

}  // namespace weft::approval::app
