#include "services/reorder/config.h"

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"

namespace weft::reorder {
namespace {

absl::Status Invalid(absl::string_view setting, absl::string_view range) {
  return InvalidArgument("CONFIG_INVALID", absl::StrCat(setting, " must be from ", range),
                         {{"setting", std::string(setting)}});
}

}  // namespace

absl::StatusOr<Settings> MakeSettings(const v1::ReorderConfig& config) {
  Settings s;
  if (config.has_lead_days()) {
    if (config.lead_days() < 0 || config.lead_days() > 90) return Invalid("lead_days", "0 to 90");
    s.suggestions.lead_days = config.lead_days();
  }
  if (config.min_purchases() != 0) {
    if (config.min_purchases() < 2 || config.min_purchases() > 32) {
      return Invalid("min_purchases", "2 to 32");
    }
    s.suggestions.min_purchases = config.min_purchases();
  }
  if (config.lapse_intervals() != 0) {
    if (config.lapse_intervals() < 1 || config.lapse_intervals() > 100) {
      return Invalid("lapse_intervals", "1 to 100");
    }
    s.suggestions.lapse_intervals = config.lapse_intervals();
  }
  if (config.has_neighbour_timeout()) {
    const absl::Duration timeout = absl::Seconds(config.neighbour_timeout().seconds()) +
                                   absl::Nanoseconds(config.neighbour_timeout().nanos());
    if (timeout < absl::Milliseconds(10) || timeout > absl::Seconds(30)) {
      return Invalid("neighbour_timeout", "0.01s to 30s");
    }
    s.neighbour_timeout = timeout;
  }
  return s;
}

}  // namespace weft::reorder
