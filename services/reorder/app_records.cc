// What records do: items, and what was bought.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "services/reorder/app.h"
#include "services/reorder/convert.h"
#include "services/reorder/state.h"
#include "weft/facts/v1/facts.pb.h"
#include "weft/sales/v1/sales.pb.h"

namespace weft::reorder {
namespace {

template <typename Message>
absl::StatusOr<Message> Parse(const engine::Event& event) {
  Message message;
  if (!message.ParseFromString(event.payload)) {
    return DataLoss("RECORD_UNREADABLE", absl::StrCat("a ", event.type, " does not parse"));
  }
  return message;
}

absl::Status Require(const std::string& value, absl::string_view field) {
  if (!value.empty()) return absl::OkStatus();
  return InvalidArgument("FIELD_REQUIRED", absl::StrCat(field, " is missing"),
                         {{"field", std::string(field)}});
}

absl::StatusOr<int64_t> Nanos(bool has, const google::protobuf::Timestamp& timestamp) {
  const absl::Time time = FromTimestamp(timestamp);
  // Rows keep nanoseconds in 64 bits.
  if (has && time > absl::FromUnixSeconds(-9'000'000'000) &&
      time < absl::FromUnixSeconds(9'000'000'000)) {
    return absl::ToUnixNanos(time);
  }
  return InvalidArgument("TIME_INVALID", "the time is missing or not between 1684 and 2255",
                         {{"field", "time"}});
}

absl::Status CheckQuantity(const common::v1::Quantity& quantity) {
  const std::optional<Decimal> value = ParseDecimal(quantity.value());
  if (value.has_value() && value->Abs() <= Decimal(int64_t{1'000'000'000'000})) {
    return absl::OkStatus();
  }
  return InvalidArgument("QUANTITY_INVALID",
                         absl::StrCat("\"", quantity.value(), "\" is no quantity"),
                         {{"field", "quantity"}});
}

// ---- what a source adds to the history of its account ---------------------------

struct Bought {
  Decimal quantity;
  common::v1::Money unit_price;
};
// By item, then unit.
using Contribution = std::map<std::string, std::map<std::string, Bought>>;

// An order counts as it was ordered, because that is what the account wanted; an
// invoice counts when it has no order of ours. What it credits always counts.
Contribution ContributionOf(const v1::SourceRow& source) {
  Contribution out;
  if (source.voided()) return out;
  const auto& cancelled = source.cancelled_lines();
  for (const v1::SourceRow::Line& line : source.lines()) {
    if (std::find(cancelled.begin(), cancelled.end(), line.line()) != cancelled.end()) continue;
    const Decimal quantity = ParseDecimal(line.quantity().value()).value_or(Decimal());
    if (!source.order().empty() && quantity.sign() >= 0) continue;
    Bought& bought = out[line.sku()][line.quantity().unit()];
    WEFT_CHECK(AddInto(bought.quantity, quantity, bought.quantity) == DecimalError::kOk);
    bought.unit_price = line.unit_price();
  }
  return out;
}

void AddTotal(const std::string& unit, const Decimal& change, v1::HistoryRow& row) {
  for (common::v1::Quantity& total : *row.mutable_totals()) {
    if (total.unit() != unit) continue;
    Decimal sum = ParseDecimal(total.value()).value_or(Decimal());
    WEFT_CHECK(AddInto(sum, change, sum) == DecimalError::kOk);
    total.set_value(sum.Normalized().ToString());
    return;
  }
  common::v1::Quantity* total = row.add_totals();
  total->set_unit(unit);
  total->set_value(change.Normalized().ToString());
}

bool Earlier(const v1::HistoryRow::Entry& a, const v1::HistoryRow::Entry& b) {
  const int64_t ta = a.time_ns(), tb = b.time_ns();
  return std::tie(ta, a.source(), a.quantity().unit()) <
         std::tie(tb, b.source(), b.quantity().unit());
}

// Replaces what `name` adds to the history: `before` by `after`.
absl::Status ChangeHistory(const std::string& name, const v1::SourceRow& source,
                           const Contribution& before, const Contribution& after,
                           engine::Turn& turn) {
  std::set<std::string> skus;
  for (const auto& [sku, units] : before) skus.insert(sku);
  for (const auto& [sku, units] : after) skus.insert(sku);
  for (const std::string& sku : skus) {
    const std::string key = HistoryKey(source.account(), sku);
    WEFT_ASSIGN_OR_RETURN(std::optional<v1::HistoryRow> stored, turn.Find(kHistory, key));
    v1::HistoryRow row = stored.has_value() ? *std::move(stored) : v1::HistoryRow();
    if (const auto old = before.find(sku); old != before.end()) {
      for (const auto& [unit, bought] : old->second) AddTotal(unit, -bought.quantity, row);
      auto& entries = *row.mutable_entries();
      entries.erase(std::remove_if(entries.begin(), entries.end(),
                                   [&](const auto& entry) { return entry.source() == name; }),
                    entries.end());
    }
    if (const auto now = after.find(sku); now != after.end()) {
      for (const auto& [unit, bought] : now->second) {
        AddTotal(unit, bought.quantity, row);
        v1::HistoryRow::Entry* entry = row.add_entries();
        entry->set_time_ns(source.time_ns());
        entry->set_source(name);
        entry->mutable_quantity()->set_value(bought.quantity.Normalized().ToString());
        entry->mutable_quantity()->set_unit(unit);
        *entry->mutable_unit_price() = bought.unit_price;
      }
    }
    auto& entries = *row.mutable_entries();
    std::sort(entries.begin(), entries.end(), Earlier);
    const int beyond = entries.size() - kEntriesMax;
    if (beyond > 0) {
      row.set_forgotten(row.forgotten() + beyond);
      entries.DeleteSubrange(0, beyond);
    }
    turn.Put(kHistory, key, row);
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::SourceRow> SourceOf(const std::string& name, const engine::Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(std::optional<v1::SourceRow> row, turn.Find(kSources, name));
  return row.has_value() ? *std::move(row) : v1::SourceRow();
}

// Keeps a source that has just become known. A cancel may have come before it.
absl::Status Learn(const std::string& name, v1::SourceRow source, engine::Turn& turn) {
  for (const v1::SourceRow::Line& line : source.lines()) {
    WEFT_RETURN_IF_ERROR(Require(line.sku(), "lines.sku"));
    WEFT_RETURN_IF_ERROR(CheckQuantity(line.quantity()));
  }
  WEFT_ASSIGN_OR_RETURN(const v1::SourceRow known, SourceOf(name, turn));
  if (!known.lines().empty()) return absl::OkStatus();
  source.set_voided(known.voided());
  *source.mutable_cancelled_lines() = known.cancelled_lines();
  WEFT_RETURN_IF_ERROR(ChangeHistory(name, source, {}, ContributionOf(source), turn));
  turn.Put(kSources, name, source);
  return absl::OkStatus();
}

// Takes back what was not bought after all: `lines`, or all when empty.
absl::Status TakeBack(const std::string& name,
                      const google::protobuf::RepeatedField<int32_t>& lines,
                      engine::Turn& turn) {
  WEFT_RETURN_IF_ERROR(Require(name, "order"));
  WEFT_ASSIGN_OR_RETURN(v1::SourceRow source, SourceOf(name, turn));
  const Contribution before = ContributionOf(source);
  if (lines.empty()) source.set_voided(true);
  for (const int32_t line : lines) {
    const auto& cancelled = source.cancelled_lines();
    if (std::find(cancelled.begin(), cancelled.end(), line) == cancelled.end()) {
      source.add_cancelled_lines(line);
    }
  }
  WEFT_RETURN_IF_ERROR(ChangeHistory(name, source, before, ContributionOf(source), turn));
  turn.Put(kSources, name, source);
  return absl::OkStatus();
}

// ---- records ------------------------------------------------------------------

absl::Status OnItem(const facts::v1::ItemChanged& item, engine::Turn& turn) {
  WEFT_RETURN_IF_ERROR(Require(item.sku(), "sku"));
  v1::ItemRow row;
  row.set_name(item.name());
  row.set_base_unit(item.base_unit());
  *row.mutable_units() = item.units();
  row.set_discontinued(item.state() == facts::v1::ItemChanged::ITEM_STATE_DISCONTINUED);
  row.set_successor_sku(item.successor_sku());
  row.set_deleted(item.deleted());
  row.set_minimum_quantity(item.minimum_quantity());
  row.set_quantity_step(item.quantity_step());
  turn.Put(kItems, item.sku(), row);
  return absl::OkStatus();
}

absl::Status OnReleased(const sales::v1::OrderReleased& released, engine::Turn& turn) {
  WEFT_RETURN_IF_ERROR(Require(released.order(), "order"));
  WEFT_RETURN_IF_ERROR(Require(released.account(), "account"));
  v1::SourceRow source;
  source.set_account(released.account());
  WEFT_ASSIGN_OR_RETURN(const int64_t time_ns,
                        Nanos(released.has_accept_time(), released.accept_time()));
  source.set_time_ns(time_ns);
  source.set_currency_code(released.currency_code());
  for (const sales::v1::OrderLine& line : released.lines()) {
    v1::SourceRow::Line* to = source.add_lines();
    to->set_line(line.line());
    to->set_sku(line.sku());
    *to->mutable_quantity() = line.quantity();
    *to->mutable_unit_price() = line.unit_price();
  }
  return Learn(released.order(), std::move(source), turn);
}

absl::Status OnInvoiced(const sales::v1::OrderInvoiced& invoiced, engine::Turn& turn) {
  WEFT_RETURN_IF_ERROR(Require(invoiced.invoice(), "invoice"));
  WEFT_RETURN_IF_ERROR(Require(invoiced.account(), "account"));
  v1::SourceRow source;
  source.set_account(invoiced.account());
  WEFT_ASSIGN_OR_RETURN(const int64_t time_ns, Nanos(invoiced.has_time(), invoiced.time()));
  source.set_time_ns(time_ns);
  source.set_currency_code(invoiced.currency_code());
  source.set_order(invoiced.order());
  int number = 0;
  for (const sales::v1::InvoicedLine& line : invoiced.lines()) {
    ++number;
    v1::SourceRow::Line* to = source.add_lines();
    // Lines of the past have no number; of the others several may name one order line.
    to->set_line(number);
    to->set_sku(line.sku());
    *to->mutable_quantity() = line.quantity();
    *to->mutable_unit_price() = line.unit_price();
  }
  return Learn(absl::StrCat("invoices/", invoiced.invoice()), std::move(source), turn);
}

}  // namespace

absl::Status OnFact(const engine::Event& event, engine::Turn& turn) {
  if (event.tombstone ||
      event.type != facts::v1::ItemChanged::descriptor()->full_name()) {
    return absl::OkStatus();
  }
  WEFT_ASSIGN_OR_RETURN(const auto item, Parse<facts::v1::ItemChanged>(event));
  return OnItem(item, turn);
}

absl::Status OnSalesOrder(const engine::Event& event, engine::Turn& turn) {
  if (event.type != sales::v1::OrderReleased::descriptor()->full_name()) {
    return absl::OkStatus();
  }
  WEFT_ASSIGN_OR_RETURN(const auto released, Parse<sales::v1::OrderReleased>(event));
  return OnReleased(released, turn);
}

absl::Status OnErpOrder(const engine::Event& event, engine::Turn& turn) {
  if (event.type == sales::v1::OrderInvoiced::descriptor()->full_name()) {
    WEFT_ASSIGN_OR_RETURN(const auto invoiced, Parse<sales::v1::OrderInvoiced>(event));
    return OnInvoiced(invoiced, turn);
  }
  if (event.type == sales::v1::OrderRejected::descriptor()->full_name()) {
    WEFT_ASSIGN_OR_RETURN(const auto rejected, Parse<sales::v1::OrderRejected>(event));
    return TakeBack(rejected.order(), {}, turn);
  }
  if (event.type == sales::v1::OrderCancelAnswered::descriptor()->full_name()) {
    WEFT_ASSIGN_OR_RETURN(const auto answered, Parse<sales::v1::OrderCancelAnswered>(event));
    if (!answered.accepted()) return absl::OkStatus();
    return TakeBack(answered.order(), answered.lines(), turn);
  }
  return absl::OkStatus();
}

}  // namespace weft::reorder
