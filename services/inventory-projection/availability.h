// Reading availability from a snapshot.
#pragma once

#include "absl/status/statusor.h"
#include "libs/engine/shards.h"
#include "weft/inventory/v1/inventory.pb.h"

namespace weft::inventory {

inline constexpr int kQueryLinesMax = 5000;
inline constexpr int kWatchItemsMax = 200;

// Errors: INVALID_ARGUMENT / LINES_REQUIRED, TOO_MANY_LINES.
absl::StatusOr<v1::GetAvailabilityResponse> ReadAvailability(
    const v1::GetAvailabilityRequest& request, const engine::View& view);

}  // namespace weft::inventory
