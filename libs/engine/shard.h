// One shard at work: a core, and the threads that step it.
//
//   sequencer   takes what has gathered, decides, writes and syncs, answers,
//               hands rows to the log and calls to the runner. While it syncs,
//               the next batch gathers: the sync is the only timer.
//   reader      reads the log from the stored offsets and queues records.
//   runner      of the room (task_runner.h): runs executors, which may block.
//
// The log and executors answer on threads of their own; what they say comes
// back through the queue.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "libs/base/clock.h"
#include "libs/base/sync.h"
#include "libs/engine/core.h"
#include "libs/engine/input_queue.h"
#include "libs/engine/open.h"
#include "libs/engine/task_runner.h"

namespace weft::engine {

class Shard {
 public:
  // All references outlive the shard.
  static absl::StatusOr<std::unique_ptr<Shard>> Open(
      const Options& options, int index, const Program& program, eventlog::EventLog& log,
      const Clock& clock, TaskRunner& runner,
      std::function<void(const std::vector<std::string>& tenants)> changed);
  ~Shard();

  void Start();
  // Runs what waits, then stops. Idempotent.
  void Stop();

  void Submit(Command command, AnswerCallback done);
  std::unique_ptr<View> Read(const std::string& tenant, uint32_t partition) const;
  void WaitFor(const Token& token, absl::Duration timeout,
               std::function<void(absl::Status)> done);
  void PushParked(ParkedInput input);
  std::vector<ParkedRecord> ListParked(size_t limit) const;
  // Holds the sequencer between two batches until the result is destroyed; null
  // when the shard stopped.
  std::unique_ptr<void, std::function<void(void*)>> Hold();
  ShardHealth Health() const;
  Store& store() { return *store_; }

 private:
  Shard(const Options& options, int index, const Program& program, eventlog::EventLog& log,
        const Clock& clock, TaskRunner& runner,
        std::function<void(const std::vector<std::string>&)> changed);

  Times Now() const { return {clock_.Wall(), clock_.Boot(), clock_.Steady()}; }
  void Sequence();
  absl::Duration WaitTime(const Times& now) const;
  void Pump(absl::Duration steady);
  void AnswerWaiters(absl::Duration steady);
  void PublishSnapshot();
  void Fail(const absl::Status& status);
  // Runs `job` on the sequencer and waits; false when the shard stopped first.
  bool CallSequencer(std::function<void()> job);

  void ReadLog();
  bool CheckIdentity();
  bool PauseReader(absl::Duration pause);

  const Options options_;
  const int index_;
  const Program& program_;
  eventlog::EventLog& log_;
  const Clock& clock_;
  TaskRunner& runner_;
  const std::function<void(const std::vector<std::string>&)> changed_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<FileRecorder> recorder_;
  std::unique_ptr<Core> core_;  // The sequencer's once Start() ran.
  // Shared with callbacks that may come after the shard is gone.
  const std::shared_ptr<InputQueue> queue_;

  // The sequencer's.
  struct Waiter {
    Token token;
    absl::Duration deadline;
    std::function<void(absl::Status)> done;
  };
  std::vector<Waiter> waiters_;
  size_t tasks_in_flight_ = 0;
  bool log_trusted_ = false;  // Its identity is the one remembered.
  absl::Duration last_trim_;

  mutable Mutex mutex_;
  std::shared_ptr<const Snapshot> snapshot_ ABSL_GUARDED_BY(mutex_);
  ShardHealth health_ ABSL_GUARDED_BY(mutex_);
  CondVar reader_wakes_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool reopen_reader_ ABSL_GUARDED_BY(mutex_) = false;
  eventlog::Reader* reader_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::atomic<bool> failed_{false};

  std::thread sequencer_thread_;
  std::thread reader_thread_;
};

}  // namespace weft::engine
