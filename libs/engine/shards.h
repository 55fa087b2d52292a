// The shards of one room in this process: submit commands, read snapshots,
// wait for positions. Opened by libs/service; used by a room's service.cc.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/base/principal.h"
#include "libs/engine/event.h"
#include "libs/engine/parked.h"
#include "libs/engine/program.h"
#include "libs/engine/turn.h"
#include "libs/eventlog/event_log.h"

namespace weft::engine {

struct Command {
  std::string method;      // "weft.inventory.v1.InventoryService/Reserve"
  std::string request_id;  // Required, 1–255 visible ASCII: REQUEST_ID_REQUIRED.
  Principal principal;     // Its tenant routes the command.
  std::string payload;     // Bytes of the request message.
  std::string fingerprint; // What "same body" means; "" = hash of the payload.
  std::string traceparent;
  absl::Duration timeout = absl::Seconds(5);  // Not started after it: DEADLINE_EXCEEDED.
};

struct Answer {
  std::string payload;
  bool replayed = false;  // The stored answer of an earlier request.
  Token token;            // Last event of the turn; empty if it emitted none.
};
using AnswerCallback = std::function<void(absl::StatusOr<Answer>)>;

// A consistent view of one tenant's rows, as of one committed turn. Cheap;
// keep it for one request, not longer (it pins files).
class View : public RowReader {
 public:
  virtual Position position() const = 0;
  virtual absl::Time now() const = 0;      // Shard time of the view.
  virtual absl::Time source_time() const = 0;  // Append time of the last applied fact.
};

// How the shards of a process stand to the log, for readiness and operators.
struct ShardHealth {
  bool log_changed = false;  // Another log than the one remembered: nothing is read from it.
  int64_t lost_shards = 0;   // Claimed by another process; this one should be exiting.
  int64_t changelog_bytes = 0;  // Written and not yet read back from the changelog.
  int64_t stopped_partitions = 0;  // Not read any more: a gap, a changed log, retention.
  int64_t outbox_rows = 0;   // Events not yet taken by the log.
  int64_t parked = 0;
  absl::Status relay_failure;  // The log will never take the next event.
  // How long ago the sequencer that is silent longest turned; it does so every
  // second even when there is nothing to do.
  absl::Duration silence;
};

// While it lives no turn runs; commands wait.
class Pause {
 public:
  virtual ~Pause() = default;
  // Writes a copy of each shard into `folder`; not yet sealed (checkpoint.h).
  virtual absl::Status Checkpoint(const std::string& folder) = 0;
};

class Shards {
 public:
  virtual ~Shards() = default;

  // Answers when the turn is durable; the callback runs on an engine thread and
  // must not block.
  // Errors, beside the handler's own: RESOURCE_EXHAUSTED / SHARD_BUSY,
  // RESOURCE_EXHAUSTED / LOG_BEHIND, FAILED_PRECONDITION / WRONG_SHARD
  // (metadata: shards, shard), INVALID_ARGUMENT / REQUEST_ID_REQUIRED,
  // INVALID_ARGUMENT / REQUEST_ID_REUSED, FAILED_PRECONDITION / UNDONE,
  // DEADLINE_EXCEEDED / DEADLINE_PASSED, UNAVAILABLE / SHARD_STOPPED, UNAVAILABLE /
  // LOG_CHANGED (the changelog is another one: reads only).
  virtual void Submit(Command command, AnswerCallback done) = 0;

  // WRONG_SHARD as above; UNAVAILABLE / SHARD_STOPPED once another process owns
  // the shard.
  virtual absl::StatusOr<std::unique_ptr<View>> Read(const std::string& tenant) = 0;

  // Calls back once everything named by `token` is applied here, or with
  // UNAVAILABLE / NOT_YET_APPLIED at the deadline. An empty token is applied.
  virtual void WaitFor(const std::string& tenant, const Token& token,
                       absl::Duration timeout, std::function<void(absl::Status)> done) = 0;

  // Calls `changed` after each durable turn that changed rows of `tenant`
  // ("" = all tenants), until the returned handle is destroyed. Must not block.
  virtual std::unique_ptr<void, std::function<void(void*)>> Watch(
      const std::string& tenant, std::function<void()> changed) = 0;

  // Number of shards of the room, over all processes.
  virtual int count() const = 0;

  // Takes no more commands (UNAVAILABLE / SHARD_STOPPED), answers those that
  // wait, stops the threads. Idempotent.
  virtual void Stop() {}

  // Records that could not be applied, oldest first in each partition.
  virtual std::vector<ParkedRecord> ListParked(size_t /*limit*/) { return {}; }
  // Applies a parked record again, or throws it away; those of the same key that
  // waited behind it follow. Errors: NOT_FOUND / PARKED_NOT_FOUND,
  // FAILED_PRECONDITION / PARKED_PREDECESSOR, the handler's own (it stays parked).
  virtual void ReplayParked(uint32_t /*partition*/, uint64_t /*number*/,
                            std::function<void(absl::Status)> done) {
    done(absl::UnimplementedError("no parked records here"));
  }
  virtual void DiscardParked(uint32_t /*partition*/, uint64_t /*number*/,
                             std::function<void(absl::Status)> done) {
    done(absl::UnimplementedError("no parked records here"));
  }

  // Returns when the turns under way are done and none runs any more.
  // Errors: UNAVAILABLE / SHARD_STOPPED.
  virtual absl::StatusOr<std::unique_ptr<Pause>> PauseTurns() {
    return absl::UnimplementedError("no pause here");
  }
  // Writes a checkpoint of the room into `folder`, which must not hold one;
  // checkpoint.h verifies and restores it.
  virtual absl::Status Checkpoint(const std::string& /*folder*/) {
    return absl::UnimplementedError("no checkpoints here");
  }

  virtual ShardHealth Health() const { return {}; }
};

}  // namespace weft::engine
