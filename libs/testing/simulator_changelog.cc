// The simulator's rooms on a changelog: openings, the release gate, two processes.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "libs/testing/simulator.h"

namespace weft::testing {

bool Simulator::OtherIsUp(const Node& node) const {
  return std::any_of(nodes_.begin(), nodes_.end(), [&](const std::unique_ptr<Node>& other) {
    return other.get() != &node && other->name == node.name && other->up();
  });
}

void Simulator::BeginOpening(Node& node) {
  engine::ChangelogOpening::Place place;
  place.room = node.factory()->room;
  place.owner = absl::StrCat(node.name, " ", node.life);
  place.nonce = absl::StrCat(Random(1 << 30), "-", node.name);
  place.new_folder = absl::StrCat("folder-", Random(1 << 30));
  const auto marks = log_.GetWatermarks({engine::ChangelogTopic(place.room), 0});
  WEFT_CHECK_OK(marks);
  auto opening = engine::ChangelogOpening::Begin(*node.store, place, *marks);
  if (!opening.ok()) {
    Problem(absl::StrCat(node.name, " does not open: ", opening.status().ToString()));
    WEFT_CHECK_OK(opening);
  }
  node.opening = *std::move(opening);
  node.missing_appended = false;
  node.tail.reset();
}

absl::StatusOr<int64_t> Simulator::AppendTurn(const Node& node, eventlog::NewRecord record,
                                              bool may_fail) {
  if (may_fail && faults_ && !away_ && Chance(options_.append_failed)) {
    log_.FailNextAppend(/*written=*/Chance(500));
  }
  const eventlog::TopicPartition where{engine::ChangelogTopic(node.factory()->room), 0};
  absl::StatusOr<int64_t> result = absl::UnknownError("not called back");
  std::vector<eventlog::NewRecord> records;
  records.push_back(std::move(record));
  log_.Append(where, std::move(records),
              [&result](absl::StatusOr<int64_t> first) { result = std::move(first); });
  log_.Pump();
  if (result.ok()) appended_.emplace_back(where, *result);
  return result;
}

bool Simulator::StepOpening(Node& node) {
  engine::ChangelogOpening& opening = *node.opening;
  using OpeningStep = engine::ChangelogOpening::Step;
  if (opening.step() == OpeningStep::kClaim) {
    if (away_) return false;
    const absl::StatusOr<int64_t> offset = AppendTurn(node, opening.claim(), /*may_fail=*/true);
    if (offset.ok()) opening.Claimed(*offset);
    return true;
  }
  if (opening.step() == OpeningStep::kOpen) {
    if (away_) return false;
    node.gate = std::make_unique<engine::ReleaseGate>(
        opening.fold(),
        engine::ReleaseGateOptions{.no_claim_check = options_.bugs.no_claim_check});
    auto tail = log_.OpenReader({opening.start()});
    WEFT_CHECK_OK(tail);
    node.tail = *std::move(tail);
    node.opening.reset();
    current_[node.name] = &node;
    OpenCore(node);
    return true;
  }
  if (opening.step() == OpeningStep::kAppend && !node.missing_appended) {
    node.missing_appended = true;
    for (eventlog::NewRecord& record : opening.missing()) {
      if (AppendTurn(node, std::move(record), /*may_fail=*/true).ok()) continue;
      node.missing_appended = false;  // All of them again.
      return true;
    }
  }
  if (node.tail == nullptr) {
    auto reader = log_.OpenReader({opening.start()});
    WEFT_CHECK_OK(reader);
    node.tail = *std::move(reader);
  }
  const auto batches = node.tail->Poll(absl::ZeroDuration(), 1 + Random(20));
  if (!batches.ok()) {
    if (!absl::IsUnavailable(batches.status())) {
      Problem(absl::StrCat(node.name, " cannot read its changelog: ",
                           batches.status().ToString()));
    }
    node.tail.reset();  // Opened anew where it was.
    return false;
  }
  for (const eventlog::Batch& batch : *batches) {
    const absl::Status fed = opening.Feed(batch.records);
    if (fed.ok()) continue;
    if (ReasonOf(fed) != "OWNED_ELSEWHERE") {
      Problem(absl::StrCat(node.name, " is not restored: ", fed.ToString()));
      WEFT_CHECK_OK(fed);
    }
    ++counts_.disowned;
    EndLife(node);
    return true;
  }
  if (opening.TakeRestart()) {
    ++counts_.thrown_away;
    node.tail.reset();
    node.missing_appended = false;
    return true;
  }
  return !batches->empty();
}

void Simulator::SendTurns(Node& node) {
  for (engine::ReleaseGate::Append& append : node.gate->TakeAppends(steady_)) {
    node.turns_sent.push_back(std::move(append));
  }
}

bool Simulator::ReadTail(Node& node) {
  if (node.tail == nullptr) {
    auto tail = log_.OpenReader(
        {node.gate->fold().Start({engine::ChangelogTopic(node.program->room), 0})});
    WEFT_CHECK_OK(tail);
    node.tail = *std::move(tail);
  }
  auto batches = node.tail->Poll(absl::ZeroDuration(), 1 + Random(20));
  if (!batches.ok()) {
    if (!absl::IsUnavailable(batches.status())) {
      Problem(absl::StrCat(node.name, " cannot read its changelog: ",
                           batches.status().ToString()));
    }
    node.tail.reset();  // Opened anew where it was.
    return false;
  }
  for (eventlog::Batch& batch : *batches) {
    const absl::Status read = node.gate->Read(std::move(batch.records));
    if (read.ok()) continue;
    if (ReasonOf(read) != "OWNED_ELSEWHERE") {
      Problem(absl::StrCat(node.name, " reads back: ", read.ToString()));
    }
    ++counts_.disowned;
    if (node.core != nullptr) {
      // Those who wait are told to ask again.
      node.core->Abandon(Unavailable("SHARD_STOPPED", "another process has the shard"));
    }
    EndLife(node);
    return true;
  }
  return !batches->empty();
}

void Simulator::EndLife(Node& node) {
  // What was sent to the log may have arrived, as far as order allows.
  if (!away_) {
    for (uint64_t arrived = Random(node.sent.size() + 1); arrived > 0; --arrived) {
      AppendFront(node, /*may_fail=*/false);
    }
    for (uint64_t arrived = Random(node.turns_sent.size() + 1); arrived > 0; --arrived) {
      (void)AppendTurn(node, std::move(node.turns_sent.front().record), /*may_fail=*/false);
      node.turns_sent.pop_front();
    }
  }
  if (node.gate != nullptr) {
    auto& history = epochs_[node.name][node.gate->epoch()];
    if (history.empty()) history = std::move(node.history);
  }
  node.history.clear();
  node.history_durable = 0;
  node.unsynced.clear();
  node.sent.clear();
  node.turns_sent.clear();
  node.turn_answers.clear();
  node.append_answers.clear();
  node.inbox.clear();
  node.task_answers.clear();
  node.unreleased.clear();
  node.decided = false;
  node.reader.reset();
  node.tail.reset();
  node.opening.reset();
  node.core.reset();
  node.gate.reset();
  node.program.reset();
  node.paused_until = -absl::InfiniteDuration();
  ++node.life;
}

void Simulator::DisturbChangelogs() {
  if (away_ && steady_ >= away_until_) {
    away_ = false;
    log_.SetAway(false);
  }
  if (!away_ && Chance(options_.log_away)) {
    away_ = true;
    away_until_ = steady_ + absl::Milliseconds(static_cast<int64_t>(Random(3000)));
    log_.SetAway(true);
  }
  Node& node = *nodes_[Random(nodes_.size())];
  if (!node.changelog) return;
  if (node.up() && Chance(options_.paused)) {
    node.paused_until = steady_ + absl::Milliseconds(static_cast<int64_t>(Random(5000)));
  }
  if (!node.up() && OtherIsUp(node) && !away_ && Chance(options_.takeover)) {
    for (auto& other : nodes_) {
      // Often because the other one seems dead; it wakes up later.
      if (other->name == node.name && other.get() != &node && Chance(600)) {
        other->paused_until = steady_ + absl::Milliseconds(static_cast<int64_t>(Random(5000)));
      }
    }
    Open(node);
  }
}

void Simulator::CheckChangelogRefold(const std::string& room) {
  if (not_comparable_.count(room) > 0) return;
  Node& node = NodeOf(room);
  if (node.gate == nullptr) return;
  // What counts, by the epoch it was decided under.
  engine::ChangelogFold fold;
  std::vector<std::pair<int64_t, uint64_t>> last_of;  // Epoch, last turn.
  for (const eventlog::Record& record :
       log_.Dump({engine::ChangelogTopic(node.program->room), 0})) {
    const auto kind = fold.Fold(record);
    WEFT_CHECK_OK(kind);
    if (*kind != engine::ChangelogFold::Kind::kTurn) continue;
    if (last_of.empty() || last_of.back().first != fold.turn().origin) {
      last_of.emplace_back(fold.turn().origin, 0);
    }
    last_of.back().second = fold.turn().number;
  }
  engine::MemStore store;
  std::vector<Accepted> history;
  for (const auto& [epoch, last] : last_of) {
    const std::vector<Accepted>& all =
        epoch == node.gate->epoch() ? node.history : epochs_[room][epoch];
    for (const Accepted& accepted : all) {
      history.push_back(accepted);
      if (accepted.turn == last) break;
    }
  }
  Refold(node, history, store);
  CompareRows(node, store);
}

}  // namespace weft::testing
