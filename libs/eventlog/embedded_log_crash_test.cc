// A process that appends is killed at random moments; what it was told is kept.
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <thread>

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/clock.h"
#include "libs/eventlog/embedded_log.h"
#include "libs/testing/paths.h"

namespace weft::eventlog {
namespace {

constexpr char kTopic[] = "weft.test.things.v1";
constexpr char kCompacted[] = "weft.test.latest.v1";
constexpr int kPartitions = 4;
constexpr char kFolderVariable[] = "WEFT_TEST_APPEND_FOLDER";
constexpr char kLifeVariable[] = "WEFT_TEST_APPEND_LIFE";

// Run by the parent below, never by ctest: appends until it is killed and
// writes a line for each append that was answered.
TEST_CASE("child: append until killed", "[.child]") {
  const char* const folder = std::getenv(kFolderVariable);
  const char* const life = std::getenv(kLifeVariable);
  if (folder == nullptr || life == nullptr) return;
  SystemClock clock;
  auto log = *EmbeddedLog::Open(
      {.path = folder,
       .compaction_lag = absl::ZeroDuration(),
       .maintenance_interval = absl::Milliseconds(2)}, clock);
  if (!log->EnsureTopic(kTopic, {.partitions = kPartitions}).ok()) return;
  if (!log->EnsureTopic(kCompacted, {.partitions = 1, .compacted = true}).ok()) return;
  std::atomic<int> in_flight{0};
  const auto sent = [&](const std::string& line) {
    return [&in_flight, line](absl::StatusOr<int64_t> first) {
      const std::string text = absl::StrCat(line, " ", first.ok() ? *first : -1, "\n");
      // One write each: lines are never torn.
      if (write(STDOUT_FILENO, text.data(), text.size()) < 0) _exit(1);
      --in_flight;
    };
  };
  for (int call = 0;; ++call) {
    const int size = 1 + call % 5;
    std::vector<NewRecord> records;
    for (int i = 0; i < size; ++i) {
      records.push_back({"k", {}, absl::StrCat(life, ".", call, ".", i, ".", size)});
    }
    while (in_flight.load() > 64) std::this_thread::yield();
    in_flight += 2;
    log->Append({kTopic, call % kPartitions}, std::move(records),
                sent(absl::StrCat("t ", call % kPartitions, " ", life, ".", call)));
    log->Append({kCompacted, 0}, {{absl::StrCat("key", call % 10), {}, absl::StrCat(life, ".", call)}},
                sent(absl::StrCat("c ", call % 10, " ", life, ".", call)));
  }
}

// Lines the child wrote until it was killed.
std::vector<std::string> RunAndKill(const std::string& folder, int life, int lines_wanted) {
  int out[2];
  REQUIRE(pipe(out) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    dup2(out[1], STDOUT_FILENO);
    close(out[0]);
    close(out[1]);
    setenv(kFolderVariable, folder.c_str(), 1);
    setenv(kLifeVariable, std::to_string(life).c_str(), 1);
    execl("/proc/self/exe", "child", "child: append until killed", nullptr);
    _exit(1);
  }
  close(out[1]);
  std::string text;
  char buffer[1 << 16];
  int lines = 0;
  bool killed = false;
  while (true) {
    const ssize_t size = read(out[0], buffer, sizeof(buffer));
    if (size <= 0) break;
    text.append(buffer, static_cast<size_t>(size));
    for (ssize_t i = 0; i < size; ++i) lines += buffer[i] == '\n' ? 1 : 0;
    if (!killed && lines >= lines_wanted) {
      kill(child, SIGKILL);
      killed = true;
    }
  }
  close(out[0]);
  int status = 0;
  waitpid(child, &status, 0);
  REQUIRE(WIFSIGNALED(status));
  return absl::StrSplit(text, '\n', absl::SkipEmpty());
}

TEST_CASE("a process killed while it appends has lost nothing it was told, and left no half append",
          "[eventlog][crash]") {
  uint32_t seed = std::random_device()();
  if (const char* given = std::getenv("WEFT_SEED")) {
    seed = static_cast<uint32_t>(std::strtoul(given, nullptr, 10));
  }
  CAPTURE(seed);
  std::mt19937 random(seed);
  testing::TempDir folder;
  SystemClock clock;
  std::map<int32_t, std::map<std::string, int64_t>> told;  // By partition: call → offset.
  std::map<std::string, std::string> told_last;            // By key of the compacted topic.

  for (int life = 0; life < 12; ++life) {
    CAPTURE(life);
    for (const std::string& line :
         RunAndKill(folder.path(), life, 1 + static_cast<int>(random() % 600))) {
      const std::vector<std::string> parts = absl::StrSplit(line, ' ');
      REQUIRE(parts.size() == 4);
      const int64_t offset = std::stoll(parts[3]);
      REQUIRE(offset >= 0);
      if (parts[0] == "t") {
        REQUIRE(told[std::stoi(parts[1])].emplace(parts[2], offset).second);
      } else {
        told_last["key" + parts[1]] = parts[2];
      }
    }

    auto log = *EmbeddedLog::Open(
        {.path = folder.path(), .compaction_lag = absl::ZeroDuration()}, clock);
    for (int32_t p = 0; p < kPartitions; ++p) {
      auto reader = *log->OpenReader({{{kTopic, p}, 0, {}}});
      std::map<std::string, int64_t> found;
      int64_t next = 0;
      int expected_index = 0;
      while (true) {
        const auto batches = reader->Poll(absl::ZeroDuration(), 1000);
        REQUIRE(batches.ok());
        if (batches->empty()) break;
        for (const Record& record : batches->front().records) {
          REQUIRE(record.offset == next++);
          // life.call.index.size
          const std::vector<std::string> v = absl::StrSplit(*record.value, '.');
          REQUIRE(std::stoi(v[2]) == expected_index);
          if (expected_index == 0) {
            REQUIRE(found.emplace(v[0] + "." + v[1], record.offset).second);
          }
          expected_index = (expected_index + 1) % std::stoi(v[3]);
        }
      }
      REQUIRE(expected_index == 0);
      REQUIRE(log->GetWatermarks({kTopic, p})->end == next);
      for (const auto& [call, offset] : told[p]) {
        const auto there = found.find(call);
        REQUIRE(there != found.end());
        REQUIRE(there->second == offset);
      }
    }

    REQUIRE(log->RunMaintenance().ok());
    auto reader = *log->OpenReader({{{kCompacted, 0}, 0, {}}});
    std::map<std::string, std::string> latest;
    while (true) {
      const auto batches = reader->Poll(absl::ZeroDuration(), 1000);
      REQUIRE(batches.ok());
      if (batches->empty()) break;
      for (const Record& r : batches->front().records) {
        REQUIRE(latest.emplace(r.key, *r.value).second);
      }
    }
    const auto number = [](const std::string& life_and_call) {
      const std::vector<std::string> v = absl::StrSplit(life_and_call, '.');
      return std::pair(std::stoi(v[0]), std::stoi(v[1]));
    };
    for (const auto& [key, value] : told_last) {
      REQUIRE(latest.count(key) == 1);
      // The last one may have been written without being told.
      REQUIRE(number(latest[key]) >= number(value));
    }
  }
}

}  // namespace
}  // namespace weft::eventlog
