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
  return settings;
}

}  // namespace weft::pricing
