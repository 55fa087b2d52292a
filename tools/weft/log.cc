// `weft log`: how processes stand to the log, and what to do when it is another one.
#include <algorithm>
#include <istream>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/util/time_util.h"
#include "tools/weft/admin.h"
#include "tools/weft/table.h"
#include "weft/service/v1/operator.pb.h"

namespace weft::cli {
namespace {

namespace v1 = service::v1;

struct Lag {
  int64_t records = 0;
  double seconds = 0;
};

Lag LagOf(const v1::LogStatus& status) {
  Lag lag;
  for (const v1::TopicStatus& topic : status.topics()) {
    if (!topic.read_here()) continue;
    lag.records += topic.lag_records();
    lag.seconds = std::max(
        lag.seconds,
        static_cast<double>(google::protobuf::util::TimeUtil::DurationToMilliseconds(topic.lag())) /
            1000);
  }
  return lag;
}

std::string StateOf(const v1::LogStatus& status, const v1::RoomLogStatus& room) {
  if (room.log_changed() || status.cluster_changed()) return "stale: another log";
  if (!room.relay_failure().empty()) return "cannot publish";
  if (room.stopped_partitions() > 0) {
    return absl::StrCat("stopped: ", room.stopped_partitions(), " partitions");
  }
  if (!status.connected()) return "log away";
  return "follows";
}

}  // namespace

bool Confirm(Terminal& terminal, const std::string& question) {
  terminal.err << question << " [y/N] " << std::flush;
  std::string answer;
  if (!std::getline(terminal.in, answer)) return false;
  return answer == "y" || answer == "Y" || answer == "yes";
}

int LogStatus(const Admins& admins) {
  Table table({{"process"}, {"room"}, {"shards"}, {"state"},
               {"lag", Table::Align::kRight}, {"behind", Table::Align::kRight},
               {"outbox", Table::Align::kRight}, {"parked", Table::Align::kRight}});
  std::vector<std::string> notes;
  int exit = kOk;
  for (const Admin& admin : admins) {
    v1::LogStatus status;
    const absl::Status asked = admin.session->Get("/log", status);
    if (!asked.ok()) {
      exit = std::max(exit, admin.session->Fail(asked, "log"));
      continue;
    }
    if (admin.session->json()) admin.session->PrintJson(status);
    const Lag lag = LagOf(status);
    for (const v1::RoomLogStatus& room : status.rooms()) {
      const std::string state = StateOf(status, room);
      if (state != "follows" && state != "log away") exit = std::max<int>(exit, kConflict);
      table.Add({status.process(), room.room(),
                 absl::StrCat(absl::StrJoin(room.owned(), ","), " of ", room.shards()), state,
                 absl::StrCat(lag.records), absl::StrFormat("%.1f s", lag.seconds),
                 absl::StrCat(room.outbox_rows()), absl::StrCat(room.parked())});
      if (!room.relay_failure().empty()) {
        notes.push_back(absl::StrCat(room.room(), ": ", room.relay_failure()));
      }
      if (room.log_changed() || status.cluster_changed()) {
        notes.push_back(absl::StrCat(
            room.room(), " answers from its state until an operator chooses: weft log ",
            room.projection() ? "rebuild" : "reseed", " --room ", room.room(), " --admin ",
            admin.where));
      }
    }
    for (const v1::StoppedPartition& part : status.stopped()) {
      notes.push_back(absl::StrCat(part.topic(), " ", part.partition(), ": ", part.reason(), ", ",
                                   part.cause()));
    }
  }
  if (!admins.empty() && admins.front().session->json()) return exit;
  if (admins.empty()) return exit;
  Terminal& terminal = admins.front().session->terminal();
  if (!table.empty()) table.Print(terminal.out);
  for (const std::string& note : notes) terminal.err << note << "\n";
  return exit;
}

int LogAction(const Admins& admins, const LogActionOptions& options) {
  for (const Admin& admin : admins) {
    Session& session = *admin.session;
    const std::string path = absl::StrCat("/log:", options.verb);
    v1::LogAction action;
    const absl::Status shown =
        session.Post(path + Query({{"room", options.room}, {"topic", options.topic}, {"dry_run", "true"}}),
                     v1::LogAction(), action);
    if (!shown.ok()) return session.Fail(shown, "log");
    if (options.dry_run && session.json()) {
      session.PrintJson(action);
      continue;
    }
    std::ostream& said = options.dry_run ? session.terminal().out : session.terminal().err;
    said << admin.where << ": " << options.verb << " of " << absl::StrJoin(action.rooms(), ", ")
         << "\n";
    for (const std::string& step : action.steps()) said << "  - " << step << "\n";
    if (options.dry_run) continue;
    if (!options.yes && !Confirm(session.terminal(), "Go on?")) {
      session.terminal().err << "nothing was done\n";
      return kFailure;
    }
    const absl::Status done = session.Post(
        path + Query({{"room", options.room}, {"topic", options.topic}, {"reason", options.reason}}), v1::LogAction(),
        action);
    if (!done.ok()) return session.Fail(done, "log");
    if (session.json()) session.PrintJson(action);
    session.terminal().err << "  under way; weft log status --admin " << admin.where
                           << " shows how far it is\n";
  }
  return kOk;
}

}  // namespace weft::cli
