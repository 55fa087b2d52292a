// What the room remembers of accounts, their credit, full loads and people.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "services/approval/app.h"
#include "services/approval/app_common.h"
#include "weft/directory/v1/directory.pb.h"
#include "weft/facts/v1/facts.pb.h"

namespace weft::approval::app {
namespace {

template <typename Message>
absl::StatusOr<Message> Parse(const engine::Event& event) {
  Message message;
  if (!message.ParseFromString(event.payload)) {
    return DataLoss("EVENT_UNREADABLE", absl::StrCat("an event ", event.type, " does not parse"));
  }
  return message;
}

absl::Status CheckMoney(const char* field, bool present, const common::v1::Money& money) {
  if (!present || FromProto(money).ok()) return absl::OkStatus();
  return InvalidArgument("FIELD_INVALID", absl::StrCat(field, " is not money"),
                         {{"field", field}});
}

absl::Status OnAccount(const engine::Event& event, engine::Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(const auto fact, Parse<facts::v1::AccountChanged>(event));
  v1::AccountRow row;
  row.set_currency_code(fact.currency_code());
  row.set_parent_account(fact.parent_account());
  row.set_organisation(fact.organisation());
  row.set_terms(fact.terms());
  row.set_order_blocked(fact.order_blocked());
  row.set_block_reason(fact.block_reason());
  row.set_deleted(fact.deleted());
  turn.Put(kAccounts, fact.account(), row);
  return absl::OkStatus();
}

// The balance now contains what was invoiced before its moment.
absl::Status DropContained(engine::Turn& turn, const std::string& account, absl::Time watermark) {
  std::vector<std::pair<std::string, v1::OpenOrderRow>> changed;
  WEFT_RETURN_IF_ERROR(turn.Scan(
      kOpenOrders, PrefixKey(account), [&](absl::string_view key, const v1::OpenOrderRow& row) {
        if (row.invoices().empty()) return true;
        v1::OpenOrderRow kept = row;
        kept.clear_invoices();
        for (const v1::Invoice& invoice : row.invoices()) {
          if (FromProto(invoice.time()) > watermark) *kept.add_invoices() = invoice;
        }
        if (kept.invoices_size() != row.invoices_size()) {
          changed.emplace_back(std::string(key), std::move(kept));
        }
        return true;
      }));
  for (const auto& [key, row] : changed) {
    WEFT_ASSIGN_OR_RETURN(const Decimal open, DecimalOr0(row.open().amount()));
    if (open.is_zero() && row.invoices().empty()) {
      turn.Delete(kOpenOrders, key);
    } else {
      turn.Put(kOpenOrders, key, row);
    }
  }
  return absl::OkStatus();
}

absl::Status OnCredit(const engine::Event& event, engine::Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(const auto fact, Parse<facts::v1::CreditChanged>(event));
  WEFT_RETURN_IF_ERROR(CheckMoney("limit", fact.has_limit(), fact.limit()));
  WEFT_RETURN_IF_ERROR(CheckMoney("open_balance", fact.has_open_balance(), fact.open_balance()));
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::CreditRow> known,
                        turn.Find(kCredit, fact.account()));
  // An older balance never overwrites a newer one.
  if (known.has_value() && FromProto(fact.watermark()) < FromProto(known->watermark())) {
    return absl::OkStatus();
  }
  v1::CreditRow row;
  if (fact.has_limit()) *row.mutable_limit() = fact.limit();
  if (fact.has_open_balance()) *row.mutable_open_balance() = fact.open_balance();
  *row.mutable_watermark() = fact.watermark();
  *row.mutable_contained_orders() = fact.contained_orders();
  turn.Put(kCredit, fact.account(), row);
  return DropContained(turn, fact.account(), FromProto(fact.watermark()));
}

absl::Status OnLoad(const engine::Event& event, engine::Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(const auto fact, Parse<facts::v1::LoadChanged>(event));
  // Once loaded, the accounts stay loaded while a later load runs.
  if (!fact.ended()) return absl::OkStatus();
  for (const std::string& entity : fact.entities()) {
    // Named as the connection names its messages: "account", "accounts".
    if (!absl::StartsWith(entity, "account")) continue;
    v1::LoadRow row;
    row.set_ended(true);
    turn.Put(kLoads, PairKey(fact.connection(), entity), row);
  }
  return absl::OkStatus();
}

void Unindex(engine::Turn& turn, const std::string& user, const v1::UserRow& row) {
  for (const v1::UserRow::Grant& grant : row.roles()) {
    turn.Delete(kRoleHolders, PairKey(grant.role(), user));
  }
  if (!row.substitute().empty()) turn.Delete(kSubstitutes, PairKey(row.substitute(), user));
}

void Index(engine::Turn& turn, const std::string& user, const v1::UserRow& row) {
  v1::RefRow ref;
  ref.set_id(user);
  for (const v1::UserRow::Grant& grant : row.roles()) {
    turn.Put(kRoleHolders, PairKey(grant.role(), user), ref);
  }
  if (!row.substitute().empty()) turn.Put(kSubstitutes, PairKey(row.substitute(), user), ref);
}

}  // namespace

absl::Status OnFact(const Settings& /*settings*/, const engine::Event& event,
                    engine::Turn& turn) {
  if (event.tombstone) return absl::OkStatus();
  if (event.type == "weft.facts.v1.AccountChanged") return OnAccount(event, turn);
  if (event.type == "weft.facts.v1.CreditChanged") return OnCredit(event, turn);
  if (event.type == "weft.facts.v1.LoadChanged") return OnLoad(event, turn);
  return absl::OkStatus();  // Items and prices are other rooms' matter.
}

absl::Status OnDirectory(const Settings& /*settings*/, const engine::Event& event,
                         engine::Turn& turn) {
  std::string user = IdOf(event.subject, "users");
  v1::UserRow row;
  if (!event.tombstone) {
    if (event.type != "weft.directory.v1.UserChanged") return absl::OkStatus();
    WEFT_ASSIGN_OR_RETURN(const auto fact, Parse<directory::v1::UserChanged>(event));
    WEFT_RETURN_IF_ERROR(
        CheckMoney("approval_limit", fact.has_approval_limit(), fact.approval_limit()));
    user = fact.user();
    row.set_account(fact.account());
    for (const directory::v1::RoleGrant& grant : fact.roles()) {
      v1::UserRow::Grant& out = *row.add_roles();
      out.set_role(grant.role());
      out.set_account(grant.account());
      out.set_organisation(grant.organisation());
    }
    row.set_manager(fact.manager());
    if (fact.has_approval_limit()) *row.mutable_approval_limit() = fact.approval_limit();
    row.set_substitute(fact.substitute());
    row.set_disabled(fact.disabled());
  }
  if (user.empty()) return InvalidArgument("FIELD_INVALID", "a user event names no user");
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::UserRow> known, turn.Find(kUsers, user));
  if (known.has_value()) Unindex(turn, user, *known);
  if (event.tombstone) {
    turn.Delete(kUsers, user);
  } else {
    turn.Put(kUsers, user, row);
    Index(turn, user, row);
  }
  return ReassignOpen(turn, user);
}

}  // namespace weft::approval::app
