#include "libs/eventlog/kafka_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
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

Record ToRecord(const rd_kafka_message_t& message) {
  Record record;
  record.offset = message.offset;
  rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  record.append_time = absl::FromUnixMillis(rd_kafka_message_timestamp(&message, &type));
  if (message.key != nullptr) {
    record.key.assign(static_cast<const char*>(message.key), message.key_len);
  }
  if (message.payload != nullptr) {
    record.value.emplace(static_cast<const char*>(message.payload), message.len);
  }
  rd_kafka_headers_t* headers = nullptr;  // The message's.
  if (rd_kafka_message_headers(&message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* name = nullptr;
    const void* value = nullptr;
    size_t size = 0;
    for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) ==
                       RD_KAFKA_RESP_ERR_NO_ERROR;
         ++i) {
      record.headers.push_back(
          {name, value == nullptr ? "" : std::string(static_cast<const char*>(value), size)});
    }
  }
  return record;
}

}  // namespace

KafkaReader::KafkaReader(const KafkaLogOptions& options, KafkaTopics& topics,
                         KafkaIdentity& identity)
    : options_(options), topics_(topics), identity_(identity), context_{options, this} {}

KafkaReader::~KafkaReader() {
  queue_.reset();
  if (handle_ != nullptr) rd_kafka_consumer_close(handle_.get());
}

absl::StatusOr<std::unique_ptr<Reader>> KafkaReader::Open(
    const KafkaLogOptions& options, KafkaTopics& topics, KafkaIdentity& identity,
    const std::vector<StartPosition>& positions) {
  for (const StartPosition& position : positions) {
    WEFT_RETURN_IF_ERROR(topics.Check(position.where));
  }
  std::unique_ptr<KafkaReader> reader(new KafkaReader(options, topics, identity));
  WEFT_RETURN_IF_ERROR(reader->Start(positions));
  return reader;
}

absl::Status KafkaReader::Start(const std::vector<StartPosition>& positions) {
  WEFT_ASSIGN_OR_RETURN(
      handle_,
      NewKafkaClient(RD_KAFKA_CONSUMER, context_,
                     {{"group.id", options_.lag_group.empty() ? "weft" : options_.lag_group},
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
  rd_kafka_poll_set_consumer(handle_.get());
  queue_.reset(rd_kafka_queue_get_consumer(handle_.get()));
  for (const StartPosition& position : positions) {
    Part part;
    part.where = position.where;
    part.next = position.next_offset;
    part.applied = position.last_applied;
    const auto topic = topics_.Known(position.where.topic);
    part.may_be_gone = !topic.has_value() || topic->compacted.value_or(true);
    parts_.emplace(part.where, std::move(part));
  }
  next_identity_ = clock_.Steady() + options_.identity_interval;
  next_commit_ = clock_.Steady() + kCommitInterval;
  if (parts_.empty()) return absl::OkStatus();

  std::vector<TopicPartition> all;
  for (const auto& [where, part] : parts_) all.push_back(where);
  WEFT_ASSIGN_OR_RETURN(const KafkaPartitions begins,
                        topics_.AskOffsets(all, RD_KAFKA_OFFSET_BEGINNING));
  WEFT_ASSIGN_OR_RETURN(const KafkaPartitions ends, topics_.AskOffsets(all, RD_KAFKA_OFFSET_END));
  std::vector<std::pair<Part*, int64_t>> starts;
  for (auto& [where, part] : parts_) {
    const auto* const begin =
        rd_kafka_topic_partition_list_find(begins.get(), where.topic.c_str(), where.partition);
    const auto* const end =
        rd_kafka_topic_partition_list_find(ends.get(), where.topic.c_str(), where.partition);
    if (begin == nullptr || end == nullptr) return LogUnavailable("an answer lacks a partition");
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
  if (batches.empty() && !errors_.empty()) return TakeError();
  handed_out_ = handed_out_ || !batches.empty();
  return batches;
}

void KafkaReader::Wake() {
  woken_.store(true);
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
    if (RecordDigest(record) == applied.digest) return true;
    Stop(part, LogChanged(part.where, applied.offset, "another record"));
    return false;
  }
  if (part.may_be_gone) return true;
  Stop(part, LogChanged(part.where, applied.offset, "no record"));
  return false;
}

void KafkaReader::TakePartitionError(const rd_kafka_message_t& message) {
  Part* const part = Find(message);
  if (part == nullptr) {
    errors_.push_back(KafkaUnavailable("read", message.err));
    return;
  }
  if (part->stopped) return;
  switch (message.err) {
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE: {
      const auto marks = topics_.GetWatermarks(part->where);
      const int64_t begin = marks.ok() ? marks->begin : -1;
      if (marks.ok() && part->next >= begin) {
        Stop(*part, LogChanged(part->where, part->next, "the position is not there,"));
      } else {
        Stop(*part, OffsetGone(part->where, part->next, begin));
      }
      return;
    }
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
      Stop(*part, LogChanged(part->where, part->next, "the topic was removed, position"));
      return;
    default:  // librdkafka goes on by itself.
      errors_.push_back(KafkaUnavailable("read", message.err));
  }
}

void KafkaReader::Stop(Part& part, absl::Status why) {
  part.stopped = true;
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
  next_identity_ = now + options_.identity_interval;
  if (identity_.Holds(handle_.get())) return;
  for (auto& [where, part] : parts_) {
    if (!part.stopped) {
      Stop(part, LogChanged(where, part.next, "another Kafka cluster answers, position"));
    }
  }
}

void KafkaReader::CommitForLag() {
  if (options_.lag_group.empty() || !handed_out_) return;
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
  if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || code == RD_KAFKA_RESP_ERR__FATAL ||
      code == RD_KAFKA_RESP_ERR__AUTHENTICATION) {
    errors_.push_back(LogUnavailable(text));
  }
}

}  // namespace weft::eventlog::internal
