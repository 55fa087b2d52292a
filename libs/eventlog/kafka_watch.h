// Notices that a Kafka cluster, or a topic of it, is not the one we worked with.
//
// librdkafka follows a wiped broker and a topic made anew under its old name
// without a word, as long as the offset it asks for exists there. So a thread asks
// again, every few seconds, for the cluster's id, and for a record of each topic
// that was read before; whether anybody appends does not matter.
#pragma once

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "libs/base/clock.h"
#include "libs/base/sync.h"
#include "libs/eventlog/kafka_client.h"
#include "libs/eventlog/kafka_topics.h"

namespace weft::eventlog::internal {

// Thread safe. What the constructor takes outlives it.
class KafkaWatch {
 public:
  KafkaWatch(const KafkaLogOptions& options, KafkaTopics& topics, KafkaIdentity& identity)
      : options_(options), topics_(topics), identity_(identity) {}
  ~KafkaWatch();
  void Start();

  // A record that was read (its digest) or confirmed (digest ""): it has to stay
  // there, unless retention or, where `may_be_gone`, compaction takes it.
  void Remember(const TopicPartition& where, int64_t offset, std::string digest, bool may_be_gone)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // LOG_CHANGED once the topic was seen to be another one, and ever after. Costs
  // nothing while none is.
  absl::Status Check(const std::string& topic) ABSL_LOCKS_EXCLUDED(mutex_);
  // `why` is a LOG_CHANGED.
  void MarkChanged(const std::string& topic, absl::Status why) ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether a broker answered when it was asked last.
  bool connected() const { return connected_.load(); }

 private:
  struct Sample {
    TopicPartition where;
    int64_t offset = 0;
    std::string digest;
    bool may_be_gone = true;
  };

  void Run() ABSL_LOCKS_EXCLUDED(mutex_);
  bool AskBrokers();
  void LookAgain() ABSL_LOCKS_EXCLUDED(mutex_);
  // Keeps of `samples` those whose records are to be fetched and compared.
  void CheckEnds(std::vector<Sample>& samples);
  void CompareRecords(std::vector<Sample> samples) ABSL_LOCKS_EXCLUDED(mutex_);
  // Asks for each topic whether it is there at all.
  void LookForTopics(const std::vector<Sample>& samples);
  void Drop(const Sample& sample) ABSL_LOCKS_EXCLUDED(mutex_);
  bool stopping() ABSL_LOCKS_EXCLUDED(mutex_);

  const KafkaLogOptions& options_;
  KafkaTopics& topics_;
  KafkaIdentity& identity_;
  const SystemClock clock_;

  // Looks in a row that found the end of a topic before its sample; the thread's.
  std::map<std::string, int> short_;
  std::atomic<bool> connected_{true};
  std::atomic<bool> any_changed_{false};
  Mutex mutex_;
  CondVar woken_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // By topic: one partition tells of all.
  std::map<std::string, Sample> read_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Sample> appended_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, absl::Status> changed_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace weft::eventlog::internal
