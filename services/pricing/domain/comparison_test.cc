#include "services/pricing/domain/comparison.h"

#include <catch2/catch.hpp>

namespace weft::pricing {
namespace {

Decimal D(absl::string_view text) { return Decimal::Parse(text).value(); }

ComparedLine Line(const std::string& quantity, const std::string& ours, const std::string& theirs) {
  ComparedLine line;
  line.account = "ACME";
  line.sku = "85123A";
  line.rule = "books/LIST";
  line.currency = Currency::Find("GBP");
  line.quantity = D(quantity);
  line.has_price = !ours.empty();
  if (line.has_price) {
    line.our_unit = D(ours);
    REQUIRE(MulRound(line.our_unit, line.quantity, 2, RoundingMode::kHalfUp, line.our_net) ==
            DecimalError::kOk);
  }
  if (!theirs.empty()) line.theirs.unit = D(theirs);
  return line;
}

// 10,000 requests of a shadow run: 9,940 equal, 35 within a cent, 25 beyond.
Comparison ShadowRun() {
  Comparison run;
  for (int i = 0; i < 9940; ++i) run.Add(Line("12", "14.20", "14.20"));
  for (int i = 0; i < 35; ++i) run.Add(Line("12", "14.20", i % 2 == 0 ? "14.21" : "14.19"));
  for (int i = 0; i < 20; ++i) run.Add(Line("12", "14.70", "14.20"));
  for (int i = 0; i < 5; ++i) run.Add(Line("40", "11.20", "14.20"));
  return run;
}

TEST_CASE("a shadow run is told in counts, percent and money", "[comparison]") {
  Comparison run = ShadowRun();
  run.AddNoise(12);

  CHECK(run.lines == 10'000);
  CHECK(run.equal == 9'940);
  CHECK(run.within == 35);
  CHECK(run.beyond == 25);
  CHECK(Percent(run.equal, run.lines) == "99.40");
  CHECK(Percent(run.equal + run.within, run.lines) == "99.75");
  const MoneyAtRisk& money = run.money.at(Currency::Find("GBP"));
  CHECK(money.gross.ToString() == "720.00");
  CHECK(money.net.ToString() == "-480.00");
  CHECK(run.different_adjusted() == 48);
  CHECK(Percent(run.different_adjusted(), run.lines) == "0.48");
  CHECK(CheckGate(run, {.different_percent_max = D("0.5"), .gross_risk_max = D("500")}) ==
        std::vector<GateFailure>{GateFailure::kRisk});
}

TEST_CASE("a gate is held against the counts, not against rounded percentages", "[comparison]") {
  Comparison run;
  for (int i = 0; i < 99'996; ++i) run.Add(Line("1", "1.00", "1.00"));
  for (int i = 0; i < 4; ++i) run.Add(Line("1", "1.00", "2.00"));
  REQUIRE(Percent(run.different_adjusted(), run.lines) == "0.00");

  CHECK(CheckGate(run, {.different_percent_max = D("0"), .gross_risk_max = {}}) ==
        std::vector<GateFailure>{GateFailure::kDifferences});
  CHECK(CheckGate(run, {.different_percent_max = D("0.004"), .gross_risk_max = D("4")}).empty());
}

TEST_CASE("a line is equal, within tolerance or beyond it", "[comparison]") {
  struct Row {
    std::string ours, their_unit, their_net;
    Likeness likeness;
    std::string difference;
  };
  const Row row = GENERATE(values<Row>({
      {"14.20", "14.20", "", Likeness::kEqual, "0.00"},
      {"14.20", "14.2000", "", Likeness::kEqual, "0.00"},
      {"14.20", "14.21", "", Likeness::kWithin, "-0.12"},
      {"14.20", "14.211", "", Likeness::kBeyond, "-0.13"},
      // The net is what counts where it is named.
      {"14.20", "", "170.40", Likeness::kEqual, "0.00"},
      {"14.20", "14.25", "170.40", Likeness::kEqual, "0.00"},
      {"14.20", "14.20", "170.41", Likeness::kWithin, "-0.01"},
      {"14.20", "", "170.41", Likeness::kWithin, "-0.01"},
      {"14.20", "", "170.42", Likeness::kBeyond, "-0.02"},
      // One of the two has no price.
      {"14.20", "", "", Likeness::kBeyond, ""},
      {"", "14.20", "", Likeness::kBeyond, ""},
      {"", "", "", Likeness::kEqual, ""},
  }));
  CAPTURE(row.ours, row.their_unit, row.their_net);
  ComparedLine line = Line("12", row.ours, row.their_unit);
  if (!row.their_net.empty()) line.theirs.net = D(row.their_net);

  const Judgement judged = Judge(line, D("0.01"));

  CHECK(judged.likeness == row.likeness);
  CHECK((judged.difference.has_value() ? judged.difference->ToString() : "") == row.difference);
}

TEST_CASE("a system that contradicts itself is noise", "[comparison]") {
  ComparedLine line = Line("12", "14.20", "14.20");
  CHECK_FALSE(IsNoise(line));
  line.again.unit = D("14.200");
  CHECK_FALSE(IsNoise(line));
  line.again.unit = D("14.21");
  CHECK(IsNoise(line));
}

TEST_CASE("parts of a comparison add up to the whole", "[comparison]") {
  Comparison halves[2];
  Comparison whole;
  for (int i = 0; i < 300; ++i) {
    ComparedLine line = Line("3", i % 3 == 0 ? "2.00" : "1.50", "1.50");
    line.label = std::to_string(i);
    line.sku = std::to_string(i % 7);
    whole.Add(line);
    halves[i % 2].Add(line);
  }

  halves[0].Merge(halves[1]);

  CHECK(halves[0].beyond == whole.beyond);
  CHECK(halves[0].money.begin()->second.gross == whole.money.begin()->second.gross);
  CHECK(halves[0].items.size() == whole.items.size());
  for (const auto& [key, group] : whole.items) CHECK(halves[0].items.at(key).lines == group.lines);
  CHECK(halves[0].worst.size() == whole.worst.size());
}

}  // namespace
}  // namespace weft::pricing
