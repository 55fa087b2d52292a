// What the engine tells whoever counts: libs/telemetry connects metrics to it,
// tests look at it. All methods may be called from any engine thread, must be
// thread safe and must not block.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace weft::engine {

// One batch of turns, after its callers were answered (with a changelog: after it
// was written and given to the log).
struct BatchReport {
  int shard = 0;
  int commands = 0;     // Turns by what caused them.
  int events = 0;       // Records of event and raw topics, repeats included.
  int timers = 0;
  int tasks = 0;        // Answers of tasks.
  int refused = 0;      // Commands answered with an error.
  int replayed = 0;     // Commands answered from a stored answer.
  int repeats = 0;      // Records dropped as repeats.
  int64_t bytes = 0;    // Written.
  absl::Duration decide_time;
  absl::Duration write_time;  // Without its sync; zero when nothing was written.
  absl::Time shard_time;
  int64_t backward_clock_steps = 0;  // Since the shard was opened.
  int64_t forward_clock_steps = 0;
};

// What waits in a shard at a moment.
struct ShardLevels {
  int64_t outbox_rows = 0;  // Not yet confirmed by the log.
  int64_t outbox_bytes = 0;
  int64_t pending_tasks = 0;
  int64_t parked = 0;           // Records parked in all.
  int64_t changelog_bytes = 0;  // Written and not yet read back from the changelog.
};

class Observer {
 public:
  virtual ~Observer() = default;
  virtual void BatchDone(const BatchReport& /*report*/) {}
  // After each batch, and about once a second when there is none: what waits for
  // others goes down without one.
  virtual void Levels(int /*shard*/, const ShardLevels& /*levels*/) {}
  // The disk made durable what was written, in this time.
  virtual void Synced(int /*shard*/, absl::Duration /*took*/) {}
  // Commands waiting, seen when one is added.
  virtual void QueueLength(int /*shard*/, int64_t /*commands*/) {}
  // A command was refused at the door: SHARD_BUSY, LOG_BEHIND, WRONG_SHARD.
  virtual void RefusedAtDoor(int /*shard*/, const std::string& /*reason*/) {}
  // A record was parked.
  virtual void Parked(int /*shard*/, const std::string& /*topic*/,
                      const std::string& /*reason*/) {}
  // A partition is not read any more: EVENT_GAP, LOG_CHANGED, OFFSET_GONE.
  virtual void PartitionStopped(int /*shard*/, const std::string& /*topic*/,
                                int32_t /*partition*/, const std::string& /*reason*/) {}
  // Events of `source` that will never be applied here, first and last: an operator went
  // on without them, or the log they stood on is gone.
  virtual void EventsLost(int /*shard*/, const std::string& /*topic*/, int32_t /*partition*/,
                          const std::string& /*source*/, int64_t /*first*/, int64_t /*last*/) {}
  // A task's call came back; `known` = with a definite outcome.
  virtual void TaskAnswered(int /*shard*/, const std::string& /*kind*/, bool /*known*/) {}
  // The log refused or lost rows of the outbox; they are published again.
  virtual void PublishFailed(int /*shard*/, const absl::Status& /*status*/) {}
  // A shard that is being opened has so many records of its changelog to read;
  // zero at the end. Told now and then.
  virtual void Restoring(int /*shard*/, int64_t /*remaining_records*/) {}
  // The shard's folder held turns that another owner had overtaken; it is restored
  // from the changelog.
  virtual void FolderThrownAway(int /*shard*/) {}
  // The shard has the epoch from here on.
  virtual void Owned(int /*shard*/, int64_t /*epoch*/) {}
  // Another process claimed the shard, or its log is another one: it serves no
  // more commands.
  virtual void Lost(int /*shard*/, const absl::Status& /*why*/) {}
  // A handler broke a rule (event too large, topic not declared); its turn left
  // nothing behind.
  virtual void TurnFailed(int /*shard*/, const absl::Status& /*status*/) {}
};

}  // namespace weft::engine
