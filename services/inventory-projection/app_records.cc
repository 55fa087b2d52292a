// What records do: facts, counts, movements and shipments.
#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "libs/base/error.h"
#include "services/inventory-projection/app.h"
#include "services/inventory-projection/convert.h"
#include "services/inventory-projection/state.h"
#include "services/inventory-projection/stock_edit.h"
#include "weft/facts/v1/facts.pb.h"
#include "weft/sales/v1/sales.pb.h"
#include "weft/stock/v1/stock.pb.h"

namespace weft::inventory {
namespace {

constexpr size_t kIdMax = 255;

template <typename Message>
absl::StatusOr<Message> Parse(const engine::Event& event) {
  Message message;
  if (!message.ParseFromString(event.payload)) {
    return DataLoss("RECORD_UNREADABLE", absl::StrCat("a ", event.type, " does not parse"));
  }
  return message;
}

absl::Status Require(absl::string_view value, absl::string_view field) {
  if (!value.empty() && value.size() <= kIdMax) return absl::OkStatus();
  return InvalidArgument("FIELD_REQUIRED",
                         absl::StrCat(field, " must have 1 to ", kIdMax, " characters"),
                         {{"field", std::string(field)}});
}

absl::StatusOr<Decimal> Quantity(const std::string& text, absl::string_view field) {
  const std::optional<Decimal> quantity = ParseQuantity(text);
  if (quantity.has_value()) return *quantity;
  return InvalidArgument("QUANTITY_INVALID",
                         absl::StrCat(field, " \"", text,
                                      "\" is no decimal of at most 10^12 with at most 6 "
                                      "decimals"),
                         {{"field", std::string(field)}});
}

absl::StatusOr<absl::Time> Moment(bool has, const google::protobuf::Timestamp& timestamp,
                                  absl::string_view field) {
  const absl::Time time = FromTimestamp(timestamp);
  // Rows keep nanoseconds in 64 bits.
  if (has && time > absl::FromUnixSeconds(-9'000'000'000) &&
      time < absl::FromUnixSeconds(9'000'000'000)) {
    return time;
  }
  return InvalidArgument("TIME_INVALID",
                         absl::StrCat(field, " is missing or not between 1684 and 2255"),
                         {{"field", std::string(field)}});
}

// ---- facts --------------------------------------------------------------------

absl::Status OnItem(const facts::v1::ItemChanged& item, engine::Turn& turn) {
  WEFT_RETURN_IF_ERROR(Require(item.sku(), "sku"));
  WEFT_ASSIGN_OR_RETURN(StockEdit edit, StockEdit::Open(item.sku(), turn));
  Stock& stock = edit.stock();
  stock.known = !item.deleted();
  stock.base_unit = item.base_unit();
  stock.units.clear();
  for (const common::v1::UnitRatio& unit : item.units()) {
    WEFT_ASSIGN_OR_RETURN(const UnitRatio ratio,
                          UnitRatio::Make(unit.numerator(), unit.denominator()));
    stock.units.push_back({unit.unit(), ratio});
  }
  edit.Save(turn);
  return absl::OkStatus();
}

absl::StatusOr<v1::TenantRow> TenantOf(const engine::Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(std::optional<v1::TenantRow> row, turn.Find(kTenant, ""));
  return row.has_value() ? *std::move(row) : v1::TenantRow();
}

absl::Status OnLocation(const facts::v1::LocationChanged& location, engine::Turn& turn) {
  WEFT_RETURN_IF_ERROR(Require(location.location(), "location"));
  WEFT_ASSIGN_OR_RETURN(v1::TenantRow tenant, TenantOf(turn));
  v1::LocationRow* row = nullptr;
  for (auto& known : *tenant.mutable_locations()) {
    if (known.location() == location.location()) row = &known;
  }
  if (row == nullptr) row = tenant.add_locations();
  row->set_location(location.location());
  row->set_priority(location.priority());
  // What stands at a deleted location is not promised either.
  row->set_closed(location.closed() || location.deleted());
  turn.Put(kTenant, "", tenant);
  return absl::OkStatus();
}

absl::Status OnLoad(const facts::v1::LoadChanged& load, engine::Turn& turn) {
  if (!load.ended()) return absl::OkStatus();
  WEFT_ASSIGN_OR_RETURN(v1::TenantRow tenant, TenantOf(turn));
  const auto& loaded = tenant.loaded();
  bool changed = false;
  for (const std::string& entity : load.entities()) {
    if (std::find(loaded.begin(), loaded.end(), entity) != loaded.end()) continue;
    tenant.add_loaded(entity);
    changed = true;
  }
  if (changed) turn.Put(kTenant, "", tenant);
  return absl::OkStatus();
}

// ---- stock --------------------------------------------------------------------

absl::StatusOr<Count> CountOf(const std::string& sku, const std::string& location,
                              const engine::Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(std::optional<Count> count,
                        turn.Find(kCounts, PlaceKey(sku, location)));
  return count.has_value() ? *std::move(count) : Count();
}

void Touch(Place& place, const engine::Event& event) {
  place.source_time = std::max(place.source_time, event.time);
}

// True when nothing of `flow` can matter to any count any more and no promise
// still waits for it.
absl::StatusOr<bool> Forgettable(const std::string& sku, const std::string& order,
                                 const Flow& flow, const Settings& settings,
                                 const engine::Turn& turn) {
  for (const std::string& location : flow.Locations()) {
    WEFT_ASSIGN_OR_RETURN(const Count count, CountOf(sku, location, turn));
    for (const Flow::Shipment& s : flow.shipments) {
      if (s.location == location && !Forgotten(count, s.time, settings.movement_memory)) {
        return false;
      }
    }
    for (const Flow::Movement& m : flow.movements) {
      if (m.location == location && !Forgotten(count, m.posted, settings.movement_memory)) {
        return false;
      }
    }
  }
  bool held = false;
  WEFT_RETURN_IF_ERROR(turn.ScanRows(kHolds.id, engine::Key().Add(order).Add(sku).Take(), "",
                                     [&](absl::string_view, absl::string_view) {
                                       held = true;
                                       return false;
                                     }));
  return !held;
}

// What a count has not seen at one place; forgets what no count can ask for.
absl::StatusOr<Decimal> UnseenAt(const std::string& sku, const std::string& location,
                                 const Count& count, const Settings& settings,
                                 engine::Turn& turn) {
  Decimal unseen;
  std::vector<std::string> forgotten;
  WEFT_RETURN_IF_ERROR(turn.Scan(
      kMovements, PlaceKey(sku, location), [&](absl::string_view key, const Movement& m) {
        unseen = Plus(unseen, Unseen(m, count, settings.movement_memory));
        if (Forgotten(count, m.posted, settings.movement_memory)) {
          forgotten.emplace_back(key);
        }
        return true;
      }));
  for (const std::string& key : forgotten) turn.Delete(kMovements, key);

  std::vector<std::pair<std::string, Flow>> flows;
  WEFT_RETURN_IF_ERROR(turn.Scan(kFlows, engine::Key().Add(sku).Take(),
                                 [&](absl::string_view key, const Flow& flow) {
                                   unseen = Minus(unseen, flow.Unseen(location, count,
                                                                      settings.movement_memory));
                                   flows.emplace_back(std::string(key), flow);
                                   return true;
                                 }));
  for (const auto& [key, flow] : flows) {
    engine::KeyReader reader(key);
    std::string key_sku, order;
    if (!reader.Next(key_sku) || !reader.Next(order)) continue;
    WEFT_ASSIGN_OR_RETURN(const bool forgettable,
                          Forgettable(sku, order, flow, settings, turn));
    if (forgettable) turn.Delete(kFlows, key);
  }
  return unseen;
}

absl::Status OnCounted(const stock::v1::StockCounted& counted, const engine::Event& event,
                       const Settings& settings, engine::Turn& turn) {
  WEFT_RETURN_IF_ERROR(Require(counted.sku(), "sku"));
  WEFT_RETURN_IF_ERROR(Require(counted.location(), "location"));
  NewCount arrived;
  WEFT_ASSIGN_OR_RETURN(arrived.on_hand, Quantity(counted.on_hand(), "on_hand"));
  if (!counted.safety().empty()) {
    WEFT_ASSIGN_OR_RETURN(const Decimal safety, Quantity(counted.safety(), "safety"));
    arrived.safety = AtLeastZero(safety);
  }
  WEFT_ASSIGN_OR_RETURN(arrived.watermark,
                        Moment(counted.has_watermark(), counted.watermark(), "watermark"));
  arrived.exceptions.assign(counted.unseen_movements().begin(),
                            counted.unseen_movements().end());

  WEFT_ASSIGN_OR_RETURN(Count count, CountOf(counted.sku(), counted.location(), turn));
  if (!Apply(arrived, count)) return absl::OkStatus();
  turn.Put(kCounts, PlaceKey(counted.sku(), counted.location()), count);

  WEFT_ASSIGN_OR_RETURN(const Decimal unseen, UnseenAt(counted.sku(), counted.location(),
                                                       count, settings, turn));
  WEFT_ASSIGN_OR_RETURN(StockEdit edit, StockEdit::Open(counted.sku(), turn));
  Place& place = edit.stock().At(counted.location());
  place.on_hand = Plus(count.on_hand, unseen);
  place.safety = count.safety;
  place.counted = count.watermark;
  Touch(place, event);
  edit.Save(turn);
  return absl::OkStatus();
}

// Gives what left to the promises made for the order. `edit` is the item's.
absl::Status ConsumeHolds(const std::string& sku, const std::string& order,
                          const std::string& location, const Decimal& left, Flow& flow,
                          StockEdit& edit, engine::Turn& turn) {
  struct Found {
    std::string key;
    std::string id;
    std::vector<Held> hold;
  };
  std::vector<Found> found;
  WEFT_RETURN_IF_ERROR(turn.Scan(
      kHolds, engine::Key().Add(order).Add(sku).Take(),
      [&](absl::string_view key, const std::vector<Held>& hold) {
        engine::KeyReader reader(key);
        std::string part, id;
        if (reader.Next(part) && reader.Next(part) && reader.Next(id)) {
          found.push_back({std::string(key), id, hold});
        }
        return true;
      }));
  Decimal rest = left;
  for (Found& f : found) {
    if (rest.sign() <= 0) break;
    const Decimal consumed =
        Consume(location, rest, f.hold, [&](const std::string& at, const Decimal& quantity) {
          Place& place = edit.stock().At(at);
          place.reserved = Minus(place.reserved, quantity);
        });
    if (consumed.is_zero()) continue;
    rest = Minus(rest, consumed);
    flow.consumed = Plus(flow.consumed, consumed);
    const bool open = std::any_of(f.hold.begin(), f.hold.end(),
                                  [](const Held& held) { return held.open().sign() > 0; });
    if (open) {
      turn.Put(kHolds, f.key, f.hold);
      continue;
    }
    turn.Delete(kHolds, f.key);
    WEFT_ASSIGN_OR_RETURN(v1::OpenHoldsRow items, turn.Get(kOpenHolds, f.id));
    items.set_items(items.items() - 1);
    if (items.items() > 0) {
      turn.Put(kOpenHolds, f.id, items);
      continue;
    }
    turn.Delete(kOpenHolds, f.id);
    WEFT_ASSIGN_OR_RETURN(v1::ReservationRow row, turn.Get(kReservations, f.id));
    row.set_state(v1::RESERVATION_STATE_FULFILLED);
    row.set_update_ns(Nanos(turn.now()));
    row.set_revision(row.revision() + 1);
    turn.Put(kReservations, f.id, row);
    v1::ReservationChanged changed;
    changed.set_reservation(absl::StrCat("reservations/", f.id));
    changed.set_state(row.state());
    changed.set_order(row.order());
    changed.set_account(row.account());
    changed.set_revision(row.revision());
    turn.Emit(kStockTopic, changed.reservation(), changed);
  }
  return absl::OkStatus();
}

// Adds what left of one item for one order of ours. Shape of `add`: false when
// nothing of it was new.
template <typename Add>
absl::Status OnLeft(const std::string& sku, const std::string& order, const Add& add,
                    const engine::Event& event, const Settings& settings,
                    engine::Turn& turn) {
  const std::string key = FlowKey(sku, order);
  WEFT_ASSIGN_OR_RETURN(std::optional<Flow> stored, turn.Find(kFlows, key));
  const Flow before = stored.has_value() ? *stored : Flow();
  Flow flow = before;
  if (!add(flow)) return absl::OkStatus();

  WEFT_ASSIGN_OR_RETURN(StockEdit edit, StockEdit::Open(sku, turn));
  for (const std::string& location : flow.Locations()) {
    WEFT_ASSIGN_OR_RETURN(const Count count, CountOf(sku, location, turn));
    const Decimal unseen_before = before.Unseen(location, count, settings.movement_memory);
    const Decimal unseen = flow.Unseen(location, count, settings.movement_memory);
    Place& place = edit.stock().At(location);
    place.on_hand = Minus(place.on_hand, Minus(unseen, unseen_before));
    Touch(place, event);
    const Decimal left = Minus(flow.Total(location), before.Total(location));
    if (left.sign() > 0) {
      WEFT_RETURN_IF_ERROR(ConsumeHolds(sku, order, location, left, flow, edit, turn));
    }
  }
  turn.Put(kFlows, key, flow);
  edit.Save(turn);
  return absl::OkStatus();
}

absl::Status OnMoved(const stock::v1::StockMoved& moved, const engine::Event& event,
                     const Settings& settings, engine::Turn& turn) {
  WEFT_RETURN_IF_ERROR(Require(moved.sku(), "sku"));
  WEFT_RETURN_IF_ERROR(Require(moved.location(), "location"));
  WEFT_RETURN_IF_ERROR(Require(moved.movement(), "movement"));
  WEFT_ASSIGN_OR_RETURN(const Decimal quantity, Quantity(moved.quantity(), "quantity"));
  WEFT_ASSIGN_OR_RETURN(const absl::Time posted,
                        Moment(moved.has_posted(), moved.posted(), "posted"));
  // Goods that come back for an order are a receipt like any other.
  if (!moved.order().empty() && quantity.sign() < 0) {
    return OnLeft(
        moved.sku(), moved.order(),
        [&](Flow& flow) {
          return flow.Add(Flow::Movement{.id = moved.movement(),
                                         .location = moved.location(),
                                         .shipment = moved.shipment(),
                                         .quantity = -quantity,
                                         .posted = posted});
        },
        event, settings, turn);
  }

  WEFT_ASSIGN_OR_RETURN(const Count count, CountOf(moved.sku(), moved.location(), turn));
  if (Forgotten(count, posted, settings.movement_memory)) return absl::OkStatus();
  const std::string key = MovementKey(moved.sku(), moved.location(), moved.movement());
  WEFT_ASSIGN_OR_RETURN(const std::optional<Movement> known, turn.Find(kMovements, key));
  if (known.has_value()) return absl::OkStatus();
  const Movement movement{moved.movement(), quantity, posted};
  turn.Put(kMovements, key, movement);
  WEFT_ASSIGN_OR_RETURN(StockEdit edit, StockEdit::Open(moved.sku(), turn));
  Place& place = edit.stock().At(moved.location());
  place.on_hand = Plus(place.on_hand, Unseen(movement, count, settings.movement_memory));
  Touch(place, event);
  edit.Save(turn);
  return absl::OkStatus();
}

absl::Status OnShipped(const sales::v1::OrderShipped& shipped, const engine::Event& event,
                       const Settings& settings, engine::Turn& turn) {
  WEFT_RETURN_IF_ERROR(Require(shipped.order(), "order"));
  WEFT_RETURN_IF_ERROR(Require(shipped.shipment(), "shipment"));
  WEFT_ASSIGN_OR_RETURN(const absl::Time time,
                        Moment(shipped.has_time(), shipped.time(), "time"));
  // Several lines may have the same item and location: one shipment of it.
  std::map<std::string, std::map<std::string, Decimal>> left;
  for (const sales::v1::ShippedLine& line : shipped.lines()) {
    WEFT_RETURN_IF_ERROR(Require(line.sku(), "lines.sku"));
    WEFT_RETURN_IF_ERROR(Require(line.location(), "lines.location"));
    WEFT_ASSIGN_OR_RETURN(const Decimal quantity,
                          Quantity(line.base_quantity(), "lines.base_quantity"));
    if (quantity.sign() <= 0) continue;
    Decimal& sum = left[line.sku()][line.location()];
    sum = Plus(sum, quantity);
  }
  for (const auto& [sku, by_location] : left) {
    const auto& places = by_location;
    WEFT_RETURN_IF_ERROR(OnLeft(
        sku, shipped.order(),
        [&](Flow& flow) {
          bool added = false;
          for (const auto& [location, quantity] : places) {
            added = flow.Add(Flow::Shipment{.id = shipped.shipment(),
                                            .location = location,
                                            .quantity = quantity,
                                            .time = time}) ||
                    added;
          }
          return added;
        },
        event, settings, turn));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status OnFact(const engine::Event& event, engine::Turn& turn) {
  if (event.tombstone) return absl::OkStatus();
  if (event.type == facts::v1::ItemChanged::descriptor()->full_name()) {
    WEFT_ASSIGN_OR_RETURN(const auto item, Parse<facts::v1::ItemChanged>(event));
    return OnItem(item, turn);
  }
  if (event.type == facts::v1::LocationChanged::descriptor()->full_name()) {
    WEFT_ASSIGN_OR_RETURN(const auto location, Parse<facts::v1::LocationChanged>(event));
    return OnLocation(location, turn);
  }
  if (event.type == facts::v1::LoadChanged::descriptor()->full_name()) {
    WEFT_ASSIGN_OR_RETURN(const auto load, Parse<facts::v1::LoadChanged>(event));
    return OnLoad(load, turn);
  }
  return absl::OkStatus();
}

absl::Status OnStock(const engine::Event& event, const Settings& settings,
                     engine::Turn& turn) {
  if (event.type == stock::v1::StockCounted::descriptor()->full_name()) {
    WEFT_ASSIGN_OR_RETURN(const auto counted, Parse<stock::v1::StockCounted>(event));
    return OnCounted(counted, event, settings, turn);
  }
  if (event.type == stock::v1::StockMoved::descriptor()->full_name()) {
    WEFT_ASSIGN_OR_RETURN(const auto moved, Parse<stock::v1::StockMoved>(event));
    return OnMoved(moved, event, settings, turn);
  }
  return absl::OkStatus();
}

absl::Status OnErpOrder(const engine::Event& event, const Settings& settings,
                        engine::Turn& turn) {
  if (event.type == sales::v1::OrderShipped::descriptor()->full_name()) {
    WEFT_ASSIGN_OR_RETURN(const auto shipped, Parse<sales::v1::OrderShipped>(event));
    return OnShipped(shipped, event, settings, turn);
  }
  return absl::OkStatus();
}

}  // namespace weft::inventory
