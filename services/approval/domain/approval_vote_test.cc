#include "services/approval/domain/approval_vote.h"

#include <catch2/catch.hpp>
#include <map>

#include "libs/base/error.h"

namespace weft::approval {
namespace {

Money Gbp(const char* amount) { return Money::Parse(amount, "GBP").value(); }

class People final : public Directory {
 public:
  void Add(Person person) { people_[person.user] = std::move(person); }
  Person& operator[](const std::string& user) { return people_[user]; }

  absl::StatusOr<std::optional<Person>> Find(const std::string& user) const override {
    const auto it = people_.find(user);
    return it == people_.end() ? std::optional<Person>() : it->second;
  }
  absl::StatusOr<std::vector<std::string>> Holders(const std::string& role) const override {
    std::vector<std::string> users;
    for (const auto& [user, person] : people_) {
      for (const Grant& grant : person.grants) {
        if (grant.role == role) users.push_back(user);
      }
    }
    return users;
  }

 private:
  std::map<std::string, Person> people_;
};

// ann → bob (500) → cat (5,000) → dan (disabled) → eve (no limit) → fay (20,000)
People Chain() {
  People people;
  people.Add({.user = "ann", .account = "A1", .manager = "bob"});
  people.Add({.user = "bob", .manager = "cat", .limit = Gbp("500"), .substitute = "kim"});
  people.Add({.user = "cat", .manager = "dan", .limit = Gbp("5000")});
  people.Add({.user = "dan", .manager = "eve", .limit = Gbp("99999"), .disabled = true});
  people.Add({.user = "eve", .manager = "fay"});
  people.Add({.user = "fay", .limit = Gbp("20000")});
  people.Add({.user = "kim", .limit = Gbp("600")});
  people.Add({.user = "sam",
              .grants = {{.role = "sales-manager", .account = "", .organisation = "UK"}},
              .limit = Gbp("50000")});
  return people;
}

Question Ask(const char* total, std::vector<std::string> requesters = {"ann"}) {
  return {.requesters = std::move(requesters),
          .total = Gbp(total),
          .scope = {.account = "A1", .organisation = "UK"},
          .ask_managers = true,
          .role = "sales-manager"};
}

TEST_CASE("the first manager whose limit covers the total is asked", "[assign]") {
  const People people = Chain();
  struct Case {
    const char* total;
    const char* user;
  };
  auto c = GENERATE(values<Case>({{"500.00", "bob"},
                                  {"500.01", "cat"},
                                  {"5000", "cat"},
                                  {"5000.01", "fay"},
                                  {"20000", "fay"},
                                  {"20000.01", ""}}));
  CAPTURE(c.total);

  const Assignment assignment = Assign(people, Ask(c.total)).value();

  CHECK(assignment.user == c.user);
  CHECK(assignment.role == (*c.user == 0 ? "sales-manager" : ""));
  CHECK_FALSE(assignment.nobody);
}

TEST_CASE("a chain that ends or turns in a circle falls back to the role", "[assign]") {
  People people = Chain();
  people["cat"].manager = "ann";
  CHECK(Assign(people, Ask("9000")).value().role == "sales-manager");
  people["ann"].manager = "ghost";
  CHECK(Assign(people, Ask("1")).value().role == "sales-manager");
  CHECK(Assign(people, Ask("1", {""})).value().role == "sales-manager");
  people["ann"].manager = "bob";
  CHECK(Assign(people, Ask("1", {"ann", "bob"})).value().user == "cat");
}

TEST_CASE("when nobody known may decide, that is said", "[assign]") {
  People people = Chain();
  CHECK(Assign(people, Ask("50000.01")).value().nobody);
  Question elsewhere = Ask("30000");
  elsewhere.scope.organisation = "FR";
  CHECK(Assign(people, elsewhere).value().nobody);
  CHECK(Assign(people, Ask("30000", {"sam"})).value().nobody);
  Question euros = Ask("1");
  euros.total = Money::Parse("1", "EUR").value();
  CHECK(Assign(people, euros).value().nobody);
}

TEST_CASE("who may decide, and the first reason why not", "[vote]") {
  People people = Chain();
  struct Case {
    const char* user;
    bool approve;
    ApprovalState state;
    const char* reason;  // "" = it counts.
    const char* decided_for;
  };
  auto c = GENERATE(values<Case>({
      {"bob", true, ApprovalState::kOpen, "", ""},
      {"bob", false, ApprovalState::kOpen, "", ""},
      {"ann", true, ApprovalState::kOpen, "CANNOT_DECIDE_OWN", ""},
      {"ann", false, ApprovalState::kOpen, "CANNOT_DECIDE_OWN", ""},
      {"rep", true, ApprovalState::kOpen, "CANNOT_DECIDE_OWN", ""},  // Submitted it.
      {"cat", true, ApprovalState::kOpen, "NOT_ELIGIBLE", ""},
      {"nobody", true, ApprovalState::kOpen, "NOT_ELIGIBLE", ""},
      {"", true, ApprovalState::kOpen, "NOT_ELIGIBLE", ""},
      {"kim", true, ApprovalState::kOpen, "", "bob"},  // Stands in for bob.
      {"bob", true, ApprovalState::kApproved, "ALREADY_CLOSED", ""},
      {"ann", true, ApprovalState::kExpired, "ALREADY_CLOSED", ""},
      {"bob", false, ApprovalState::kWithdrawn, "ALREADY_CLOSED", ""},
  }));
  CAPTURE(c.user, c.approve);
  const OpenQuestion question{.state = c.state,
                              .assignees = {{.user = "bob", .role = ""}},
                              .requesters = {"ann", "rep"},
                              .total = Gbp("450"),
                              .scope = {.account = "A1", .organisation = "UK"}};
  const Decider decider{.user = c.user, .person = people.Find(c.user).value(), .token_roles = {}};

  const absl::StatusOr<Vote> vote = DecideVote(people, question, decider, c.approve);

  CHECK(ReasonOf(vote.status()) == c.reason);
  if (vote.ok()) {
    CHECK(vote->decided_for == c.decided_for);
    CHECK(vote->to == (c.approve ? ApprovalState::kApproved : ApprovalState::kRejected));
  }
}

TEST_CASE("a limit binds a yes, not a no", "[vote]") {
  People people = Chain();
  const OpenQuestion question{.assignees = {{.user = "", .role = "sales-manager"}},
                              .total = Gbp("50000.01"),
                              .scope = {.account = "A1", .organisation = "UK"}};
  const Decider sam{.user = "sam", .person = people.Find("sam").value(), .token_roles = {}};
  // The token makes somebody a sales manager, but gives no limit.
  const Decider token{.user = "new", .person = {}, .token_roles = {"sales-manager"}};

  CHECK(ReasonOf(DecideVote(people, question, sam, true).status()) == "LIMIT_TOO_LOW");
  CHECK(DecideVote(people, question, sam, false).ok());
  CHECK(ReasonOf(DecideVote(people, question, token, true).status()) == "LIMIT_TOO_LOW");
}

TEST_CASE("a role counts only where it was granted", "[vote]") {
  People people = Chain();
  OpenQuestion question{.assignees = {{.user = "", .role = "sales-manager"}},
                        .total = Gbp("1"),
                        .scope = {.account = "A1", .organisation = "FR"}};
  const Decider sam{.user = "sam", .person = people.Find("sam").value(), .token_roles = {}};

  CHECK(ReasonOf(DecideVote(people, question, sam, true).status()) == "NOT_ELIGIBLE");
  question.scope.organisation = "UK";
  CHECK(DecideVote(people, question, sam, true).ok());
}

}  // namespace
}  // namespace weft::approval
