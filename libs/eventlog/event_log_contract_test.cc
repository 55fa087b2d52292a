// What every event log has to keep, whoever stores the bytes.
#include <atomic>
#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/eventlog/event_log.h"
#include "libs/eventlog/kafka_under_test.h"
#include "libs/eventlog/log_under_test.h"

// Compiled twice: for the logs that need nobody else, and for a real broker.
#ifdef WEFT_REAL_KAFKA
#define WEFT_LOGS RealKafka
#define WEFT_FULL_LOGS RealKafka
#else
// The mock cluster is no broker: it makes up topics that are asked for and keeps
// no more than it must.
#define WEFT_LOGS InMemory, Embedded, MockKafka
#define WEFT_FULL_LOGS InMemory, Embedded
#endif

namespace weft::eventlog {
namespace {

constexpr char kTopic[] = "weft.test.things.v1";
// Long enough for a busy machine; never waited for when the log works.
constexpr absl::Duration kLong = absl::Seconds(30);

TopicPartition At(int32_t partition) { return {kTopic, partition}; }

NewRecord Make(const std::string& key, std::optional<std::string> value) {
  return {key, {}, std::move(value)};
}

int64_t MustAppend(EventLog& log, int32_t partition, std::vector<NewRecord> records) {
  const auto offset = AppendAndWait(log, At(partition), std::move(records));
  INFO(offset.status());
  REQUIRE(offset.ok());
  return *offset;
}

std::unique_ptr<Reader> MustOpen(EventLog& log, std::vector<StartPosition> positions) {
  auto reader = log.OpenReader(std::move(positions));
  INFO(reader.status());
  REQUIRE(reader.ok());
  return *std::move(reader);
}

// Reads until `count` records came.
std::vector<Record> ReadSome(Reader& reader, size_t count, size_t max_records = 1000) {
  std::vector<Record> records;
  while (records.size() < count) {
    auto batches = reader.Poll(kLong, max_records);
    INFO(batches.status());
    REQUIRE(batches.ok());
    REQUIRE_FALSE(batches->empty());
    for (Batch& batch : *batches) {
      REQUIRE_FALSE(batch.records.empty());
      for (Record& record : batch.records) records.push_back(std::move(record));
    }
  }
  return records;
}

// What is there now. Ends by a poll that finds nothing where everything durable
// can be read at once, and at the record before the end on Kafka.
std::vector<Record> ReadAll(EventLog& log, int32_t partition) {
  const auto marks = log.GetWatermarks(At(partition));
  REQUIRE(marks.ok());
  const auto reader = MustOpen(log, {{At(partition), marks->begin, {}}});
  const bool waits = dynamic_cast<KafkaLog*>(&log) != nullptr ||
                     dynamic_cast<LogOnMock*>(&log) != nullptr;
  std::vector<Record> records;
  while (true) {
    if (waits && (marks->begin == marks->end ||
                  (!records.empty() && records.back().offset + 1 >= marks->end))) {
      return records;
    }
    auto batches = reader->Poll(waits ? kLong : absl::ZeroDuration(), 1000);
    INFO(batches.status());
    REQUIRE(batches.ok());
    if (batches->empty()) return records;
    for (Record& record : batches->front().records) records.push_back(std::move(record));
  }
}

std::vector<std::string> ValuesOf(const std::vector<Record>& records) {
  std::vector<std::string> values;
  for (const Record& r : records) values.push_back(r.value.value_or("(tombstone)"));
  return values;
}

// `patience` in all: how long an error may take. What other partitions hand out
// meanwhile goes to `seen`.
absl::Status FirstError(Reader& reader, absl::Duration patience = absl::ZeroDuration(),
                        std::vector<Record>* seen = nullptr) {
  for (int i = 0; i < 100; ++i) {
    const auto polled = reader.Poll(patience / 100, 10);
    if (!polled.ok()) return polled.status();
    for (const Batch& batch : *polled) {
      if (seen == nullptr) continue;
      seen->insert(seen->end(), batch.records.begin(), batch.records.end());
    }
  }
  return absl::OkStatus();
}

TEMPLATE_TEST_CASE("a record comes back as it was appended", "[eventlog]", WEFT_LOGS) {
  SettableClock clock;
  TestType under_test(clock);
  EventLog& log = under_test.log();
  REQUIRE(log.EnsureTopic(kTopic, {}).ok());
  const std::vector<NewRecord> records = {
      {"key", {{"a", "1"}, {"b", std::string("\0\xff", 2)}, {"a", "2"}}, "value"},
      {"", {}, ""},
      {std::string("k\0k", 3), {{"only", ""}}, std::nullopt}};

  const int64_t first = MustAppend(log, 7, records);

  const auto read = ReadSome(*MustOpen(log, {{At(7), 0, {}}}), 3);
  REQUIRE(read.size() == 3);
  for (size_t i = 0; i < 3; ++i) {
    CHECK(read[i].offset == first + static_cast<int64_t>(i));
    if (TestType::kOwnClock) {
      CHECK(read[i].append_time == clock.Wall());
    } else {
      CHECK(read[i].append_time >= absl::FromUnixSeconds(1'700'000'000));
    }
    CHECK(read[i].key == records[i].key);
    CHECK(read[i].headers == records[i].headers);
    CHECK(read[i].value == records[i].value);
  }
  CHECK(read[0].HeaderOr("a") == "1");
  CHECK(read[0].HeaderOr("c").empty());
}

TEMPLATE_TEST_CASE("offsets of a partition grow and know nothing of other partitions",
                   "[eventlog]", WEFT_LOGS) {
  SettableClock clock;
  TestType under_test(clock);
  EventLog& log = under_test.log();
  REQUIRE(log.EnsureTopic(kTopic, {}).ok());

  const int64_t a = MustAppend(log, 0, {Make("k", "1"), Make("k", "2")});
  const int64_t b = MustAppend(log, 1, {Make("k", "3")});
  const int64_t c = MustAppend(log, 0, {Make("k", "4")});

  CHECK(a == 0);
  CHECK(b == 0);
  CHECK(c == 2);
  CHECK(log.GetWatermarks(At(0))->begin == 0);
  CHECK(log.GetWatermarks(At(0))->end == 3);
  CHECK(log.GetWatermarks(At(2))->end == 0);
}

#ifndef WEFT_REAL_KAFKA
TEMPLATE_TEST_CASE("append times never go back, whatever the wall clock does", "[eventlog]",
                   InMemory, Embedded) {
  SettableClock clock;
  TestType under_test(clock);
  REQUIRE(under_test.log().EnsureTopic(kTopic, {}).ok());
  const absl::Time start = clock.Wall();

  MustAppend(under_test.log(), 0, {Make("k", "1")});
  clock.Set(start - absl::Hours(2));
  MustAppend(under_test.log(), 0, {Make("k", "2")});
  under_test.Restart();
  MustAppend(under_test.log(), 0, {Make("k", "3")});
  clock.Set(start + absl::Hours(1));
  MustAppend(under_test.log(), 0, {Make("k", "4")});

  const auto records = ReadAll(under_test.log(), 0);
  REQUIRE(records.size() == 4);
  CHECK(records[0].append_time == start);
  CHECK(records[1].append_time == start);
  CHECK(records[2].append_time == start);
  CHECK(records[3].append_time == start + absl::Hours(1));
}
#endif

TEMPLATE_TEST_CASE("a topic that is not there is TOPIC_UNKNOWN", "[eventlog]", WEFT_FULL_LOGS) {
  SettableClock clock;
  TestType under_test(clock);
  EventLog& log = under_test.log();
  REQUIRE(log.EnsureTopic(kTopic, {.partitions = 2}).ok());

  CHECK(ReasonOf(log.PartitionCount("other").status()) == "TOPIC_UNKNOWN");
  CHECK(ReasonOf(log.GetWatermarks({"other", 0}).status()) == "TOPIC_UNKNOWN");
  CHECK(ReasonOf(log.GetWatermarks(At(2)).status()) == "TOPIC_UNKNOWN");
  CHECK(ReasonOf(log.GetWatermarks(At(-1)).status()) == "TOPIC_UNKNOWN");
  CHECK(ReasonOf(log.OpenReader({{{"other", 0}, 0, {}}}).status()) == "TOPIC_UNKNOWN");
  CHECK(ReasonOf(AppendAndWait(log, {"other", 0}, {Make("k", "v")}).status()) ==
        "TOPIC_UNKNOWN");
  CHECK(*log.PartitionCount(kTopic) == 2);
}

TEMPLATE_TEST_CASE("EnsureTopic accepts the same topic and refuses another shape",
                   "[eventlog]", WEFT_FULL_LOGS) {
  SettableClock clock;
  TestType under_test(clock);
  REQUIRE(under_test.log().EnsureTopic(kTopic, {.partitions = 4}).ok());
  under_test.Restart();
  EventLog& log = under_test.log();

  CHECK(log.EnsureTopic(kTopic, {.partitions = 4}).ok());
  CHECK(log.EnsureTopic(kTopic, {.partitions = 4, .retention_bytes = 10}).ok());
  CHECK(ReasonOf(log.EnsureTopic(kTopic, {.partitions = 5})) == "TOPIC_MISMATCH");
  CHECK(ReasonOf(log.EnsureTopic(kTopic, {.partitions = 4, .compacted = true})) ==
        "TOPIC_MISMATCH");
  CHECK(log.EnsureTopic("", {}).code() == absl::StatusCode::kInvalidArgument);
  CHECK(log.EnsureTopic("x", {.partitions = 0}).code() == absl::StatusCode::kInvalidArgument);
}

TEMPLATE_TEST_CASE("one record that is too large refuses the whole append", "[eventlog]",
                   WEFT_LOGS) {
  SettableClock clock;
  TestType under_test(clock);
  EventLog& log = under_test.log();
  REQUIRE(log.EnsureTopic(kTopic, {.max_record_bytes = 10}).ok());

  const auto refused =
      AppendAndWait(log, At(0), {Make("k", "small"), Make("k", std::string(10, 'x'))});

  CHECK(refused.status().code() == absl::StatusCode::kInvalidArgument);
  CHECK(ReasonOf(refused.status()) == "RECORD_TOO_LARGE");
  CHECK(MustAppend(log, 0, {Make("k", std::string(9, 'x'))}) == 0);
}

TEMPLATE_TEST_CASE("a reader starts where it is told and goes on with what comes",
                   "[eventlog]", WEFT_LOGS) {
  SettableClock clock;
  TestType under_test(clock);
  EventLog& log = under_test.log();
  REQUIRE(log.EnsureTopic(kTopic, {}).ok());
  MustAppend(log, 0, {Make("k", "0"), Make("k", "1"), Make("k", "2")});

  const auto reader = MustOpen(log, {{At(0), 1, {}}});
  CHECK(ValuesOf(ReadSome(*reader, 2)) == std::vector<std::string>{"1", "2"});
  CHECK(reader->Poll(absl::ZeroDuration(), 10)->empty());
  // No assertion of Catch off the main thread.
  std::thread later([&log] { (void)AppendAndWait(log, At(0), {Make("k", "3")}); });
  CHECK(ValuesOf(ReadSome(*reader, 1)) == std::vector<std::string>{"3"});
  later.join();
}

TEMPLATE_TEST_CASE("a poll carries no more than asked for and loses nothing by it",
                   "[eventlog]", WEFT_LOGS) {
  SettableClock clock;
  TestType under_test(clock);
  EventLog& log = under_test.log();
  REQUIRE(log.EnsureTopic(kTopic, {.partitions = 4}).ok());
  for (int p = 0; p < 4; ++p) {
    std::vector<NewRecord> records;
    for (int i = 0; i < 25; ++i) records.push_back(Make("k", absl::StrCat(p, ".", i)));
    MustAppend(log, p, std::move(records));
  }
  const size_t max_records = GENERATE(1, 3, 10, 1000);
  CAPTURE(max_records);
  const auto reader =
      MustOpen(log, {{At(0), 0, {}}, {At(1), 0, {}}, {At(2), 0, {}}, {At(3), 0, {}}});

  std::map<int32_t, int> next;
  int total = 0;
  while (total < 100) {
    const auto batches = reader->Poll(kLong, max_records);
    REQUIRE(batches.ok());
    size_t in_poll = 0;
    for (const Batch& batch : *batches) {
      for (const Record& record : batch.records) {
        REQUIRE(record.offset == next[batch.where.partition]++);
        ++in_poll;
      }
    }
    REQUIRE(in_poll > 0);
    REQUIRE(in_poll <= max_records);
    total += static_cast<int>(in_poll);
  }
  CHECK(total == 100);
  CHECK(reader->Poll(absl::ZeroDuration(), max_records)->empty());
}

#ifndef WEFT_REAL_KAFKA
TEMPLATE_TEST_CASE("a busy partition does not starve a quiet one", "[eventlog]", InMemory,
                   Embedded) {
  SettableClock clock;
  TestType under_test(clock);
  EventLog& log = under_test.log();
  REQUIRE(log.EnsureTopic(kTopic, {}).ok());
  std::vector<NewRecord> many(1000, Make("k", "busy"));
  MustAppend(log, 0, std::move(many));
  MustAppend(log, 1, {Make("k", "quiet")});
  const auto reader = MustOpen(log, {{At(0), 0, {}}, {At(1), 0, {}}});

  bool quiet_came = false;
  for (int polls = 0; polls < 2 && !quiet_came; ++polls) {
    const auto batches = reader->Poll(absl::ZeroDuration(), 10);
    REQUIRE(batches.ok());
    for (const Batch& batch : *batches) quiet_came |= batch.where.partition == 1;
  }

  CHECK(quiet_came);
}
#endif

TEMPLATE_TEST_CASE("Wake ends a wait with nothing", "[eventlog]", WEFT_LOGS) {
  SettableClock clock;
  TestType under_test(clock);
  EventLog& log = under_test.log();
  REQUIRE(log.EnsureTopic(kTopic, {}).ok());
  const auto reader = MustOpen(log, {{At(0), 0, {}}});

  reader->Wake();  // Before the wait: not lost.
  CHECK(reader->Poll(absl::InfiniteDuration(), 10)->empty());
  std::thread waker([&reader] { reader->Wake(); });
  CHECK(reader->Poll(absl::InfiniteDuration(), 10)->empty());
  waker.join();
  CHECK(reader->Poll(absl::Milliseconds(1), 10)->empty());
}

TEMPLATE_TEST_CASE("a record that is not the remembered one is LOG_CHANGED", "[eventlog]",
                   WEFT_LOGS) {
  SettableClock clock;
  TestType under_test(clock);
  EventLog& log = under_test.log();
  REQUIRE(log.EnsureTopic(kTopic, {}).ok());
  MustAppend(log, 3, {Make("k", "0"), Make("k", "1"), Make("k", "2")});
  MustAppend(log, 4, {Make("k", "other partition")});
  const auto records = ReadAll(log, 3);
  // On Kafka the record has to be fetched; that nothing comes needs less.
  const absl::Duration patience = TestType::kOwnClock ? absl::ZeroDuration() : kLong;
  const absl::Duration quiet = patience / 20;

  SECTION("the same record is accepted") {
    const auto reader =
        MustOpen(log, {{At(3), 2, StartPosition::Applied{1, RecordDigest(records[1])}}});
    CHECK(ValuesOf(ReadSome(*reader, 1)) == std::vector<std::string>{"2"});
  }
  SECTION("another record is not, and other partitions go on") {
    const auto reader =
        MustOpen(log, {{At(3), 2, StartPosition::Applied{1, RecordDigest(records[0])}},
                       {At(4), 0, {}}});
    std::vector<Record> seen;
    const absl::Status error = FirstError(*reader, patience, &seen);
    CHECK(error.code() == absl::StatusCode::kDataLoss);
    CHECK(ReasonOf(error) == "LOG_CHANGED");
    CHECK(MetadataOf(error) == ErrorMetadata{{"topic", kTopic}, {"partition", "3"}});
    if (seen.empty()) seen = ReadSome(*reader, 1);
    CHECK(ValuesOf(seen) == std::vector<std::string>{"other partition"});
    CHECK(reader->Poll(absl::ZeroDuration(), 10)->empty());
  }
  SECTION("a record behind the end is not") {
    const auto reader =
        MustOpen(log, {{At(3), 4, StartPosition::Applied{3, RecordDigest(records[2])}}});
    CHECK(ReasonOf(FirstError(*reader, patience)) == "LOG_CHANGED");
  }
  SECTION("a position behind the end is not") {
    CHECK(ReasonOf(FirstError(*MustOpen(log, {{At(3), 4, {}}}), patience)) == "LOG_CHANGED");
  }
  SECTION("the end itself is a position") {
    CHECK(FirstError(*MustOpen(log, {{At(3), 3, {}}}), quiet).ok());
  }
}

#ifndef WEFT_REAL_KAFKA
TEMPLATE_TEST_CASE("retention by size drops the oldest records and no others", "[eventlog]",
                   InMemory, Embedded) {
  SettableClock clock;
  TestType under_test(clock);
  EventLog& log = under_test.log();
  const int count = GENERATE(10, 3000);
  REQUIRE(log.EnsureTopic(kTopic, {.retention_bytes = 5 * 1000}).ok());
  std::vector<NewRecord> records;
  for (int i = 0; i < count; ++i) records.push_back(Make("k", std::string(900, 'x')));
  MustAppend(log, 0, std::move(records));

  REQUIRE(under_test.Maintain().ok());

  const auto marks = log.GetWatermarks(At(0));
  CHECK(marks->end == count);
  CHECK(marks->begin == count - 5);
  CHECK(ReadAll(log, 0).size() == 5);
}
#endif

#ifndef WEFT_REAL_KAFKA
TEMPLATE_TEST_CASE("retention by time drops what is older and says OFFSET_GONE to who is late",
                   "[eventlog]", InMemory, Embedded) {
  SettableClock clock;
  TestType under_test(clock);
  EventLog& log = under_test.log();
  REQUIRE(log.EnsureTopic(kTopic, {.retention_time = absl::Hours(1)}).ok());
  MustAppend(log, 0, {Make("k", "0"), Make("k", "1")});
  const auto late = MustOpen(log, {{At(0), 0, {}}});
  clock.Advance(absl::Minutes(40));
  MustAppend(log, 0, {Make("k", "2")});
  clock.Advance(absl::Minutes(40));

  REQUIRE(under_test.Maintain().ok());

  CHECK(log.GetWatermarks(At(0))->begin == 2);
  CHECK(ValuesOf(ReadAll(log, 0)) == std::vector<std::string>{"2"});
  const absl::Status gone = FirstError(*late);
  CHECK(gone.code() == absl::StatusCode::kOutOfRange);
  CHECK(ReasonOf(gone) == "OFFSET_GONE");
  CHECK(ReasonOf(FirstError(*MustOpen(log, {{At(0), 1, {}}}))) == "OFFSET_GONE");

  // Everything may go; offsets go on.
  clock.Advance(absl::Hours(2));
  REQUIRE(under_test.Maintain().ok());
  under_test.Restart();
  CHECK(under_test.log().GetWatermarks(At(0))->begin == 3);
  CHECK(MustAppend(under_test.log(), 0, {Make("k", "3")}) == 3);
}
#endif

#ifndef WEFT_REAL_KAFKA
TEMPLATE_TEST_CASE("a compacted topic keeps the last record of each key", "[eventlog]",
                   InMemory, Embedded) {
  SettableClock clock;
  TestType under_test(clock);
  REQUIRE(under_test.log().EnsureTopic(kTopic, {.compacted = true}).ok());
  MustAppend(under_test.log(), 0, {Make("a", "a1"), Make("b", "b1"), Make("a", "a2")});
  MustAppend(under_test.log(), 1, {Make("a", "of another partition")});
  REQUIRE(under_test.Maintain().ok());
  CHECK(ValuesOf(ReadAll(under_test.log(), 0)) == std::vector<std::string>{"b1", "a2"});

  under_test.Restart();
  MustAppend(under_test.log(), 0, {Make("b", "b2"), Make("c", "c1"), Make("b", "b3")});
  REQUIRE(under_test.Maintain().ok());

  EventLog& log = under_test.log();
  CHECK(ValuesOf(ReadAll(log, 0)) == std::vector<std::string>{"a2", "c1", "b3"});
  CHECK(ValuesOf(ReadAll(log, 1)) == std::vector<std::string>{"of another partition"});
  CHECK(log.GetWatermarks(At(0))->end == 6);
  // A remembered record that compaction took is no sign of another log.
  const auto reader = MustOpen(log, {{At(0), 4, StartPosition::Applied{3, "whatever"}}});
  CHECK(ValuesOf(ReadSome(*reader, 2)) == std::vector<std::string>{"c1", "b3"});
}
#endif

#ifndef WEFT_REAL_KAFKA
TEMPLATE_TEST_CASE("a tombstone deletes its key and stays for a day", "[eventlog]", InMemory,
                   Embedded) {
  SettableClock clock;
  TestType under_test(clock);
  REQUIRE(under_test.log().EnsureTopic(kTopic, {.compacted = true}).ok());
  MustAppend(under_test.log(), 0, {Make("a", "a1"), Make("b", "b1"), Make("c", "c1")});
  MustAppend(under_test.log(), 0,
             {Make("a", std::nullopt), Make("c", std::nullopt), Make("c", "c2")});
  REQUIRE(under_test.Maintain().ok());
  CHECK(ValuesOf(ReadAll(under_test.log(), 0)) ==
        std::vector<std::string>{"b1", "(tombstone)", "c2"});

  clock.Advance(absl::Hours(23));
  under_test.Restart();
  REQUIRE(under_test.Maintain().ok());
  CHECK(ReadAll(under_test.log(), 0).size() == 3);

  clock.Advance(absl::Hours(2));
  REQUIRE(under_test.Maintain().ok());
  CHECK(ValuesOf(ReadAll(under_test.log(), 0)) == std::vector<std::string>{"b1", "c2"});

  MustAppend(under_test.log(), 0, {Make("a", "again")});
  REQUIRE(under_test.Maintain().ok());
  CHECK(ValuesOf(ReadAll(under_test.log(), 0)) ==
        std::vector<std::string>{"b1", "c2", "again"});
}
#endif

#ifndef WEFT_REAL_KAFKA
TEMPLATE_TEST_CASE("what is compacted equals the fold of everything appended", "[eventlog]",
                   InMemory, Embedded) {
  SettableClock clock;
  TestType under_test(clock);
  REQUIRE(under_test.log().EnsureTopic(kTopic, {.compacted = true}).ok());
  std::map<std::string, std::string> expected;
  uint64_t random = 12345;
  const auto next = [&random] { return random = random * 6364136223846793005u + 1442695040888963407u; };

  for (int round = 0; round < 8; ++round) {
    std::vector<NewRecord> records;
    for (int i = 0; i < 700; ++i) {
      const std::string key = absl::StrCat("key", (next() >> 40) % 200);
      if ((next() >> 40) % 4 == 0) {
        records.push_back(Make(key, std::nullopt));
        expected.erase(key);
      } else {
        records.push_back(Make(key, absl::StrCat(round, ".", i)));
        expected[key] = absl::StrCat(round, ".", i);
      }
    }
    MustAppend(under_test.log(), 0, std::move(records));
    if (round % 2 == 0) REQUIRE(under_test.Maintain().ok());
    if (round % 3 == 0) under_test.Restart();
    clock.Advance(absl::Hours(7));
  }
  clock.Advance(absl::Hours(48));
  REQUIRE(under_test.Maintain().ok());

  std::map<std::string, std::string> found;
  for (const Record& record : ReadAll(under_test.log(), 0)) {
    REQUIRE(record.value.has_value());
    CHECK(found.emplace(record.key, *record.value).second);
  }
  CHECK(found == expected);
}
#endif

TEMPLATE_TEST_CASE("the log says who it is, always the same", "[eventlog]", WEFT_LOGS) {
  SettableClock clock;
  TestType under_test(clock);
  const std::string identity = *under_test.log().Identity();
  under_test.Restart();

  CHECK(identity.size() == (TestType::kOwnClock ? 36 : identity.size()));
  CHECK_FALSE(identity.empty());
  CHECK(*under_test.log().Identity() == identity);
}

TEMPLATE_TEST_CASE("an append of nothing is answered with the end", "[eventlog]", WEFT_LOGS) {
  SettableClock clock;
  TestType under_test(clock);
  REQUIRE(under_test.log().EnsureTopic(kTopic, {}).ok());
  MustAppend(under_test.log(), 0, {Make("k", "0")});

  CHECK(MustAppend(under_test.log(), 0, {}) == 1);
  CHECK(under_test.log().GetWatermarks(At(0))->end == 1);
}

TEMPLATE_TEST_CASE("a callback may append", "[eventlog]", WEFT_LOGS) {
  SettableClock clock;
  TestType under_test(clock);
  EventLog& log = under_test.log();
  REQUIRE(log.EnsureTopic(kTopic, {}).ok());
  const auto reader = MustOpen(log, {{At(0), 0, {}}});

  log.Append(At(0), {Make("k", "first")}, [&log](absl::StatusOr<int64_t>) {
    log.Append(At(0), {Make("k", "second")}, [](absl::StatusOr<int64_t>) {});
  });

  CHECK(ValuesOf(ReadSome(*reader, 2)) == std::vector<std::string>{"first", "second"});
}

TEMPLATE_TEST_CASE("many appenders and readers: each reader sees every append once, whole and in order",
                   "[eventlog]", WEFT_LOGS) {
  constexpr int kAppenders = 4;
  constexpr int kCalls = 150;
  constexpr int kReaders = 3;
  constexpr int kPartitions = 8;
  SettableClock clock;
  TestType under_test(clock);
  EventLog& log = under_test.log();
  REQUIRE(log.EnsureTopic(kTopic, {.partitions = kPartitions}).ok());

  std::atomic<int> answered{0};
  std::atomic<int> failed{0};
  std::vector<std::thread> threads;
  for (int a = 0; a < kAppenders; ++a) {
    threads.emplace_back([&, a] {
      for (int c = 0; c < kCalls; ++c) {
        // One, two or three records; the call's number is in each.
        std::vector<NewRecord> records;
        for (int i = 0; i <= c % 3; ++i) {
          records.push_back(Make(absl::StrCat(a), absl::StrCat(c, ".", i, ".", c % 3)));
        }
        log.Append(At((a + c) % kPartitions), std::move(records),
                   [&](absl::StatusOr<int64_t> result) {
                     if (!result.ok()) ++failed;
                     ++answered;
                   });
      }
    });
  }
  const int records_in_all = kAppenders * kCalls * 2;
  std::vector<std::string> trouble(kReaders);
  for (int r = 0; r < kReaders; ++r) {
    threads.emplace_back([&, r] {
      std::vector<StartPosition> positions;
      for (int p = 0; p < kPartitions; ++p) positions.push_back({At(p), 0, {}});
      auto reader = *log.OpenReader(positions);
      std::map<int32_t, int64_t> next;
      std::map<std::pair<int32_t, std::string>, int> last_call;
      int seen = 0;
      while (seen < records_in_all) {
        auto batches = reader->Poll(kLong, 64);
        if (!batches.ok() || batches->empty()) {
          trouble[r] = absl::StrCat("stopped after ", seen);
          return;
        }
        for (const Batch& batch : *batches) {
          for (const Record& record : batch.records) {
            ++seen;
            if (record.offset != next[batch.where.partition]++) trouble[r] = "an offset is missing";
            const int call = std::stoi(*record.value);
            int& last = last_call.try_emplace({batch.where.partition, record.key}, -1).first->second;
            if (call < last) trouble[r] = "an appender's calls are out of order";
            last = call;
          }
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  for (const std::string& t : trouble) CHECK(t.empty());
  // The last callback may still be on its way: an append behind it waits for it.
  MustAppend(log, 0, {Make("end", "")});
  CHECK(answered == kAppenders * kCalls);
  CHECK(failed == 0);
  // The records of one call lie side by side.
  for (int p = 0; p < kPartitions; ++p) {
    const auto records = ReadAll(log, p);
    for (size_t i = 0; i < records.size(); ++i) {
      if (records[i].key == "end") continue;
      const std::string& value = *records[i].value;
      const int index = value[value.find('.') + 1] - '0';
      if (index == 0) continue;
      REQUIRE(i > 0);
      CHECK(records[i - 1].key == records[i].key);
      CHECK(std::stoi(*records[i - 1].value) == std::stoi(value));
    }
  }
}

}  // namespace
}  // namespace weft::eventlog
