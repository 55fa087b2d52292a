#include "libs/eventlog/kafka_topics.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "libs/eventlog/fan_out.h"

namespace weft::eventlog::internal {
namespace {

// Kafka limits a batch, not a record, and our producer fills batches to 1 MB:
// a topic takes that much however small its records are.
constexpr int64_t kSmallestBatchLimit = 1 << 20;
constexpr int64_t kFrameBytes = 64 << 10;
// A consumer that was away for less than this sees every tombstone.
constexpr absl::Duration kTombstoneRetention = absl::Hours(24);
constexpr absl::Duration kPause = absl::Milliseconds(50);
constexpr absl::Duration kMissingFor = absl::Seconds(3);

std::string RetentionMs(absl::Duration time) {
  if (time == absl::InfiniteDuration()) return "-1";
  return absl::StrCat(absl::ToInt64Milliseconds(time));
}

int64_t BatchLimit(const TopicOptions& options) {
  return std::max(options.max_record_bytes, kSmallestBatchLimit) + kFrameBytes;
}

// The answer to an admin request, or why there is none.
absl::StatusOr<KafkaEvent> Answer(rd_kafka_queue_t* queue, absl::Duration timeout,
                                  const char* doing) {
  KafkaEvent event(rd_kafka_queue_poll(queue, Milliseconds(timeout)));
  if (event == nullptr) return LogUnavailable(absl::StrCat(doing, ": no answer in time"));
  if (const auto code = rd_kafka_event_error(event.get()); code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return KafkaUnavailable(doing, code);
  }
  return event;
}

absl::Status Refused(const std::string& topic, const char* doing, rd_kafka_resp_err_t code,
                     const char* text) {
  const std::string why = text == nullptr ? rd_kafka_err2str(code) : text;
  switch (code) {
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
      return PermissionDenied("LOG_REFUSED",
                              absl::StrCat("Kafka does not let us ", doing, " ", topic,
                                           "; grant it, or set manage_topics to false: ", why),
                              {{"topic", topic}});
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
      return InvalidArgument("TOPIC_INVALID",
                             absl::StrCat("Kafka does not ", doing, " ", topic, ": ", why),
                             {{"topic", topic}});
    default:
      return LogUnavailable(absl::StrCat("to ", doing, " ", topic, ": ", why));
  }
}

}  // namespace

absl::Status KafkaTopics::Start() {
  // A consumer, because a producer's questions create the topic on clusters
  // that allow it.
  WEFT_ASSIGN_OR_RETURN(
      handle_, NewKafkaClient(RD_KAFKA_CONSUMER, context_,
                              {{"group.id", "weft"},
                               {"allow.auto.create.topics", "false"},
                               // For the records KafkaWatch looks at again.
                               {"enable.auto.commit", "false"},
                               {"enable.auto.offset.store", "false"},
                               {"auto.offset.reset", "error"},
                               {"fetch.wait.max.ms", "50"},
                               {"fetch.message.max.bytes", "1"},
                               {"queued.min.messages", "1"},
                               {"queued.max.messages.kbytes", "1024"}}));
  rd_kafka_poll_set_consumer(handle_.get());
  return absl::OkStatus();
}

std::optional<KafkaTopicInfo> KafkaTopics::Known(const std::string& topic) {
  MutexLock lock(mutex_);
  const auto it = known_.find(topic);
  if (it == known_.end() || it->second.doubted) return std::nullopt;
  return it->second.info;
}

void KafkaTopics::Doubt(const std::string& topic) {
  MutexLock lock(mutex_);
  const auto it = known_.find(topic);
  if (it != known_.end()) it->second.doubted = true;
}

absl::StatusOr<KafkaTopicInfo> KafkaTopics::Find(const std::string& topic) {
  if (const auto known = Known(topic); known.has_value()) return *known;
  return FindAgain(topic, context_.options.request_timeout);
}

absl::StatusOr<KafkaTopicInfo> KafkaTopics::FindAgain(const std::string& topic,
                                                      absl::Duration timeout) {
  WEFT_ASSIGN_OR_RETURN(const auto partitions, AskPartitions(topic, timeout));
  MutexLock lock(mutex_);
  const auto it = known_.find(topic);
  if (partitions.has_value()) {
    // Somebody may have ensured it meanwhile, and knows more.
    const KafkaTopicInfo fresh{*partitions, context_.options.max_record_bytes, {}};
    Entry& entry = known_.try_emplace(topic, Entry{fresh}).first->second;
    entry.doubted = false;
    entry.missing_since = absl::InfiniteFuture();
    return entry.info;
  }
  if (it == known_.end()) return TopicUnknown(topic);
  absl::Time& since = it->second.missing_since;
  since = std::min(since, absl::Now());
  if (absl::Now() - since < kMissingFor) {
    return LogUnavailable(absl::StrCat("the broker does not know ", topic, " at the moment"));
  }
  return TopicUnknown(topic);
}

absl::Status KafkaTopics::Check(const TopicPartition& where) {
  WEFT_ASSIGN_OR_RETURN(const KafkaTopicInfo info, Find(where.topic));
  if (where.partition < 0 || where.partition >= info.partitions) return PartitionUnknown(where);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<int32_t>> KafkaTopics::AskPartitions(const std::string& topic,
                                                                 absl::Duration timeout) {
  if (topic.empty()) return std::optional<int32_t>();
  const KafkaTopic local(rd_kafka_topic_new(handle_.get(), topic.c_str(), nullptr));
  if (local == nullptr) return std::optional<int32_t>();
  const rd_kafka_metadata_t* answer = nullptr;
  const auto code =
      rd_kafka_metadata(handle_.get(), 0, local.get(), &answer, Milliseconds(timeout));
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return KafkaUnavailable("ask for topics", code);
  const std::unique_ptr<const rd_kafka_metadata_t, KafkaFree<rd_kafka_metadata_destroy>> metadata(
      answer);
  for (int t = 0; t < metadata->topic_cnt; ++t) {
    const rd_kafka_metadata_topic& found = metadata->topics[t];
    if (found.topic != topic) continue;
    switch (found.err) {
      case RD_KAFKA_RESP_ERR_NO_ERROR:
        break;
      case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
      case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
        return std::optional<int32_t>();
      default:
        return Refused(topic, "look up", found.err, nullptr);
    }
    for (int p = 0; p < found.partition_cnt; ++p) {
      if (found.partitions[p].leader < 0) {
        return LogUnavailable(absl::StrCat("partition ", p, " of ", topic, " has no leader"));
      }
    }
    return std::optional<int32_t>(found.partition_cnt);
  }
  return std::optional<int32_t>();
}

absl::Status KafkaTopics::Ensure(const std::string& topic, const TopicOptions& wanted) {
  const int64_t largest = context_.options.max_record_bytes;
  if (topic.empty() || wanted.partitions < 1 || wanted.partitions > 65535) {
    return InvalidArgument("TOPIC_INVALID", "a topic has a name and 1 to 65535 partitions",
                           {{"topic", topic}});
  }
  if (wanted.max_record_bytes > largest) {
    return InvalidArgument("TOPIC_INVALID",
                           absl::StrCat("records of ", topic, " may have ",
                                        wanted.max_record_bytes, " octets, this log's ", largest),
                           {{"topic", topic}});
  }
  const absl::Time until = absl::Now() + context_.options.request_timeout;
  bool created = false;
  absl::StatusOr<std::optional<int32_t>> partitions;
  while (true) {
    partitions = AskPartitions(topic, context_.options.request_timeout);
    if (partitions.ok() && partitions->has_value()) break;
    if (partitions.ok() && !created) {
      if (!context_.options.manage_topics) return TopicUnknown(topic);
      WEFT_RETURN_IF_ERROR(Create(topic, wanted));
      created = true;
    }
    // Brokers hear of a new topic, and elect its leaders, one after the other.
    if (absl::Now() >= until) {
      return partitions.ok() ? LogUnavailable(absl::StrCat(topic, " was created and is not seen"))
                             : partitions.status();
    }
    absl::SleepFor(kPause);
  }
  if (**partitions != wanted.partitions) {
    return TopicMismatch(topic, absl::StrCat("it has ", **partitions, " partitions, not ",
                                             wanted.partitions));
  }
  if (context_.options.manage_topics) WEFT_RETURN_IF_ERROR(CheckSettings(topic, wanted));
  if (created) {
    // A leader that has a name may not serve yet, and a producer takes its
    // refusal for final.
    std::vector<TopicPartition> all;
    for (int32_t p = 0; p < wanted.partitions; ++p) all.push_back({topic, p});
    WEFT_RETURN_IF_ERROR(AskOffsets(all, RD_KAFKA_OFFSET_END, context_.options.request_timeout).status());
  }
  MutexLock lock(mutex_);
  known_[topic] = {{wanted.partitions, wanted.max_record_bytes, wanted.compacted}};
  return absl::OkStatus();
}

absl::Status KafkaTopics::Create(const std::string& topic, const TopicOptions& wanted) {
  std::array<char, 512> text{};
  const KafkaLogOptions& options = context_.options;
  const std::unique_ptr<rd_kafka_NewTopic_t, KafkaFree<rd_kafka_NewTopic_destroy>> made(
      rd_kafka_NewTopic_new(topic.c_str(), wanted.partitions, options.replication_factor,
                            text.data(), text.size()));
  if (made == nullptr) {
    return InvalidArgument("TOPIC_INVALID", absl::StrCat(topic, ": ", text.data()),
                           {{"topic", topic}});
  }
  KafkaSettings settings = {
      {"cleanup.policy", wanted.compacted ? "compact" : "delete"},
      {"message.timestamp.type", "LogAppendTime"},
      {"max.message.bytes", absl::StrCat(BatchLimit(wanted))},
      {"retention.ms", RetentionMs(wanted.retention_time)},
      {"retention.bytes", absl::StrCat(wanted.retention_bytes)},
      {"delete.retention.ms", RetentionMs(kTombstoneRetention)},
  };
  if (options.min_insync_replicas > 0) {
    settings.emplace_back("min.insync.replicas", absl::StrCat(options.min_insync_replicas));
  }
  for (const auto& [name, value] : settings) {
    rd_kafka_NewTopic_set_config(made.get(), name.c_str(), value.c_str());
  }
  const std::unique_ptr<rd_kafka_AdminOptions_t, KafkaFree<rd_kafka_AdminOptions_destroy>> admin(
      rd_kafka_AdminOptions_new(handle_.get(), RD_KAFKA_ADMIN_OP_CREATETOPICS));
  rd_kafka_AdminOptions_set_operation_timeout(
      admin.get(), Milliseconds(options.request_timeout), text.data(), text.size());
  const KafkaQueue queue(rd_kafka_queue_new(handle_.get()));
  rd_kafka_NewTopic_t* one = made.get();
  rd_kafka_CreateTopics(handle_.get(), &one, 1, admin.get(), queue.get());
  // The client gives up first; this is for a client that does not.
  WEFT_ASSIGN_OR_RETURN(const KafkaEvent event,
                        Answer(queue.get(), options.request_timeout * 3, "create a topic"));
  size_t count = 0;
  const auto* const* const results = rd_kafka_CreateTopics_result_topics(
      rd_kafka_event_CreateTopics_result(event.get()), &count);
  if (count != 1) return LogUnavailable("to create a topic was answered with nothing");
  const auto code = rd_kafka_topic_result_error(results[0]);
  // Another process was faster: its settings are checked like any others.
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
    return absl::OkStatus();
  }
  return Refused(topic, "create", code, rd_kafka_topic_result_error_string(results[0]));
}

absl::StatusOr<std::map<std::string, std::string>> KafkaTopics::AskSettings(
    const std::string& topic) {
  const std::unique_ptr<rd_kafka_ConfigResource_t, KafkaFree<rd_kafka_ConfigResource_destroy>>
      resource(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()));
  const KafkaQueue queue(rd_kafka_queue_new(handle_.get()));
  rd_kafka_ConfigResource_t* one = resource.get();
  rd_kafka_DescribeConfigs(handle_.get(), &one, 1, nullptr, queue.get());
  WEFT_ASSIGN_OR_RETURN(
      const KafkaEvent event,
      Answer(queue.get(), context_.options.request_timeout * 4, "read a topic's settings"));
  size_t count = 0;
  const auto* const* const results = rd_kafka_DescribeConfigs_result_resources(
      rd_kafka_event_DescribeConfigs_result(event.get()), &count);
  std::map<std::string, std::string> settings;
  if (count != 1) return settings;
  const auto code = rd_kafka_ConfigResource_error(results[0]);
  // Not every broker knows a topic that was just made.
  if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) return settings;
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return Refused(topic, "read the settings of", code,
                   rd_kafka_ConfigResource_error_string(results[0]));
  }
  const auto* const* const entries = rd_kafka_ConfigResource_configs(results[0], &count);
  for (size_t i = 0; i < count; ++i) {
    const char* const value = rd_kafka_ConfigEntry_value(entries[i]);
    settings[rd_kafka_ConfigEntry_name(entries[i])] = value == nullptr ? "" : value;
  }
  return settings;
}

absl::Status KafkaTopics::CheckSettings(const std::string& topic, const TopicOptions& wanted) {
  const absl::Time until = absl::Now() + context_.options.request_timeout;
  std::map<std::string, std::string> settings;
  while (settings.empty()) {
    WEFT_ASSIGN_OR_RETURN(settings, AskSettings(topic));
    if (!settings.empty()) break;
    if (absl::Now() >= until) return LogUnavailable(absl::StrCat(topic, " shows no settings"));
    absl::SleepFor(kPause);
  }
  // All at once: an operator wants to hear it once.
  std::vector<std::string> wrong;
  const auto expect = [&](const char* name, const std::string& value, const char* why) {
    if (settings[name] == value) return;
    wrong.push_back(absl::StrCat(name, " is ", settings[name], ", not ", value, why));
  };
  // -1 is without a limit.
  const auto expect_at_least = [&](const char* name, int64_t value, const char* why) {
    int64_t found = 0;
    if (absl::SimpleAtoi(settings[name], &found) &&
        (found == -1 || (value != -1 && found >= value))) {
      return;
    }
    wrong.push_back(absl::StrCat(name, " is ", settings[name], ", less than ", value, why));
  };
  expect("message.timestamp.type", "LogAppendTime", "");
  expect_at_least("max.message.bytes", BatchLimit(wanted), "");
  if (context_.options.retention_is_operators.count(topic) == 0) {
    expect("cleanup.policy", wanted.compacted ? "compact" : "delete", "");
    if (!wanted.compacted) {
      int64_t wanted_ms = -1;
      (void)absl::SimpleAtoi(RetentionMs(wanted.retention_time), &wanted_ms);
      expect_at_least("retention.ms", wanted_ms, " (-1 = kept in full)");
      expect_at_least("retention.bytes", wanted.retention_bytes, " (-1 = kept in full)");
    }
  }
  if (context_.options.min_insync_replicas > 0) {
    expect_at_least("min.insync.replicas", context_.options.min_insync_replicas, "");
  }
  if (wrong.empty()) return absl::OkStatus();
  return TopicMismatch(topic, absl::StrCat("its ", absl::StrJoin(wrong, "; its "),
                                           "; change it with kafka-configs, or use another name"));
}

absl::StatusOr<Watermarks> KafkaTopics::GetWatermarks(const TopicPartition& where) {
  WEFT_RETURN_IF_ERROR(Check(where));
  const absl::Duration timeout = context_.options.request_timeout;
  WEFT_ASSIGN_OR_RETURN(const KafkaPartitions begin,
                        AskOffsets({where}, RD_KAFKA_OFFSET_BEGINNING, timeout));
  WEFT_ASSIGN_OR_RETURN(const KafkaPartitions end,
                        AskOffsets({where}, RD_KAFKA_OFFSET_END, timeout));
  return Watermarks{begin->elems[0].offset, end->elems[0].offset};
}

absl::StatusOr<KafkaPartitions> KafkaTopics::AskOffsets(
    const std::vector<TopicPartition>& partitions, int64_t which, absl::Duration timeout) {
  const absl::Time until = absl::Now() + timeout;
  while (true) {
    KafkaPartitions list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
    for (const TopicPartition& where : partitions) {
      // The protocol asks for both ends as if they were times.
      rd_kafka_topic_partition_list_add(list.get(), where.topic.c_str(), where.partition)
          ->offset = which;
    }
    auto code = rd_kafka_offsets_for_times(handle_.get(), list.get(), Milliseconds(timeout));
    for (int i = 0; i < list->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; ++i) {
      code = list->elems[i].err;
    }
    switch (code) {
      case RD_KAFKA_RESP_ERR_NO_ERROR:
        return list;
      case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
      case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
      case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:  // A topic that was just made.
      case RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH:
      case RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH:
      case RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE:  // A leader that is new itself.
        if (absl::Now() < until) break;
        [[fallthrough]];
      default:
        return KafkaUnavailable("ask for offsets", code);
    }
    absl::SleepFor(kPause);
  }
}

}  // namespace weft::eventlog::internal
