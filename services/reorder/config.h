// The room's settings, checked.
#pragma once

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/reorder/domain/rhythm.h"
#include "weft/reorder/v1/config.pb.h"

namespace weft::reorder {

// Constant after start. Meaning, defaults and ranges: weft/reorder/v1/config.proto.
struct Settings {
  SuggestionPolicy suggestions;
  absl::Duration neighbour_timeout = absl::Seconds(2);
};

// Errors: INVALID_ARGUMENT / CONFIG_INVALID, naming the setting.
absl::StatusOr<Settings> MakeSettings(const v1::ReorderConfig& config);

}  // namespace weft::reorder
