// One shard at work: a core, and the threads that step it.
//
//   sequencer   takes what has gathered, decides, writes, and when a batch is
//               durable answers, hands rows to the log and calls to the runner.
//   sync        makes durable what was written (sync_thread.h). Meanwhile the
//               sequencer decides what comes, a few batches ahead; then the next
//               batch gathers: the sync is the only timer.
//   reader      reads the log from the stored offsets and queues records.
//   tail        with a changelog: reads the partition back, for the release gate.
//   runner      of the room (task_runner.h): runs executors, which may block.
//
// The log and executors answer on threads of their own; what they say comes
// back through the queue.
#pragma once

#include <atomic>
#include <deque>
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
#include "libs/engine/release_gate.h"
#include "libs/engine/sync_thread.h"
#include "libs/engine/task_runner.h"

namespace weft::engine {

class Shard {
 public:
  // Batches that may be decided ahead of the disk. Few: what comes while the disk
  // works should gather in few batches.
  static constexpr uint64_t kUnsyncedBatchesMax = 3;

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
  // As Shards'.
  absl::Status FollowStopped(const std::string& topic);
  std::vector<ParkedRecord> ListParked(size_t limit) const;
  // Another process owns the shard, or is about to.
  bool lost() const { return lost_; }
  // Holds the sequencer between two batches, none of which waits for the
  // changelog, until the result is destroyed; null
  // when the shard stopped.
  std::unique_ptr<void, std::function<void(void*)>> Hold();
  ShardHealth Health() const;
  Store& store() { return *store_; }

 private:
  Shard(const Options& options, int index, const Program& program, eventlog::EventLog& log,
        const Clock& clock, TaskRunner& runner,
        std::function<void(const std::vector<std::string>&)> changed);

  absl::Status OpenOnChangelog();
  Times Now() const { return {clock_.Wall(), clock_.Boot(), clock_.Steady()}; }
  void Sequence();
  // Not while the disk hangs: a shard that cannot sync does not live.
  void Beat();
  bool MayDecide() const {
    return !frozen_ && holds_.empty() && (gate_ == nullptr || !gate_->full()) &&
           (!SyncsEachBatch() || writes_ - durable_ < kUnsyncedBatchesMax);
  }
  absl::Duration WaitTime(const Times& now) const;
  // Decides, writes, hands over. False: the disk failed.
  bool RunBatch(std::vector<Input> inputs, const Times& now);
  // Before a batch is released it is durable; otherwise the changelog is enough,
  // and the disk is synced now and then.
  bool SyncsEachBatch() const {
    return gate_ == nullptr || options_.changelog.sync_every <= absl::ZeroDuration();
  }
  void AskSync();
  void Synced(uint64_t write, const absl::Status& status, absl::Duration took);
  void ReleaseReady();
  void RunHolds();
  void PumpChangelog(absl::Duration steady);
  // Puts into the folder how far the changelog was read.
  absl::Status SaveFold(bool sync);
  void NoteHealth();
  void Pump(absl::Duration steady);
  void AnswerWaiters(absl::Duration steady);
  void PublishSnapshot(std::shared_ptr<const Snapshot> snapshot);
  void Fail(const absl::Status& status);
  // Somebody else owns the shard: nothing more leaves.
  void Disown(const absl::Status& why);
  // The changelog is another one: no more commands; reads go on.
  void Freeze(const absl::Status& why);
  void AnswerAll(const absl::Status& answer);
  void AnswerInputs(std::vector<Input> inputs);
  absl::Status NoCommands() const;
  // Runs `job` on the sequencer and waits; false when the shard stopped first.
  bool CallSequencer(std::function<void()> job);

  void ReadLog();
  bool CheckIdentity();
  bool PauseReader(absl::Duration pause);
  void TailChangelog();

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
  // One entry for each batch decided and not released.
  struct Written {
    uint64_t needs = 0;  // The write that must be durable before.
    std::shared_ptr<const Snapshot> snapshot;  // As of the batch, when it changed something.
  };
  std::unique_ptr<ReleaseGate> gate_;
  std::deque<Written> written_;
  eventlog::StartPosition tail_start_;
  int64_t saved_fold_ = -1;  // How far the folder says that the changelog was read.
  std::deque<std::function<void()>> holds_;
  bool frozen_ = false;
  absl::Status frozen_why_;
  // Batches written; of them those a sync was asked for, and those known durable.
  uint64_t writes_ = 0;
  uint64_t asked_sync_ = 0;
  uint64_t durable_ = 0;
  std::unique_ptr<SyncThread> syncs_;
  absl::Duration last_sync_ = -absl::InfiniteDuration();
  absl::Duration last_release_ = -absl::InfiniteDuration();
  absl::Duration drain_until_ = absl::InfiniteDuration();

  mutable Mutex mutex_;
  std::shared_ptr<const Snapshot> snapshot_ ABSL_GUARDED_BY(mutex_);
  ShardHealth health_ ABSL_GUARDED_BY(mutex_);
  CondVar reader_wakes_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool reopen_reader_ ABSL_GUARDED_BY(mutex_) = false;
  eventlog::Reader* reader_ ABSL_GUARDED_BY(mutex_) = nullptr;
  bool tail_stops_ ABSL_GUARDED_BY(mutex_) = false;
  eventlog::Reader* tail_reader_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::atomic<bool> failed_{false};
  std::atomic<int64_t> beat_ns_{0};  // When the sequencer turned last, steady clock.
  std::atomic<bool> lost_{false};

  std::thread sequencer_thread_;
  std::thread reader_thread_;
  std::thread tail_thread_;
};

}  // namespace weft::engine
