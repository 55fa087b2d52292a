// Runs what a shard recorded through its room's own rules again, without a
// process around it: no ports, no log, no calls. For debuggers and tests.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "libs/engine/recording.h"
#include "libs/service/process.h"

namespace weft::service {

// Finds the room of the recording among `options.rooms`, makes it with its
// settings and the installation's keys (options.service.data_dir), and replays.
// `path` is a recording's folder, or its file `inputs`. `before` is called with
// the number of each batch before it runs.
// Errors: those of engine::Replay(); NOT_FOUND / ROOM_UNKNOWN.
absl::StatusOr<engine::ReplayReport> ReplayRecording(
    const ProcessOptions& options, const std::string& path,
    const std::function<void(int64_t batch)>& before = nullptr);

}  // namespace weft::service
