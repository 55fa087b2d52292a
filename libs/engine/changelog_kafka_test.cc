// Shards on a changelog on a real Kafka: the same promises as over the log in
// memory, with RocksDB below and librdkafka between. Run by tools/kafka/broker,
// whose address stands in WEFT_KAFKA.
#include <catch2/catch.hpp>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "libs/engine/changelog_io.h"
#include "libs/engine/house_for_test.h"
#include "libs/engine/program_for_test.h"
#include "libs/eventlog/kafka_log.h"

namespace weft::engine {
namespace {

struct World {
  testing::TempDir dir;
  SystemClock clock;
  Program program = bank::MakeProgram();

  World() {
    // A room of its own: topics of the broker stay.
    program.room = "bank-" + RandomName();
  }
  static std::unique_ptr<eventlog::KafkaLog> Log() {
    const char* servers = std::getenv("WEFT_KAFKA");
    REQUIRE(servers != nullptr);
    auto log = eventlog::KafkaLog::Open({.bootstrap_servers = servers});
    REQUIRE(log.ok());
    return *std::move(log);
  }
  std::unique_ptr<Shards> Open(eventlog::EventLog& log, const std::string& folder,
                               std::atomic<bool>* disowned = nullptr) {
    Options options;
    options.folder = dir.path() + "/" + folder;
    options.durability = Durability::kLog;
    options.dead_letters = false;
    options.on_disowned = [disowned](const absl::Status&) {
      if (disowned != nullptr) *disowned = true;
    };
    auto shards = engine::Open(options, program, log, clock);
    INFO(shards.status().ToString());
    REQUIRE(shards.ok());
    return *std::move(shards);
  }
};

TEST_CASE("on Kafka a process that takes over has all that was answered", "[changelog]") {
  World world;
  // Each process has a client of its own.
  const auto log_one = World::Log();
  const auto log_two = World::Log();
  std::atomic<bool> disowned{false};
  const auto one = world.Open(*log_one, "one", &disowned);
  std::atomic<int64_t> answered{0};
  std::atomic<bool> stopped{false};
  std::vector<std::thread> callers;
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&, c] {
      for (int i = 0; !stopped; ++i) {
        const auto answer =
            Ask(*one, MakeCommand("Bank/Add", std::to_string(c) + "-" + std::to_string(i), "ann 1"));
        if (!answer.ok()) return;
        ++answered;
      }
    });
  }
  while (answered < 100) std::this_thread::yield();

  // Under load: an empty folder, another process.
  const auto two = world.Open(*log_two, "two");
  while (!disowned) std::this_thread::yield();
  stopped = true;
  for (std::thread& caller : callers) caller.join();

  const int64_t balance = bank::Balance(**two->Read("t1"), "ann").value();
  CHECK(balance >= answered);
  CHECK(balance <= answered + 4);  // One each whose answer was lost.
  const auto again = Ask(*two, MakeCommand("Bank/Add", "0-0", "ann 1"));
  REQUIRE(again.ok());
  CHECK(again->replayed);
  CHECK(Ask(*two, MakeCommand("Bank/Add", "new", "ann 1"))->payload == std::to_string(balance + 1));
}

TEST_CASE("on Kafka an opening of the same folder reads only what is new", "[changelog]") {
  World world;
  const auto log = World::Log();
  for (int round = 0; round < 3; ++round) {
    const auto shards = world.Open(*log, "one");
    for (int i = 0; i < 20; ++i) {
      const auto id = std::to_string(round) + "-" + std::to_string(i);
      CHECK(Ask(*shards, MakeCommand("Bank/Add", id, "ann 1"))->payload ==
            std::to_string(round * 20 + i + 1));
    }
  }
  const auto restored = world.Open(*log, "two");
  CHECK(bank::Balance(**restored->Read("t1"), "ann").value() == 60);
}

}  // namespace
}  // namespace weft::engine
