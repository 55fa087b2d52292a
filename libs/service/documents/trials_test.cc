// Simulations on test suites, and reports that are added up.
#include "absl/strings/str_cat.h"
#include "libs/service/documents/house_for_test.h"
#include "libs/service/documents/simulate_suites.h"
#include "libs/service/documents/trials.h"

namespace weft::documents {
namespace {

constexpr char kSchema[] = R"(kind: FactSchema
id: line
types:
  Line: {quantity: {type: decimal}, price: {type: money}}
variables:
  line: {type: Line}
)";

std::string Rules(const std::string& price) {
  return absl::StrCat("kind: RuleSet\nid: r\nschema: line@1\noutputs:\n  price: {type: money}\n",
                      "steps:\n  - id: s\n    set: {price: '", price, "'}\n");
}

constexpr char kSuite[] = R"(kind: TestSuite
id: r.tests
for: RuleSet/r
cases:
  - name: some
    facts: {line: {quantity: "2", price: {amount: "10.00", currency: EUR}}}
    expect: {price: {amount: "10.00", currency: EUR}}
  - name: none
    facts: {line: {quantity: "0", price: {amount: "10.00", currency: EUR}}}
  - name: wrong
    facts: {line: {quantity: "0"}}
)";

TEST_CASE("a simulation on suites says when there are none",
          "[documents]") {
  House house;
  v1::SimulateRequest request;
  request.set_source(v1::SIMULATION_SOURCE_SUITES);
  request.add_sources(kSchema);
  request.add_sources(Rules("line.price * 2"));
  CHECK(house.Told(house.Call<v1::SimulateResponse>("Simulate", request)) == "NO_CASES");
  request.add_suites(Rules("line.price"));
  CHECK(house.Told(house.Call<v1::SimulateResponse>("Simulate", request)) == "SOURCE_WRONG");
}

std::shared_ptr<const rules::CompiledSet> Compiled(const std::string& price) {
  std::vector<rules::SetDocument> documents;
  for (const std::string& source : {std::string(kSchema), Rules(price)}) {
    rules::Document read;
    std::vector<rules::Finding> findings;
    REQUIRE(rules::ReadDocument(source, read, findings));
    documents.push_back({.key = read.key, .version = 1, .hash = read.hash, .tree = read.tree});
  }
  auto set = rules::CompileSet(rules::Resolve(documents, {}), {});
  for (const rules::Finding& finding : set->findings) INFO(finding.message);
  REQUIRE(set->sound());
  return set;
}

TEST_CASE("a suite's cases are counted in money, by what decided, with their cost",
          "[documents]") {
  rules::Document read;
  std::vector<rules::Finding> findings;
  REQUIRE(rules::ReadDocument(kSuite, read, findings));
  const rules::SetDocument suite{.key = read.key, .version = 1, .hash = read.hash,
                                 .tree = read.tree};
  const auto before = Compiled("line.price");
  const v1::SimulateResponse same =
      SimulateSuites({suite}, *before, *before, absl::UnixEpoch(), false, 3);
  CHECK(same.cases() == 3);
  CHECK(same.equal() == 3);
  CHECK(same.change(0).amount() == "0.00");

  const auto after = Compiled("line.quantity > 1 ? line.price * 2 : line.price");
  const v1::SimulateResponse report =
      SimulateSuites({suite}, *before, *after, absl::UnixEpoch(), false, 3);
  INFO(report.ShortDebugString());
  CHECK(report.cases() == 3);
  CHECK(report.changed() == 1);
  CHECK(report.equal() == 2);
  CHECK(report.change(0).amount() == "10.00");
  CHECK(report.baseline_total(0).amount() == "20.00");
  REQUIRE(report.groups_size() == 1);
  CHECK(report.groups(0).rule_after() == "s");
  CHECK(report.groups(0).examples(0).id() == "r.tests/some");
  REQUIRE(report.costs_size() == 4);
  CHECK(report.costs(3).candidate() > report.costs(3).baseline());

  v1::SimulateResponse sum = report;
  AddReport(report, sum);
  CHECK(sum.cases() == 6);
  CHECK(sum.changed() == 2);
  CHECK(sum.change(0).amount() == "20.00");
  REQUIRE(sum.groups_size() == 1);
  CHECK(sum.groups(0).cases() == 2);
}

}  // namespace
}  // namespace weft::documents
