#include "libs/eventlog/kafka_watch.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "libs/base/error.h"
#include "libs/eventlog/fan_out.h"

namespace weft::eventlog::internal {
namespace {

// Of one question; a cluster that is away must not hold up the end of the process.
constexpr absl::Duration kPatience = absl::Seconds(2);
constexpr absl::Duration kSlice = absl::Milliseconds(100);
// A new leader may not know at once how far its followers are.
constexpr int kLooks = 2;

}  // namespace

void KafkaWatch::Start() {
  thread_ = std::thread([this] { Run(); });
}

KafkaWatch::~KafkaWatch() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    woken_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

void KafkaWatch::Remember(const TopicPartition& where, int64_t offset, std::string digest,
                          bool may_be_gone) {
  MutexLock lock(mutex_);
  auto& samples = digest.empty() ? appended_ : read_;
  samples[where.topic] = {where, offset, std::move(digest), may_be_gone};
}

absl::Status KafkaWatch::Check(const std::string& topic) {
  if (!any_changed_.load()) return absl::OkStatus();
  MutexLock lock(mutex_);
  const auto it = changed_.find(topic);
  return it == changed_.end() ? absl::OkStatus() : it->second;
}

void KafkaWatch::MarkChanged(const std::string& topic, absl::Status why) {
  MutexLock lock(mutex_);
  changed_.try_emplace(topic, std::move(why));
  read_.erase(topic);
  appended_.erase(topic);
  any_changed_.store(true);
}

void KafkaWatch::Drop(const Sample& sample) {
  MutexLock lock(mutex_);
  for (auto* const samples : {&read_, &appended_}) {
    const auto it = samples->find(sample.where.topic);
    if (it != samples->end() && it->second.where == sample.where &&
        it->second.offset == sample.offset) {
      samples->erase(it);
    }
  }
}

bool KafkaWatch::stopping() {
  MutexLock lock(mutex_);
  return stopping_;
}

void KafkaWatch::Run() {
  while (true) {
    {
      MutexLock lock(mutex_);
      if (!stopping_) woken_.WaitFor(mutex_, options_.identity_interval);
      if (stopping_) return;
    }
    const bool connected = AskBrokers();
    connected_.store(connected);
    // The answer brought the cluster's id; readers and the producer look at it.
    if (connected && identity_.Holds(topics_.handle())) LookAgain();
  }
}

bool KafkaWatch::AskBrokers() {
  const rd_kafka_metadata_t* answer = nullptr;
  const auto code =
      rd_kafka_metadata(topics_.handle(), 0, nullptr, &answer, Milliseconds(kPatience));
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return false;
  rd_kafka_metadata_destroy(answer);
  return true;
}

void KafkaWatch::LookAgain() {
  std::vector<Sample> samples;
  {
    MutexLock lock(mutex_);
    for (const auto& [topic, sample] : read_) samples.push_back(sample);
    for (const auto& [topic, sample] : appended_) {
      if (read_.count(topic) == 0) samples.push_back(sample);
    }
  }
  CheckEnds(samples);
  if (!samples.empty() && !stopping()) CompareRecords(std::move(samples));
}

void KafkaWatch::LookForTopics(const std::vector<Sample>& samples) {
  for (const Sample& sample : samples) {
    if (stopping()) return;
    if (!absl::IsNotFound(topics_.FindAgain(sample.where.topic, kPatience).status())) continue;
    MarkChanged(sample.where.topic,
                LogChanged(sample.where, sample.offset, "the topic was removed, record"));
  }
}

void KafkaWatch::CheckEnds(std::vector<Sample>& samples) {
  const std::vector<Sample> all = std::exchange(samples, {});
  if (all.empty()) return;
  std::vector<TopicPartition> partitions;
  for (const Sample& sample : all) partitions.push_back(sample.where);
  const auto begins = topics_.AskOffsets(partitions, RD_KAFKA_OFFSET_BEGINNING, kPatience);
  const auto ends = begins.ok() ? topics_.AskOffsets(partitions, RD_KAFKA_OFFSET_END, kPatience)
                                : absl::StatusOr<KafkaPartitions>(begins.status());
  if (!ends.ok()) {
    LookForTopics(all);
    return;
  }
  for (const Sample& sample : all) {
    const auto& [topic, partition] = sample.where;
    const auto* const begin =
        rd_kafka_topic_partition_list_find(begins->get(), topic.c_str(), partition);
    const auto* const end =
        rd_kafka_topic_partition_list_find(ends->get(), topic.c_str(), partition);
    if (begin == nullptr || end == nullptr) continue;
    if (sample.offset >= end->offset) {
      if (++short_[topic] < kLooks) continue;
      MarkChanged(topic, LogChanged(sample.where, sample.offset,
                                    "the topic is a new one that ends before the record"));
      continue;
    }
    short_.erase(topic);
    if (sample.offset < begin->offset) {
      Drop(sample);
    } else if (!sample.digest.empty()) {
      samples.push_back(sample);
    }
  }
}

void KafkaWatch::CompareRecords(std::vector<Sample> samples) {
  rd_kafka_t* const handle = topics_.handle();
  const KafkaPartitions list(rd_kafka_topic_partition_list_new(static_cast<int>(samples.size())));
  for (const Sample& sample : samples) {
    rd_kafka_topic_partition_list_add(list.get(), sample.where.topic.c_str(),
                                      sample.where.partition)
        ->offset = sample.offset;
  }
  if (rd_kafka_assign(handle, list.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
  const absl::Duration until = clock_.Steady() + kPatience;
  while (!samples.empty() && clock_.Steady() < until && !stopping()) {
    const KafkaMessage message(rd_kafka_consumer_poll(handle, Milliseconds(kSlice)));
    if (message == nullptr || message->rkt == nullptr) continue;
    const TopicPartition where = {rd_kafka_topic_name(message->rkt), message->partition};
    const auto it = std::find_if(samples.begin(), samples.end(),
                                 [&](const Sample& sample) { return sample.where == where; });
    if (it == samples.end()) continue;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      const Record record = ToRecord(*message);
      const bool same = record.offset == it->offset && RecordDigest(record) == it->digest;
      if (!same && (record.offset == it->offset || !it->may_be_gone)) {
        MarkChanged(where.topic,
                    LogChanged(where, it->offset, "the topic is a new one, another record"));
      } else if (!same) {
        Drop(*it);  // Compaction took it.
      }
    }
    samples.erase(it);  // An error: the next look decides.
  }
  (void)rd_kafka_assign(handle, nullptr);
}

}  // namespace weft::eventlog::internal
