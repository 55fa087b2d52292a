#include "services/pricing/domain/simulation.h"

#include <catch2/catch.hpp>
#include <numeric>

namespace weft::pricing {
namespace {

SimulatedLine Line(const char* invoice, const char* account, const char* before,
                   const char* after) {
  SimulatedLine line{.invoice = invoice,
                     .number = 1,
                     .account = account,
                     .sku = "A",
                     .quantity = "1",
                     .currency = Currency::Find("EUR")};
  const auto set = [](const char* text, const char* rule, SimulatedLine::Side& side) {
    side.priced = Decimal::ParseInto(text, side.net) == DecimalError::kOk;
    side.rule = side.priced ? rule : text;
  };
  set(before, "old", line.before);
  set(after, "new", line.after);
  return line;
}

TEST_CASE("a simulation counts what changes and sums the money of what has both prices",
          "[simulation]") {
  Simulation s(2);
  s.Add(Line("1", "ACME", "100.00", "100"));
  s.Add(Line("2", "ACME", "100.00", "97.00"));
  s.Add(Line("3", "OTHER", "200.00", "190.00"));
  s.Add(Line("4", "OTHER", "50.00", "NO_PRICE"));
  s.Add(Line("5", "OTHER", "NO_PRICE", "60.00"));
  s.Add(Line("6", "OTHER", "NO_PRICE", "BELOW_MINIMUM"));
  s.Skip(3);
  CHECK(s.cases() == 6);
  CHECK(s.equal() == 2);
  CHECK(s.changed() == 2);
  CHECK(s.newly_failing() == 1);
  CHECK(s.newly_passing() == 1);
  CHECK(s.skipped() == 3);
  const Simulation::Totals& totals = s.totals().at(Currency::Find("EUR"));
  CHECK(totals.before.ToString() == "400.00");
  CHECK(totals.after.ToString() == "387.00");
  const auto accounts = s.AccountsByChange(1);
  REQUIRE(accounts.size() == 1);
  CHECK(accounts[0].first == "OTHER");
  CHECK(accounts[0].second->cases == 3);
  CHECK(accounts[0].second->change.at(Currency::Find("EUR")).ToString() == "-10.00");
  const auto groups = s.GroupsByCases(10);
  REQUIRE(groups.size() == 3);
  CHECK(groups[0].first == Simulation::Rules("old", "new"));
  CHECK(groups[0].second->examples[0].after == "190.00 EUR");
  CHECK(groups[1].first == Simulation::Rules("NO_PRICE", "new"));
  CHECK(groups[2].first == Simulation::Rules("old", "NO_PRICE"));
}

TEST_CASE("a change lies in the bucket of its percent, edges from below", "[simulation]") {
  const struct {
    const char* before;
    const char* after;
    size_t bucket;
  } rows[] = {{"100.00", "79.99", 0},  {"100.00", "80.00", 1},   {"100.00", "97.00", 3},
              {"100.00", "98.00", 4},  {"100.00", "99.99", 5},   {"100.00", "100.01", 6},
              {"100.00", "101.00", 7}, {"100.00", "119.99", 10}, {"100.00", "120.00", 11},
              {"0.00", "0.01", 11}};
  for (const auto& row : rows) {
    Simulation s(1);
    s.Add(Line("1", "A", row.before, row.after));
    INFO(row.before << " to " << row.after);
    CHECK(s.distribution()[row.bucket] == 1);
    CHECK(std::accumulate(s.distribution().begin(), s.distribution().end(), int64_t{0}) == 1);
  }
}

TEST_CASE("parts come to the same in any order, the largest changes as examples", "[simulation]") {
  const char* after[] = {"99.00", "98.00", "95.00", "95.00", "101.00", "NO_PRICE"};
  const char* invoice[] = {"1", "2", "3", "4", "5", "6"};
  const auto told = [&](size_t from, bool backwards) {
    Simulation a(2), b(2);
    for (size_t i = 0; i < 6; ++i) {
      const size_t n = backwards ? 5 - i : i;
      (n < from ? a : b).Add(Line(invoice[n], n % 2 == 0 ? "X" : "Y", "100.00", after[n]));
    }
    a.Merge(b);
    std::string text = a.totals().at(Currency::Find("EUR")).after.ToString();
    for (const auto& [rules, group] : a.GroupsByCases(10)) {
      text += " " + rules.second;
      for (const auto& example : group->examples) text += " " + example.invoice;
    }
    for (const auto& [account, affected] : a.AccountsByChange(10)) text += " " + account;
    return text;
  };
  CHECK(told(0, false) == "488.00 new 3 4 NO_PRICE 6 Y X");
  for (size_t from = 0; from <= 6; ++from) {
    CHECK(told(from, false) == told(0, false));
    CHECK(told(from, true) == told(0, false));
  }
}

}  // namespace
}  // namespace weft::pricing
