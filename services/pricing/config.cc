#include "services/pricing/config.h"

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"

namespace weft::pricing {

absl::StatusOr<Settings> MakeSettings(const v1::PricingConfig& config) {
  Settings settings;
  for (const std::string& channel : config.login_required_channels()) {
    if (channel.empty()) {
      return InvalidArgument("CONFIG_INVALID",
                             "login_required_channels: a channel is empty; write * for all");
    }
    settings.login_required_channels.insert(channel);
  }
  if (config.max_lines() < 0 || config.max_lines() > 5000) {
    return InvalidArgument("CONFIG_INVALID", absl::StrCat("max_lines: ", config.max_lines(),
                                                          " is not in 1..5000"));
  }
  if (config.max_lines() > 0) settings.max_lines = config.max_lines();
  if (config.has_documents_owner()) settings.documents_owner = config.documents_owner();
  if (config.lock_minutes_max() < 0 || config.lock_minutes_max() > 527'040) {
    return InvalidArgument("CONFIG_INVALID",
                           absl::StrCat("lock_minutes_max: ", config.lock_minutes_max(),
                                        " is not in 1..527040"));
  }
  if (config.lock_minutes_max() > 0) {
    settings.lock_time_max = absl::Minutes(config.lock_minutes_max());
  }
  if (config.max_watchers() < 0 || config.max_watchers() > 100'000) {
    return InvalidArgument("CONFIG_INVALID", absl::StrCat("max_watchers: ", config.max_watchers(),
                                                          " is not in 1..100000"));
  }
  if (config.max_watchers() > 0) settings.max_watchers = config.max_watchers();
  if (config.history_days() < 0 || config.history_days() > 36'600) {
    return InvalidArgument("CONFIG_INVALID", absl::StrCat("history_days: ", config.history_days(),
                                                          " is not in 0..36600"));
  }
  if (config.history_days() > 0) settings.keep_history = absl::Hours(24) * config.history_days();
  if (config.has_decision_sample_per_mille()) {
    if (config.decision_sample_per_mille() < 0 || config.decision_sample_per_mille() > 1000) {
      return InvalidArgument("CONFIG_INVALID",
                             absl::StrCat("decision_sample_per_mille: ",
                                          config.decision_sample_per_mille(),
                                          " is not in 0..1000"));
    }
    settings.decision_sample_per_mille = config.decision_sample_per_mille();
  }
  if (config.decision_log_max() < 0 || config.decision_log_max() > 1'000'000) {
    return InvalidArgument("CONFIG_INVALID",
                           absl::StrCat("decision_log_max: ", config.decision_log_max(),
                                        " is not in 1..1000000"));
  }
  if (config.decision_log_max() > 0) settings.decision_log_max = config.decision_log_max();
  return settings;
}

}  // namespace weft::pricing
