#include "libs/engine/shard.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"

namespace weft::engine {
namespace {

// The wall clock may step while the sequencer waits for a timer.
constexpr absl::Duration kWaitMax = absl::Seconds(1);
constexpr absl::Duration kTrimEvery = absl::Seconds(1);
// How long a stop waits for what was written to be read back.
constexpr absl::Duration kDrainMax = absl::Seconds(5);
// A gate that was full so long is stuck: the log is away.
constexpr absl::Duration kStuckAfter = absl::Seconds(1);
constexpr absl::Duration kReaderPause = absl::Milliseconds(100);
constexpr absl::Duration kPollTime = absl::Milliseconds(500);
constexpr size_t kPollRecordsMax = 500;

absl::Duration Since(std::chrono::steady_clock::time_point start) {
  return absl::FromChrono(std::chrono::steady_clock::now() - start);
}

absl::Status Stopped() {
  return Unavailable("SHARD_STOPPED",
                     "this process is stopping; repeat the request with the same request id");
}

}  // namespace

Shard::Shard(const Options& options, int index, const Program& program, eventlog::EventLog& log,
             const Clock& clock, TaskRunner& runner,
             std::function<void(const std::vector<std::string>&)> changed)
    : options_(options),
      index_(index),
      program_(program),
      log_(log),
      clock_(clock),
      runner_(runner),
      changed_(std::move(changed)),
      queue_(std::make_shared<InputQueue>(options.queue)),
      last_trim_(clock.Steady()) {}

absl::StatusOr<std::unique_ptr<Shard>> Shard::Open(
    const Options& options, int index, const Program& program, eventlog::EventLog& log,
    const Clock& clock, TaskRunner& runner,
    std::function<void(const std::vector<std::string>&)> changed) {
  std::unique_ptr<Shard> shard(
      new Shard(options, index, program, log, clock, runner, std::move(changed)));
  if (options.open_store != nullptr) {
    WEFT_ASSIGN_OR_RETURN(shard->store_, options.open_store(index));
  } else {
    RocksOptions rocks;
    rocks.folder = absl::StrCat(options.folder, "/shard-", index);
    rocks.resources = options.resources;
    WEFT_ASSIGN_OR_RETURN(shard->store_, OpenRocksStore(rocks));
  }
  if (options.durability == Durability::kLog && !program.projection()) {
    WEFT_RETURN_IF_ERROR(shard->OpenOnChangelog());
  }
  CoreOptions core = options.core;
  core.changelog = shard->gate_ != nullptr;
  core.epoch = shard->gate_ != nullptr ? shard->gate_->epoch() : 0;
  core.shard = index;
  core.shards = options.shards;
  core.observer = options.observer;
  core.dead_letters = options.dead_letters;
  if (options.recording_bytes > 0) {
    shard->recorder_ = std::make_unique<FileRecorder>(
        absl::StrCat(options.folder, "/recordings-", index), options.recording_bytes);
    core.recorder = shard->recorder_.get();
  }
  WEFT_ASSIGN_OR_RETURN(shard->core_, Core::Open(core, program, *shard->store_, shard->Now()));
  shard->PublishSnapshot(shard->store_->TakeSnapshot());
  if (shard->gate_ == nullptr && shard->frozen_) shard->Freeze(shard->frozen_why_);
  return shard;
}

Shard::~Shard() { Stop(); }

void Shard::Beat() {
  if (syncs_ != nullptr && syncs_->busy_for() >= kStuckAfter) return;
  beat_ns_.store(absl::ToInt64Nanoseconds(clock_.Steady()), std::memory_order_relaxed);
}

void Shard::Start() {
  Beat();
  syncs_ = std::make_unique<SyncThread>(
      *store_, clock_,
      [this, queue = queue_](uint64_t write, const absl::Status& status, absl::Duration took) {
        queue->Post([this, write, status, took] { Synced(write, status, took); });
      });
  sequencer_thread_ = std::thread([this] { Sequence(); });
  if (gate_ != nullptr) tail_thread_ = std::thread([this] { TailChangelog(); });
  reader_thread_ = std::thread([this] { ReadLog(); });
}

void Shard::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    if (reader_ != nullptr) reader_->Wake();
  }
  reader_wakes_.NotifyAll();
  queue_->Close();
  if (reader_thread_.joinable()) reader_thread_.join();
  // What was written last is durable and read back before the sequencer ends.
  if (sequencer_thread_.joinable()) sequencer_thread_.join();
  syncs_ = nullptr;
  {
    MutexLock lock(mutex_);
    tail_stops_ = true;
    if (tail_reader_ != nullptr) tail_reader_->Wake();
  }
  reader_wakes_.NotifyAll();
  if (tail_thread_.joinable()) tail_thread_.join();
}

// --- The door ------------------------------------------------------------------

void Shard::Submit(Command command, AnswerCallback done) {
  const bool exempt = program_.undos.count(command.method) > 0;
  absl::StatusOr<CommandInput> input = MakeCommandInput(std::move(command), clock_.Steady());
  if (!input.ok()) return done(input.status());
  input->done = std::move(done);
  const absl::Status pushed = queue_->PushCommand(*input, exempt);
  if (!pushed.ok()) {
    if (options_.observer != nullptr) {
      options_.observer->RefusedAtDoor(index_, ReasonOf(pushed));
    }
    input->done(pushed);
  }
}

std::unique_ptr<View> Shard::Read(const std::string& tenant, uint32_t partition) const {
  std::shared_ptr<const Snapshot> snapshot;
  {
    MutexLock lock(mutex_);
    snapshot = snapshot_;
  }
  return core_->ReadView(std::move(snapshot), tenant, partition);
}

void Shard::WaitFor(const Token& token, absl::Duration timeout,
                    std::function<void(absl::Status)> done) {
  const absl::Duration deadline = clock_.Steady() + timeout;
  // The callback must come whatever happens, so it is held where a dropped job
  // still answers.
  auto waiter = std::shared_ptr<std::function<void(absl::Status)>>(
      new std::function<void(absl::Status)>(std::move(done)),
      [](std::function<void(absl::Status)>* callback) {
        if (*callback != nullptr) (*callback)(Stopped());
        delete callback;
      });
  queue_->Post([this, token, deadline, waiter = std::move(waiter)] {
    auto callback = std::exchange(*waiter, nullptr);
    if (core_->Applied(token)) {
      callback(absl::OkStatus());
    } else {
      waiters_.push_back(Waiter{token, deadline, std::move(callback)});
    }
  });
}

void Shard::PushParked(ParkedInput input) {
  auto done = input.done;
  if (!queue_->Push(std::move(input)) && done != nullptr) done(Stopped());
}

absl::Status Shard::FollowStopped(const std::string& topic) {
  std::vector<eventlog::TopicPartition> stopped;
  if (!CallSequencer([&] {
        for (const auto& [where, reason] : core_->stopped()) {
          if (topic.empty() || where.topic == topic) stopped.push_back(where);
        }
      })) {
    return Stopped();
  }
  for (const eventlog::TopicPartition& where : stopped) {
    FollowInput input;
    input.where = where;
    const absl::StatusOr<eventlog::Watermarks> marks = log_.GetWatermarks(where);
    if (marks.ok()) {
      input.marks = *marks;
    } else if (!absl::IsNotFound(marks.status())) {
      return marks.status();  // A topic that was removed begins at 0 when it is there again.
    }
    struct Call {
      Mutex mutex;
      CondVar changed;
      bool over ABSL_GUARDED_BY(mutex) = false;
      absl::Status status ABSL_GUARDED_BY(mutex) = Stopped();
    };
    auto call = std::make_shared<Call>();
    // Also when the input is thrown away.
    auto ticket = std::shared_ptr<void>(nullptr, [call](void*) {
      MutexLock lock(call->mutex);
      call->over = true;
      call->changed.NotifyAll();
    });
    input.done = [call, ticket = std::move(ticket)](absl::Status status) {
      MutexLock lock(call->mutex);
      call->status = std::move(status);
    };
    if (!queue_->Push(std::move(input))) return Stopped();
    MutexLock lock(call->mutex);
    while (!call->over) call->changed.Wait(call->mutex);
    WEFT_RETURN_IF_ERROR(call->status);
  }
  return absl::OkStatus();
}

std::vector<ParkedRecord> Shard::ListParked(size_t limit) const {
  return core_->ListParked(limit);
}

std::unique_ptr<void, std::function<void(void*)>> Shard::Hold() {
  struct Gate {
    Mutex mutex;
    CondVar changed;
    bool held ABSL_GUARDED_BY(mutex) = false;
    bool dropped ABSL_GUARDED_BY(mutex) = false;
    bool released ABSL_GUARDED_BY(mutex) = false;
  };
  auto gate = std::make_shared<Gate>();
  auto ticket = std::shared_ptr<void>(nullptr, [gate](void*) {
    {
      MutexLock lock(gate->mutex);
      if (!gate->held) gate->dropped = true;
    }
    gate->changed.NotifyAll();
  });
  queue_->Post([this, gate, ticket = std::move(ticket)] {
    holds_.push_back([gate, ticket] {
      MutexLock lock(gate->mutex);
      gate->held = true;
      gate->changed.NotifyAll();
      while (!gate->released) gate->changed.Wait(gate->mutex);
    });
  });
  {
    MutexLock lock(gate->mutex);
    while (!gate->held && !gate->dropped) gate->changed.Wait(gate->mutex);
    if (!gate->held) return nullptr;
  }
  return {gate.get(), [gate](void*) {
            {
              MutexLock lock(gate->mutex);
              gate->released = true;
            }
            gate->changed.NotifyAll();
          }};
}

ShardHealth Shard::Health() const {
  const absl::Duration beat = absl::Nanoseconds(beat_ns_.load(std::memory_order_relaxed));
  MutexLock lock(mutex_);
  ShardHealth health = health_;
  health.silence = std::max(clock_.Steady() - beat, absl::ZeroDuration());
  return health;
}

bool Shard::CallSequencer(std::function<void()> job) {
  struct Call {
    Mutex mutex;
    CondVar changed;
    bool done ABSL_GUARDED_BY(mutex) = false;
    bool dropped ABSL_GUARDED_BY(mutex) = false;
  };
  auto call = std::make_shared<Call>();
  // Tells when the job was run or thrown away.
  auto ticket = std::shared_ptr<void>(nullptr, [call](void*) {
    {
      MutexLock lock(call->mutex);
      if (!call->done) call->dropped = true;
    }
    call->changed.NotifyAll();
  });
  queue_->Post([call, ticket = std::move(ticket), job = std::move(job)] {
    job();
    MutexLock lock(call->mutex);
    call->done = true;
  });
  MutexLock lock(call->mutex);
  while (!call->done && !call->dropped) call->changed.Wait(call->mutex);
  return call->done;
}

// --- The sequencer -------------------------------------------------------------

void Shard::PublishSnapshot(std::shared_ptr<const Snapshot> snapshot) {
  MutexLock lock(mutex_);
  snapshot_.swap(snapshot);
}

absl::Duration Shard::WaitTime(const Times& now) const {
  absl::Duration wait = kWaitMax;
  if (MayDecide()) {
    if (core_->HasInternalWork(now)) return absl::ZeroDuration();
    if (core_->next_timer() != absl::InfiniteFuture()) {
      wait = std::min(wait, core_->UntilNextTimer(now));
    }
  }
  if (!frozen_) wait = std::min(wait, core_->NextWake() - now.steady);
  if (gate_ != nullptr && !frozen_) {
    wait = std::min(wait, gate_->NextWake() - now.steady);
    if (asked_sync_ != writes_) {
      wait = std::min(wait, last_sync_ + options_.changelog.sync_every - now.steady);
    }
  }
  wait = std::min(wait, drain_until_ - now.steady);
  for (const Waiter& waiter : waiters_) wait = std::min(wait, waiter.deadline - now.steady);
  return std::max(wait, absl::ZeroDuration());
}

void Shard::Sequence() {
  bool closing = false;
  while (true) {
    Beat();
    const bool takes = MayDecide() && !(closing && !written_.empty());
    InputQueue::Work work =
        queue_->Take(WaitTime(Now()), takes ? options_.batch_turns_max : size_t{0});
    for (auto& job : work.jobs) job();
    work.jobs.clear();
    if (lost_ || failed_ || frozen_) AnswerInputs(std::move(work.inputs));
    if (lost_ || failed_) return;
    ReleaseReady();
    RunHolds();
    const Times now = Now();
    if (recorder_ != nullptr && recorder_->full() && core_->carried() == 0) {
      // A recording that cannot be made is no reason to stop.
      if (recorder_->Begin(*store_).ok()) core_->BeginRecording();
    }
    if ((!work.inputs.empty() && !frozen_) || (MayDecide() && core_->HasInternalWork(now))) {
      if (!RunBatch(std::move(work.inputs), now)) return;
    }
    closing = work.closing;
    const absl::Duration steady = clock_.Steady();
    if (closing) {
      const bool drained =
          work.closed && core_->carried() == 0 && written_.empty();
      if (drained || frozen_) break;
      if (gate_ != nullptr && drain_until_ == absl::InfiniteDuration()) {
        drain_until_ = steady + kDrainMax;
      }
      if (steady >= drain_until_) break;  // The log is away; the folder keeps the turns.
    }
    Pump(steady);
    PumpChangelog(steady);
    if (asked_sync_ != writes_ && steady - last_sync_ >= options_.changelog.sync_every) AskSync();
    AnswerWaiters(steady);
    if (steady - last_trim_ >= kTrimEvery) {
      last_trim_ = steady;
      absl::Status trimmed = core_->Trim(/*all=*/true);
      if (trimmed.ok()) trimmed = SaveFold(/*sync=*/false);
      if (!trimmed.ok() && !absl::IsResourceExhausted(trimmed)) {
        Fail(trimmed);
        return;
      }
      NoteHealth();
    }
  }
  AnswerAll(Stopped());
  (void)core_->Trim(/*all=*/true);
  (void)SaveFold(/*sync=*/false);
  if (const absl::Status synced = store_->Sync(); !synced.ok()) Fail(synced);
}

bool Shard::RunBatch(std::vector<Input> inputs, const Times& now) {
  const auto start = std::chrono::steady_clock::now();
  core_->Decide(std::move(inputs), now);
  BatchReport report = core_->last_report();
  report.decide_time = Since(start);
  const auto write_start = std::chrono::steady_clock::now();
  const bool dirty = core_->dirty();
  const absl::Status status = core_->Write(/*sync=*/false);
  if (absl::IsResourceExhausted(status)) {
    // Nothing of the batch remains; what came from the log is read again.
    MutexLock lock(mutex_);
    reopen_reader_ = true;
    if (reader_ != nullptr) reader_->Wake();
  } else if (!status.ok()) {
    Fail(status);
    return false;
  } else {
    // Views see the batch when it is released.
    if (dirty) ++writes_;
    written_.push_back(Written{SyncsEachBatch() ? writes_ : 0,
                               dirty ? store_->TakeSnapshot() : nullptr});
    if (gate_ != nullptr) {
      if (dirty) {
        gate_->WrittenTurn(core_->turn_number(), core_->last_batch().bytes());
      } else {
        gate_->WrittenNothing(core_->answers_rest_on_state());
      }
    }
    if (dirty && (SyncsEachBatch() ||
                  clock_.Steady() - last_sync_ >= options_.changelog.sync_every)) {
      AskSync();
    }
    if (gate_ != nullptr) PumpChangelog(now.steady);
  }
  if (dirty) report.write_time = Since(write_start);
  ReleaseReady();
  report.shard_time = core_->now();
  report.backward_clock_steps = core_->clock_steps_backward();
  report.forward_clock_steps = core_->clock_steps_forward();
  if (options_.observer != nullptr) {
    options_.observer->BatchDone(report);
    options_.observer->QueueLength(index_, queue_->commands());
  }
  NoteHealth();
  return true;
}

void Shard::NoteHealth() {
  const bool stuck = gate_ != nullptr && gate_->full() &&
                     clock_.Steady() - last_release_ >= kStuckAfter;
  queue_->SetLogBehind(core_->log_behind() || stuck);
  ShardLevels levels;
  levels.outbox_rows = core_->outbox_rows();
  levels.outbox_bytes = core_->outbox_bytes();
  levels.pending_tasks = static_cast<int64_t>(core_->pending_tasks());
  levels.parked = core_->parked();
  levels.changelog_bytes = gate_ != nullptr ? gate_->backlog_bytes() : 0;
  if (options_.observer != nullptr) options_.observer->Levels(index_, levels);
  MutexLock lock(mutex_);
  health_.outbox_rows = levels.outbox_rows;
  health_.parked = levels.parked;
  health_.stopped_partitions = static_cast<int64_t>(core_->stopped().size());
  health_.relay_failure = core_->relay_failure();
  health_.changelog_bytes = levels.changelog_bytes;
}

void Shard::AskSync() {
  asked_sync_ = writes_;
  last_sync_ = clock_.Steady();
  syncs_->Ask(writes_);
}

void Shard::Synced(uint64_t write, const absl::Status& status, absl::Duration took) {
  if (options_.observer != nullptr) options_.observer->Synced(index_, took);
  if (!status.ok()) return Fail(status);
  durable_ = write;
}

void Shard::ReleaseReady() {
  size_t ready = gate_ != nullptr ? gate_->releasable() : written_.size();
  bool released = false;
  for (; ready > 0 && written_.front().needs <= durable_; --ready) {
    Written batch = std::move(written_.front());
    written_.pop_front();
    WEFT_CHECK(core_->Release([&] {
      if (batch.snapshot != nullptr) PublishSnapshot(std::move(batch.snapshot));
    }));
    if (gate_ != nullptr) gate_->Released();
    if (!core_->changed_tenants().empty()) changed_(core_->changed_tenants());
    released = true;
  }
  if (released) last_release_ = clock_.Steady();
  if (gate_ != nullptr) core_->ForgetLogged(gate_->read_back());
}

void Shard::RunHolds() {
  if (holds_.empty() || !written_.empty()) return;
  // A copy of the folder says how far it has followed the changelog.
  (void)SaveFold(/*sync=*/true);
  for (auto& hold : std::exchange(holds_, {})) hold();
}

absl::Status Shard::SaveFold(bool sync) {
  if (gate_ == nullptr || frozen_) return absl::OkStatus();
  // A shard that has nothing to do leaves the disk alone.
  const int64_t next = gate_->fold().next_offset();
  if (!sync && next == saved_fold_) return absl::OkStatus();
  Batch batch;
  PutChangelogFold(batch, gate_->SaveFold());
  WEFT_RETURN_IF_ERROR(store_->Write(batch, sync));
  saved_fold_ = next;
  return absl::OkStatus();
}

void Shard::AnswerAll(const absl::Status& answer) {
  core_->Abandon(answer);
  for (CommandInput& input : queue_->Abandon()) input.done(answer);
  for (Waiter& waiter : waiters_) waiter.done(answer);
  waiters_.clear();
  holds_.clear();
}

void Shard::AnswerInputs(std::vector<Input> inputs) {
  const absl::Status answer = frozen_ ? NoCommands() : Stopped();
  for (Input& input : inputs) {
    if (auto* command = std::get_if<CommandInput>(&input)) {
      command->done(answer);
    } else if (auto* parked = std::get_if<ParkedInput>(&input)) {
      if (parked->done != nullptr) parked->done(answer);
    } else if (auto* follow = std::get_if<FollowInput>(&input)) {
      if (follow->done != nullptr) follow->done(answer);
    }
  }
  inputs.clear();
}

void Shard::Fail(const absl::Status& status) {
  failed_ = true;
  if (options_.on_fatal != nullptr) {
    options_.on_fatal(status);
  } else {
    internal::CheckFailed(__FILE__, __LINE__, "the state on disk can be written", &status);
  }
  AnswerAll(
      Unavailable("SHARD_STOPPED", "the shard stopped because its disk failed; the fate of the "
                                   "request is not known, repeat it with the same request id"));
}

void Shard::Pump(absl::Duration steady) {
  if (frozen_) return;
  if (log_trusted_) {
    for (PublishGroup& group : core_->TakeRound(steady)) {
      log_.Append(group.where, std::move(group.records),
                  [this, queue = queue_, round = group.round,
                   index = group.index](absl::StatusOr<int64_t> appended) {
                    // Runs only while the shard does: its sequencer takes it.
                    queue->Post([this, round, index, status = appended.status()] {
                      core_->Published(round, index, status, clock_.Steady());
                    });
                  });
    }
  }
  if (tasks_in_flight_ >= options_.tasks_in_flight_max) return;
  for (TaskCall& call :
       core_->TakeTasks(steady, options_.tasks_in_flight_max - tasks_in_flight_)) {
    const auto kind = program_.tasks.find(call.kind);
    if (kind == program_.tasks.end() || kind->second.executor == nullptr) continue;
    ++tasks_in_flight_;
    // An executor that throws its callback away unanswered leaves the outcome unknown.
    struct Done {
      std::function<void(absl::StatusOr<std::string>)> answer;
      ~Done() {
        if (answer != nullptr) {
          answer(Unavailable("NO_ANSWER", "the call ended without an answer"));
        }
      }
    };
    auto done = std::make_shared<Done>();
    done->answer = [this, queue = queue_, call](absl::StatusOr<std::string> answer) {
      queue->Post([this, call, answer = std::move(answer)] {
        --tasks_in_flight_;
        core_->TaskAnswered(call, answer, clock_.Steady());
      });
    };
    runner_.Run([executor = &kind->second.executor, call, done] {
      (*executor)(call, [done](absl::StatusOr<std::string> answer) {
        if (auto first = std::exchange(done->answer, nullptr)) first(std::move(answer));
      });
    });
  }
}

void Shard::AnswerWaiters(absl::Duration steady) {
  for (size_t i = 0; i < waiters_.size();) {
    const bool applied = core_->Applied(waiters_[i].token);
    if (!applied && steady < waiters_[i].deadline) {
      ++i;
      continue;
    }
    const auto done = std::move(waiters_[i].done);
    waiters_[i] = std::move(waiters_.back());
    waiters_.pop_back();
    done(applied ? absl::OkStatus()
                 : Unavailable("NOT_YET_APPLIED",
                               "what the token names has not arrived here yet; try again"));
  }
}

// --- The reader ------------------------------------------------------------------

bool Shard::PauseReader(absl::Duration pause) {
  MutexLock lock(mutex_);
  if (!stopping_) reader_wakes_.WaitFor(mutex_, pause);
  return !stopping_;
}

bool Shard::CheckIdentity() {
  while (true) {
    const absl::StatusOr<std::string> identity = log_.Identity();
    if (identity.ok()) {
      bool same = false;
      absl::Status failure;
      if (!CallSequencer([&] {
            if (!core_->log_identity().has_value()) failure = core_->SetLogIdentity(*identity);
            same = failure.ok() && !frozen_ && core_->log_identity() == *identity;
            log_trusted_ = same;
          })) {
        return false;
      }
      if (failure.ok()) {
        MutexLock lock(mutex_);
        health_.log_changed = !same;
        return same;
      }
    }
    if (!PauseReader(kReaderPause)) return false;
  }
}

void Shard::ReadLog() {
  if (!CheckIdentity()) {
    bool stopping;
    {
      MutexLock lock(mutex_);
      stopping = stopping_;
    }
    // Another log is never followed by itself: the room answers from what it has.
    if (!stopping && options_.observer != nullptr) {
      for (const std::string& topic : core_->InputTopics()) {
        options_.observer->PartitionStopped(index_, topic, -1, "LOG_CHANGED");
      }
    }
    return;
  }
  const std::vector<std::string> topics = core_->InputTopics();
  if (topics.empty()) return;
  while (true) {
    // Topics of other rooms appear when those rooms have started once.
    std::map<std::string, int32_t> counts;
    bool missing = false;
    for (const std::string& topic : topics) {
      const absl::StatusOr<int32_t> count = log_.PartitionCount(topic);
      if (count.ok()) {
        counts[topic] = *count;
      } else {
        missing = true;
      }
    }
    absl::StatusOr<std::vector<eventlog::StartPosition>> positions =
        std::vector<eventlog::StartPosition>();
    int64_t epoch = 0;
    if (!CallSequencer([&] {
          epoch = core_->records_epoch();
          positions = core_->StartPositions(
              [&](const std::string& topic) -> std::optional<int32_t> {
                const auto it = counts.find(topic);
                if (it == counts.end()) return std::nullopt;
                return it->second;
              },
              [&](const eventlog::TopicPartition& where) { return log_.GetWatermarks(where); });
        })) {
      return;
    }
    if (!positions.ok() || positions->empty()) {
      if (!PauseReader(kReaderPause)) return;
      continue;
    }
    absl::StatusOr<std::unique_ptr<eventlog::Reader>> reader =
        log_.OpenReader(*std::move(positions));
    if (!reader.ok()) {
      if (!PauseReader(kReaderPause)) return;
      continue;
    }
    {
      MutexLock lock(mutex_);
      if (stopping_) return;
      reader_ = reader->get();
      reopen_reader_ = false;
    }
    bool reopen = false;
    bool pause = false;
    while (!reopen) {
      auto batches =
          (*reader)->Poll(missing ? absl::Milliseconds(200) : kPollTime, kPollRecordsMax);
      {
        MutexLock lock(mutex_);
        if (stopping_) {
          reader_ = nullptr;
          return;
        }
        if (reopen_reader_) {
          reopen = pause = true;
          continue;
        }
      }
      if (batches.ok()) {
        for (eventlog::Batch& batch : *batches) {
          if (!queue_->PushRecords(RecordsInput{std::move(batch), epoch})) break;
        }
        if (missing) {
          for (const std::string& topic : topics) {
            if (counts.count(topic) == 0 && log_.PartitionCount(topic).ok()) reopen = true;
          }
        }
        continue;
      }
      const std::string reason = ReasonOf(batches.status());
      if (reason == "LOG_CHANGED" || reason == "OFFSET_GONE") {
        eventlog::TopicPartition where;
        for (const auto& [name, value] : MetadataOf(batches.status())) {
          if (name == "topic") where.topic = value;
          if (name == "partition") where.partition = std::atoi(value.c_str());
        }
        queue_->Post([this, where, reason] {
          core_->StopPartition(where, reason);
          NoteHealth();  // No batch may ever follow.
        });
      } else if (!PauseReader(kReaderPause)) {
        MutexLock lock(mutex_);
        reader_ = nullptr;
        return;
      }
    }
    {
      MutexLock lock(mutex_);
      reader_ = nullptr;
    }
    if (pause && !PauseReader(kReaderPause)) return;
  }
}

}  // namespace weft::engine
