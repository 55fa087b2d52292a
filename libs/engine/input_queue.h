// What waits for a shard's sequencer: commands, records, and small jobs that
// must run on its thread. The door where load is refused.
//
// Thread safe. One thread takes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "libs/base/sync.h"
#include "libs/engine/input.h"

namespace weft::engine {

struct QueueOptions {
  // Commands that may wait. One tenant may hold half, so others always find
  // room: at 12,000 commands a second the last of 4,096 waits a third of one.
  size_t commands_max = 4096;
  // Records that may wait before readers pause.
  size_t records_max = 2000;
};

class InputQueue {
 public:
  explicit InputQueue(const QueueOptions& options) : options_(options) {}

  // Errors: RESOURCE_EXHAUSTED / SHARD_BUSY, RESOURCE_EXHAUSTED / LOG_BEHIND,
  // UNAVAILABLE / SHARD_STOPPED; `input` is left as it was then. An `exempt` one
  // (an undo) is refused only when the shard stops.
  absl::Status PushCommand(CommandInput& input, bool exempt);
  // Waits while too many records wait already. False: closed.
  bool PushRecords(RecordsInput input);
  // Parked records to replay or discard. False: closed.
  bool Push(Input input);
  // Runs `job` on the sequencer before its next batch. Dropped after Abandon().
  void Post(std::function<void()> job);

  // Refuses commands with LOG_BEHIND while set.
  void SetLogBehind(bool behind);
  // Takes no inputs any more, commands are refused with `status`; jobs go on.
  // Returns the commands that waited.
  std::vector<CommandInput> Refuse(const absl::Status& status);

  struct Work {
    std::vector<Input> inputs;
    std::vector<std::function<void()>> jobs;
    bool closing = false;  // Closed.
    bool closed = false;   // Closed and empty.
  };
  // Waits up to `timeout` for anything; takes at most `turns_max` inputs, each
  // record counted. With none it waits for jobs alone.
  Work Take(absl::Duration timeout, size_t turns_max);

  // Nothing more comes in; what waits is still taken.
  void Close();
  // Nobody takes any more: what waits is dropped; returns its commands.
  std::vector<CommandInput> Abandon();

  int64_t commands() const;

 private:
  // Whether the taker must be woken for an input that was added.
  bool NoteInput() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<CommandInput> DropInputs() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const QueueOptions options_;
  mutable Mutex mutex_;
  CondVar taker_;
  CondVar pushers_;
  std::deque<Input> inputs_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::function<void()>> jobs_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, size_t> by_tenant_ ABSL_GUARDED_BY(mutex_);
  size_t commands_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t records_ ABSL_GUARDED_BY(mutex_) = 0;
  bool taker_waits_ ABSL_GUARDED_BY(mutex_) = false;
  bool only_jobs_ ABSL_GUARDED_BY(mutex_) = false;  // What it waits for.
  bool log_behind_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool abandoned_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status refused_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace weft::engine
