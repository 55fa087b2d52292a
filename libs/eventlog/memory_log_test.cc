// What a test can do to the log in memory.
#include "libs/eventlog/memory_log.h"

#include <catch2/catch.hpp>

#include "libs/base/error.h"
#include "libs/eventlog/log_under_test.h"

namespace weft::eventlog {
namespace {

constexpr char kTopic[] = "weft.test.things.v1";
const TopicPartition kHere{kTopic, 0};

struct Stepped {
  Stepped() : log(clock, {.manual = true}) {
    REQUIRE(log.EnsureTopic(kTopic, {}).ok());
    reader = *log.OpenReader({{kHere, 0, {}}});
  }
  void Append(const std::string& value) {
    log.Append(kHere, {{"k", {}, value}}, [this](absl::StatusOr<int64_t> result) {
      answers.push_back(std::move(result));
    });
  }
  std::vector<std::string> Read() {
    std::vector<std::string> values;
    while (true) {
      const auto batches = reader->Poll(absl::InfiniteDuration(), 100);
      REQUIRE(batches.ok());
      if (batches->empty()) return values;
      for (const Record& r : batches->front().records) values.push_back(*r.value);
    }
  }
  using Values = std::vector<std::string>;

  SettableClock clock;
  MemoryLog log;
  std::unique_ptr<Reader> reader;
  std::vector<absl::StatusOr<int64_t>> answers;
};

TEST_CASE("stepped by hand, nothing happens by itself", "[eventlog]") {
  Stepped s;
  s.Append("a");
  s.Append("b");
  CHECK(s.Read().empty());
  CHECK(s.log.waiting() == 2);

  CHECK(s.log.CommitNext());
  CHECK(s.Read() == Stepped::Values{"a"});
  CHECK(s.answers.empty());
  CHECK(s.log.CallBackNext());
  CHECK(s.answers.size() == 1);
  CHECK_FALSE(s.log.CallBackNext());

  s.log.Pump();
  CHECK(s.Read() == Stepped::Values{"b"});
  CHECK(s.answers.size() == 2);
  CHECK_FALSE(s.log.CommitNext());
}

TEST_CASE("appenders that die leave a prefix and hear nothing", "[eventlog]") {
  Stepped s;
  for (const char* value : {"a", "b", "c"}) s.Append(value);
  s.log.CommitNext();

  s.log.LoseAppenders(1);
  s.log.Pump();

  CHECK(s.Read() == Stepped::Values{"a", "b"});
  CHECK(s.answers.empty());
}

TEST_CASE("a log that is away answers UNAVAILABLE and comes back as it was", "[eventlog]") {
  Stepped s;
  s.Append("a");
  s.log.Pump();
  s.log.SetAway(true);
  s.Append("b");
  s.log.Pump();
  CHECK(ReasonOf(s.answers.at(1).status()) == "LOG_UNAVAILABLE");
  CHECK(ReasonOf(s.reader->Poll(absl::ZeroDuration(), 1).status()) == "LOG_UNAVAILABLE");
  CHECK_FALSE(s.log.Identity().ok());

  s.log.SetAway(false);
  CHECK(s.Read() == Stepped::Values{"a"});
}

TEST_CASE("an append may look failed and be there", "[eventlog]") {
  const bool written = GENERATE(false, true);
  Stepped s;
  s.log.FailNextAppend(written);
  s.Append("a");
  s.log.Pump();
  CHECK(s.answers.at(0).status().code() == absl::StatusCode::kUnavailable);
  CHECK(s.Read().size() == (written ? 1u : 0u));
}

TEST_CASE("records can be repeated, held back, trimmed", "[eventlog]") {
  Stepped s;
  s.Append("a");
  s.log.Pump();
  s.log.HoldBack(kHere, 1);
  s.Append("b");
  s.log.Pump();
  REQUIRE(s.log.Repeat(kHere, 0).ok());
  CHECK(s.Read() == Stepped::Values{"a"});
  s.log.HoldBack(kHere, 2);
  CHECK(s.Read() == Stepped::Values{"b"});
  s.log.HoldBack(kHere, INT64_MAX);
  CHECK(s.Read() == Stepped::Values{"a"});
  CHECK(s.log.Dump(kHere).size() == 3);

  s.log.Trim(kHere, 2);
  CHECK(s.log.GetWatermarks(kHere)->begin == 2);
  CHECK(ReasonOf((*s.log.OpenReader({{kHere, 1, {}}}))->Poll(absl::ZeroDuration(), 1).status()) ==
        "OFFSET_GONE");
}

TEST_CASE("a wiped log is another log to who remembers", "[eventlog]") {
  Stepped s;
  s.Append("a");
  s.log.Pump();
  const std::string digest = RecordDigest(s.log.Dump(kHere).at(0));
  s.reader.reset();

  s.log.Wipe("another");
  s.Append("b");
  s.log.Pump();

  CHECK(*s.log.Identity() == "another");
  auto reader = *s.log.OpenReader({{kHere, 1, StartPosition::Applied{0, digest}}});
  CHECK(ReasonOf(reader->Poll(absl::ZeroDuration(), 1).status()) == "LOG_CHANGED");
}

}  // namespace
}  // namespace weft::eventlog
