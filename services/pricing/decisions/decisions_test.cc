// The sampled log of decisions, its re-run, and documents in shadow.
#include "libs/service/documents/trials.h"
#include "services/pricing/simulate/key_customers_for_test.h"

namespace weft::pricing {
namespace {

struct Sampled : House {
  Sampled() : House(2) { prices.SampleWith(&sampler); }

  template <typename Response, typename Request>
  absl::StatusOr<Response> Ask(const std::string& method, Request request) {
    if constexpr (requires { request.set_request_id(""); }) {
      if (request.request_id().empty()) request.set_request_id(absl::StrCat("s", ++requests));
    }
    return methods.Call<Response>(absl::StrCat(documents::kService, method), request);
  }
  docs::ListDecisionsResponse Decisions(const std::string& account = "") {
    sampler.Flush();
    docs::ListDecisionsRequest request;
    request.set_account(account);
    const auto answer = Ask<docs::ListDecisionsResponse>("ListDecisions", request);
    REQUIRE(answer.ok());
    return *answer;
  }
  docs::Shadow Shadow() {
    sampler.Flush();
    const auto shadow = Ask<docs::Shadow>("GetShadow", docs::GetShadowRequest());
    INFO(shadow.status());
    REQUIRE(shadow.ok());
    return *shadow;
  }
};

template <typename T>
std::string Told(const absl::StatusOr<T>& answer) {
  return answer.ok() ? "OK" : ReasonOf(answer.status());
}

TEST_CASE("a sampled decision is logged with what decided it, and only so many stay",
          "[pricing][documents]") {
  Sampled house;
  Fill(house);
  CHECK(house.Net("KEY1", "A", "100") == "200.00");
  CHECK(house.Net("KEY2", "B", "10") == "45.00");
  CHECK(house.Net("KEY1", "GONE", "1") == "UNKNOWN_ITEM");
  const docs::ListDecisionsResponse log = house.Decisions();
  REQUIRE(log.total() == 3);
  const docs::LoggedDecision& first = log.decisions(2);
  CHECK(first.number() == 1);
  CHECK(first.account() == "KEY1");
  CHECK(first.platform_activation() == 1);
  CHECK(first.documents_hash().size() == 64);
  REQUIRE(first.lines_size() == 1);
  CHECK(first.lines(0).sku() == "A");
  CHECK(first.lines(0).net().amount() == "200.00");
  CHECK(first.lines(0).rule() == "books/LIST");
  CHECK_FALSE(first.lines(0).decision_id().empty());
  CHECK(first.lines(0).explanation_hash().size() == 64);
  CHECK(log.decisions(1).lines(0).rule() == "contracts/K-1");
  CHECK(log.decisions(0).lines(0).error() == "UNKNOWN_ITEM");
  CHECK(house.Decisions("KEY2").decisions_size() == 1);

  for (int n = 1; n <= 4; ++n) house.Net("SMALL", "A", absl::StrCat(n));
  const docs::ListDecisionsResponse later = house.Decisions();
  CHECK(later.total() == 5);
  CHECK(later.decisions(4).number() == 3);
}

TEST_CASE("logged decisions taken again are the same octets, and a difference is told",
          "[pricing][documents]") {
  Sampled house;
  Fill(house);
  house.Net("KEY1", "A", "100");
  house.Net("KEY1", "GONE", "1");
  house.sampler.Flush();
  // What happens afterwards changes nothing of then.
  house.Publish("pricing.volume-discounts", kThreePercent);
  house.Fact("prices/LIST/A//1", B::Price("LIST", "A", {{"1", "9.00"}}));
  auto rerun = house.Ask<docs::RerunDecisionsResponse>("RerunDecisions",
                                                       docs::RerunDecisionsRequest());
  INFO(rerun.status());
  REQUIRE(rerun.ok());
  INFO(rerun->ShortDebugString());
  CHECK(rerun->cases() == 1);
  CHECK(rerun->same() == 1);
  house.tampered = true;
  rerun = house.Ask<docs::RerunDecisionsResponse>("RerunDecisions", docs::RerunDecisionsRequest());
  REQUIRE(rerun.ok());
  CHECK(rerun->different() == 1);
  CHECK(rerun->differences(0).sku() == "A");
}

TEST_CASE("a simulation asks the logged requests again", "[pricing][documents]") {
  Sampled house;
  Fill(house);
  house.Net("KEY1", "A", "100");
  house.Net("KEY1", "A", "99");
  house.Net("KEY2", "A", "200");
  house.sampler.Flush();
  docs::SimulateRequest request;
  request.add_sources(kThreePercent);
  request.set_source(docs::SIMULATION_SOURCE_DECISIONS);
  const docs::SimulateResponse report = house.Simulate(request);
  CHECK(report.source() == docs::SIMULATION_SOURCE_DECISIONS);
  CHECK(report.cases() == 3);
  CHECK(report.changed() == 2);
  CHECK(report.change(0).amount() == "-18.00");
  REQUIRE(report.costs_size() == 4);
  CHECK(report.costs(3).percent() == 100);
  CHECK(report.costs(3).candidate() > report.costs(3).baseline());
  request.set_account("KEY2");
  CHECK(house.Simulate(request).cases() == 1);
}

TEST_CASE("documents in shadow are counted in money and change no answer",
          "[pricing][documents]") {
  Sampled house;
  Fill(house);
  CHECK(Told(house.Ask<docs::Shadow>("GetShadow", docs::GetShadowRequest())) ==
        "SHADOW_NOT_FOUND");
  docs::StartShadowRequest start;
  CHECK(Told(house.Ask<docs::Shadow>("StartShadow", start)) == "DOCUMENTS_REQUIRED");
  start.add_sources(kThreePercent);
  start.set_share_percent("101");
  CHECK(Told(house.Ask<docs::Shadow>("StartShadow", start)) == "SHARE_INVALID");
  start.set_share_percent("100");
  start.set_request_id("start");
  const auto started = house.Ask<docs::Shadow>("StartShadow", start);
  INFO(started.status());
  REQUIRE(started.ok());
  CHECK(started->running());
  CHECK(started->by() == "ann");
  // A repeat is the same; another one has to say that it replaces.
  CHECK(house.Ask<docs::Shadow>("StartShadow", start)->number() == 1);
  start.set_request_id("other");
  CHECK(Told(house.Ask<docs::Shadow>("StartShadow", start)) == "SHADOW_RUNNING");

  CHECK(house.Net("KEY1", "A", "100") == "200.00");
  CHECK(house.Net("KEY1", "A", "99") == "198.00");
  CHECK(house.Net("SMALL", "A", "500") == "1000.00");
  docs::Shadow shadow = house.Shadow();
  CHECK(shadow.report().cases() == 3);
  CHECK(shadow.report().changed() == 1);
  CHECK(shadow.report().change(0).amount() == "-6.00");
  CHECK(shadow.report().groups(0).rule_after() == "books/LIST, VOLUME_DISCOUNT");
  CHECK(shadow.report().accounts(0).account() == "KEY1");
  CHECK(shadow.dropped() == 0);

  // Once it is what decides, nothing differs any more; what was counted stays.
  house.Publish("pricing.volume-discounts", kThreePercent);
  CHECK(house.Net("KEY1", "A", "100") == "194.00");
  shadow = house.Shadow();
  CHECK(shadow.report().cases() == 4);
  CHECK(shadow.report().changed() == 1);

  REQUIRE(house.Ask<docs::Shadow>("EndShadow", docs::EndShadowRequest()).ok());
  house.Net("KEY1", "A", "100");
  shadow = house.Shadow();
  CHECK_FALSE(shadow.running());
  CHECK(shadow.report().cases() == 4);
}

TEST_CASE("a simulation decides the cases of suites with both", "[pricing][documents]") {
  constexpr char kSuite[] = R"(kind: TestSuite
id: volume.tests
for: DecisionTable/pricing.volume-discounts
cases:
  - {name: wrong facts, facts: {line: {sku: A}}}
)";
  Sampled house;
  docs::SimulateRequest request;
  request.add_sources(kThreePercent);
  request.set_source(docs::SIMULATION_SOURCE_SUITES);
  const auto none = house.Ask<docs::SimulateResponse>("Simulate", request);
  CHECK(Told(none) == "NO_CASES");
  request.add_suites(kSuite);
  CHECK(house.Simulate(request).cases() == 1);
  CHECK(house.Simulate(request).equal() == 1);
  request.set_source(docs::SIMULATION_SOURCE_HISTORY);
  CHECK(Told(house.Ask<docs::SimulateResponse>("Simulate", request)) == "SOURCE_WRONG");
}

}  // namespace
}  // namespace weft::pricing
