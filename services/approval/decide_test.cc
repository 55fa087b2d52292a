// Approvals through the engine: who is asked, who may decide, what is kept.
#include <catch2/catch.hpp>

#include "services/approval/testing/approval_rig.h"

namespace weft::approval {
namespace {

std::vector<std::string> TasksOf(const Rig& rig, const std::string& user) {
  Principal shop = testing::MakePrincipal(rig.tenant, {"storefront"});
  shop.accounts = {"*"};
  v1::ListTasksRequest request;
  request.set_user(user);
  const auto answer =
      ListTasks(PageTokens("k"), rig.Context(shop), request, *rig.room.Read(rig.tenant));
  std::vector<std::string> names;
  for (const v1::Approval& approval : answer.value().approvals()) {
    names.push_back(approval.name());
  }
  return names;
}

TEST_CASE("nobody decides on their own order, not even through another's hand", "[decide]") {
  Rig rig;
  rig.User("ann", "A1", {"buyer", "buyer-admin"}, "bob", "99999");
  rig.User("bob", "A1", {"buyer-approver"}, "cat", "500", "ann");  // ann stands in for bob.
  const v1::Order order = rig.Submit("110");
  REQUIRE(order.state() == v1::ORDER_STATE_PENDING_APPROVAL);

  CHECK(ReasonOf(rig.TryDecide(order.approval(), "ann").status()) == "CANNOT_DECIDE_OWN");
  CHECK(rig.Order(order.name()).state() == v1::ORDER_STATE_PENDING_APPROVAL);
}

TEST_CASE("who submitted for somebody else cannot approve it either", "[decide]") {
  Rig rig;
  v1::SubmitOrderRequest request = rig.OrderOf("w", "1000");
  request.set_account("A1");
  request.set_user("ann");
  const v1::Order order = rig.Order(rig.TrySubmit(request, rig.Staff("sam"))->name());
  REQUIRE(order.state() == v1::ORDER_STATE_PENDING_APPROVAL);
  // 10,000.00 is above every manager: the role is asked, and sam holds it.
  CHECK(rig.Approval(order.approval()).assignees(0).role() == "sales-manager");

  CHECK(ReasonOf(rig.TryDecide(order.approval(), "sam").status()) == "CANNOT_DECIDE_OWN");
}

TEST_CASE("the first decision counts, later ones are ALREADY_CLOSED", "[decide]") {
  Rig rig;
  const v1::Order order = rig.Submit("200");
  CHECK(ReasonOf(rig.TryDecide(order.approval(), "bob").status()) == "NOT_ELIGIBLE");
  REQUIRE(rig.TryDecide(order.approval(), "cat", v1::DECISION_REJECT).ok());

  CHECK(ReasonOf(rig.TryDecide(order.approval(), "cat").status()) == "ALREADY_CLOSED");
  CHECK(ReasonOf(rig.TryDecide(order.approval(), "ann").status()) == "ALREADY_CLOSED");
  CHECK(rig.Order(order.name()).state() == v1::ORDER_STATE_REJECTED);
}

TEST_CASE("a decision on a version that moved on is ABORTED", "[decide]") {
  Rig rig;
  const v1::Order order = rig.Submit("200");
  const auto status =
      rig.TryDecide(order.approval(), "cat", v1::DECISION_APPROVE, "r99").status();
  CHECK(status.code() == absl::StatusCode::kAborted);
  CHECK(ReasonOf(status) == "ETAG_MISMATCH");
  CHECK(rig.TryDecide(order.approval(), "cat", v1::DECISION_APPROVE,
                      rig.Approval(order.approval()).etag())
            .ok());
}

TEST_CASE("a decision needs a user and a yes or no", "[decide]") {
  Rig rig;
  const v1::Order order = rig.Submit("200");
  CHECK(ReasonOf(rig.TryDecide(order.approval(), "").status()) == "USER_REQUIRED");
  CHECK(ReasonOf(rig.TryDecide(order.approval(), "cat", v1::DECISION_UNSPECIFIED).status()) ==
        "DECISION_REQUIRED");
  CHECK(ReasonOf(rig.TryDecide("approvals/none", "cat").status()) == "APPROVAL_NOT_FOUND");
}

TEST_CASE("a person's token decides for that person alone", "[decide]") {
  Rig rig;
  const v1::Order order = rig.Submit("200");
  v1::DecideRequest request;
  request.set_name(order.approval());
  request.set_decision(v1::DECISION_APPROVE);
  request.set_user("cat");
  const auto answer = rig.room.Submit<v1::Approval>("weft.approval.v1.ApprovalService/Decide",
                                                    rig.Staff("sam"), "d1", request);
  CHECK(ReasonOf(answer.status()) == "CANNOT_DECIDE_FOR_OTHER");
}

TEST_CASE("another account's approval cannot be told from none", "[decide]") {
  Rig rig;
  const v1::Order order = rig.Submit("200");
  v1::DecideRequest request;
  request.set_name(order.approval());
  request.set_decision(v1::DECISION_APPROVE);
  const auto answer = rig.room.Submit<v1::Approval>(
      "weft.approval.v1.ApprovalService/Decide", rig.Buyer("zoe", "A2"), "z1", request);
  CHECK(ReasonOf(answer.status()) == "APPROVAL_NOT_FOUND");
}

TEST_CASE("a question without anybody who may decide is an incident until there is one",
          "[decide]") {
  Rig rig;
  const v1::Order order = rig.Submit("6000");  // 60,000.00: above sam's limit too.
  CHECK(rig.Approval(order.approval()).incidents(0).reason() == "NO_APPROVER");
  CHECK(order.incidents(0).reason() == "NO_APPROVER");
  CHECK(rig.Approval(order.approval()).assignees(0).role() == "sales-manager");

  rig.User("eva", "", {"sales-manager"}, "", "100000");

  CHECK(rig.Approval(order.approval()).incidents(0).has_resolve_time());
  CHECK(TasksOf(rig, "eva") == std::vector<std::string>{order.approval()});
  REQUIRE(rig.TryDecide(order.approval(), "eva").ok());
  CHECK(rig.Order(order.name()).state() == v1::ORDER_STATE_SENT);
  CHECK(rig.Order(order.name()).incidents(0).has_resolve_time());
}

TEST_CASE("when the asked person leaves, the question goes on to the next", "[decide]") {
  Rig rig;
  const v1::Order order = rig.Submit("200");
  CHECK(TasksOf(rig, "cat").size() == 1);

  SECTION("disabled") { rig.User("cat", "A1", {"buyer-admin"}, "", "5000", "", true); }
  SECTION("erased") {
    rig.room.DeliverTombstone(rig.tenant, app::kDirectoryTopic, "erp-connector", "users/cat",
                              "weft.directory.v1.UserChanged");
  }
  SECTION("limit lowered") { rig.User("cat", "A1", {"buyer-admin"}, "", "10"); }

  CHECK(rig.Approval(order.approval()).assignees(0).role() == "sales-manager");
  CHECK(TasksOf(rig, "cat").empty());
  CHECK(TasksOf(rig, "sam").size() == 1);
  CHECK(ReasonOf(rig.TryDecide(order.approval(), "cat").status()) == "NOT_ELIGIBLE");
  CHECK(ReasonOf(rig.TryDecide(order.approval(), "tom").status()) == "LIMIT_TOO_LOW");
  CHECK(rig.TryDecide(order.approval(), "sam").ok());
}

TEST_CASE("a substitute sees the task and decides in the other's name", "[decide]") {
  Rig rig;
  rig.User("cat", "A1", {"buyer-admin"}, "", "5000", "kim");
  rig.User("kim", "A1", {"buyer-approver"}, "", "4000");
  const v1::Order order = rig.Submit("200");

  CHECK(TasksOf(rig, "kim") == std::vector<std::string>{order.approval()});
  REQUIRE(rig.TryDecide(order.approval(), "kim").ok());

  CHECK(rig.Approval(order.approval()).decided_by() == "kim");
  CHECK(rig.Approval(order.approval()).decided_for() == "cat");
  CHECK(TasksOf(rig, "kim").empty());
}

TEST_CASE("tasks come oldest first, in pages, and never one's own", "[decide]") {
  Rig rig;
  rig.User("sam", "", {"sales-manager"}, "", "99999999");
  std::vector<std::string> names;
  for (int i = 0; i < 7; ++i) {
    names.push_back(rig.Submit("600" + std::to_string(i)).approval());
    rig.room.Advance(absl::Seconds(1));
  }
  v1::SubmitOrderRequest own = rig.OrderOf("own", "9000");
  own.set_account("A1");
  own.set_user("sam");
  REQUIRE(rig.TrySubmit(own, rig.Staff()).ok());

  std::vector<std::string> listed;
  v1::ListTasksRequest request;
  request.set_page_size(3);
  const PageTokens tokens("key");
  int pages = 0;
  do {
    const auto page = ListTasks(tokens, rig.Context(rig.Staff()), request,
                                *rig.room.Read(rig.tenant));
    REQUIRE(page.ok());
    for (const v1::Approval& approval : page->approvals()) listed.push_back(approval.name());
    request.set_page_token(page->next_page_token());
    ++pages;
  } while (!request.page_token().empty() && pages < 10);

  CHECK(listed == names);
  CHECK(pages == 3);
}

TEST_CASE("policies are checked, versioned and kept on the trail", "[policy]") {
  Rig rig;
  v1::Policy policy;
  *policy.add_approval_limits() = Gbp("25000");
  CHECK(rig.TrySetPolicy("policies/default", policy)->revision() == 1);
  CHECK(rig.Submit("2500").state() == v1::ORDER_STATE_SENT);
  const v1::Order above = rig.Submit("2500.001");
  CHECK(rig.Approval(above.approval()).rule() == "policies/default#1");

  policy.set_etag("r7");
  CHECK(ReasonOf(rig.TrySetPolicy("policies/default", policy).status()) == "ETAG_MISMATCH");
  policy.set_etag("r1");
  CHECK(rig.TrySetPolicy("policies/default", policy)->revision() == 2);
  *policy.add_approval_limits() = Gbp("1");
  policy.clear_etag();
  CHECK(ReasonOf(rig.TrySetPolicy("policies/default", policy).status()) == "FIELD_INVALID");
  CHECK(ReasonOf(rig.TrySetPolicy("policies/other", {}).status()) == "FIELD_INVALID");
  policy.clear_approval_limits();
  policy.mutable_approval_time()->set_seconds(1);
  CHECK(ReasonOf(rig.TrySetPolicy("policies/default", policy).status()) == "FIELD_INVALID");

  v1::ListAuditEntriesRequest request;
  request.set_subject("policies/default");
  const auto entries = ListAuditEntries(PageTokens("k"), rig.Context(rig.Staff()), request,
                                        *rig.room.Read(rig.tenant));
  REQUIRE(entries->entries_size() == 2);
  CHECK(entries->entries(0).actor() == "sam");
  CHECK(entries->entries(0).action() == "policy.set");
}

TEST_CASE("an account without a policy has that of its parent, then the tenant's", "[policy]") {
  Rig rig;
  facts::v1::AccountChanged child;
  child.set_account("A1");
  child.set_currency_code("GBP");
  child.set_parent_account("A2");
  rig.room.Deliver(rig.tenant, engine::kTimeline, "erp-connector", "accounts/A1", child);
  v1::Policy off;
  off.set_approval_off(true);
  REQUIRE(rig.TrySetPolicy("policies/account-A2", off).ok());

  CHECK(rig.Submit("9999").state() == v1::ORDER_STATE_SENT);
}

TEST_CASE("the trail says who decided what, for whom, on which version, by which rule",
          "[audit]") {
  Rig rig;
  const v1::Order order = rig.Submit("200");
  REQUIRE(rig.TryDecide(order.approval(), "cat").ok());

  v1::ListAuditEntriesRequest request;
  request.set_subject(order.name());
  const auto answer = ListAuditEntries(PageTokens("k"), rig.Context(rig.Staff()), request,
                                       *rig.room.Read(rig.tenant));
  REQUIRE(answer.ok());
  std::vector<std::string> actions;
  for (const v1::AuditEntry& entry : answer->entries()) actions.push_back(entry.action());
  CHECK(actions == std::vector<std::string>{"order.submitted", "approval.opened",
                                            "approval.approved", "order.released"});
  CHECK(answer->entries(0).actor() == "ann");
  CHECK(answer->entries(2).actor() == "cat");
  CHECK(answer->entries(2).rule() == "builtin");
  CHECK(answer->entries(2).subject_revision() == order.revision());
}

TEST_CASE("a trail that was tampered with does not verify", "[audit]") {
  Rig rig;
  for (int i = 0; i < 5; ++i) rig.Submit("10");
  const auto verify = [&](int64_t from = 0, const std::string& hash = "") {
    v1::VerifyAuditTrailRequest request;
    request.set_from_sequence(from);
    request.set_from_hash(hash);
    return VerifyAuditTrail(rig.Context(rig.Staff()), request, *rig.room.Read(rig.tenant))
        .value();
  };
  REQUIRE(verify().intact());
  REQUIRE(verify().complete());
  const int64_t last = verify().last_sequence();
  CHECK(verify().entries() == last);
  // Two proofs join by the hash between them.
  const std::string middle = rig.room.Read(rig.tenant)->Get(kAudit, NumberKey(7))->hash();
  CHECK(verify(8, middle).intact());
  CHECK(verify(8, middle).last_hash() == verify().last_hash());
  CHECK(verify(8, std::string(64, 'a')).broken_sequence() == 8);

  // A room with one more command, that does what an intruder would.
  struct Intruder {
    engine::Program program;
    explicit Intruder(const Settings& settings) : program(MakeProgram(settings, {})) {
      program.commands["test/Change"] =
          [](absl::string_view, engine::Turn& turn) -> absl::StatusOr<std::string> {
            v1::AuditEntry entry = turn.Get(kAudit, NumberKey(2)).value();
            entry.set_actor("somebody else");
            turn.Put(kAudit, NumberKey(2), entry);
            return std::string();
          };
      program.commands["test/CutEnd"] =
          [](absl::string_view, engine::Turn& turn) -> absl::StatusOr<std::string> {
            turn.Delete(kAudit, NumberKey(turn.Get(kAuditHead, "").value().sequence()));
            return std::string();
          };
    }
  };
  Intruder intruder(Rig::DefaultSettings());
  testing::RoomHarness room(intruder.program);
  for (int i = 0; i < 3; ++i) {
    v1::SetPolicyRequest request;
    request.set_name("policies/default");
    request.mutable_policy();
    REQUIRE(room.SubmitBytes("weft.approval.v1.PolicyService/SetPolicy", rig.Staff(),
                             "p" + std::to_string(i), request.SerializeAsString())
                .ok());
  }
  const auto look = [&] {
    return VerifyAuditTrail(rig.Context(rig.Staff()), {}, *room.Read(rig.tenant)).value();
  };
  REQUIRE(look().intact());
  SECTION("an entry changed") {
    REQUIRE(room.SubmitBytes("test/Change", rig.Staff(), "x", "").ok());
    CHECK_FALSE(look().intact());
    CHECK(look().broken_sequence() == 2);
  }
  SECTION("the end cut off") {
    REQUIRE(room.SubmitBytes("test/CutEnd", rig.Staff(), "x", "").ok());
    CHECK_FALSE(look().intact());
    CHECK(look().broken_sequence() == 3);
  }
}

}  // namespace
}  // namespace weft::approval
