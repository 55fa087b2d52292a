#include "services/pricing/domain/rebate.h"

#include <catch2/catch.hpp>

#include "services/pricing/domain/testing/small_facts.h"

namespace weft::pricing {
namespace {

RebateTerms Terms(RebateTerms::Mode mode) {
  RebateTerms terms;
  terms.mode = mode;
  terms.currency = Cur("EUR");
  terms.tiers = {{D("0"), D("0")}, {D("10000"), D("2")}, {D("20000"), D("3")}};
  return terms;
}

TEST_CASE("the rate reached holds for all turnover, or each for its own part", "[rebate]") {
  const auto [turnover, retroactive, incremental] = GENERATE(table<const char*, const char*, const char*>({
      {"-5.00", "0.00", "0.00"},
      {"0", "0.00", "0.00"},
      {"9999.99", "0.00", "0.00"},
      {"10000", "200.00", "0.00"},
      {"10000.25", "200.01", "0.01"},
      {"19500.00", "390.00", "190.00"},
      {"19999.99", "400.00", "200.00"},
      {"20000.00", "600.00", "200.00"},
      {"21500.00", "645.00", "245.00"},
      {"100000", "3000.00", "2600.00"},
  }));
  CAPTURE(turnover);
  CHECK(ComputeRebate(Terms(RebateTerms::Mode::kRetroactive), D(turnover))->amount ==
        D(retroactive));
  CHECK(ComputeRebate(Terms(RebateTerms::Mode::kIncremental), D(turnover))->amount ==
        D(incremental));
}

TEST_CASE("the steps sum to the amount but for one rounding", "[rebate]") {
  const auto rebate = ComputeRebate(Terms(RebateTerms::Mode::kIncremental), D("20000.55"));
  REQUIRE(rebate.ok());
  REQUIRE(rebate->steps.size() == 3);
  CHECK(rebate->steps[1].base == D("10000"));
  CHECK(rebate->steps[1].amount == D("200"));
  CHECK(rebate->steps[2].base == D("0.55"));
  CHECK(rebate->steps[2].amount == D("0.0165"));
  CHECK(rebate->amount == D("200.02"));
}

TEST_CASE("a calendar period is one of its own time zone, cut to the validity", "[rebate]") {
  RebateTerms terms = Terms(RebateTerms::Mode::kRetroactive);
  REQUIRE(absl::LoadTimeZone("Europe/Berlin", &terms.zone));
  terms.kind = RebateTerms::PeriodKind::kQuarter;
  terms.validity = {Us("2026-02-01T00:00:00+01:00"), Us("2026-12-01T00:00:00+01:00")};
  terms.settle_after_days = 10;
  RebatePeriod period;

  REQUIRE(FindRebatePeriod(terms, Us("2026-03-31T23:59:59+02:00"), period));
  CHECK(period.key_us == Us("2026-01-01T00:00:00+01:00"));
  CHECK(period.period.from_us == Us("2026-02-01T00:00:00+01:00"));
  CHECK(period.period.to_us == Us("2026-04-01T00:00:00+02:00"));
  CHECK(period.settle_from_us == Us("2026-04-11T00:00:00+02:00"));

  REQUIRE(FindRebatePeriod(terms, Us("2026-03-31T22:00:00Z"), period));
  CHECK(period.key_us == Us("2026-04-01T00:00:00+02:00"));
  REQUIRE(FindRebatePeriod(terms, Us("2026-11-30T00:00:00+01:00"), period));
  CHECK(period.period.to_us == Us("2026-12-01T00:00:00+01:00"));
  CHECK_FALSE(FindRebatePeriod(terms, Us("2026-12-01T00:00:00+01:00"), period));
  CHECK_FALSE(FindRebatePeriod(terms, Us("2026-01-15T00:00:00+01:00"), period));

  terms.kind = RebateTerms::PeriodKind::kWhole;
  REQUIRE(FindRebatePeriod(terms, Us("2026-03-01T00:00:00Z"), period));
  CHECK(period.key_us == 0);
  CHECK(period.period.to_us == terms.validity.to_us);
  terms.kind = RebateTerms::PeriodKind::kYear;
  terms.validity = Period();
  REQUIRE(FindRebatePeriod(terms, Us("2026-03-01T00:00:00Z"), period));
  CHECK(period.period.from_us == Us("2026-01-01T00:00:00+01:00"));
  CHECK(period.period.to_us == Us("2027-01-01T00:00:00+01:00"));
}

}  // namespace
}  // namespace weft::pricing
