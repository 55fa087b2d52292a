// Moves a room to another number of shards, and a room's changelog to another log.
// Both run while the room is stopped everywhere; who is not is stopped by a claim.
//
//   weft state checkpoint → Reshard(checkpoint, new folder, N') → copy shard-<k> to
//   the process that runs it → start with shards = N' → weft state checkpoint
//
// A changelog goes on from a *base*: a claim in each partition names it, and the
// folders that hold it. Until a checkpoint was taken of the new folders they are
// the only copy: an empty disk is refused with CHANGELOG_BASE_GONE.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/base/clock.h"
#include "libs/engine/observer.h"
#include "libs/eventlog/event_log.h"

namespace weft::engine {

struct ReshardOptions {
  std::string checkpoint;  // Complete: all shards of the room, sealed (checkpoint.h).
  std::string folder;      // The room's new one; holds no shards yet.
  int shards = 1;
  // The log with the room's changelog, which is read to its end and claimed, so
  // that nothing answered after the checkpoint is lost. Null on the embedded log.
  eventlog::EventLog* log = nullptr;
  const Clock* clock = nullptr;  // With a log.
  std::string owner;             // For people; "" = host and process id.
  Observer* observer = nullptr;  // Restoring: how far each old shard is.
};

struct ReshardReport {
  std::string room;
  int from = 0;
  int to = 0;
  int64_t rows = 0;
  int64_t events = 0;  // Of the outboxes.
  std::string base_id;  // "" without a log.
};

// Keeps every row, number, offset, timer, task, parked record and answer. Outbox,
// due index and ages of answers are written anew, in their order.
// Errors: those of VerifyCheckpoint() and OpenChangelog(); INVALID_ARGUMENT /
// SHARDS_INVALID; FAILED_PRECONDITION / FOLDER_NOT_EMPTY, CHECKPOINT_INCOMPLETE (a
// shard is not in it). After an error empty the folder and run it again.
absl::StatusOr<ReshardReport> Reshard(const ReshardOptions& options);

// Lets the stopped room in `folder` go on with a log that is not the one it was
// written with (LOG_CHANGED): its rows become the base of a new changelog there,
// and its topics are read from their beginning; their numbers tell what it has
// applied already, and a gap is told.
absl::Status RebaseChangelog(const std::string& folder, eventlog::EventLog& log,
                             const std::string& owner = "");

}  // namespace weft::engine
