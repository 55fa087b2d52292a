// Runs rooms in one thread on virtual time, with faults, from a seed.
//
// It steps the very core that the shards' threads step (libs/engine/core.h),
// over a store and a log in memory. Between any two steps of a core the process
// may die: what was not synced is lost (or a part of it), what was sent to the
// log is there or not, callers hear nothing. Besides: messages between rooms
// are lost, late, repeated; records come late and repeated; the log refuses an
// append it wrote; the disk is full; clocks step.
//
// With `changelog` the rooms that are no projections keep a changelog, and each has
// two folders for two processes: one dies or is paused while the other claims the
// shard, a paused one wakes up, a disk is lost with all that is on it, the log is
// away for a while.
//
//   Simulator sim(seed, {});
//   sim.AddRoom("stock", MakeStockProgram);
//   sim.Start();
//   sim.Send("stock", command);
//   sim.Run(500);      // With faults.
//   sim.Settle();      // Without, until nothing is left to do.
//   sim.Check();       // What must hold of any room; the caller adds its own.
//   for (const std::string& p : sim.problems()) ...
//
// The same seed, options and calls give the same run, to the byte.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/engine/changelog_opening.h"
#include "libs/engine/core.h"
#include "libs/engine/mem_store.h"
#include "libs/engine/program.h"
#include "libs/engine/release_gate.h"
#include "libs/eventlog/memory_log.h"

namespace weft::testing {

// Chances are per thousand steps (of the run) or messages.
struct SimulatorOptions {
  engine::PlantedBugs bugs;
  int crash = 12;
  int message_lost = 40;
  int message_repeated = 60;
  // Whether calls between rooms are repeated too, so that a refused one may be
  // decided again while it is still within its deadline: harsher than gRPC.
  bool repeat_calls = true;
  int append_failed = 60;    // Half of them written nevertheless.
  int record_repeated = 10;
  int partition_held = 10;
  int disk_full = 2;
  int clock_step = 3;        // By minutes or hours, either way.
  int parked_resolved = 10;
  int long_pause = 6;        // Up to two minutes pass at once.
  bool changelog = false;
  // With a changelog:
  int takeover = 8;          // The other process of a room claims its shard.
  int paused = 6;            // A process stands still for a while.
  int disk_lost = 250;       // Of crashes: the folder is gone, too.
  int log_away = 3;
  // Runs the accepted inputs again without crashes and compares all rows.
  bool compare_refold = true;
};

class Simulator {
 public:
  // Made anew each time the room's process starts. What the program needs (read
  // models) lives as long as the pointer.
  using ProgramFactory = std::function<std::shared_ptr<const engine::Program>()>;
  using Answered = std::function<void(const absl::StatusOr<engine::Answer>&)>;

  Simulator(uint64_t seed, SimulatorOptions options);
  ~Simulator();
  Simulator(const Simulator&) = delete;
  Simulator& operator=(const Simulator&) = delete;

  void AddRoom(const std::string& name, ProgramFactory factory);
  // Creates the topics and opens the rooms. After the last AddRoom().
  void Start();

  // An executor for Program::Task: calls `method` of `room` with the task's key
  // as request id.
  engine::TaskExecutor Caller(const std::string& room, const std::string& method);

  // A caller who repeats the command under its request id until it is answered
  // definitely, and now and then once more after that. `answered` is called for
  // the first OK and for refusals.
  void Send(const std::string& room, engine::Command command, Answered answered = nullptr);

  // A record that is not an event of ours, from outside.
  void AppendRaw(const std::string& topic, int32_t partition, const std::string& key,
                 const std::string& value);
  // Somebody tries the parked records again, or throws them away; those that only
  // wait behind another are left to it. How many that were.
  int ResolveParked(engine::ParkedInput::Action action);

  void Run(int steps);
  // `timers_within`: timers due later than this are left alone.
  void Settle(absl::Duration timers_within = absl::Hours(4));
  // After Settle(). Acknowledged answers are still given and the same; numbers
  // of events are gapless, repeats equal; no partition stopped, nothing parked;
  // the rows are those of the uncrashed fold of the accepted inputs.
  void Check();

  void Problem(std::string text);
  const std::vector<std::string>& problems() const { return problems_; }

  uint64_t Random(uint64_t below);
  bool Chance(int per_thousand);

  // The rows of a room as of its last written batch. The room must be up (it is
  // after Settle()).
  std::unique_ptr<engine::View> View(const std::string& room, const std::string& tenant);
  // Events of a topic and partition without repeats, in order.
  std::vector<engine::Event> Events(const std::string& topic, uint32_t partition) const;
  // All records of a topic and partition.
  std::vector<eventlog::Record> Records(const std::string& topic, int32_t partition) const {
    return log_.Dump({topic, partition});
  }
  absl::Time wall() const { return wall_; }

  struct Counts {
    int64_t steps = 0;
    int64_t crashes = 0;
    int64_t batches_lost = 0;
    int64_t answers = 0;
    int64_t events = 0;
    int64_t disowned = 0;
    int64_t disks_lost = 0;
    int64_t thrown_away = 0;  // Folders.
  };
  const Counts& counts() const { return counts_; }

 private:
  struct Call {
    std::string room;
    engine::Command command;
    Answered answered;
    std::optional<engine::Answer> answer;  // The first OK.
    bool finished = false;
    bool replayed_since_check = false;
    absl::Duration send_at = absl::ZeroDuration();
  };

  // One thing a core was given, for running it again.
  struct TaskAnswer {
    engine::TaskCall call;
    absl::StatusOr<std::string> answer;
    absl::Duration steady;
  };
  struct Accepted {
    bool opens = false;
    uint64_t turn = 0;  // Its number in the changelog.
    std::map<eventlog::TopicPartition, eventlog::Watermarks> watermarks;  // When it opens.
    engine::Times times;
    std::vector<TaskAnswer> answers;
    std::vector<engine::Input> inputs;
  };

  struct SentGroup {
    uint64_t round = 0;
    size_t index = 0;
    eventlog::TopicPartition where;
    std::vector<eventlog::NewRecord> records;
  };
  struct AppendAnswer {
    uint64_t round = 0;
    size_t index = 0;
    absl::Status status;
  };

  struct Node {
    std::string name;
    ProgramFactory factory;
    std::unique_ptr<engine::MemStore> store;
    // Of the running process.
    int life = 0;
    std::shared_ptr<const engine::Program> program;
    std::unique_ptr<engine::Core> core;
    std::unique_ptr<eventlog::Reader> reader;
    int64_t records_epoch = 0;
    std::deque<engine::Input> inbox;
    std::vector<TaskAnswer> task_answers;  // Since the last Decide().
    bool decided = false;
    std::deque<bool> unreleased;           // Written batches; true = durable.
    std::deque<SentGroup> sent;            // On the way to the log.
    std::deque<AppendAnswer> append_answers;
    // For running it again.
    std::vector<Accepted> history;
    size_t history_durable = 0;
    std::vector<size_t> unsynced;  // Per unsynced write: length of the history with it.
    bool comparable = true;
    // With a changelog.
    bool changelog = false;
    absl::Duration paused_until = -absl::InfiniteDuration();
    std::unique_ptr<engine::ChangelogOpening> opening;
    bool missing_appended = false;
    std::unique_ptr<engine::ReleaseGate> gate;
    std::unique_ptr<eventlog::Reader> tail;  // Of the opening, then of the gate.
    std::deque<engine::ReleaseGate::Append> turns_sent;
    std::deque<std::pair<uint64_t, absl::Status>> turn_answers;
    bool up() const { return core != nullptr || opening != nullptr; }
  };

  class WallClock final : public Clock {
   public:
    explicit WallClock(const Simulator& sim) : sim_(sim) {}
    absl::Time Wall() const override { return sim_.wall_; }
    absl::Duration Boot() const override { return sim_.boot_; }
    absl::Duration Steady() const override { return sim_.steady_; }

   private:
    const Simulator& sim_;
  };

  engine::Times Now() const { return {wall_, boot_, steady_}; }
  void Advance(absl::Duration by);
  // The process that callers of the room are sent to.
  Node& NodeOf(const std::string& name);
  void Open(Node& node);
  void OpenReader(Node& node);
  std::optional<int32_t> PartitionsOf(const std::string& topic) const;
  void Crash(Node& node);
  // One step of the room, if it has one to make. False: nothing to do.
  bool Step(Node& node);
  void Decide(Node& node);
  void Write(Node& node);
  void Sync(Node& node);
  void NoteWritten(Node& node, size_t unsynced_before);
  void AppendFront(Node& node, bool may_fail);
  bool PollHasNews(Node& node);
  // Puts a message under way; it may be lost or repeated.
  void Post(std::function<void()> deliver, bool may_repeat = true);
  bool DeliverOne();
  void SendCall(size_t index);
  // Nothing is done for a caller who has given up at `deadline`.
  void Deliver(const std::string& room, engine::Command command, absl::Duration deadline,
               engine::AnswerCallback done);
  void OnAnswer(size_t index, bool acknowledged,
                const absl::StatusOr<engine::Answer>& answer);
  void Disturb();
  void CheckLog();
  void CheckRefold(Node& node);
  // Runs `history` again on `store` without crashes.
  void Refold(const Node& node, const std::vector<Accepted>& history, engine::MemStore& store);
  void CompareRows(const Node& node, const engine::Store& again);

  // simulator_changelog.cc
  engine::CoreOptions OptionsFor(const Node& node) const;
  void OpenCore(Node& node);
  bool OtherIsUp(const Node& node) const;
  void BeginOpening(Node& node);
  bool StepOpening(Node& node);
  absl::StatusOr<int64_t> AppendTurn(const Node& node, eventlog::NewRecord record, bool may_fail);
  void SendTurns(Node& node);
  bool ReadTail(Node& node);
  // The process ends; its folder stays.
  void EndLife(Node& node);
  void DisturbChangelogs();
  void CheckChangelogRefold(const std::string& room);

  const uint64_t seed_;
  const SimulatorOptions options_;
  uint64_t random_;
  bool faults_ = false;
  absl::Time wall_;
  absl::Duration boot_ = absl::Hours(1);
  absl::Duration steady_ = absl::Hours(1);
  const WallClock clock_{*this};
  eventlog::MemoryLog log_;
  std::map<std::string, int32_t> topics_;  // With their partitions.
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<std::function<void()>> messages_;
  std::deque<Call> calls_;
  std::vector<std::pair<eventlog::TopicPartition, int64_t>> appended_;
  std::vector<eventlog::TopicPartition> held_;
  std::vector<std::string> problems_;
  Counts counts_;
  std::map<std::string, Node*> current_;  // By room.
  // With a changelog: what was done under each epoch, by room and epoch.
  std::map<std::string, std::map<int64_t, std::vector<Accepted>>> epochs_;
  std::set<std::string> not_comparable_;
  absl::Duration away_until_ = -absl::InfiniteDuration();
  bool away_ = false;
};

}  // namespace weft::testing
