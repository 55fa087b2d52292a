#include "libs/engine/core.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/ids.h"
#include "libs/base/status_macros.h"
#include "libs/engine/cloud_event.h"
#include "libs/engine/core_internal.h"
#include "libs/engine/core_turn.h"
#include "libs/engine/wire.h"

namespace weft::engine {

bool Core::RunRecords(RecordsInput& input) {
  if (input.epoch != records_epoch_) return true;
  const std::string& topic = input.batch.where.topic;
  const int32_t partition = input.batch.where.partition;
  const auto events = program_.events.find(topic);
  const auto raw = raw_topics_.find(topic);
  if (events == program_.events.end() && raw == raw_topics_.end()) return true;
  layout::OffsetRow& offset = offsets_[{topic, partition}];
  eventlog::Record* last = nullptr;
  std::vector<eventlog::Record>& records = input.batch.records;
  size_t taken = 0;
  for (; taken < records.size(); ++taken) {
    eventlog::Record& record = records[taken];
    if (stopped_.count(input.batch.where) > 0) {
      taken = records.size();
      break;
    }
    if (record.offset < offset.next) continue;  // Read twice after a reader was opened anew.
    if (!HasRoom(record.value.has_value() ? record.value->size() : 0)) break;
    ++report_.events;
    if (events != program_.events.end()) {
      if (!RunEventRecord(events->second, topic, partition, record)) {
        taken = records.size();
        break;
      }
    } else {
      RunRawRecord(*raw->second, partition, record);
    }
    offset.next = record.offset + 1;
    offset.last = record.offset;
    last = &record;
  }
  if (last != nullptr) {
    offset.digest = eventlog::RecordDigest(*last);
    batch_offsets_.insert({topic, partition});
  }
  if (taken >= records.size()) return true;
  records.erase(records.begin(), records.begin() + static_cast<std::ptrdiff_t>(taken));
  return false;
}

bool Core::RunEventRecord(const std::vector<EventHandler>& handlers, const std::string& topic,
                          int32_t partition, eventlog::Record& record) {
  const auto park = [&](const std::string& tenant, const absl::Status& why) {
    ParkedRecord parked;
    parked.partition = static_cast<uint32_t>(partition);
    parked.topic = topic;
    parked.log_partition = partition;
    parked.offset = record.offset;
    parked.append_time = record.append_time;
    parked.tenant = tenant;
    parked.key = record.key;
    for (const auto& h : record.headers) parked.headers.emplace_back(h.name, h.value);
    parked.tombstone = !record.value.has_value();
    parked.value = record.value.value_or("");
    Park(std::move(parked), why);
  };

  absl::StatusOr<Event> taken = TakeEvent(topic, partition, record);
  if (!taken.ok()) {
    park("", taken.status());
    return true;
  }
  Event& event = *taken;
  if (event.type == kSourceOpened) {
    TakeOpening(event, GenerationIn(record));
    MoveBack(event, record);
    return true;
  }
  std::string applied_key =
      layout::AppliedKey(static_cast<uint32_t>(partition), event.source, topic);
  int64_t& applied = applied_[applied_key];
  if (event.number <= applied) {
    ++report_.repeats;
    MoveBack(event, record);
    return true;
  }
  if (const auto jump = jumps_.find(applied_key); jump != jumps_.end()) {
    // Accepted by an operator, once.
    if (event.number != applied + 1 && options_.observer != nullptr) {
      options_.observer->EventsLost(options_.shard, topic, partition, event.source, applied + 1,
                                    event.number - 1);
    }
    batch_.Delete(Family::kMeta, layout::JumpKey(applied_key));
    jumps_.erase(jump);
  } else if (event.number != applied + 1) {
    // Where the beginning of a topic is gone, a source is not known by its first number.
    const int64_t rebuild_end = offsets_[{topic, partition}].rebuild_end;
    if (record.offset >= rebuild_end && !(applied == 0 && rebuild_end > 0)) {
      MoveBack(event, record);
      StopPartition({topic, partition}, "EVENT_GAP");
      return false;
    }
  }
  applied = event.number;
  batch_applied_.insert(std::move(applied_key));
  if (topic == kTimeline) {
    std::string key = layout::PositionKey(static_cast<uint32_t>(partition), event.tenant);
    layout::PositionRow& position = positions_[key];
    // A topic made anew without an opening counts from zero again; no position goes back.
    if (record.offset > position.offset) {
      position.offset = record.offset;
      position.append_time = record.append_time;
      batch_positions_.insert(std::move(key));
    }
  }

  absl::Status status;
  if (event.tenant != kPlatformTenant &&
      PartitionOfTenant(event.tenant) != static_cast<uint32_t>(partition)) {
    status = InvalidArgument("EVENT_MISROUTED",
                             "the event stands in another partition than its tenant's");
  } else if (!parked_keys_.empty() && parked_keys_.count({topic, record.key}) > 0) {
    status = FailedPrecondition(kParkedPredecessor,
                                "an earlier record of the same key is parked; it goes first");
  } else {
    CoreTurn::Cause cause;
    cause.partition = static_cast<uint32_t>(partition);
    cause.tenant = &event.tenant;
    cause.traceparent = &event.traceparent;
    const std::string scope = absl::StrCat("event/", event.source, "/", topic);
    const std::string id = absl::StrCat(partition, "/", event.number);
    cause.id_scope = scope;
    cause.id_key = id;
    turn_->Begin(cause);
    for (const EventHandler& handler : handlers) {
      status = handler(event, *turn_);
      if (!status.ok()) break;
    }
    if (status.ok()) status = TurnFailure();
    if (status.ok()) FinishTurn(nullptr);
  }
  MoveBack(event, record);
  if (!status.ok()) park(event.tenant, status);
  return true;
}

void Core::TakeOpening(const Event& event, int64_t opened) {
  std::string applied_key = layout::AppliedKey(event.partition, event.source, event.topic);
  if (int64_t& applied = applied_[applied_key]; event.number > applied) {
    // A source that is new here loses nothing: what it says stands on this log.
    if (applied > 0 && options_.observer != nullptr) {
      options_.observer->EventsLost(options_.shard, event.topic,
                                    static_cast<int32_t>(event.partition), event.source,
                                    applied + 1, event.number);
    }
    applied = event.number;
    batch_applied_.insert(std::move(applied_key));
  }
  const int64_t generation = GenerationOf(event.partition);
  if (event.topic != kTimeline || opened < generation) return;
  if (opened > generation) {
    generations_[event.partition] = opened;
    batch_.Put(Family::kMeta, layout::GenerationKey(event.partition),
               layout::U64Value(static_cast<uint64_t>(opened)));
    // Offsets of the generation before name nothing any more.
    const std::string prefix = layout::PositionKey(event.partition, "");
    for (auto it = positions_.begin(); it != positions_.end();) {
      const auto position = it++;
      if (position->first.compare(0, prefix.size(), prefix) != 0) continue;
      batch_.Delete(Family::kMeta, position->first);
      batch_positions_.erase(position->first);
      positions_.erase(position);
    }
  }
  std::string key = layout::PositionKey(event.partition, kPlatformTenant);
  positions_[key] = {.offset = event.offset, .append_time = event.append_time};
  batch_positions_.insert(std::move(key));
}

void Core::RunFollow(FollowInput input) {
  const auto answer = [&](absl::Status status) {
    effects_->parked_answers.emplace_back(std::move(input.done), std::move(status));
  };
  const auto& [topic, partition] = input.where;
  const auto stopped = stopped_.find(input.where);
  if (stopped == stopped_.end()) {
    return answer(FailedPrecondition("PARTITION_FOLLOWED", "the partition is not stopped"));
  }
  layout::OffsetRow& row = offsets_[{topic, partition}];
  if (stopped->second != "EVENT_GAP") {
    row.next = input.marks.begin;
    row.last = -1;
    row.digest.clear();
  }
  // What stands there now may lack numbers, and so may the next one of each source.
  row.rebuild_end = std::max(row.rebuild_end, input.marks.end);
  if (stopped->second == "LOG_CHANGED") row.rebuild_end = input.marks.end;
  batch_offsets_.insert({topic, partition});
  const std::string prefix = layout::AppliedKey(static_cast<uint32_t>(partition), "", "");
  for (const auto& [key, number] : applied_) {
    const absl::string_view rest = absl::string_view(key).substr(3);
    if (key.compare(0, 3, prefix, 0, 3) != 0 || rest.substr(rest.find('\0') + 1) != topic) {
      continue;
    }
    jumps_.insert(key);
    batch_.Put(Family::kMeta, layout::JumpKey(key), "");
  }
  answer(absl::OkStatus());
}

void Core::RunRawRecord(const RawTopic& topic, int32_t partition, eventlog::Record& record) {
  RawRecord raw;
  raw.topic = topic.topic;
  raw.partition = partition;
  raw.offset = record.offset;
  raw.append_time = record.append_time;
  raw.key = record.key;
  for (const auto& h : record.headers) raw.headers.emplace_back(h.name, h.value);
  raw.tombstone = !record.value.has_value();
  raw.value = record.value.value_or("");

  CoreTurn::Cause cause;
  cause.partition = PartitionOf(topic.tenant);
  cause.tenant = &topic.tenant;
  const std::string traceparent = record.HeaderOr("traceparent");
  cause.traceparent = &traceparent;
  const std::string scope = absl::StrCat("raw/", topic.topic);
  const std::string id = absl::StrCat(partition, "/", record.offset);
  cause.id_scope = scope;
  cause.id_key = id;
  absl::Status status;
  if (!raw.key.empty() && !parked_keys_.empty() && parked_keys_.count({topic.topic, raw.key}) > 0) {
    status = FailedPrecondition(kParkedPredecessor,
                                "an earlier record of the same key is parked; it goes first");
  } else {
    turn_->Begin(cause);
    status = topic.handler(raw, *turn_);
    if (status.ok()) status = TurnFailure();
    if (status.ok()) FinishTurn(nullptr);
  }
  if (status.ok()) return;
  ParkedRecord parked;
  parked.partition = cause.partition;
  parked.topic = topic.topic;
  parked.log_partition = partition;
  parked.offset = record.offset;
  parked.append_time = record.append_time;
  parked.tenant = topic.tenant;
  parked.key = std::move(raw.key);
  parked.headers = std::move(raw.headers);
  parked.value = std::move(raw.value);
  parked.tombstone = raw.tombstone;
  parked.raw = true;
  Park(std::move(parked), status);
}

void Core::RunTimers() {
  std::string end(1, 'd');
  AppendTime(end, clock_.now() + absl::Microseconds(1));
  std::vector<std::string> due_keys;
  {
    std::string begin(1, 'd');
    AppendTime(begin, next_due_);  // Deleted rows before it need not be stepped over.
    const auto it = store_.Scan(Family::kTimers, begin, PrefixEnd("d"));
    next_due_ = absl::InfiniteFuture();
    for (; it->Valid(); it->Next()) {
      if (it->key() >= end ||
          due_keys.size() >= static_cast<size_t>(options_.timers_per_batch_max)) {
        WireReader in(it->key().substr(1));
        WEFT_CHECK(in.Time(next_due_));
        break;
      }
      due_keys.emplace_back(it->key());
    }
    if (!it->status().ok()) store_failure_ = it->status();
  }
  for (const std::string& due_key : due_keys) {
    if (!HasRoom(0)) {
      WireReader next(absl::string_view(due_key).substr(1));
      WEFT_CHECK(next.Time(next_due_));  // The next batch begins with it.
      break;
    }
    DeleteRow(Family::kTimers, due_key);
    WireReader in(absl::string_view(due_key).substr(1));
    absl::Time due;
    WEFT_CHECK(in.Time(due));
    const std::string id(in.Rest());
    // The row by id decides: the index may be out of date.
    const auto row = ReadRow(Family::kTimers, layout::Tagged('k', id));
    if (!row.ok() || !row->has_value()) continue;
    WireReader value(**row);
    absl::Time set_for;
    if (!value.Time(set_for) || set_for != due) continue;
    std::string payload(value.Rest());
    const auto parts = layout::ParseId(id);
    WEFT_CHECK(parts.has_value());
    const auto handler = program_.timers.find(parts->kind);
    if (handler == program_.timers.end()) {
      if (options_.observer != nullptr) {
        options_.observer->TurnFailed(
            options_.shard, Internal(absl::StrCat("no handler for timer ", parts->kind)));
      }
      continue;
    }
    ++report_.timers;
    CoreTurn::Cause cause;
    cause.partition = parts->partition;
    cause.tenant = &parts->tenant;
    const std::string scope = absl::StrCat("timer/", parts->kind);
    const std::string key = absl::StrCat(parts->key, "/", absl::ToUnixMicros(due));
    cause.id_scope = scope;
    cause.id_key = key;
    turn_->Begin(cause);
    turn_->CancelTimer(parts->kind, parts->key);  // The handler may set it anew.
    handler->second(TimerFired{parts->kind, parts->key, due, std::move(payload)}, *turn_);
    if (TurnFailure().ok()) {
      FinishTurn(nullptr);
    } else if (options_.observer != nullptr) {
      options_.observer->TurnFailed(options_.shard, turn_->failure);
    }
  }
}

void Core::RunTaskResults() {
  std::deque<KnownResult> results = std::move(task_results_);
  task_results_.clear();
  while (!results.empty()) {
    if (!HasRoom(0)) {
      task_results_ = std::move(results);  // The next batch's.
      return;
    }
    const KnownResult known = std::move(results.front());
    results.pop_front();
    const auto pending = tasks_.find(known.id);
    if (pending == tasks_.end()) continue;
    const auto parts = layout::ParseId(known.id);
    WEFT_CHECK(parts.has_value());
    const auto kind = program_.tasks.find(parts->kind);
    const auto row = ReadRow(Family::kTasks, layout::Tagged('p', known.id));
    absl::Status failure;
    if (kind == program_.tasks.end()) {
      failure = Internal(absl::StrCat("no handler for task ", parts->kind));
    } else if (!row.ok() || !row->has_value() || (*row)->size() < 16) {
      failure = row.ok() ? Damaged("task") : row.status();
    } else {
      ++report_.tasks;
      CoreTurn::Cause cause;
      cause.partition = parts->partition;
      cause.tenant = &parts->tenant;
      const std::string scope = absl::StrCat("task/", parts->kind);
      cause.id_scope = scope;
      cause.id_key = parts->key;
      turn_->Begin(cause);
      TaskResult result;
      result.kind = parts->kind;
      result.key = parts->key;
      result.payload = (*row)->substr(16);
      if (known.answer.ok()) {
        result.answer = *known.answer;
      } else {
        result.status = known.answer.status();
      }
      kind->second.handler(result, *turn_);
      failure = TurnFailure();
    }
    if (!failure.ok()) {
      // Not lost: called again, which repeats its answer.
      if (options_.observer != nullptr) {
        options_.observer->TurnFailed(options_.shard, failure);
      }
      pending->second.known = false;
      QueueTask(known.id, pending->second, times_.steady + options_.task_pause_max);
      continue;
    }
    FinishTurn(nullptr);
    DeleteRow(Family::kTasks, layout::Tagged('p', known.id));
    std::string done;
    AppendTime(done, clock_.now());
    PutRow(Family::kTasks, layout::Tagged('d', known.id), std::move(done));
    tasks_.erase(known.id);
  }
}

}  // namespace weft::engine
