// Checkpoints: copies of a room's shards, or of all rooms and the log at one
// point, that can be verified and restored; and the way back to an empty
// projection that is read again from the log.
//
//   <checkpoint>/MANIFEST        what it is, size and SHA-256 of each file
//   <checkpoint>/shard-<i>/...   one store each
//
//   <house checkpoint>/<room>/   a checkpoint each
//   <house checkpoint>/log/      what the log wrote
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/engine/program.h"
#include "libs/engine/shards.h"
#include "libs/engine/store.h"

namespace weft::engine {

// Where a shard stands in its changelog.
struct ChangelogPosition {
  int shard = 0;
  uint64_t turn = 0;        // The last one in the copy; 0: none, or no changelog.
  int64_t next_offset = 0;  // The first record of the partition that is not in it.
  int64_t epoch = -1;       // Offset of the claim it was made under.
  std::string base_id;      // "": the changelog goes back to the beginning.
};

struct CheckpointInfo {
  std::string room;
  std::string folder;
  absl::Time made;  // When it was sealed.
  std::vector<ChangelogPosition> changelog;  // Of the shards in it; read while verifying.
  int shards = 0;
  int64_t files = 0;
  int64_t bytes = 0;
  int64_t rows = 0;  // Read while verifying; 0 when not opened.
};

// Writes the MANIFEST of a folder of stores, after which it counts as complete.
absl::Status SealCheckpoint(const std::string& folder, const std::string& room, int shards);

// The complete checkpoints right below `folder`, oldest first; only their
// manifests are read.
absl::StatusOr<std::vector<CheckpointInfo>> ListCheckpoints(const std::string& folder);

// Compares every file with the MANIFEST, opens every store and reads every row.
// Errors: NOT_FOUND / CHECKPOINT_NOT_FOUND, DATA_LOSS / CHECKPOINT_DAMAGED.
absl::StatusOr<CheckpointInfo> VerifyCheckpoint(const std::string& folder);

// Verifies, then copies the stores into the room's folder, which must hold none
// and be open nowhere. On the embedded log restore all rooms and the log of one
// house checkpoint together: a room that is behind its own events would number
// new ones like old ones.
// Errors: as above; FAILED_PRECONDITION / FOLDER_NOT_EMPTY.
absl::Status RestoreCheckpoint(const std::string& checkpoint, const std::string& room_folder);

// A checkpoint of every room and the log at one point: no turn runs in any room
// while it is taken (milliseconds; files are linked, sums are computed after).
// `log_checkpoint` writes the log's copy into the folder it is given.
absl::Status CheckpointHouse(
    const std::vector<std::pair<std::string, Shards*>>& rooms,
    const std::function<absl::Status(const std::string& folder)>& log_checkpoint,
    const std::string& folder);

// Empties a projection so that it reads its topics again from their beginning
// when it is opened next: all rows, timers, tasks, parked records, answers and
// offsets go; what it has emitted keeps its numbers. The room must be stopped.
// Also the way to follow another log after LOG_CHANGED.
// Errors: FAILED_PRECONDITION / ROOM_HAS_COMMANDS, for what commands made is in
// no topic (unless `even_with_commands`).
absl::Status PrepareRebuild(const std::string& room_folder, const Program& program,
                            bool even_with_commands = false);
// The same on an open store.
absl::Status WipeForRebuild(Store& store);

}  // namespace weft::engine
