// Topics of a Kafka cluster: found, made, checked, measured.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "libs/base/sync.h"
#include "libs/eventlog/kafka_client.h"

namespace weft::eventlog::internal {

struct KafkaTopicInfo {
  int32_t partitions = 0;
  int64_t max_record_bytes = 0;
  std::optional<bool> compacted;  // Known once EnsureTopic looked.
};

// Thread safe. `options` outlives it.
class KafkaTopics {
 public:
  explicit KafkaTopics(const KafkaLogOptions& options) : context_{options, nullptr} {}
  absl::Status Start();

  // Does not ask the cluster.
  std::optional<KafkaTopicInfo> Known(const std::string& topic) ABSL_LOCKS_EXCLUDED(mutex_);
  // TOPIC_UNKNOWN or LOG_UNAVAILABLE. A topic that was there is unknown only after
  // it has been missing for a while: a broker that has just started may say so.
  absl::StatusOr<KafkaTopicInfo> Find(const std::string& topic) ABSL_LOCKS_EXCLUDED(mutex_);
  // The same, and asks the cluster even when the topic is known.
  absl::StatusOr<KafkaTopicInfo> FindAgain(const std::string& topic, absl::Duration timeout)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Find, and `where` is one of its partitions.
  absl::Status Check(const TopicPartition& where) ABSL_LOCKS_EXCLUDED(mutex_);
  // It is not Known() until it was found again.
  void Doubt(const std::string& topic) ABSL_LOCKS_EXCLUDED(mutex_);

  absl::Status Ensure(const std::string& topic, const TopicOptions& wanted)
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<Watermarks> GetWatermarks(const TopicPartition& where);
  // `which`: RD_KAFKA_OFFSET_BEGINNING or _END of each partition. Waits for
  // partitions whose leader is being found.
  absl::StatusOr<KafkaPartitions> AskOffsets(const std::vector<TopicPartition>& partitions,
                                             int64_t which, absl::Duration timeout);

  rd_kafka_t* handle() { return handle_.get(); }

 private:
  struct Entry {
    KafkaTopicInfo info;
    bool doubted = false;
    absl::Time missing_since = absl::InfiniteFuture();
  };

  // Partitions, all with a leader; nullopt when there is no such topic.
  absl::StatusOr<std::optional<int32_t>> AskPartitions(const std::string& topic,
                                                       absl::Duration timeout);
  absl::Status Create(const std::string& topic, const TopicOptions& wanted);
  absl::Status CheckSettings(const std::string& topic, const TopicOptions& wanted);
  absl::StatusOr<std::map<std::string, std::string>> AskSettings(const std::string& topic);

  const KafkaContext context_;
  KafkaHandle handle_;
  Mutex mutex_;
  std::map<std::string, Entry> known_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace weft::eventlog::internal
