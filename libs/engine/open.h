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

// When a command is answered.
enum class Durability {
  kDisk,  // When its batch is synced to this disk. For the embedded log.
  kLog,   // When it was read back from the changelog; for Kafka. Projections have
          // no changelog and stay with kDisk.
};

struct ChangelogOptions {
  // Who we are, for people who read OWNED_ELSEWHERE; "" = host and process id.
  std::string owner;
  // Written and not yet read back; beyond it the shard decides nothing until the
  // log has taken more, and after a while refuses commands with LOG_BEHIND.
  int64_t backlog_bytes_max = int64_t{64} << 20;
  // Zero: every batch is synced to this disk as well before it is released, while
  // its record is on the way, which costs no time when the disk is as fast as the
  // log's round trip. Larger: the disk is synced this often only, and a power cut
  // of this machine relies on the log's copies being elsewhere.
  absl::Duration sync_every = absl::ZeroDuration();
  // How long Open() waits for a log that is away. UNAVAILABLE / LOG_UNAVAILABLE.
  absl::Duration open_timeout = absl::InfiniteDuration();
  // Asked while Open() waits or restores; true makes it return UNAVAILABLE /
  // SHARD_STOPPED.
  std::function<bool()> cancelled;
};

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

  Durability durability = Durability::kDisk;
  ChangelogOptions changelog;

  Observer* observer = nullptr;  // Outlives the shards.
  // Called when the disk failed in a way that only opening the store anew can
  // clear (a sync that failed is never tried again). Prints and aborts by
  // default; when it returns, the shard answers nothing any more.
  std::function<void(const absl::Status&)> on_fatal;
  // Called from an engine thread when another process has claimed a shard of ours
  // (UNAVAILABLE / OWNED_ELSEWHERE): nothing of it is answered, published or called
  // any more, and the process should exit. Without it, on_fatal is called; without
  // that the reason is printed and the process exits.
  std::function<void(const absl::Status&)> on_disowned;
  // For tests: a store other than RocksDB in the shard's folder.
  std::function<absl::StatusOr<std::unique_ptr<Store>>(int shard)> open_store;
};

// Opens (or makes) the shards, creates the topics the program emits, loads read
// models, starts the threads. `program`, `log` and `clock` outlive the result.
// Destroying the result stops it as Shards::Stop() does.
// With Durability::kLog it returns when every shard's claim was read: what the
// folder lacks is restored from the changelog first (observer: Restoring).
// Errors: FAILED_PRECONDITION / FOLDER_LOCKED, STORE_MISMATCH, CHANGELOG_BASE_GONE;
// UNAVAILABLE / OWNED_ELSEWHERE; DATA_LOSS / STORE_CORRUPT, CHANGELOG_DAMAGED; and
// those of the log. A log that is another one than the folder's opens for reads only.
absl::StatusOr<std::unique_ptr<Shards>> Open(const Options& options, const Program& program,
                                             eventlog::EventLog& log, const Clock& clock);

}  // namespace weft::engine
