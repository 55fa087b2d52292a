// The rows of the room, as typed tables.
//
//   table          key                           row
//   1 tenant       (empty)                       v1.TenantRow
//   2 stock        sku                           Stock, packed (below)
//   3 counts       sku location                  v1.CountRow
//   4 movements    sku location movement         v1.MovementRow
//   5 flows        sku order                     v1.FlowRow
//   6 reservations id                            v1.ReservationRow
//   7 holds        order sku id                  v1.HoldRow
//   8 open_holds   id                            v1.OpenHoldsRow
//
// Keys of several parts are engine::Key; keys of one part are its bytes.
//
// The stock row is read and written by every line of every reservation, so it
// is packed:
//
//   stock   = flags text(base_unit) n unit{n} m place{m}
//   flags   = 1 octet; bit 0: the item is known
//   unit    = text varint(numerator) varint(denominator)
//   place   = text(location) dec(on_hand) dec(safety) dec(reserved)
//             time(counted; 0 = never) time(source_time)
//   text    = varint(length) octets
//   dec     = scale octet, zigzag varint(coefficient); scale 255: text follows
//   time    = zigzag varint(nanoseconds since the epoch)
//   n, m    = varint
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/engine/table.h"
#include "libs/engine/turn.h"
#include "services/inventory-projection/domain/ledger.h"
#include "services/inventory-projection/domain/promise.h"
#include "services/inventory-projection/domain/stock.h"
#include "weft/inventory/v1/state.pb.h"

namespace weft::inventory {

struct StockCodec {
  static void Encode(const Stock& stock, std::string& out);
  // Errors: DATA_LOSS / ROW_UNREADABLE.
  static absl::StatusOr<Stock> Decode(absl::string_view bytes, int version);
};

// Domain types whose rows are protobuf messages.
struct CountCodec {
  static void Encode(const Count& count, std::string& out);
  static absl::StatusOr<Count> Decode(absl::string_view bytes, int version);
};
struct FlowCodec {
  static void Encode(const Flow& flow, std::string& out);
  static absl::StatusOr<Flow> Decode(absl::string_view bytes, int version);
};
struct MovementCodec {
  static void Encode(const Movement& movement, std::string& out);
  static absl::StatusOr<Movement> Decode(absl::string_view bytes, int version);
};
struct HoldCodec {
  static void Encode(const std::vector<Held>& hold, std::string& out);
  static absl::StatusOr<std::vector<Held>> Decode(absl::string_view bytes, int version);
};

inline constexpr engine::Table<v1::TenantRow> kTenant{1, "tenant"};
inline constexpr engine::Table<Stock, StockCodec> kStock{2, "stock"};
inline constexpr engine::Table<Count, CountCodec> kCounts{3, "counts"};
inline constexpr engine::Table<Movement, MovementCodec> kMovements{4, "movements"};
inline constexpr engine::Table<Flow, FlowCodec> kFlows{5, "flows"};
inline constexpr engine::Table<v1::ReservationRow> kReservations{
    .id = 6, .name = "reservations", .missing_reason = "RESERVATION_NOT_FOUND"};
inline constexpr engine::Table<std::vector<Held>, HoldCodec> kHolds{7, "holds"};
inline constexpr engine::Table<v1::OpenHoldsRow> kOpenHolds{8, "open_holds"};

std::string PlaceKey(absl::string_view sku, absl::string_view location);
std::string MovementKey(absl::string_view sku, absl::string_view location,
                        absl::string_view movement);
std::string FlowKey(absl::string_view sku, absl::string_view order);
std::string HoldKey(absl::string_view order, absl::string_view sku, absl::string_view id);

// Nanoseconds since the epoch, as rows keep times.
inline int64_t Nanos(absl::Time time) { return absl::ToUnixNanos(time); }
inline absl::Time FromNanos(int64_t ns) { return absl::FromUnixNanos(ns); }

// What every answer needs of a tenant.
struct TenantFacts {
  Locations locations;
  // A full load of the items has ended. Counts belong to no load, so from then on an
  // item that was never counted has none.
  bool loaded = false;
};
TenantFacts FactsOf(const v1::TenantRow& row);
absl::StatusOr<TenantFacts> ReadFacts(const engine::RowReader& rows);

}  // namespace weft::inventory
