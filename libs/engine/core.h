// The heart of a shard: one order of inputs, one batch, one write.
//
// A core is single-threaded and owns no thread, clock or log: it is stepped
// from outside, with the time passed in. The shard's threads (shard.h) and the
// simulator (libs/testing/simulator.h) step the same core, so what is tested is
// what runs. A crash may fall between any two steps:
//
//   Decide(inputs, times)   runs the turns; nothing is stored yet
//   Write(sync)             one batch with everything the turns did
//   Sync()                  when it was written without sync
//   Release()               answers callers, feeds read models, frees what the
//                           relay and the task runner may take
//   TakeRound(), Published()      the relay: rows of the outbox to the log
//   TakeTasks(), TaskAnswered()   the task runner: calls to others
//   Trim()                  lets go of what was published or is too old
//
// Between Sync() and Release() is the place of a release gate: Release() frees
// the oldest batch only, and later batches may already be decided and written.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/engine/input.h"
#include "libs/engine/layout.h"
#include "libs/engine/observer.h"
#include "libs/engine/parked.h"
#include "libs/engine/program.h"
#include "libs/engine/recording.h"
#include "libs/engine/row_cache.h"
#include "libs/engine/shard_clock.h"
#include "libs/engine/shards.h"
#include "libs/engine/store.h"

namespace weft::engine {

// Known faults a test may ask for, to prove that a harness finds them.
struct PlantedBugs {
  bool answer_before_sync = false;   // Callers are answered after Write().
  bool offset_before_state = false;  // Offsets are durable before the state is.
  bool undo_without_mark = false;    // LeaveUndoMark() does nothing.
  bool no_claim_check = false;       // The gate opens without looking for another owner.
};

struct CoreOptions {
  int shard = 0;
  int shards = 1;

  // Answers are kept this long or up to these bytes, but at least the minimum.
  absl::Duration answers_kept = absl::Hours(24);
  absl::Duration answers_kept_min = absl::Minutes(10);
  int64_t answers_bytes_max = int64_t{2} << 30;
  // Beyond it commands are refused with LOG_BEHIND.
  int64_t outbox_bytes_max = int64_t{4} << 30;

  int timers_per_batch_max = 500;
  int publish_rows_max = 2000;           // Of one round of the relay.
  int64_t publish_bytes_max = 4 << 20;
  int64_t relay_memory_bytes_max = 8 << 20;  // Rows kept in memory for the relay.
  int64_t row_cache_bytes = 16 << 20;
  int trim_rows_min = 1000;              // Outbox rows trimmed at once.

  absl::Duration publish_pause = absl::Milliseconds(100);  // After a failed round.
  absl::Duration task_pause_min = absl::Milliseconds(100); // Doubles with each attempt,
  absl::Duration task_pause_max = absl::Seconds(30);       // ± a quarter.
  absl::Duration task_timeout = absl::Seconds(60);  // No answer: called again.

  // Publish what is parked on <topic>.dlq too; the log must have that topic.
  bool dead_letters = false;

  // Batches are numbered and kept until ForgetLogged(), for the changelog; the
  // epoch is the offset of our claim there, and goes with calls.
  bool changelog = false;
  int64_t epoch = 0;
  // A batch is closed before it passes this; a turn that is larger by itself
  // stands alone in its batch, and one beyond `turn_bytes_max` is refused with
  // RECORD_TOO_LARGE. Only with a changelog, whose records are bounded.
  int64_t batch_bytes_max = 448 << 10;
  int64_t turn_bytes_max = int64_t{3} << 20;

  InputRecorder* recorder = nullptr;  // Outlives the core.

  PlantedBugs bugs;
  Observer* observer = nullptr;  // Outlives the core.
};

// Rows of one topic and partition that the relay appends as one unit.
struct PublishGroup {
  uint64_t round = 0;
  size_t index = 0;
  eventlog::TopicPartition where;
  std::vector<eventlog::NewRecord> records;
};

class Core {
 public:
  // Opens a shard's store: makes it the shard it says, reads what must be in
  // memory, and loads the program's read models.
  // `program`, `store` and the observer outlive the core.
  // Errors: FAILED_PRECONDITION / STORE_MISMATCH (another room's or another
  // number of shards), DATA_LOSS / STORE_CORRUPT, and the store's own.
  static absl::StatusOr<std::unique_ptr<Core>> Open(const CoreOptions& options,
                                                    const Program& program, Store& store,
                                                    const Times& times);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  // Runs timers that are due, answers of tasks, then `inputs`, in this order.
  // The last batch must have been written. What no longer fits into the batch
  // is kept and goes first the next time (carried()).
  void Decide(std::vector<Input> inputs, const Times& times);
  // True when Decide() left something to write.
  bool dirty() const;
  // True when Decide() left answers that rest on what it read, though it changed
  // nothing: refusals and the like. A repeat of a stored answer holds for ever.
  bool answers_rest_on_state() const { return answers_rest_on_state_; }
  // Inputs that wait for the next batch.
  size_t carried() const { return carried_.size(); }
  // Writes what Decide() left. On RESOURCE_EXHAUSTED nothing of the batch
  // remains: its callers are answered so and the core is as it was before;
  // readers must be opened again at StartPositions(). Any other error is fatal:
  // make no further call.
  absl::Status Write(bool sync);
  absl::Status Sync();
  // Frees the oldest written batch; must be durable. False: there was none.
  // `published` runs when read models know the batch and before anybody is
  // answered: what readers see moves on there, so that a view is never ahead of
  // a read model.
  bool Release(const std::function<void()>& published = nullptr);

  // After a fatal error: answers everybody still waiting with `status`.
  void Abandon(const absl::Status& status);

  // Decides, writes, syncs, releases.
  absl::Status RunBatch(std::vector<Input> inputs, const Times& times);

  // Whether Decide() with no inputs would run a turn.
  bool HasInternalWork(const Times& times) const;
  // When the next timer is due by shard time; InfiniteFuture: none is set.
  absl::Time next_timer() const { return next_due_; }
  // How long until then as the clocks stand.
  absl::Duration UntilNextTimer(const Times& times) const;
  // When the relay or the task runner has something to do by the steady clock;
  // InfiniteDuration: nothing.
  absl::Duration NextWake() const;

  // --- Reading -------------------------------------------------------------
  // As of the last written batch. Thread safe against nothing: see shard.h.
  std::unique_ptr<View> ReadView(const std::string& tenant, uint32_t partition) const;
  std::unique_ptr<View> ReadView(std::shared_ptr<const Snapshot> snapshot,
                                 const std::string& tenant, uint32_t partition) const;
  // Whether what `token` names is applied; true for topics this room does not read.
  bool Applied(const Token& token) const;
  std::vector<ParkedRecord> ListParked(size_t limit) const;

  // --- The log -------------------------------------------------------------
  // Where to read: one entry per (topic, partition) this shard owns and has not
  // stopped. `counts` says how many partitions a topic has now; a topic it does
  // not know is left out. `ends` gives watermarks, for partitions never read.
  absl::StatusOr<std::vector<eventlog::StartPosition>> StartPositions(
      const std::function<std::optional<int32_t>(const std::string& topic)>& counts,
      const std::function<absl::StatusOr<eventlog::Watermarks>(
          const eventlog::TopicPartition&)>& watermarks);
  // Moves on when a batch failed: records read ahead of it would leave a gap
  // behind those it lost, so they are dropped and read again.
  int64_t records_epoch() const { return records_epoch_; }
  // No more of this partition, until the shard is opened anew. `reason`:
  // EVENT_GAP, LOG_CHANGED, OFFSET_GONE.
  void StopPartition(const eventlog::TopicPartition& where, const std::string& reason);
  bool IsStopped(const eventlog::TopicPartition& where) const {
    return stopped_.count(where) > 0;
  }
  // Topics the program reads, event topics and raw ones.
  std::vector<std::string> InputTopics() const;
  const std::map<eventlog::TopicPartition, std::string>& stopped() const { return stopped_; }
  std::optional<std::string> log_identity() const { return log_identity_; }
  absl::Status SetLogIdentity(const std::string& identity);

  // --- The relay -----------------------------------------------------------
  // Rows to append now: released ones, in order. Empty while a round is under
  // way, after a failure until its pause is over, or when there is nothing.
  std::vector<PublishGroup> TakeRound(absl::Duration steady);
  // How a group went. A failure repeats the group after a pause; groups of one
  // round and one partition never overtake one another.
  void Published(uint64_t round, size_t index, const absl::Status& status,
                 absl::Duration steady);
  // Deletes published rows and old answers; written without sync, because doing
  // it again does no harm. Nothing when there is little to do, unless `all`.
  absl::Status Trim(bool all);
  int64_t outbox_rows() const { return static_cast<int64_t>(outbox_next_ - outbox_low_); }
  int64_t outbox_bytes() const {
    return static_cast<int64_t>(outbox_bytes_total_ - outbox_bytes_low_);
  }
  bool log_behind() const { return outbox_bytes() > options_.outbox_bytes_max; }
  // The relay met a record the log will never take; it stands still.
  const absl::Status& relay_failure() const {
    return relay_failure_.ok() ? topic_missing_ : relay_failure_;
  }

  // --- The task runner -----------------------------------------------------
  // Calls to make now; at most `max`.
  std::vector<TaskCall> TakeTasks(absl::Duration steady, size_t max);
  // What an executor said. Late and repeated answers are fine: the first
  // definite one counts.
  void TaskAnswered(const TaskCall& call, absl::StatusOr<std::string> answer,
                    absl::Duration steady);
  size_t pending_tasks() const { return tasks_.size(); }

  // --- Recordings (recording.h) ---------------------------------------------
  // Writes what a replay must know beside the stored rows; the recorder has just
  // begun a recording.
  void BeginRecording();
  // What a recording's first record says of the options that decide bytes.
  static absl::StatusOr<CoreOptions> RecordedOptions(absl::string_view record,
                                                     CoreOptions options);
  struct Replayed {
    bool batch = false;   // The record was a batch; it has been run.
    int64_t turns = 0;
    bool differs = false;  // It wrote other bytes than it did then.
  };
  absl::StatusOr<Replayed> ReplayRecord(absl::string_view record);

  // --- Figures -------------------------------------------------------------
  absl::Time now() const { return clock_.now(); }
  int64_t clock_steps_backward() const { return clock_.backward_steps(); }
  int64_t clock_steps_forward() const { return clock_.forward_steps(); }
  int64_t parked() const { return parked_count_; }
  const CoreOptions& options() const { return options_; }
  const Program& program() const { return program_; }
  Store& store() { return store_; }
  // The last batch decided, without what only this store needs.
  const Batch& last_batch() const { return batch_; }
  // Its number in the changelog, when it has one.
  uint64_t turn_number() const { return turn_number_; }
  // The turns up to `number` are in the changelog: the store need not keep them.
  void ForgetLogged(uint64_t number) { logged_ = std::max(logged_, number); }
  const BatchReport& last_report() const { return report_; }
  // Tenants whose rows the last released batch changed.
  const std::vector<std::string>& changed_tenants() const { return released_tenants_; }

 private:
  friend class CoreTurn;
  struct Effects;
  using Overlay = absl::btree_map<std::string, std::optional<std::string>>;
  // A task that is started and not done.
  struct PendingTask {
    uint64_t order = 0;
    int attempt = 0;
    bool released = false;
    bool known = false;        // Its outcome waits for its turn.
    absl::Duration due;        // Where it stands in the queue.
  };

  Core(const CoreOptions& options, const Program& program, Store& store, const Times& times);

  absl::Status Load(bool first, const Times& times);
  absl::Status LoadReadModels();

  // Turns.
  // Whether the batch under construction has room for an input of `bytes`.
  bool HasRoom(size_t bytes) const;
  // Runs what fits; keeps the rest of `input` in it. False: it was not finished.
  bool RunInput(Input& input, const Times& times);
  // Why the turn must not be taken over, if so. `answer_bytes`: of its answer.
  const absl::Status& TurnFailure(size_t answer_bytes = 0);
  void RunCommand(CommandInput input, const Times& times);
  // False when records of `input` are left for the next batch.
  bool RunRecords(RecordsInput& input);
  // False: the partition stops here.
  bool RunEventRecord(const std::vector<EventHandler>& handlers, const std::string& topic,
                      int32_t partition, eventlog::Record& record);
  void RunRawRecord(const RawTopic& topic, int32_t partition, eventlog::Record& record);
  void RunTimers();
  void RunTaskResults();
  void RunParked(ParkedInput input);
  void RunFollow(FollowInput input);
  void TakeOpening(const Event& event, int64_t opened);
  int64_t GenerationOf(uint32_t partition) const;
  absl::Status ApplyParked(const ParkedRecord& record);
  void ReplayFollowers(const ParkedRecord& first);
  void Park(ParkedRecord record, absl::Status why);
  void UnPark(const ParkedRecord& record);
  // Numbers a row of the outbox and puts it into the batch.
  void AppendOutbox(layout::OutboxRow row);
  // Takes over what the turn did; false when it did nothing.
  bool FinishTurn(Token* token);
  void QueueTask(const std::string& id, PendingTask& task, absl::Duration due);
  void RecordInputs(const std::vector<Input>& inputs);
  void RecordOutcome(char tag, absl::string_view bytes);
  void RecordOffset(const eventlog::TopicPartition& where);
  absl::Status WriteBatch(bool sync);
  void FailBatch(const absl::Status& status);
  void ClearBatch();
  void FillRelayRows();

  Overlay& OverlayOf(Family family) { return overlay_[static_cast<size_t>(family)]; }
  const Overlay& OverlayOf(Family family) const {
    return overlay_[static_cast<size_t>(family)];
  }
  // Reads the batch's row or the stored one; a failure is remembered in
  // store_failure_.
  absl::StatusOr<std::optional<std::string>> ReadRow(Family family,
                                                     const std::string& key) const;
  // The same through the cache.
  absl::StatusOr<std::optional<std::string>> ReadState(const std::string& key);
  void PutRow(Family family, std::string key, std::string value) {
    overlay_bytes_ += static_cast<int64_t>(key.size() + value.size() + 8);
    OverlayOf(family).insert_or_assign(std::move(key), std::move(value));
  }
  void DeleteRow(Family family, std::string key) {
    OverlayOf(family).insert_or_assign(std::move(key), std::nullopt);
  }
  Position PositionOf(uint32_t partition, const std::string& tenant) const;
  // PartitionOf(), which hashes, with the last answer kept: inputs come in runs.
  uint32_t PartitionOfTenant(const std::string& tenant);
  int64_t MaxRecordBytes(const std::string& topic) const;
  uint32_t LogPartition(const std::string& topic, uint32_t partition) const;
  void TrimAnswers(int age_rows_max, Batch& batch);
  void TrimOutbox(uint64_t rows_min, Batch& batch);
  absl::StatusOr<ParkedRecord> ReadParked(uint32_t partition, uint64_t number) const;

  const CoreOptions options_;
  const Program& program_;
  Store& store_;
  ShardClock clock_;
  Times times_;  // Of the last Decide().
  // The store could not be read while deciding: nothing of the batch may be
  // written, for it may rest on rows that were missed.
  mutable absl::Status store_failure_;
  absl::Time stored_time_ = absl::InfinitePast();

  // What a replayed record said, until it is compared.
  std::optional<absl::Time> replay_now_;

  // The batch under construction.
  Batch batch_;
  BatchReport report_;
  bool written_ = true;
  std::unique_ptr<Effects> effects_;              // Of the batch under construction.
  std::deque<std::unique_ptr<Effects>> committed_;  // Written, not released.
  // Rows of the batch, newest value of each key, by family: what turns read, and
  // at the end what is written, in key order. State, answers, timers, tasks and
  // parked records; outbox and meta rows go to the batch at once.
  std::array<Overlay, kFamilies> overlay_;
  int64_t overlay_bytes_ = 0;  // Roughly what the overlays come to.
  bool answers_rest_on_state_ = false;
  std::string batch_answer_keys_;  // Of the age row.
  int64_t batch_answer_bytes_ = 0;
  absl::btree_set<std::pair<std::string, int32_t>> batch_offsets_;
  absl::btree_set<std::string> batch_applied_;
  absl::btree_set<std::string> batch_emitted_;
  absl::btree_set<std::string> batch_positions_;
  bool batch_outbox_ = false;
  bool batch_tasks_ = false;
  std::unique_ptr<class CoreTurn> turn_;
  std::string now_text_;  // Shard time of the batch in RFC 3339.

  std::deque<Input> carried_;  // Inputs that did not fit into the last batch.

  std::string last_tenant_;
  uint32_t last_partition_ = 0;

  // The changelog: the last turn, and those the store has let go of.
  uint64_t turn_number_ = 0;
  uint64_t logged_ = 0;
  uint64_t forgotten_ = 0;

  RowCache cache_;
  std::vector<std::string> released_tenants_;

  // Small rows that are kept in memory in full.
  bool rebuilding_ = false;
  absl::flat_hash_map<uint32_t, int64_t> generations_;  // By partition; 1 where none stands.
  int64_t records_epoch_ = 0;
  std::optional<std::string> log_identity_;
  absl::flat_hash_map<std::string, int64_t> emitted_;   // By layout::EmittedKey.
  absl::flat_hash_map<std::string, int64_t> applied_;   // By layout::AppliedKey.
  absl::flat_hash_map<std::string, int64_t> released_;  // Both, of released batches.
  absl::flat_hash_set<std::string> jumps_;  // By AppliedKey: a gap is accepted once.
  std::map<std::pair<std::string, int32_t>, layout::OffsetRow> offsets_;
  absl::flat_hash_map<std::string, layout::PositionRow> positions_;
  absl::flat_hash_set<uint64_t> undo_marks_;  // Hashes of their keys.
  std::map<eventlog::TopicPartition, std::string> stopped_;
  std::map<std::string, const RawTopic*> raw_topics_;

  // Parked records: those of one topic and key, oldest first.
  std::map<std::pair<std::string, std::string>, std::set<std::pair<uint32_t, uint64_t>>>
      parked_keys_;
  uint64_t next_parked_ = 1;
  int64_t parked_count_ = 0;

  // Answers.
  uint64_t answer_age_next_ = 1;
  uint64_t answer_bytes_total_ = 0;   // Of all answers ever.
  uint64_t answer_age_first_ = 1;     // Oldest age row.
  absl::Time answer_first_time_ = absl::InfiniteFuture();
  uint64_t answer_first_bytes_ = 0;   // Bytes before it.

  // Outbox: rows [low, next) are stored; [low, done) are published.
  uint64_t outbox_trimmed_ = 1;
  uint64_t outbox_low_ = 1;           // First not published.
  uint64_t outbox_released_ = 1;      // First not released.
  uint64_t outbox_next_ = 1;
  uint64_t outbox_bytes_total_ = 0;
  uint64_t outbox_bytes_low_ = 0;
  std::deque<layout::OutboxRow> relay_rows_;  // Released, in memory, from relay_next_.
  int64_t relay_rows_bytes_ = 0;
  uint64_t relay_next_ = 1;           // First not yet part of a round.
  struct RoundGroup {
    eventlog::TopicPartition where;
    std::vector<eventlog::NewRecord> records;  // Empty once sent; read again to repeat.
    enum class State { kWaiting, kSent, kDone } state = State::kWaiting;
  };
  std::vector<RoundGroup> round_;
  uint64_t round_id_ = 0;
  absl::Duration publish_at_ = -absl::InfiniteDuration();
  absl::Status relay_failure_;
  absl::Status topic_missing_;  // As long as it is: it may come back by itself.

  // Timers.
  absl::Time next_due_ = absl::InfiniteFuture();

  // Tasks: pending ones by id, and those to call, by time.
  absl::btree_map<std::string, PendingTask> tasks_;
  absl::btree_set<std::tuple<absl::Duration, uint64_t, std::string>> task_queue_;
  uint64_t next_task_ = 1;
  struct KnownResult {
    std::string id;
    absl::StatusOr<std::string> answer;
  };
  std::deque<KnownResult> task_results_;
};

}  // namespace weft::engine
