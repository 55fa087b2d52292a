#include "libs/engine/recording.h"

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <thread>

#include "libs/engine/cloud_event.h"
#include "libs/engine/house_for_test.h"
#include "libs/engine/program_for_test.h"

namespace weft::engine {
namespace {

using bank::MakeProgram;

std::vector<std::string> RecordingsOf(const std::string& folder) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

// A busy while of a bank: commands, refusals, repeats, timers, tasks, records.
void Work(House& house, const Program& program, int64_t recording_bytes, int turns) {
  Options options;
  options.folder = house.dir.path() + "/bank";
  options.recording_bytes = recording_bytes;
  options.core.trim_rows_min = 3;
  REQUIRE(house.log.EnsureTopic("deposits.v1", {}).ok());
  auto shards = engine::Open(options, program, house.log, house.clock);
  REQUIRE(shards.ok());
  EventHeaders headers;
  headers.room = "erp";
  headers.type = "erp.Deposit";
  headers.time_text = "2026-01-01T00:00:00.000000Z";
  headers.tenant = "t1";
  Token last{"erp", PartitionOf("t1"), "deposits.v1", 0};
  for (int i = 0; i < turns; ++i) {
    const std::string id = std::to_string(i);
    (void)Ask(**shards, MakeCommand("Bank/Add", "a" + id, "ann " + std::to_string(i % 5 - 1)));
    (void)Ask(**shards, MakeCommand("Bank/Add", "a" + std::to_string(i / 2), "ann 1"));
    (void)Ask(**shards, MakeCommand("Bank/Later", "l" + id, "bob 1 0"));
    (void)Ask(**shards, MakeCommand("Bank/Ask", "q" + id, "cat"));
    headers.number = ++last.number;
    eventlog::NewRecord record;
    record.key = "t1" + std::string(1, '\0') + id;
    record.headers = MakeEventHeaders(headers);
    record.value = i % 7 == 3 ? "poison" : "dan 1";
    REQUIRE(eventlog::AppendAndWait(
                house.log, {"deposits.v1", static_cast<int32_t>(PartitionOf("t1"))},
                {record})
                .ok());
  }
  REQUIRE(Await(**shards, "t1", last).ok());
}

TEST_CASE("a recording replays to the same bytes", "[recording][G17]") {
  House house;
  const Program program = MakeProgram([](const TaskCall&, TaskDone done) { done("3"); });
  Work(house, program, int64_t{1} << 30, 40);
  const auto recordings = RecordingsOf(house.dir.path() + "/bank/recordings-0");
  REQUIRE(recordings.size() == 1);

  CHECK(RecordedRoom(recordings[0]).value() == "bank");
  int64_t steps = 0;
  const auto report = Replay(program, recordings[0], [&](int64_t batch) {
    CHECK(batch == steps);
    ++steps;
  });

  REQUIRE(report.ok());
  CHECK(report->first_difference == -1);
  CHECK(report->batches == steps);
  CHECK(report->turns >= 40 * 5);
}

TEST_CASE("a replay tells where another program goes another way", "[recording][G17]") {
  House house;
  const Program program = MakeProgram([](const TaskCall&, TaskDone done) { done("3"); });
  Work(house, program, int64_t{1} << 30, 5);
  Program other = MakeProgram();
  other.events["deposits.v1"] = {[](const Event&, Turn&) { return absl::OkStatus(); }};

  const auto report =
      Replay(other, RecordingsOf(house.dir.path() + "/bank/recordings-0")[0]);

  REQUIRE(report.ok());
  CHECK(report->first_difference >= 0);
}

TEST_CASE("recordings are bounded, and one that began in the middle replays",
          "[recording][G17]") {
  House house;
  const Program program = MakeProgram([](const TaskCall&, TaskDone done) { done("3"); });
  Work(house, program, 4000, 60);

  const auto recordings = RecordingsOf(house.dir.path() + "/bank/recordings-0");
  REQUIRE(recordings.size() == 2);
  for (const std::string& recording : recordings) {
    CAPTURE(recording);
    CHECK(std::filesystem::file_size(recording + "/inputs") < 40'000);
    const auto report = Replay(program, recording);
    REQUIRE(report.ok());
    CHECK(report->first_difference == -1);
  }
}

TEST_CASE("a torn recording replays up to its tear, a damaged one is told",
          "[recording][G17]") {
  House house;
  const Program program = MakeProgram([](const TaskCall&, TaskDone done) { done("3"); });
  Work(house, program, int64_t{1} << 30, 5);
  const std::string folder = RecordingsOf(house.dir.path() + "/bank/recordings-0")[0];
  const auto whole = Replay(program, folder);
  REQUIRE(whole.ok());

  std::filesystem::resize_file(folder + "/inputs",
                               std::filesystem::file_size(folder + "/inputs") - 60);
  const auto torn = Replay(program, folder);
  REQUIRE(torn.ok());
  CHECK(torn->first_difference == -1);
  CHECK(torn->batches <= whole->batches);

  {
    std::ofstream file(folder + "/inputs", std::ios::binary);
    file << std::string("\0\0\0\0\0\0\0\1x", 9);
  }
  CHECK(ReasonOf(Replay(program, folder).status()) == "RECORDING_DAMAGED");
  CHECK(ReasonOf(Replay(program, house.dir.path()).status()) == "RECORDING_NOT_FOUND");
}

}  // namespace
}  // namespace weft::engine
