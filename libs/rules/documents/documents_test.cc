// Documents as such: heads and hashes, lookup by scope, activations, whole sets,
// suites, differences, the life of a version.
#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/error.h"
#include "libs/rules/documents/activation.h"
#include "libs/rules/documents/compile.h"
#include "libs/rules/documents/diff.h"
#include "libs/rules/documents/life.h"

namespace weft::rules {
namespace {

constexpr char kSchema[] = R"(
kind: FactSchema
id: quote-line
types:
  Line: {quantity: {type: decimal, range: "(0..1000000]"}, list_price: {type: money}}
variables:
  line: {type: Line}
)";
constexpr char kTable[] = R"(
kind: DecisionTable
id: pricing.volume
schema: quote-line@1
hit_policy: FIRST
inputs: [{id: qty, expr: line.quantity, type: decimal}]
outputs: [{id: discount, type: decimal, default: "0"}]
rules:
  - {id: big, when: {qty: ">= 100"}, then: {discount: "0.15"}}
  - {id: some, when: {qty: ">= 10"}, then: {discount: "0.05"}}
)";
constexpr char kRuleSet[] = R"(
kind: RuleSet
id: pricing.line
schema: quote-line@1
outputs: {unit_price: {type: money}}
steps:
  - id: volume
    table: {ref: pricing.volume, into: vd}
    set: {unit_price: (line.list_price * (1 - vd.discount)).round(4)}
    reason: volume
)";

Document Read(absl::string_view source) {
  Document document;
  std::vector<Finding> findings;
  INFO(source);
  REQUIRE(ReadDocument(source, document, findings));
  return document;
}

std::string CodeOf(absl::string_view source) {
  Document document;
  std::vector<Finding> findings;
  if (ReadDocument(source, document, findings)) return "sound";
  return absl::StrCat(findings[0].code, " ", findings[0].line, ":", findings[0].column);
}

SetDocument Member(absl::string_view source, bool platform = false, int64_t version = 1) {
  Document document = Read(source);
  return {document.key, version, document.hash, platform, document.tree};
}

std::shared_ptr<const CompiledSet> Compiled(const std::vector<std::string>& sources,
                                            const Kinds& kinds = {}) {
  std::vector<SetDocument> documents;
  for (const std::string& source : sources) documents.push_back(Member(source));
  return CompileSet(Resolve(documents, {}), kinds, {.analyse = true, .tests = true});
}

std::string Told(const CompiledSet& set) {
  std::vector<std::string> out;
  for (const Finding& f : set.findings) {
    if (f.is_error()) out.push_back(absl::StrCat(f.document, " ", f.code, " ", f.path));
  }
  return absl::StrJoin(out, "; ");
}

TEST_CASE("a document without a sound head is told so with its place", "[documents]") {
  const std::pair<const char*, const char*> cases[] = {
      {"kind: RuleSet\nid: a.b-9\n", "sound"},
      {"- kind: RuleSet", "not_a_map 1:1"},
      {"kind: ruleset\nid: a\n", "bad_kind 1:7"},
      {"id: a\n", "bad_kind 1:1"},
      {"kind: RuleSet\n", "bad_id 1:1"},
      {"kind: RuleSet\nid: A\n", "bad_id 2:5"},
      {"kind: RuleSet\nid: a/b\n", "bad_id 2:5"},
      {"kind: RuleSet\nid: a\nscope: {branch: [1]}\n", "bad_scope 3:17"},
      {"kind: RuleSet\nid: a\nscope: {shop: x}\n", "bad_scope 3:8"},
      {"kind: RuleSet\nid: a\nid: b\n", "duplicate_key 3:1"},
      {"kind: &a RuleSet\nid: a\n", "anchor_refused 1:7"},
      {"kind: [", "syntax 1:1"},
      {"", "empty 0:0"},
  };
  for (const auto& [source, expected] : cases) {
    INFO(source);
    CHECK(CodeOf(source) == expected);
  }
  CHECK(CodeOf(std::string(kDocumentBytesMax + 1, '#')) == "too_large 0:0");
}

TEST_CASE("the canonical form does not depend on how a document is written", "[documents]") {
  const std::string yaml = CanonicalJson(*Read("id: a\nkind: RuleSet\nn: 12.50\nm: 7\nb: true\n"
                                               "t: 'é \"x\"'\nl: [1, {z: 1, a: null}]\n"
                                               "version: 4\n").tree);
  CHECK(yaml == R"({"b":true,"id":"a","kind":"RuleSet","l":[1,{"a":null,"z":1}],"m":7,)"
                R"("n":"12.50","t":"é \"x\""})");
  CHECK(CanonicalJson(*Read(yaml).tree) == yaml);
  CHECK(Read("id: a\nkind: RuleSet\nversion: 9\n").hash == Read("{kind: RuleSet, id: a}").hash);
  CHECK(Read("id: a\nkind: RuleSet\nx: 1\n").hash != Read("{kind: RuleSet, id: a}").hash);
}

TEST_CASE("the most specific document holds, the platform's last", "[documents]") {
  const auto of = [](const char* scope, bool platform = false, int64_t version = 1) {
    return Member(absl::StrCat("{kind: RuleSet, id: r, scope: {", scope, "}}"), platform, version);
  };
  const std::vector<SetDocument> all = {of("", true, 1),
                                        of("", false, 2),
                                        of("organisation: o1", false, 3),
                                        of("branch: b1", false, 4),
                                        of("channel: web", false, 5),
                                        of("organisation: o1, channel: web", false, 6)};
  const auto version = [&](const std::vector<SetDocument>& documents, DocumentScope scope) {
    const DocumentSet set = Resolve(documents, scope);
    return set.documents.empty() ? 0 : set.documents[0].version;
  };
  CHECK(version({all[0]}, {"o1", "b1", "web"}) == 1);
  CHECK(version(all, {}) == 2);
  CHECK(version(all, {"o2", "b2", "edi"}) == 2);
  CHECK(version(all, {"o1", "", ""}) == 3);
  CHECK(version(all, {"o1", "b1", ""}) == 4);
  CHECK(version(all, {"o2", "b1", "web"}) == 5);
  CHECK(version(all, {"o1", "b1", "web"}) == 6);
  CHECK(version({all[2]}, {"", "", ""}) == 0);
  CHECK(ScopesOf(all).size() == 5);
}

// --- Activations -------------------------------------------------------------------

const DocumentKey kA{"RuleSet", "a", {}};
const DocumentKey kB{"RuleSet", "b", {}};
absl::Time Day(int day) { return absl::FromUnixSeconds(1'700'000'000 + day * 86400); }
ActiveSet Change(const DocumentKey& key, int64_t version) {
  return {{key, {version, version == 0 ? "" : absl::StrCat("h", version)}}};
}

struct Room {
  Activations all;
  std::vector<int64_t> Take(std::vector<Activation> made) {
    std::vector<int64_t> numbers;
    for (Activation& activation : made) {
      numbers.push_back(activation.number);
      all[activation.number] = std::move(activation);
    }
    return numbers;
  }
  std::vector<int64_t> Publish(const DocumentKey& key, int64_t version, int day) {
    return Take(rules::Publish(all, Change(key, version), Day(day)));
  }
  // "a1 b2" on that day.
  std::string On(int day) const {
    const Activation* active = ActiveAt(all, Day(day));
    std::string out;
    if (active == nullptr) return "none";
    for (const auto& [key, version] : active->documents) {
      absl::StrAppend(&out, out.empty() ? "" : " ", key.id, version.version);
    }
    return out;
  }
};

TEST_CASE("a flow that adds stands on top of those found further up", "[documents]") {
  const auto flow = [](const char* more, bool platform = false) {
    return Member(absl::StrCat("kind: ApprovalFlow\nid: order\n", more), platform);
  };
  const SetDocument platform = flow("title: platform", true);
  const SetDocument tenant = flow("title: tenant");
  const SetDocument tenant_adds = flow("title: tenant\ninherit: add");
  const SetDocument web_adds = flow("title: web\ninherit: add\nscope: {channel: web}");
  const SetDocument web = flow("title: web\nscope: {channel: web}");
  const auto titles = [](const std::vector<SetDocument>& all, const DocumentScope& scope) {
    std::vector<std::string> out;
    for (const SetDocument& d : Resolve(all, scope).documents) out.push_back(d.tree->TextOr("title"));
    return absl::StrJoin(out, " ");
  };
  CHECK(titles({platform, tenant, web}, {"", "", "web"}) == "web");
  CHECK(titles({platform, tenant, web_adds}, {"", "", "web"}) == "web tenant");
  CHECK(titles({platform, tenant_adds, web_adds}, {"", "", "web"}) == "web tenant platform");
  CHECK(titles({platform, tenant_adds, web_adds}, {}) == "tenant platform");
  CHECK(titles({platform, web_adds}, {"", "", "web"}) == "web platform");
  Kinds kinds;
  kinds.kinds["ApprovalFlow"] = [](const SetDocument&, std::vector<Finding>&) {};
  CHECK(Told(*Compiled({"kind: ApprovalFlow\nid: o\ninherit: both\n"}, kinds)) ==
        "ApprovalFlow/o bad_inherit inherit");
}

TEST_CASE("activations are numbered without gaps and complete", "[documents]") {
  Room room;
  CHECK(room.On(5) == "none");
  CHECK(room.Publish(kA, 1, 1) == std::vector<int64_t>{1});
  CHECK(room.Publish(kB, 1, 2) == std::vector<int64_t>{2});
  CHECK(room.Publish(kB, 1, 3).empty());  // Nothing changes.
  CHECK(room.Publish(kA, 2, 3) == std::vector<int64_t>{3});
  CHECK(room.On(0) == "none");
  CHECK(room.On(1) == "a1");
  CHECK(room.On(2) == "a1 b1");
  CHECK(room.On(3) == "a2 b1");
  CHECK(room.all[3].previous == 2);
  CHECK(room.all[3].changed == Change(kA, 2));
  CHECK(room.Publish(kB, 0, 4) == std::vector<int64_t>{4});
  CHECK(room.On(4) == "a2");
}

TEST_CASE("of equal moments the highest number counts", "[documents]") {
  Room room;
  room.Publish(kA, 1, 1);
  room.Publish(kA, 2, 1);
  CHECK(room.On(1) == "a2");
  CHECK(room.all.size() == 2);
}

TEST_CASE("what is published now stays when a scheduled set comes due", "[documents]") {
  Room room;
  room.Publish(kA, 1, 1);
  room.Publish(kA, 2, 10);  // To come.
  // Set 2 was made without b; the set that is due on day 10 is made anew.
  CHECK(room.Publish(kB, 1, 2) == std::vector<int64_t>{3, 4});
  CHECK(room.On(2) == "a1 b1");
  CHECK(room.On(10) == "a2 b1");
  CHECK(room.all[4].rebased == 2);
  // What is scheduled to change anyway is left to the schedule.
  CHECK(room.Publish(kA, 3, 3) == std::vector<int64_t>{5});
  CHECK(room.On(3) == "a3 b1");
  CHECK(room.On(10) == "a2 b1");
}

TEST_CASE("a rollback returns all documents or chosen ones", "[documents]") {
  Room room;
  room.Publish(kA, 1, 1);
  room.Publish(kB, 1, 2);
  room.Publish(kA, 2, 3);
  room.Publish(kB, 2, 4);

  Room chosen = room;
  chosen.Take(Rollback(room.all, 2, {kA}, Day(5)));
  CHECK(chosen.On(5) == "a1 b2");

  room.Publish(kA, 3, 20);
  CHECK(room.Take(Rollback(room.all, 2, {}, Day(5))) == std::vector<int64_t>{6, 7});
  CHECK(room.On(5) == "a1 b1");
  CHECK(room.On(20) == "a1 b1");  // The schedule is called off, too.
  CHECK(room.all[6].rolled_back == std::vector<int64_t>{3, 4, 5});
  CHECK(Rollback(room.all, 2, {}, Day(6)).empty());
  CHECK(Rollback(room.all, 99, {}, Day(6)).empty());
  // Before the first there was nothing, and to nothing it can return.
  const std::vector<Activation> none = Rollback(room.all, 0, {}, Day(6));
  REQUIRE(none.size() == 2);
  CHECK(none[0].documents.empty());
  CHECK(none[1].documents.empty());  // The schedule is called off, too.
  CHECK(Rollback({}, 0, {}, Day(6)).empty());
  CHECK(LeftBehind(room.all[4].documents, room.all[6].documents) ==
        std::vector<std::pair<DocumentKey, int64_t>>{{kA, 2}, {kB, 2}});
}

// --- Whole sets --------------------------------------------------------------------

TEST_CASE("a sound set compiles, whatever the order of its documents", "[documents]") {
  const auto set = Compiled({kRuleSet, kTable, kSchema});
  CHECK(Told(*set).empty());
  CHECK(set->rules.rule_sets.count("pricing.line") == 1);
}

TEST_CASE("a set with a fault is told where it is", "[documents]") {
  const auto replaced = [](std::string text, const std::string& a, const std::string& b) {
    text.replace(text.find(a), a.size(), b);
    return text;
  };
  struct Case {
    std::vector<std::string> sources;
    const char* told;
  };
  const Case cases[] = {
      {{kTable}, "DecisionTable/pricing.volume unknown_reference schema"},
      {{kSchema, kRuleSet}, "RuleSet/pricing.line unknown_reference steps[0].table.ref"},
      {{kSchema, replaced(kTable, "FIRST", "UNIQUE")},
       "DecisionTable/pricing.volume overlap rules[1]"},
      {{kSchema, replaced(kTable, "schema: quote-line@1", "")},
       "DecisionTable/pricing.volume missing_key schema"},
      {{"{kind: Cookbook, id: a}"}, "Cookbook/a unknown_kind kind"},
      {{"{kind: Policy, id: p, gates: {changed_percent_max: lots}}"},
       "Policy/p bad_gate gates.changed_percent_max"},
  };
  for (const Case& one : cases) {
    INFO(one.told);
    CHECK(Told(*Compiled(one.sources)) == one.told);
  }
}

TEST_CASE("a room's own kinds and its own compiler are part of the set", "[documents]") {
  Kinds kinds;
  kinds.kinds["Cookbook"] = [](const SetDocument& document, std::vector<Finding>& findings) {
    if (document.tree->Find("cook") == nullptr) {
      findings.push_back({.code = "no_cook", .document = document.key.ToText()});
    }
  };
  kinds.make = [](const DocumentSet& set, const Rules&, std::vector<Finding>&) {
    return std::make_shared<const std::string>(absl::StrCat(set.documents.size(), " documents"));
  };
  CHECK(Told(*Compiled({"{kind: Cookbook, id: a}"}, kinds)) == "Cookbook/a no_cook ");
  CHECK(*Compiled({"{kind: Cookbook, id: a, cook: me}"}, kinds)->As<std::string>() ==
        "1 documents");
  kinds.make = [](const DocumentSet&, const Rules&, std::vector<Finding>&) {
    return std::shared_ptr<const void>();
  };
  CHECK(Told(*Compiled({"{kind: Cookbook, id: a, cook: me}"}, kinds)) == " not_usable ");
}

TEST_CASE("a test suite passes, or says which case failed and how", "[documents]") {
  const auto suite = [](const std::string& one, const char* what = "RuleSet/pricing.line") {
    return absl::StrCat("kind: TestSuite\nid: t\nfor: ", what, "\ncases:\n  - ", one);
  };
  const std::string facts =
      R"(name: bulk, facts: {line: {quantity: "480", list_price: {amount: "12.99", )"
      R"(currency: EUR}}, now: "2025-03-03T09:00:00Z"}, )";
  struct Case {
    std::string source;
    const char* told;
  };
  const Case cases[] = {
      {suite("{" + facts + R"(expect: {unit_price: {amount: "11.04150", currency: EUR}},)" +
             " expect_reasons: [volume]}"), ""},
      {suite("{" + facts + "expect: {unit_price: 11.05 EUR}}"),
       "TestSuite/t test_failed cases[0] bulk"},
      {suite("{" + facts + "expect: {price: 11.05 EUR}}"),
       "TestSuite/t test_failed cases[0] bulk"},
      {suite("{" + facts + "expect_reasons: [other]}"), "TestSuite/t test_failed cases[0] bulk"},
      {suite("{" + facts + "expect_error: overflow}"), "TestSuite/t test_failed cases[0] bulk"},
      {suite(R"({name: none, facts: {line: {quantity: "0", list_price: 1 EUR}},)"
             " expect_error: facts_invalid}"), ""},
      {suite("{name: none, facts: {}}"), "TestSuite/t facts_invalid cases[0] none"},
      {suite("{" + facts + "expect: {discount: 0.15}}", "DecisionTable/pricing.volume"), ""},
      {suite("{name: x}", "RuleSet/nothing"), "TestSuite/t unknown_reference for"},
  };
  for (const Case& one : cases) {
    INFO(one.source);
    const auto set = Compiled({kSchema, kTable, kRuleSet, one.source});
    CHECK(Told(*set) == one.told);
  }
  CHECK(Compiled({kSchema, kTable, kRuleSet, cases[0].source})->tests_run == 1);
}

TEST_CASE("versions differ by rule, not by line", "[documents]") {
  const auto lines = [](const std::string& before, const std::string& after) {
    std::vector<std::string> out;
    for (const rules::Change& c : Diff(*Read(before).tree, *Read(after).tree)) {
      out.push_back(absl::StrCat(c.path, ": ", c.before, " -> ", c.after));
    }
    return absl::StrJoin(out, "; ");
  };
  const std::string head = "{kind: RuleSet, id: r, ";
  CHECK(lines(kTable, kTable).empty());
  CHECK(lines(head + "rules: [{id: a, x: 1}, {id: b}]}", head + "rules: [{id: a, x: 2}, {id: b}]}") ==
        "rules[a].x: 1 -> 2");
  CHECK(lines(head + "rules: [{id: a}, {id: b}]}", head + "rules: [{id: b}, {id: a}]}") ==
        "rules: a, b -> b, a");
  CHECK(lines(head + "rules: [{id: a}]}", head + "rules: [{id: b}]}") ==
        R"(rules[b]:  -> {"id":"b"}; rules[a]: {"id":"a"} -> )");
  CHECK(lines(head + "l: [1, 2]}", head + "l: [1]}") == "l[1]: 2 -> ");
  CHECK(lines(head + "a: 1}", head + "b: 1}") == "b:  -> 1; a: 1 -> ");
}

// --- The life of a version -----------------------------------------------------------

TEST_CASE("only what is due may be done with a version", "[documents]") {
  using S = VersionState;
  PublishingPolicy strict;
  strict.approval = {"RuleSet"};
  CHECK(ReasonOf(MayApprove("x", S::kChecked, "ann", "ann")) == "APPROVER_IS_AUTHOR");
  CHECK(MayApprove("x", S::kChecked, "ann", "bob").ok());
  CHECK(ReasonOf(MayApprove("x", S::kApproved, "ann", "bob")) == "STATE_WRONG");
  CHECK(ReasonOf(MayPublish("x", "RuleSet", S::kChecked, false, strict)) == "NOT_APPROVED");
  CHECK(MayPublish("x", "RuleSet", S::kApproved, true, strict).ok());
  CHECK(MayPublish("x", "DecisionTable", S::kChecked, false, strict).ok());
  CHECK(MayPublish("x", "RuleSet", S::kSuperseded, true, strict).ok());
  for (const S state : {S::kRolledBack, S::kWithdrawn, S::kDraft}) {
    CHECK(ReasonOf(MayPublish("x", "RuleSet", state, true, {})) == "STATE_WRONG");
  }
  CHECK(MayWithdraw("x", S::kApproved).ok());
  CHECK(ReasonOf(MayWithdraw("x", S::kActive)) == "STATE_WRONG");
  CHECK(StateOf({.mark = S::kRolledBack, .published = true, .active = true}) == S::kActive);
  CHECK(StateOf({.mark = S::kRolledBack, .published = true}) == S::kRolledBack);
  CHECK(StateOf({.mark = S::kApproved, .published = true}) == S::kSuperseded);
  CHECK(StateOf({.mark = S::kApproved, .published = true, .due = true}) == S::kScheduled);
  CHECK(StateOf({.mark = S::kApproved}) == S::kApproved);
}

TEST_CASE("a gate closes at its limit, exactly", "[documents]") {
  const Document policy = Read(R"({kind: Policy, id: documents.publishing,
      approval: {RuleSet: true, DecisionTable: false},
      gates: {simulated_cases_min: 1000, changed_percent_max: 20, net_change_percent_max: "2.5",
              newly_failing_max: 0}})");
  const PublishingPolicy read = PublishingPolicy::From(policy.tree.get());
  CHECK(read.approval == std::set<std::string>{"RuleSet"});
  const auto closed = [&](SimulationFigures figures) {
    std::vector<std::string> out;
    for (const Finding& f : PassGates(read.gates, figures)) out.push_back(f.code);
    return absl::StrJoin(out, " ");
  };
  const auto money = [](const char* text) { return *Decimal::Parse(text); };
  CHECK(closed({1000, 200, 0, {{money("1000"), money("1025")}}}).empty());
  CHECK(closed({1000, 200, 0, {{money("1000"), money("975")}}}).empty());
  CHECK(closed({999, 200, 1, {}}) == "simulated_cases_min changed_percent_max newly_failing_max");
  CHECK(closed({1000, 0, 0, {{money("1000"), money("974.99")}}}) == "net_change_percent_max");
  CHECK(closed({1000, 0, 0, {{money("0"), money("0.01")}}}) == "net_change_percent_max");
  CHECK_FALSE(PublishingPolicy::From(nullptr).gates.any());
}

}  // namespace
}  // namespace weft::rules
