// Approvals: opened by the saga, decided by people, ended by time.
#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/ids.h"
#include "libs/base/status_macros.h"
#include "services/approval/app.h"
#include "services/approval/app_common.h"

namespace weft::approval::app {
namespace {

constexpr char kNoApprover[] = "NO_APPROVER";
// Open questions looked at when one person changes; the rest at the next change.
constexpr int kReassignMax = 1000;

Question QuestionOf(const v1::ApprovalRow& row) {
  const OpenQuestion open = ToQuestion(row);
  Question question;
  question.requesters = {row.approval().requester()};
  if (!row.submitter().empty()) question.requesters.push_back(row.submitter());
  question.total = open.total;
  question.scope = open.scope;
  question.ask_managers = row.ask_managers();
  question.role = row.role();
  return question;
}

void Store(engine::Turn& turn, const std::string& id, v1::ApprovalRow& row) {
  v1::Approval& approval = *row.mutable_approval();
  const int64_t revision =
      approval.etag().empty() ? 1 : std::stoll(approval.etag().substr(1)) + 1;
  approval.set_etag(EtagOf(revision));
  *approval.mutable_update_time() = ToProto(turn.now());
  turn.Put(kApprovals, id, row);
}

void PutTasks(engine::Turn& turn, const std::string& id, const v1::ApprovalRow& row, bool put) {
  const absl::Time created = FromProto(row.approval().create_time());
  v1::RefRow ref;
  ref.set_id(id);
  const auto one = [&](const std::string& assignee) {
    const std::string key = TaskKey(assignee, created, id);
    if (put) {
      turn.Put(kTasks, key, ref);
    } else {
      turn.Delete(kTasks, key);
    }
  };
  bool nobody = false;
  for (const v1::Incident& incident : row.approval().incidents()) {
    nobody = nobody || (incident.reason() == kNoApprover && !incident.has_resolve_time());
  }
  for (const v1::Assignee& assignee : row.approval().assignees()) one(AssigneeKey(assignee));
  if (nobody || !put) one(kNobodyKey);
}

void SetAssignment(engine::Turn& turn, const Assignment& assignment, v1::ApprovalRow& row) {
  v1::Approval& approval = *row.mutable_approval();
  approval.clear_assignees();
  v1::Assignee& assignee = *approval.add_assignees();
  assignee.set_user(assignment.user);
  assignee.set_role(assignment.role);
  if (assignment.nobody) {
    AddIncident(*approval.mutable_incidents(), kNoApprover,
                absl::StrCat("nobody known with the role ", assignment.role,
                             " may approve this total for this account"),
                turn.now());
  } else {
    ResolveIncidents(*approval.mutable_incidents(), {kNoApprover}, turn.now());
  }
}

std::string AssigneeName(const v1::Approval& approval) {
  return approval.assignees().empty() ? "" : AssigneeKey(approval.assignees(0));
}

// Ends an open approval; what the order does about it is the caller's.
void Close(engine::Turn& turn, const std::string& id, v1::ApprovalRow& row,
           v1::ApprovalState state) {
  row.mutable_approval()->set_state(state);
  PutTasks(turn, id, row, false);
  turn.CancelTimer(kApprovalDeadline, id);
  Store(turn, id, row);
}

absl::StatusOr<Decider> DeciderOf(const engine::Turn& turn, const Directory& directory,
                                  const std::string& named) {
  Decider decider;
  // A shop or a room speaks for whoever is signed in there; a person's token
  // speaks for that person alone.
  if (!turn.principal().user.empty() && !named.empty() && named != turn.principal().user) {
    return PermissionDenied("CANNOT_DECIDE_FOR_OTHER",
                            "a token of one user cannot decide in the name of another");
  }
  WEFT_ASSIGN_OR_RETURN(decider.user, ActingUser(turn.principal(), named));
  if (decider.user.empty()) {
    return InvalidArgument("USER_REQUIRED", "name the user who decides", {{"field", "user"}});
  }
  WEFT_ASSIGN_OR_RETURN(decider.person, directory.Find(decider.user));
  // A token speaks for its own user only; of others the directory knows the roles.
  if (decider.user == turn.principal().user) {
    decider.token_roles.assign(turn.principal().roles.begin(), turn.principal().roles.end());
  }
  return decider;
}

absl::Status DeadlinePassed(const Settings& settings, const engine::TimerFired& timer,
                            engine::Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(std::optional<v1::ApprovalRow> row, turn.Find(kApprovals, timer.key));
  if (!row.has_value() || row->approval().state() != v1::APPROVAL_STATE_OPEN) {
    return absl::OkStatus();
  }
  WEFT_ASSIGN_OR_RETURN(OrderWork work,
                        LoadOrder(turn, IdOf(row->approval().order(), "orders")));
  Close(turn, timer.key, *row, v1::APPROVAL_STATE_EXPIRED);
  WEFT_RETURN_IF_ERROR(Audit(turn, {.action = "approval.expired",
                                    .subject = row->approval().order(),
                                    .subject_revision = work.row.order().revision(),
                                    .rule = row->approval().rule(),
                                    .detail = AssigneeName(row->approval()),
                                    .actor = "room"}));
  const Effects effects =
      OnApproval(work.saga, Ending{.state = OrderState::kRejected,
                                   .reason = "APPROVAL_EXPIRED",
                                   .message = "nobody decided in time"});
  return Advance(settings, turn, work, effects);
}

}  // namespace

absl::Status OpenApproval(const Settings& settings, engine::Turn& turn, OrderWork& work) {
  v1::Order& order = *work.row.mutable_order();
  WEFT_ASSIGN_OR_RETURN(const PolicyTerms terms, TermsFor(turn, settings, order.account()));
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::AccountRow> account,
                        turn.Find(kAccounts, order.account()));
  const std::string id = DeriveId(turn.tenant(), "approval", work.id);

  v1::ApprovalRow row;
  v1::Approval& approval = *row.mutable_approval();
  approval.set_name(absl::StrCat("approvals/", id));
  approval.set_state(v1::APPROVAL_STATE_OPEN);
  *approval.mutable_create_time() = ToProto(turn.now());
  approval.set_order(order.name());
  approval.set_account(order.account());
  approval.set_requester(order.user());
  *approval.mutable_total() = order.total();
  approval.set_rule(work.row.saga().rule());
  WEFT_ASSIGN_OR_RETURN(const Money total, FromProto(order.total()));
  approval.set_reason(absl::StrCat("the total ", total.ToString(), " is above the limit ",
                                   LimitFor(terms, total.currency).ToString()));
  *approval.mutable_expire_time() = work.row.saga().deadline();
  row.set_submitter(work.row.saga().submitter());
  row.set_organisation(account.has_value() ? account->organisation() : "");
  row.set_ask_managers(terms.ask_managers);
  row.set_role(terms.role);
  order.set_approval(approval.name());

  WEFT_ASSIGN_OR_RETURN(const Assignment assignment,
                        Assign(StoredDirectory(turn), QuestionOf(row)));
  SetAssignment(turn, assignment, row);
  if (assignment.nobody) {
    AddIncident(*order.mutable_incidents(), kNoApprover,
                "the approval waits for somebody who may decide it", turn.now());
  }
  Store(turn, id, row);
  PutTasks(turn, id, row, true);
  turn.SetTimer(kApprovalDeadline, id, FromProto(approval.expire_time()));
  return Audit(turn, {.action = "approval.opened",
                      .subject = order.name(),
                      .subject_revision = order.revision() + 1,
                      .on_behalf_of = order.user(),
                      .rule = approval.rule(),
                      .detail = absl::StrCat(approval.name(), " ", AssigneeName(approval)),
                      .actor = "room"});
}

absl::Status WithdrawApproval(engine::Turn& turn, const std::string& approval_id) {
  WEFT_ASSIGN_OR_RETURN(std::optional<v1::ApprovalRow> row, turn.Find(kApprovals, approval_id));
  if (!row.has_value() || row->approval().state() != v1::APPROVAL_STATE_OPEN) {
    return absl::OkStatus();
  }
  Close(turn, approval_id, *row, v1::APPROVAL_STATE_WITHDRAWN);
  return absl::OkStatus();
}

absl::StatusOr<v1::Approval> Decide(const Settings& settings, const v1::DecideRequest& request,
                                    engine::Turn& turn) {
  WEFT_RETURN_IF_ERROR(CheckText("comment", request.comment(), 2000));
  const std::string id = IdOf(request.name(), "approvals");
  WEFT_ASSIGN_OR_RETURN(std::optional<v1::ApprovalRow> row, turn.Find(kApprovals, id));
  if (!row.has_value() || !MaySee(turn.principal(), row->approval().account())) {
    return NotFound("APPROVAL_NOT_FOUND", absl::StrCat("there is no approval ", request.name()),
                    {{"approval", request.name()}});
  }
  const StoredDirectory directory(turn);
  WEFT_ASSIGN_OR_RETURN(const Decider decider, DeciderOf(turn, directory, request.user()));
  if (request.decision() != v1::DECISION_APPROVE && request.decision() != v1::DECISION_REJECT) {
    return InvalidArgument("DECISION_REQUIRED",
                           "decision must be DECISION_APPROVE or DECISION_REJECT",
                           {{"field", "decision"}});
  }
  v1::Approval& approval = *row->mutable_approval();
  const bool open = approval.state() == v1::APPROVAL_STATE_OPEN;
  if (open) WEFT_RETURN_IF_ERROR(CheckEtag(request.etag(), approval.etag()));
  const bool approve = request.decision() == v1::DECISION_APPROVE;
  WEFT_ASSIGN_OR_RETURN(const Vote vote,
                        DecideVote(directory, ToQuestion(*row), decider, approve));

  approval.set_decided_by(decider.user);
  approval.set_decided_for(vote.decided_for);
  *approval.mutable_decide_time() = ToProto(turn.now());
  approval.set_comment(request.comment());
  WEFT_ASSIGN_OR_RETURN(std::optional<v1::OrderRow> order_row,
                        turn.Find(kOrders, IdOf(approval.order(), "orders")));
  WEFT_CHECK(order_row.has_value());
  OrderWork work{.id = IdOf(approval.order(), "orders"), .row = *std::move(order_row), .saga = {}};
  work.saga = SagaOf(work.row);
  Close(turn, id, *row,
        approve ? v1::APPROVAL_STATE_APPROVED : v1::APPROVAL_STATE_REJECTED);
  WEFT_RETURN_IF_ERROR(
      Audit(turn, {.action = approve ? "approval.approved" : "approval.rejected",
                   .subject = approval.order(),
                   .subject_revision = work.row.order().revision(),
                   .on_behalf_of = vote.decided_for,
                   .rule = approval.rule(),
                   .detail = absl::StrCat(approval.name(),
                                          request.comment().empty() ? "" : ": ",
                                          request.comment()),
                   .actor = decider.user}));

  ResolveIncidents(*work.row.mutable_order()->mutable_incidents(), {kNoApprover}, turn.now());
  std::optional<Ending> refusal;
  if (approve) {
    // The wait may have been long: a block set meanwhile still counts.
    WEFT_ASSIGN_OR_RETURN(refusal, BlockOf(turn, approval.account()));
  } else {
    refusal = Ending{.state = OrderState::kRejected,
                     .reason = "APPROVAL_REJECTED",
                     .message = request.comment().empty() ? "the approval was refused"
                                                          : request.comment(),
                     .metadata = {{"approval", approval.name()}}};
  }
  const Effects effects = OnApproval(work.saga, std::move(refusal));
  WEFT_RETURN_IF_ERROR(Advance(settings, turn, work, effects));
  return row->approval();
}

void OnApprovalDeadline(const Settings& settings, const engine::TimerFired& timer,
                        engine::Turn& turn) {
  WEFT_CHECK_OK(DeadlinePassed(settings, timer, turn));
}

absl::Status ReassignOpen(engine::Turn& turn, const std::string& user) {
  std::vector<std::string> ids;
  for (const std::string& assignee : {absl::StrCat("user/", user), std::string(kNobodyKey)}) {
    WEFT_RETURN_IF_ERROR(turn.Scan(kTasks, PrefixKey(assignee),
                                   [&](absl::string_view, const v1::RefRow& ref) {
                                     ids.push_back(ref.id());
                                     return ids.size() < kReassignMax;
                                   }));
  }
  const StoredDirectory directory(turn);
  for (const std::string& id : ids) {
    WEFT_ASSIGN_OR_RETURN(std::optional<v1::ApprovalRow> row, turn.Find(kApprovals, id));
    if (!row.has_value() || row->approval().state() != v1::APPROVAL_STATE_OPEN) continue;
    WEFT_ASSIGN_OR_RETURN(const Assignment assignment, Assign(directory, QuestionOf(*row)));
    const OpenQuestion before = ToQuestion(*row);
    bool was_nobody = false;
    for (const v1::Incident& incident : row->approval().incidents()) {
      was_nobody = was_nobody || !incident.has_resolve_time();
    }
    if (before.assignees.size() == 1 && before.assignees[0].user == assignment.user &&
        before.assignees[0].role == assignment.role && was_nobody == assignment.nobody) {
      continue;
    }
    PutTasks(turn, id, *row, false);
    SetAssignment(turn, assignment, *row);
    Store(turn, id, *row);
    PutTasks(turn, id, *row, true);
    WEFT_RETURN_IF_ERROR(Audit(turn, {.action = "approval.reassigned",
                                      .subject = row->approval().order(),
                                      .rule = row->approval().rule(),
                                      .detail = absl::StrCat(row->approval().name(), " ",
                                                             AssigneeName(row->approval())),
                                      .actor = "room"}));
  }
  return absl::OkStatus();
}

}  // namespace weft::approval::app
