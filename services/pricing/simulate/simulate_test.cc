// What a simulation says comes true when the documents are published.
#include "services/pricing/simulate/key_customers_for_test.h"

namespace weft::pricing {
namespace {

TEST_CASE("a simulation foretells what publishing a discount table changes", "[simulation]") {
  House house;
  Fill(house);
  docs::SimulateRequest request;
  request.add_sources(kThreePercent);

  const docs::SimulateResponse report = house.Simulate(request);

  // 200.00 -> 194.00, 1,000.00 -> 970.00 of KEY1; 800.00 -> 776.00 of KEY2. Below 100, under
  // a contract and out of the group nothing changes; one item and one account are not known.
  CHECK(report.cases() == 6);
  CHECK(report.equal() == 3);
  CHECK(report.changed() == 3);
  CHECK(report.newly_failing() == 0);
  CHECK(report.newly_passing() == 0);
  CHECK(report.skipped() == 3);
  REQUIRE(report.change_size() == 1);
  CHECK(report.baseline_total(0).amount() == "4648.00");
  CHECK(report.candidate_total(0).amount() == "4588.00");
  CHECK(report.change(0).amount() == "-60.00");
  CHECK(report.change(0).currency_code() == "GBP");
  REQUIRE(report.distribution_size() == 1);
  CHECK(report.distribution(0).from_percent() == "-5");
  CHECK(report.distribution(0).to_percent() == "-2");
  CHECK(report.distribution(0).cases() == 3);
  REQUIRE(report.groups_size() == 1);
  CHECK(report.groups(0).rule_before() == "books/LIST");
  CHECK(report.groups(0).rule_after() == "books/LIST, VOLUME_DISCOUNT");
  REQUIRE(report.groups(0).examples_size() == 3);
  CHECK(report.groups(0).examples(0).id() == "I-1/3");
  CHECK(report.groups(0).examples(0).before() == "1000.00 GBP");
  CHECK(report.groups(0).examples(0).after() == "970.00 GBP");
  REQUIRE(report.accounts_size() == 2);
  CHECK(report.accounts(0).account() == "KEY1");
  CHECK(report.accounts(0).cases() == 2);
  CHECK(report.accounts(0).change(0).amount() == "-36.00");
  CHECK(report.accounts(1).account() == "KEY2");
  CHECK(report.accounts(1).change(0).amount() == "-24.00");

  // A simulation changes nothing; publishing makes it true.
  CHECK(house.Net("KEY1", "B", "200") == "1000.00");
  house.Publish("pricing.volume-discounts", kThreePercent);
  CHECK(house.Net("KEY1", "B", "200") == "970.00");
  CHECK(house.Net("KEY1", "A", "100") == "194.00");
  CHECK(house.Net("KEY1", "A", "99") == "198.00");
  CHECK(house.Net("KEY2", "A", "400") == "776.00");
  CHECK(house.Net("KEY2", "B", "100") == "450.00");
  CHECK(house.Net("SMALL", "A", "1000") == "2000.00");
  // Against itself nothing changes any more.
  const docs::SimulateResponse again = house.Simulate(request);
  CHECK(again.cases() == 6);
  CHECK(again.equal() == 6);
  CHECK(again.baseline_total(0).amount() == "4588.00");
}

TEST_CASE("a simulation looks at one account and one time when it is told to", "[simulation]") {
  House house;
  Fill(house);
  docs::SimulateRequest request;
  request.add_sources(kThreePercent);
  request.set_account("KEY2");
  CHECK(house.Simulate(request).cases() == 2);
  request.clear_account();
  SetUs(*request.mutable_from(), "2026-03-15T00:00:00Z");
  CHECK(house.Simulate(request).change(0).amount() == "-24.00");
  SetUs(*request.mutable_to(), "2026-04-01T00:00:00Z");
  CHECK(house.Simulate(request).cases() == 0);
  request.clear_from();
  CHECK(house.Simulate(request).change(0).amount() == "-36.00");
}

TEST_CASE("any number of threads comes to the same report", "[simulation]") {
  std::string one;
  for (const int threads : {1, 2, 5}) {
    House house(threads);
    Fill(house);
    for (int i = 0; i < 1'000; ++i) {
      const std::string quantity = absl::StrCat(50 + i % 100);
      house.Invoice(absl::StrCat("M-", i), i % 3 == 0 ? "KEY1" : "KEY2", {{"A", quantity.c_str()}});
    }
    docs::SimulateRequest request;
    request.add_sources(kThreePercent);
    docs::SimulateResponse report = house.Simulate(request);
    CHECK(report.cases() == 1'006);
    report.clear_seconds();
    if (one.empty()) one = report.SerializeAsString();
    CHECK(report.SerializeAsString() == one);
  }
}

}  // namespace
}  // namespace weft::pricing
