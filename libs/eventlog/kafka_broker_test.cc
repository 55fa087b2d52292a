// The Kafka log over a real broker: what only a broker does.
#include <catch2/catch.hpp>
#include <map>

#include "absl/time/clock.h"
#include "libs/base/error.h"
#include "libs/eventlog/kafka_client.h"
#include "libs/eventlog/kafka_under_test.h"

namespace weft::eventlog {
namespace {

constexpr absl::Duration kLong = absl::Seconds(60);

NewRecord Make(const std::string& key, std::optional<std::string> value) {
  return {key, {}, std::move(value)};
}

// A topic that is not there when the test begins.
struct FreshTopic {
  explicit FreshTopic(const char* the_name) : name(the_name) { RealKafka::RemoveTopic(the_name); }
  TopicPartition At(int32_t partition) const { return {name, partition}; }
  const std::string name;
};

// Settings of `topic` that Kafka shows.
std::map<std::string, std::string> SettingsOf(const std::string& topic) {
  const internal::KafkaHandle client(
      MustMakeClient(RealKafka::ClientSettings()));
  const internal::KafkaQueue queue(rd_kafka_queue_new(client.get()));
  rd_kafka_ConfigResource_t* resource =
      rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str());
  rd_kafka_DescribeConfigs(client.get(), &resource, 1, nullptr, queue.get());
  rd_kafka_ConfigResource_destroy(resource);
  const internal::KafkaEvent event(rd_kafka_queue_poll(queue.get(), 60'000));
  REQUIRE(event != nullptr);
  size_t count = 0;
  const auto* const* const found = rd_kafka_DescribeConfigs_result_resources(
      rd_kafka_event_DescribeConfigs_result(event.get()), &count);
  REQUIRE(count == 1);
  std::map<std::string, std::string> settings;
  const auto* const* const entries = rd_kafka_ConfigResource_configs(found[0], &count);
  for (size_t i = 0; i < count; ++i) {
    const char* const value = rd_kafka_ConfigEntry_value(entries[i]);
    settings[rd_kafka_ConfigEntry_name(entries[i])] = value == nullptr ? "" : value;
  }
  return settings;
}

// Removes all records before `offset`, as retention would.
void DeleteBefore(const TopicPartition& where, int64_t offset) {
  const internal::KafkaHandle client(
      MustMakeClient(RealKafka::ClientSettings()));
  const internal::KafkaQueue queue(rd_kafka_queue_new(client.get()));
  const internal::KafkaPartitions list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), where.topic.c_str(), where.partition)->offset =
      offset;
  rd_kafka_DeleteRecords_t* request = rd_kafka_DeleteRecords_new(list.get());
  rd_kafka_DeleteRecords(client.get(), &request, 1, nullptr, queue.get());
  const internal::KafkaEvent event(rd_kafka_queue_poll(queue.get(), 120'000));
  rd_kafka_DeleteRecords_destroy(request);
  REQUIRE(event != nullptr);
  REQUIRE(rd_kafka_event_error(event.get()) == RD_KAFKA_RESP_ERR_NO_ERROR);
}

absl::Status FirstError(Reader& reader) {
  for (int i = 0; i < 600; ++i) {
    const auto polled = reader.Poll(absl::Milliseconds(100), 100);
    if (!polled.ok()) return polled.status();
  }
  return absl::OkStatus();
}

TEST_CASE("a broker that asks who comes answers nobody else", "[eventlog][broker][secure]") {
  if (!RealKafka::IsSecure()) return;  // Others ask nobody.
  const auto refused = [](KafkaLogOptions options) {
    options.request_timeout = absl::Seconds(3);
    const auto log = MustOpenKafka(std::move(options));
    return ReasonOf(log->Identity().status());
  };
  KafkaLogOptions stranger = RealKafka::Options();
  stranger.sasl_password = "a guess";
  CHECK(refused(stranger) == "LOG_UNAVAILABLE");
  // Whoever signs is known by the file that is given, not by what the machine trusts.
  KafkaLogOptions other_signer = RealKafka::Options();
  other_signer.ssl_ca_file = "";
  CHECK(refused(other_signer) == "LOG_UNAVAILABLE");
  KafkaLogOptions plain = RealKafka::Options();
  plain.security_protocol = "plaintext";
  plain.sasl_mechanism = plain.sasl_username = plain.sasl_password = plain.ssl_ca_file = "";
  CHECK(refused(plain) == "LOG_UNAVAILABLE");
  CHECK(MustOpenKafka(RealKafka::Options())->Identity().ok());
}

TEST_CASE("a topic is made with the settings asked for", "[eventlog][broker]") {
  const auto log = MustOpenKafka(RealKafka::Options());
  const FreshTopic history("weft.test.history.v1");
  const FreshTopic table("weft.test.table.v1");

  REQUIRE(log->EnsureTopic(history.name, {.partitions = 3,
                                          .retention_time = absl::Hours(2),
                                          .retention_bytes = 5'000'000,
                                          .max_record_bytes = 3 << 20})
              .ok());
  REQUIRE(log->EnsureTopic(table.name, {.partitions = 2, .compacted = true}).ok());

  auto made = SettingsOf(history.name);
  CHECK(made["cleanup.policy"] == "delete");
  CHECK(made["message.timestamp.type"] == "LogAppendTime");
  CHECK(made["retention.ms"] == "7200000");
  CHECK(made["retention.bytes"] == "5000000");
  CHECK(std::stoll(made["max.message.bytes"]) >= 3 << 20);
  made = SettingsOf(table.name);
  CHECK(made["cleanup.policy"] == "compact");
  CHECK(made["retention.ms"] == "-1");
  CHECK(made["delete.retention.ms"] == "86400000");
  CHECK(*log->PartitionCount(history.name) == 3);
  // The largest record goes through.
  CHECK(AppendAndWait(*log, history.At(0), {Make("", std::string(3 << 20, 'x'))}).ok());
}

TEST_CASE("a topic made by others with other settings is TOPIC_MISMATCH", "[eventlog][broker]") {
  const auto log = MustOpenKafka(RealKafka::Options());
  const FreshTopic topic("weft.test.foreign.v1");
  {
    const internal::KafkaHandle client(
        MustMakeClient(RealKafka::ClientSettings()));
    const internal::KafkaQueue queue(rd_kafka_queue_new(client.get()));
    std::array<char, 512> text{};
    rd_kafka_NewTopic_t* made =
        rd_kafka_NewTopic_new(topic.name.c_str(), 4, 1, text.data(), text.size());
    rd_kafka_CreateTopics(client.get(), &made, 1, nullptr, queue.get());
    const internal::KafkaEvent event(rd_kafka_queue_poll(queue.get(), 120'000));
    rd_kafka_NewTopic_destroy(made);
    REQUIRE(event != nullptr);
  }

  const absl::Status refused = log->EnsureTopic(topic.name, {.partitions = 4});

  // Its records carry the time their writer claims.
  CHECK(ReasonOf(refused) == "TOPIC_MISMATCH");
  CHECK_THAT(std::string(refused.message()), Catch::Contains("message.timestamp.type"));
}

TEST_CASE("a topic that keeps less than we need is TOPIC_MISMATCH, unless an operator says so",
          "[eventlog][broker]") {
  const auto log = MustOpenKafka(RealKafka::Options());
  const FreshTopic topic("weft.test.short.v1");
  const TopicOptions small = {.partitions = 1,
                              .retention_time = absl::Hours(1),
                              .retention_bytes = 1'000'000,
                              .max_record_bytes = 1 << 20};
  REQUIRE(log->EnsureTopic(topic.name, small).ok());

  // Less is asked for than is there.
  TopicOptions less = small;
  less.retention_time = absl::Minutes(1);
  CHECK(log->EnsureTopic(topic.name, less).ok());
  const absl::Status refused =
      log->EnsureTopic(topic.name, {.partitions = 1, .max_record_bytes = 3 << 20});
  CHECK(ReasonOf(refused) == "TOPIC_MISMATCH");
  for (const char* const setting : {"retention.ms is 3600000", "retention.bytes is 1000000",
                                    "max.message.bytes is "}) {
    CHECK_THAT(std::string(refused.message()), Catch::Contains(setting));
  }
  TopicOptions table = small;
  table.compacted = true;
  CHECK(ReasonOf(log->EnsureTopic(topic.name, table)) == "TOPIC_MISMATCH");

  KafkaLogOptions options = RealKafka::Options();
  options.retention_is_operators = {topic.name};
  const auto lenient = MustOpenKafka(options);
  CHECK(lenient->EnsureTopic(topic.name, {.partitions = 1}).ok());
  // How long records may be is no matter of retention.
  CHECK(ReasonOf(lenient->EnsureTopic(topic.name, {.partitions = 1, .max_record_bytes = 3 << 20})) ==
        "TOPIC_MISMATCH");
}

TEST_CASE("append times of a partition never go back", "[eventlog][broker]") {
  const auto log = MustOpenKafka(RealKafka::Options());
  const FreshTopic topic("weft.test.times.v1");
  REQUIRE(log->EnsureTopic(topic.name, {.partitions = 1}).ok());
  const absl::Time before = absl::Now() - absl::Seconds(1);
  for (int i = 0; i < 20; ++i) {
    REQUIRE(AppendAndWait(*log, topic.At(0), {Make("k", "v"), Make("k", "w")}).ok());
  }

  auto reader = log->OpenReader({{topic.At(0), 0, {}}});
  REQUIRE(reader.ok());
  absl::Time last = before;
  for (int seen = 0; seen < 40;) {
    const auto batches = (*reader)->Poll(kLong, 100);
    REQUIRE(batches.ok());
    REQUIRE_FALSE(batches->empty());
    for (const Record& record : batches->front().records) {
      ++seen;
      CHECK(record.append_time >= last);
      last = record.append_time;
    }
  }
  CHECK(last <= absl::Now() + absl::Seconds(1));
}

TEST_CASE("a position that retention passed is OFFSET_GONE", "[eventlog][broker]") {
  const auto log = MustOpenKafka(RealKafka::Options());
  const FreshTopic topic("weft.test.retention.v1");
  REQUIRE(log->EnsureTopic(topic.name, {.partitions = 1}).ok());
  std::vector<NewRecord> records;
  for (int i = 0; i < 10; ++i) records.push_back(Make("k", std::to_string(i)));
  REQUIRE(AppendAndWait(*log, topic.At(0), std::move(records)).ok());

  DeleteBefore(topic.At(0), 6);

  CHECK(log->GetWatermarks(topic.At(0))->begin == 6);
  CHECK(log->GetWatermarks(topic.At(0))->end == 10);
  const absl::Status gone = FirstError(**log->OpenReader({{topic.At(0), 5, {}}}));
  CHECK(gone.code() == absl::StatusCode::kOutOfRange);
  CHECK(ReasonOf(gone) == "OFFSET_GONE");
  // The record applied last went with the others, the position did not.
  const auto reader =
      log->OpenReader({{topic.At(0), 6, StartPosition::Applied{5, "whatever it was"}}});
  REQUIRE(reader.ok());
  const auto batches = (*reader)->Poll(kLong, 100);
  REQUIRE(batches.ok());
  REQUIRE_FALSE(batches->empty());
  CHECK(batches->front().records.front().offset == 6);
}

TEST_CASE("a topic made anew under its name is LOG_CHANGED for who remembers",
          "[eventlog][broker]") {
  const FreshTopic topic("weft.test.anew.v1");
  std::string remembered;
  {
    const auto log = MustOpenKafka(RealKafka::Options());
    REQUIRE(log->EnsureTopic(topic.name, {.partitions = 1}).ok());
    REQUIRE(AppendAndWait(*log, topic.At(0), {Make("k", "old")}).ok());
    auto reader = log->OpenReader({{topic.At(0), 0, {}}});
    REQUIRE(reader.ok());
    const auto batches = (*reader)->Poll(kLong, 1);
    REQUIRE(batches.ok());
    REQUIRE_FALSE(batches->empty());
    remembered = RecordDigest(batches->front().records.front());
  }
  RealKafka::RemoveTopic(topic.name.c_str());
  const auto log = MustOpenKafka(RealKafka::Options());
  REQUIRE(log->EnsureTopic(topic.name, {.partitions = 1}).ok());
  const StartPosition position = {topic.At(0), 1, StartPosition::Applied{0, remembered}};

  // Shorter than our position, and then as long as it with other records.
  CHECK(ReasonOf(FirstError(**log->OpenReader({position}))) == "LOG_CHANGED");
  REQUIRE(AppendAndWait(*log, topic.At(0), {Make("k", "new")}).ok());
  CHECK(ReasonOf(FirstError(**log->OpenReader({position}))) == "LOG_CHANGED");
}

TEST_CASE("what a reader handed out shows as the group's lag", "[eventlog][broker]") {
  KafkaLogOptions options = RealKafka::Options();
  options.lag_group = "weft-test-lag";
  const auto log = MustOpenKafka(options);
  const FreshTopic topic("weft.test.lag.v1");
  REQUIRE(log->EnsureTopic(topic.name, {.partitions = 1}).ok());
  REQUIRE(AppendAndWait(*log, topic.At(0), {Make("k", "1"), Make("k", "2")}).ok());
  auto reader = log->OpenReader({{topic.At(0), 0, {}}});
  REQUIRE(reader.ok());

  static const KafkaLogOptions kPlain = RealKafka::Options();
  static const internal::KafkaContext kContext{kPlain, nullptr};
  const auto asking =
      internal::NewKafkaClient(RD_KAFKA_CONSUMER, kContext, {{"group.id", options.lag_group}});
  REQUIRE(asking.ok());
  const internal::KafkaPartitions list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), topic.name.c_str(), 0);
  int64_t committed = -1;
  for (int i = 0; i < 120 && committed != 2; ++i) {
    REQUIRE((*reader)->Poll(absl::Milliseconds(500), 100).ok());
    if (rd_kafka_committed(asking->get(), list.get(), 10'000) == RD_KAFKA_RESP_ERR_NO_ERROR) {
      committed = list->elems[0].offset;
    }
  }
  CHECK(committed == 2);
}

}  // namespace
}  // namespace weft::eventlog
