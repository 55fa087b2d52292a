#include "libs/engine/core.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "libs/engine/cloud_event.h"
#include "libs/engine/core_internal.h"
#include "libs/engine/core_turn.h"

namespace weft::engine {

// --- Parked records ----------------------------------------------------------

void Core::Park(ParkedRecord record, absl::Status why) {
  record.number = next_parked_++;
  record.parked_time = clock_.now();
  record.reason = ReasonOf(why);
  if (record.reason.empty()) record.reason = absl::StatusCodeToString(why.code());
  record.message = std::string(why.message());
  const auto turn_max = static_cast<size_t>(options_.turn_bytes_max);
  if (options_.changelog && record.value.size() > turn_max) {
    // It would not fit into the changelog; it stands where it was read.
    record.message += "; its bytes are too many to be kept here";
    record.value.clear();
  }
  const bool twice = !options_.changelog || 2 * record.value.size() <= turn_max;
  PutRow(Family::kParked, layout::ParkedKey(record.partition, record.number),
         layout::EncodeParked(record));
  PutRow(Family::kMeta, layout::kNextParked, layout::U64Value(next_parked_));
  parked_keys_[{record.topic, record.key}].insert({record.partition, record.number});
  ++parked_count_;
  if (options_.dead_letters) {
    layout::OutboxRow row;
    row.topic = record.topic + kDeadLetterSuffix;
    row.partition = record.partition;
    row.record.key = record.key;
    for (const auto& [name, value] : record.headers) row.record.headers.push_back({name, value});
    row.record.headers.push_back({"weft_reason", record.reason});
    row.record.headers.push_back({"weft_message", record.message});
    row.record.headers.push_back({"weft_partition", absl::StrCat(record.log_partition)});
    row.record.headers.push_back({"weft_offset", absl::StrCat(record.offset)});
    if (!record.tombstone) row.record.value = twice ? record.value : "";
    AppendOutbox(std::move(row));
  }
  if (options_.observer != nullptr) {
    options_.observer->Parked(options_.shard, record.topic, record.reason);
  }
}

void Core::UnPark(const ParkedRecord& record) {
  DeleteRow(Family::kParked, layout::ParkedKey(record.partition, record.number));
  const auto it = parked_keys_.find({record.topic, record.key});
  if (it != parked_keys_.end()) {
    it->second.erase({record.partition, record.number});
    if (it->second.empty()) parked_keys_.erase(it);
  }
  --parked_count_;
}

absl::StatusOr<ParkedRecord> Core::ReadParked(uint32_t partition, uint64_t number) const {
  const std::string key = layout::ParkedKey(partition, number);
  WEFT_ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                        ReadRow(Family::kParked, key));
  if (!bytes.has_value()) {
    return NotFound("PARKED_NOT_FOUND", "no such parked record; it may have been replayed");
  }
  std::optional<ParkedRecord> record = layout::ParseParked(key, *bytes);
  if (!record.has_value()) return Damaged("parked record");
  return *std::move(record);
}

absl::Status Core::ApplyParked(const ParkedRecord& record) {
  CoreTurn::Cause cause;
  cause.partition = record.partition;
  eventlog::Record original;
  original.offset = record.offset;
  original.append_time = record.append_time;
  original.key = record.key;
  for (const auto& [name, value] : record.headers) original.headers.push_back({name, value});
  if (!record.tombstone) original.value = record.value;
  if (record.raw) {
    const auto topic = raw_topics_.find(record.topic);
    if (topic == raw_topics_.end()) {
      return FailedPrecondition("TOPIC_NOT_READ", "this room does not read the topic any more");
    }
    RawRecord raw;
    raw.topic = record.topic;
    raw.partition = record.log_partition;
    raw.offset = record.offset;
    raw.append_time = record.append_time;
    raw.key = record.key;
    raw.headers = record.headers;
    raw.value = record.value;
    raw.tombstone = record.tombstone;
    cause.tenant = &topic->second->tenant;
    const std::string scope = absl::StrCat("raw/", record.topic);
    const std::string id = absl::StrCat(record.log_partition, "/", record.offset);
    cause.id_scope = scope;
    cause.id_key = id;
    turn_->Begin(cause);
    WEFT_RETURN_IF_ERROR(topic->second->handler(raw, *turn_));
    WEFT_RETURN_IF_ERROR(TurnFailure());
    FinishTurn(nullptr);
    return absl::OkStatus();
  }
  const auto handlers = program_.events.find(record.topic);
  if (handlers == program_.events.end()) {
    return FailedPrecondition("TOPIC_NOT_READ", "this room does not read the topic any more");
  }
  WEFT_ASSIGN_OR_RETURN(const Event event,
                        TakeEvent(record.topic, record.log_partition, original));
  cause.tenant = &event.tenant;
  cause.traceparent = &event.traceparent;
  const std::string scope = absl::StrCat("event/", event.source, "/", record.topic);
  const std::string id = absl::StrCat(record.log_partition, "/", event.number);
  cause.id_scope = scope;
  cause.id_key = id;
  turn_->Begin(cause);
  for (const EventHandler& handler : handlers->second) {
    WEFT_RETURN_IF_ERROR(handler(event, *turn_));
  }
  WEFT_RETURN_IF_ERROR(TurnFailure());
  FinishTurn(nullptr);
  return absl::OkStatus();
}

void Core::RunParked(ParkedInput input) {
  const auto answer = [&](absl::Status status) {
    effects_->parked_answers.emplace_back(std::move(input.done), std::move(status));
  };
  const absl::StatusOr<ParkedRecord> found = ReadParked(input.partition, input.number);
  if (!found.ok()) return answer(found.status());
  const ParkedRecord record = *found;
  if (input.action == ParkedInput::Action::kReplay) {
    const auto waiting = parked_keys_.find({record.topic, record.key});
    if (waiting != parked_keys_.end() && !record.key.empty() &&
        *waiting->second.begin() != std::pair(record.partition, record.number)) {
      return answer(FailedPrecondition(
          kParkedPredecessor, "an earlier record of the same key is parked; replay it first"));
    }
    const absl::Status status = ApplyParked(record);
    if (!status.ok()) return answer(status);
  }
  UnPark(record);
  ReplayFollowers(record);
  answer(absl::OkStatus());
}

void Core::ReplayFollowers(const ParkedRecord& first) {
  // Those that only waited go on, in order, until one fails by itself.
  while (true) {
    const auto waiting = parked_keys_.find({first.topic, first.key});
    if (waiting == parked_keys_.end()) return;
    const auto [partition, number] = *waiting->second.begin();
    const absl::StatusOr<ParkedRecord> next = ReadParked(partition, number);
    if (!next.ok() || next->reason != kParkedPredecessor) return;
    const absl::Status status = ApplyParked(*next);
    if (!status.ok()) {
      ParkedRecord renamed = *next;
      renamed.reason = ReasonOf(status);
      if (renamed.reason.empty()) renamed.reason = absl::StatusCodeToString(status.code());
      renamed.message = std::string(status.message());
      PutRow(Family::kParked, layout::ParkedKey(partition, number),
             layout::EncodeParked(renamed));
      return;
    }
    UnPark(*next);
  }
}

std::vector<ParkedRecord> Core::ListParked(size_t limit) const {
  std::vector<ParkedRecord> records;
  const auto it = store_.Scan(Family::kParked, "", "");
  for (; it->Valid() && records.size() < limit; it->Next()) {
    if (auto row = layout::ParseParked(it->key(), it->value())) {
      records.push_back(*std::move(row));
    }
  }
  return records;
}

}  // namespace weft::engine
