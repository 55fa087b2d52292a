// The room's settings, checked.
#pragma once

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "weft/inventory/v1/config.pb.h"

namespace weft::inventory {

// Constant after start. Meaning, defaults and ranges: weft/inventory/v1/config.proto.
struct Settings {
  absl::Duration default_hold = absl::Minutes(15);
  absl::Duration longest_hold = absl::Hours(24 * 90);
  absl::Duration movement_memory = absl::Hours(24 * 35);
  absl::Duration watch_pause = absl::Milliseconds(100);
  int max_watchers = 1000;
};

// Errors: INVALID_ARGUMENT / CONFIG_INVALID, naming the setting.
absl::StatusOr<Settings> MakeSettings(const v1::InventoryConfig& config);

}  // namespace weft::inventory
