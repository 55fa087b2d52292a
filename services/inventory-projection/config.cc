#include "services/inventory-projection/config.h"

#include "absl/strings/str_cat.h"
#include "google/protobuf/duration.pb.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"

namespace weft::inventory {
namespace {

absl::Status Take(bool has, const google::protobuf::Duration& setting, absl::string_view name,
                  absl::Duration least, absl::Duration most, absl::Duration& out) {
  if (!has) return absl::OkStatus();
  const absl::Duration value =
      absl::Seconds(setting.seconds()) + absl::Nanoseconds(setting.nanos());
  if (value < least || value > most) {
    return InvalidArgument("CONFIG_INVALID",
                           absl::StrCat(name, " is ", absl::FormatDuration(value),
                                        "; it must be from ", absl::FormatDuration(least),
                                        " to ", absl::FormatDuration(most)),
                           {{"setting", std::string(name)}});
  }
  out = value;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Settings> MakeSettings(const v1::InventoryConfig& config) {
  constexpr absl::Duration kYear = absl::Hours(24 * 365);
  Settings s;
  WEFT_RETURN_IF_ERROR(Take(config.has_longest_hold(), config.longest_hold(), "longest_hold",
                            absl::Minutes(1), kYear, s.longest_hold));
  WEFT_RETURN_IF_ERROR(Take(config.has_default_hold(), config.default_hold(), "default_hold",
                            absl::Seconds(1), s.longest_hold, s.default_hold));
  WEFT_RETURN_IF_ERROR(Take(config.has_movement_memory(), config.movement_memory(),
                            "movement_memory", absl::ZeroDuration(), kYear,
                            s.movement_memory));
  WEFT_RETURN_IF_ERROR(Take(config.has_watch_pause(), config.watch_pause(), "watch_pause",
                            absl::Milliseconds(10), absl::Minutes(1), s.watch_pause));
  if (config.max_watchers() != 0) {
    if (config.max_watchers() < 1 || config.max_watchers() > 100'000) {
      return InvalidArgument("CONFIG_INVALID", "max_watchers must be from 1 to 100000",
                             {{"setting", "max_watchers"}});
    }
    s.max_watchers = config.max_watchers();
  }
  return s;
}

}  // namespace weft::inventory
