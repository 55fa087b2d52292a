// A librdkafka client with our settings, and what all three of ours share.
#pragma once

#include <librdkafka/rdkafka.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/base/sync.h"
#include "libs/eventlog/kafka_log.h"

namespace weft::eventlog::internal {

// Frees a librdkafka object with its own function.
template <auto kFree>
struct KafkaFree {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
// Ends a client; a consumer leaves what it is assigned first.
struct KafkaEnd {
  void operator()(rd_kafka_t* client) const;
};
using KafkaHandle = std::unique_ptr<rd_kafka_t, KafkaEnd>;
// The same with librdkafka's RD_KAFKA_DESTROY_F_*. Within a time: librdkafka waits for
// ever for a client that asked for offsets of a topic while it was removed. Such a one
// is left behind; nothing of ours hears of it any more.
void EndKafkaClient(KafkaHandle handle, int flags);
using KafkaQueue = std::unique_ptr<rd_kafka_queue_t, KafkaFree<rd_kafka_queue_destroy>>;
using KafkaTopic = std::unique_ptr<rd_kafka_topic_t, KafkaFree<rd_kafka_topic_destroy>>;
using KafkaEvent = std::unique_ptr<rd_kafka_event_t, KafkaFree<rd_kafka_event_destroy>>;
using KafkaMessage = std::unique_ptr<rd_kafka_message_t, KafkaFree<rd_kafka_message_destroy>>;
using KafkaPartitions = std::unique_ptr<rd_kafka_topic_partition_list_t,
                                        KafkaFree<rd_kafka_topic_partition_list_destroy>>;

// Receives a client's callbacks; called by the thread that polls the client.
class KafkaEvents {
 public:
  virtual ~KafkaEvents() = default;
  virtual void OnDelivery(rd_kafka_t* from, const rd_kafka_message_t& message);
  virtual void OnError(rd_kafka_t* from, rd_kafka_resp_err_t code, const std::string& text);
};

// What a client's callbacks need; outlives the handle.
struct KafkaContext {
  const KafkaLogOptions& options;
  KafkaEvents* events = nullptr;  // Null: nobody polls.
};

using KafkaSettings = std::vector<std::pair<std::string, std::string>>;

// KAFKA_OPTIONS_INVALID names the setting. `context` outlives the client.
absl::StatusOr<KafkaHandle> NewKafkaClient(rd_kafka_type_t type, const KafkaContext& context,
                                           const KafkaSettings& settings);

int Milliseconds(absl::Duration duration);

// The record of a message without an error.
Record ToRecord(const rd_kafka_message_t& message);

absl::Status KafkaUnavailable(const std::string& doing, rd_kafka_resp_err_t code);

// LOG_CHANGED: another cluster answers.
absl::Status ClusterChanged();

// The id of the cluster we work with: the first one that was seen. Thread safe.
class KafkaIdentity {
 public:
  // False once `from` knows another cluster id than the one pinned, and ever
  // after. Does not wait.
  bool Holds(rd_kafka_t* from) ABSL_LOCKS_EXCLUDED(mutex_);
  bool changed() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    return changed_;
  }
  // Waits for an id.
  absl::StatusOr<std::string> Get(rd_kafka_t* from, absl::Duration timeout)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void See(const std::string& id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  std::string pinned_ ABSL_GUARDED_BY(mutex_);
  std::string seen_ ABSL_GUARDED_BY(mutex_);
  bool changed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace weft::eventlog::internal
