// The room's settings, checked.
#pragma once

#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "weft/pricing/v1/config.pb.h"

namespace weft::pricing {

// Constant after start. Meaning, defaults and ranges: weft/pricing/v1/config.proto.
struct Settings {
  std::set<std::string> login_required_channels;  // "*" = all.
  int max_lines = 5000;
  bool documents_owner = true;
  absl::Duration lock_time_max = absl::Hours(24 * 30);
  int max_watchers = 1000;
  absl::Duration keep_history = absl::InfiniteDuration();
  int decision_sample_per_mille = 10;
  int64_t decision_log_max = 10'000;

  bool LoginRequired(absl::string_view channel) const {
    return login_required_channels.count("*") > 0 ||
           login_required_channels.count(std::string(channel)) > 0;
  }
};

// Errors: INVALID_ARGUMENT / CONFIG_INVALID, naming the setting.
absl::StatusOr<Settings> MakeSettings(const v1::PricingConfig& config);

}  // namespace weft::pricing
