// Opens the shards of one room in this process.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/engine/core.h"
#include "libs/engine/input_queue.h"
#include "libs/engine/observer.h"
#include "libs/engine/program.h"
#include "libs/engine/rocks_store.h"
#include "libs/engine/shards.h"
#include "libs/engine/store.h"
#include "libs/eventlog/event_log.h"

namespace weft::engine {

struct Options {
  // The room's folder; each shard has one below it. One process at a time: a
  // lock file holds it.
  std::string folder;
  // Number of shards of the room, over all processes. A partition p belongs to
  // shard p mod shards. Fixed once the folder is made.
  int shards = 1;
  // Those in this process; empty = all.
  std::vector<int> owned;

  // Block cache and memtables, shared by all stores of the process; null = own.
  std::shared_ptr<RocksResources> resources;

  QueueOptions queue;
  // Inputs of one batch: what has gathered while the last one was synced.
  size_t batch_turns_max = 1000;
  // Calls of tasks under way, per shard.
  size_t tasks_in_flight_max = 256;
  // Publish what is parked on <topic>.dlq.
  bool dead_letters = true;
  CoreOptions core;  // Its shard, shards, observer and recorder are filled in.

  // Records inputs for replays (recording.h): bytes of one recording, two are
  // kept per shard, below <folder>/recordings-<shard>; 0 = off.
  int64_t recording_bytes = 0;

  Observer* observer = nullptr;  // Outlives the shards.
  // Called when the disk failed in a way that only opening the store anew can
  // clear (a sync that failed is never tried again). Prints and aborts by
  // default; when it returns, the shard answers nothing any more.
  std::function<void(const absl::Status&)> on_fatal;
  // For tests: a store other than RocksDB in the shard's folder.
  std::function<absl::StatusOr<std::unique_ptr<Store>>(int shard)> open_store;
};

// Opens (or makes) the shards, creates the topics the program emits, loads read
// models, starts the threads. `program`, `log` and `clock` outlive the result.
// Destroying the result stops it as Shards::Stop() does.
// Errors: FAILED_PRECONDITION / FOLDER_LOCKED, STORE_MISMATCH; DATA_LOSS /
// STORE_CORRUPT; and those of the log.
absl::StatusOr<std::unique_ptr<Shards>> Open(const Options& options, const Program& program,
                                             eventlog::EventLog& log, const Clock& clock);

}  // namespace weft::engine
