#include "libs/eventlog/kafka_reader.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "libs/eventlog/fan_out.h"

namespace weft::eventlog::internal {
namespace {

// Of one poll; a caller that asks for many records gets no more at once.
constexpr size_t kPollBytesMax = 4 << 20;
// librdkafka waits in slices, so that Wake() and the identity are looked at.
constexpr absl::Duration kSlice = absl::Milliseconds(100);
constexpr absl::Duration kCommitInterval = absl::Seconds(5);
constexpr absl::Duration kSampleInterval = absl::Seconds(1);
constexpr absl::Duration kBeginPause = absl::Seconds(1);
// A new leader may not know at once how far its followers are.
constexpr absl::Duration kLeaderPause = absl::Milliseconds(1500);

}  // namespace

void KafkaReaders::Add(KafkaReader* reader) {
  MutexLock lock(mutex_);
  all_.insert(reader);
}

void KafkaReaders::Remove(KafkaReader* reader) {
  MutexLock lock(mutex_);
  all_.erase(reader);
}

void KafkaReaders::AddTo(LogStats& stats) {
  MutexLock lock(mutex_);
  for (KafkaReader* const reader : all_) reader->AddTo(stats);
}

KafkaReader::KafkaReader(const KafkaShared& shared, KafkaReaders& readers, std::string lag_group)
    : shared_(shared),
      readers_(readers),
      options_(shared.options),
      lag_group_(std::move(lag_group)),
      context_{shared.options, this} {}

KafkaReader::~KafkaReader() {
  readers_.Remove(this);
  queue_.reset();
}

absl::StatusOr<std::unique_ptr<KafkaReader>> KafkaReader::Open(
    const KafkaShared& shared, KafkaReaders& readers,
    const std::vector<StartPosition>& positions, std::string lag_group) {
  for (const StartPosition& position : positions) {
    WEFT_RETURN_IF_ERROR(shared.topics.Check(position.where));
  }
  std::unique_ptr<KafkaReader> reader(new KafkaReader(shared, readers, std::move(lag_group)));
  for (const StartPosition& position : positions) {
    Part part;
    part.where = position.where;
    part.next = position.next_offset;
    part.applied = position.last_applied;
    const auto topic = shared.topics.Known(position.where.topic);
    part.may_be_gone = !topic.has_value() || topic->compacted.value_or(true);
    reader->parts_.emplace(part.where, std::move(part));
  }
  {
    MutexLock lock(reader->mutex_);
    for (auto& [where, part] : reader->parts_) {
      part.index = reader->shown_.size();
      Shown shown;
      shown.where = where;
      shown.next = part.next;
      reader->shown_.push_back(std::move(shown));
    }
  }
  const absl::Duration now = reader->clock_.Steady();
  reader->next_identity_ = now + shared.options.identity_interval;
  reader->next_commit_ = now + kCommitInterval;
  WEFT_RETURN_IF_ERROR(reader->NewHandle());
  WEFT_RETURN_IF_ERROR(reader->Begin(shared.options.request_timeout));
  readers.Add(reader.get());
  return reader;
}

absl::Status KafkaReader::NewHandle() {
  WEFT_ASSIGN_OR_RETURN(
      KafkaHandle fresh,
      NewKafkaClient(RD_KAFKA_CONSUMER, context_,
                     {{"group.id", lag_group_.empty() ? "weft" : lag_group_},
                      {"enable.auto.commit", "false"},
                      {"enable.auto.offset.store", "false"},
                      // A reset is a decision, never a surprise.
                      {"auto.offset.reset", "error"},
                      {"isolation.level", "read_committed"},
                      {"allow.auto.create.topics", "false"},
                      {"fetch.wait.max.ms", "50"},
                      {"fetch.error.backoff.ms", "50"},
                      {"queued.max.messages.kbytes", "16384"},
                      {"check.crcs", "true"}}));
  rd_kafka_poll_set_consumer(fresh.get());
  last_topic_ = nullptr;
  KafkaHandle old;
  {
    MutexLock lock(mutex_);
    queue_.reset(rd_kafka_queue_get_consumer(fresh.get()));
    old = std::exchange(handle_, std::move(fresh));
  }
  // Not closed: a client that is broken may not end.
  EndKafkaClient(std::move(old), RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
  return absl::OkStatus();
}

absl::Status KafkaReader::Begin(absl::Duration timeout) {
  std::vector<TopicPartition> all;
  for (const auto& [where, part] : parts_) {
    if (!part.stopped) all.push_back(where);
  }
  if (all.empty()) return absl::OkStatus();
  WEFT_ASSIGN_OR_RETURN(const KafkaPartitions begins,
                        shared_.topics.AskOffsets(all, RD_KAFKA_OFFSET_BEGINNING, timeout));
  WEFT_ASSIGN_OR_RETURN(KafkaPartitions ends,
                        shared_.topics.AskOffsets(all, RD_KAFKA_OFFSET_END, timeout));
  const auto find = [](const KafkaPartitions& list, const TopicPartition& where) {
    return rd_kafka_topic_partition_list_find(list.get(), where.topic.c_str(), where.partition);
  };
  for (const auto& [where, part] : parts_) {
    const auto* const end = part.stopped ? nullptr : find(ends, where);
    if (end == nullptr || part.next <= end->offset) continue;
    absl::SleepFor(kLeaderPause);
    WEFT_ASSIGN_OR_RETURN(ends, shared_.topics.AskOffsets(all, RD_KAFKA_OFFSET_END, timeout));
    break;
  }
  std::vector<std::pair<Part*, int64_t>> starts;
  for (auto& [where, part] : parts_) {
    if (part.stopped) continue;
    const auto* const begin = find(begins, where);
    const auto* const end = find(ends, where);
    if (begin == nullptr || end == nullptr) return LogUnavailable("an answer lacks a partition");
    {
      MutexLock lock(mutex_);
      shown_[part.index].end = end->offset;
    }
    const auto start = CheckStart(part, {begin->offset, end->offset});
    if (start.has_value()) starts.emplace_back(&part, *start);
  }
  return Assign(starts);
}

std::optional<int64_t> KafkaReader::CheckStart(Part& part, const Watermarks& marks) {
  if (part.next > marks.end) {
    Stop(part, LogChanged(part.where, part.next, "the position lies behind the end,"));
    return std::nullopt;
  }
  if (part.applied.has_value() && part.applied->offset >= marks.end) {
    Stop(part, LogChanged(part.where, part.applied->offset,
                          "the record applied last is not there,"));
    return std::nullopt;
  }
  if (part.next < marks.begin) {
    Stop(part, OffsetGone(part.where, part.next, marks.begin));
    return std::nullopt;
  }
  if (part.applied.has_value() && part.applied->offset < marks.begin) part.applied.reset();
  return part.applied.has_value() ? std::min(part.applied->offset, part.next) : part.next;
}

absl::Status KafkaReader::Assign(const std::vector<std::pair<Part*, int64_t>>& starts) {
  const KafkaPartitions list(rd_kafka_topic_partition_list_new(static_cast<int>(starts.size())));
  for (const auto& [part, offset] : starts) {
    rd_kafka_topic_partition_list_add(list.get(), part->where.topic.c_str(),
                                      part->where.partition)
        ->offset = offset;
  }
  const auto code = rd_kafka_assign(handle_.get(), list.get());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return KafkaUnavailable("assign partitions", code);
  return absl::OkStatus();
}

bool KafkaReader::SettleDoubts() {
  const std::set<std::string> doubted = doubted_;
  for (const std::string& topic : doubted) {
    const auto found = shared_.topics.FindAgain(topic, kBeginPause);
    if (absl::IsUnavailable(found.status())) return false;
    if (!found.ok()) {
      for (auto& [where, part] : parts_) {
        if (where.topic != topic || part.stopped) continue;
        Stop(part, LogChanged(where, part.next, "the topic was removed, position"));
      }
    }
    doubted_.erase(topic);
  }
  return true;
}

void KafkaReader::BeginAgain() {
  const absl::Duration now = clock_.Steady();
  if (now < next_begin_) return;
  next_begin_ = now + kBeginPause;
  if (!SettleDoubts()) return;
  for (auto& [where, part] : parts_) {
    // One that was still awaited is the better proof.
    if (!part.applied.has_value()) part.applied = part.sample;
  }
  if (broken_) {
    if (const absl::Status made = NewHandle(); !made.ok()) {
      errors_.push_back(made);
      return;
    }
    broken_ = false;
    shared_.counters.CountReaderRenewed();
  }
  if (const absl::Status begun = Begin(kBeginPause * 2); !begun.ok()) {
    errors_.push_back(begun);
    return;
  }
  begin_again_ = false;
}

absl::StatusOr<std::vector<Batch>> KafkaReader::Poll(absl::Duration timeout, size_t max_records) {
  const absl::Duration until = clock_.Steady() + timeout;
  WatchIdentity();
  CommitForLag();
  if (!errors_.empty()) return TakeError();
  ++polls_;
  std::vector<Batch> batches;
  size_t records_left = std::max<size_t>(max_records, 1);
  size_t bytes = 0;
  while (records_left > 0 && bytes < kPollBytesMax && errors_.empty()) {
    if (woken_.exchange(false)) break;
    if (begin_again_) BeginAgain();
    const absl::Duration left = std::max(until - clock_.Steady(), absl::ZeroDuration());
    const absl::Duration wait = batches.empty() ? std::min(left, kSlice) : absl::ZeroDuration();
    const KafkaMessage message(rd_kafka_consumer_poll(handle_.get(), Milliseconds(wait)));
    if (message == nullptr) {
      if (!batches.empty()) break;
      WatchIdentity();
      if (clock_.Steady() >= until && !woken_.load()) break;
    } else if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      TakePartitionError(*message);
    } else if (const size_t taken = Take(*message, batches); taken > 0) {
      --records_left;
      bytes += taken;
    }
  }
  Account(batches);
  if (batches.empty() && !errors_.empty()) return TakeError();
  handed_out_ = handed_out_ || !batches.empty();
  return batches;
}

void KafkaReader::Wake() {
  woken_.store(true);
  MutexLock lock(mutex_);
  if (queue_ != nullptr) rd_kafka_queue_yield(queue_.get());
}

KafkaReader::Part* KafkaReader::Find(const rd_kafka_message_t& message) {
  if (message.rkt == nullptr) return nullptr;
  if (message.rkt == last_topic_ && last_part_->where.partition == message.partition) {
    return last_part_;
  }
  const auto it = parts_.find({rd_kafka_topic_name(message.rkt), message.partition});
  if (it == parts_.end()) return nullptr;
  last_topic_ = message.rkt;
  last_part_ = &it->second;
  return last_part_;
}

size_t KafkaReader::Take(const rd_kafka_message_t& message, std::vector<Batch>& batches) {
  Part* const part = Find(message);
  if (part == nullptr || part->stopped) return 0;
  if (!part->applied.has_value() && message.offset < part->next) return 0;
  Record record = ToRecord(message);
  if (part->applied.has_value() && !Compare(*part, record)) return 0;
  if (record.offset < part->next) return 0;
  part->next = record.offset + 1;
  if (part->poll != polls_) {
    part->poll = polls_;
    part->batch = batches.size();
    batches.push_back({part->where, {}});
  }
  batches[part->batch].records.push_back(std::move(record));
  return message.len + message.key_len + 1;
}

bool KafkaReader::Compare(Part& part, const Record& record) {
  const StartPosition::Applied applied = *std::exchange(part.applied, std::nullopt);
  if (record.offset == applied.offset) {
    if (RecordDigest(record) == applied.digest) {
      part.sample = applied;
      shared_.watch.Remember(part.where, applied.offset, applied.digest, part.may_be_gone);
      return true;
    }
    Stop(part, LogChanged(part.where, applied.offset, "another record"));
    return false;
  }
  if (part.may_be_gone) return true;
  Stop(part, LogChanged(part.where, applied.offset, "no record"));
  return false;
}

void KafkaReader::TakePartitionError(const rd_kafka_message_t& message) {
  if (message.err == RD_KAFKA_RESP_ERR__FATAL) {
    broken_ = true;
    begin_again_ = true;
    return;
  }
  Part* const part = Find(message);
  if (part == nullptr) {
    errors_.push_back(KafkaUnavailable("read", message.err));
    return;
  }
  if (part->stopped) return;
  switch (message.err) {
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
      doubted_.insert(part->where.topic);
      [[fallthrough]];
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
      begin_again_ = true;
      return;
    default:  // librdkafka goes on by itself.
      errors_.push_back(KafkaUnavailable("read", message.err));
  }
}

void KafkaReader::Stop(Part& part, absl::Status why) {
  part.stopped = true;
  shared_.counters.CountReadFailed(part.where.topic);
  {
    MutexLock lock(mutex_);
    shown_[part.index].stopped = {part.where.topic, part.where.partition, ReasonOf(why),
                                  std::string(why.message()), absl::Now()};
  }
  errors_.push_back(std::move(why));
  // Nothing more is fetched of it; what is fetched already is dropped.
  const KafkaPartitions list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), part.where.topic.c_str(), part.where.partition);
  (void)rd_kafka_pause_partitions(handle_.get(), list.get());
}

absl::Status KafkaReader::TakeError() {
  absl::Status error = std::move(errors_.front());
  errors_.pop_front();
  return error;
}

void KafkaReader::WatchIdentity() {
  const absl::Duration now = clock_.Steady();
  if (now < next_identity_) return;
  next_identity_ = now + std::min(options_.identity_interval, kSampleInterval);
  const bool holds = shared_.identity.Holds(handle_.get());
  for (auto& [where, part] : parts_) {
    if (part.stopped) continue;
    if (!holds) {
      Stop(part, LogChanged(where, part.next, "another Kafka cluster answers, position"));
    } else if (absl::Status topic = shared_.watch.Check(where.topic); !topic.ok()) {
      Stop(part, std::move(topic));
    }
  }
}

void KafkaReader::Account(const std::vector<Batch>& batches) {
  const absl::Duration now = clock_.Steady();
  for (const Batch& batch : batches) {
    shared_.counters.CountRead(batch.where.topic, batch.records.size());
    Part& part = parts_.find(batch.where)->second;
    const Record& last = batch.records.back();
    part.last_time = last.append_time;
    if (now < part.next_sample) continue;
    part.next_sample = now + kSampleInterval;
    part.sample = {last.offset, RecordDigest(last)};
    shared_.watch.Remember(part.where, last.offset, part.sample->digest, part.may_be_gone);
  }
  const bool look = now >= next_look_;
  if (batches.empty() && !look) return;
  MutexLock lock(mutex_);
  for (const Batch& batch : batches) {
    const Part& part = parts_.find(batch.where)->second;
    shown_[part.index].next = part.next;
    shown_[part.index].last_time = part.last_time;
  }
  if (!look) return;
  next_look_ = now + kSampleInterval;
  const absl::Time wall = absl::Now();
  for (Shown& shown : shown_) {
    if (shown.next >= EndOf(shown)) shown.caught_up = wall;
  }
}

int64_t KafkaReader::EndOf(const Shown& shown) const {
  int64_t low = 0;
  int64_t high = 0;
  const auto code = rd_kafka_get_watermark_offsets(handle_.get(), shown.where.topic.c_str(),
                                                   shown.where.partition, &low, &high);
  return code == RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0 ? high : shown.end;
}

void KafkaReader::AddTo(LogStats& stats) {
  const absl::Time wall = absl::Now();
  MutexLock lock(mutex_);
  for (Shown& shown : shown_) {
    TopicStats& topic = stats.topics[shown.where.topic];
    topic.has_reader = true;
    if (shown.stopped.has_value()) stats.stopped.push_back(*shown.stopped);
    const int64_t behind = EndOf(shown) - shown.next;
    if (behind <= 0) {
      shown.caught_up = wall;
      continue;
    }
    topic.lag_records += behind;
    const absl::Time since = std::max(shown.last_time, shown.caught_up);
    if (since != absl::InfinitePast()) topic.lag = std::max(topic.lag, wall - since);
  }
}

void KafkaReader::CommitForLag() {
  if (lag_group_.empty() || !handed_out_) return;
  const absl::Duration now = clock_.Steady();
  if (now < next_commit_) return;
  next_commit_ = now + kCommitInterval;
  handed_out_ = false;
  const KafkaPartitions list(rd_kafka_topic_partition_list_new(static_cast<int>(parts_.size())));
  for (const auto& [where, part] : parts_) {
    if (part.stopped) continue;
    rd_kafka_topic_partition_list_add(list.get(), where.topic.c_str(), where.partition)->offset =
        part.next;
  }
  // Only tools read it: whether it works is no matter of ours.
  if (list->cnt > 0) (void)rd_kafka_commit(handle_.get(), list.get(), 1);
}

void KafkaReader::OnError(rd_kafka_t*, rd_kafka_resp_err_t code, const std::string& text) {
  // Called inside of Poll(). Single connections come and go.
  if (code == RD_KAFKA_RESP_ERR__FATAL) {
    broken_ = true;
    begin_again_ = true;
  } else if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
             code == RD_KAFKA_RESP_ERR__AUTHENTICATION) {
    errors_.push_back(LogUnavailable(text));
  }
}

}  // namespace weft::eventlog::internal
