// The shards with their threads, over the log in memory.
#include <catch2/catch.hpp>

#include <atomic>
#include <future>
#include <thread>

#include "libs/engine/held_disk_for_test.h"
#include "libs/engine/house_for_test.h"
#include "libs/engine/mem_store.h"
#include "libs/engine/open.h"
#include "libs/engine/program_for_test.h"
#include "libs/engine/shard.h"
#include "libs/testing/fake_clock.h"

namespace weft::engine {
namespace {

using bank::Balance;
using bank::MakeProgram;

TEST_CASE("a command is answered, read back, and survives reopening", "[shards]") {
  House house;
  const Program program = MakeProgram();
  {
    const auto shards = house.Open(program);
    const auto answer = Ask(*shards, MakeCommand("Bank/Add", "r1", "ann 5"));
    REQUIRE(answer.ok());
    CHECK(answer->payload == "5");
    CHECK(Balance(**shards->Read("t1"), "ann").value() == 5);
    CHECK(Await(*shards, "t1", answer->token).ok());
  }
  const auto shards = house.Open(program);
  const auto again = Ask(*shards, MakeCommand("Bank/Add", "r1", "ann 5"));
  REQUIRE(again.ok());
  CHECK(again->replayed);
  CHECK(Balance(**shards->Read("t1"), "ann").value() == 5);
}

TEST_CASE("events travel from one room to another and can be waited for", "[shards]") {
  House house;
  const Program bank = MakeProgram();
  Program reader("reader");
  reader.Events("added.v1", [](const Event& event, Turn& turn) -> absl::Status {
    return bank::AddTo(turn, event.subject, bank::Number(event.payload)).status();
  });
  const auto second = house.Open(reader);  // Before the topic is there.
  const auto first = house.Open(bank);

  Token last;
  for (int i = 0; i < 100; ++i) {
    const auto answer =
        Ask(*first, MakeCommand("Bank/Add", "r" + std::to_string(i), "ann 2"));
    REQUIRE(answer.ok());
    last = answer->token;
  }

  CHECK(last.number == 100);
  REQUIRE(Await(*second, "t1", last).ok());
  CHECK(Balance(**second->Read("t1"), "ann").value() == 200);
}

TEST_CASE("a shard that nobody asks anything says when its events have left", "[shards]") {
  struct Watch final : Observer {
    void Levels(int, const ShardLevels& levels) override {
      if (levels.outbox_rows > 0) waited = true;
      if (levels.outbox_rows == 0 && waited && !told.exchange(true)) left.set_value();
    }
    std::atomic<bool> waited = false;
    std::atomic<bool> told = false;
    std::promise<void> left;
  };
  House house;
  Watch watch;
  const Program program = MakeProgram();
  Options options;
  options.folder = house.dir.path() + "/bank";
  options.observer = &watch;
  auto shards = Open(options, program, house.log, house.clock);
  REQUIRE(shards.ok());
  REQUIRE(Ask(**shards, MakeCommand("Bank/Add", "r1", "ann 5")).ok());
  // One command, one batch: nothing that happens afterwards is one.
  CHECK(watch.left.get_future().wait_for(std::chrono::minutes(2)) == std::future_status::ready);
  shards->reset();
}

TEST_CASE("a token of what never comes is not yet applied at the deadline", "[shards]") {
  House house;
  const Program program = MakeProgram();
  const auto shards = house.Open(program);
  const Token token{"erp", PartitionOf("t1"), "deposits.v1", 7};

  const absl::Status status = Await(*shards, "t1", token, absl::Milliseconds(5));

  CHECK(ReasonOf(status) == "NOT_YET_APPLIED");
}

TEST_CASE("many callers at once are all answered, and each has its effect once", "[shards]") {
  House house;
  const Program program = MakeProgram();
  const auto shards = house.Open(program, 3);
  constexpr int kCallers = 4;
  constexpr int kCalls = 250;
  std::atomic<int> failures{0};

  std::vector<std::thread> callers;
  for (int c = 0; c < kCallers; ++c) {
    callers.emplace_back([&, c] {
      for (int i = 0; i < kCalls; ++i) {
        const std::string tenant = "tenant-" + std::to_string(i % 5);
        const std::string id = std::to_string(c) + "-" + std::to_string(i);
        if (!Ask(*shards, MakeCommand("Bank/Add", id, "ann 1", tenant)).ok()) ++failures;
        if (!Ask(*shards, MakeCommand("Bank/Add", id, "ann 1", tenant)).ok()) ++failures;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();

  CHECK(failures == 0);
  int64_t sum = 0;
  for (int t = 0; t < 5; ++t) {
    sum += Balance(**shards->Read("tenant-" + std::to_string(t)), "ann").value();
  }
  CHECK(sum == kCallers * kCalls);
}

TEST_CASE("a tenant of a shard that another process holds is refused with the numbers",
          "[shards]") {
  House house;
  const Program program = MakeProgram();
  const uint32_t mine = PartitionOf("t1") % 2;
  const auto shards = house.Open(program, 2, {static_cast<int>(1 - mine)});

  const auto answer = Ask(*shards, MakeCommand("Bank/Add", "r1", "ann 5"));

  CHECK(ReasonOf(answer.status()) == "WRONG_SHARD");
  CHECK(MetadataOf(answer.status()) ==
        ErrorMetadata{{"shards", "2"}, {"shard", std::to_string(mine)}});
  CHECK(ReasonOf(shards->Read("t1").status()) == "WRONG_SHARD");
}

TEST_CASE("a task runs on a thread of its own and its answer comes back", "[shards]") {
  House house;
  std::atomic<int> calls{0};
  const Program program = MakeProgram([&](const TaskCall&, TaskDone done) {
    if (++calls == 1) return done(Unavailable("AWAY", "away"));
    done(std::string("9"));
  });
  const auto shards = house.Open(program);
  std::promise<void> arrived;
  auto watch = shards->Watch("t1", [&, told = false]() mutable {
    if (!told && Balance(**shards->Read("t1"), "ann").value() == 9) {
      told = true;
      arrived.set_value();
    }
  });

  REQUIRE(Ask(*shards, MakeCommand("Bank/Ask", "r1", "ann")).ok());

  CHECK(arrived.get_future().wait_for(std::chrono::seconds(20)) == std::future_status::ready);
  CHECK(calls == 2);
}

TEST_CASE("a partition that stops is told though nothing else happens", "[shards][G10]") {
  House house;
  const Program bank = MakeProgram();
  Program reader("reader");
  reader.Events("added.v1", [](const Event& event, Turn& turn) -> absl::Status {
    return bank::AddTo(turn, event.subject, bank::Number(event.payload)).status();
  });
  const auto first = house.Open(bank);
  {
    const auto second = house.Open(reader);
    const auto one = Ask(*first, MakeCommand("Bank/Add", "r1", "ann 2"));
    REQUIRE(one.ok());
    REQUIRE(Await(*second, "t1", one->token).ok());
  }
  // Retention takes what the reader has not seen while it is closed.
  absl::StatusOr<Answer> last;
  for (int i = 2; i <= 4; ++i) {
    last = Ask(*first, MakeCommand("Bank/Add", "r" + std::to_string(i), "ann 2"));
    REQUIRE(last.ok());
  }
  Program watcher = reader;
  watcher.room = "watcher";
  const auto third = house.Open(watcher);
  REQUIRE(Await(*third, "t1", last->token).ok());  // All of it is on the log.
  const auto where = eventlog::TopicPartition{
      "added.v1", static_cast<int32_t>(PartitionOf("t1"))};
  house.log.Trim(where, house.log.GetWatermarks(where)->end);

  const auto second = house.Open(reader);
  const absl::Time give_up = absl::Now() + absl::Seconds(60);
  while (second->Health().stopped_partitions == 0 && absl::Now() < give_up) {
    std::this_thread::yield();
  }
  CHECK(second->Health().stopped_partitions == 1);
}

TEST_CASE("a timer fires by itself", "[shards]") {
  House house;
  const Program program = MakeProgram();
  const auto shards = house.Open(program);
  std::promise<void> fired;
  auto watch = shards->Watch("", [&, told = false]() mutable {
    if (!told && Balance(**shards->Read("t1"), "ann").value() == 4) {
      told = true;
      fired.set_value();
    }
  });

  REQUIRE(Ask(*shards, MakeCommand("Bank/Later", "r1", "ann 4 0")).ok());

  CHECK(fired.get_future().wait_for(std::chrono::seconds(20)) == std::future_status::ready);
}

TEST_CASE("a folder in use is refused, and free again after the shards are gone", "[shards]") {
  House house;
  const Program program = MakeProgram();
  {
    const auto shards = house.Open(program);
    Options options;
    options.folder = house.dir.path() + "/bank";
    CHECK(ReasonOf(engine::Open(options, program, house.log, house.clock).status()) ==
          "FOLDER_LOCKED");
  }
  house.Open(program);
}

TEST_CASE("after Stop commands are refused and everything taken was answered", "[shards]") {
  House house;
  const Program program = MakeProgram();
  const auto shards = house.Open(program);
  std::atomic<int> answered{0};
  for (int i = 0; i < 500; ++i) {
    shards->Submit(MakeCommand("Bank/Add", std::to_string(i), "ann 1"),
                   [&](absl::StatusOr<Answer> answer) { answered += answer.ok() ? 1 : 0; });
  }

  shards->Stop();

  CHECK(answered == 500);
  const auto late = Ask(*shards, MakeCommand("Bank/Add", "late", "ann 1"));
  CHECK(ReasonOf(late.status()) == "SHARD_STOPPED");
}

// Options for a shard on a store of type T; `store` is set when it is opened.
template <typename T>
Options OnStore(T*& store) {
  Options options;
  options.open_store = [&store](int) -> absl::StatusOr<std::unique_ptr<Store>> {
    auto made = std::make_unique<T>();
    store = made.get();
    return made;
  };
  return options;
}

TEST_CASE("a disk that fails stops the shard and leaves nobody without an answer", "[shards]") {
  House house;
  const Program program = MakeProgram();
  MemStore* store = nullptr;
  std::atomic<int> fatal{0};
  Options options = OnStore(store);
  options.on_fatal = [&](const absl::Status&) { ++fatal; };
  auto shards = engine::Open(options, program, house.log, house.clock);
  REQUIRE(shards.ok());
  REQUIRE(Ask(**shards, MakeCommand("Bank/Add", "r1", "ann 1")).ok());

  store->FailSyncs(Internal("the disk is gone"));
  const auto answer = Ask(**shards, MakeCommand("Bank/Add", "r2", "ann 1"));

  CHECK(ReasonOf(answer.status()) == "SHARD_STOPPED");
  CHECK(fatal == 1);
  CHECK(ReasonOf(Ask(**shards, MakeCommand("Bank/Add", "r3", "ann 1")).status()) ==
        "SHARD_STOPPED");
}

TEST_CASE("while the disk works a few batches are decided, and nobody is answered before",
          "[shards][G1]") {
  House house;
  const Program program = MakeProgram();
  HeldDisk* disk = nullptr;
  Options options = OnStore(disk);
  auto shards = engine::Open(options, program, house.log, house.clock);
  REQUIRE(shards.ok());
  REQUIRE(Ask(**shards, MakeCommand("Bank/Add", "r0", "ann 1")).ok());
  disk->Hold();
  std::atomic<int> answered{0};
  std::vector<std::future<absl::StatusOr<Answer>>> answers;
  const auto submit = [&](const std::string& id, const std::string& payload) {
    auto promise = std::make_shared<std::promise<absl::StatusOr<Answer>>>();
    answers.push_back(promise->get_future());
    (*shards)->Submit(MakeCommand("Bank/Add", id, payload),
                      [promise, &answered](absl::StatusOr<Answer> answer) {
                        ++answered;
                        promise->set_value(std::move(answer));
                      });
  };
  submit("r1", "ann 1");
  disk->WaitForWrites(0);  // The sync of r1 is under way.
  for (int i = 2; i < 40; ++i) {
    submit("r" + std::to_string(i), "ann 1");
    if (i < static_cast<int>(Shard::kUnsyncedBatchesMax)) disk->WaitForWrites(i - 1);
  }
  submit("low", "ann -1000");  // A refusal rests on turns that are not yet synced.
  CHECK(answered == 0);
  // What readers see is durable.
  CHECK(Balance(**(*shards)->Read("t1"), "ann").value() == 1);
  CHECK(disk->writes() < static_cast<int>(Shard::kUnsyncedBatchesMax));

  disk->Let();
  for (size_t i = 0; i + 1 < answers.size(); ++i) {
    const auto answer = answers[i].get();
    REQUIRE(answer.ok());
    CHECK(answer->payload == std::to_string(i + 2));
  }
  CHECK_FALSE(answers.back().get().ok());
  CHECK(Balance(**(*shards)->Read("t1"), "ann").value() == 40);
}

TEST_CASE("a shard whose disk hangs is silent, and heard again when the disk answers",
          "[shards][G1]") {
  House house;
  testing::FakeClock clock;
  const Program program = MakeProgram();
  HeldDisk* disk = nullptr;
  Options options = OnStore(disk);
  auto shards = engine::Open(options, program, house.log, clock);
  REQUIRE(shards.ok());
  // The sequencer has turned once more when a wait that is over is answered.
  const auto turn = [&] {
    (void)Await(**shards, "t1", Token{"erp", PartitionOf("t1"), "deposits.v1", 7},
                absl::ZeroDuration());
  };
  disk->Hold();
  std::promise<absl::StatusOr<Answer>> promise;
  (*shards)->Submit(MakeCommand("Bank/Add", "r1", "ann 1"),
                    [&](absl::StatusOr<Answer> answer) { promise.set_value(std::move(answer)); });
  disk->WaitForWrites(0);

  clock.Advance(absl::Minutes(1));
  turn();
  turn();
  CHECK((*shards)->Health().silence == absl::Minutes(1));

  disk->Let();
  REQUIRE(promise.get_future().get().ok());
  turn();
  turn();
  CHECK((*shards)->Health().silence == absl::ZeroDuration());
}

TEST_CASE("a full disk refuses what it cannot store and goes on when there is space",
          "[shards]") {
  House house;
  const Program program = MakeProgram();
  MemStore* store = nullptr;
  Options options = OnStore(store);
  auto shards = engine::Open(options, program, house.log, house.clock);
  REQUIRE(shards.ok());
  REQUIRE(Ask(**shards, MakeCommand("Bank/Add", "r1", "ann 1")).ok());

  store->FailWrites(ResourceExhausted("DISK_FULL", "full"));
  const auto refused = Ask(**shards, MakeCommand("Bank/Add", "r2", "ann 1"));
  CHECK(ReasonOf(refused.status()) == "DISK_FULL");
  store->FailWrites(absl::OkStatus());

  const auto answer = Ask(**shards, MakeCommand("Bank/Add", "r2", "ann 1"));
  REQUIRE(answer.ok());
  CHECK(answer->payload == "2");
  CHECK(answer->token.number == 2);
}

}  // namespace
}  // namespace weft::engine
