// Protos to domain values and back; nothing else knows both.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"
#include "libs/base/principal.h"
#include "libs/engine/turn.h"
#include "services/inventory-projection/state.h"
#include "weft/inventory/v1/inventory.pb.h"

namespace weft::inventory {

google::protobuf::Timestamp ToTimestamp(absl::Time time);
absl::Time FromTimestamp(const google::protobuf::Timestamp& timestamp);

// "reservations/<id>" to "<id>". Errors: INVALID_ARGUMENT / RESERVATION_NAME_INVALID.
absl::StatusOr<std::string> ReservationId(absl::string_view name);

// True when the caller acts for the account it is held for.
bool VisibleTo(const v1::ReservationRow& row, const Principal& principal);
// NOT_FOUND / RESERVATION_NOT_FOUND.
absl::Status ReservationNotFound(const std::string& id);

// The reservation as commands answer it: what was promised.
v1::Reservation ToProto(const std::string& id, const v1::ReservationRow& row);

// The same with what is still held and what of it is short, read from `rows`.
absl::StatusOr<v1::Reservation> ToProtoWithHeld(const std::string& id,
                                                const v1::ReservationRow& row,
                                                const engine::RowReader& rows);

// One line of an availability answer. `stock` is nullopt when no row exists.
v1::Availability ToAvailability(const std::optional<Stock>& stock, const TenantFacts& facts,
                                const v1::AvailabilityQuery& query,
                                const std::vector<std::string>& only);

}  // namespace weft::inventory
