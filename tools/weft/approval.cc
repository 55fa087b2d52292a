// `weft approval`: what waits for a decision, and deciding it.
#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tools/weft/commands.h"
#include "tools/weft/table.h"
#include "weft/approval/v1/approval.pb.h"

namespace weft::cli {
namespace {

namespace v1 = approval::v1;

std::string ApprovalPath(const std::string& id, const std::string& verb = "") {
  const std::string name = Named("approvals", id);
  return absl::StrCat("/v1/approvals/", Segment(name.substr(10)), verb);
}

std::string ShowState(const v1::Approval& approval) {
  return ShowEnum(v1::ApprovalState_Name(approval.state()), "APPROVAL_STATE_");
}

std::string ShowAssignees(const v1::Approval& approval) {
  std::vector<std::string> names;
  for (const v1::Assignee& assignee : approval.assignees()) {
    names.push_back(assignee.user().empty() ? absl::StrCat("role ", assignee.role())
                                            : assignee.user());
  }
  return absl::StrJoin(names, ", ");
}

int ShowOne(Session& session, const absl::Status& status, const v1::Approval& approval) {
  if (!status.ok()) return session.Fail(status, "approval");
  if (session.json()) {
    session.PrintJson(approval);
    return kOk;
  }
  std::ostream& out = session.terminal().out;
  out << "approval   " << approval.name() << "\n"
      << "state      " << ShowState(approval) << "\n"
      << "order      " << approval.order() << "\n"
      << "account    " << OrDash(approval.account()) << "\n"
      << "requester  " << OrDash(approval.requester()) << "\n"
      << "total      " << Show(approval.total()) << "\n"
      << "waits for  " << OrDash(ShowAssignees(approval)) << "\n"
      << "why        " << OrDash(approval.reason()) << " (" << approval.rule() << ")\n"
      << "expires    " << Show(approval.expire_time()) << "\n";
  if (!approval.decided_by().empty()) {
    out << "decided    " << Show(approval.decide_time()) << " by " << approval.decided_by();
    if (!approval.comment().empty()) out << ": " << approval.comment();
    out << "\n";
  }
  return kOk;
}

}  // namespace

int ApprovalList(Session& session, int limit) {
  v1::ListTasksResponse all;
  do {
    v1::ListTasksResponse page;
    const auto status =
        session.Get(absl::StrCat("/v1/approvals",
                                 Query({{"user", session.common().user},
                                        {"pageSize", absl::StrCat(std::min(limit, 100))},
                                        {"pageToken", all.next_page_token()}})),
                    page);
    if (!status.ok()) return session.Fail(status, "approval");
    all.mutable_approvals()->MergeFrom(page.approvals());
    all.set_next_page_token(page.next_page_token());
  } while (!all.next_page_token().empty() && all.approvals_size() < limit);
  while (all.approvals_size() > limit) all.mutable_approvals()->RemoveLast();
  if (session.json()) {
    session.PrintJson(all);
    return kOk;
  }
  Table table({{"approval"},
               {"state"},
               {"order"},
               {"account"},
               {"total", Table::Align::kRight},
               {"waits for"},
               {"expires"}});
  for (const v1::Approval& approval : all.approvals()) {
    table.Add({approval.name(), ShowState(approval), approval.order(), approval.account(),
               Show(approval.total()), ShowAssignees(approval), Show(approval.expire_time())});
  }
  table.Print(session.terminal().out);
  return kOk;
}

int ApprovalGet(Session& session, const std::string& id) {
  v1::Approval approval;
  return ShowOne(session, session.Get(ApprovalPath(id), approval), approval);
}

int ApprovalDecide(Session& session, const ApprovalDecideOptions& options) {
  v1::DecideRequest request;
  request.set_decision(options.approve ? v1::DECISION_APPROVE : v1::DECISION_REJECT);
  request.set_comment(options.comment);
  request.set_user(session.common().user);
  v1::Approval approval;
  const auto status = session.Mutate(ApprovalPath(options.id, ":decide"), request,
                                     session.RequestId(), approval);
  return ShowOne(session, status, approval);
}

}  // namespace weft::cli
