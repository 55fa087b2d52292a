// A process of the mesh: one room, or several (the all-in-one), with the event
// log, ports, identity, metrics and log lines they need.
//
//   int main(int argc, char** argv) {
//     return service::RoomMain(argc, argv,
//         service::Spec<v1::InventoryConfig>("inventory-projection", &MakeSettings, &MakeRoom));
//   }
//
// Start: health and admin ports (not ready) → log → shards of each room → gRPC
// ports → the rooms' own doors → ready.
// Stop (SIGTERM, SIGINT): not ready → pause → new work is refused, what is in
// flight finishes within the grace → shards, log and state are closed → exit 0.
// A second signal stops at once, which is safe: what was answered is on disk.
//
// Several rooms in one process share the log, the admin and health port, one
// registry (series bear the label `room`), the block cache and the client pool;
// each has a gRPC port and shards in <data_dir>/<room>; a room's projection has its
// shards in <data_dir>/<name of its program>, and its series bear that name.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "libs/base/clock.h"
#include "libs/config/config.h"
#include "libs/eventlog/event_log.h"
#include "libs/service/room.h"
#include "weft/service/v1/config.pb.h"

namespace weft::engine {
struct Options;
}

namespace weft::service {

// How a room is made.
struct RoomSpec {
  std::string name;  // Folder of the room: "inventory-projection".
  // The room's settings, to be filled before the start.
  std::shared_ptr<google::protobuf::Message> config;
  // Checks ranges. May be null.
  std::function<absl::Status(const google::protobuf::Message& config)> check;
  std::function<absl::StatusOr<std::unique_ptr<Room>>(const google::protobuf::Message& config,
                                                      const Surroundings& surroundings)>
      make;
  // Passes its callers on instead of speaking for itself (gateway): its clients
  // add no token of their own.
  bool passes_callers_on = false;
  // Where its gRPC port listens; "" = service.grpc_address in a process of one
  // room, any free port on the same host in a process of several.
  std::string grpc_address = "";
  // For tests that plant a fault: changes the options of the room's shards.
  std::function<void(engine::Options& options)> adjust_shards = nullptr;
};

// `check(config)` returns a status or a StatusOr of anything; `make(config,
// surroundings)` a room or a StatusOr of one.
template <typename Config, typename Check, typename Make>
RoomSpec Spec(std::string name, Check check, Make make) {
  return {.name = std::move(name),
          .config = std::make_shared<Config>(),
          .check =
              [check](const google::protobuf::Message& config) {
                auto checked = check(static_cast<const Config&>(config));
                if constexpr (std::is_same_v<decltype(checked), absl::Status>) {
                  return checked;
                } else {
                  return checked.status();
                }
              },
          .make = [make](const google::protobuf::Message& config,
                         const Surroundings& surroundings)
              -> absl::StatusOr<std::unique_ptr<Room>> {
            return make(static_cast<const Config&>(config), surroundings);
          }};
}

struct ProcessOptions {
  std::string name;             // For log lines: "pricing", "weft".
  v1::ServiceConfig service;
  std::vector<RoomSpec> rooms;  // Started in this order, stopped in reverse.
  // Called once everything serves, with the process.
  std::function<void(class Process&)> ready;
  // Called when the stop begins, while everything still serves; ends what `ready`
  // started.
  std::function<void()> stopping;

  // Reads the section `service` anew, whole and checked; for SIGHUP and POST
  // /config:reload. Null: there is nothing to reload from.
  std::function<absl::StatusOr<v1::ServiceConfig>()> reload = nullptr;

  // For tests. Null = the log that is configured, the machine's clock, stderr. They outlive the process.
  eventlog::EventLog* event_log = nullptr;
  const Clock* clock = nullptr;
  telemetry::Logger* log = nullptr;
};

class Process {
 public:
  // Errors: what the parts say; the process is then stopped again.
  static absl::StatusOr<std::unique_ptr<Process>> Start(ProcessOptions options);
  // As Stop().
  ~Process();

  // "host:port" of a room's gRPC port.
  std::string target(const std::string& room) const;
  // A client of a room of this process that speaks for nobody: give `bearer`, or
  // use it in the open mode.
  rpc::Client& client(const std::string& room) const;
  Room& room(const std::string& name) const;
  // "host:port", or "" when off.
  std::string admin_target() const;
  std::string health_target() const;
  // The log all rooms share.
  eventlog::EventLog& event_log();
  telemetry::Metrics& metrics();
  telemetry::Logger& log();

  // Stops in order, once. Blocks for at most drain_pause + drain_grace and what
  // the last batch takes.
  void Stop();
  // Asks RunRooms() to stop, from any thread.
  void RequestStop();
  // Takes what may change while it runs from the configuration, read anew: the log
  // level and the issuers of tokens. What is wrong with it is logged and counted, and
  // the old one holds.
  absl::Status Reload();

 private:
  friend int RunRooms(ProcessOptions options);
  class Impl;
  explicit Process(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// What a process ends with when another one has claimed a shard of its.
inline constexpr int kExitDisowned = 4;

// Runs until SIGTERM or SIGINT and returns the process's exit code: 0 after an
// orderly stop, 1 when it could not start or its disk failed, kExitDisowned. One at
// a time.
int RunRooms(ProcessOptions options);

// main() of a process of one room: --config=FILE, --check_config, --version,
// --help. The file has two sections, `service` and `room`.
int RoomMain(int argc, char** argv, RoomSpec spec);

}  // namespace weft::service
