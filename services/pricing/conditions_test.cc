// Surcharges, promotions, rates, costs, categories and scoped contracts: what the
// read model and the past hand out, and when epochs move.
#include <catch2/catch.hpp>

#include <algorithm>
#include <functional>
#include <memory>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "libs/base/error.h"
#include "services/pricing/domain/applicable.h"
#include "services/pricing/fact_convert.h"
#include "services/pricing/past.h"
#include "services/pricing/testing/pricing_bench.h"
#include "weft/facts/v1/conditions.pb.h"

namespace weft::pricing {
namespace {

using B = PricingBench;

int64_t UsOf(const char* rfc3339) {
  google::protobuf::Timestamp time;
  SetUs(time, rfc3339);
  return time.seconds() * 1'000'000;
}

facts::v1::SurchargeChanged Freight(const std::string& name, const std::string& amount) {
  facts::v1::SurchargeChanged fact;
  fact.set_surcharge(name);
  fact.set_kind(facts::v1::SurchargeChanged::KIND_FREIGHT);
  fact.set_per(facts::v1::SurchargeChanged::PER_LINE);
  fact.set_amount(amount);
  fact.set_currency_code("GBP");
  fact.mutable_target()->set_everything(true);
  return fact;
}
facts::v1::PromotionChanged Promo(const std::string& name, const std::string& percent) {
  facts::v1::PromotionChanged fact;
  fact.set_promotion(name);
  fact.set_percent(percent);
  fact.mutable_target()->set_everything(true);
  return fact;
}
facts::v1::ExchangeRateChanged Rate(const std::string& entry, const std::string& rate) {
  facts::v1::ExchangeRateChanged fact;
  fact.set_from_currency_code("EUR");
  fact.set_to_currency_code("USD");
  fact.set_entry(entry);
  fact.set_rate(rate);
  return fact;
}
facts::v1::CostChanged CostOf(const std::string& sku, const std::string& location,
                              const std::string& amount) {
  facts::v1::CostChanged fact;
  fact.set_sku(sku);
  fact.set_location(location);
  fact.set_entry("1");
  fact.mutable_cost()->set_amount(amount);
  fact.mutable_cost()->set_currency_code("GBP");
  return fact;
}
facts::v1::CategoryChanged CategoryBelow(const std::string& category, const std::string& parent) {
  facts::v1::CategoryChanged fact;
  fact.set_category(category);
  fact.set_parent_category(parent);
  return fact;
}

void Put(B& b, const facts::v1::SurchargeChanged& f) { b.Fact("surcharges/" + f.surcharge(), f); }
void Put(B& b, const facts::v1::PromotionChanged& f) { b.Fact("promotions/" + f.promotion(), f); }
void Put(B& b, const facts::v1::ExchangeRateChanged& f) { b.Fact("rates/" + f.entry(), f); }
void Put(B& b, const facts::v1::CostChanged& f) { b.Fact("costs/" + f.sku(), f); }
void Put(B& b, const facts::v1::CategoryChanged& f) { b.Fact("categories/" + f.category(), f); }
template <typename Fact>
void Gone(B& b, Fact fact) {
  fact.set_deleted(true);
  Put(b, fact);
}

// An item deep in a tree of categories and an account with a parent.
void Base(B& b) {
  facts::v1::ItemChanged item = B::Item("M8");
  item.add_categories("BOLTS");
  item.add_categories("STEEL");
  b.Put(item);
  b.Put(B::Item("PAINT"));
  Put(b, CategoryBelow("BOLTS", "FASTENERS"));
  Put(b, CategoryBelow("FASTENERS", "HARDWARE"));
  facts::v1::AccountChanged child = B::Account("CHILD", {"TRADE"});
  child.set_parent_account("TOP");
  child.set_branch("NORTH");
  b.Put(child);
  b.Put(B::Account("TOP"));
}

// What there is for CHILD and the item at `us`: "S:a,b P:c".
std::string Found(const Facts& facts, const std::string& sku, int64_t us,
                  int64_t* boundary = nullptr) {
  Buyer buyer;
  REQUIRE(DescribeBuyer(facts, {.account = "CHILD", .as_of_us = us}, buyer).ok());
  const Item* item = facts.FindItem(facts.Find(SymbolKind::kSku, sku));
  REQUIRE(item != nullptr);
  Categories categories;
  AllCategories(facts, *item, categories);
  const Symbol channel = facts.Find(SymbolKind::kChannel, "web");
  std::vector<const Surcharge*> surcharges;
  std::vector<const Promotion*> promotions;
  FindSurcharges(facts, *item, categories, buyer, channel, surcharges, boundary);
  FindPromotions(facts, *item, categories, buyer, channel, promotions, boundary);
  const auto names = [&](std::string* out, const auto* one, auto symbol) {
    absl::StrAppend(out, facts.Text(one->*symbol));
  };
  return absl::StrCat("S:",
                      absl::StrJoin(surcharges, ",",
                                    [&](std::string* out, const Surcharge* s) {
                                      names(out, s, &Surcharge::surcharge);
                                    }),
                      " P:",
                      absl::StrJoin(promotions, ",", [&](std::string* out, const Promotion* p) {
                        names(out, p, &Promotion::promotion);
                      }));
}

// The same asked of the read model, of the read model of a restarted replica, and of
// the stored rows.
template <typename Ask>
std::string Everywhere(B& b, const Ask& ask) {
  std::string now;
  {
    const FactMemory::Snapshot facts(b.memory(), "demo");
    now = ask(facts);
  }
  const auto rows = b.room().shards().Read("demo");
  REQUIRE(rows.ok());
  const PastFacts past(**rows, Moment{});
  CHECK(ask(past) == now);
  REQUIRE(past.status().ok());
  return now;
}

constexpr const char* kMay = "2026-05-01T12:00:00Z";

TEST_CASE("surcharges and promotions are found by item, category above it, and everything",
          "[conditions]") {
  B b;
  Base(b);
  Put(b, Freight("F-ALL", "5"));
  facts::v1::SurchargeChanged surcharge = Freight("F-HARDWARE", "2");
  surcharge.mutable_target()->Clear();
  surcharge.mutable_target()->add_categories("HARDWARE");
  Put(b, surcharge);
  surcharge = Freight("F-PAINT", "2");
  surcharge.mutable_target()->Clear();
  surcharge.mutable_target()->add_skus("PAINT");
  Put(b, surcharge);
  surcharge = Freight("F-NOT-BOLTS", "2");
  surcharge.mutable_target()->add_except_categories("FASTENERS");
  Put(b, surcharge);
  facts::v1::PromotionChanged promotion = Promo("P-LOW", "3");
  Put(b, promotion);
  promotion = Promo("P-HIGH", "3");
  promotion.set_priority(7);
  promotion.mutable_target()->Clear();
  // Named twice, counted once.
  promotion.mutable_target()->add_skus("M8");
  promotion.mutable_target()->add_categories("BOLTS");
  Put(b, promotion);

  const auto ask = [](const char* sku) {
    return [sku](const Facts& facts) { return Found(facts, sku, UsOf(kMay)); };
  };
  CHECK(Everywhere(b, ask("M8")) == "S:F-ALL,F-HARDWARE P:P-HIGH,P-LOW");
  CHECK(Everywhere(b, ask("PAINT")) == "S:F-ALL,F-NOT-BOLTS,F-PAINT P:P-LOW");
  b.room().Reopen();
  CHECK(Everywhere(b, ask("M8")) == "S:F-ALL,F-HARDWARE P:P-HIGH,P-LOW");

  // The tree changes, a surcharge changes its target, a promotion goes.
  Gone(b, CategoryBelow("FASTENERS", ""));
  surcharge = Freight("F-ALL", "5");
  surcharge.mutable_target()->Clear();
  surcharge.mutable_target()->add_skus("PAINT");
  Put(b, surcharge);
  Gone(b, Promo("P-LOW", "3"));
  CHECK(Everywhere(b, ask("M8")) == "S: P:P-HIGH");
  CHECK(Everywhere(b, ask("PAINT")) == "S:F-ALL,F-NOT-BOLTS,F-PAINT P:");
}

TEST_CASE("a scope lets in members of an account's chain or group, in one place", "[conditions]") {
  const auto [change, fits] =
      GENERATE(table<std::function<void(facts::v1::BuyerScope&)>, bool>({
          {[](auto&) {}, true},
          {[](auto& s) { s.add_accounts("CHILD"); }, true},
          {[](auto& s) { s.add_accounts("TOP"); }, true},
          {[](auto& s) { s.add_accounts("OTHER"); }, false},
          {[](auto& s) { s.add_groups("TRADE"); }, true},
          {[](auto& s) { s.add_groups("RETAIL"); }, false},
          {[](auto& s) {
             s.add_accounts("OTHER");
             s.add_groups("TRADE");
           },
           true},
          {[](auto& s) { s.set_branch("NORTH"); }, true},
          {[](auto& s) { s.set_branch("SOUTH"); }, false},
          {[](auto& s) { s.set_organisation("NL"); }, false},
          {[](auto& s) { s.set_channel("web"); }, true},
          {[](auto& s) { s.set_channel("edi"); }, false},
          {[](auto& s) {
             s.add_accounts("TOP");
             s.set_channel("edi");
           },
           false},
      }));
  B b;
  Base(b);
  facts::v1::PromotionChanged promotion = Promo("P", "1");
  change(*promotion.mutable_scope());
  CAPTURE(promotion.scope().ShortDebugString());
  Put(b, promotion);

  CHECK(Everywhere(b, [](const Facts& facts) { return Found(facts, "M8", UsOf(kMay)); }) ==
        (fits ? "S: P:P" : "S: P:"));
}

TEST_CASE("what begins or ends later bounds how long an answer holds", "[conditions]") {
  B b;
  Base(b);
  facts::v1::PromotionChanged promotion = Promo("P", "1");
  SetUs(*promotion.mutable_validity()->mutable_from(), "2026-06-01T00:00:00Z");
  SetUs(*promotion.mutable_validity()->mutable_to(), "2026-07-01T00:00:00Z");
  Put(b, promotion);

  const auto at = [&](const char* time) {
    return Everywhere(b, [&](const Facts& facts) {
      int64_t boundary = kForEver;
      std::string found = Found(facts, "M8", UsOf(time), &boundary);
      if (boundary != kForEver) {
        absl::StrAppend(&found, " until ",
                        absl::FormatTime("%m-%d", absl::FromUnixMicros(boundary),
                                         absl::UTCTimeZone()));
      }
      return found;
    });
  };
  CHECK(at("2026-05-31T23:59:59Z") == "S: P: until 06-01");
  CHECK(at("2026-06-01T00:00:00Z") == "S: P:P until 07-01");
  CHECK(at("2026-07-01T00:00:00Z") == "S: P:");
}

TEST_CASE("a rate holds in its time only and is never made up", "[conditions]") {
  B b;
  const auto at = [&](const char* time, const char* from = "EUR", const char* to = "USD") {
    return Everywhere(b, [&](const Facts& facts) -> std::string {
      ExchangeRate rate;
      switch (FindRate(facts, Currency::Find(from), Currency::Find(to), "", UsOf(time), rate,
                       nullptr)) {
        case RateState::kFound: return rate.rate.ToString();
        case RateState::kMissing: return "missing";
        case RateState::kNotYet: return "not yet";
        case RateState::kExpired: return "expired";
      }
      return "";
    });
  };
  CHECK(at("2026-01-15T00:00:00Z") == "missing");
  facts::v1::ExchangeRateChanged january = Rate("jan", "1.0837");
  SetUs(*january.mutable_validity()->mutable_from(), "2026-01-01T00:00:00Z");
  SetUs(*january.mutable_validity()->mutable_to(), "2026-02-01T00:00:00Z");
  Put(b, january);
  CHECK(at("2025-12-31T00:00:00Z") == "not yet");
  CHECK(at("2026-01-15T00:00:00Z") == "1.0837");
  CHECK(at("2026-02-01T00:00:00Z") == "expired");
  CHECK(at("2026-01-15T00:00:00Z", "USD", "EUR") == "missing");
  CHECK(at("2026-01-15T00:00:00Z", "USD", "USD") == "1");

  facts::v1::ExchangeRateChanged later = Rate("mid", "1.1");
  SetUs(*later.mutable_validity()->mutable_from(), "2026-01-10T00:00:00Z");
  Put(b, later);
  CHECK(at("2026-01-09T00:00:00Z") == "1.0837");
  CHECK(at("2026-01-15T00:00:00Z") == "1.1");
  Gone(b, later);
  CHECK(at("2026-01-15T00:00:00Z") == "1.0837");
  b.room().Reopen();
  CHECK(at("2026-01-15T00:00:00Z") == "1.0837");
}

TEST_CASE("the cost of the place goes before that of anywhere, and the item's own last",
          "[conditions]") {
  B b;
  facts::v1::ItemChanged item = B::Item("M8");
  item.mutable_cost()->set_amount("1.00");
  item.mutable_cost()->set_currency_code("GBP");
  b.Put(item);
  b.Put(B::Item("PAINT"));
  const auto cost = [&](const char* sku, const char* location, const char* organisation = "") {
    return Everywhere(b, [&](const Facts& facts) -> std::string {
      Cost found;
      const Item* i = facts.FindItem(facts.Find(SymbolKind::kSku, sku));
      return FindCost(facts, *i, facts.Find(SymbolKind::kLocation, location),
                      facts.Find(SymbolKind::kOrganisation, organisation), UsOf(kMay), found,
                      nullptr)
                 ? absl::StrCat(found.cost.amount.ToString(), "/", found.per_quantity)
                 : "unknown";
    });
  };
  CHECK(cost("M8", "DEN") == "1.00/1");
  CHECK(cost("PAINT", "DEN") == "unknown");
  facts::v1::CostChanged anywhere = CostOf("M8", "", "90");
  anywhere.set_per_quantity(100);
  Put(b, anywhere);
  Put(b, CostOf("M8", "DEN", "0.80"));
  facts::v1::CostChanged ours = CostOf("M8", "DEN", "0.85");
  ours.set_organisation("US");
  Put(b, ours);
  CHECK(cost("M8", "CHI") == "90/100");
  CHECK(cost("M8", "DEN") == "0.80/1");
  CHECK(cost("M8", "DEN", "US") == "0.85/1");
  facts::v1::CostChanged old = CostOf("M8", "DEN", "0.70");
  SetUs(*old.mutable_validity()->mutable_to(), "2026-01-01T00:00:00Z");
  Put(b, old);  // The same subject: it replaces the cost, which is over now.
  CHECK(cost("M8", "DEN") == "90/100");
  Gone(b, anywhere);
  CHECK(cost("M8", "DEN") == "1.00/1");
}

TEST_CASE("a contract of a project or an address is another owner's", "[conditions]") {
  B b;
  Base(b);
  facts::v1::ContractChanged contract = B::Discount("K-1", "CHILD", "M8", "10");
  contract.set_project("TOWER-B");
  b.Put(contract);
  contract = B::Discount("K-2", "CHILD", "M8", "12");
  contract.set_ship_to("DOCK-4");
  b.Put(contract);
  contract.clear_sku();
  contract.set_contract("K-3");
  contract.clear_ship_to();
  contract.set_everything(true);
  contract.set_channel("edi");
  contract.add_except_skus("M8");
  contract.add_except_categories("STEEL");
  contract.clear_promise();
  for (const auto& [minimum, percent] : {std::pair("25", "3"), std::pair("100", "8")}) {
    facts::v1::DiscountTier& tier = *contract.mutable_discount_tiers()->add_tiers();
    tier.set_minimum_quantity(minimum);
    tier.set_percent(percent);
  }
  contract.mutable_discount_tiers()->set_scale_group("ALL");
  b.Put(contract);

  const auto offers = [](const Facts& facts) {
    const Symbol account = facts.Find(SymbolKind::kAccount, "CHILD");
    const Symbol sku = facts.Find(SymbolKind::kSku, "M8");
    std::string told;
    const auto tell = [&](Symbol owner, Symbol target) {
      Offers found;
      if (owner != Symbol::kNone) facts.AddOffers(owner, target, found);
      for (const Offer& offer : found) {
        absl::StrAppend(&told, offer.name);
        if (offer.promise == Offer::Promise::kDiscountTiers) {
          for (int i = 0; i < offer.tier_count; ++i) {
            absl::StrAppend(&told, " ", offer.TierAt(i).minimum.ToString(), ":",
                            offer.TierAt(i).price.ToString());
          }
        }
        if (offer.terms != nullptr) {
          absl::StrAppend(&told, " ", facts.Text(offer.terms->scale_group), " ",
                          facts.Text(offer.terms->channel), " ", offer.terms->Excepts(sku),
                          offer.terms->Excepts(facts.Find(SymbolKind::kCategory, "STEEL")),
                          offer.terms->Excepts(facts.Find(SymbolKind::kCategory, "BOLTS")));
        }
      }
      absl::StrAppend(&told, "; ");
    };
    tell(account, sku);
    tell(facts.FindSite(SymbolKind::kProject, account, "TOWER-B"), sku);
    tell(facts.FindSite(SymbolKind::kShipTo, account, "DOCK-4"), sku);
    tell(facts.FindSite(SymbolKind::kShipTo, account, "TOWER-B"), sku);
    tell(account, Symbol::kNone);
    return told;
  };
  const std::string expected = "; K-1; K-2; ; K-3 25:3 100:8 ALL edi 110; ";
  CHECK(Everywhere(b, offers) == expected);
  b.room().Reopen();
  CHECK(Everywhere(b, offers) == expected);
  // It leaves the project.
  contract = B::Discount("K-1", "CHILD", "M8", "10");
  b.Put(contract);
  CHECK(Everywhere(b, offers) == "K-1; ; K-2; ; K-3 25:3 100:8 ALL edi 110; ");
}

TEST_CASE("conditions as they were known are those recorded by then", "[conditions]") {
  B b;
  Base(b);
  Put(b, Freight("F", "5"));
  Put(b, Rate("1", "1.10"));
  Put(b, CostOf("M8", "", "3"));
  const Stamp before = FactMemory::Snapshot(b.memory(), "demo").position();
  Put(b, Freight("F", "6"));
  Put(b, Rate("1", "1.20"));
  Gone(b, CostOf("M8", "", "3"));
  Put(b, Promo("P", "4"));

  const auto rows = b.room().shards().Read("demo");
  REQUIRE(rows.ok());
  const auto told = [](const Facts& facts) {
    std::string text = Found(facts, "M8", UsOf(kMay));
    std::vector<const Surcharge*> surcharges;
    facts.AddSurcharges(Symbol::kNone, surcharges);
    for (const Surcharge* s : surcharges) absl::StrAppend(&text, " ", s->amount.ToString());
    ExchangeRate rate;
    FindRate(facts, Currency::Find("EUR"), Currency::Find("USD"), "", UsOf(kMay), rate, nullptr);
    Cost cost;
    const Item* item = facts.FindItem(facts.Find(SymbolKind::kSku, "M8"));
    const bool known =
        FindCost(facts, *item, Symbol::kNone, Symbol::kNone, UsOf(kMay), cost, nullptr);
    absl::StrAppend(&text, " ", rate.rate.ToString(), " ",
                    known ? cost.cost.amount.ToString() : "unknown");
    return text;
  };
  CHECK(told(PastFacts(**rows, Moment{.position = before})) == "S:F P: 5 1.10 3");
  CHECK(told(PastFacts(**rows, Moment{})) == "S:F P:P 6 1.20 unknown");
}

// --- Epochs ------------------------------------------------------------------

Stamp Epoch(B& b, const std::string& account, const std::string& sku) {
  const FactMemory::Snapshot facts(b.memory(), "demo");
  Buyer buyer;
  REQUIRE(DescribeBuyer(facts, {.account = account, .currency = "GBP"}, buyer).ok());
  return EpochOf(facts, buyer, facts.Find(SymbolKind::kSku, sku));
}

TEST_CASE("an epoch moves with what a price depends on and with little else", "[conditions]") {
  B b;
  Base(b);
  b.Put(B::Account("OTHER", {"RETAIL"}));
  b.Put(B::Book("LIST"));
  b.Put(B::Price("LIST", "M8", {{"1", "2"}}));
  const auto contract = [](const char* name, const char* owner, bool group) {
    facts::v1::ContractChanged fact = B::Discount(name, group ? "" : owner, "M8", "5");
    if (group) fact.set_group(owner);
    return fact;
  };
  // Each row: what happens, and whether it moves (CHILD, M8), (CHILD, PAINT), (OTHER, M8).
  struct Row {
    const char* what;
    std::function<void()> happens;
    bool child_m8, child_paint, other_m8;
  };
  const std::vector<Row> rows = {
      {"a price of the item", [&] { b.Put(B::Price("LIST", "M8", {{"1", "3"}})); }, true, false,
       true},
      {"the item", [&] { b.Put(B::Item("M8")); }, true, false, true},
      {"its cost", [&] { Put(b, CostOf("M8", "DEN", "1")); }, true, false, true},
      {"a contract of the account", [&] { b.Put(contract("K1", "CHILD", false)); }, true, true,
       false},
      {"a contract of its parent", [&] { b.Put(contract("K2", "TOP", false)); }, true, true,
       false},
      {"a contract of its group", [&] { b.Put(contract("K3", "TRADE", true)); }, true, true,
       false},
      {"a contract of its project",
       [&] {
         facts::v1::ContractChanged fact = contract("K4", "CHILD", false);
         fact.set_project("TOWER-B");
         b.Put(fact);
       },
       true, true, false},
      {"a contract that leaves it", [&] { b.Put(contract("K1", "OTHER", false)); }, true, true,
       true},
      {"a book", [&] { b.Put(B::Book("TRADE", 1, {"TRADE"})); }, true, true, true},
      {"a promotion", [&] { Put(b, Promo("P", "1")); }, true, true, true},
      {"a promotion's end", [&] { Gone(b, Promo("P", "1")); }, true, true, true},
      {"a surcharge", [&] { Put(b, Freight("F", "1")); }, true, true, true},
      {"a rate", [&] { Put(b, Rate("1", "1.2")); }, true, true, true},
      {"a category", [&] { Put(b, CategoryBelow("STEEL", "METALS")); }, true, true, true},
      {"the price's end",
       [&] {
         facts::v1::PriceChanged fact = B::Price("LIST", "M8", {});
         fact.set_deleted(true);
         b.Put(fact);
       },
       true, false, true},
      {"the parent's end",
       [&] {
         facts::v1::AccountChanged fact = B::Account("TOP");
         fact.set_deleted(true);
         b.Put(fact);
       },
       true, true, false},
      {"the parent's return", [&] { b.Put(B::Account("TOP")); }, true, true, false},
      {"another item", [&] { b.Put(B::Item("GLUE")); }, false, false, false},
      {"a repeat", [&] { b.Put(B::Item("GLUE")); }, false, false, false},
      {"the account", [&] { b.Put(B::Account("CHILD")); }, true, true, false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const Stamp child_m8 = Epoch(b, "CHILD", "M8");
    const Stamp child_paint = Epoch(b, "CHILD", "PAINT");
    const Stamp other_m8 = Epoch(b, "OTHER", "M8");
    row.happens();
    CHECK((Epoch(b, "CHILD", "M8") > child_m8) == row.child_m8);
    CHECK((Epoch(b, "CHILD", "PAINT") > child_paint) == row.child_paint);
    CHECK((Epoch(b, "OTHER", "M8") > other_m8) == row.other_m8);
    CHECK(Epoch(b, "CHILD", "M8") >= child_m8);

    const Stamp now = Epoch(b, "CHILD", "M8");
    const Stamp paint = Epoch(b, "CHILD", "PAINT");
    b.room().Reopen();
    CHECK(Epoch(b, "CHILD", "M8") == now);
    CHECK(Epoch(b, "CHILD", "PAINT") == paint);
  }
}

TEST_CASE("a priced line bears the epoch of its item and account, an explained one the same",
          "[conditions]") {
  B b;
  Base(b);
  b.Put(B::Book("LIST"));
  b.Put(B::Price("LIST", "M8", {{"1", "2"}}));
  b.Put(B::Price("LIST", "PAINT", {{"1", "9"}}));
  const auto epochs = [&] {
    v1::CalculatePricesRequest request = B::Line("CHILD", "M8", "1");
    *request.add_lines() = B::Line("CHILD", "PAINT", "1").lines(0);
    *request.add_lines() = B::Line("CHILD", "NOT-THERE", "1").lines(0);
    const auto answer = b.Calculate(B::Staff(), request);
    REQUIRE(answer.ok());
    v1::ExplainPriceRequest explain;
    explain.set_account("CHILD");
    *explain.mutable_line() = request.lines(0);
    const auto told = b.Call<v1::PriceExplanation>(B::Staff(), "ExplainPrice", explain);
    REQUIRE(told.ok());
    CHECK(told->line().epoch() == answer->lines(0).epoch());
    return absl::StrCat(answer->lines(0).epoch(), " ", answer->lines(1).epoch(), " ",
                        answer->lines(2).epoch());
  };
  const std::vector<std::string> before = absl::StrSplit(epochs(), ' ');
  b.Put(B::Item("PAINT-2"));
  CHECK(std::vector<std::string>(absl::StrSplit(epochs(), ' ')) == before);
  b.Put(B::Price("LIST", "PAINT", {{"1", "8"}}));
  std::vector<std::string> after = absl::StrSplit(epochs(), ' ');
  CHECK(after[0] == before[0]);
  CHECK(after[1] != before[1]);
  CHECK(after[2] == before[2]);
  b.Put(B::Item("NOT-THERE"));
  after = absl::StrSplit(epochs(), ' ');
  CHECK(after[0] == before[0]);
  CHECK(after[2] != before[2]);
}

// --- What makes no sense -----------------------------------------------------

template <typename Fact>
std::string Wrong(Fact fact, const std::function<void(Fact&)>& change) {
  change(fact);
  return ReasonOf(CheckFact(fact));
}

TEST_CASE("a condition that makes no sense has its reason", "[conditions]") {
  using facts::v1::CategoryChanged;
  using facts::v1::CostChanged;
  using facts::v1::ExchangeRateChanged;
  using facts::v1::PromotionChanged;
  using facts::v1::RebateAgreementChanged;
  using facts::v1::SurchargeChanged;

  const auto surcharge = [](const std::function<void(SurchargeChanged&)>& change) {
    return Wrong(Freight("F", "5"), change);
  };
  CHECK(surcharge([](auto&) {}).empty());
  CHECK(surcharge([](auto& f) { f.clear_surcharge(); }) == "FACT_INCOMPLETE");
  CHECK(surcharge([](auto& f) { f.clear_kind(); }) == "FACT_INCOMPLETE");
  CHECK(surcharge([](auto& f) { f.clear_per(); }) == "FACT_INCOMPLETE");
  CHECK(surcharge([](auto& f) { f.set_amount("-1"); }) == "AMOUNT_INVALID");
  CHECK(surcharge([](auto& f) { f.clear_amount(); }) == "AMOUNT_INVALID");
  CHECK(surcharge([](auto& f) { f.clear_currency_code(); }) == "CURRENCY_UNKNOWN");
  CHECK(surcharge([](auto& f) {
          f.set_per(SurchargeChanged::PER_LINE_PERCENT);
          f.clear_currency_code();
        }).empty());
  CHECK(surcharge([](auto& f) { f.set_kind(SurchargeChanged::KIND_MINIMUM_ORDER); }) ==
        "FACT_INCOMPLETE");
  CHECK(surcharge([](auto& f) { f.set_kind(SurchargeChanged::KIND_SMALL_QUANTITY); }) ==
        "FACT_INCOMPLETE");
  CHECK(surcharge([](auto& f) { f.set_below_quantity("few"); }) == "QUANTITY_INVALID");
  CHECK(surcharge([](auto& f) { f.clear_target(); }) == "TARGET_INVALID");
  CHECK(surcharge([](auto& f) { f.mutable_target()->add_skus("X"); }) == "TARGET_INVALID");
  CHECK(surcharge([](auto& f) { f.mutable_scope()->add_groups(""); }) == "FACT_INCOMPLETE");

  const auto promotion = [](const std::function<void(PromotionChanged&)>& change) {
    return Wrong(Promo("P", "5"), change);
  };
  CHECK(promotion([](auto&) {}).empty());
  CHECK(promotion([](auto& f) { f.clear_benefit(); }) == "FACT_INCOMPLETE");
  CHECK(promotion([](auto& f) { f.set_percent("100.5"); }) == "AMOUNT_INVALID");
  CHECK(promotion([](auto& f) { f.mutable_fixed_price()->set_amount("5"); }) ==
        "CURRENCY_UNKNOWN");

  const auto rate = [](const std::function<void(ExchangeRateChanged&)>& change) {
    return Wrong(Rate("1", "1.5"), change);
  };
  CHECK(rate([](auto&) {}).empty());
  CHECK(rate([](auto& f) { f.set_rate("0"); }) == "RATE_INVALID");
  CHECK(rate([](auto& f) { f.set_rate("about 1"); }) == "RATE_INVALID");
  CHECK(rate([](auto& f) { f.set_to_currency_code("EUR"); }) == "RATE_INVALID");
  CHECK(rate([](auto& f) { f.set_to_currency_code("XYZ1"); }) == "CURRENCY_UNKNOWN");

  const auto cost = [](const std::function<void(CostChanged&)>& change) {
    return Wrong(CostOf("M8", "", "5"), change);
  };
  CHECK(cost([](auto&) {}).empty());
  CHECK(cost([](auto& f) { f.clear_cost(); }) == "CURRENCY_UNKNOWN");
  CHECK(cost([](auto& f) { f.mutable_cost()->set_amount("-5"); }) == "AMOUNT_INVALID");
  CHECK(cost([](auto& f) { f.set_per_quantity(-5); }) == "QUANTITY_INVALID");

  CHECK(Wrong<CategoryChanged>(CategoryBelow("A", "A"), [](auto&) {}) == "TARGET_INVALID");

  const auto rebate = [](const std::function<void(RebateAgreementChanged&)>& change) {
    RebateAgreementChanged fact;
    fact.set_agreement("R");
    fact.set_account("A");
    fact.set_currency_code("EUR");
    fact.set_mode(RebateAgreementChanged::MODE_RETROACTIVE);
    fact.set_period(RebateAgreementChanged::PERIOD_YEAR);
    fact.mutable_target()->set_everything(true);
    for (const auto& [from, percent] : {std::pair("0", "0"), std::pair("10000", "2")}) {
      facts::v1::RebateTier& tier = *fact.add_tiers();
      tier.set_from_turnover(from);
      tier.set_percent(percent);
    }
    return Wrong(fact, change);
  };
  CHECK(rebate([](auto&) {}).empty());
  CHECK(rebate([](auto& f) { f.set_group("G"); }) == "FACT_INCOMPLETE");
  CHECK(rebate([](auto& f) { f.clear_mode(); }) == "FACT_INCOMPLETE");
  CHECK(rebate([](auto& f) { f.clear_tiers(); }) == "TIERS_INVALID");
  CHECK(rebate([](auto& f) { f.mutable_tiers(1)->set_from_turnover("0"); }) == "TIERS_INVALID");
  CHECK(rebate([](auto& f) { f.mutable_tiers(1)->set_percent("101"); }) == "AMOUNT_INVALID");
  CHECK(rebate([](auto& f) { f.set_period(RebateAgreementChanged::PERIOD_WHOLE); }) ==
        "VALIDITY_INVALID");
  CHECK(rebate([](auto& f) { f.set_time_zone("Mars/Base"); }) == "FACT_INCOMPLETE");
  CHECK(rebate([](auto& f) { f.set_settle_after_days(400); }) == "QUANTITY_INVALID");

  const auto contract = [](const std::function<void(facts::v1::ContractChanged&)>& change) {
    return Wrong(B::Discount("K", "A", "X", "5"), change);
  };
  CHECK(contract([](auto& f) { f.set_project("P"); }).empty());
  CHECK(contract([](auto& f) {
          f.set_project("P");
          f.set_ship_to("S");
        }) == "FACT_INCOMPLETE");
  CHECK(contract([](auto& f) {
          f.clear_account();
          f.set_group("G");
          f.set_project("P");
        }) == "FACT_INCOMPLETE");
  CHECK(contract([](auto& f) { f.set_project("a\x1f"); }) == "FACT_INCOMPLETE");
  CHECK(contract([](auto& f) {
          for (int i = 0; i < 251; ++i) f.add_except_skus("X");
        }) == "TARGET_INVALID");
  CHECK(contract([](auto& f) { f.mutable_discount_tiers(); }) == "TIERS_INVALID");
  CHECK(contract([](auto& f) {
          facts::v1::DiscountTier& tier = *f.mutable_discount_tiers()->add_tiers();
          tier.set_minimum_quantity("1");
          tier.set_percent("120");
        }) == "DISCOUNT_INVALID");
}

}  // namespace
}  // namespace weft::pricing
