#include "services/inventory-projection/convert.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/base/error.h"

namespace weft::inventory {
namespace {

constexpr char kPrefix[] = "reservations/";

void SetReason(absl::string_view reason, std::string message, v1::Availability& line) {
  line.mutable_reason()->set_reason(std::string(reason));
  line.mutable_reason()->set_message(std::move(message));
  (*line.mutable_reason()->mutable_metadata())["sku"] = line.sku();
}

void SetQuantity(const Decimal& value, const std::string& unit, common::v1::Quantity& out) {
  out.set_value(Text(value));
  out.set_unit(unit);
}

// The quantity asked for and what is offered of it. False when it makes no sense.
bool AddOffer(const Stock& stock, const Decimal& available, const common::v1::Quantity& asked,
              v1::Availability& line) {
  const std::optional<ItemUnit> unit = FindUnit(stock.base_unit, stock.units, asked.unit());
  if (!unit.has_value()) {
    SetReason("UNKNOWN_UNIT",
              absl::StrCat("item ", line.sku(), " has no unit ", asked.unit(),
                           "; its base unit is ", stock.base_unit),
              line);
    return false;
  }
  const bool is_base = unit->ratio == UnitRatio();
  const Decimal in_unit = is_base ? available : WholeUnits(available, unit->ratio);
  if (!asked.unit().empty() || !is_base) {
    SetQuantity(in_unit, unit->unit, *line.mutable_available_in_unit());
  }
  if (asked.value().empty()) return true;
  const std::optional<Decimal> wanted = ParseQuantity(asked.value());
  if (!wanted.has_value() || wanted->sign() <= 0) {
    SetReason("QUANTITY_INVALID",
              absl::StrCat("the quantity of item ", line.sku(),
                           " must be above zero, at most 10^12, with at most 6 decimals"),
              line);
    return false;
  }
  SetQuantity(*wanted, unit->unit, *line.mutable_requested());
  SetQuantity(Least(*wanted, in_unit), unit->unit, *line.mutable_offered());
  return true;
}

v1::LocationAvailability ToProto(const Place& place, bool closed) {
  v1::LocationAvailability out;
  out.set_location(place.location);
  out.set_on_hand(Text(place.on_hand));
  out.set_safety(Text(place.safety));
  out.set_reserved(Text(place.reserved));
  out.set_available(closed ? "0" : Text(place.Available()));
  if (const Decimal short_quantity = place.Short(); short_quantity.sign() > 0) {
    out.set_short_quantity(Text(short_quantity));
  }
  if (place.counted.has_value()) *out.mutable_counted_as_of() = ToTimestamp(*place.counted);
  if (place.source_time != absl::InfinitePast()) {
    *out.mutable_source_time() = ToTimestamp(place.source_time);
  }
  out.set_closed(closed);
  return out;
}

// What is still held of one item, by location.
absl::StatusOr<std::map<std::string, Decimal>> HeldOf(const std::string& id,
                                                      const v1::ReservationRow& row,
                                                      const std::string& sku,
                                                      const engine::RowReader& rows) {
  std::map<std::string, Decimal> held;
  const bool by_order =
      row.state() == v1::RESERVATION_STATE_CONFIRMED && !row.order().empty();
  if (by_order) {
    WEFT_ASSIGN_OR_RETURN(const auto hold, rows.Find(kHolds, HoldKey(row.order(), sku, id)));
    if (hold.has_value()) {
      for (const Held& place : *hold) held[place.location] = place.open();
    }
    return held;
  }
  if (row.state() != v1::RESERVATION_STATE_HELD &&
      row.state() != v1::RESERVATION_STATE_CONFIRMED) {
    return held;
  }
  for (const auto& line : row.lines()) {
    if (line.sku() != sku) continue;
    for (const auto& part : line.parts()) {
      Decimal quantity;
      if (Decimal::ParseInto(part.quantity(), quantity) != DecimalError::kOk) continue;
      held[part.location()] = Plus(held[part.location()], quantity);
    }
  }
  return held;
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

absl::StatusOr<std::string> ReservationId(absl::string_view name) {
  if (!absl::ConsumePrefix(&name, kPrefix) || name.empty() || name.size() > 64 ||
      absl::StrContains(name, '/')) {
    return InvalidArgument("RESERVATION_NAME_INVALID",
                           "name a reservation as \"reservations/<id>\"",
                           {{"field", "name"}});
  }
  return std::string(name);
}

bool VisibleTo(const v1::ReservationRow& row, const Principal& principal) {
  const absl::StatusOr<std::string> account = ActingAccount(principal, row.account());
  return account.ok() && *account == row.account();
}

absl::Status ReservationNotFound(const std::string& id) {
  return NotFound("RESERVATION_NOT_FOUND", absl::StrCat("there is no reservation ", id),
                  {{"reservation", absl::StrCat(kPrefix, id)}});
}

v1::Reservation ToProto(const std::string& id, const v1::ReservationRow& row) {
  v1::Reservation out;
  out.set_name(absl::StrCat(kPrefix, id));
  out.set_state(row.state());
  out.set_account(row.account());
  out.set_order(row.order());
  for (const auto& line : row.lines()) {
    auto* to = out.add_lines();
    to->set_sku(line.sku());
    to->mutable_quantity()->set_value(line.quantity());
    to->mutable_quantity()->set_unit(line.unit());
    Decimal sum;
    for (const auto& part : line.parts()) {
      auto* allocation = to->add_allocations();
      allocation->set_location(part.location());
      allocation->set_base_quantity(part.quantity());
      Decimal quantity;
      if (Decimal::ParseInto(part.quantity(), quantity) == DecimalError::kOk) {
        sum = Plus(sum, quantity);
      }
    }
    to->set_base_quantity(Text(sum));
  }
  if (row.expire_ns() != 0 && row.state() == v1::RESERVATION_STATE_HELD) {
    *out.mutable_expire_time() = ToTimestamp(FromNanos(row.expire_ns()));
  }
  *out.mutable_create_time() = ToTimestamp(FromNanos(row.create_ns()));
  *out.mutable_update_time() = ToTimestamp(FromNanos(row.update_ns()));
  out.set_etag(absl::StrCat(row.revision()));
  return out;
}

absl::StatusOr<v1::Reservation> ToProtoWithHeld(const std::string& id,
                                                const v1::ReservationRow& row,
                                                const engine::RowReader& rows) {
  v1::Reservation out = ToProto(id, row);
  struct Item {
    std::map<std::string, Decimal> held;
    std::optional<Stock> stock;
  };
  std::map<std::string, Item> items;
  for (auto& line : *out.mutable_lines()) {
    auto [at, is_new] = items.try_emplace(line.sku());
    Item& item = at->second;
    if (is_new) {
      WEFT_ASSIGN_OR_RETURN(item.held, HeldOf(id, row, line.sku(), rows));
      WEFT_ASSIGN_OR_RETURN(item.stock, rows.Find(kStock, line.sku()));
    }
  }
  // Shipments fulfil the first lines first, so what is still held belongs to the last.
  for (auto line = out.mutable_lines()->rbegin(); line != out.mutable_lines()->rend(); ++line) {
    Item& item = items[line->sku()];
    for (auto& allocation : *line->mutable_allocations()) {
      Decimal promised;
      if (Decimal::ParseInto(allocation.base_quantity(), promised) != DecimalError::kOk) continue;
      Decimal& left = item.held[allocation.location()];
      const Decimal held = Least(promised, left);
      left = Minus(left, held);
      allocation.set_held_quantity(Text(held));
      const Place* place =
          item.stock.has_value() ? item.stock->Find(allocation.location()) : nullptr;
      if (place == nullptr) continue;
      if (const Decimal missing = Least(held, place->Short()); missing.sign() > 0) {
        allocation.set_short_quantity(Text(missing));
      }
    }
  }
  return out;
}

v1::Availability ToAvailability(const std::optional<Stock>& stock, const TenantFacts& facts,
                                const v1::AvailabilityQuery& query,
                                const std::vector<std::string>& only) {
  v1::Availability line;
  line.set_sku(query.sku());
  if (!stock.has_value() || !stock->known) {
    if (facts.loaded) {
      SetReason("UNKNOWN_ITEM", absl::StrCat("there is no item ", query.sku()), line);
    } else {
      SetReason("NOT_LOADED", "the items have not been loaded from the ERP yet", line);
    }
    return line;
  }
  line.set_base_unit(stock->base_unit);
  if (stock->places.empty() && !facts.loaded) {
    SetReason("NOT_LOADED", "the stock has not been loaded from the ERP yet", line);
    return line;
  }

  Decimal available, on_hand, safety, reserved, short_quantity;
  bool all_counted = !stock->places.empty();
  absl::Time counted = absl::InfiniteFuture();
  absl::Time source = absl::InfinitePast();
  for (const Place* place : PlacesToAsk(*stock, facts.locations, only)) {
    available = Plus(available, place->Available());
    on_hand = Plus(on_hand, place->on_hand);
    safety = Plus(safety, place->safety);
    reserved = Plus(reserved, place->reserved);
    short_quantity = Plus(short_quantity, place->Short());
    all_counted = all_counted && place->counted.has_value();
    if (place->counted.has_value()) counted = std::min(counted, *place->counted);
    source = std::max(source, place->source_time);
    *line.add_locations() = ToProto(*place, /*closed=*/false);
  }
  for (const Place& place : stock->places) {
    const bool asked = only.empty() || std::find(only.begin(), only.end(), place.location) != only.end();
    if (asked && facts.locations.Closed(place.location)) {
      *line.add_locations() = ToProto(place, /*closed=*/true);
    }
  }
  line.set_available(Text(available));
  line.set_on_hand(Text(on_hand));
  line.set_safety(Text(safety));
  line.set_reserved(Text(reserved));
  if (short_quantity.sign() > 0) line.set_short_quantity(Text(short_quantity));
  if (all_counted && counted != absl::InfiniteFuture()) {
    *line.mutable_counted_as_of() = ToTimestamp(counted);
  }
  if (source != absl::InfinitePast()) *line.mutable_source_time() = ToTimestamp(source);
  if (query.has_quantity() && !AddOffer(*stock, available, query.quantity(), line)) return line;
  return line;
}

}  // namespace weft::inventory
