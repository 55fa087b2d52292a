#include "libs/testing/simulator.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/hash.h"
#include "libs/base/ids.h"
#include "libs/base/status_macros.h"
#include "libs/engine/cloud_event.h"

namespace weft::testing {
namespace {

// A settled world takes far fewer; beyond it something goes round in circles.
constexpr int kSettleRoundsMax = 20'000;
// Callers give up and repeat after this; a room's call is carried no longer.
constexpr absl::Duration kCallTimeout = absl::Seconds(8);
constexpr absl::Duration kTaskCallTimeout = absl::Seconds(30);

bool IsUndecided(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kAborted:
      return true;
    default:
      return false;
  }
}

}  // namespace

Simulator::Simulator(uint64_t seed, SimulatorOptions options)
    : seed_(seed),
      options_(options),
      random_(seed * 0x9e3779b97f4a7c15 + 1),
      wall_(absl::FromUnixSeconds(1'750'000'000)),
      log_(clock_, {.manual = true}) {}

Simulator::~Simulator() {
  // Messages and inputs hold callbacks into the rooms.
  messages_.clear();
  for (auto& node : nodes_) {
    node->inbox.clear();
    node->reader.reset();
    node->tail.reset();
    node->core.reset();
  }
}

uint64_t Simulator::Random(uint64_t below) {
  // splitmix64
  uint64_t z = (random_ += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  z ^= z >> 31;
  return below == 0 ? 0 : z % below;
}

bool Simulator::Chance(int per_thousand) {
  return per_thousand > 0 && Random(1000) < static_cast<uint64_t>(per_thousand);
}

void Simulator::Problem(std::string text) { problems_.push_back(std::move(text)); }

void Simulator::Advance(absl::Duration by) {
  wall_ += by;
  boot_ += by;
  steady_ += by;
}

// --- Rooms -------------------------------------------------------------------

void Simulator::AddRoom(const std::string& name, ProgramFactory factory) {
  const bool changelog = options_.changelog && !factory()->projection();
  for (int process = 0; process < (changelog ? 2 : 1); ++process) {
    auto node = std::make_unique<Node>();
    node->name = name;
    node->factory = factory;
    node->store = std::make_unique<engine::MemStore>();
    node->changelog = changelog;
    current_.emplace(name, node.get());
    nodes_.push_back(std::move(node));
  }
  if (changelog) {
    WEFT_CHECK_OK(log_.EnsureTopic(engine::ChangelogTopic(factory()->room),
                                   engine::ChangelogTopicOptions()));
  }
}

void Simulator::Start() {
  for (auto& node : nodes_) {
    const auto program = node->factory();
    for (const auto& [topic, topic_options] : program->emits) {
      WEFT_CHECK_OK(log_.EnsureTopic(topic, topic_options));
      topics_[topic] = topic_options.partitions;
    }
    for (const auto& raw : program->raw_topics) {
      WEFT_CHECK_OK(log_.EnsureTopic(raw.topic, {.partitions = 4}));
      topics_[raw.topic] = 4;
    }
  }
  // A topic whose owner is not part of this world stays empty.
  for (auto& node : nodes_) {
    const auto program = node->factory();
    for (const auto& [topic, handlers] : program->events) {
      if (topics_.count(topic) > 0) continue;
      WEFT_CHECK_OK(log_.EnsureTopic(topic, {}));
      topics_[topic] = static_cast<int32_t>(kPartitions);
    }
  }
  for (auto& [name, node] : current_) {
    Open(*node);
    while (node->opening != nullptr) StepOpening(*node);
  }
}

Simulator::Node& Simulator::NodeOf(const std::string& name) {
  const auto found = current_.find(name);
  WEFT_CHECK(found != current_.end());
  if (found->second->core == nullptr) {
    // The one that opened last may have lost to one that claimed later.
    for (auto& node : nodes_) {
      if (node->name == name && node->core != nullptr) found->second = node.get();
    }
  }
  return *found->second;
}

engine::CoreOptions Simulator::OptionsFor(const Node& node) const {
  engine::CoreOptions options;
  options.bugs = options_.bugs;
  options.trim_rows_min = 8;
  options.changelog = node.changelog;
  if (node.gate != nullptr) options.epoch = node.gate->epoch();
  return options;
}

void Simulator::Open(Node& node) {
  ++node.life;
  if (node.changelog) {
    BeginOpening(node);
  } else {
    OpenCore(node);
  }
}

void Simulator::OpenCore(Node& node) {
  node.program = node.factory();
  const engine::CoreOptions options = OptionsFor(node);
  Accepted opening;
  opening.opens = true;
  opening.times = Now();
  auto core = engine::Core::Open(options, *node.program, *node.store, opening.times);
  if (!core.ok()) {
    Problem(absl::StrCat(node.name, " does not open again: ", core.status().ToString()));
    WEFT_CHECK_OK(core);
  }
  node.core = *std::move(core);
  node.history.push_back(std::move(opening));
  if (node.store->unsynced() == 0) node.history_durable = node.history.size();
  OpenReader(node);
}

std::optional<int32_t> Simulator::PartitionsOf(const std::string& topic) const {
  const auto found = topics_.find(topic);
  return found == topics_.end() ? std::nullopt : std::optional(found->second);
}

void Simulator::OpenReader(Node& node) {
  node.reader.reset();
  Accepted& opening = node.history.back();
  const auto positions = node.core->StartPositions(
      [this](const std::string& topic) { return PartitionsOf(topic); },
      [this, &opening](const eventlog::TopicPartition& where) {
        auto marks = log_.GetWatermarks(where);
        if (marks.ok() && opening.opens) opening.watermarks[where] = *marks;
        return marks;
      });
  WEFT_CHECK_OK(positions);
  auto reader = log_.OpenReader(*positions);
  WEFT_CHECK_OK(reader);
  node.reader = *std::move(reader);
  node.records_epoch = node.core->records_epoch();
}

void Simulator::Crash(Node& node) {
  ++counts_.crashes;
  if (node.changelog) {
    const size_t unsynced = node.store->unsynced();
    const size_t kept = static_cast<size_t>(Random(unsynced + 1));
    EndLife(node);
    counts_.batches_lost += static_cast<int64_t>(unsynced - kept);
    node.store->Crash(kept);
    if (Chance(options_.disk_lost)) {
      ++counts_.disks_lost;
      node.store = std::make_unique<engine::MemStore>();
    }
    return;
  }
  // What was sent to the log may have arrived, as far as order allows.
  for (uint64_t arrived = Random(node.sent.size() + 1); arrived > 0; --arrived) {
    AppendFront(node, /*may_fail=*/false);
  }
  node.sent.clear();
  node.append_answers.clear();
  node.inbox.clear();
  node.task_answers.clear();
  node.unreleased.clear();
  node.decided = false;
  node.reader.reset();
  node.core.reset();
  node.program.reset();
  ++node.life;

  const size_t unsynced = node.store->unsynced();
  const size_t kept = static_cast<size_t>(Random(unsynced + 1));
  counts_.batches_lost += static_cast<int64_t>(unsynced - kept);
  node.store->Crash(kept);
  size_t survives = node.history_durable;
  if (unsynced == node.unsynced.size()) {
    if (kept > 0) survives = std::max(survives, node.unsynced[kept - 1]);
  } else {
    node.comparable = false;
  }
  node.history.resize(survives);
  node.history_durable = survives;
  node.unsynced.clear();
}

// --- One step ----------------------------------------------------------------

bool Simulator::Step(Node& node) {
  if (node.paused_until > steady_) return false;
  if (node.opening != nullptr) return StepOpening(node);
  if (node.core == nullptr) {
    if (away_ || OtherIsUp(node)) return false;
    current_[node.name] = &node;
    Open(node);
    return true;
  }
  engine::Core& core = *node.core;
  std::vector<int> choices;
  const auto offer = [&choices](bool possible, int step) {
    if (possible) choices.push_back(step);
  };
  const bool wakes = core.NextWake() <= steady_;
  const bool full = node.gate != nullptr && node.gate->full();
  offer(!node.decided && !full && (!node.inbox.empty() || core.HasInternalWork(Now())), 0);
  offer(node.decided, 1);
  offer(!node.decided && node.store->unsynced() > 0, 2);
  const bool released = node.gate != nullptr
                            ? node.gate->releasable() > 0
                            : !node.unreleased.empty() && node.unreleased.front();
  offer(released, 3);
  offer(wakes, 4);
  offer(wakes, 5);
  offer(!node.sent.empty(), 6);
  offer(!node.append_answers.empty(), 7);
  offer(true, 8);
  if (node.gate != nullptr) {
    offer(node.gate->NextWake() <= steady_, 10);
    offer(!node.turns_sent.empty(), 11);
    offer(!node.turn_answers.empty(), 12);
    offer(true, 13);
    offer(true, 13);
    if (faults_) offer(!node.decided && Chance(50), 14);
  }
  if (faults_) offer(!node.decided && Chance(100), 9);
  switch (choices[Random(choices.size())]) {
    case 0:
      Decide(node);
      return true;
    case 1:
      Write(node);
      return true;
    case 2:
      Sync(node);
      return true;
    case 3:
      node.unreleased.pop_front();
      WEFT_CHECK(core.Release());
      if (node.gate != nullptr) {
        node.gate->Released();
        core.ForgetLogged(node.gate->read_back());
      }
      return true;
    case 4: {
      std::vector<engine::PublishGroup> groups = core.TakeRound(steady_);
      for (engine::PublishGroup& group : groups) {
        node.sent.push_back({group.round, group.index, std::move(group.where),
                             std::move(group.records)});
      }
      return !groups.empty();
    }
    case 5: {
      const auto calls = core.TakeTasks(steady_, 1 + Random(4));
      for (const engine::TaskCall& call : calls) {
        const auto kind = node.program->tasks.find(call.kind);
        if (kind == node.program->tasks.end()) continue;
        kind->second.executor(
            call, [this, &node, life = node.life, call](absl::StatusOr<std::string> answer) {
              if (node.life != life || node.core == nullptr) return;
              const bool known = answer.ok() || !IsUndecided(answer.status());
              if (known) node.task_answers.push_back({call, answer, steady_});
              node.core->TaskAnswered(call, std::move(answer), steady_);
            });
      }
      return !calls.empty();
    }
    case 6:
      AppendFront(node, /*may_fail=*/true);
      return true;
    case 7: {
      const AppendAnswer answer = std::move(node.append_answers.front());
      node.append_answers.pop_front();
      core.Published(answer.round, answer.index, answer.status, steady_);
      return true;
    }
    case 8:
      return PollHasNews(node);
    case 10:
      SendTurns(node);
      return true;
    case 11: {
      const engine::ReleaseGate::Append append = std::move(node.turns_sent.front());
      node.turns_sent.pop_front();
      node.turn_answers.emplace_back(
          append.id, AppendTurn(node, append.record, /*may_fail=*/true).status());
      return true;
    }
    case 12:
      node.gate->Appended(node.turn_answers.front().first, node.turn_answers.front().second,
                          steady_);
      node.turn_answers.pop_front();
      return true;
    case 13:
      return ReadTail(node);
    case 14: {
      engine::Batch batch;
      engine::PutChangelogFold(batch, node.gate->SaveFold());
      WEFT_CHECK_OK(node.store->Write(batch, /*sync=*/false));
      return true;
    }
    default: {
      const size_t before = node.store->unsynced();
      WEFT_CHECK_OK(core.Trim(Chance(500)));
      NoteWritten(node, before);
      return true;
    }
  }
}

void Simulator::Decide(Node& node) {
  Accepted accepted;
  accepted.times = Now();
  accepted.answers = std::move(node.task_answers);
  node.task_answers.clear();
  for (uint64_t take = 1 + Random(8); take > 0 && !node.inbox.empty(); --take) {
    accepted.inputs.push_back(std::move(node.inbox.front()));
    node.inbox.pop_front();
  }
  std::vector<engine::Input> inputs = accepted.inputs;
  for (engine::Input& input : accepted.inputs) {
    // Run again, nobody is to be answered.
    if (auto* command = std::get_if<engine::CommandInput>(&input)) command->done = nullptr;
  }
  node.history.push_back(std::move(accepted));
  node.core->Decide(std::move(inputs), Now());
  node.decided = true;
}

void Simulator::Write(Node& node) {
  node.decided = false;
  const bool dirty = node.core->dirty();
  const bool sync = Chance(500);
  const size_t before = node.store->unsynced();
  if (dirty && faults_ && !away_ && Chance(options_.disk_full)) {
    node.store->FailWrites(ResourceExhausted("DISK_FULL", "the simulated disk is full"));
    const absl::Status failed = node.core->Write(sync);
    node.store->FailWrites(absl::OkStatus());
    WEFT_CHECK(absl::IsResourceExhausted(failed));
    node.history.pop_back();
    // Its clock went on without it, so a second run may differ in times.
    node.comparable = false;
    not_comparable_.insert(node.name);
    OpenReader(node);
    return;
  }
  WEFT_CHECK_OK(node.core->Write(sync));
  if (node.gate != nullptr) {
    if (dirty) {
      node.history.back().turn = node.core->turn_number();
      node.gate->WrittenTurn(node.core->turn_number(), node.core->last_batch().bytes());
    } else {
      node.gate->WrittenNothing(node.core->answers_rest_on_state());
    }
    node.unreleased.push_back(true);
    return;
  }
  NoteWritten(node, before);
  if (dirty && sync) {
    node.unreleased.push_back(true);
    for (auto&& durable : node.unreleased) durable = true;
    node.unsynced.clear();
    node.history_durable = node.history.size();
  } else {
    // What was decided from rows that may be lost must not be told either.
    node.unreleased.push_back(node.store->unsynced() == 0);
    if (node.store->unsynced() == 0) node.history_durable = node.history.size();
  }
}

void Simulator::NoteWritten(Node& node, size_t unsynced_before) {
  if (node.changelog) return;
  const size_t now = node.store->unsynced();
  for (size_t i = unsynced_before; i < now; ++i) node.unsynced.push_back(node.history.size());
}

void Simulator::Sync(Node& node) {
  WEFT_CHECK_OK(node.core->Sync());
  if (node.changelog) return;
  for (auto&& durable : node.unreleased) durable = true;
  node.unsynced.clear();
  node.history_durable = node.history.size();
}

void Simulator::AppendFront(Node& node, bool may_fail) {
  SentGroup group = std::move(node.sent.front());
  node.sent.pop_front();
  const size_t count = group.records.size();
  const bool fails = may_fail && faults_ && !away_ && Chance(options_.append_failed);
  if (fails) log_.FailNextAppend(/*written=*/Chance(500));
  absl::StatusOr<int64_t> result = absl::UnknownError("not called back");
  log_.Append(group.where, std::move(group.records),
              [&result](absl::StatusOr<int64_t> first) { result = std::move(first); });
  log_.Pump();
  if (result.ok()) {
    for (size_t i = 0; i < count; ++i) {
      appended_.emplace_back(group.where, *result + static_cast<int64_t>(i));
    }
    counts_.events += static_cast<int64_t>(count);
  }
  node.append_answers.push_back({group.round, group.index, result.status()});
}

bool Simulator::PollHasNews(Node& node) {
  const auto batches = node.reader->Poll(absl::ZeroDuration(), 1 + Random(30));
  if (absl::IsUnavailable(batches.status())) return false;
  if (!batches.ok()) {
    Problem(absl::StrCat(node.name, " cannot read: ", batches.status().ToString()));
    return false;
  }
  for (const eventlog::Batch& batch : *batches) {
    node.inbox.push_back(engine::RecordsInput{batch, node.records_epoch});
  }
  return !batches->empty();
}

// --- Messages ----------------------------------------------------------------

void Simulator::Post(std::function<void()> deliver, bool may_repeat) {
  if (faults_) {
    if (Chance(options_.message_lost)) return;
    if (may_repeat && Chance(options_.message_repeated)) messages_.push_back(deliver);
  }
  messages_.push_back(std::move(deliver));
}

bool Simulator::DeliverOne() {
  if (messages_.empty()) return false;
  const size_t index = Random(messages_.size());
  const std::function<void()> deliver = std::move(messages_[index]);
  messages_[index] = std::move(messages_.back());
  messages_.pop_back();
  deliver();
  return true;
}

void Simulator::Deliver(const std::string& room, engine::Command command,
                        absl::Duration deadline, engine::AnswerCallback done) {
  if (steady_ > deadline) return;
  command.timeout = deadline - steady_;
  Node* to = &NodeOf(room);
  if (to->changelog && Chance(100)) {
    // Somebody who has not heard of the move asks the other process.
    for (auto& other : nodes_) {
      if (other->name == room && other.get() != to && other->core != nullptr) to = other.get();
    }
  }
  Node& node = *to;
  if (node.core == nullptr) {
    // Refused connection, or silence until the caller's time-out.
    if (Chance(500)) done(Unavailable("ROOM_AWAY", "the room is down"));
    return;
  }
  auto input = engine::MakeCommandInput(command, steady_);
  if (!input.ok()) {
    done(input.status());
    return;
  }
  input->done = std::move(done);
  node.inbox.push_back(*std::move(input));
}

engine::TaskExecutor Simulator::Caller(const std::string& room, const std::string& method) {
  return [this, room, method](const engine::TaskCall& call, engine::TaskDone done) {
    engine::Command command;
    command.method = method;
    command.request_id = call.key;
    command.principal.tenant = call.tenant;
    command.principal.roles = {"service"};
    command.principal.accounts = {"*"};
    command.principal.channels = {"*"};
    command.payload = call.payload;
    const absl::Duration deadline = steady_ + kTaskCallTimeout;
    Post(
        [this, room, command, deadline, done] {
          Deliver(room, command, deadline, [this, done](absl::StatusOr<engine::Answer> answer) {
            Post([done, answer] {
              if (answer.ok()) {
                done(answer->payload);
              } else {
                done(answer.status());
              }
            });
          });
        },
        options_.repeat_calls);
  };
}

void Simulator::Send(const std::string& room, engine::Command command, Answered answered) {
  Call call;
  call.room = room;
  call.command = std::move(command);
  call.answered = std::move(answered);
  calls_.push_back(std::move(call));
  SendCall(calls_.size() - 1);
}

void Simulator::SendCall(size_t index) {
  Call& call = calls_[index];
  call.send_at = steady_ + kCallTimeout;
  // A refusal of an earlier attempt may come after the answer of a later one, and
  // a turn that changed nothing may be refused when it is decided anew.
  const bool acknowledged = call.answer.has_value() && call.answer->token.number > 0;
  Post([this, index, acknowledged, deadline = call.send_at] {
    Deliver(calls_[index].room, calls_[index].command, deadline,
            [this, index, acknowledged](absl::StatusOr<engine::Answer> answer) {
              Post([this, index, acknowledged, answer] {
                OnAnswer(index, acknowledged, answer);
              });
            });
  });
}

void Simulator::OnAnswer(size_t index, bool acknowledged,
                         const absl::StatusOr<engine::Answer>& answer) {
  Call& call = calls_[index];
  ++counts_.answers;
  if (answer.ok()) {
    if (answer->replayed) call.replayed_since_check = true;
    if (!call.answer.has_value()) {
      call.answer = *answer;
      call.finished = true;
      if (call.answered) call.answered(answer);
    } else if ((call.answer->token.number > 0 || answer->replayed) &&
               (call.answer->payload != answer->payload ||
                !(call.answer->token == answer->token))) {
      // A turn that changed nothing is decided anew and may say something else.
      Problem(absl::StrCat(call.room, " answers ", call.command.method, " ",
                           call.command.request_id, " of ", call.command.principal.tenant,
                           " differently: '", call.answer->payload, "', then '",
                           answer->payload, "'"));
    }
    return;
  }
  if (IsUndecided(answer.status())) return;  // Repeated at its time.
  if (acknowledged) {
    Problem(absl::StrCat(call.room, " acknowledged ", call.command.method, " ",
                         call.command.request_id, " and refuses it now: ",
                         answer.status().ToString()));
  }
  if (call.answer.has_value()) return;
  call.finished = true;
  if (call.answered) call.answered(answer);
}

void Simulator::AppendRaw(const std::string& topic, int32_t partition, const std::string& key,
                          const std::string& value) {
  log_.SetAway(false);
  log_.Append({topic, partition}, {{key, {}, value}},
              [](absl::StatusOr<int64_t> first) { WEFT_CHECK_OK(first); });
  log_.Pump();
  log_.SetAway(away_);
}

int Simulator::ResolveParked(engine::ParkedInput::Action action) {
  int count = 0;
  for (auto& node : nodes_) {
    if (node->core == nullptr) continue;
    for (const engine::ParkedRecord& record : node->core->ListParked(100)) {
      if (record.reason == engine::kParkedPredecessor) continue;
      node->inbox.push_back(
          engine::ParkedInput{action, record.partition, record.number, nullptr});
      ++count;
    }
  }
  return count;
}

// --- Running -----------------------------------------------------------------

void Simulator::Disturb() {
  if (Chance(options_.crash)) {
    Node& node = *nodes_[Random(nodes_.size())];
    if (node.up()) Crash(node);
  }
  if (options_.changelog) DisturbChangelogs();
  if (Chance(options_.clock_step)) {
    const absl::Duration step = absl::Seconds(static_cast<int64_t>(Random(5400)));
    wall_ += Chance(500) ? step : -step;
  }
  if (Chance(options_.long_pause)) {
    Advance(absl::Milliseconds(static_cast<int64_t>(Random(120'000))));
  }
  if (Chance(options_.parked_resolved)) {
    ResolveParked(Chance(500) ? engine::ParkedInput::Action::kReplay
                              : engine::ParkedInput::Action::kDiscard);
  }
  if (!appended_.empty()) {
    const auto& [where, offset] = appended_[Random(appended_.size())];
    if (Chance(options_.record_repeated)) WEFT_CHECK_OK(log_.Repeat(where, offset));
    if (Chance(options_.partition_held)) {
      log_.HoldBack(where, 0);  // From what can be read now on.
      held_.push_back(where);
    }
  }
  if (!held_.empty() && Chance(30)) {
    log_.HoldBack(held_.back(), INT64_MAX);
    held_.pop_back();
  }
}

void Simulator::Run(int steps) {
  faults_ = true;
  for (int i = 0; i < steps; ++i) {
    ++counts_.steps;
    Disturb();
    Advance(absl::Microseconds(static_cast<int64_t>(Random(20'000))));
    if (Chance(250)) {
      DeliverOne();
    } else {
      Node& node = *nodes_[Random(nodes_.size())];
      if (node.up() || Chance(100)) Step(node);
    }
    if (calls_.empty()) continue;
    const size_t index = Random(calls_.size());
    const Call& call = calls_[index];
    if (call.finished ? call.answer.has_value() && Chance(10) : call.send_at <= steady_) {
      SendCall(index);
    }
  }
  faults_ = false;
}

void Simulator::Settle(absl::Duration timers_within) {
  faults_ = false;
  const absl::Duration timers_until = steady_ + timers_within;
  for (const auto& where : held_) log_.HoldBack(where, INT64_MAX);
  held_.clear();
  away_ = false;
  log_.SetAway(false);
  for (auto& node : nodes_) node->paused_until = -absl::InfiniteDuration();
  const auto open_missing = [this] {
    bool opened = false;
    for (auto& [name, node] : current_) {
      if (node->up() || OtherIsUp(*node)) continue;
      Open(*node);
      opened = true;
    }
    return opened;
  };
  open_missing();
  // Somebody sets the clock right.
  for (auto& node : nodes_) {
    if (node->core != nullptr) wall_ = std::max(wall_, node->core->now());
  }
  for (int round = 0; round < kSettleRoundsMax; ++round) {
    bool moved = false;
    while (DeliverOne()) moved = true;
    for (auto& node : nodes_) {
      // A step may choose something idle although there is work.
      for (int tries = 0; tries < 8 && node->up(); ++tries) moved = Step(*node) || moved;
    }
    if (open_missing()) moved = true;
    if (moved) continue;
    bool idle = true;
    absl::Duration next = absl::InfiniteDuration();
    for (size_t i = 0; i < calls_.size(); ++i) {
      if (calls_[i].finished) continue;
      idle = false;
      if (calls_[i].send_at <= steady_) {
        SendCall(i);
        moved = true;
      }
      next = std::min(next, calls_[i].send_at - steady_);
    }
    for (auto& node : nodes_) {
      if (node->opening != nullptr) {
        idle = false;
        next = absl::ZeroDuration();
      }
      if (node->core == nullptr) continue;
      engine::Core& core = *node->core;
      if (node->gate != nullptr) {
        if (!node->turns_sent.empty() || !node->turn_answers.empty()) {
          idle = false;
          next = absl::ZeroDuration();
        }
        if (node->gate->waiting() > 0) idle = false;
        if (node->gate->NextWake() != absl::InfiniteDuration()) {
          idle = false;
          next = std::min(next, node->gate->NextWake() - steady_);
        }
      }
      if (node->decided || (node->gate == nullptr && !node->unreleased.empty()) ||
          (node->gate != nullptr && node->gate->releasable() > 0) || !node->inbox.empty() ||
          !node->sent.empty() || !node->append_answers.empty() ||
          node->store->unsynced() > 0 || core.HasInternalWork(Now())) {
        idle = false;
        next = absl::ZeroDuration();
      }
      if (core.NextWake() != absl::InfiniteDuration()) {
        idle = false;
        next = std::min(next, core.NextWake() - steady_);
      }
      const absl::Duration timer = core.next_timer() - core.now();
      if (steady_ + timer <= timers_until) {
        idle = false;
        next = std::min(next, timer);
      }
    }
    if (idle && messages_.empty()) {
      // Twice in a row, so that what a reader still had was seen.
      bool news = false;
      for (auto& node : nodes_) {
        if (node->core != nullptr) news = PollHasNews(*node) || news;
        if (node->core != nullptr && node->gate != nullptr) news = ReadTail(*node) || news;
      }
      if (!news) return;
    }
    if (!moved && next > absl::ZeroDuration()) Advance(next + absl::Microseconds(1));
  }
  Problem("the world does not come to rest");
}

// --- Checking ----------------------------------------------------------------

void Simulator::Check() {
  for (auto& node : nodes_) {
    if (node->core == nullptr) continue;
    for (const auto& [where, reason] : node->core->stopped()) {
      Problem(absl::StrCat(node->name, " stopped partition ", where.partition, " of ",
                           where.topic, ": ", reason));
    }
    if (node->core->parked() > 0) {
      for (const engine::ParkedRecord& record : node->core->ListParked(3)) {
        Problem(absl::StrCat(node->name, " parked a record of ", record.topic, ": ",
                             record.reason, " ", record.message));
      }
    }
    if (!node->core->relay_failure().ok()) {
      Problem(absl::StrCat(node->name, "'s relay stands still: ",
                           node->core->relay_failure().ToString()));
    }
    if (node->core->outbox_rows() > 0) {
      Problem(absl::StrCat(node->name, " has not published ", node->core->outbox_rows(),
                           " events"));
    }
  }
  // What was acknowledged is still answered, from memory, the same.
  for (size_t i = 0; i < calls_.size(); ++i) {
    Call& call = calls_[i];
    call.replayed_since_check = false;
    if (call.answer.has_value()) SendCall(i);
  }
  Settle();
  for (const Call& call : calls_) {
    // A turn without an event may have changed nothing, and is decided anew.
    if (call.answer.has_value() && call.answer->token.number > 0 &&
        !call.replayed_since_check) {
      Problem(absl::StrCat(call.room, " acknowledged ", call.command.method, " ",
                           call.command.request_id, " and has forgotten it"));
    }
  }
  CheckLog();
  if (options_.compare_refold) {
    for (auto& [name, node] : current_) {
      if (node->changelog) {
        CheckChangelogRefold(name);
      } else {
        CheckRefold(*node);
      }
    }
  }
}

void Simulator::CheckLog() {
  for (const auto& [topic, partitions] : topics_) {
    for (int32_t p = 0; p < partitions; ++p) {
      struct Seen {
        std::vector<std::string> digests;  // By number, from 1.
      };
      std::map<std::string, Seen> sources;
      for (eventlog::Record record : log_.Dump({topic, p})) {
        const std::string source = record.HeaderOr("ce_source");
        if (source.empty()) continue;  // Not an event of ours.
        const int64_t number = std::stoll(record.HeaderOr("ce_id"));
        // The same event has the same bytes but for its place and time.
        record.append_time = absl::UnixEpoch();
        const std::string digest = eventlog::RecordDigest(record);
        Seen& seen = sources[source];
        if (number == static_cast<int64_t>(seen.digests.size()) + 1) {
          seen.digests.push_back(digest);
        } else if (number < 1 || number > static_cast<int64_t>(seen.digests.size())) {
          Problem(absl::StrCat(source, " skips from event ", seen.digests.size(), " to ",
                               number, " on ", topic, " partition ", p));
        } else if (seen.digests[static_cast<size_t>(number - 1)] != digest) {
          Problem(absl::StrCat(source, " published two different events ", number, " on ",
                               topic, " partition ", p));
        }
      }
    }
  }
}

std::unique_ptr<engine::View> Simulator::View(const std::string& room,
                                              const std::string& tenant) {
  return NodeOf(room).core->ReadView(tenant, PartitionOf(tenant));
}

std::vector<engine::Event> Simulator::Events(const std::string& topic,
                                             uint32_t partition) const {
  std::vector<engine::Event> events;
  std::map<std::string, int64_t> last;
  for (eventlog::Record record :
       log_.Dump({topic, static_cast<int32_t>(partition)})) {
    auto event = engine::TakeEvent(topic, static_cast<int32_t>(partition), record);
    if (!event.ok()) continue;
    int64_t& number = last[event->source];
    if (event->number <= number) continue;
    number = event->number;
    events.push_back(*std::move(event));
  }
  return events;
}

void Simulator::CheckRefold(Node& node) {
  if (!node.comparable) return;
  engine::MemStore store;
  Refold(node, node.history, store);
  CompareRows(node, store);
}

void Simulator::Refold(const Node& node, const std::vector<Accepted>& history,
                       engine::MemStore& store) {
  const auto program = node.factory();
  std::unique_ptr<engine::Core> core;
  for (const Accepted& accepted : history) {
    if (accepted.opens) {
      core.reset();
      auto opened = engine::Core::Open(engine::CoreOptions(), *program, store, accepted.times);
      WEFT_CHECK_OK(opened);
      core = *std::move(opened);
      WEFT_CHECK_OK(core->StartPositions(
          [this](const std::string& topic) { return PartitionsOf(topic); },
          [&accepted](const eventlog::TopicPartition& where)
              -> absl::StatusOr<eventlog::Watermarks> {
            const auto found = accepted.watermarks.find(where);
            return found == accepted.watermarks.end() ? eventlog::Watermarks() : found->second;
          }));
      continue;
    }
    for (const TaskAnswer& answer : accepted.answers) {
      core->TaskAnswered(answer.call, answer.answer, answer.steady);
    }
    WEFT_CHECK_OK(core->RunBatch(accepted.inputs, accepted.times));
  }
}

void Simulator::CompareRows(const Node& node, const engine::Store& store) {
  // The outbox is trimmed at other moments; its numbers stand in the meta rows.
  for (int f = 0; f < engine::kFamilies; ++f) {
    const auto family = static_cast<engine::Family>(f);
    if (family == engine::Family::kOutbox || family == engine::Family::kChangelog) continue;
    auto ours = node.store->Scan(family, "", "", nullptr);
    auto again = store.Scan(family, "", "", nullptr);
    const auto skip = [family](const engine::Iterator& it) {
      return family == engine::Family::kMeta &&
             (it.key() == "s" || it.key() == engine::layout::kOutboxLow || it.key() == "b" || it.key() == "c" ||
              it.key() == "d" || it.key() == "h");
    };
    while (true) {
      while (ours->Valid() && skip(*ours)) ours->Next();
      while (again->Valid() && skip(*again)) again->Next();
      if (!ours->Valid() && !again->Valid()) break;
      if (ours->Valid() && again->Valid() && ours->key() == again->key() &&
          ours->value() == again->value()) {
        ours->Next();
        again->Next();
        continue;
      }
      const auto show = [](const engine::Iterator& it) {
        return it.Valid() ? absl::StrCat(Hex(it.key()), " = ", Hex(it.value()))
                          : std::string("nothing");
      };
      Problem(absl::StrCat(node.name, ", rows of ", engine::FamilyName(family),
                           ": after crashes ", show(*ours), ", without ", show(*again)));
      break;
    }
  }
}

}  // namespace weft::testing
