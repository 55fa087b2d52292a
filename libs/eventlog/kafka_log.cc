#include "libs/eventlog/kafka_log.h"

#include <utility>

#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "libs/eventlog/kafka_client.h"
#include "libs/eventlog/kafka_producer.h"
#include "libs/eventlog/kafka_reader.h"
#include "libs/eventlog/kafka_shared.h"

namespace weft::eventlog {

class KafkaLog::Impl {
 public:
  explicit Impl(KafkaLogOptions given)
      : options(std::move(given)),
        topics(options),
        watch(options, topics, identity),
        producer(shared) {}

  // Destroyed from the last to the first.
  const KafkaLogOptions options;
  internal::KafkaIdentity identity;
  internal::KafkaTopics topics;
  internal::KafkaCounters counters;
  internal::KafkaWatch watch;
  const internal::KafkaShared shared{options, topics, identity, watch, counters};
  internal::KafkaReaders readers;
  internal::KafkaProducer producer;
};

absl::StatusOr<std::unique_ptr<KafkaLog>> KafkaLog::Open(KafkaLogOptions options) {
  if (options.bootstrap_servers.empty()) {
    return InvalidArgument("KAFKA_OPTIONS_INVALID",
                           "bootstrap_servers is empty; give host:port of at least one broker",
                           {{"setting", "bootstrap.servers"}});
  }
  auto impl = std::make_unique<Impl>(std::move(options));
  WEFT_RETURN_IF_ERROR(impl->topics.Start());
  WEFT_RETURN_IF_ERROR(impl->producer.Start());
  impl->watch.Start();
  return std::unique_ptr<KafkaLog>(new KafkaLog(std::move(impl)));
}

KafkaLog::KafkaLog(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
KafkaLog::~KafkaLog() = default;

absl::StatusOr<std::string> KafkaLog::Identity() {
  return impl_->identity.Get(impl_->topics.handle(), impl_->options.request_timeout);
}
absl::Status KafkaLog::EnsureTopic(const std::string& topic, const TopicOptions& options) {
  return impl_->topics.Ensure(topic, options);
}
absl::StatusOr<int32_t> KafkaLog::PartitionCount(const std::string& topic) {
  WEFT_ASSIGN_OR_RETURN(const internal::KafkaTopicInfo info, impl_->topics.Find(topic));
  return info.partitions;
}
void KafkaLog::Append(const TopicPartition& where, std::vector<NewRecord> records,
                      AppendCallback done) {
  impl_->producer.Append(where, std::move(records), std::move(done));
}
absl::StatusOr<std::unique_ptr<Reader>> KafkaLog::OpenReader(
    std::vector<StartPosition> positions) {
  return OpenReader(std::move(positions), impl_->options.lag_group);
}
absl::StatusOr<std::unique_ptr<Reader>> KafkaLog::OpenReader(std::vector<StartPosition> positions,
                                                             const std::string& lag_group) {
  WEFT_ASSIGN_OR_RETURN(auto reader, internal::KafkaReader::Open(impl_->shared, impl_->readers,
                                                                 positions, lag_group));
  return reader;
}
absl::StatusOr<Watermarks> KafkaLog::GetWatermarks(const TopicPartition& where) {
  return impl_->topics.GetWatermarks(where);
}
LogStats KafkaLog::Stats() {
  LogStats stats = impl_->counters.Get();
  stats.cluster_changed = impl_->identity.changed();
  stats.connected = impl_->watch.connected();
  impl_->readers.AddTo(stats);
  return stats;
}

}  // namespace weft::eventlog
