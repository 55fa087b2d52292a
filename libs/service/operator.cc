#include "libs/service/operator.h"

#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "libs/engine/checkpoint.h"
#include "libs/engine/openings.h"
#include "libs/engine/reshard.h"
#include "libs/engine/rocks_store.h"
#include "libs/rpc/status_codec.h"

namespace weft::service {
namespace {

namespace fs = std::filesystem;
namespace pb = google::protobuf;

// They lie in a room's folder from an operator's choice until it was carried out.
constexpr char kRebuildMark[] = "/REBUILD";
constexpr char kReseedMark[] = "/RESEED";
constexpr char kManifest[] = "MANIFEST";

std::string Json(const pb::Message& message) {
  pb::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  std::string json;
  WEFT_CHECK(pb::util::MessageToJsonString(message, &json, options).ok());
  return json + "\n";
}

int HttpOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kUnauthenticated:
      return 401;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kUnavailable:
      return 503;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
      return 400;
    default:
      return 500;
  }
}

pb::Timestamp ToProto(absl::Time time) {
  return pb::util::TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(time));
}

std::string QueryOr(const AdminRequest& request, const std::string& name) {
  const auto it = request.query.find(name);
  return it == request.query.end() ? "" : it->second;
}

// Folders are named by their time, so they sort by it: 20260301T120000Z.
constexpr char kNameFormat[] = "%E4Y%m%dT%H%M%SZ";

}  // namespace

Operator::Operator(Options options, std::vector<Part> parts)
    : options_(std::move(options)), parts_(std::move(parts)) {
  if (options_.metrics == nullptr || parts_.empty()) return;
  refresher_ = options_.metrics->OnCollect([this] {
    const std::vector<v1::CheckpointStatus> all = ListCheckpoints(options_.checkpoint_dir);
    options_.metrics
        ->GetGauge("weft_state_checkpoint_timestamp_seconds",
                   "When the newest checkpoint here was taken; 0 = there is none.", {})
        .Set(all.empty() ? 0 : static_cast<double>(all.front().create_time().seconds()));
    for (const Part& part : parts_) {
      const telemetry::Labels labels = {{"room", part.room}};
      const int64_t parked = part.shards->Health().parked;
      options_.metrics
          ->GetGauge("weft_dlq_records", "Records that could not be applied and wait.", labels)
          .Set(static_cast<double>(parked));
      absl::Time oldest = absl::InfiniteFuture();
      if (parked > 0) {
        // The first of each partition is its oldest; so many are looked at.
        for (const engine::ParkedRecord& record : part.shards->ListParked(1'000)) {
          oldest = std::min(oldest, record.parked_time);
        }
      }
      options_.metrics
          ->GetGauge("weft_dlq_oldest_timestamp_seconds",
                     "When the oldest of them was parked; 0 = there is none.", labels)
          .Set(oldest == absl::InfiniteFuture()
                   ? 0
                   : absl::ToDoubleSeconds(oldest - absl::UnixEpoch()));
    }
  });
}

Operator::~Operator() {
  refresher_.reset();
  if (job_thread_.joinable()) job_thread_.join();
}

absl::StatusOr<v1::LogStatus> Operator::Log() const {
  v1::LogStatus status;
  status.set_process(options_.process);
  status.set_kind(options_.log_kind);
  if (options_.event_log == nullptr) return status;
  const eventlog::LogStats stats = options_.event_log->Stats();
  status.set_connected(stats.connected);
  status.set_cluster_changed(stats.cluster_changed);
  if (stats.connected) {
    // It may have gone a moment ago; then it is simply not said.
    const absl::StatusOr<std::string> identity = options_.event_log->Identity();
    if (identity.ok()) status.set_identity(*identity);
  }
  for (const auto& [name, counts] : stats.topics) {
    v1::TopicStatus& topic = *status.add_topics();
    topic.set_name(name);
    topic.set_read_here(counts.has_reader);
    topic.set_lag_records(counts.lag_records);
    *topic.mutable_lag() =
        pb::util::TimeUtil::MicrosecondsToDuration(absl::ToInt64Microseconds(counts.lag));
    topic.set_read(static_cast<int64_t>(counts.read));
    topic.set_appended(static_cast<int64_t>(counts.appended));
    topic.set_failed(static_cast<int64_t>(counts.append_failed + counts.read_failed));
  }
  for (const eventlog::StoppedPartition& stopped : stats.stopped) {
    v1::StoppedPartition& part = *status.add_stopped();
    part.set_topic(stopped.topic);
    part.set_partition(stopped.partition);
    part.set_reason(stopped.reason);
    part.set_cause(stopped.message);
    *part.mutable_since() = ToProto(stopped.since);
  }
  for (const Part& part : parts_) {
    const engine::ShardHealth health = part.shards->Health();
    v1::RoomLogStatus& room = *status.add_rooms();
    room.set_room(part.room);
    room.set_shards(part.shards->count());
    for (int shard = 0; part.owned.empty() && shard < part.shards->count(); ++shard) {
      room.add_owned(shard);
    }
    room.mutable_owned()->Add(part.owned.begin(), part.owned.end());
    room.set_projection(part.program->projection());
    room.set_log_changed(health.log_changed);
    room.set_stopped_partitions(health.stopped_partitions);
    room.set_outbox_rows(health.outbox_rows);
    room.set_changelog_bytes(health.changelog_bytes);
    room.set_parked(health.parked);
    if (!health.relay_failure.ok()) {
      room.set_relay_failure(absl::StrCat(ReasonOf(health.relay_failure), ": ",
                                          std::string(health.relay_failure.message())));
    }
  }
  return status;
}

v1::StateStatus Operator::State() const {
  v1::StateStatus status;
  status.set_process(options_.process);
  status.set_checkpoint_dir(options_.checkpoint_dir);
  {
    // Before the list: a job that is done has its checkpoint there.
    MutexLock lock(mutex_);
    if (!job_.verb().empty()) *status.mutable_job() = job_;
  }
  for (v1::CheckpointStatus& each : ListCheckpoints(options_.checkpoint_dir)) {
    *status.add_checkpoints() = std::move(each);
  }
  return status;
}

absl::StatusOr<v1::StateStatus> Operator::StartCheckpoint() {
  if (parts_.empty()) {
    return FailedPrecondition("STATE_MISSING", "this process keeps no state; ask a room's");
  }
  const absl::Time now = options_.clock->Wall();
  const std::string folder =
      absl::StrCat(options_.checkpoint_dir, "/",
                   absl::FormatTime(kNameFormat, now, absl::UTCTimeZone()));
  {
    MutexLock lock(mutex_);
    if (job_.state() == v1::Job::STATE_RUNNING) {
      return FailedPrecondition("JOB_RUNNING", "another job runs; look at GET /state until it ends");
    }
    if (job_thread_.joinable()) job_thread_.join();
    job_.Clear();
    job_.set_verb("checkpoint");
    job_.set_state(v1::Job::STATE_RUNNING);
    job_.set_total(1);
    job_.set_unit("checkpoints");
    job_.set_result(folder);
    *job_.mutable_start_time() = ToProto(now);
  }
  job_thread_ = std::thread([this, folder] {
    const absl::Status taken = TakeCheckpoint(folder);
    options_.log->Log(taken.ok() ? telemetry::Level::kInfo : telemetry::Level::kError,
                      taken.ok() ? "checkpoint taken" : "checkpoint failed",
                      taken.ok() ? std::vector<telemetry::Field>{{"folder", folder}}
                                 : telemetry::StatusFields(taken));
    MutexLock lock(mutex_);
    job_.set_state(taken.ok() ? v1::Job::STATE_DONE : v1::Job::STATE_FAILED);
    job_.set_done(taken.ok() ? 1 : 0);
    if (taken.ok()) return;
    job_.set_reason(ReasonOf(taken));
    job_.set_message(std::string(taken.message()));
  });
  return State();
}

absl::Status Operator::TakeCheckpoint(const std::string& folder) const {
  std::error_code error;
  fs::create_directories(options_.checkpoint_dir, error);
  std::vector<std::pair<std::string, engine::Shards*>> rooms;
  for (const Part& part : parts_) rooms.emplace_back(part.room, part.shards);
  return engine::CheckpointHouse(rooms, options_.checkpoint_log, folder);
}

namespace {

// What an operator's choice means for one part of the process.
struct Repair {
  bool rebuild = false;  // Its rows are emptied and read again.
  bool rebase = false;   // Another log: its rows become the base of a changelog there.
  bool follow = false;   // Partitions that stopped are followed again.
  std::string open;      // A topic it writes was made anew.
};

absl::Status WriteMark(const std::string& path, const std::string& content) {
  std::ofstream mark(path);
  mark << content;
  mark.flush();
  if (!mark.good()) return ResourceExhausted("DISK_FULL", "the mark cannot be written");
  return absl::OkStatus();
}

void AddSteps(const Repair& repair, const std::string& room, const std::string& folder,
              v1::LogAction& action) {
  if (repair.rebuild) {
    action.add_steps(absl::StrCat("empties the rows of ", room, " in ", folder));
    action.add_steps("reads its topics again from their beginning; not ready until then");
  }
  if (repair.rebase) {
    action.add_steps(absl::StrCat("keeps the rows of ", room, " in ", folder,
                                  " as the base of a new changelog"));
    action.add_steps("says in each topic it writes where its numbers go on, and opens a new "
                     "generation of the timeline");
    action.add_steps("reads the topics of the log that is there now from their beginning; "
                     "what was applied before is known by its number, what is lost is told");
  }
  if (repair.follow) {
    action.add_steps(absl::StrCat("keeps the rows of ", room, " and lets it follow the partitions "
                                  "that stopped, from where they begin now; what is lost is "
                                  "told"));
  }
  if (!repair.open.empty()) {
    action.add_steps(absl::StrCat("makes ", repair.open, " if it is missing, and says in it where "
                                  "the numbers of ", room, " go on"));
  }
}

}  // namespace

absl::StatusOr<v1::LogAction> Operator::Act(const std::string& verb, const std::string& room,
                                            const std::string& topic, bool dry_run,
                                            const std::string& reason) {
  const bool rebuild = verb == "rebuild";
  v1::LogAction action;
  action.set_verb(verb);
  action.set_dry_run(dry_run);
  std::vector<std::pair<const Part*, Repair>> chosen;
  for (const Part& part : parts_) {
    const bool named = part.room == room;
    if (!named && !room.empty()) continue;
    const bool projection = part.program->projection();
    const engine::ShardHealth health = part.shards->Health();
    Repair repair;
    if (rebuild) {
      if (!projection) {
        if (!named) continue;
        return FailedPrecondition("ROOM_HAS_COMMANDS",
                                  absl::StrCat("what commands did in ", part.room,
                                               " is in no topic; restore a checkpoint, or reseed"),
                                  {{"room", part.room}});
      }
      repair.rebuild = true;
    } else {
      const bool changed = health.log_changed ||
                           (options_.event_log != nullptr &&
                            options_.event_log->Stats().cluster_changed);
      const bool stopped = health.stopped_partitions > 0;
      // Its rows are those of its topics, on every replica: nothing else is theirs to keep.
      repair.rebuild = projection && (changed || stopped);
      repair.rebase = !projection && changed;
      repair.follow = !projection && !changed && stopped;
      if (!projection && !changed) {
        if (part.program->emits.count(topic) > 0) repair.open = topic;
        const std::string failure = ReasonOf(health.relay_failure);
        if (failure == "LOG_CHANGED" || failure == "TOPIC_UNKNOWN") {
          for (const auto& [name, value] : MetadataOf(health.relay_failure)) {
            if (name == "topic") repair.open = value;
          }
        }
      }
      if (!repair.rebuild && !repair.rebase && !repair.follow && repair.open.empty()) {
        if (!named) continue;
        return FailedPrecondition("LOG_NOT_CHANGED",
                                  absl::StrCat(part.room, " follows its log; there is no other "
                                                          "one to go on with"),
                                  {{"room", part.room}});
      }
    }
    action.add_rooms(part.room);
    AddSteps(repair, part.room, part.folder, action);
    chosen.emplace_back(&part, std::move(repair));
  }
  if (chosen.empty()) {
    return NotFound("ROOM_UNKNOWN",
                    absl::StrCat("there is nothing to ", verb, " in this process",
                                 room.empty() ? "" : " by the name " + room,
                                 "; weft log status shows what it runs and how it stands"));
  }
  action.add_steps("stops this process in order and starts it again in place");
  if (dry_run) return action;
  for (const auto& [part, repair] : chosen) {
    if (repair.follow) WEFT_RETURN_IF_ERROR(engine::FollowStopped(*part->shards, ""));
    if (repair.rebuild) WEFT_RETURN_IF_ERROR(WriteMark(part->folder + kRebuildMark, ""));
    if (repair.rebase || !repair.open.empty()) {
      WEFT_RETURN_IF_ERROR(WriteMark(part->folder + kReseedMark, repair.open));
    }
    options_.log->Log(telemetry::Level::kWarning, absl::StrCat("an operator asked for a ", verb),
                      {{"room", part->room}, {"why", reason}});
  }
  options_.restart();
  return action;
}

absl::Status Operator::CheckOperator(const AdminRequest& request) const {
  if (request.method != "POST") {
    return InvalidArgument("METHOD_NOT_ALLOWED", "this changes something; send it with POST");
  }
  if (options_.authenticator == nullptr) return absl::OkStatus();
  WEFT_ASSIGN_OR_RETURN(const Principal principal, options_.authenticator->Authenticate(
                                                       {.authorization = request.authorization}));
  if (principal.Has("operator")) return absl::OkStatus();
  return Error(absl::StatusCode::kPermissionDenied, "ROLE_NOT_ALLOWED",
               "only an operator may do this; use a token with the role operator");
}

std::vector<std::string> Operator::Paths() {
  return {"/log", "/log:rebuild", "/log:reseed", "/state", "/state:checkpoint", "/config:reload"};
}

AdminResponse Operator::Handle(const AdminRequest& request) {
  const absl::StatusOr<std::string> json = Do(request);
  if (json.ok()) return {.content_type = "application/json", .body = *json};
  return {.status = HttpOf(json.status().code()),
          .content_type = "application/json",
          .body = Json(rpc::ToWire(json.status(), options_.process, ""))};
}

absl::StatusOr<std::string> Operator::Do(const AdminRequest& request) {
  if (request.path == "/state") return Json(State());
  if (request.path == "/log") {
    WEFT_ASSIGN_OR_RETURN(const v1::LogStatus status, Log());
    return Json(status);
  }
  WEFT_RETURN_IF_ERROR(CheckOperator(request));
  if (request.path == "/state:checkpoint") {
    WEFT_ASSIGN_OR_RETURN(const v1::StateStatus status, StartCheckpoint());
    return Json(status);
  }
  if (request.path == "/config:reload") {
    WEFT_RETURN_IF_ERROR(options_.reload());
    return std::string("{}\n");
  }
  if (request.path == "/log:rebuild" || request.path == "/log:reseed") {
    WEFT_ASSIGN_OR_RETURN(
        const v1::LogAction action,
        Act(request.path.substr(5), QueryOr(request, "room"), QueryOr(request, "topic"),
            QueryOr(request, "dry_run") == "true", QueryOr(request, "reason")));
    return Json(action);
  }
  return NotFound("PATH_UNKNOWN", absl::StrCat("there is no ", request.path));
}

std::vector<v1::CheckpointStatus> ListCheckpoints(const std::string& checkpoint_dir) {
  std::vector<v1::CheckpointStatus> all;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(checkpoint_dir, error)) {
    absl::Time taken;
    if (!absl::ParseTime(kNameFormat, entry.path().filename().string(), &taken, nullptr)) continue;
    v1::CheckpointStatus one;
    one.set_folder(entry.path().string());
    *one.mutable_create_time() = ToProto(taken);
    bool complete = true;
    for (fs::directory_iterator room(entry.path(), error), end; !error && room != end;
         room.increment(error)) {
      if (room->path().filename() != "log") {
        one.add_rooms(room->path().filename().string());
        complete = complete && fs::exists(room->path() / kManifest, error);
      }
      // What is still being written changes under our eyes and is not walked.
      if (!complete) break;
      for (fs::recursive_directory_iterator file(room->path(), error), last;
           !error && file != last; file.increment(error)) {
        if (!file->is_regular_file(error)) continue;
        one.set_files(one.files() + 1);
        one.set_bytes(one.bytes() + static_cast<int64_t>(file->file_size(error)));
      }
    }
    // Somebody removes it, or a room of it is just being written.
    complete = complete && !error;
    error.clear();
    std::sort(one.mutable_rooms()->begin(), one.mutable_rooms()->end());
    if (complete && one.rooms_size() > 0) all.push_back(std::move(one));
  }
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return a.folder() > b.folder(); });
  return all;
}

absl::StatusOr<std::string> ActIfAsked(const std::string& folder, const engine::Program& program,
                                       eventlog::EventLog& log) {
  std::error_code error;
  if (fs::exists(folder + kRebuildMark)) {
    WEFT_RETURN_IF_ERROR(engine::PrepareRebuild(folder, program));
    fs::remove(folder + kRebuildMark, error);
    return std::string("emptied; it is read again from the log");
  }
  if (fs::exists(folder + kReseedMark)) {
    std::string topic;
    std::getline(std::ifstream(folder + kReseedMark) >> std::ws, topic);
    // Before the folder takes the log for its own: after an error all is done again.
    WEFT_RETURN_IF_ERROR(engine::AppendOpenings(folder, program, topic, log));
    if (topic.empty()) WEFT_RETURN_IF_ERROR(engine::RebaseChangelog(folder, log));
    fs::remove(folder + kReseedMark, error);
    return std::string("goes on with the log that is there now");
  }
  return std::string();
}

}  // namespace weft::service
