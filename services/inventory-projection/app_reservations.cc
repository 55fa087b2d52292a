// Reserve, Confirm, Extend, Release and expiry.
#include <algorithm>
#include <map>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "libs/base/error.h"
#include "libs/base/hash.h"
#include "libs/base/ids.h"
#include "services/inventory-projection/app.h"
#include "services/inventory-projection/convert.h"
#include "services/inventory-projection/domain/promise.h"
#include "services/inventory-projection/state.h"
#include "services/inventory-projection/stock_edit.h"

namespace weft::inventory {
namespace {

// More short lines than this are counted, not listed.
constexpr size_t kShortLinesListed = 100;

std::string LineField(int index, absl::string_view field) {
  return absl::StrCat("lines[", index, "].", field);
}

// What "the same request" means: all of it but its key.
uint64_t HashOf(const v1::ReserveRequest& request) {
  v1::ReserveRequest keyless = request;
  keyless.clear_request_id();
  const Sha256Digest digest = Sha256(keyless.SerializeAsString());
  uint64_t hash = 0;
  for (int i = 0; i < 8; ++i) hash = hash << 8 | digest[static_cast<size_t>(i)];
  return hash;
}

std::string JsonText(absl::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    if (static_cast<unsigned char>(c) >= 0x20) out.push_back(c);
  }
  out.push_back('"');
  return out;
}

void EmitChanged(const std::string& id, const v1::ReservationRow& row, engine::Turn& turn) {
  v1::ReservationChanged event;
  event.set_reservation(absl::StrCat("reservations/", id));
  event.set_state(row.state());
  event.set_order(row.order());
  event.set_account(row.account());
  event.set_revision(row.revision());
  turn.Emit(kStockTopic, event.reservation(), event);
}

// Stores a change of the reservation and tells of it.
void Save(const std::string& id, v1::ReservationRow& row, engine::Turn& turn) {
  row.set_update_ns(Nanos(turn.now()));
  row.set_revision(row.revision() + 1);
  turn.Put(kReservations, id, row);
  EmitChanged(id, row, turn);
}

// The request's lines with the rows they need.
struct Lines {
  std::vector<std::string> skus;  // Of `stocks`, each once.
  std::vector<Stock> stocks;
  std::vector<Demand> demands;
  std::vector<ItemUnit> units;    // Per line.
};

absl::Status LineError(absl::StatusCode code, absl::string_view reason, std::string message,
                       int index, absl::string_view field, const v1::ReserveLine& line) {
  return Error(code, reason, message,
               {{"field", LineField(index, field)}, {"sku", line.sku()}});
}

absl::StatusOr<Lines> ReadLines(const v1::ReserveRequest& request, const TenantFacts& facts,
                                engine::Turn& turn) {
  Lines out;
  absl::flat_hash_map<absl::string_view, size_t> index_of;
  const std::vector<std::string> everywhere(request.locations().begin(),
                                            request.locations().end());
  for (int i = 0; i < request.lines_size(); ++i) {
    const v1::ReserveLine& line = request.lines(i);
    const auto [at, is_new] = index_of.try_emplace(line.sku(), out.stocks.size());
    if (is_new) {
      WEFT_ASSIGN_OR_RETURN(std::optional<Stock> stock, turn.Find(kStock, line.sku()));
      out.skus.push_back(line.sku());
      out.stocks.push_back(stock.has_value() ? *std::move(stock) : Stock());
    }
    const Stock& stock = out.stocks[at->second];
    if (!stock.known) {
      if (!facts.loaded) {
        return LineError(absl::StatusCode::kFailedPrecondition, "NOT_LOADED",
                         absl::StrCat("item ", line.sku(),
                                      " is not known and the items have not been loaded from "
                                      "the ERP yet; repeat after the first full load"),
                         i, "sku", line);
      }
      return LineError(absl::StatusCode::kFailedPrecondition, "UNKNOWN_ITEM",
                       absl::StrCat("there is no item ", line.sku()), i, "sku", line);
    }
    if (stock.places.empty() && !facts.loaded) {
      return LineError(absl::StatusCode::kFailedPrecondition, "NOT_LOADED",
                       "the stock has not been loaded from the ERP yet; repeat after the "
                       "first full load",
                       i, "sku", line);
    }
    std::optional<ItemUnit> unit =
        FindUnit(stock.base_unit, stock.units, line.quantity().unit());
    if (!unit.has_value()) {
      return LineError(absl::StatusCode::kInvalidArgument, "UNKNOWN_UNIT",
                       absl::StrCat("item ", line.sku(), " has no unit ",
                                    line.quantity().unit(), "; its base unit is ",
                                    stock.base_unit),
                       i, "quantity.unit", line);
    }
    const std::optional<Decimal> asked = ParseQuantity(line.quantity().value());
    std::optional<Decimal> base;
    if (asked.has_value() && asked->sign() > 0) base = ToBase(*asked, unit->ratio);
    if (!base.has_value()) {
      return LineError(absl::StatusCode::kInvalidArgument, "QUANTITY_INVALID",
                       absl::StrCat("the quantity of item ", line.sku(),
                                    " must be above zero, at most 10^12, with at most 6 "
                                    "decimals"),
                       i, "quantity.value", line);
    }
    Demand demand{.stock = at->second, .quantity = *base};
    if (!line.location().empty()) {
      demand.only = {line.location()};
    } else {
      demand.only = everywhere;
    }
    out.demands.push_back(std::move(demand));
    out.units.push_back(*std::move(unit));
  }
  return out;
}

absl::Status InsufficientStock(const v1::ReserveRequest& request, const Lines& lines,
                               const std::vector<Shortage>& shortages) {
  std::string listed = "[";
  for (size_t i = 0; i < std::min(shortages.size(), kShortLinesListed); ++i) {
    const Shortage& s = shortages[i];
    const ItemUnit& unit = lines.units[s.line];
    const bool is_base = unit.ratio == UnitRatio();
    const Decimal offered = is_base ? s.available : WholeUnits(s.available, unit.ratio);
    const v1::ReserveLine& line = request.lines(static_cast<int>(s.line));
    absl::StrAppend(&listed, i == 0 ? "" : ",", "{\"line\":", s.line,
                    ",\"sku\":", JsonText(line.sku()), ",\"requested\":",
                    JsonText(line.quantity().value()), ",\"offered\":", JsonText(Text(offered)),
                    ",\"unit\":", JsonText(unit.unit), ",\"availableBase\":",
                    JsonText(Text(s.available)), "}");
  }
  listed += "]";
  const Shortage& first = shortages.front();
  const v1::ReserveLine& line = request.lines(static_cast<int>(first.line));
  const ItemUnit& unit = lines.units[first.line];
  const Decimal offered =
      unit.ratio == UnitRatio() ? first.available : WholeUnits(first.available, unit.ratio);
  return FailedPrecondition(
      "INSUFFICIENT_STOCK",
      absl::StrCat("of item ", line.sku(), " ", line.quantity().value(), " ", unit.unit,
                   " are asked for and ", Text(offered), " can be promised",
                   shortages.size() > 1
                       ? absl::StrCat("; ", shortages.size(), " lines are short")
                       : "",
                   "; nothing is held, ask for less or for other locations"),
      {{"field", LineField(static_cast<int>(first.line), "quantity")},
       {"sku", line.sku()},
       {"requested", line.quantity().value()},
       {"offered", Text(offered)},
       {"unit", unit.unit},
       {"shortLineCount", absl::StrCat(shortages.size())},
       {"shortLines", std::move(listed)}});
}

absl::StatusOr<absl::Time> Expiry(bool has_time, const google::protobuf::Timestamp& asked,
                                  const Settings& settings, absl::Time now) {
  if (!has_time) return now + settings.default_hold;
  const absl::Time expiry = FromTimestamp(asked);
  if (expiry <= now) {
    return InvalidArgument("EXPIRY_PASSED",
                           absl::StrCat("the reservation would have expired at ",
                                        absl::FormatTime(expiry, absl::UTCTimeZone()),
                                        "; name a later moment"),
                           {{"field", "expireTime"}});
  }
  return std::min(expiry, now + settings.longest_hold);
}

// The row, if the caller may see it: another account's is not found.
absl::StatusOr<v1::ReservationRow> FindVisible(const std::string& id, engine::Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(std::optional<v1::ReservationRow> row, turn.Find(kReservations, id));
  if (!row.has_value() || !VisibleTo(*row, turn.principal())) return ReservationNotFound(id);
  return *std::move(row);
}

Decimal Stored(const std::string& text) {
  Decimal quantity;
  WEFT_CHECK(Decimal::ParseInto(text, quantity) == DecimalError::kOk);
  return quantity;
}

// What each item of a reservation was promised, by location.
std::map<std::string, std::vector<Held>> PromisedByItem(const v1::ReservationRow& row) {
  std::map<std::string, std::vector<Held>> items;
  for (const auto& line : row.lines()) {
    std::vector<Held>& places = items[line.sku()];
    for (const auto& part : line.parts()) {
      auto at = std::find_if(places.begin(), places.end(), [&](const Held& held) {
        return held.location == part.location();
      });
      if (at == places.end()) {
        at = places.insert(at, Held{part.location(), Decimal(), Decimal()});
      }
      at->promised = Plus(at->promised, Stored(part.quantity()));
    }
  }
  for (auto& [sku, places] : items) {
    std::sort(places.begin(), places.end(),
              [](const Held& a, const Held& b) { return a.location < b.location; });
  }
  return items;
}

// Ends a reservation that is held or confirmed and gives back what is open.
absl::Status End(const std::string& id, v1::ReservationState state, v1::ReservationRow& row,
                 engine::Turn& turn) {
  const bool by_order =
      row.state() == v1::RESERVATION_STATE_CONFIRMED && !row.order().empty();
  for (auto& [sku, places] : PromisedByItem(row)) {
    std::vector<Held> open = std::move(places);
    if (by_order) {
      const std::string key = HoldKey(row.order(), sku, id);
      WEFT_ASSIGN_OR_RETURN(std::optional<std::vector<Held>> hold, turn.Find(kHolds, key));
      if (!hold.has_value()) continue;  // All of it was shipped.
      open = *std::move(hold);
      turn.Delete(kHolds, key);
    }
    WEFT_ASSIGN_OR_RETURN(StockEdit edit, StockEdit::Open(sku, turn));
    for (const Held& held : open) {
      Place& place = edit.stock().At(held.location);
      place.reserved = Minus(place.reserved, held.open());
    }
    edit.Save(turn);
  }
  if (by_order) turn.Delete(kOpenHolds, id);
  if (row.expire_ns() != 0) turn.CancelTimer(kExpireTimer, id);
  row.set_state(state);
  row.set_expire_ns(0);
  Save(id, row, turn);
  return absl::OkStatus();
}

absl::Status EndedError(const std::string& id, const v1::ReservationRow& row) {
  if (row.state() == v1::RESERVATION_STATE_EXPIRED) {
    return FailedPrecondition("RESERVATION_EXPIRED",
                              absl::StrCat("reservation ", id, " expired; reserve again"),
                              {{"reservation", absl::StrCat("reservations/", id)}});
  }
  return FailedPrecondition("RESERVATION_RELEASED",
                            absl::StrCat("reservation ", id, " was released; reserve again"),
                            {{"reservation", absl::StrCat("reservations/", id)}});
}

bool Ended(const v1::ReservationRow& row) {
  return row.state() == v1::RESERVATION_STATE_EXPIRED ||
         row.state() == v1::RESERVATION_STATE_RELEASED;
}

}  // namespace

absl::StatusOr<v1::Reservation> Reserve(const v1::ReserveRequest& request,
                                        const Settings& settings, engine::Turn& turn) {
  if (request.lines().empty()) {
    return InvalidArgument("LINES_REQUIRED", "a reservation needs at least one line",
                           {{"field", "lines"}});
  }
  if (request.lines_size() > kReserveLinesMax || request.locations_size() > kLocationsMax) {
    return InvalidArgument("TOO_MANY_LINES",
                           absl::StrCat("a reservation takes at most ", kReserveLinesMax,
                                        " lines and ", kLocationsMax, " locations"),
                           {{"field", "lines"}});
  }
  WEFT_ASSIGN_OR_RETURN(const std::string account,
                        ActingAccount(turn.principal(), request.account()));

  const std::string id = DeriveId(turn.tenant(), kReserveMethod, request.request_id());
  const uint64_t request_hash = HashOf(request);
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::ReservationRow> earlier,
                        turn.Find(kReservations, id));
  if (earlier.has_value()) {
    if (earlier->request_hash() != request_hash) {
      return InvalidArgument("REQUEST_ID_REUSED",
                             "this request id made another reservation; use a new one",
                             {{"reservation", absl::StrCat("reservations/", id)}});
    }
    return ToProto(id, *earlier);
  }

  WEFT_ASSIGN_OR_RETURN(const TenantFacts facts, ReadFacts(turn));
  WEFT_ASSIGN_OR_RETURN(Lines lines, ReadLines(request, facts, turn));
  WEFT_ASSIGN_OR_RETURN(const absl::Time expiry,
                        Expiry(request.has_expire_time(), request.expire_time(), settings,
                               turn.now()));
  const Promise promise = PlanPromise(lines.stocks, facts.locations, lines.demands);
  if (const auto* shortages = std::get_if<std::vector<Shortage>>(&promise)) {
    return InsufficientStock(request, lines, *shortages);
  }

  const auto& parts = std::get<std::vector<std::vector<Part>>>(promise);
  v1::ReservationRow row;
  row.set_state(v1::RESERVATION_STATE_HELD);
  row.set_account(account);
  row.set_order(request.order());
  row.set_request_hash(request_hash);
  row.set_create_ns(Nanos(turn.now()));
  row.set_expire_ns(Nanos(expiry));
  for (size_t i = 0; i < parts.size(); ++i) {
    const v1::ReserveLine& asked = request.lines(static_cast<int>(i));
    auto* line = row.add_lines();
    line->set_sku(asked.sku());
    line->set_quantity(asked.quantity().value());
    line->set_unit(lines.units[i].unit);
    Stock& stock = lines.stocks[lines.demands[i].stock];
    for (const Part& part : parts[i]) {
      Place& place = stock.At(part.location);
      place.reserved = Plus(place.reserved, part.quantity);
      auto* to = line->add_parts();
      to->set_location(part.location);
      to->set_quantity(Text(part.quantity));
    }
  }
  for (size_t i = 0; i < lines.stocks.size(); ++i) {
    turn.Put(kStock, lines.skus[i], lines.stocks[i]);
  }
  turn.SetTimer(kExpireTimer, id, expiry);
  Save(id, row, turn);
  return ToProto(id, row);
}

absl::StatusOr<v1::Reservation> Confirm(const v1::ConfirmRequest& request,
                                        engine::Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(const std::string id, ReservationId(request.name()));
  WEFT_ASSIGN_OR_RETURN(v1::ReservationRow row, FindVisible(id, turn));
  if (Ended(row)) return EndedError(id, row);
  if (!request.order().empty() && !row.order().empty() && request.order() != row.order()) {
    return FailedPrecondition("ORDER_DIFFERS",
                              absl::StrCat("reservation ", id, " is held for ", row.order()),
                              {{"order", row.order()}});
  }
  if (row.state() != v1::RESERVATION_STATE_HELD) return ToProto(id, row);

  if (row.order().empty()) row.set_order(request.order());
  row.set_state(v1::RESERVATION_STATE_CONFIRMED);
  row.set_expire_ns(0);
  turn.CancelTimer(kExpireTimer, id);
  if (!row.order().empty()) {
    int64_t open_items = 0;
    for (auto& [sku, places] : PromisedByItem(row)) {
      // Goods may have left before the promise was made firm.
      WEFT_ASSIGN_OR_RETURN(std::optional<Flow> flow,
                            turn.Find(kFlows, FlowKey(sku, row.order())));
      if (flow.has_value() && flow->Total() > flow->consumed) {
        WEFT_ASSIGN_OR_RETURN(StockEdit edit, StockEdit::Open(sku, turn));
        const Decimal consumed =
            Consume("", Minus(flow->Total(), flow->consumed), places,
                    [&](const std::string& location, const Decimal& quantity) {
                      Place& place = edit.stock().At(location);
                      place.reserved = Minus(place.reserved, quantity);
                    });
        flow->consumed = Plus(flow->consumed, consumed);
        turn.Put(kFlows, FlowKey(sku, row.order()), *flow);
        edit.Save(turn);
      }
      const bool open = std::any_of(places.begin(), places.end(), [](const Held& held) {
        return held.open().sign() > 0;
      });
      if (!open) continue;
      turn.Put(kHolds, HoldKey(row.order(), sku, id), places);
      ++open_items;
    }
    if (open_items == 0) {
      row.set_state(v1::RESERVATION_STATE_FULFILLED);
    } else {
      v1::OpenHoldsRow open;
      open.set_items(open_items);
      turn.Put(kOpenHolds, id, open);
    }
  }
  Save(id, row, turn);
  return ToProto(id, row);
}

absl::StatusOr<v1::Reservation> Extend(const v1::ExtendRequest& request,
                                       const Settings& settings, engine::Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(const std::string id, ReservationId(request.name()));
  WEFT_ASSIGN_OR_RETURN(v1::ReservationRow row, FindVisible(id, turn));
  if (Ended(row)) return EndedError(id, row);
  if (row.state() != v1::RESERVATION_STATE_HELD) {
    return FailedPrecondition("RESERVATION_CONFIRMED",
                              absl::StrCat("reservation ", id, " is firm and has no expiry"),
                              {{"reservation", request.name()}});
  }
  if (!request.has_expire_time()) {
    return InvalidArgument("EXPIRY_PASSED", "name the new expiry", {{"field", "expireTime"}});
  }
  WEFT_ASSIGN_OR_RETURN(const absl::Time expiry,
                        Expiry(true, request.expire_time(), settings, turn.now()));
  row.set_expire_ns(Nanos(expiry));
  turn.SetTimer(kExpireTimer, id, expiry);
  Save(id, row, turn);
  return ToProto(id, row);
}

absl::StatusOr<v1::Reservation> Release(const v1::ReleaseRequest& request,
                                        engine::Turn& turn) {
  std::string id;
  if (!request.undo_of().empty()) {
    id = DeriveId(turn.tenant(), kReserveMethod, request.undo_of());
    const bool named = !request.name().empty() && request.name() != "reservations/-";
    if (named && request.name() != absl::StrCat("reservations/", id)) {
      return InvalidArgument("UNDO_DIFFERS",
                             absl::StrCat("the reservation of that request is reservations/",
                                          id, ", not ", request.name()),
                             {{"field", "undoOf"}});
    }
    WEFT_ASSIGN_OR_RETURN(const std::optional<v1::ReservationRow> row,
                          turn.Find(kReservations, id));
    if (!row.has_value()) {
      turn.LeaveUndoMark(kReserveMethod, request.undo_of());
      v1::Reservation nothing;
      nothing.set_name(absl::StrCat("reservations/", id));
      nothing.set_state(v1::RESERVATION_STATE_RELEASED);
      return nothing;
    }
  } else {
    WEFT_ASSIGN_OR_RETURN(id, ReservationId(request.name()));
  }
  WEFT_ASSIGN_OR_RETURN(v1::ReservationRow row, FindVisible(id, turn));
  if (row.state() == v1::RESERVATION_STATE_HELD ||
      row.state() == v1::RESERVATION_STATE_CONFIRMED) {
    WEFT_RETURN_IF_ERROR(End(id, v1::RESERVATION_STATE_RELEASED, row, turn));
  }
  return ToProto(id, row);
}

void Expire(const engine::TimerFired& timer, engine::Turn& turn) {
  absl::StatusOr<std::optional<v1::ReservationRow>> row =
      turn.Find(kReservations, timer.key);
  WEFT_CHECK_OK(row);
  if (!row->has_value() || (*row)->state() != v1::RESERVATION_STATE_HELD) return;
  // The timer's due time is kept beside the row; the row decides.
  if (FromNanos((*row)->expire_ns()) > turn.now()) return;
  WEFT_CHECK_OK(End(timer.key, v1::RESERVATION_STATE_EXPIRED, **row, turn));
}

}  // namespace weft::inventory
