#include "services/reorder/convert.h"

#include <algorithm>
#include <utility>

namespace weft::reorder {
namespace {

v1::ReorderOutcome ToProto(Outcome outcome) {
  switch (outcome) {
    case Outcome::kAdded: return v1::REORDER_OUTCOME_ADDED;
    case Outcome::kSubstituted: return v1::REORDER_OUTCOME_SUBSTITUTED;
    case Outcome::kShort: return v1::REORDER_OUTCOME_SHORT;
    case Outcome::kDiscontinued: return v1::REORDER_OUTCOME_DISCONTINUED;
    case Outcome::kPriceChanged: return v1::REORDER_OUTCOME_PRICE_CHANGED;
    case Outcome::kNotFound: return v1::REORDER_OUTCOME_NOT_FOUND;
    case Outcome::kUnknown: return v1::REORDER_OUTCOME_UNKNOWN;
    case Outcome::kNoPrice: return v1::REORDER_OUTCOME_NO_PRICE;
    case Outcome::kCredit: return v1::REORDER_OUTCOME_CREDIT;
  }
  return v1::REORDER_OUTCOME_UNSPECIFIED;
}

}  // namespace

google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  google::protobuf::Timestamp out;
  const int64_t seconds = absl::ToUnixSeconds(time);
  out.set_seconds(seconds);
  out.set_nanos(static_cast<int32_t>(
      absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
  return out;
}

absl::Time FromTimestamp(const google::protobuf::Timestamp& timestamp) {
  return absl::FromUnixSeconds(timestamp.seconds()) + absl::Nanoseconds(timestamp.nanos());
}

common::v1::Money ToProto(const Money& money) {
  common::v1::Money out;
  out.set_amount(money.amount.ToString());
  out.set_currency_code(money.currency.code());
  return out;
}

std::optional<Money> FromProto(const common::v1::Money& money) {
  const absl::StatusOr<Money> parsed = Money::Parse(money.amount(), money.currency_code());
  if (!parsed.ok()) return std::nullopt;
  return *parsed;
}

std::optional<Decimal> ParseDecimal(const std::string& text) {
  Decimal out;
  if (Decimal::ParseInto(text, out) != DecimalError::kOk) return std::nullopt;
  return out;
}

Item ToItem(const v1::ItemRow& row) {
  Item item{.name = row.name(),
            .base_unit = row.base_unit(),
            .discontinued = row.discontinued(),
            .deleted = row.deleted(),
            .successor = row.successor_sku()};
  for (const common::v1::UnitRatio& unit : row.units()) {
    const auto ratio = UnitRatio::Make(unit.numerator(), unit.denominator());
    if (ratio.ok()) item.units.push_back({unit.unit(), *ratio});
  }
  item.minimum = ParseDecimal(row.minimum_quantity());
  item.step = ParseDecimal(row.quantity_step());
  return item;
}

std::vector<SourceLine> ToLines(const v1::SourceRow& row) {
  std::vector<SourceLine> lines;
  for (const v1::SourceRow::Line& line : row.lines()) {
    const std::optional<Decimal> quantity = ParseDecimal(line.quantity().value());
    if (!quantity.has_value()) continue;
    lines.push_back({.line = line.line(),
                     .sku = line.sku(),
                     .quantity = *quantity,
                     .unit = line.quantity().unit(),
                     .unit_price = FromProto(line.unit_price())});
  }
  return lines;
}

v1::ReorderLine ToProto(const ProposedLine& line) {
  v1::ReorderLine out;
  out.set_line(line.line);
  out.set_source_sku(line.source_sku);
  out.set_sku(line.sku);
  out.mutable_quantity()->set_value(line.quantity.Normalized().ToString());
  out.mutable_quantity()->set_unit(line.unit);
  out.set_outcome(ToProto(line.outcome));
  out.set_orderable(line.orderable);
  if (line.source_unit_price) *out.mutable_source_unit_price() = ToProto(*line.source_unit_price);
  if (line.unit_price) *out.mutable_unit_price() = ToProto(*line.unit_price);
  if (line.net) *out.mutable_net() = ToProto(*line.net);
  out.set_decision_id(line.decision_id);
  if (line.available.has_value()) {
    out.mutable_available()->set_value(line.available->Normalized().ToString());
    out.mutable_available()->set_unit(line.unit);
  }
  for (const Note& note : line.notes) {
    auto* reason = out.add_reasons();
    reason->set_reason(note.reason);
    reason->set_message(note.message);
    reason->mutable_metadata()->insert(note.metadata.begin(), note.metadata.end());
  }
  return out;
}

v1::Rhythm ToProto(const Rhythm& rhythm) {
  v1::Rhythm out;
  out.set_purchases(rhythm.purchases);
  out.set_median_interval_days(static_cast<int32_t>(rhythm.interval_days));
  out.set_interval_deviation_days(static_cast<int32_t>(rhythm.deviation_days));
  out.set_typical_quantity(rhythm.typical.Normalized().ToString());
  if (rhythm.purchases > 0) {
    *out.mutable_first_time() = ToTimestamp(rhythm.first);
    *out.mutable_last_time() = ToTimestamp(rhythm.last);
  }
  return out;
}

void FillFreshness(const engine::View& view, common::v1::Freshness& freshness) {
  freshness.set_position(view.position().ToText());
  // A tenant that nothing was heard of has neither.
  if (view.now() != absl::InfinitePast()) *freshness.mutable_as_of() = ToTimestamp(view.now());
  if (view.source_time() != absl::InfinitePast()) {
    *freshness.mutable_source_time() = ToTimestamp(view.source_time());
  }
}

}  // namespace weft::reorder
