// Reads partitions of a Kafka cluster: assigned by us, at the stored offset.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "libs/base/clock.h"
#include "libs/base/sync.h"
#include "libs/eventlog/kafka_client.h"
#include "libs/eventlog/kafka_shared.h"

namespace weft::eventlog::internal {

class KafkaReader;

// The readers of one KafkaLog. Thread safe.
class KafkaReaders {
 public:
  void Add(KafkaReader* reader) ABSL_LOCKS_EXCLUDED(mutex_);
  void Remove(KafkaReader* reader) ABSL_LOCKS_EXCLUDED(mutex_);
  // Their lag and what they do not follow.
  void AddTo(LogStats& stats) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  Mutex mutex_;
  std::set<KafkaReader*> all_ ABSL_GUARDED_BY(mutex_);
};

// One librdkafka consumer, and a new one after an error that it cannot get over.
// What Open takes by reference outlives it.
//
// Errors of a partition that may have many causes (an offset out of range, a topic
// that is not known) lead to a new start at the same positions, which tells them
// apart.
class KafkaReader final : public Reader, private KafkaEvents {
 public:
  // TOPIC_UNKNOWN, LOG_UNAVAILABLE. What is wrong with a single position comes
  // out of Poll().
  static absl::StatusOr<std::unique_ptr<KafkaReader>> Open(
      const KafkaShared& shared, KafkaReaders& readers,
      const std::vector<StartPosition>& positions, std::string lag_group = "");
  ~KafkaReader() override;

  absl::StatusOr<std::vector<Batch>> Poll(absl::Duration timeout, size_t max_records) override;
  void Wake() override ABSL_LOCKS_EXCLUDED(mutex_);

  // From any thread.
  void AddTo(LogStats& stats) ABSL_LOCKS_EXCLUDED(mutex_);
  // The present client, for tests that break it.
  rd_kafka_t* handle_for_test() { return handle_.get(); }

 private:
  struct Part {
    TopicPartition where;
    size_t index = 0;  // In shown_.
    int64_t next = 0;  // The first offset to hand out.
    absl::Time last_time = absl::InfinitePast();  // Of the record handed out last.
    // The record to compare on the way there, while it is awaited.
    std::optional<StartPosition::Applied> applied;
    // A record that was handed out lately; compared after a new start.
    std::optional<StartPosition::Applied> sample;
    absl::Duration next_sample;
    bool may_be_gone = true;  // Compaction may have taken that record.
    bool stopped = false;
    // Where its records of the present poll are.
    uint64_t poll = 0;
    size_t batch = 0;
  };
  // What AddTo() may see of a part.
  struct Shown {
    TopicPartition where;
    int64_t next = 0;
    int64_t end = 0;  // When it was started; the client knows a later one, mostly.
    absl::Time last_time = absl::InfinitePast();
    absl::Time caught_up = absl::InfinitePast();  // When it was seen without lag.
    std::optional<StoppedPartition> stopped;
  };

  KafkaReader(const KafkaShared& shared, KafkaReaders& readers, std::string lag_group);
  absl::Status NewHandle() ABSL_LOCKS_EXCLUDED(mutex_);
  // Assigns what is not stopped at its position.
  absl::Status Begin(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mutex_);
  // Where to start fetching; nullopt when the position does not hold.
  std::optional<int64_t> CheckStart(Part& part, const Watermarks& marks);
  absl::Status Assign(const std::vector<std::pair<Part*, int64_t>>& starts);
  void BeginAgain() ABSL_LOCKS_EXCLUDED(mutex_);
  // False while it is open whether the topics in doubt are there.
  bool SettleDoubts();

  Part* Find(const rd_kafka_message_t& message);
  // Puts the record into `batches`; octets taken.
  size_t Take(const rd_kafka_message_t& message, std::vector<Batch>& batches);
  // False when the record is not the one remembered.
  bool Compare(Part& part, const Record& record);
  void TakePartitionError(const rd_kafka_message_t& message);
  void Stop(Part& part, absl::Status why) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status TakeError();
  void WatchIdentity();
  void Account(const std::vector<Batch>& batches) ABSL_LOCKS_EXCLUDED(mutex_);
  int64_t EndOf(const Shown& shown) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CommitForLag();

  void OnError(rd_kafka_t* from, rd_kafka_resp_err_t code, const std::string& text) override;

  const KafkaShared& shared_;
  KafkaReaders& readers_;
  const KafkaLogOptions& options_;
  const std::string lag_group_;
  const KafkaContext context_;
  const SystemClock clock_;
  // Replaced by the thread that polls, with mutex_ held.
  KafkaHandle handle_;
  KafkaQueue queue_;
  std::map<TopicPartition, Part> parts_;
  // Of the last message: the next one is mostly of the same partition.
  const rd_kafka_topic_t* last_topic_ = nullptr;
  Part* last_part_ = nullptr;
  std::deque<absl::Status> errors_;
  uint64_t polls_ = 0;
  bool begin_again_ = false;
  bool broken_ = false;  // The client, for good.
  std::set<std::string> doubted_;
  absl::Duration next_begin_;
  absl::Duration next_identity_;
  absl::Duration next_look_;
  absl::Duration next_commit_;
  bool handed_out_ = false;  // Since the last commit.
  std::atomic<bool> woken_{false};

  Mutex mutex_;
  std::vector<Shown> shown_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace weft::eventlog::internal
