// Reads partitions of a Kafka cluster: assigned by us, at the stored offset.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "libs/base/clock.h"
#include "libs/eventlog/kafka_client.h"
#include "libs/eventlog/kafka_topics.h"

namespace weft::eventlog::internal {

// One librdkafka consumer. What Open takes by reference outlives it.
class KafkaReader final : public Reader, private KafkaEvents {
 public:
  // TOPIC_UNKNOWN, LOG_UNAVAILABLE. What is wrong with a single position comes
  // out of Poll().
  static absl::StatusOr<std::unique_ptr<Reader>> Open(const KafkaLogOptions& options,
                                                      KafkaTopics& topics,
                                                      KafkaIdentity& identity,
                                                      const std::vector<StartPosition>& positions);
  ~KafkaReader() override;

  absl::StatusOr<std::vector<Batch>> Poll(absl::Duration timeout, size_t max_records) override;
  void Wake() override;

 private:
  struct Part {
    TopicPartition where;
    int64_t next = 0;  // The first offset to hand out.
    // The record to compare on the way there, while it is awaited.
    std::optional<StartPosition::Applied> applied;
    bool may_be_gone = true;  // Compaction may have taken that record.
    bool stopped = false;
    // Where its records of the present poll are.
    uint64_t poll = 0;
    size_t batch = 0;
  };

  KafkaReader(const KafkaLogOptions& options, KafkaTopics& topics, KafkaIdentity& identity);
  absl::Status Start(const std::vector<StartPosition>& positions);
  // Where to start fetching; nullopt when the position does not hold.
  std::optional<int64_t> CheckStart(Part& part, const Watermarks& marks);
  absl::Status Assign(const std::vector<std::pair<Part*, int64_t>>& starts);

  Part* Find(const rd_kafka_message_t& message);
  // Puts the record into `batches`; octets taken.
  size_t Take(const rd_kafka_message_t& message, std::vector<Batch>& batches);
  // False when the record is not the one remembered.
  bool Compare(Part& part, const Record& record);
  void TakePartitionError(const rd_kafka_message_t& message);
  void Stop(Part& part, absl::Status why);
  absl::Status TakeError();
  void WatchIdentity();
  void CommitForLag();

  void OnError(rd_kafka_t* from, rd_kafka_resp_err_t code, const std::string& text) override;

  const KafkaLogOptions& options_;
  KafkaTopics& topics_;
  KafkaIdentity& identity_;
  const KafkaContext context_;
  const SystemClock clock_;
  KafkaHandle handle_;
  KafkaQueue queue_;
  std::map<TopicPartition, Part> parts_;
  // Of the last message: the next one is mostly of the same partition.
  const rd_kafka_topic_t* last_topic_ = nullptr;
  Part* last_part_ = nullptr;
  std::deque<absl::Status> errors_;
  uint64_t polls_ = 0;
  absl::Duration next_identity_;
  absl::Duration next_commit_;
  bool handed_out_ = false;  // Since the last commit.
  std::atomic<bool> woken_{false};
};

}  // namespace weft::eventlog::internal
