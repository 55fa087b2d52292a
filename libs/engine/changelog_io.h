// Opens a shard on its changelog, waiting for the log as long as it takes.
#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/engine/changelog.h"
#include "libs/engine/changelog_opening.h"
#include "libs/engine/observer.h"
#include "libs/engine/store.h"
#include "libs/eventlog/event_log.h"

namespace weft::engine {

struct ChangelogIo {
  eventlog::EventLog& log;
  const Clock& clock;
  absl::Duration timeout = absl::InfiniteDuration();
  std::function<bool()> cancelled;
  Observer* observer = nullptr;
};

// Runs a ChangelogOpening to its end; the fold's claim is ours then. `place`: the
// names in it that are "" are filled in.
// Errors: those of ChangelogOpening; DATA_LOSS / LOG_CHANGED when the log is not the
// folder's; UNAVAILABLE / LOG_UNAVAILABLE after the time-out, UNAVAILABLE /
// SHARD_STOPPED when cancelled.
absl::StatusOr<ChangelogFold> OpenChangelog(Store& store, ChangelogOpening::Place place,
                                            const ChangelogIo& io);

// 32 random hex digits.
std::string RandomName();
// "host:process id".
std::string ProcessName();

}  // namespace weft::engine
