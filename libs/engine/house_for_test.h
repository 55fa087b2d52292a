// A folder, a clock and a log in memory to open shards on, and calls that wait.
#pragma once

#include <catch2/catch.hpp>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "libs/base/error.h"
#include "libs/base/ids.h"
#include "libs/engine/open.h"
#include "libs/eventlog/memory_log.h"
#include "libs/testing/paths.h"

namespace weft::engine {

inline Command MakeCommand(const std::string& method, const std::string& request_id,
                    const std::string& payload, const std::string& tenant = "t1") {
  Command command;
  command.method = method;
  command.request_id = request_id;
  command.principal.tenant = tenant;
  command.payload = payload;
  return command;
}

inline absl::StatusOr<Answer> Ask(Shards& shards, Command command) {
  std::promise<absl::StatusOr<Answer>> promise;
  auto future = promise.get_future();
  shards.Submit(std::move(command),
                [&](absl::StatusOr<Answer> answer) { promise.set_value(std::move(answer)); });
  return future.get();
}

inline absl::Status Await(Shards& shards, const std::string& tenant, const Token& token,
                   absl::Duration timeout = absl::Seconds(20)) {
  std::promise<absl::Status> promise;
  auto future = promise.get_future();
  shards.WaitFor(tenant, token, timeout,
                 [&](absl::Status status) { promise.set_value(std::move(status)); });
  return future.get();
}

struct House {
  testing::TempDir dir;
  SystemClock clock;
  eventlog::MemoryLog log{clock};
  std::unique_ptr<Shards> Open(const Program& program, int shards = 1,
                               std::vector<int> owned = {}) {
    Options options;
    options.folder = dir.path() + "/" + program.room;
    options.shards = shards;
    options.owned = std::move(owned);
    auto opened = engine::Open(options, program, log, clock);
    REQUIRE(opened.ok());
    return *std::move(opened);
  }
};

}  // namespace weft::engine
