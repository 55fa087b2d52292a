#include "services/pricing/memory/fact_memory.h"

#include <catch2/catch.hpp>
#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/pricing/domain/find_price.h"
#include "services/pricing/state.h"

namespace weft::pricing {
namespace {

engine::ChangedRow Row(const std::string& key, const v1::StoredFact& fact) {
  return {"demo", 0, kCurrent.id, key, std::string(1, '\1') + fact.SerializeAsString()};
}

v1::StoredFact At(int64_t offset) {
  v1::StoredFact fact;
  fact.set_generation(1);
  fact.set_offset(offset);
  fact.set_number(offset);
  return fact;
}

// All prices of `count` items in one book, at one price each.
std::vector<engine::ChangedRow> Prices(int64_t offset, int count, int64_t price) {
  std::vector<engine::ChangedRow> rows;
  for (int i = 0; i < count; ++i) {
    v1::StoredFact fact = At(offset);
    facts::v1::PriceChanged& p = *fact.mutable_price();
    p.set_book("LIST");
    p.set_sku(absl::StrCat("S", i));
    p.set_entry("1");
    facts::v1::PriceTier& tier = *p.add_tiers();
    tier.set_minimum_quantity("1");
    tier.set_price(absl::StrCat(price));
    rows.push_back(Row(PriceKey(p), fact));
  }
  return rows;
}

void Base(FactMemory& memory, int count) {
  std::vector<engine::ChangedRow> rows;
  for (int i = 0; i < count; ++i) {
    v1::StoredFact fact = At(1);
    fact.mutable_item()->set_sku(absl::StrCat("S", i));
    fact.mutable_item()->set_base_unit("EA");
    rows.push_back(Row(ItemKey(fact.item().sku()), fact));
  }
  v1::StoredFact book = At(1);
  book.mutable_book()->set_book("LIST");
  book.mutable_book()->set_currency_code("GBP");
  rows.push_back(Row(BookKey("LIST"), book));
  v1::StoredFact account = At(1);
  account.mutable_account()->set_account("A");
  account.mutable_account()->set_currency_code("GBP");
  rows.push_back(Row(AccountKey("A"), account));
  memory.Apply(rows, "demo", {1, 1});
}

TEST_CASE("a reader sees one position however fast facts change", "[fact_memory]") {
  constexpr int kItems = 50;
  constexpr int kRounds = 3000;
  FactMemory memory;
  Base(memory, kItems);
  memory.Apply(Prices(2, kItems, 2), "demo", {1, 2});
  std::atomic<bool> done{false};
  std::atomic<int> torn{0};
  std::atomic<int> reads{0};
  std::vector<std::thread> readers;
  for (int r = 0; r < 3; ++r) {
    readers.emplace_back([&] {
      LineAnswer answer;
      do {
        const FactMemory::Snapshot facts(memory, "demo");
        Buyer buyer;
        if (!DescribeBuyer(facts, {.account = "A"}, buyer).ok()) ++torn;
        PriceFinder finder(facts, buyer, *PricingRules::Platform());
        // Round n sets every price to n at position n.
        const Decimal expected(static_cast<int64_t>(facts.position() & 0xffffffff));
        for (int i = 0; i < kItems; ++i) {
          const std::string sku = absl::StrCat("S", i);
          finder.Find({.sku = sku, .quantity = "1"}, Depth::kWinner, answer);
          if (answer.reason != LineReason::kNone || answer.net != expected) ++torn;
        }
        ++reads;
      } while (!done.load());
    });
  }

  for (int round = 3; round < kRounds; ++round) {
    memory.Apply(Prices(round, kItems, round), "demo", {1, round});
  }
  done.store(true);
  for (std::thread& reader : readers) reader.join();

  CHECK(torn.load() == 0);
  CHECK(reads.load() > 0);
  CHECK(memory.price_facts() == kItems);
}

TEST_CASE("replaced versions give their memory back", "[fact_memory]") {
  FactMemory memory;
  Base(memory, 100);
  for (int round = 2; round < 50; ++round) {
    memory.Apply(Prices(round, 100, round), "demo", {1, round});
  }
  const size_t before = memory.bytes();
  for (int round = 50; round < 2000; ++round) {
    memory.Apply(Prices(round, 100, round), "demo", {1, round});
  }
  CHECK(memory.bytes() == before);
  CHECK(memory.price_facts() == 100);
}

TEST_CASE("tables grow under readers", "[fact_memory]") {
  FactMemory memory;
  Base(memory, 10);
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  memory.Apply(Prices(2, 10, 7), "demo", {1, 2});
  std::thread reader([&] {
    LineAnswer answer;
    do {
      const FactMemory::Snapshot facts(memory, "demo");
      Buyer buyer;
      if (!DescribeBuyer(facts, {.account = "A"}, buyer).ok()) ++wrong;
      PriceFinder finder(facts, buyer, *PricingRules::Platform());
      finder.Find({.sku = "S3", .quantity = "1"}, Depth::kWinner, answer);
      if (answer.reason != LineReason::kNone || answer.net != Decimal(7)) ++wrong;
    } while (!done.load());
  });
  for (int64_t n = 3; n < 30'000; ++n) {
    v1::StoredFact fact = At(n);
    facts::v1::PriceChanged& p = *fact.mutable_price();
    p.set_book("LIST");
    p.set_sku(absl::StrCat("T", n));
    facts::v1::PriceTier& tier = *p.add_tiers();
    tier.set_price("1");
    memory.Apply({Row(PriceKey(p), fact)}, "demo", {1, n});
  }
  done.store(true);
  reader.join();
  CHECK(wrong.load() == 0);
}

TEST_CASE("large arrays begin with zeros and keep what is written, on whatever pages",
          "[pricing]") {
  for (const size_t size : {size_t{1}, size_t{1000}, HugeBlock::kPage / 8, HugeBlock::kPage / 4 + 1}) {
    const LargeArray<std::atomic<uint64_t>> array(size);
    uint64_t sum = 0;
    for (size_t i = 0; i < size; ++i) sum += array[i].exchange(i + 1);
    CHECK(sum == 0);
    CHECK(array[0] == 1);
    CHECK(array[size - 1] == size);
  }
  const HugeBlock block(1);
  CHECK(block.size() == HugeBlock::kPage);
  CHECK(reinterpret_cast<uintptr_t>(block.data()) % HugeBlock::kPage == 0);
}

TEST_CASE("pieces of an arena do not overlap when it grows onto huge pages", "[pricing]") {
  Arena arena;
  std::vector<uint64_t*> pieces;
  while (arena.reserved() < Arena::kSmall + 3 * HugeBlock::kPage) {
    pieces.push_back(static_cast<uint64_t*>(arena.Allocate(4096)));
    std::fill_n(pieces.back(), 512, pieces.size());
  }
  bool whole = true;
  for (size_t i = 0; i < pieces.size(); ++i) {
    whole = whole && pieces[i][0] == i + 1 && pieces[i][511] == i + 1;
  }
  CHECK(whole);
}

}  // namespace
}  // namespace weft::pricing
