// How appends reach readers, shared by the logs that live in this process.
//
// A reader has a queue of its partitions that hold something new. A commit puts
// just the partitions it moved there and wakes the reader, so one reader covers
// hundreds of quiet partitions for nothing. Partitions take turns: one that was
// not drained goes to the end of the queue.
//
// Locks, outer to inner: FanOut's, a reader's.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/sync.h"
#include "libs/eventlog/event_log.h"

namespace weft::eventlog::internal {

class FanOutReader;

// What readers need to know of a partition; the log's own partition derives
// from it. Lives as long as the log.
struct SharedPartition {
  TopicPartition where;
  bool compacted = false;
  // `end` is the first offset that cannot be read. The log stores it after the
  // records can be read, and `begin` before records before it are removed.
  std::atomic<int64_t> begin{0};
  std::atomic<int64_t> end{0};
  // Guarded by FanOut::mutex_. The reader and its index of this partition.
  std::vector<std::pair<FanOutReader*, size_t>> readers;
};

// Reads records of any partition as of the moment it was made.
class Cursor {
 public:
  virtual ~Cursor() = default;
  // Appends to `records` those of [from, end), at most `max_records`, and stops
  // behind the one that exceeds `max_bytes`. Returns the offset to go on with;
  // `end` when there is nothing more.
  virtual absl::StatusOr<int64_t> Read(const SharedPartition& partition, int64_t from,
                                       int64_t end, size_t max_records, size_t max_bytes,
                                       std::vector<Record>& records) = 0;
};

class Source {
 public:
  virtual ~Source() = default;
  virtual absl::StatusOr<std::unique_ptr<Cursor>> NewCursor() = 0;
};

class FanOut {
 public:
  // `source` outlives it. `waits` false: Poll() never blocks.
  FanOut(Source& source, bool waits) : source_(source), waits_(waits) {}

  // `partitions` and `positions` belong together. Start positions are checked
  // here; what is wrong with one comes out of Poll().
  std::unique_ptr<Reader> Open(std::vector<SharedPartition*> partitions,
                               const std::vector<StartPosition>& positions);
  // After `end` of these partitions moved.
  void Publish(const std::vector<SharedPartition*>& moved) ABSL_LOCKS_EXCLUDED(mutex_);
  // Wakes all readers: from now on (until an OK) Poll answers this.
  void SetStatus(absl::Status status) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  friend class FanOutReader;
  absl::Status status() ABSL_LOCKS_EXCLUDED(mutex_);

  Source& source_;
  const bool waits_;
  Mutex mutex_;
  std::vector<FanOutReader*> readers_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

// What a reader answers for a partition.
absl::Status LogChanged(const TopicPartition& where, int64_t offset, const char* what);
absl::Status OffsetGone(const TopicPartition& where, int64_t offset, int64_t begin);
absl::Status LogUnavailable(const std::string& why);
absl::Status TopicUnknown(const std::string& topic);
absl::Status PartitionUnknown(const TopicPartition& where);
absl::Status TopicMismatch(const std::string& topic, const std::string& what);
absl::Status RecordTooLarge(const TopicPartition& where, int64_t size, int64_t limit);

// Octets of key, headers and value together; what max_record_bytes limits.
int64_t SizeOf(const NewRecord& record);

}  // namespace weft::eventlog::internal
