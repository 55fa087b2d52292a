// The Kafka log while a real broker is killed, wiped, and its topics made anew.
// The broker is ordered about through $WEFT_KAFKA_CONTROL (tools/kafka/broker).
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/error.h"
#include "libs/eventlog/kafka_client.h"
#include "libs/eventlog/kafka_under_test.h"

namespace weft::eventlog {
namespace {

// "kill all", "start 1": tools/kafka/broker says which there are.
void Order(const std::string& order) {
  const char* const path = std::getenv("WEFT_KAFKA_CONTROL");
  if (path == nullptr) FAIL("run this with tools/kafka/broker run --control");
  const int connection = socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE(connection >= 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
  REQUIRE(connect(connection, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  const std::string line = order + "\n";
  REQUIRE(write(connection, line.data(), line.size()) == static_cast<ssize_t>(line.size()));
  std::string answer;
  char c = 0;
  while (read(connection, &c, 1) == 1 && c != '\n') answer += c;
  close(connection);
  REQUIRE(answer == "ok");
}

std::vector<NewRecord> Make(int number) { return {{"k", {}, absl::StrCat(number)}}; }

struct FreshTopic {
  explicit FreshTopic(const char* the_name) : name(the_name) { RealKafka::RemoveTopic(the_name); }
  TopicPartition At(int32_t partition) const { return {name, partition}; }
  const std::string name;
};

KafkaLogOptions Quick() {
  KafkaLogOptions options = RealKafka::Options();
  options.identity_interval = absl::Milliseconds(500);
  return options;
}

// The first error that is more than a cluster that is away; a minute at most.
absl::Status FirstRealError(Reader& reader) {
  for (int i = 0; i < 600; ++i) {
    const auto polled = reader.Poll(absl::Milliseconds(100), 100);
    if (!polled.ok() && !absl::IsUnavailable(polled.status())) return polled.status();
  }
  return absl::OkStatus();
}

std::vector<std::string> ReadValues(Reader& reader, size_t count) {
  std::vector<std::string> values;
  for (int i = 0; i < 600 && values.size() < count; ++i) {
    const auto batches = reader.Poll(absl::Milliseconds(100), 1000);
    if (!batches.ok()) {
      INFO(batches.status());
      REQUIRE(absl::IsUnavailable(batches.status()));
      continue;
    }
    for (const Batch& batch : *batches) {
      for (const Record& record : batch.records) values.push_back(*record.value);
    }
  }
  return values;
}

TEST_CASE("a topic made anew while nobody appends is noticed, and others go on",
          "[eventlog][broker]") {
  const FreshTopic anew("weft.test.anew.live.v1");
  const FreshTopic other("weft.test.other.v1");
  const auto log = MustOpenKafka(Quick());
  REQUIRE(log->EnsureTopic(anew.name, {.partitions = 2}).ok());
  REQUIRE(log->EnsureTopic(other.name, {.partitions = 1}).ok());
  for (int i = 0; i < 3; ++i) REQUIRE(AppendAndWait(*log, anew.At(0), Make(i)).ok());
  auto reader = log->OpenReader({{anew.At(0), 0, {}}, {anew.At(1), 0, {}}, {other.At(0), 0, {}}});
  REQUIRE(reader.ok());
  REQUIRE(ReadValues(**reader, 3).size() == 3);

  // By somebody else, and as long as it was before the reader asks again.
  Order("pause all");
  Order("resume all");
  RealKafka::RemoveTopic(anew.name.c_str());
  {
    const auto somebody = MustOpenKafka(RealKafka::Options());
    REQUIRE(somebody->EnsureTopic(anew.name, {.partitions = 2}).ok());
    for (int i = 0; i < 9; ++i) REQUIRE(AppendAndWait(*somebody, anew.At(0), Make(i)).ok());
  }

  // One for each of its partitions.
  CHECK(ReasonOf(FirstRealError(**reader)) == "LOG_CHANGED");
  CHECK(ReasonOf(FirstRealError(**reader)) == "LOG_CHANGED");
  for (int i = 0; i < 600 && AppendAndWait(*log, anew.At(0), Make(9)).ok(); ++i) {
    absl::SleepFor(absl::Milliseconds(50));
  }
  CHECK(ReasonOf(AppendAndWait(*log, anew.At(0), Make(9)).status()) == "LOG_CHANGED");
  const LogStats stats = log->Stats();
  REQUIRE(stats.stopped.size() == 2);
  CHECK(stats.stopped[0].topic == anew.name);
  CHECK(stats.stopped[0].reason == "LOG_CHANGED");
  CHECK_FALSE(stats.cluster_changed);

  REQUIRE(AppendAndWait(*log, other.At(0), Make(7)).ok());
  CHECK(ReadValues(**reader, 1) == std::vector<std::string>{"7"});
}

TEST_CASE("a topic that is removed is noticed by who only appends to it", "[eventlog][broker]") {
  const FreshTopic topic("weft.test.removed.v1");
  const auto log = MustOpenKafka(Quick());
  REQUIRE(log->EnsureTopic(topic.name, {.partitions = 1}).ok());
  for (int i = 0; i < 3; ++i) REQUIRE(AppendAndWait(*log, topic.At(0), Make(i)).ok());

  RealKafka::RemoveTopic(topic.name.c_str());
  absl::Status last;
  for (int i = 0; i < 600; ++i) {
    last = AppendAndWait(*log, topic.At(0), Make(3)).status();
    if (ReasonOf(last) == "LOG_CHANGED") break;
    absl::SleepFor(absl::Milliseconds(50));
  }
  CHECK(ReasonOf(last) == "LOG_CHANGED");
}

TEST_CASE("a position that retention passes while it is read is OFFSET_GONE",
          "[eventlog][broker]") {
  const FreshTopic topic("weft.test.passed.v1");
  const auto log = MustOpenKafka(Quick());
  REQUIRE(log->EnsureTopic(topic.name, {.partitions = 1}).ok());
  REQUIRE(AppendAndWait(*log, topic.At(0), Make(0)).ok());
  auto reader = log->OpenReader({{topic.At(0), 0, {}}});
  REQUIRE(reader.ok());
  REQUIRE(ReadValues(**reader, 1).size() == 1);
  // The reader stands still while records come and go.
  for (int i = 1; i < 200; ++i) {
    REQUIRE(AppendAndWait(*log, topic.At(0), {{"k", {}, std::string(100'000, 'x')}}).ok());
  }
  {
    const internal::KafkaHandle client(
        MustMakeClient(RealKafka::ClientSettings()));
    const internal::KafkaQueue queue(rd_kafka_queue_new(client.get()));
    const internal::KafkaPartitions list(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(list.get(), topic.name.c_str(), 0)->offset = 199;
    rd_kafka_DeleteRecords_t* request = rd_kafka_DeleteRecords_new(list.get());
    rd_kafka_DeleteRecords(client.get(), &request, 1, nullptr, queue.get());
    const internal::KafkaEvent event(rd_kafka_queue_poll(queue.get(), 120'000));
    rd_kafka_DeleteRecords_destroy(request);
    REQUIRE(event != nullptr);
  }

  const absl::Status gone = FirstRealError(**reader);
  CHECK(ReasonOf(gone) == "OFFSET_GONE");
  CHECK(log->Stats().stopped.size() == 1);
}

TEST_CASE("a broker killed and started again: what was appended arrives once and in order",
          "[eventlog][broker]") {
  const FreshTopic topic("weft.test.killed.v1");
  const auto log = MustOpenKafka(Quick());
  REQUIRE(log->EnsureTopic(topic.name, {.partitions = 1}).ok());
  auto reader = log->OpenReader({{topic.At(0), 0, {}}});
  REQUIRE(reader.ok());
  REQUIRE(AppendAndWait(*log, topic.At(0), Make(0)).ok());

  Mutex mutex;
  CondVar answered;
  int succeeded = 0;
  Order("kill all");
  for (int i = 1; i <= 100; ++i) {
    log->Append(topic.At(0), Make(i), [&](const absl::StatusOr<int64_t>& result) {
      MutexLock lock(mutex);
      succeeded += result.ok() ? 1 : 1000;
      answered.NotifyAll();
    });
  }
  Order("start all");
  {
    MutexLock lock(mutex);
    while (succeeded < 100) answered.Wait(mutex);
    CHECK(succeeded == 100);
  }
  std::vector<std::string> expected;
  for (int i = 0; i <= 100; ++i) expected.push_back(absl::StrCat(i));
  CHECK(ReadValues(**reader, 101) == expected);
  CHECK(log->Stats().stopped.empty());
}

TEST_CASE("a broker that comes back wiped is noticed while nobody appends",
          "[eventlog][broker]") {
  const FreshTopic topic("weft.test.wiped.v1");
  const auto log = MustOpenKafka(Quick());
  REQUIRE(log->EnsureTopic(topic.name, {.partitions = 1}).ok());
  REQUIRE(AppendAndWait(*log, topic.At(0), Make(0)).ok());
  auto reader = log->OpenReader({{topic.At(0), 0, {}}});
  REQUIRE(reader.ok());
  REQUIRE(ReadValues(**reader, 1).size() == 1);

  Order("wipe all");
  Order("start all");
  {
    // Somebody makes the topic, longer than our position.
    const auto somebody = MustOpenKafka(RealKafka::Options());
    REQUIRE(somebody->EnsureTopic(topic.name, {.partitions = 1}).ok());
    for (int i = 0; i < 9; ++i) REQUIRE(AppendAndWait(*somebody, topic.At(0), Make(i)).ok());
  }

  CHECK(ReasonOf(FirstRealError(**reader)) == "LOG_CHANGED");
  absl::Status last;
  for (int i = 0; i < 600 && ReasonOf(last) != "LOG_CHANGED"; ++i) {
    last = AppendAndWait(*log, topic.At(0), Make(1)).status();
    absl::SleepFor(absl::Milliseconds(50));
  }
  CHECK(ReasonOf(last) == "LOG_CHANGED");
  CHECK(log->Stats().cluster_changed);
}

}  // namespace
}  // namespace weft::eventlog
