// From 1 shard to 4 to 2: nothing of a room is lost on the way, on either log.
#include <catch2/catch.hpp>

#include <atomic>
#include <filesystem>
#include <map>

#include "absl/strings/str_cat.h"
#include "libs/engine/changelog.h"
#include "libs/engine/checkpoint.h"
#include "libs/engine/house_for_test.h"
#include "libs/engine/layout.h"
#include "libs/engine/program_for_test.h"
#include "libs/engine/reshard.h"
#include "libs/engine/rocks_store.h"

namespace weft::engine {
namespace {

using bank::Balance;

// What a room's folder holds, however many shards it has.
struct Contents {
  std::map<std::string, std::string> rows;
  std::map<std::string, std::vector<std::string>> outbox;  // By topic and partition.
  size_t pending_tasks = 0;
  bool operator==(const Contents&) const = default;
};

Contents ReadAll(const std::string& folder, int shards) {
  Contents all;
  for (int i = 0; i < shards; ++i) {
    auto opened = OpenRocksStore({.folder = folder + "/shard-" + std::to_string(i)});
    REQUIRE(opened.ok());
    const Store& store = **opened;
    const auto low = store.Get(Family::kMeta, layout::kOutboxLow)->value_or("");
    for (int f = 0; f < kFamilies; ++f) {
      const auto family = static_cast<Family>(f);
      for (auto it = store.Scan(family, "", ""); it->Valid(); it->Next()) {
        const std::string key(it->key());
        if (family == Family::kOutbox) {
          if (key < low) continue;
          const auto row = layout::ParseOutbox(it->key(), it->value());
          REQUIRE(row.has_value());
          all.outbox[row->topic + "/" + std::to_string(row->partition)].push_back(
              std::to_string(row->number) + row->record.value.value_or("(none)"));
          continue;
        }
        if (family == Family::kChangelog) continue;
        if (family == Family::kTasks && key[0] == 'p') {
          ++all.pending_tasks;
          all.rows[FamilyName(family) + key] = std::string(it->value().substr(8));
          continue;
        }
        // Rows of one shard alone: marks, and ages of answers.
        if (family == Family::kMeta && std::string("scdbhwxank").find(key[0]) != std::string::npos) {
          continue;
        }
        if (family == Family::kAnswers && key[0] == 't') continue;
        all.rows[FamilyName(family) + key] = std::string(it->value());
      }
    }
  }
  return all;
}

struct World {
  testing::TempDir dir;
  SystemClock clock;
  eventlog::MemoryLog log{clock};
  std::atomic<bool> answer_tasks{false};
  Program program = bank::MakeProgram([this](const TaskCall&, TaskDone done) {
    if (!answer_tasks) return done(Unavailable("AWAY", "away"));
    done(std::string("100"));
  });
  Durability durability = Durability::kLog;

  absl::StatusOr<std::unique_ptr<Shards>> TryOpen(const std::string& folder, int shards) {
    Options options;
    options.folder = dir.path() + "/" + folder;
    options.shards = shards;
    options.durability = durability;
    options.on_disowned = [](const absl::Status&) {};
    return engine::Open(options, program, log, clock);
  }
  std::unique_ptr<Shards> Open(const std::string& folder, int shards) {
    auto opened = TryOpen(folder, shards);
    INFO(opened.status().ToString());
    REQUIRE(opened.ok());
    return *std::move(opened);
  }
  std::string Path(const std::string& name) const { return dir.path() + "/" + name; }
  absl::StatusOr<ReshardReport> Move(const std::string& checkpoint, const std::string& folder,
                                     int shards) {
    ReshardOptions options;
    options.checkpoint = Path(checkpoint);
    options.folder = Path(folder);
    options.shards = shards;
    if (durability == Durability::kLog) options.log = &log;
    options.clock = &clock;
    return Reshard(options);
  }
};

std::string Tenant(int i) { return "tenant-" + std::to_string(i); }

constexpr int kTenants = 24;

void FillRoom(World& world, Shards& shards) {
  REQUIRE(world.log.EnsureTopic("deposits.v1", {}).ok());
  for (int i = 0; i < kTenants; ++i) {
    const std::string id = "r" + std::to_string(i);
    REQUIRE(Ask(shards, MakeCommand("Bank/Add", id, "ann 5", Tenant(i))).ok());
    REQUIRE(Ask(shards, MakeCommand("Bank/Add", id + "-b", "ann 1", Tenant(i))).ok());
    REQUIRE(Ask(shards, MakeCommand("Bank/Later", id + "-l", "bob 7 86400", Tenant(i))).ok());
    REQUIRE(Ask(shards, MakeCommand("Bank/Ask", id + "-t", "eve 0", Tenant(i))).ok());
    REQUIRE(Ask(shards, MakeCommand("Bank/Undo", id + "-u", "never ann 1", Tenant(i))).ok());
  }
}

void CheckRoom(World& world, Shards& shards) {
  (void)world;
  for (int i = 0; i < kTenants; ++i) {
    CAPTURE(i);
    CHECK(Balance(**shards.Read(Tenant(i)), "ann").value() == 6);
    const auto again =
        Ask(shards, MakeCommand("Bank/Add", "r" + std::to_string(i), "ann 5", Tenant(i)));
    REQUIRE(again.ok());
    CHECK(again->replayed);
    CHECK(again->payload == "5");
    CHECK(again->token.number >= 1);
    CHECK(ReasonOf(Ask(shards, MakeCommand("Bank/Add", "never", "ann 1", Tenant(i))).status()) ==
          "UNDONE");
  }
}

void ReshardKeepsAll(Durability durability) {
  World world;
  world.durability = durability;
  {
    const auto shards = world.Open("one", 1);
    FillRoom(world, *shards);
    world.log.SetAway(true);  // Events stay in the outbox.
    if (durability == Durability::kDisk) {
      for (int i = 0; i < kTenants; ++i) {
        REQUIRE(Ask(*shards, MakeCommand("Bank/Add", "x" + std::to_string(i), "out 1", Tenant(i)))
                    .ok());
      }
    }
    world.log.SetAway(false);
    REQUIRE(shards->Checkpoint(world.Path("checkpoint-1")).ok());
    if (durability == Durability::kLog) {
      // After the checkpoint: the changelog has it.
      REQUIRE(Ask(*shards, MakeCommand("Bank/Add", "late", "late 3", Tenant(0))).ok());
    }
    shards->Stop();
  }
  const Contents before = ReadAll(world.Path("one"), 1);
  CHECK(before.pending_tasks == kTenants);

  const auto report = world.Move("checkpoint-1", "four", 4);
  INFO(report.status().ToString());
  REQUIRE(report.ok());
  CHECK(report->room == "bank");
  CHECK(report->from == 1);
  CHECK(report->to == 4);
  if (durability == Durability::kLog) {
    const Contents four = ReadAll(world.Path("four"), 4);
    CHECK(four.rows == before.rows);
  }
  {
    const auto shards = world.Open("four", 4);
    CheckRoom(world, *shards);
    for (int i = 0; i < kTenants; ++i) {
      const auto more = Ask(*shards, MakeCommand("Bank/Add", "four-" + std::to_string(i), "new 1",
                                                 Tenant(i)));
      REQUIRE(more.ok());
      CHECK(more->token.number >= 3);  // Numbers go on where they were.
    }
    REQUIRE(shards->Checkpoint(world.Path("checkpoint-4")).ok());
  }
  REQUIRE(world.Move("checkpoint-4", "two", 2).ok());
  world.answer_tasks = true;
  const auto shards = world.Open("two", 2);
  CheckRoom(world, *shards);
  for (int i = 0; i < kTenants; ++i) {
    CHECK(Balance(**shards->Read(Tenant(i)), "new").value() == 1);
    // The task that was pending all the way is answered at last.
    while (Balance(**shards->Read(Tenant(i)), "eve").value() == 0) std::this_thread::yield();
  }
  if (durability == Durability::kLog) {
    CHECK(Balance(**shards->Read(Tenant(0)), "late").value() == 3);
  }
  shards->Stop();
  // Events of each partition have left in order, without a gap.
  for (uint32_t p = 0; p < kPartitions; ++p) {
    int64_t last = 0;
    for (const auto& record : world.log.Dump({"added.v1", static_cast<int32_t>(p)})) {
      const int64_t number = std::stoll(record.HeaderOr("ce_id"));
      CHECK(number <= last + 1);
      last = std::max(last, number);
    }
  }
}

TEST_CASE("a reshard on the embedded log keeps all that a room has", "[reshard][G33]") {
  ReshardKeepsAll(Durability::kDisk);
}

TEST_CASE("a reshard on a changelog keeps all, what came after the checkpoint too",
          "[reshard][G33]") {
  ReshardKeepsAll(Durability::kLog);
}

TEST_CASE("after a reshard the old folders and empty ones are refused", "[reshard][G33]") {
  World world;
  {
    const auto shards = world.Open("one", 1);
    REQUIRE(Ask(*shards, MakeCommand("Bank/Add", "r1", "ann 5")).ok());
    REQUIRE(shards->Checkpoint(world.Path("checkpoint")).ok());
  }
  REQUIRE(world.Move("checkpoint", "two", 2).ok());

  CHECK(ReasonOf(world.TryOpen("one", 1).status()) == "STORE_MISMATCH");
  CHECK(ReasonOf(world.TryOpen("empty", 2).status()) == "CHANGELOG_BASE_GONE");
  std::filesystem::remove_all(world.Path("new-checkpoint"));
  {
    const auto shards = world.Open("two", 2);
    REQUIRE(shards->Checkpoint(world.Path("new-checkpoint")).ok());
    REQUIRE(Ask(*shards, MakeCommand("Bank/Add", "r2", "ann 1")).ok());
  }
  const auto info = VerifyCheckpoint(world.Path("new-checkpoint"));
  REQUIRE(info.ok());
  REQUIRE(info->changelog.size() == 2);
  CHECK(info->changelog[0].base_id.substr(0, 14) == "reshard-1-to-2");
  CHECK(info->changelog[1].next_offset > 0);
  REQUIRE(RestoreCheckpoint(world.Path("new-checkpoint"), world.Path("again")).ok());
  const auto again = world.Open("again", 2);
  CHECK(Balance(**again->Read("t1"), "ann").value() == 6);
}

TEST_CASE("a checkpoint and the changelog behind it give the room again", "[changelog][G30]") {
  World world;
  {
    const auto shards = world.Open("one", 1);
    REQUIRE(Ask(*shards, MakeCommand("Bank/Add", "r1", "ann 5")).ok());
    REQUIRE(shards->Checkpoint(world.Path("checkpoints/a")).ok());
    REQUIRE(Ask(*shards, MakeCommand("Bank/Add", "r2", "ann 1")).ok());
  }
  // What is older than the checkpoint is gone.
  const auto list = ListCheckpoints(world.Path("checkpoints"));
  REQUIRE(list.ok());
  REQUIRE(list->size() == 1);
  CHECK((*list)[0].room == "bank");
  CHECK((*list)[0].files > 0);
  const auto info = VerifyCheckpoint((*list)[0].folder);
  REQUIRE(info.ok());
  CHECK(info->changelog[0].turn == 1);
  world.log.Trim({"weft.bank.changelog.v1", 0}, info->changelog[0].next_offset);

  CHECK(ReasonOf(world.TryOpen("empty", 1).status()) == "CHANGELOG_BASE_GONE");
  REQUIRE(RestoreCheckpoint((*list)[0].folder, world.Path("two")).ok());
  const auto shards = world.Open("two", 1);
  CHECK(Balance(**shards->Read("t1"), "ann").value() == 6);
  CHECK(Ask(*shards, MakeCommand("Bank/Add", "r2", "ann 1"))->replayed);
}

TEST_CASE("behind two checkpoints the changelog may go: the older one still gives the room again",
          "[changelog][G30]") {
  World world;
  {
    const auto shards = world.Open("one", 1);
    REQUIRE(Ask(*shards, MakeCommand("Bank/Add", "r1", "ann 5")).ok());
    REQUIRE(shards->Checkpoint(world.Path("checkpoints/older")).ok());
    REQUIRE(Ask(*shards, MakeCommand("Bank/Add", "r2", "ann 1")).ok());
    REQUIRE(shards->Checkpoint(world.Path("checkpoints/newer")).ok());
    REQUIRE(Ask(*shards, MakeCommand("Bank/Add", "r3", "ann 2")).ok());
  }
  const auto older = VerifyCheckpoint(world.Path("checkpoints/older"));
  REQUIRE(older.ok());
  world.log.Trim({"weft.bank.changelog.v1", 0}, older->changelog[0].next_offset);

  for (const char* which : {"older", "newer"}) {
    CAPTURE(which);
    const std::string folder = absl::StrCat("from-", which);
    REQUIRE(RestoreCheckpoint(world.Path(absl::StrCat("checkpoints/", which)),
                              world.Path(folder)).ok());
    const auto shards = world.Open(folder, 1);
    CHECK(Balance(**shards->Read("t1"), "ann").value() == 8);
    for (const auto& [request, payload] :
         {std::pair("r1", "ann 5"), std::pair("r2", "ann 1"), std::pair("r3", "ann 2")}) {
      CHECK(Ask(*shards, MakeCommand("Bank/Add", request, payload))->replayed);
    }
  }
}

TEST_CASE("a room goes on with another log once an operator says so", "[changelog][G22]") {
  World world;
  {
    const auto shards = world.Open("one", 1);
    REQUIRE(Ask(*shards, MakeCommand("Bank/Add", "r1", "ann 5")).ok());
    while (Await(*shards, "t1", Token{"bank", PartitionOf("t1"), "added.v1", 1}) !=
           absl::OkStatus()) {
    }
    while (world.log.Dump({"added.v1", static_cast<int32_t>(PartitionOf("t1"))}).empty()) {
      std::this_thread::yield();
    }
  }
  world.log.Wipe("00000000-0000-4000-8000-000000000002");
  {
    const auto shards = world.Open("one", 1);
    CHECK(ReasonOf(Ask(*shards, MakeCommand("Bank/Add", "r2", "ann 1")).status()) == "LOG_CHANGED");
  }
  REQUIRE(RebaseChangelog(world.Path("one"), world.log).ok());
  const auto shards = world.Open("one", 1);
  CHECK(Ask(*shards, MakeCommand("Bank/Add", "r2", "ann 1"))->payload == "6");
  CHECK(Ask(*shards, MakeCommand("Bank/Add", "r1", "ann 5"))->replayed);
}

}  // namespace
}  // namespace weft::engine
