// What only the log on disk can do, or fail at.
#include "libs/eventlog/embedded_log.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <random>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/eventlog/log_under_test.h"
#include "libs/testing/power_cut_fs.h"

namespace weft::eventlog {
namespace {

constexpr char kTopic[] = "weft.test.things.v1";

std::unique_ptr<EmbeddedLog> MustOpen(EmbeddedLogOptions options, const Clock& clock) {
  auto log = EmbeddedLog::Open(std::move(options), clock);
  INFO(log.status());
  REQUIRE(log.ok());
  return *std::move(log);
}

std::vector<std::string> ValuesOf(EventLog& log, int32_t partition) {
  const auto marks = log.GetWatermarks({kTopic, partition});
  auto reader = *log.OpenReader({{{kTopic, partition}, marks->begin, {}}});
  std::vector<std::string> values;
  while (true) {
    const auto batches = reader->Poll(absl::ZeroDuration(), 100);
    REQUIRE(batches.ok());
    if (batches->empty()) return values;
    for (const Record& r : batches->front().records) values.push_back(r.value.value_or("-"));
  }
}

TEST_CASE("a folder belongs to one log at a time", "[eventlog]") {
  SettableClock clock;
  testing::TempDir folder;
  auto log = MustOpen({.path = folder.path()}, clock);

  const auto second = EmbeddedLog::Open({.path = folder.path()}, clock);
  CHECK(second.status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(ReasonOf(second.status()) == "LOG_LOCKED");

  log.reset();
  CHECK(EmbeddedLog::Open({.path = folder.path()}, clock).ok());
}

TEST_CASE("another folder is another identity", "[eventlog]") {
  SettableClock clock;
  testing::TempDir a;
  testing::TempDir b;
  CHECK(*MustOpen({.path = a.path()}, clock)->Identity() !=
        *MustOpen({.path = b.path()}, clock)->Identity());
}

TEST_CASE("a folder that cannot be made is LOG_UNAVAILABLE", "[eventlog]") {
  SettableClock clock;
  testing::TempDir folder;
  std::ofstream(folder.path() + "/file") << "not a folder";
  CHECK(ReasonOf(EmbeddedLog::Open({.path = folder.path() + "/file/log"}, clock).status()) ==
        "LOG_UNAVAILABLE");
}

TEST_CASE("what waits at the end is committed and answered before the log closes",
          "[eventlog]") {
  SettableClock clock;
  testing::TempDir folder;
  std::atomic<int> answered{0};
  {
    auto log = MustOpen({.path = folder.path()}, clock);
    REQUIRE(log->EnsureTopic(kTopic, {}).ok());
    for (int i = 0; i < 500; ++i) {
      log->Append({kTopic, i % 4}, {{"k", {}, "v"}}, [&](absl::StatusOr<int64_t> result) {
        if (result.ok()) ++answered;
      });
    }
  }
  CHECK(answered == 500);
  auto log = MustOpen({.path = folder.path()}, clock);
  int64_t records = 0;
  for (int p = 0; p < 4; ++p) records += log->GetWatermarks({kTopic, p})->end;
  CHECK(records == 500);
}

TEST_CASE("a queue that is full makes appenders wait and loses nothing", "[eventlog]") {
  SettableClock clock;
  testing::TempDir folder;
  auto log = MustOpen({.path = folder.path(), .commit_bytes_max = 4096, .waiting_bytes_max = 2048},
                      clock);
  REQUIRE(log->EnsureTopic(kTopic, {}).ok());
  std::vector<std::thread> threads;
  std::atomic<int> answered{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) {
        log->Append({kTopic, 0}, {{"k", {}, std::string(500, 'x')}},
                    [&](absl::StatusOr<int64_t> result) { answered += result.ok() ? 1 : 0; });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  REQUIRE(AppendAndWait(*log, {kTopic, 0}, {{"k", {}, "last"}}).ok());
  CHECK(answered == 400);
  CHECK(log->GetStats().waiting_bytes == 0);
}

TEST_CASE("a sync that fails stops the log: nothing of it is readable, nothing follows",
          "[eventlog]") {
  SettableClock clock;
  testing::TempDir folder;
  testing::PowerCutFs fs;
  {
    auto log = MustOpen({.path = folder.path(), .env = fs.env()}, clock);
    REQUIRE(log->EnsureTopic(kTopic, {}).ok());
    REQUIRE(AppendAndWait(*log, {kTopic, 0}, {{"k", {}, "kept"}}).ok());
    auto reader = *log->OpenReader({{{kTopic, 0}, 1, {}}});

    fs.FailSyncs(".log");
    const auto failed = AppendAndWait(*log, {kTopic, 0}, {{"k", {}, "unsynced"}});
    const auto after = AppendAndWait(*log, {kTopic, 1}, {{"k", {}, "later"}});

    CHECK(failed.status().code() == absl::StatusCode::kUnavailable);
    CHECK(ReasonOf(failed.status()) == "LOG_UNAVAILABLE");
    CHECK(ReasonOf(after.status()) == "LOG_UNAVAILABLE");
    CHECK(ReasonOf(reader->Poll(absl::ZeroDuration(), 10).status()) == "LOG_UNAVAILABLE");
    CHECK(log->GetWatermarks({kTopic, 0})->end == 1);
    CHECK(log->GetStats().failed);
  }
  fs.CutPower();
  auto log = MustOpen({.path = folder.path(), .env = fs.env()}, clock);
  CHECK(ValuesOf(*log, 0) == std::vector<std::string>{"kept"});
  CHECK(*AppendAndWait(*log, {kTopic, 0}, {{"k", {}, "next"}}) == 1);
}

TEST_CASE("a power cut loses nothing that was answered", "[eventlog]") {
  const uint32_t seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937 random(seed);
  SettableClock clock;
  testing::TempDir folder;
  testing::PowerCutFs fs;
  std::map<int32_t, std::vector<std::string>> answered;

  for (int life = 0; life < 6; ++life) {
    {
      auto log = MustOpen({.path = folder.path(),
                           .maintenance_interval = absl::Milliseconds(1),
                           .env = fs.env()},
                          clock);
      REQUIRE(log->EnsureTopic(kTopic, {.partitions = 4}).ok());
      for (int p = 0; p < 4; ++p) REQUIRE(ValuesOf(*log, p) == answered[p]);
      const int appends = static_cast<int>(random() % 40);
      for (int i = 0; i < appends; ++i) {
        const int32_t p = static_cast<int32_t>(random() % 4);
        std::vector<NewRecord> records;
        for (uint32_t r = 0; r <= random() % 3; ++r) {
          records.push_back({"k", {}, absl::StrCat(life, ".", i, ".", r)});
          answered[p].push_back(*records.back().value);
        }
        REQUIRE(AppendAndWait(*log, {kTopic, p}, records).ok());
      }
    }
    fs.CutPower();
  }
}

TEST_CASE("damage in front of answered records refuses to open", "[eventlog]") {
  SettableClock clock;
  testing::TempDir folder;
  {
    auto log = MustOpen({.path = folder.path()}, clock);
    REQUIRE(log->EnsureTopic(kTopic, {}).ok());
    for (int i = 0; i < 50; ++i) {
      REQUIRE(AppendAndWait(*log, {kTopic, 0}, {{"k", {}, std::string(200, 'x')}}).ok());
    }
  }
  std::string wal;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    if (entry.path().extension() == ".log" && entry.file_size() > 5000) wal = entry.path();
  }
  REQUIRE_FALSE(wal.empty());
  std::fstream file(wal, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(4000);
  file.write("damage", 6);
  file.close();

  const auto opened = EmbeddedLog::Open({.path = folder.path()}, clock);

  CHECK(opened.status().code() == absl::StatusCode::kDataLoss);
  CHECK(ReasonOf(opened.status()) == "LOG_DAMAGED");
}

TEST_CASE("a checkpoint is a whole log as of one moment", "[eventlog]") {
  SettableClock clock;
  testing::TempDir folder;
  auto log = MustOpen({.path = folder.path() + "/log"}, clock);
  REQUIRE(log->EnsureTopic(kTopic, {}).ok());
  REQUIRE(AppendAndWait(*log, {kTopic, 0}, {{"k", {}, "before"}}).ok());

  REQUIRE(log->Checkpoint(folder.path() + "/copy").ok());
  REQUIRE(AppendAndWait(*log, {kTopic, 0}, {{"k", {}, "after"}}).ok());

  auto copy = MustOpen({.path = folder.path() + "/copy"}, clock);
  CHECK(ValuesOf(*copy, 0) == std::vector<std::string>{"before"});
  CHECK(*copy->Identity() == *log->Identity());
}

TEST_CASE("compaction leaves what a reader may still have to meet", "[eventlog]") {
  SettableClock clock;
  testing::TempDir folder;
  auto log = MustOpen({.path = folder.path(),
                       .compaction_lag = absl::Minutes(10),
                       .maintenance_interval = absl::Hours(1)},
                      clock);
  REQUIRE(log->EnsureTopic(kTopic, {.compacted = true}).ok());
  REQUIRE(AppendAndWait(*log, {kTopic, 0}, {{"k", {}, "0"}, {"k", {}, "1"}}).ok());
  clock.Advance(absl::Minutes(6));
  REQUIRE(AppendAndWait(*log, {kTopic, 0}, {{"k", {}, "2"}, {"k", {}, "3"}}).ok());
  clock.Advance(absl::Minutes(6));

  REQUIRE(log->RunMaintenance().ok());
  CHECK(ValuesOf(*log, 0) == std::vector<std::string>{"1", "2", "3"});

  clock.Advance(absl::Minutes(6));
  REQUIRE(log->RunMaintenance().ok());
  CHECK(ValuesOf(*log, 0) == std::vector<std::string>{"3"});
}

TEST_CASE("the background thread applies retention by itself", "[eventlog]") {
  SettableClock clock;
  testing::TempDir folder;
  auto log = MustOpen({.path = folder.path(), .maintenance_interval = absl::Milliseconds(1)},
                      clock);
  REQUIRE(log->EnsureTopic(kTopic, {.retention_bytes = 1000}).ok());
  for (int i = 0; i < 20; ++i) {
    REQUIRE(AppendAndWait(*log, {kTopic, 0}, {{"k", {}, std::string(200, 'x')}}).ok());
  }
  // Ends when it happened; the test's time-out is the limit.
  while (log->GetStats().records_removed < 16) std::this_thread::yield();
  CHECK(log->GetWatermarks({kTopic, 0})->begin >= 16);
}

}  // namespace
}  // namespace weft::eventlog
