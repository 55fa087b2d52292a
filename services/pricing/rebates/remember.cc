// What rebates remember of facts and invoices.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "services/pricing/convert.h"
#include "services/pricing/fact_convert.h"
#include "services/pricing/rebates/rebates.h"
#include "services/pricing/rebates/rows.h"
#include "services/pricing/state.h"
#include "weft/facts/v1/conditions.pb.h"
#include "weft/facts/v1/facts.pb.h"
#include "weft/sales/v1/sales.pb.h"

namespace weft::pricing::rebates {
namespace {

template <typename Message>
absl::StatusOr<Message> Parse(const engine::Event& event) {
  Message message;
  if (!message.ParseFromString(event.payload)) {
    return DataLoss("EVENT_UNREADABLE",
                    absl::StrCat("event ", event.subject, " does not parse as ", event.type));
  }
  return message;
}

absl::Status OnAgreement(const facts::v1::RebateAgreementChanged& fact, int64_t offset,
                         engine::Turn& turn) {
  WEFT_RETURN_IF_ERROR(CheckFact(fact));
  v1::RebateAgreementRow row;
  if (fact.deleted()) {
    // Its terms stay for the statements of what was settled.
    WEFT_ASSIGN_OR_RETURN(const std::optional<v1::RebateAgreementRow> old,
                          turn.Find(kAgreements, fact.agreement()));
    if (!old.has_value() || old->agreement().deleted()) return absl::OkStatus();
    row = *old;
    row.mutable_agreement()->set_deleted(true);
  } else {
    *row.mutable_agreement() = fact;
  }
  row.set_version(static_cast<int64_t>(StampOf(turn.position().generation, offset)));
  turn.Put(kAgreements, fact.agreement(), row);
  return absl::OkStatus();
}

absl::Status OnItem(const facts::v1::ItemChanged& fact, engine::Turn& turn) {
  WEFT_RETURN_IF_ERROR(CheckFact(fact));
  // A deleted item's purchases still count by its last categories.
  if (fact.deleted()) return absl::OkStatus();
  if (fact.categories().empty()) {
    turn.Delete(kItems, fact.sku());
    return absl::OkStatus();
  }
  v1::RebateItemRow row;
  *row.mutable_categories() = fact.categories();
  turn.Put(kItems, fact.sku(), row);
  return absl::OkStatus();
}

absl::Status OnCategory(const facts::v1::CategoryChanged& fact, engine::Turn& turn) {
  WEFT_RETURN_IF_ERROR(CheckFact(fact));
  if (fact.deleted() || fact.parent_category().empty()) {
    turn.Delete(kCategories, fact.category());
    return absl::OkStatus();
  }
  v1::RebateCategoryRow row;
  row.set_parent(fact.parent_category());
  turn.Put(kCategories, fact.category(), row);
  return absl::OkStatus();
}

absl::Status OnAccount(const facts::v1::AccountChanged& fact, engine::Turn& turn) {
  WEFT_RETURN_IF_ERROR(CheckFact(fact));
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::RebateAccountRow> old,
                        turn.Find(kAccounts, fact.account()));
  if (old.has_value()) {
    if (!old->parent().empty()) {
      turn.Delete(kMembers, MemberKey('p', old->parent(), fact.account()));
    }
    for (const std::string& group : old->groups()) {
      turn.Delete(kMembers, MemberKey('g', group, fact.account()));
    }
  }
  if (fact.deleted()) {
    turn.Delete(kAccounts, fact.account());
    return absl::OkStatus();
  }
  v1::RebateAccountRow row;
  row.set_parent(fact.parent_account());
  *row.mutable_groups() = fact.groups();
  turn.Put(kAccounts, fact.account(), row);
  if (!row.parent().empty()) {
    turn.Put(kMembers, MemberKey('p', row.parent(), fact.account()), v1::RebateMemberRow());
  }
  for (const std::string& group : row.groups()) {
    turn.Put(kMembers, MemberKey('g', group, fact.account()), v1::RebateMemberRow());
  }
  return absl::OkStatus();
}

// The credits that name `invoice` count at its time from now on.
absl::Status MoveCredits(const std::string& account, const std::string& invoice, int64_t counts_us,
                         engine::Turn& turn) {
  std::vector<std::string> credits;
  WEFT_RETURN_IF_ERROR(turn.Scan(kCredits, CreditsOf(invoice),
                                 [&](absl::string_view key, const v1::RebateMemberRow&) {
                                   engine::KeyReader reader(key);
                                   std::string of, credit;
                                   if (reader.Next(of) && reader.Next(credit)) {
                                     credits.push_back(credit);
                                   }
                                   return true;
                                 }));
  for (const std::string& credit : credits) {
    WEFT_ASSIGN_OR_RETURN(std::optional<v1::RebateInvoicePlaceRow> place,
                          turn.Find(kPlaces, credit));
    if (!place.has_value() || place->account() != account) continue;
    const std::string from = InvoiceKey(account, place->counts_us(), credit);
    WEFT_ASSIGN_OR_RETURN(const std::optional<v1::RebateInvoiceRow> row,
                          turn.Find(kInvoices, from));
    if (!row.has_value()) continue;
    turn.Delete(kInvoices, from);
    place->set_counts_us(counts_us);
    turn.Put(kPlaces, credit, *place);
    turn.Put(kInvoices, InvoiceKey(account, counts_us, credit), *row);
  }
  return absl::OkStatus();
}

absl::Status OnInvoice(const sales::v1::OrderInvoiced& invoiced, engine::Turn& turn) {
  if (invoiced.invoice().empty() || invoiced.account().empty() || !invoiced.has_time()) {
    return InvalidArgument("FACT_INCOMPLETE",
                           absl::StrCat("invoices/", invoiced.invoice(),
                                        ": invoice, account and time must be set"));
  }
  WEFT_ASSIGN_OR_RETURN(const bool known, [&]() -> absl::StatusOr<bool> {
    WEFT_ASSIGN_OR_RETURN(const auto place, turn.Find(kPlaces, invoiced.invoice()));
    return place.has_value();
  }());
  if (known) return absl::OkStatus();
  v1::RebateInvoiceRow row;
  row.set_time_us(MicrosOf(invoiced.time()));
  row.set_currency_code(invoiced.currency_code());
  row.set_credit_of(invoiced.credit_of());
  for (const sales::v1::InvoicedLine& line : invoiced.lines()) {
    Decimal net;
    if (Decimal::ParseInto(line.net().amount(), net) != DecimalError::kOk) {
      return InvalidArgument("AMOUNT_INVALID",
                             absl::StrCat("invoices/", invoiced.invoice(), ": the net of ",
                                          line.sku(), " is no decimal"));
    }
    v1::RebateInvoiceRow::Line& kept = *row.add_lines();
    kept.set_sku(line.sku());
    kept.set_net(line.net().amount());
    kept.set_quantity(line.quantity().value());
    kept.set_unit(line.quantity().unit());
  }
  int64_t counts_us = row.time_us();
  if (!row.credit_of().empty()) {
    turn.Put(kCredits, CreditKey(row.credit_of(), invoiced.invoice()), v1::RebateMemberRow());
    WEFT_ASSIGN_OR_RETURN(const auto credited, turn.Find(kPlaces, row.credit_of()));
    if (credited.has_value() && credited->account() == invoiced.account()) {
      counts_us = credited->counts_us();
    }
  }
  v1::RebateInvoicePlaceRow place;
  place.set_account(invoiced.account());
  place.set_counts_us(counts_us);
  turn.Put(kPlaces, invoiced.invoice(), place);
  turn.Put(kInvoices, InvoiceKey(invoiced.account(), counts_us, invoiced.invoice()), row);
  return MoveCredits(invoiced.account(), invoiced.invoice(), counts_us, turn);
}

}  // namespace

absl::Status OnFact(const engine::Event& event, engine::Turn& turn) {
  if (event.tombstone) return absl::OkStatus();
  if (event.type == "weft.facts.v1.RebateAgreementChanged") {
    WEFT_ASSIGN_OR_RETURN(const auto fact, Parse<facts::v1::RebateAgreementChanged>(event));
    return OnAgreement(fact, event.offset, turn);
  }
  if (event.type == "weft.facts.v1.ItemChanged") {
    WEFT_ASSIGN_OR_RETURN(const auto fact, Parse<facts::v1::ItemChanged>(event));
    return OnItem(fact, turn);
  }
  if (event.type == "weft.facts.v1.CategoryChanged") {
    WEFT_ASSIGN_OR_RETURN(const auto fact, Parse<facts::v1::CategoryChanged>(event));
    return OnCategory(fact, turn);
  }
  if (event.type == "weft.facts.v1.AccountChanged") {
    WEFT_ASSIGN_OR_RETURN(const auto fact, Parse<facts::v1::AccountChanged>(event));
    return OnAccount(fact, turn);
  }
  return absl::OkStatus();
}

absl::Status OnErpOrder(const engine::Event& event, engine::Turn& turn) {
  if (event.tombstone || event.type != "weft.sales.v1.OrderInvoiced") return absl::OkStatus();
  WEFT_ASSIGN_OR_RETURN(const auto invoiced, Parse<sales::v1::OrderInvoiced>(event));
  return OnInvoice(invoiced, turn);
}

}  // namespace weft::pricing::rebates
