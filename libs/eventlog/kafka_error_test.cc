// Every error a broker may answer with, over the mock cluster: which ones pass
// unseen, which ones the caller sees, and that the log goes on after each.
#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/error.h"
#include "libs/eventlog/kafka_producer.h"
#include "libs/eventlog/kafka_reader.h"
#include "libs/eventlog/kafka_under_test.h"

namespace weft::eventlog {
namespace {

constexpr char kTopic[] = "weft.test.errors.v1";
constexpr absl::Duration kLong = absl::Seconds(30);
// The protocol's numbers of requests.
constexpr int16_t kProduce = 0;
constexpr int16_t kFetch = 1;
constexpr int16_t kListOffsets = 2;
constexpr int16_t kInitProducerId = 22;

TopicPartition At(int32_t partition) { return {kTopic, partition}; }
std::vector<NewRecord> Make(int number) { return {{"k", {}, absl::StrCat(number)}}; }

// Appends 0, 1, ... `count` - 1; each is repeated until it is confirmed.
void AppendNumbers(EventLog& log, int from, int count) {
  for (int i = from; i < from + count; ++i) {
    absl::StatusOr<int64_t> result;
    // A repeat may come before the log knows that the failure was heard.
    for (int attempt = 0; attempt < 5'000; ++attempt) {
      result = AppendAndWait(log, At(0), Make(i));
      if (result.ok()) break;
      absl::SleepFor(absl::Milliseconds(1));
    }
    INFO(result.status());
    REQUIRE(result.ok());
  }
}

// Reads `count` values; errors of the reader are gathered.
std::vector<std::string> ReadValues(Reader& reader, size_t count,
                                    std::vector<absl::Status>* errors = nullptr) {
  std::vector<std::string> values;
  for (int i = 0; i < 600 && values.size() < count; ++i) {
    const auto batches = reader.Poll(absl::Milliseconds(100), 1000);
    if (!batches.ok()) {
      if (errors != nullptr) errors->push_back(batches.status());
      continue;
    }
    for (const Batch& batch : *batches) {
      for (const Record& record : batch.records) values.push_back(*record.value);
    }
  }
  return values;
}

std::vector<std::string> Numbers(int count) {
  std::vector<std::string> numbers;
  for (int i = 0; i < count; ++i) numbers.push_back(absl::StrCat(i));
  return numbers;
}

TEST_CASE("what a broker answers to an append is passed over, or answered and passed over",
          "[eventlog][kafka]") {
  struct Row {
    rd_kafka_resp_err_t code;
    const char* reason;  // What the caller sees; "" = nothing.
  };
  const auto row = GENERATE(
      Row{RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, ""},
      Row{RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, ""},
      Row{RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, ""}, Row{RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE, ""},
      Row{RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, ""},
      Row{RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND, ""},
      Row{RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR, ""},
      Row{RD_KAFKA_RESP_ERR__TRANSPORT, ""},  // The connection breaks.
      Row{RD_KAFKA_RESP_ERR_UNKNOWN, "LOG_UNAVAILABLE"},
      Row{RD_KAFKA_RESP_ERR_INVALID_MSG, "LOG_UNAVAILABLE"},
      Row{RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, "LOG_UNAVAILABLE"},
      Row{RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, "LOG_UNAVAILABLE"},
      Row{RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, "LOG_UNAVAILABLE"},
      Row{RD_KAFKA_RESP_ERR_POLICY_VIOLATION, "LOG_UNAVAILABLE"},
      Row{RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, "RECORD_TOO_LARGE"},
      // Fatal for an idempotent producer.
      Row{RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "LOG_UNAVAILABLE"},
      Row{RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, "LOG_UNAVAILABLE"});
  CAPTURE(rd_kafka_err2name(row.code));
  MockCluster cluster;
  LogOnMock log(cluster, cluster.Options());
  REQUIRE(log.EnsureTopic(kTopic, {.partitions = 1}).ok());
  AppendNumbers(log, 0, 1);

  rd_kafka_mock_push_request_errors(cluster.get(), kProduce, 1, row.code);
  const auto result = AppendAndWait(log, At(0), Make(1));

  if (row.reason[0] == '\0') {
    INFO(result.status());
    CHECK(result.ok());
  } else {
    CHECK(ReasonOf(result.status()) == row.reason);
    AppendNumbers(log, 1, 1);
  }
  AppendNumbers(log, 2, 2);
  CHECK(ReadValues(**log.OpenReader({{At(0), 0, {}}}), 4) == Numbers(4));
  // A repeat that comes too early fails behind the first.
  const bool passed_over = row.reason[0] == '\0';
  CHECK((log.Stats().topics[kTopic].append_failed == 0) == passed_over);
  CHECK(log.Stats().producers_renewed == (passed_over ? 0 : 1));
}

TEST_CASE("a producer that is not given its id asks again", "[eventlog][kafka]") {
  const auto code = GENERATE(RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
                             RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
                             RD_KAFKA_RESP_ERR_NOT_COORDINATOR);
  CAPTURE(rd_kafka_err2name(code));
  MockCluster cluster;
  rd_kafka_mock_push_request_errors(cluster.get(), kInitProducerId, 2, code, code);
  LogOnMock log(cluster, cluster.Options());
  REQUIRE(log.EnsureTopic(kTopic, {.partitions = 1}).ok());

  CHECK(AppendAndWait(log, At(0), Make(0)).ok());
  CHECK(log.Stats().producers_renewed == 0);
}

TEST_CASE("a producer broken for good is replaced, and its appends are answered",
          "[eventlog][kafka]") {
  MockCluster cluster;
  LogOnMock log(cluster, cluster.Options());
  REQUIRE(log.EnsureTopic(kTopic, {.partitions = 1}).ok());
  const KafkaLogOptions options = cluster.Options();
  internal::KafkaIdentity identity;
  internal::KafkaTopics topics(options);
  REQUIRE(topics.Start().ok());
  internal::KafkaCounters counters;
  internal::KafkaWatch watch(options, topics, identity);
  const internal::KafkaShared shared{options, topics, identity, watch, counters};
  internal::KafkaProducer producer(shared);
  REQUIRE(producer.Start().ok());
  const auto append = [&](int number) {
    Mutex mutex;
    CondVar answered;
    std::optional<absl::StatusOr<int64_t>> result;
    producer.Append(At(0), Make(number), [&](absl::StatusOr<int64_t> given) {
      MutexLock lock(mutex);
      result = std::move(given);
      answered.NotifyAll();
    });
    MutexLock lock(mutex);
    while (!result.has_value()) answered.Wait(mutex);
    return *result;
  };
  REQUIRE(append(0).ok());

  rd_kafka_mock_broker_set_rtt(cluster.get(), 1, 200);
  for (int round = 0; round < 3; ++round) {
    CAPTURE(round);
    (void)rd_kafka_test_fatal_error(producer.handle_for_test(),
                                    RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "injected");
    // Fails, or succeeds when the new client was faster than the caller.
    const auto result = append(round + 1);
    if (!result.ok()) CHECK(ReasonOf(result.status()) == "LOG_UNAVAILABLE");
    int attempts = 0;
    while (!append(round + 1).ok() && ++attempts < 50) {
    }
    CHECK(attempts < 50);
  }
  CHECK(counters.Get().producers_renewed == 3);
}

TEST_CASE("what a broker answers to a fetch loses nothing and repeats nothing",
          "[eventlog][kafka]") {
  const auto code = GENERATE(
      RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
      RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE,
      RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
      RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH, RD_KAFKA_RESP_ERR_UNKNOWN,
      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR__TRANSPORT,
      // Not true: the offset is there.
      RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE);
  CAPTURE(rd_kafka_err2name(code));
  MockCluster cluster;
  LogOnMock log(cluster, cluster.Options());
  REQUIRE(log.EnsureTopic(kTopic, {.partitions = 1}).ok());
  AppendNumbers(log, 0, 3);
  auto reader = log.OpenReader({{At(0), 0, {}}});
  REQUIRE(reader.ok());
  REQUIRE(ReadValues(**reader, 3) == Numbers(3));

  rd_kafka_mock_push_request_errors(cluster.get(), kFetch, 2, code, code);
  AppendNumbers(log, 3, 3);

  std::vector<absl::Status> errors;
  CHECK(ReadValues(**reader, 3, &errors) == std::vector<std::string>{"3", "4", "5"});
  for (const absl::Status& error : errors) CHECK(ReasonOf(error) == "LOG_UNAVAILABLE");
  CHECK(log.Stats().topics[kTopic].read == 6);
}

TEST_CASE("what a broker answers to the question for offsets is asked again",
          "[eventlog][kafka]") {
  const auto code = GENERATE(RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                             RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
                             RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE, RD_KAFKA_RESP_ERR__TRANSPORT);
  CAPTURE(rd_kafka_err2name(code));
  MockCluster cluster;
  LogOnMock log(cluster, cluster.Options());
  REQUIRE(log.EnsureTopic(kTopic, {.partitions = 1}).ok());
  AppendNumbers(log, 0, 2);

  rd_kafka_mock_push_request_errors(cluster.get(), kListOffsets, 1, code);
  auto reader = log.OpenReader({{At(0), 1, {}}});

  INFO(reader.status());
  REQUIRE(reader.ok());
  CHECK(ReadValues(**reader, 1) == std::vector<std::string>{"1"});
}

TEST_CASE("a reader whose client breaks for good goes on where it was", "[eventlog][kafka]") {
  MockCluster cluster;
  LogOnMock log(cluster, cluster.Options());
  REQUIRE(log.EnsureTopic(kTopic, {.partitions = 1}).ok());
  AppendNumbers(log, 0, 10);
  const KafkaLogOptions options = cluster.Options();
  internal::KafkaIdentity identity;
  internal::KafkaTopics topics(options);
  REQUIRE(topics.Start().ok());
  internal::KafkaCounters counters;
  internal::KafkaWatch watch(options, topics, identity);
  const internal::KafkaShared shared{options, topics, identity, watch, counters};
  internal::KafkaReaders readers;
  auto opened = internal::KafkaReader::Open(shared, readers, {{At(0), 0, {}}});
  REQUIRE(opened.ok());
  internal::KafkaReader& reader = **opened;
  for (int read = 0; read < 4; ++read) {
    const auto first = reader.Poll(kLong, 1);
    REQUIRE(first.ok());
    REQUIRE(first->size() == 1);
  }

  REQUIRE(rd_kafka_test_fatal_error(reader.handle_for_test(), RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID,
                                    "injected") == RD_KAFKA_RESP_ERR_NO_ERROR);
  AppendNumbers(log, 10, 2);

  std::vector<absl::Status> errors;
  CHECK(ReadValues(reader, 8, &errors) ==
        std::vector<std::string>{"4", "5", "6", "7", "8", "9", "10", "11"});
  CHECK(errors.empty());
  CHECK(counters.Get().readers_renewed == 1);
  // Wakes the new client.
  reader.Wake();
  CHECK(reader.Poll(kLong, 1)->empty());
}

TEST_CASE("a log counts what it does and how far its readers are", "[eventlog][kafka]") {
  MockCluster cluster;
  LogOnMock log(cluster, cluster.Options());
  REQUIRE(log.EnsureTopic(kTopic, {.partitions = 2}).ok());
  AppendNumbers(log, 0, 5);
  auto reader = log.OpenReader({{At(0), 0, {}}, {At(1), 0, {}}});
  REQUIRE(reader.ok());

  LogStats stats = log.Stats();
  CHECK(stats.connected);
  CHECK_FALSE(stats.cluster_changed);
  CHECK(stats.topics[kTopic].appended == 5);
  CHECK(stats.topics[kTopic].append_failed == 0);
  CHECK(stats.topics[kTopic].has_reader);
  CHECK(stats.topics[kTopic].lag_records == 5);
  uint64_t timed = 0;
  for (const uint64_t count : stats.append_duration.buckets) timed += count;
  CHECK(timed == 5);
  CHECK(stats.append_duration.sum_seconds > 0);

  for (int read = 0; read < 2; ++read) {
    const auto one = (*reader)->Poll(kLong, 1);
    REQUIRE(one.ok());
    REQUIRE(one->size() == 1);
  }
  stats = log.Stats();
  CHECK(stats.topics[kTopic].read == 2);
  CHECK(stats.topics[kTopic].lag_records == 3);
  CHECK(stats.topics[kTopic].lag > absl::ZeroDuration());

  ReadValues(**reader, 3);
  stats = log.Stats();
  CHECK(stats.topics[kTopic].lag_records == 0);
  CHECK(stats.topics[kTopic].lag == absl::ZeroDuration());

  reader->reset();
  CHECK_FALSE(log.Stats().topics[kTopic].has_reader);
}

}  // namespace
}  // namespace weft::eventlog
