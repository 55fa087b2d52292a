// The room on the engine: prices, explanations and decisions through its RPCs.
#include <catch2/catch.hpp>

#include "libs/base/error.h"
#include "libs/base/hash.h"
#include "services/pricing/domain/decision_id.h"
#include "services/pricing/testing/pricing_bench.h"

namespace weft::pricing {
namespace {

// One book price everywhere, and a contract of the account ACME.
struct Shop : PricingBench {
  Shop() {
    Put(Item("85123A"));
    Put(Account("ACME", {"TRADE"}));
    Put(Account("OTHER"));
    Put(Book("LIST"));
    Put(Book("TRADE", 5, {"TRADE"}));
    Put(Price("LIST", "85123A", {{"1", "17.75"}}));
    Put(Price("TRADE", "85123A", {{"1", "16.00"}}));
    Put(Discount("K-17", "ACME", "85123A", "20"));
  }
  v1::CalculatePricesRequest Ask(const std::string& quantity = "600") {
    return Line("ACME", "85123A", quantity);
  }
  absl::StatusOr<v1::PriceExplanation> Explain(const Principal& who, const std::string& quantity) {
    const v1::CalculatePricesRequest asked = Ask(quantity);
    v1::ExplainPriceRequest request;
    request.set_account(asked.account());
    *request.mutable_as_of() = asked.as_of();
    *request.mutable_line() = asked.lines(0);
    return Call<v1::PriceExplanation>(who, "ExplainPrice", request);
  }
  absl::StatusOr<v1::PriceExplanation> Decision(const Principal& who, const std::string& id) {
    v1::GetDecisionRequest request;
    request.set_id(id);
    return Call<v1::PriceExplanation>(who, "GetDecision", request);
  }
};

TEST_CASE("one price everywhere, with the identity of its decision", "[room]") {
  Shop shop;

  const auto rep = shop.Calculate(Shop::Staff(), shop.Ask());
  v1::CalculatePricesRequest own = shop.Ask();
  own.clear_account();
  const auto portal = shop.Calculate(Shop::Buyer("ACME"), own);

  REQUIRE(rep.ok());
  REQUIRE(portal.ok());
  const v1::PriceLine& line = rep->lines(0);
  CHECK(line.unit_price().amount() == "14.20");
  CHECK(line.unit_price().currency_code() == "GBP");
  CHECK(line.net().amount() == "8520.00");
  CHECK(line.quantity().unit() == "EA");
  CHECK(line.decision_id().size() <= 80);
  CHECK(rep->currency_code() == "GBP");
  CHECK(rep->account() == "ACME");
  CHECK(rep->total().amount() == "8520.00");
  CHECK(rep->SerializeAsString() == portal->SerializeAsString());
}

TEST_CASE("lines that have no price say why in the room too", "[room]") {
  Shop shop;
  v1::CalculatePricesRequest request = shop.Ask();
  request.set_currency_code("EUR");
  CHECK(shop.Told(Shop::Staff(), request) == "NO_PRICE_IN_CURRENCY");

  facts::v1::PriceChanged later = Shop::Price("LIST", "NEXT", {{"5", "3.00"}});
  SetUs(*later.mutable_validity()->mutable_from(), "2026-06-01T00:00:00Z");
  shop.Put(Shop::Item("NEXT"));
  shop.Put(later);
  request = Shop::Line("ACME", "NEXT", "5");
  CHECK(shop.Told(Shop::Staff(), request) == "NOT_YET_VALID");
  SetUs(*request.mutable_as_of(), "2026-06-01T00:00:00Z");
  CHECK(shop.Told(Shop::Staff(), request) == "3.00 15.00");
  request.mutable_lines(0)->mutable_quantity()->set_value("3");
  const auto answer = shop.Calculate(Shop::Staff(), request);
  REQUIRE(answer.ok());
  CHECK(answer->lines(0).reason().reason() == "BELOW_MINIMUM");
  CHECK(answer->lines(0).reason().metadata().at("minimum_quantity") == "5");
  CHECK_FALSE(answer->lines(0).has_net());
  CHECK_FALSE(answer->has_total());
}

TEST_CASE("an explanation adds up and lists what lost, to staff", "[room]") {
  Shop shop;

  const auto told = shop.Explain(Shop::Staff(), "600");

  REQUIRE(told.ok());
  REQUIRE(told->steps_size() == 2);
  CHECK(told->steps(0).amount() == "17.75");
  CHECK(told->steps(0).rule() == "prices/LIST/85123A//1");
  CHECK(told->steps(1).amount() == "-3.55");
  CHECK(told->steps(1).result() == "14.20");
  CHECK(told->steps(1).rule() == "contracts/K-17");
  REQUIRE(told->candidates_size() == 3);
  CHECK(told->candidates(0).won());
  CHECK(told->candidates(1).owner() == "TRADE");
  CHECK(told->candidates(1).lost().reason() == "LESS_SPECIFIC");
  CHECK(told->candidates(1).unit_price().amount() == "16.00");
  CHECK(told->candidates(2).source() == v1::CANDIDATE_SOURCE_LIST);
}

TEST_CASE("cost is for staff with see-cost, other prices for staff", "[room]") {
  Shop shop;
  facts::v1::ItemChanged item = Shop::Item("85123A");
  item.mutable_cost()->set_amount("10.00");
  item.mutable_cost()->set_currency_code("GBP");
  shop.Put(item);
  const auto [role, may_see_cost, sees_cost, candidates] =
      GENERATE(table<const char*, bool, bool, int>({
          {"buyer", false, false, 1},
          {"buyer", true, false, 1},
          {"buyer-approver", true, false, 1},
          {"buyer-admin", true, false, 1},
          {"storefront", false, false, 1},
          {"storefront", true, false, 1},
          {"rep", false, false, 3},
          {"rep", true, true, 3},
          {"sales-manager", false, false, 3},
          {"sales-manager", true, true, 3},
          {"pricing-manager", false, false, 3},
          {"pricing-manager", true, true, 3},
          {"erp-admin", false, false, 3},
          {"erp-admin", true, true, 3},
          {"operator", false, false, 3},
          {"operator", true, true, 3},
          {"auditor", false, false, 3},
          {"auditor", true, true, 3},
          {"service", false, false, 3},
          {"service", true, true, 3},
      }));
  CAPTURE(role, may_see_cost);
  Principal who = testing::MakePrincipal("demo", {role}, "u");
  if (std::string(role).rfind("buyer", 0) == 0) {
    who.account = "ACME";
  } else {
    who.accounts = {"*"};
  }
  if (may_see_cost) who.permissions = {"see-cost"};

  const auto told = shop.Explain(who, "600");

  REQUIRE(told.ok());
  CHECK(told->has_margin() == sees_cost);
  CHECK(told->candidates_size() == candidates);
  const bool staff = candidates > 1;
  CHECK(told->steps(1).rule().empty() == !staff);
  const std::string all = told->DebugString();
  CHECK((all.find("16.00") != std::string::npos) == staff);
  CHECK((all.find("TRADE") != std::string::npos) == staff);
  CHECK((all.find("10.00") != std::string::npos) == sees_cost);
  if (sees_cost) {
    CHECK(told->margin().cost().amount() == "6000.00");
    CHECK(told->margin().margin().amount() == "2520.00");
    CHECK(told->margin().margin_percent() == "29.58");
  }
}

TEST_CASE("a price that was shown is explained as it was, whatever came later", "[room]") {
  Shop shop;
  const auto then = shop.Calculate(Shop::Staff(), shop.Ask());
  REQUIRE(then.ok());
  const std::string id = then->lines(0).decision_id();
  const auto before = shop.Decision(Shop::Staff(), id);
  REQUIRE(before.ok());

  shop.Put(Shop::Price("LIST", "85123A", {{"1", "20.00"}}));
  facts::v1::ContractChanged gone = Shop::Discount("K-17", "ACME", "85123A", "20");
  gone.set_deleted(true);
  shop.Put(gone);
  facts::v1::AccountChanged moved = Shop::Account("ACME");
  shop.Put(moved);
  facts::v1::ItemChanged item = Shop::Item("85123A");
  item.set_state(facts::v1::ItemChanged::ITEM_STATE_DISCONTINUED);
  shop.Put(item);

  CHECK(shop.Told(Shop::Staff(), shop.Ask()) == "ITEM_DISCONTINUED");
  const auto after = shop.Decision(Shop::Staff(), id);
  REQUIRE(after.ok());
  CHECK(after->line().net().amount() == "8520.00");
  CHECK(after->line().decision_id() == id);
  CHECK(after->SerializeAsString() == before->SerializeAsString());
  // And after a restart, from the disk alone.
  shop.room().Reopen();
  const auto reopened = shop.Decision(Shop::Staff(), id);
  REQUIRE(reopened.ok());
  CHECK(reopened->SerializeAsString() == before->SerializeAsString());
}

TEST_CASE("a decision is for the account it was shown to", "[room]") {
  Shop shop;
  const auto shown = shop.Calculate(Shop::Buyer("ACME"), shop.Ask());
  REQUIRE(shown.ok());
  const std::string id = shown->lines(0).decision_id();

  CHECK(shop.Decision(Shop::Buyer("ACME"), id).ok());
  CHECK(ReasonOf(shop.Decision(Shop::Buyer("OTHER"), id).status()) == "DECISION_NOT_FOUND");
  CHECK(ReasonOf(shop.Decision(Shop::Staff("else"), id).status()) == "DECISION_NOT_FOUND");
  CHECK(ReasonOf(shop.Decision(Shop::Buyer("ACME"), "nonsense").status()) ==
        "DECISION_NOT_FOUND");
  std::string forged = id;
  forged[3] = forged[3] == 'A' ? 'B' : 'A';
  CHECK(ReasonOf(shop.Decision(Shop::Buyer("ACME"), forged).status()) == "DECISION_NOT_FOUND");
}

TEST_CASE("prices can be asked as they were known at a moment", "[room]") {
  Shop shop;
  const absl::Time then = shop.room().now();
  shop.room().Advance(absl::Hours(1));
  shop.Put(Shop::Price("LIST", "85123A", {{"1", "20.00"}}));

  v1::CalculatePricesRequest request = shop.Ask();
  CHECK(shop.Told(Shop::Staff(), request) == "16.00 9600.00");
  request.mutable_known_at()->set_seconds(absl::ToUnixSeconds(then) + 1);
  CHECK(shop.Told(Shop::Staff(), request) == "14.20 8520.00");

  const auto past = shop.Calculate(Shop::Staff(), request);
  REQUIRE(past.ok());
  const auto again = shop.Decision(Shop::Staff(), past->lines(0).decision_id());
  REQUIRE(again.ok());
  CHECK(again->line().net().amount() == "8520.00");
}

TEST_CASE("an id of other rules or of a lost history is answered honestly", "[room]") {
  Shop shop;
  const auto shown = shop.Calculate(Shop::Staff(), shop.Ask());
  REQUIRE(shown.ok());
  // The id is taken apart, changed, and signed again with the installation's key.
  const Sha256Digest digest = HmacSha256(std::string(32, 'k'), "weft.pricing decision id 1");
  SipKey key;
  for (int i = 0; i < 8; ++i) {
    key.k0 = key.k0 << 8 | digest[i];
    key.k1 = key.k1 << 8 | digest[8 + i];
  }
  std::string bytes;
  const auto decision =
      ReadDecisionId(key, "demo", shown->lines(0).decision_id(), bytes);
  REQUIRE(decision.has_value());
  const auto with = [&](auto change) {
    pricing::Decision changed = *decision;
    change(changed);
    std::string id;
    AppendDecisionId(key, "demo", changed, id);
    return ReasonOf(shop.Decision(Shop::Staff(), id).status());
  };

  CHECK(with([](pricing::Decision& d) { d.release = 99; }) == "ENGINE_GONE");
  CHECK(with([](pricing::Decision& d) { d.item = 12345; }) == "HISTORY_GONE");
  CHECK(with([](pricing::Decision& d) { d.position += 1000; }) == "NOT_YET_APPLIED");
}

TEST_CASE("nothing is priced before the first load of prices has ended", "[room]") {
  PricingBench bench;
  facts::v1::LoadChanged load;
  load.set_connection("main");
  load.add_entities("price");
  bench.Put(PricingBench::Item("X"));
  CHECK(bench.Told(PricingBench::Staff(), PricingBench::Line("A", "X", "1")) == "NOT_LOADED");
  bench.Fact("loads/main", load);
  bench.Put(PricingBench::Account("A"));
  bench.Put(PricingBench::Book("LIST"));
  bench.Put(PricingBench::Price("LIST", "X", {{"1", "5.00"}}));
  CHECK(bench.Told(PricingBench::Staff(), PricingBench::Line("A", "X", "1")) == "NOT_LOADED");

  load.set_ended(true);
  bench.Fact("loads/main", load);

  CHECK(bench.Told(PricingBench::Staff(), PricingBench::Line("A", "X", "1")) == "5.00 5.00");
  // A later load does not take the prices away, nor does a restart.
  load.set_ended(false);
  bench.Fact("loads/main", load);
  bench.room().Reopen();
  CHECK(bench.Told(PricingBench::Staff(), PricingBench::Line("A", "X", "1")) == "5.00 5.00");
}

TEST_CASE("a guest sees list prices, or is asked to log in", "[room]") {
  Settings settings;
  settings.login_required_channels = {"web"};
  PricingBench bench(settings);
  bench.Put(PricingBench::Item("X"));
  bench.Put(PricingBench::Book("LIST"));
  bench.Put(PricingBench::Price("LIST", "X", {{"1", "5.00"}}));
  v1::CalculatePricesRequest request = PricingBench::Line("", "X", "1");
  request.set_currency_code("GBP");

  CHECK(bench.Told(PricingBench::Staff(), request) == "5.00 5.00");
  request.set_channel("web");
  CHECK(bench.Told(PricingBench::Staff(), request) == "LOGIN_REQUIRED");
}

TEST_CASE("includes add the list price, the ladder and the quantity rules", "[room]") {
  PricingBench bench;
  facts::v1::ItemChanged item = PricingBench::Item("X");
  item.set_minimum_quantity("5");
  item.set_quantity_step("5");
  item.set_tax_class("STD");
  auto* unit = item.add_units();
  unit->set_unit("CS");
  unit->set_numerator(12);
  unit->set_denominator(1);
  bench.Put(item);
  bench.Put(PricingBench::Account("A"));
  bench.Put(PricingBench::Book("LIST"));
  bench.Put(PricingBench::Price(
      "LIST", "X", {{"1", "10.00"}, {"10", "9.50"}, {"50", "9.00"}, {"100", "8.40"}}));
  bench.Put(PricingBench::Discount("K", "A", "X", "10"));
  v1::CalculatePricesRequest request = PricingBench::Line("A", "X", "99");
  request.add_include(v1::INCLUDE_LIST_PRICE);
  request.add_include(v1::INCLUDE_TIERS);
  request.add_include(v1::INCLUDE_QUANTITY_RULES);

  const auto answer = bench.Calculate(PricingBench::Staff(), request);

  REQUIRE(answer.ok());
  const v1::PriceLine& line = answer->lines(0);
  CHECK(line.net().amount() == "801.90");
  CHECK(line.list_price().amount() == "9.00");
  REQUIRE(line.tiers_size() == 4);
  CHECK(line.tiers(3).minimum_quantity() == "100");
  CHECK(line.tiers(3).unit_price().amount() == "7.56");
  CHECK(line.next_tier().saving().amount() == "45.90");
  CHECK(line.next_tier().message() == "100 EA cost 45.90 GBP less");
  CHECK(line.quantity_rules().quantity_step() == "5");
  CHECK(line.quantity_rules().units(0).unit() == "CS");
  CHECK(line.item_tax_class() == "STD");
}

TEST_CASE("a line written as bytes is the line protobuf writes", "[room]") {
  PricingBench bench;
  facts::v1::ItemChanged item = PricingBench::Item("X");
  item.set_tax_class("STD");
  item.set_successor_sku("Y");
  item.set_state(facts::v1::ItemChanged::ITEM_STATE_PHASE_OUT);
  bench.Put(item);
  const std::string longest(101, 'L');
  bench.Put(PricingBench::Item(longest));
  bench.Put(PricingBench::Account("A"));
  bench.Put(PricingBench::Book("LIST"));
  facts::v1::PriceChanged price = PricingBench::Price("LIST", "X", {{"1", "10.00"}});
  SetUs(*price.mutable_validity()->mutable_to(), "2026-07-01T00:00:00Z");
  bench.Put(price);
  bench.Put(PricingBench::Price("LIST", longest, {{"1", "10.00"}}));
  facts::v1::PartNumberChanged number;
  number.set_account("A");
  number.set_customer_sku("mine");
  number.set_sku("X");
  bench.Put(number);
  v1::CalculatePricesRequest request = PricingBench::Line("A", "X", "3.50");
  request.add_lines()->set_customer_sku("mine");
  request.mutable_lines(1)->mutable_quantity()->set_value("1");
  request.mutable_lines(1)->mutable_quantity()->set_unit("EA");
  *request.add_lines() = PricingBench::Line("A", longest, "2").lines(0);
  *request.add_lines() = PricingBench::Line("A", "NONE", "2").lines(0);

  const auto bytes = bench.CallBytes(PricingBench::Staff(), "CalculatePrices", request);
  request.add_include(v1::INCLUDE_QUANTITY_RULES);
  const auto with_rules = bench.CallBytes(PricingBench::Staff(), "CalculatePrices", request);

  REQUIRE(bytes.ok());
  REQUIRE(with_rules.ok());
  // Read and written again by protobuf it is the same, and the long way says the same.
  v1::CalculatePricesResponse short_way, long_way;
  REQUIRE(short_way.ParseFromString(*bytes));
  REQUIRE(long_way.ParseFromString(*with_rules));
  short_way.mutable_lines(3)->mutable_reason()->clear_metadata();
  CHECK(short_way.lines(0).SerializeAsString() ==
        bytes->substr(bytes->find("\n\x01X") , short_way.lines(0).ByteSizeLong()));
  for (v1::PriceLine& line : *long_way.mutable_lines()) line.clear_quantity_rules();
  long_way.mutable_lines(3)->mutable_reason()->clear_metadata();
  CHECK(short_way.SerializeAsString() == long_way.SerializeAsString());
  CHECK(short_way.lines(0).net().amount() == "35.00");
  CHECK(short_way.lines(0).valid_until().seconds() > 0);
  CHECK(short_way.lines(2).sku() == longest);
}

TEST_CASE("a basket of many lines answers each as if it were asked alone", "[room]") {
  PricingBench bench;
  bench.Put(PricingBench::Account("A", {"G"}));
  bench.Put(PricingBench::Book("LIST"));
  bench.Put(PricingBench::Book("G", 3, {"G"}));
  for (int i = 0; i < 40; ++i) {
    const std::string sku = absl::StrCat("S", i);
    bench.Put(PricingBench::Item(sku));
    bench.Put(PricingBench::Price("LIST", sku, {{"1", absl::StrCat(i + 1, ".10")}}));
    if (i % 3 == 0) bench.Put(PricingBench::Price("G", sku, {{"5", absl::StrCat(i, ".90")}}));
    if (i % 5 == 0) bench.Put(PricingBench::Discount(absl::StrCat("K", i), "A", sku, "10"));
  }
  const int count = GENERATE(1, 2, 3, 8, 9, 10, 17, 100);
  CAPTURE(count);
  v1::CalculatePricesRequest request = PricingBench::Line("A", "S0", "1");
  request.clear_lines();
  for (int i = 0; i < count; ++i) {
    v1::PriceRequestLine& line = *request.add_lines();
    line.set_sku(absl::StrCat("S", i * 7 % 43));  // Some are unknown.
    line.mutable_quantity()->set_value(absl::StrCat(1 + i % 9));
  }

  const auto together = bench.Calculate(PricingBench::Staff(), request);

  REQUIRE(together.ok());
  REQUIRE(together->lines_size() == count);
  for (int i = 0; i < count; ++i) {
    v1::CalculatePricesRequest one = request;
    one.clear_lines();
    *one.add_lines() = request.lines(i);
    CHECK(bench.Calculate(PricingBench::Staff(), one)->lines(0).DebugString() ==
          together->lines(i).DebugString());
  }
}

TEST_CASE("requests that make no sense are refused", "[room]") {
  Shop shop;
  v1::CalculatePricesRequest request = shop.Ask();
  request.clear_lines();
  CHECK(shop.Told(Shop::Staff(), request) == "LINES_REQUIRED");
  for (int i = 0; i < 5001; ++i) request.add_lines()->set_sku("85123A");
  CHECK(shop.Told(Shop::Staff(), request) == "TOO_MANY_LINES");
  request = shop.Ask();
  request.add_include(v1::INCLUDE_UNSPECIFIED);
  CHECK(shop.Told(Shop::Staff(), request) == "INCLUDE_UNKNOWN");
  request = shop.Ask();
  request.set_account("OTHER");
  CHECK(shop.Told(Shop::Buyer("ACME"), request) == "ACCOUNT_NOT_FOUND");
  request = shop.Ask();
  request.set_channel("punch-out");
  CHECK(shop.Told(Shop::Buyer("ACME"), request) == "CHANNEL_NOT_FOUND");
  request = shop.Ask();
  request.mutable_as_of()->set_nanos(-1);
  CHECK(shop.Told(Shop::Staff(), request) == "TIME_INVALID");
}

TEST_CASE("the epoch moves with every fact that could matter and stays otherwise", "[room]") {
  Shop shop;
  const auto epoch = [&] {
    return shop.Calculate(Shop::Staff(), shop.Ask())->lines(0).epoch();
  };
  const std::string before = epoch();
  CHECK(epoch() == before);

  shop.Put(Shop::Price("LIST", "85123A", {{"1", "17.75"}}));  // As it is already.
  CHECK(epoch() == before);
  shop.Put(Shop::Price("LIST", "85123A", {{"1", "17.80"}}));
  CHECK(epoch() != before);
}

}  // namespace
}  // namespace weft::pricing
