// What operators ask of the state and the log of a room.
#include "libs/service/operator.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/error.h"
#include "libs/engine/checkpoint.h"
#include "libs/engine/open.h"
#include "libs/eventlog/memory_log.h"
#include "libs/testing/paths.h"
#include "weft/bench/v1/bench.pb.h"

namespace weft::service {
namespace {

using bench::v1::EchoResponse;
using bench::v1::TouchRequest;

constexpr char kTouch[] = "weft.bench.v1.BenchService/Touch";

// A room with a command, or without one a projection.
engine::Program MakeProgram(bool with_command) {
  engine::Program program("keeper");
  if (with_command) {
    program.Command<TouchRequest, EchoResponse>(
        kTouch, [](const TouchRequest&, engine::Turn&) { return EchoResponse(); });
  } else {
    program.Events("facts", [](const engine::Event&, engine::Turn&) { return absl::OkStatus(); });
  }
  return program;
}

struct World {
  explicit World(bool with_command)
      : program(MakeProgram(with_command)),
        shards(engine::Open({.folder = folder.path() + "/keeper"}, program, log, clock).value()),
        operators({.process = "test",
                   .checkpoint_dir = folder.path() + "/checkpoints",
                   .log_kind = "embedded",
                   .event_log = &log,
                   .clock = &clock,
                   .log = &lines,
                   .metrics = &metrics,
                   .reload = [] { return FailedPrecondition("NO", "as asked"); },
                   .restart = [this] { ++restarts; }},
                  {{.room = "keeper",
                    .folder = folder.path() + "/keeper",
                    .shards = shards.get(),
                    .program = &program}}) {}

  AdminResponse Ask(const std::string& method, const std::string& path,
                    std::map<std::string, std::string> query = {}) {
    return operators.Handle({.method = method, .path = path, .query = std::move(query)});
  }

  testing::TempDir folder;
  SystemClock clock;
  eventlog::MemoryLog log{clock};
  telemetry::Logger lines{"test", telemetry::Level::kError, [](const std::string&) {}};
  telemetry::Metrics metrics;
  engine::Program program;
  std::unique_ptr<engine::Shards> shards;
  int restarts = 0;
  Operator operators;
};

TEST_CASE("a checkpoint is taken, listed, and holds", "[service][operator]") {
  World world(true);
  REQUIRE(world.Ask("POST", "/state:checkpoint").status == 200);
  v1::StateStatus status = world.operators.State();
  while (status.job().state() == v1::Job::STATE_RUNNING) status = world.operators.State();

  CHECK(status.job().state() == v1::Job::STATE_DONE);
  REQUIRE(status.checkpoints_size() == 1);
  CHECK(status.checkpoints(0).folder() == status.job().result());
  CHECK(status.checkpoints(0).rooms(0) == "keeper");
  CHECK(status.checkpoints(0).bytes() > 0);
  CHECK(engine::VerifyCheckpoint(status.job().result() + "/keeper").ok());
  CHECK(world.metrics.ToText().find("weft_state_checkpoint_timestamp_seconds 0") ==
        std::string::npos);
}

TEST_CASE("an unfinished checkpoint is not listed", "[service][operator]") {
  testing::TempDir folder;
  std::filesystem::create_directories(folder.path() + "/20260101T000000Z/keeper/shard-0");
  CHECK(ListCheckpoints(folder.path()).empty());
  CHECK(ListCheckpoints(folder.path() + "/nowhere").empty());
}

TEST_CASE("only what has no commands is rebuilt, and a dry run does nothing",
          "[service][operator]") {
  {
    World world(true);
    const AdminResponse refused = world.Ask("POST", "/log:rebuild", {{"room", "keeper"}});
    CHECK(refused.status == 400);
    CHECK(refused.body.find("ROOM_HAS_COMMANDS") != std::string::npos);
    CHECK(world.Ask("POST", "/log:rebuild").body.find("ROOM_UNKNOWN") != std::string::npos);
  }
  World world(false);
  CHECK(world.Ask("POST", "/log:rebuild", {{"dry_run", "true"}}).status == 200);
  CHECK(world.restarts == 0);
  CHECK(world.Ask("POST", "/log:rebuild").status == 200);
  CHECK(world.restarts == 1);

  // The next start carries it out, once.
  world.shards->Stop();
  world.shards.reset();
  const std::string folder = world.folder.path() + "/keeper";
  CHECK(!ActIfAsked(folder, world.program, world.log).value().empty());
  CHECK(ActIfAsked(folder, world.program, world.log).value().empty());
}

TEST_CASE("who follows its log has nothing to reseed", "[service][operator]") {
  World world(true);
  CHECK(world.Ask("POST", "/log:reseed", {{"room", "keeper"}}).body.find("LOG_NOT_CHANGED") !=
        std::string::npos);
}

TEST_CASE("a room told to reseed goes on with the log that is there", "[service][operator]") {
  World world(true);
  world.shards->Stop();
  world.shards.reset();
  const std::string folder = world.folder.path() + "/keeper";
  std::ofstream(folder + "/RESEED");

  const auto done = ActIfAsked(folder, world.program, world.log);

  CHECK(done.status() == absl::OkStatus());
  CHECK_FALSE(std::filesystem::exists(folder + "/RESEED"));
  auto again = engine::Open({.folder = folder}, world.program, world.log, world.clock);
  REQUIRE(again.status() == absl::OkStatus());
  CHECK_FALSE((*again)->Health().log_changed);
}

TEST_CASE("the admin port says what is wrong with a request", "[service][operator]") {
  World world(true);
  CHECK(world.Ask("GET", "/state:checkpoint").body.find("METHOD_NOT_ALLOWED") !=
        std::string::npos);
  CHECK(world.Ask("POST", "/config:reload").body.find("as asked") != std::string::npos);
  CHECK(world.Ask("GET", "/log").body.find("\"keeper\"") != std::string::npos);
  CHECK(world.Ask("POST", "/nowhere").status == 404);
}

}  // namespace
}  // namespace weft::service
