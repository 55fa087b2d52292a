// Who may change what, what must stay as it is, and lists that go on where they ended.
#include "absl/strings/match.h"
#include "libs/service/documents/house_for_test.h"

namespace weft::documents {
namespace {

constexpr char kPolicy[] = R"(kind: Policy
id: documents.publishing
permissions:
  - {kind: Note, actions: [publish, rollback], roles: [sales-manager]}
  - {kind: Note, organisation: "4711", actions: [save], roles: [sales-manager]}
)";

TEST_CASE("each action on a kind is for the roles that the policy names", "[documents]") {
  House house;
  house.Put("a", "mine");
  REQUIRE(house.Save(kPolicy).ok());
  REQUIRE(house.Check({"documents.publishing"})->passed());
  REQUIRE(house.Publish({"documents.publishing"}).ok());

  // What no permission names stays as it was.
  REQUIRE(house.Save(House::Source("a", "next")).ok());
  REQUIRE(house.Check({"a"})->passed());
  const auto refused = house.Publish({"a"});
  CHECK(house.Told(refused) == "KIND_NOT_ALLOWED");
  CHECK(absl::StrContains(refused.status().message(), "publish Note/a is for sales-manager"));
  CHECK(house.Told(house.Save(House::Source("a", "x", "scope: {organisation: \"4711\"}"))) ==
        "KIND_NOT_ALLOWED");
  CHECK(house.Decides() == "mine");

  house.roles = {"sales-manager"};
  CHECK(house.Told(house.Save(House::Source("a", "x"))) == "KIND_NOT_ALLOWED");
  CHECK(house.Save(House::Source("a", "x", "scope: {organisation: \"4711\"}")).ok());
  CHECK(house.Publish({"a"}).ok());
  CHECK(house.Decides() == "next");
  CHECK(house.Told(house.Save(kPolicy)) == "KIND_NOT_ALLOWED");

  house.roles = {"pricing-manager"};
  v1::RollbackRequest rollback;
  CHECK(house.Told(house.Call<v1::Activation>("Rollback", rollback)) == "KIND_NOT_ALLOWED");
  house.roles = {"sales-manager"};
  CHECK(house.Call<v1::Activation>("Rollback", rollback).ok());
  CHECK(house.Decides() == "mine");
}

TEST_CASE("an operator can always change who may change documents", "[documents]") {
  House house;
  REQUIRE(house.Save("kind: Policy\nid: documents.publishing\n"
                     "permissions:\n  - {kind: Policy, roles: [auditor]}\n").ok());
  REQUIRE(house.Check({"documents.publishing"})->passed());
  REQUIRE(house.Publish({"documents.publishing"}).ok());
  CHECK(house.Told(house.Save(kPolicy)) == "KIND_NOT_ALLOWED");
  house.roles = {"operator"};
  CHECK(house.Save(kPolicy).ok());
}

TEST_CASE("a permission that says nothing sound is refused", "[documents]") {
  const std::string wrong = GENERATE(
      values<std::string>({"{kind: Note}", "{kind: Note, roles: []}",
                           "{kind: Note, roles: [operator], actions: [destroy]}",
                           "{kind: Note, roles: [operator], who: me}"}));
  House house;
  REQUIRE(house.Save(absl::StrCat("kind: Policy\nid: documents.publishing\npermissions:\n  - ",
                                  wrong, "\n")).ok());
  const auto checked = house.Check({"documents.publishing"});
  REQUIRE(checked.ok());
  CHECK_FALSE(checked->passed());
  CHECK(checked->findings(0).code() == "bad_permission");
  CHECK(checked->findings(0).line() == 4);
}

TEST_CASE("a page token goes on in its own list alone", "[documents]") {
  House house;
  for (const char* id : {"b", "c", "d"}) house.Put(id, absl::StrCat("text ", id));
  v1::ListDocumentsRequest list;
  list.set_kind("Note");
  list.set_page_size(2);
  const auto first = house.Call<v1::ListDocumentsResponse>("ListDocuments", list);
  REQUIRE(first.ok());
  REQUIRE_FALSE(first->next_page_token().empty());
  list.set_page_token(first->next_page_token());
  CHECK(house.Call<v1::ListDocumentsResponse>("ListDocuments", list)->documents_size() == 2);
  list.clear_kind();
  CHECK(house.Told(house.Call<v1::ListDocumentsResponse>("ListDocuments", list)) ==
        "PAGE_TOKEN_INVALID");
  v1::ListActivationsRequest activations;
  activations.set_page_token(first->next_page_token());
  CHECK(house.Told(house.Call<v1::ListActivationsResponse>("ListActivations", activations)) ==
        "PAGE_TOKEN_INVALID");
}

TEST_CASE("of many versions that nobody published the oldest texts go, and that is said",
          "[documents]") {
  House house;
  const auto make = [&](int n) {
    REQUIRE(house.Save(House::Source("a", absl::StrCat("text ", n))).ok());
    REQUIRE(house.Check({"a"})->passed());
  };
  make(1);
  REQUIRE(house.Publish({"a"}).ok());
  for (int n = 2; n <= 53; ++n) make(n);
  CHECK(house.Get("a", 1).ok());  // Was published: a rollback may reach it.
  CHECK(house.Told(house.Get("a", 2)) == "HISTORY_GONE");
  CHECK(house.Told(house.Get("a", 3)) == "HISTORY_GONE");
  CHECK(house.Get("a", 4).ok());
  v1::PublishRequest request;
  v1::DocumentRef& ref = *request.add_documents();
  ref.set_id("a");
  ref.set_version(2);
  CHECK(house.Told(house.Call<v1::Activation>("Publish", request)) == "HISTORY_GONE");
  v1::CheckRequest check;
  *check.add_documents() = ref;
  CHECK_FALSE(house.Call<v1::CheckResponse>("Check", check).ok());
}

constexpr char kSchema[] = R"(kind: FactSchema
id: line
types:
  Line:
    quantity: {type: decimal}
    price: {type: money}
    list: {type: money}
variables:
  line: {type: Line}
)";
constexpr char kRules[] = R"(kind: RuleSet
id: r
schema: line@1
outputs:
  price: {type: money}
steps:
  - id: s
    set: {price: line.list}
)";

TEST_CASE("a schema must keep what active documents use", "[documents]") {
  House house;
  for (const char* source : {kSchema, kRules}) REQUIRE(house.Save(source).ok());
  const auto checked = house.Check({"line", "r"});
  REQUIRE(checked.ok());
  REQUIRE(checked->passed());
  REQUIRE(house.Publish({"line", "r"}).ok());

  struct Row {
    const char* was;
    const char* is;
    const char* path;  // "" = it may.
  };
  const Row row = GENERATE(values<Row>({
      {"    list: {type: money}\n", "", "types.Line.list"},
      {"    list: {type: money}\n", "    list: {type: money, optional: true}\n",
       "types.Line.list"},
      {"    list: {type: money}\n", "    list: {type: string}\n", "types.Line.list"},
      {"    quantity: {type: decimal}\n", "", ""},  // Nobody looks at it.
      {"    list: {type: money}\n", "    list: {type: money}\n    more: {type: bool}\n", ""},
  }));
  std::string changed = kSchema;
  changed.replace(changed.find(row.was), std::string(row.was).size(), row.is);
  v1::CheckRequest check;
  check.add_sources(changed);
  const auto told = house.Call<v1::CheckResponse>("Check", check);
  REQUIRE(told.ok());
  INFO(row.is << told->ShortDebugString());
  CHECK(told->passed() == (std::string(row.path).empty()));
  const bool named = std::any_of(
      told->findings().begin(), told->findings().end(), [&](const v1::Finding& finding) {
        return finding.code() == "schema_incompatible" && finding.path() == row.path &&
               finding.line() > 0 && absl::StrContains(finding.message(), "RuleSet/r");
      });
  CHECK(named == !std::string(row.path).empty());
  // Changed together they may go.
  if (named && std::string(row.is).empty()) {
    std::string rules = kRules;
    rules.replace(rules.find("line.list"), 9, "line.price");
    check.add_sources(rules);
    CHECK(house.Call<v1::CheckResponse>("Check", check)->passed());
  }
}

}  // namespace
}  // namespace weft::documents
