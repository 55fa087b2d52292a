// The Kafka log over a mock cluster that is made to fail.
#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/eventlog/kafka_client.h"
#include "libs/eventlog/kafka_under_test.h"

namespace weft::eventlog {
namespace {

constexpr char kTopic[] = "weft.test.things.v1";
constexpr absl::Duration kLong = absl::Seconds(30);
constexpr int16_t kProduce = 0;  // The protocol's number of the request.

TopicPartition At(int32_t partition) { return {kTopic, partition}; }
NewRecord Make(const std::string& value) { return {"k", {}, value}; }

std::vector<std::string> ReadValues(EventLog& log, int32_t partition, size_t count) {
  auto reader = log.OpenReader({{At(partition), 0, {}}});
  REQUIRE(reader.ok());
  std::vector<std::string> values;
  while (values.size() < count) {
    const auto batches = (*reader)->Poll(kLong, 1000);
    INFO(batches.status());
    REQUIRE(batches.ok());
    REQUIRE_FALSE(batches->empty());
    for (const Batch& batch : *batches) {
      for (const Record& record : batch.records) values.push_back(*record.value);
    }
  }
  return values;
}

// Results of appends, in the order of their callbacks.
class Results {
 public:
  AppendCallback Add(int number) {
    return [this, number](absl::StatusOr<int64_t> result) {
      MutexLock lock(mutex_);
      answers_.emplace_back(number, std::move(result));
      changed_.NotifyAll();
    };
  }
  std::vector<std::pair<int, absl::StatusOr<int64_t>>> Wait(size_t count) {
    MutexLock lock(mutex_);
    while (answers_.size() < count) changed_.Wait(mutex_);
    return answers_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::pair<int, absl::StatusOr<int64_t>>> answers_ ABSL_GUARDED_BY(mutex_);
};

TEST_CASE("settings the client does not take are refused by name", "[eventlog][kafka]") {
  KafkaLogOptions options;
  CHECK(ReasonOf(KafkaLog::Open(options).status()) == "KAFKA_OPTIONS_INVALID");
  options.bootstrap_servers = "127.0.0.1:1";
  options.security_protocol = "carrier-pigeon";
  const absl::Status refused = KafkaLog::Open(options).status();
  CHECK(ReasonOf(refused) == "KAFKA_OPTIONS_INVALID");
  CHECK(MetadataOf(refused) == ErrorMetadata{{"setting", "security.protocol"}});
}

TEST_CASE("TLS and SASL settings reach the client", "[eventlog][kafka]") {
  KafkaLogOptions options;
  options.bootstrap_servers = "127.0.0.1:1";
  options.security_protocol = "sasl_ssl";
  options.sasl_mechanism = "SCRAM-SHA-512";
  options.sasl_username = "pricing";
  options.sasl_password = "not a secret";
  CHECK(KafkaLog::Open(options).ok());

  options.ssl_ca_file = "/nowhere/ca.pem";
  CHECK(ReasonOf(KafkaLog::Open(options).status()) == "KAFKA_OPTIONS_INVALID");
}

TEST_CASE("a topic with another number of partitions is TOPIC_MISMATCH", "[eventlog][kafka]") {
  MockCluster cluster;
  LogOnMock log(cluster, cluster.Options());
  REQUIRE(log.EnsureTopic(kTopic, {.partitions = 4}).ok());

  CHECK(log.EnsureTopic(kTopic, {.partitions = 4}).ok());
  CHECK(ReasonOf(log.EnsureTopic(kTopic, {.partitions = 5})) == "TOPIC_MISMATCH");
  CHECK(ReasonOf(log.EnsureTopic("", {})) == "TOPIC_INVALID");
  CHECK(ReasonOf(log.EnsureTopic("x", {.partitions = 0})) == "TOPIC_INVALID");
  CHECK(ReasonOf(log.GetWatermarks(At(4)).status()) == "TOPIC_UNKNOWN");
  CHECK(ReasonOf(AppendAndWait(log, At(4), {Make("v")}).status()) == "TOPIC_UNKNOWN");
}

TEST_CASE("errors that pass are not seen by who appends", "[eventlog][kafka]") {
  MockCluster cluster;
  LogOnMock log(cluster, cluster.Options());
  REQUIRE(log.EnsureTopic(kTopic, {.partitions = 1}).ok());
  REQUIRE(AppendAndWait(log, At(0), {Make("0")}).ok());

  rd_kafka_mock_push_request_errors(cluster.get(), kProduce, 3,
                                    RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                                    RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
                                    RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT);
  Results results;
  for (int i = 1; i <= 5; ++i) log.Append(At(0), {Make(absl::StrCat(i))}, results.Add(i));

  int last = 0;
  for (const auto& [number, result] : results.Wait(5)) {
    CHECK(result.ok());
    CHECK(number == ++last);
  }
  CHECK(ReadValues(log, 0, 6) == std::vector<std::string>{"0", "1", "2", "3", "4", "5"});
}

TEST_CASE("after an error nothing is delivered behind the gap, and the log goes on",
          "[eventlog][kafka]") {
  MockCluster cluster;
  LogOnMock log(cluster, cluster.Options());
  REQUIRE(log.EnsureTopic(kTopic, {.partitions = 1}).ok());
  REQUIRE(AppendAndWait(log, At(0), {Make("0")}).ok());

  rd_kafka_mock_push_request_errors(cluster.get(), kProduce, 1,
                                    RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
  Results results;
  constexpr int kCalls = 200;
  for (int i = 1; i <= kCalls; ++i) log.Append(At(0), {Make(absl::StrCat(i))}, results.Add(i));
  const auto answers = results.Wait(kCalls);

  // Callbacks keep the order of the calls. Those made before the callback of the
  // first failure fail too; which ones were made in time is a race.
  int last = 0;
  for (const auto& [number, result] : answers) {
    CHECK(number == ++last);
    if (!result.ok()) CHECK(ReasonOf(result.status()) == "LOG_UNAVAILABLE");
  }
  REQUIRE_FALSE(answers.front().second.ok());
  // The caller repeats from the first that was not confirmed. One try may come
  // before the last callback returned.
  absl::StatusOr<int64_t> again = AppendAndWait(log, At(0), {Make("again")});
  if (!again.ok()) again = AppendAndWait(log, At(0), {Make("again")});
  REQUIRE(again.ok());
  const auto marks = log.GetWatermarks(At(0));
  REQUIRE(marks.ok());
  CHECK(ReadValues(log, 0, static_cast<size_t>(marks->end)).back() == "again");
}

TEST_CASE("a callback that hears of an error may repeat its append at once",
          "[eventlog][kafka]") {
  MockCluster cluster;
  LogOnMock log(cluster, cluster.Options());
  REQUIRE(log.EnsureTopic(kTopic, {.partitions = 1}).ok());
  REQUIRE(AppendAndWait(log, At(0), {Make("0")}).ok());
  rd_kafka_mock_push_request_errors(cluster.get(), kProduce, 1,
                                    RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
  Results results;

  log.Append(At(0), {Make("1")}, [&](absl::StatusOr<int64_t> first) {
    results.Add(1)(std::move(first));
    log.Append(At(0), {Make("1")}, results.Add(2));
  });

  const auto answers = results.Wait(2);
  CHECK_FALSE(answers[0].second.ok());
  CHECK(answers[1].second.ok());
  CHECK(ReadValues(log, 0, 2) == std::vector<std::string>{"0", "1"});
}

TEST_CASE("while the broker is away appends wait, and arrive in order when it is back",
          "[eventlog][kafka]") {
  MockCluster cluster;
  LogOnMock log(cluster, cluster.Options());
  REQUIRE(log.EnsureTopic(kTopic, {.partitions = 1}).ok());
  REQUIRE(AppendAndWait(log, At(0), {Make("0")}).ok());

  rd_kafka_mock_broker_set_down(cluster.get(), 1);
  Results results;
  for (int i = 1; i <= 20; ++i) log.Append(At(0), {Make(absl::StrCat(i))}, results.Add(i));
  rd_kafka_mock_broker_set_up(cluster.get(), 1);

  int last = 0;
  for (const auto& [number, result] : results.Wait(20)) {
    CHECK(result.ok());
    CHECK(number == ++last);
  }
  CHECK(ReadValues(log, 0, 21).back() == "20");
}

TEST_CASE("a log that is closed answers every append", "[eventlog][kafka]") {
  MockCluster cluster;
  KafkaLogOptions options = cluster.Options();
  options.close_timeout = absl::ZeroDuration();
  auto log = std::make_unique<LogOnMock>(cluster, options);
  REQUIRE(log->EnsureTopic(kTopic, {.partitions = 1}).ok());
  REQUIRE(AppendAndWait(*log, At(0), {Make("0")}).ok());
  rd_kafka_mock_broker_set_down(cluster.get(), 1);
  Results results;
  for (int i = 1; i <= 5; ++i) log->Append(At(0), {Make(absl::StrCat(i))}, results.Add(i));

  log.reset();

  for (const auto& [number, result] : results.Wait(5)) {
    CHECK(ReasonOf(result.status()) == "LOG_UNAVAILABLE");
  }
}

TEST_CASE("what exceeds the limit in flight waits and keeps its order", "[eventlog][kafka]") {
  MockCluster cluster;
  KafkaLogOptions options = cluster.Options();
  options.max_records_in_flight = 3;
  LogOnMock log(cluster, options);
  REQUIRE(log.EnsureTopic(kTopic, {.partitions = 1}).ok());

  Results results;
  std::vector<std::string> expected;
  for (int i = 0; i < 100; ++i) {
    std::vector<NewRecord> records;
    for (int j = 0; j <= i % 5; ++j) {
      records.push_back(Make(absl::StrCat(i, ".", j)));
      expected.push_back(absl::StrCat(i, ".", j));
    }
    log.Append(At(0), std::move(records), results.Add(i));
  }

  for (const auto& [number, result] : results.Wait(100)) CHECK(result.ok());
  CHECK(ReadValues(log, 0, expected.size()) == expected);
}

TEST_CASE("the first cluster id is pinned, and another one never holds again",
          "[eventlog][kafka]") {
  MockCluster first;
  MockCluster second;
  const auto client = [](const MockCluster& cluster) {
    return internal::KafkaHandle(
        MustMakeClient({{"bootstrap.servers", cluster.bootstrap()}, {"log_level", "0"}}));
  };
  const auto of_first = client(first);
  const auto of_second = client(second);
  internal::KafkaIdentity identity;
  const auto a = identity.Get(of_first.get(), kLong);
  REQUIRE(a.ok());
  CHECK(identity.Holds(of_first.get()));

  const auto b = identity.Get(of_second.get(), kLong);

  REQUIRE(b.ok());
  REQUIRE(*a != *b);
  CHECK_FALSE(identity.Holds(of_second.get()));
  CHECK_FALSE(identity.Holds(of_first.get()));
}

}  // namespace
}  // namespace weft::eventlog
