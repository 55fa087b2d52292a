#include "libs/service/replay.h"

#include <filesystem>
#include <map>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "libs/service/identity.h"
#include "libs/service/late_client.h"
#include "libs/service/settings.h"
#include "libs/telemetry/log.h"
#include "libs/telemetry/metrics.h"

namespace weft::service {

absl::StatusOr<engine::ReplayReport> ReplayRecording(
    const ProcessOptions& options, const std::string& path,
    const std::function<void(int64_t batch)>& before) {
  std::string folder = path;
  if (std::filesystem::is_regular_file(path)) {
    folder = std::filesystem::path(path).parent_path().string();
  }
  WEFT_ASSIGN_OR_RETURN(const std::string name, engine::RecordedRoom(folder));
  const SystemClock clock;
  telemetry::Logger log("replay", telemetry::Level::kWarning);
  telemetry::Metrics metrics;
  telemetry::MetricsScope scope(metrics, {{"room", name}});
  WEFT_ASSIGN_OR_RETURN(const Settings settings, MakeSettings(options.service));
  WEFT_ASSIGN_OR_RETURN(const std::unique_ptr<Identity> identity,
                        Identity::Make(settings, clock));
  // The other rooms are away: what they answered then is part of the recording.
  std::map<std::string, std::unique_ptr<LateClient>> away;
  Surroundings surroundings{.clock = &clock,
                            .mac_key = identity->mac_key(),
                            .metrics = &scope,
                            .log = &log,
                            .authenticator = &identity->authenticator()};
  const auto add = [&](const std::string& room) {
    away[room] = std::make_unique<LateClient>(room);
    surroundings.rooms[room] = away[room].get();
  };
  for (const RoomSpec& room : options.rooms) add(room.name);
  for (const auto& [room, target] : settings.rooms) add(room);
  for (const RoomSpec& spec : options.rooms) {
    // A projection bears its room's name and more.
    if (!absl::StartsWith(name, spec.name)) continue;
    WEFT_ASSIGN_OR_RETURN(const std::unique_ptr<Room> room, spec.make(*spec.config, surroundings));
    for (const engine::Program* program : {room->program(), room->projection()}) {
      if (program != nullptr && program->room == name) {
        return engine::Replay(*program, folder, before);
      }
    }
  }
  return NotFound("ROOM_UNKNOWN",
                  absl::StrCat("the recording is of ", name, ", whose state is not kept here"));
}

}  // namespace weft::service
