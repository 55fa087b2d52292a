// The event log: append to and read partitioned topics.
//
// Two backends, one contract (event_log_contract_test): the embedded log
// (embedded_log.h), durable in this process's folder, and Kafka (kafka_log.h).
// Nothing above this header can tell which it has. Consumers keep their own
// offsets; the log keeps none.
//
// Every topic of ours has weft::kPartitions partitions. Offsets of a partition
// grow; they need not be contiguous (compaction, Kafka's control records). The
// time of a record is the log's append time and never goes back within a
// partition.
//
// All methods are thread safe. The log must outlive its readers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/eventlog/log_stats.h"

namespace weft::eventlog {

struct Header {
  std::string name;
  std::string value;
  bool operator==(const Header&) const = default;
};

// What is appended. `value` absent is a tombstone: in a compacted topic it
// deletes the key.
struct NewRecord {
  std::string key;
  std::vector<Header> headers;
  std::optional<std::string> value;
};

// What is read.
struct Record {
  int64_t offset = 0;
  absl::Time append_time;
  std::string key;
  std::vector<Header> headers;
  std::optional<std::string> value;

  // The value of header `name`, or "" (the first one, if it repeats).
  const std::string& HeaderOr(const std::string& name) const;
};

struct TopicPartition {
  std::string topic;
  int32_t partition = 0;
  auto operator<=>(const TopicPartition&) const = default;
};

struct TopicOptions {
  int32_t partitions = 64;
  // Records older or beyond are dropped, oldest first; infinite = kept in full.
  absl::Duration retention_time = absl::InfiniteDuration();
  int64_t retention_bytes = -1;  // Per partition; -1 = no limit.
  // Keeps only the last record of each key (a tombstone goes after a day).
  bool compacted = false;
  int64_t max_record_bytes = 1 << 20;
};

// [begin, end): `begin` is the oldest offset kept, `end` the next to be given.
struct Watermarks {
  int64_t begin = 0;
  int64_t end = 0;
};

// Where a reader starts: at `next_offset`, the first record it has not applied.
// When `last_applied` is set, the reader first compares the record at that
// offset with the remembered digest (RecordDigest); a difference, or an offset
// beyond the end, is LOG_CHANGED (DATA_LOSS).
struct StartPosition {
  TopicPartition where;
  int64_t next_offset = 0;
  struct Applied {
    int64_t offset = 0;
    std::string digest;
  };
  std::optional<Applied> last_applied;
};

// Records of one partition, in offset order, never empty.
struct Batch {
  TopicPartition where;
  std::vector<Record> records;
};

// Reads many partitions for one owner. Not thread safe, except Wake().
class Reader {
 public:
  virtual ~Reader() = default;
  // Waits at most `timeout` for records; an empty vector means none came or
  // Wake() was called. At most `max_records` in all; partitions take turns, so
  // none starves.
  // Errors: DATA_LOSS / LOG_CHANGED (metadata: topic, partition);
  // OUT_OF_RANGE / OFFSET_GONE when retention passed the position;
  // UNAVAILABLE / LOG_UNAVAILABLE. After an error of one partition the others
  // go on with the next call.
  virtual absl::StatusOr<std::vector<Batch>> Poll(absl::Duration timeout,
                                                  size_t max_records) = 0;
  virtual void Wake() = 0;
};

// Called once, from a thread of the log; must not block. On success the offset
// of the first record; the records of one call are contiguous in offset order.
using AppendCallback = std::function<void(absl::StatusOr<int64_t> first_offset)>;

class EventLog {
 public:
  virtual ~EventLog() = default;

  // A uuid of the embedded log, or Kafka's cluster id. Another identity means
  // another log, whatever the offsets say.
  virtual absl::StatusOr<std::string> Identity() = 0;

  // Creates the topic if it is missing, checks partitions and compaction if it
  // exists. Errors: FAILED_PRECONDITION / TOPIC_MISMATCH.
  virtual absl::Status EnsureTopic(const std::string& topic,
                                   const TopicOptions& options) = 0;

  // NOT_FOUND / TOPIC_UNKNOWN.
  virtual absl::StatusOr<int32_t> PartitionCount(const std::string& topic) = 0;

  // Appends all records to one partition, in order, as one unit, and calls back
  // when they are durable. Calls for the same partition keep their order.
  // Errors (through the callback): NOT_FOUND / TOPIC_UNKNOWN, INVALID_ARGUMENT /
  // RECORD_TOO_LARGE, UNAVAILABLE / LOG_UNAVAILABLE; after UNAVAILABLE the fate
  // of the records is unknown and the caller repeats them (numbers make readers
  // drop repeats).
  virtual void Append(const TopicPartition& where, std::vector<NewRecord> records,
                      AppendCallback done) = 0;

  // A record can be read once it is durable.
  virtual absl::StatusOr<std::unique_ptr<Reader>> OpenReader(
      std::vector<StartPosition> positions) = 0;

  virtual absl::StatusOr<Watermarks> GetWatermarks(const TopicPartition& where) = 0;

  // What it did so far and how far its readers are behind. Does not wait.
  virtual LogStats Stats() { return {}; }
};

// Appends and waits. For tools and tests; services use the callback.
absl::StatusOr<int64_t> AppendAndWait(EventLog& log, const TopicPartition& where,
                                      std::vector<NewRecord> records);

// What is remembered of a record so that a log that was made anew is noticed:
// hex of SHA-256 over append time, key, headers and value.
std::string RecordDigest(const Record& record);

}  // namespace weft::eventlog
