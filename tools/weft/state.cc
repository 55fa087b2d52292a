// `weft state`: checkpoints of running processes.
#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/error.h"
#include "tools/weft/admin.h"
#include "tools/weft/progress.h"
#include "tools/weft/table.h"
#include "weft/service/v1/operator.pb.h"

namespace weft::cli {
namespace {

namespace v1 = service::v1;

constexpr absl::Duration kPoll = absl::Milliseconds(200);

}  // namespace

int StateCheckpoint(const Admins& admins) {
  for (const Admin& admin : admins) {
    Session& session = *admin.session;
    Terminal& terminal = session.terminal();
    v1::StateStatus status;
    absl::Status asked = session.Post("/state:checkpoint", v1::StateStatus(), status);
    if (!asked.ok()) return session.Fail(asked, "state");
    Progress progress(terminal, session.common().progress, status.process(), status.job().unit(),
                      status.job().total());
    while (status.job().state() == v1::Job::STATE_RUNNING) {
      if (terminal.interrupted()) {
        progress.Finish();
        terminal.err << "the process goes on with it; weft state list --admin " << admin.where
                     << " shows the end\n";
        return kInterrupted;
      }
      terminal.sleep(kPoll);
      asked = session.Get("/state", status);
      if (!asked.ok()) return session.Fail(asked, "state");
      progress.Update(status.job().done(), 0);
    }
    progress.Finish();
    if (status.job().state() != v1::Job::STATE_DONE) {
      return session.Fail(Internal(absl::StrCat(status.job().reason(), ": ",
                                                status.job().message())),
                          "state");
    }
    if (session.json()) {
      session.PrintJson(status.job());
    } else {
      terminal.out << status.job().result() << "\n";
    }
  }
  return kOk;
}

int StateList(const Admins& admins) {
  Table table({{"process"}, {"taken"}, {"rooms"}, {"files", Table::Align::kRight},
               {"bytes", Table::Align::kRight}, {"folder"}});
  int exit = kOk;
  for (const Admin& admin : admins) {
    v1::StateStatus status;
    const absl::Status asked = admin.session->Get("/state", status);
    if (!asked.ok()) {
      exit = admin.session->Fail(asked, "state");
      continue;
    }
    if (admin.session->json()) admin.session->PrintJson(status);
    for (const v1::CheckpointStatus& each : status.checkpoints()) {
      table.Add({status.process(), Show(each.create_time()), absl::StrJoin(each.rooms(), ","),
                 absl::StrCat(each.files()), absl::StrCat(each.bytes()), each.folder()});
    }
  }
  if (!admins.empty() && !admins.front().session->json() && !table.empty()) {
    table.Print(admins.front().session->terminal().out);
  }
  return exit;
}

}  // namespace weft::cli
