// The use cases of the room: what each command, record and timer does to the
// rows of a tenant. Run by the shard's sequencer, one input at a time.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/engine/event.h"
#include "libs/engine/turn.h"
#include "services/inventory-projection/config.h"
#include "weft/inventory/v1/inventory.pb.h"

namespace weft::inventory {

inline constexpr char kReserveMethod[] = "weft.inventory.v1.InventoryService/Reserve";
inline constexpr char kStockTopic[] = "weft.inventory.stock.v1";
inline constexpr char kMovementsTopic[] = "weft.stock.movements.v1";
inline constexpr char kErpOrdersTopic[] = "weft.erp.orders.v1";
inline constexpr char kExpireTimer[] = "expire";
inline constexpr int kReserveLinesMax = 5000;
inline constexpr int kLocationsMax = 100;

// Holds stock for all lines or for none.
// Errors: INVALID_ARGUMENT / LINES_REQUIRED, TOO_MANY_LINES, QUANTITY_INVALID,
// UNKNOWN_UNIT, EXPIRY_PASSED, REQUEST_ID_REUSED; NOT_FOUND / ACCOUNT_NOT_FOUND;
// FAILED_PRECONDITION / UNKNOWN_ITEM, NOT_LOADED, INSUFFICIENT_STOCK.
absl::StatusOr<v1::Reservation> Reserve(const v1::ReserveRequest& request,
                                        const Settings& settings, engine::Turn& turn);

// Makes a reservation firm.
// Errors: NOT_FOUND / RESERVATION_NOT_FOUND; FAILED_PRECONDITION /
// RESERVATION_EXPIRED, RESERVATION_RELEASED, ORDER_DIFFERS.
absl::StatusOr<v1::Reservation> Confirm(const v1::ConfirmRequest& request,
                                        engine::Turn& turn);

// Moves the expiry of a held reservation.
// Errors: as Confirm, and FAILED_PRECONDITION / RESERVATION_CONFIRMED,
// INVALID_ARGUMENT / EXPIRY_PASSED.
absl::StatusOr<v1::Reservation> Extend(const v1::ExtendRequest& request,
                                       const Settings& settings, engine::Turn& turn);

// Gives back what a reservation still holds; as an undo it leaves a mark for a
// Reserve that has not come yet.
// Errors: NOT_FOUND / RESERVATION_NOT_FOUND; INVALID_ARGUMENT /
// RESERVATION_NAME_INVALID, UNDO_DIFFERS.
absl::StatusOr<v1::Reservation> Release(const v1::ReleaseRequest& request,
                                        engine::Turn& turn);

// Expiry of a held reservation; one that was confirmed or moved meanwhile stays.
void Expire(const engine::TimerFired& timer, engine::Turn& turn);

// Records: items, locations and loads from the timeline; counts and movements;
// shipments. Types the room does not know are passed over.
absl::Status OnFact(const engine::Event& event, engine::Turn& turn);
absl::Status OnStock(const engine::Event& event, const Settings& settings, engine::Turn& turn);
absl::Status OnErpOrder(const engine::Event& event, const Settings& settings,
                        engine::Turn& turn);

}  // namespace weft::inventory
