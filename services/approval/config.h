// The room's settings, checked.
#pragma once

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/approval/domain/policy.h"
#include "weft/approval/v1/config.pb.h"

namespace weft::approval {

struct Settings {
  // What holds where no policy is stored.
  PolicyTerms builtin;
  // A stock hold outlives the approval it waits for by this.
  absl::Duration hold_grace = absl::Minutes(15);
};

// Errors: INVALID_ARGUMENT / CONFIG_INVALID, naming the field.
absl::StatusOr<Settings> FromConfig(const v1::ApprovalConfig& config);

}  // namespace weft::approval
