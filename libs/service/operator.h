// What operators ask of a running process at its admin port, about its log and its
// state (proto/weft/service/v1/operator.proto says the shapes):
//
//   GET  /log                       how it stands to the log
//   POST /log:rebuild?room=R        empties a projection and reads its topics again
//   POST /log:reseed?room=R         lets a room go on with a log that is another one
//                                   (both: &dry_run=true; the process starts anew in place)
//   GET  /state                     checkpoints, and the job under way
//   POST /state:checkpoint          takes a checkpoint of all rooms of the process
//   POST /config:reload             reads the configuration again
//
// GETs ask for nobody, as all of the admin port. POSTs need a token with the role
// `operator`, or the open mode. Errors are google.rpc.Status in JSON.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/base/clock.h"
#include "libs/base/sync.h"
#include "libs/engine/program.h"
#include "libs/engine/shards.h"
#include "libs/eventlog/event_log.h"
#include "libs/rpc/authenticator.h"
#include "libs/service/admin_http.h"
#include "libs/telemetry/log.h"
#include "libs/telemetry/metrics.h"
#include "weft/service/v1/operator.pb.h"

namespace weft::service {

class Operator {
 public:
  struct Part {
    std::string room;
    std::string folder;
    engine::Shards* shards = nullptr;
    const engine::Program* program = nullptr;
    std::vector<int> owned;  // Empty = all.
  };
  struct Options {
    std::string process;
    std::string checkpoint_dir;
    std::string log_kind;  // kafka, embedded, none
    eventlog::EventLog* event_log = nullptr;
    // Writes the log's own copy into the folder; null where it is elsewhere.
    std::function<absl::Status(const std::string& folder)> checkpoint_log;
    const rpc::Authenticator* authenticator = nullptr;
    const Clock* clock = nullptr;
    telemetry::Logger* log = nullptr;
    telemetry::Metrics* metrics = nullptr;
    std::function<absl::Status()> reload;
    // Stops the process in order and starts it again with the same arguments.
    std::function<void()> restart;
  };
  Operator(Options options, std::vector<Part> parts);
  // Waits for the job under way.
  ~Operator();

  // The paths above. Answers a request at one of them; 404 for others.
  static std::vector<std::string> Paths();
  AdminResponse Handle(const AdminRequest& request);

  absl::StatusOr<v1::LogStatus> Log() const;
  v1::StateStatus State() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Starts the job. Errors: FAILED_PRECONDITION / JOB_RUNNING.
  absl::StatusOr<v1::StateStatus> StartCheckpoint() ABSL_LOCKS_EXCLUDED(mutex_);
  // `verb`: rebuild or reseed; `room` "" = all it can be done to; `topic`: of those that
  // the room writes, one that was made anew, which it cannot always notice ("" = none).
  // Errors: NOT_FOUND / ROOM_UNKNOWN, FAILED_PRECONDITION / ROOM_HAS_COMMANDS,
  // LOG_NOT_CHANGED.
  absl::StatusOr<v1::LogAction> Act(const std::string& verb, const std::string& room,
                                    const std::string& topic, bool dry_run,
                                    const std::string& reason);

 private:
  absl::Status TakeCheckpoint(const std::string& folder) const;
  absl::Status CheckOperator(const AdminRequest& request) const;
  absl::StatusOr<std::string> Do(const AdminRequest& request);

  const Options options_;
  const std::vector<Part> parts_;
  std::shared_ptr<void> refresher_;
  mutable Mutex mutex_;
  v1::Job job_ ABSL_GUARDED_BY(mutex_);
  std::thread job_thread_;
};

// Complete checkpoints below `checkpoint_dir`, newest first.
std::vector<v1::CheckpointStatus> ListCheckpoints(const std::string& checkpoint_dir);

// Does what Act() asked for, before the shards in `folder` are opened. Says what it did,
// "" = nothing was asked.
absl::StatusOr<std::string> ActIfAsked(const std::string& folder, const engine::Program& program,
                                       eventlog::EventLog& log);

}  // namespace weft::service
