#include "libs/engine/checkpoint.h"

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>

#include "libs/base/error.h"
#include "libs/engine/core_rig.h"
#include "libs/engine/house_for_test.h"
#include "libs/engine/program_for_test.h"

namespace weft::engine {
namespace {

using bank::Balance;
using bank::MakeProgram;

TEST_CASE("a checkpoint holds the room as of one moment and restores to it",
          "[checkpoint][G23]") {
  House house;
  const Program program = MakeProgram();
  const std::string checkpoint = house.dir.path() + "/checkpoint";
  {
    const auto shards = house.Open(program, 2);
    REQUIRE(Ask(*shards, MakeCommand("Bank/Add", "r1", "ann 5")).ok());
    REQUIRE(shards->Checkpoint(checkpoint).ok());
    REQUIRE(Ask(*shards, MakeCommand("Bank/Add", "r2", "ann 5")).ok());
    CHECK_FALSE(shards->Checkpoint(checkpoint).ok());
  }
  const auto info = VerifyCheckpoint(checkpoint);
  REQUIRE(info.ok());
  CHECK(info->room == "bank");
  CHECK(info->shards == 2);
  CHECK(info->rows > 0);
  CHECK(ReasonOf(RestoreCheckpoint(checkpoint, house.dir.path() + "/bank")) ==
        "FOLDER_NOT_EMPTY");

  std::filesystem::remove_all(house.dir.path() + "/bank");
  REQUIRE(RestoreCheckpoint(checkpoint, house.dir.path() + "/bank").ok());

  const auto shards = house.Open(program, 2);
  CHECK(Balance(**shards->Read("t1"), "ann").value() == 5);
  CHECK(Ask(*shards, MakeCommand("Bank/Add", "r1", "ann 5"))->replayed);
}

TEST_CASE("a damaged checkpoint is told, not restored", "[checkpoint][G23]") {
  House house;
  const Program program = MakeProgram();
  const std::string checkpoint = house.dir.path() + "/checkpoint";
  {
    const auto shards = house.Open(program);
    REQUIRE(Ask(*shards, MakeCommand("Bank/Add", "r1", "ann 5")).ok());
    REQUIRE(shards->Checkpoint(checkpoint).ok());
  }
  REQUIRE(VerifyCheckpoint(checkpoint).ok());
  std::string victim;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(checkpoint)) {
    if (entry.is_regular_file() && entry.file_size() > 10 &&
        entry.path().filename() != "MANIFEST") {
      victim = entry.path();
    }
  }
  REQUIRE_FALSE(victim.empty());

  SECTION("a flipped byte") {
    std::fstream file(victim, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(5);
    const char c = static_cast<char>(file.get());
    file.seekp(5);
    file.put(static_cast<char>(c ^ 1));
  }
  SECTION("a lost tail") {
    std::filesystem::resize_file(victim, std::filesystem::file_size(victim) - 1);
  }
  SECTION("a missing file") { std::filesystem::remove(victim); }

  CHECK(ReasonOf(VerifyCheckpoint(checkpoint).status()) == "CHECKPOINT_DAMAGED");
  CHECK_FALSE(RestoreCheckpoint(checkpoint, house.dir.path() + "/elsewhere").ok());
  CHECK_FALSE(std::filesystem::exists(house.dir.path() + "/elsewhere/shard-0"));
}

TEST_CASE("a folder that was not finished is no checkpoint", "[checkpoint][G23]") {
  testing::TempDir dir;
  CHECK(ReasonOf(VerifyCheckpoint(dir.path()).status()) == "CHECKPOINT_NOT_FOUND");
}

TEST_CASE("a checkpoint of the house holds all rooms at one point", "[checkpoint][G23]") {
  House house;
  const Program bank = MakeProgram();
  Program copy("copy");
  copy.Events("added.v1", [](const Event& event, Turn& turn) -> absl::Status {
    return bank::AddTo(turn, event.subject, bank::Number(event.payload)).status();
  });
  const auto first = house.Open(bank);
  const auto second = house.Open(copy);
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (int i = 0; !stop; ++i) {
      (void)Ask(*first, MakeCommand("Bank/Add", std::to_string(i), "ann 1"));
    }
  });
  Token some{"bank", PartitionOf("t1"), "added.v1", 50};
  REQUIRE(Await(*second, "t1", some).ok());
  int64_t log_end = -1;

  const absl::Status taken = CheckpointHouse(
      {{"bank", first.get()}, {"copy", second.get()}},
      [&](const std::string&) {
        log_end =
            house.log.GetWatermarks({"added.v1", static_cast<int32_t>(PartitionOf("t1"))})->end;
        return absl::OkStatus();
      },
      house.dir.path() + "/all");
  stop = true;
  writer.join();

  REQUIRE(taken.ok());
  const auto balance = [&](const std::string& room) {
    auto store = OpenRocksStore(
        {.folder = house.dir.path() + "/all/" + room + "/shard-0", .read_only = true});
    REQUIRE(store.ok());
    const auto row = (*store)->Get(
        Family::kState, layout::StateKey(PartitionOf("t1"), "t1", bank::kBalances.id, "ann"));
    return bank::Number(row->value_or("?0").substr(1));
  };
  // The copy is never ahead of the log, the log never ahead of the bank.
  CHECK(balance("copy") <= log_end);
  CHECK(log_end <= balance("bank"));
  CHECK(VerifyCheckpoint(house.dir.path() + "/all/bank").ok());
  CHECK(VerifyCheckpoint(house.dir.path() + "/all/copy").ok());
}

TEST_CASE("a rebuilt projection has the rows of the live one", "[checkpoint][G24]") {
  House house;
  Program copy("copy");
  copy.Emits("copied.v1", {});
  copy.Events("added.v1", [](const Event& event, Turn& turn) -> absl::Status {
    turn.EmitBytes("copied.v1", "x.Copied", event.subject, event.payload);
    return bank::AddTo(turn, event.subject, bank::Number(event.payload)).status();
  });
  const Program bank = MakeProgram();
  const auto writer = house.Open(bank);
  Token last;
  for (int i = 0; i < 30; ++i) {
    last = Ask(*writer, MakeCommand("Bank/Add", std::to_string(i),
                                    "acc" + std::to_string(i % 7) + " " + std::to_string(i)))
               ->token;
  }
  const auto rows = [&](Shards& shards) {
    std::string text;
    (void)(*shards.Read("t1"))->Scan(bank::kBalances, "",
                                     [&](absl::string_view key, const std::string& row) {
                                       text += std::string(key) + "=" + row + " ";
                                       return true;
                                     });
    return text;
  };
  std::string live;
  {
    const auto shards = house.Open(copy);
    REQUIRE(Await(*shards, "t1", last).ok());
    live = rows(*shards);
  }

  CHECK(ReasonOf(PrepareRebuild(house.dir.path() + "/bank", bank)) == "ROOM_HAS_COMMANDS");
  REQUIRE(PrepareRebuild(house.dir.path() + "/copy", copy).ok());

  const auto shards = house.Open(copy);
  REQUIRE(Await(*shards, "t1", last).ok());
  CHECK(rows(*shards) == live);
  CHECK_FALSE(live.empty());
  // What it emits goes on with new numbers.
  REQUIRE(Await(*shards, "t1", Token{"copy", PartitionOf("t1"), "copied.v1", 60}).ok());
}

TEST_CASE("another log under the same topics is not followed", "[shards][G22]") {
  House house;
  const Program program = MakeProgram();
  {
    const auto shards = house.Open(program);
    REQUIRE(Ask(*shards, MakeCommand("Bank/Add", "r1", "ann 5")).ok());
    // Its identity is remembered before anything is read or published.
    REQUIRE(Await(*shards, "t1", Token{"bank", PartitionOf("t1"), "added.v1", 1}).ok());
    while (house.log.GetWatermarks({"added.v1", static_cast<int32_t>(PartitionOf("t1"))})->end ==
           0) {
      std::this_thread::yield();
    }
  }
  house.log.Wipe("00000000-0000-4000-8000-000000000002");
  REQUIRE(house.log.EnsureTopic("deposits.v1", {}).ok());

  const auto shards = house.Open(program);
  const auto answer = Ask(*shards, MakeCommand("Bank/Add", "r2", "ann 5"));
  REQUIRE(answer.ok());
  CHECK(answer->payload == "10");  // It serves from what it has.
  while (!shards->Health().log_changed) std::this_thread::yield();
  CHECK(house.log.GetWatermarks({"added.v1", static_cast<int32_t>(PartitionOf("t1"))})->end == 0);
}

TEST_CASE("a parked record is published on the dead letter topic", "[core][G11]") {
  CoreRig rig;
  rig.options.dead_letters = true;
  rig.Open();
  rig.Run(rig.Records("deposits.v1", {rig.MakeRecord(0, 1, "a", "poison")}));

  const auto groups = rig.core->TakeRound(rig.clock.Steady());

  REQUIRE(groups.size() == 1);
  CHECK(groups[0].where.topic == "deposits.v1.dlq");
  REQUIRE(groups[0].records.size() == 1);
  CHECK(groups[0].records[0].value == "poison");
  std::string reason;
  for (const auto& h : groups[0].records[0].headers) {
    if (h.name == "weft_reason") reason = h.value;
  }
  CHECK(reason == "DEPOSIT_INVALID");
}

}  // namespace
}  // namespace weft::engine
