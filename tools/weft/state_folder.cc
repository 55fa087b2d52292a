// `weft state verify|restore|reshard`: on folders of this machine, whose processes are
// stopped.
#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "google/protobuf/struct.pb.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "libs/base/clock.h"
#include "libs/engine/checkpoint.h"
#include "libs/engine/reshard.h"
#include "libs/eventlog/kafka_log.h"
#include "tools/weft/admin.h"
#include "tools/weft/progress.h"
#include "tools/weft/table.h"
#include "tools/weft/transport.h"

namespace weft::cli {
namespace {

namespace fs = std::filesystem;

// A room's checkpoint, or each of a house's.
absl::StatusOr<std::vector<fs::path>> RoomsOf(const StateFolderOptions& options) {
  const fs::path folder = options.checkpoint;
  std::vector<fs::path> rooms;
  if (fs::exists(folder / "MANIFEST")) {
    rooms.push_back(folder);
  } else {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
      if (!fs::exists(entry.path() / "MANIFEST")) continue;
      if (!options.room.empty() && entry.path().filename() != options.room) continue;
      rooms.push_back(entry.path());
    }
    std::sort(rooms.begin(), rooms.end());
  }
  if (!rooms.empty()) return rooms;
  return NotFound("CHECKPOINT_NOT_FOUND",
                  absl::StrCat("there is no complete checkpoint",
                               options.room.empty() ? "" : " of " + options.room, " in ",
                               options.checkpoint));
}

// Errors of folders are shown as those of a mesh are.
int Fail(Terminal& terminal, const Common& common, const absl::Status& status) {
  class NoTransport final : public Transport {
    absl::StatusOr<HttpAnswer> Do(const HttpCall&, absl::Duration) override {
      return Unavailable("SERVER_UNREACHABLE", "nobody is asked");
    }
    absl::StatusOr<HttpAnswer> Stream(const HttpCall&, absl::Duration,
                                      const std::function<bool(const std::string&)>&) override {
      return Unavailable("SERVER_UNREACHABLE", "nobody is asked");
    }
  } nobody;
  return Session(common, terminal, nobody).Fail(status, "state");
}

int Interrupted(Terminal& terminal, const std::string& command) {
  terminal.err << "interrupted; go on with: " << command << "\n";
  return kInterrupted;
}

}  // namespace

int StateVerify(Terminal& terminal, const Common& common, const StateFolderOptions& options) {
  const absl::StatusOr<std::vector<fs::path>> rooms = RoomsOf(options);
  if (!rooms.ok()) return Fail(terminal, common, rooms.status());
  Table table({{"room"}, {"shards", Table::Align::kRight}, {"files", Table::Align::kRight},
               {"bytes", Table::Align::kRight}, {"rows", Table::Align::kRight}});
  Progress progress(terminal, common.progress, "verify", "rooms",
                    static_cast<int64_t>(rooms->size()));
  int64_t done = 0;
  for (const fs::path& room : *rooms) {
    if (terminal.interrupted()) {
      return Interrupted(terminal, "weft state verify " + options.checkpoint);
    }
    const auto info = engine::VerifyCheckpoint(room.string());
    if (!info.ok()) return Fail(terminal, common, info.status());
    table.Add({info->room, absl::StrCat(info->shards), absl::StrCat(info->files),
               absl::StrCat(info->bytes), absl::StrCat(info->rows)});
    progress.Update(++done, 0);
  }
  progress.Finish();
  table.Print(terminal.out);
  return kOk;
}

int StateRestore(Terminal& terminal, const Common& common, const StateFolderOptions& options) {
  const absl::StatusOr<std::vector<fs::path>> rooms = RoomsOf(options);
  if (!rooms.ok()) return Fail(terminal, common, rooms.status());
  const fs::path data = options.data_dir;
  // The embedded log goes with its rooms: one that is behind them would number anew.
  const fs::path log = fs::path(options.checkpoint) / "log";
  const bool with_log = options.room.empty() && fs::exists(log);
  std::ostream& said = options.dry_run ? terminal.out : terminal.err;
  for (const fs::path& room : *rooms) {
    said << "restores " << room.string() << " to " << (data / room.filename()).string() << "\n";
  }
  if (with_log) said << "restores " << log.string() << " to " << (data / "log").string() << "\n";
  if (options.dry_run) return kOk;
  if (!options.yes && !Confirm(terminal, "Go on?")) {
    terminal.err << "nothing was done\n";
    return kFailure;
  }
  if (with_log && fs::exists(data / "log")) {
    return Fail(terminal, common,
                FailedPrecondition("FOLDER_NOT_EMPTY",
                                   absl::StrCat((data / "log").string(),
                                                " is there already; move it away first")));
  }
  Progress progress(terminal, common.progress, "restore", "rooms",
                    static_cast<int64_t>(rooms->size()));
  int64_t done = 0;
  for (const fs::path& room : *rooms) {
    if (terminal.interrupted()) {
      return Interrupted(terminal, absl::StrCat("weft state restore ", options.checkpoint, " ",
                                                options.data_dir, " --room ",
                                                room.filename().string(),
                                                ", and so each room behind it"));
    }
    const absl::Status restored =
        engine::RestoreCheckpoint(room.string(), (data / room.filename()).string());
    if (!restored.ok()) return Fail(terminal, common, restored);
    progress.Update(++done, 0);
  }
  if (with_log) {
    std::error_code error;
    const fs::path partial = data / "log.restoring";
    fs::remove_all(partial, error);
    fs::copy(log, partial, fs::copy_options::recursive, error);
    if (!error) fs::rename(partial, data / "log", error);
    if (error) {
      return Fail(terminal, common,
                  ResourceExhausted("DISK_FULL", absl::StrCat("the log cannot be copied: ",
                                                              error.message())));
    }
  }
  progress.Finish();
  terminal.err << "on Kafka the rooms catch up from their changelogs when they start\n";
  return kOk;
}

int StateReshard(Terminal& terminal, const Common& common, const StateFolderOptions& options) {
  // What reading the changelog to its end says of how far it is.
  class Watch final : public engine::Observer {
   public:
    explicit Watch(Progress& progress) : progress_(progress) {}
    void Restoring(int shard, int64_t remaining) override {
      total_[shard] = std::max(total_[shard], remaining);
      left_[shard] = remaining;
      int64_t total = 0;
      int64_t left = 0;
      for (const auto& [each, records] : total_) total += records;
      for (const auto& [each, records] : left_) left += records;
      progress_.Update(total - left, total == 0 ? 1 : static_cast<double>(total - left) /
                                                          static_cast<double>(total));
    }

   private:
    Progress& progress_;
    std::map<int, int64_t> total_;
    std::map<int, int64_t> left_;
  };
  const absl::StatusOr<engine::CheckpointInfo> from = engine::VerifyCheckpoint(options.checkpoint);
  if (!from.ok()) return Fail(terminal, common, from.status());
  std::ostream& said = options.dry_run ? terminal.out : terminal.err;
  said << "moves " << from->room << " from " << from->shards << " to " << options.shards
       << " shards, into " << options.data_dir << "\n";
  if (options.kafka.empty()) {
    said << "without a changelog: what was answered after the checkpoint is not in it\n";
  } else {
    said << "reads its changelog on " << options.kafka
         << " to the end and claims it: a process that still runs the room ends\n";
  }
  if (options.dry_run) return kOk;
  if (!options.yes && !Confirm(terminal, "Go on?")) {
    terminal.err << "nothing was done\n";
    return kFailure;
  }
  std::unique_ptr<eventlog::KafkaLog> log;
  if (!options.kafka.empty()) {
    auto opened = eventlog::KafkaLog::Open(
        {.bootstrap_servers = options.kafka, .client_id = "weft-reshard"});
    if (!opened.ok()) return Fail(terminal, common, opened.status());
    log = *std::move(opened);
  }
  const SystemClock clock;
  Progress progress(terminal, common.progress, "changelog", "records", 0);
  Watch watch(progress);
  const auto report = engine::Reshard({.checkpoint = options.checkpoint,
                                       .folder = options.data_dir,
                                       .shards = options.shards,
                                       .log = log.get(),
                                       .clock = &clock,
                                       .observer = &watch});
  progress.Finish();
  if (!report.ok()) {
    const int exit = Fail(terminal, common, report.status());
    terminal.err << "  then:    empty " << options.data_dir << " and run it again\n";
    return exit;
  }
  terminal.out << report->room << ": " << report->rows << " rows, " << report->events
               << " events, from " << report->from << " to " << report->to << " shards\n";
  terminal.err << "next: copy each shard's folder to the process that runs it, start with\n"
               << "      service.shards = " << report->to << ", and take a checkpoint\n";
  return kOk;
}

}  // namespace weft::cli
