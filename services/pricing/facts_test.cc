// How facts become state: order, repeats, tenants, replicas.
#include <catch2/catch.hpp>

#include <algorithm>
#include <functional>
#include <random>

#include "libs/base/error.h"
#include "services/pricing/fact_convert.h"
#include "services/pricing/testing/pricing_bench.h"

namespace weft::pricing {
namespace {

using B = PricingBench;

v1::CalculatePricesRequest Cart() {
  v1::CalculatePricesRequest request = B::Line("A", "S1", "7");
  for (const char* sku : {"S2", "S3", "S4"}) {
    v1::PriceRequestLine& line = *request.add_lines();
    line.set_sku(sku);
    line.mutable_quantity()->set_value("12");
  }
  request.add_lines()->set_customer_sku("mine");
  request.mutable_lines(4)->mutable_quantity()->set_value("3");
  return request;
}

// Facts of different subjects, in the order a connector might send them.
std::vector<std::function<void(B&)>> Facts() {
  std::vector<std::function<void(B&)>> facts;
  for (int i = 1; i <= 4; ++i) {
    facts.push_back([i](B& b) {
      facts::v1::ItemChanged item = B::Item(absl::StrCat("S", i));
      item.add_categories(i % 2 == 0 ? "EVEN" : "ODD");
      b.Put(item);
    });
    facts.push_back([i](B& b) {
      b.Put(B::Price("LIST", absl::StrCat("S", i), {{"1", absl::StrCat(i, ".50")}, {"10", "1"}}));
    });
    facts.push_back([i](B& b) {
      b.Put(B::Price("TRADE", absl::StrCat("S", i), {{"1", absl::StrCat(i, ".25")}}));
    });
  }
  facts.push_back([](B& b) { b.Put(B::Account("A", {"G", "H"})); });
  facts.push_back([](B& b) { b.Put(B::Book("LIST")); });
  facts.push_back([](B& b) { b.Put(B::Book("TRADE", 3, {"H"})); });
  facts.push_back([](B& b) { b.Put(B::Discount("K-1", "A", "S2", "15")); });
  facts.push_back([](B& b) {
    facts::v1::ContractChanged contract;
    contract.set_contract("K-2");
    contract.set_group("G");
    contract.set_category("ODD");
    contract.mutable_net_price()->set_currency_code("GBP");
    facts::v1::PriceTier& tier = *contract.mutable_net_price()->add_tiers();
    tier.set_minimum_quantity("5");
    tier.set_price("0.75");
    b.Put(contract);
  });
  facts.push_back([](B& b) {
    facts::v1::PartNumberChanged number;
    number.set_account("A");
    number.set_customer_sku("mine");
    number.set_sku("S4");
    b.Put(number);
  });
  return facts;
}

// What is answered, without positions and ids.
std::string Prices(B& bench) {
  const auto answer = bench.Calculate(B::Staff(), Cart());
  REQUIRE(answer.ok());
  std::string text;
  for (const v1::PriceLine& line : answer->lines()) {
    absl::StrAppend(&text, line.sku(), " ", line.unit_price().amount(), " ", line.net().amount(),
                    line.reason().reason(), "; ");
  }
  return text;
}

TEST_CASE("facts of different subjects give the same prices in any order", "[facts]") {
  const uint64_t seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  B in_order;
  for (const auto& fact : Facts()) fact(in_order);
  const std::string expected = Prices(in_order);
  CHECK(expected == "S1 0.75 5.25; S2 0.85 10.20; S3 0.75 9.00; S4 4.25 51.00; S4 4.25 12.75; ");

  for (int round = 0; round < 20; ++round) {
    std::vector<std::function<void(B&)>> facts = Facts();
    std::shuffle(facts.begin(), facts.end(), random);
    B bench;
    for (const auto& fact : facts) fact(bench);
    REQUIRE(Prices(bench) == expected);
  }
}

TEST_CASE("replicas at one position answer the same bytes, restarted ones too", "[facts]") {
  B one, two;
  for (const auto& fact : Facts()) {
    fact(one);
    fact(two);
    two.room().Reopen();
  }
  facts::v1::PriceChanged gone = B::Price("TRADE", "S3", {});
  gone.set_deleted(true);
  one.Put(gone);
  two.Put(gone);
  // The last fact was a deletion: its position must survive the restart.
  two.room().Reopen();

  const auto a = one.Calculate(B::Staff(), Cart());
  const auto b = two.Calculate(B::Staff(), Cart());

  REQUIRE(a.ok());
  REQUIRE(b.ok());
  CHECK(a->SerializeAsString() == b->SerializeAsString());
  CHECK(one.room().Dump() == two.room().Dump());
}

TEST_CASE("a fact delivered again changes nothing", "[facts]") {
  B bench;
  for (const auto& fact : Facts()) fact(bench);
  const std::string prices = Prices(bench);
  const std::string position =
      bench.Calculate(B::Staff(), Cart())->freshness().position();

  for (const auto& fact : Facts()) fact(bench);

  CHECK(Prices(bench) == prices);
  CHECK(bench.Calculate(B::Staff(), Cart())->freshness().position() == position);
  CHECK(bench.memory().price_facts() == 10);
}

TEST_CASE("a fact replaces its subject's earlier one and no other", "[facts]") {
  B bench;
  for (const auto& fact : Facts()) fact(bench);

  bench.Put(B::Price("LIST", "S2", {{"1", "8.00"}}));
  CHECK(bench.Told(B::Staff(), B::Line("A", "S2", "1")) == "6.80 6.80");
  // The contract moves to another item.
  bench.Put(B::Discount("K-1", "A", "S4", "50"));
  CHECK(bench.Told(B::Staff(), B::Line("A", "S2", "1")) == "2.25 2.25");
  CHECK(bench.Told(B::Staff(), B::Line("A", "S4", "1")) == "2.25 2.25");
  // A book leaves the group, an account goes, an item comes back.
  bench.Put(B::Book("TRADE", 3, {"Z"}));
  CHECK(bench.Told(B::Staff(), B::Line("A", "S2", "1")) == "8.00 8.00");
  facts::v1::AccountChanged account = B::Account("A");
  account.set_deleted(true);
  bench.Put(account);
  CHECK(bench.Told(B::Staff(), B::Line("A", "S2", "1")) == "ACCOUNT_NOT_FOUND");
  bench.Put(B::Account("A"));
  CHECK(bench.Told(B::Staff(), B::Line("A", "S2", "1")) == "8.00 8.00");
}

TEST_CASE("tenants share nothing, not even names", "[facts]") {
  B bench;
  for (const std::string tenant : {"demo", "other"}) {
    bench.Put(B::Item("X"), tenant);
    bench.Put(B::Account("A"), tenant);
    bench.Put(B::Book("LIST"), tenant);
    bench.Put(B::Price("LIST", "X", {{"1", tenant == "demo" ? "5.00" : "6.00"}}), tenant);
  }
  bench.Put(B::Item("ONLY-HERE"), "other");

  CHECK(bench.Told(B::Staff("demo"), B::Line("A", "X", "1")) == "5.00 5.00");
  CHECK(bench.Told(B::Staff("other"), B::Line("A", "X", "1")) == "6.00 6.00");
  CHECK(bench.Told(B::Staff("demo"), B::Line("A", "ONLY-HERE", "1")) == "UNKNOWN_ITEM");
  CHECK(bench.Told(B::Staff("third"), B::Line("A", "X", "1")) == "NOT_LOADED");
}

TEST_CASE("a fact that makes no sense is parked with its reason", "[facts]") {
  B bench;
  facts::v1::PriceChanged price = B::Price("LIST", "X", {{"1", "1.5x"}});
  bench.Put(price);
  price = B::Price("LIST", "X", {{"1", "1.50"}, {"1.0", "2"}});
  bench.Put(price);
  facts::v1::PriceBookChanged book = B::Book("LIST");
  book.set_currency_code("gbp");
  bench.Put(book);
  facts::v1::ContractChanged contract;
  contract.set_contract("K");
  contract.set_account("A");
  contract.set_group("G");
  bench.Put(contract);
  facts::v1::ItemChanged item = B::Item("X");
  item.add_units()->set_unit("CS");
  bench.Put(item);

  const auto parked = bench.room().parked();

  REQUIRE(parked.size() == 5);
  CHECK(bench.memory().price_facts() == 0);
}

TEST_CASE("what is wrong with a fact has its own reason", "[facts]") {
  const auto price = [](auto change) {
    facts::v1::PriceChanged fact = B::Price("LIST", "X", {{"1", "1.50"}});
    change(fact);
    return ReasonOf(CheckFact(fact));
  };
  CHECK(price([](auto&) {}).empty());
  CHECK(price([](auto& f) { f.clear_book(); }) == "FACT_INCOMPLETE");
  CHECK(price([](auto& f) { f.set_sku(std::string(256, 'x')); }) == "NAME_TOO_LONG");
  CHECK(price([](auto& f) { f.clear_tiers(); }) == "TIERS_INVALID");
  CHECK(price([](auto& f) { f.mutable_tiers(0)->set_price("1.5x"); }) == "TIERS_INVALID");
  CHECK(price([](auto& f) { f.mutable_tiers(0)->set_price("-1"); }) == "TIERS_INVALID");
  CHECK(price([](auto& f) { *f.add_tiers() = f.tiers(0); }) == "TIERS_INVALID");
  CHECK(price([](auto& f) { f.set_per_quantity(-1); }) == "TIERS_INVALID");
  CHECK(price([](auto& f) {
          f.mutable_validity()->mutable_from()->set_seconds(2);
          f.mutable_validity()->mutable_to()->set_seconds(2);
        }) == "VALIDITY_INVALID");

  const auto contract = [](auto change) {
    facts::v1::ContractChanged fact;
    fact.set_contract("K");
    fact.set_account("A");
    fact.set_sku("X");
    fact.set_discount_percent("5");
    change(fact);
    return ReasonOf(CheckFact(fact));
  };
  CHECK(contract([](auto&) {}).empty());
  CHECK(contract([](auto& f) { f.set_group("G"); }) == "FACT_INCOMPLETE");
  CHECK(contract([](auto& f) { f.clear_sku(); }) == "FACT_INCOMPLETE");
  CHECK(contract([](auto& f) { f.clear_discount_percent(); }) == "FACT_INCOMPLETE");
  CHECK(contract([](auto& f) { f.set_discount_percent("100.01"); }) == "DISCOUNT_INVALID");
  CHECK(contract([](auto& f) { f.set_discount_percent("much"); }) == "DISCOUNT_INVALID");
  CHECK(contract([](auto& f) { f.mutable_net_price()->set_currency_code("gbp"); }) ==
        "CURRENCY_UNKNOWN");
}

}  // namespace
}  // namespace weft::pricing
