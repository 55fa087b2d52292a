// What pricing takes in one process on one core: memory of a million price facts,
// rate of lines, time of a call. Bytes of a request in, bytes of the answer out,
// as a server hands them to the room; no network.
//
//   pricing_bench [seconds per figure [price facts]]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "libs/base/status_macros.h"
#include "services/pricing/rule_documents.h"
#include "services/pricing/state.h"
#include "services/pricing/testing/pricing_bench.h"

namespace weft::pricing {
namespace {

constexpr int kItems = 50'000;
constexpr int kAccounts = 10'000;
constexpr int kBooks = 5'000;
int price_facts = 1'000'000;
constexpr int kContracts = 150'000;
constexpr char kTenant[] = "demo";

using Clock = std::chrono::steady_clock;

double Seconds(Clock::time_point from) {
  return std::chrono::duration<double>(Clock::now() - from).count();
}

// What this thread had of a core: rates hold on a machine that does other things.
double CpuSeconds() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

std::string Sku(int i) { return absl::StrCat("SKU-", 100000 + i); }
std::string AccountName(int i) { return absl::StrCat("ACC-", 10000 + i); }
std::string GroupName(int i) { return absl::StrCat("GRP-", i); }
std::string BookName(int i) { return i == 0 ? "LIST" : absl::StrCat("BOOK-", i); }

// Hands facts to the read model as the engine does, one turn each.
class Loader {
 public:
  explicit Loader(FactMemory& memory) : memory_(memory) {}
  template <typename Set>
  void Put(const std::string& key, const Set& set) {
    v1::StoredFact fact;
    fact.set_generation(1);
    fact.set_offset(++offset_);
    fact.set_number(static_cast<int64_t>(StampOf(1, offset_)));
    fact.set_recorded_us(1'700'000'000'000'000 + offset_);
    set(fact);
    std::string value(1, '\1');
    fact.AppendToString(&value);
    rows_[0] = {kTenant, 0, kCurrent.id, key, std::move(value)};
    const double start = CpuSeconds();
    memory_.Apply(rows_, kTenant, {1, offset_});
    seconds_ += CpuSeconds() - start;
  }
  int64_t count() const { return offset_; }
  double seconds() const { return seconds_; }

 private:
  FactMemory& memory_;
  std::vector<engine::ChangedRow> rows_{1};
  int64_t offset_ = 0;
  double seconds_ = 0;
};

void AddTiers(std::mt19937& random, facts::v1::PriceTier* (*add)(void*), void* to) {
  const int tiers = 1 + static_cast<int>(random() % 3);
  int price = 500 + static_cast<int>(random() % 100'000);
  int quantity = 1;
  for (int t = 0; t < tiers; ++t) {
    facts::v1::PriceTier& tier = *add(to);
    tier.set_minimum_quantity(absl::StrCat(quantity));
    tier.set_price(absl::StrCat(price / 100, ".", price % 100 / 10, price % 10));
    price = price * 95 / 100;
    quantity = quantity == 1 ? 10 : quantity * 5;
  }
}

void Fill(Loader& loader) {
  std::mt19937 random(42);
  for (int i = 0; i < kItems; ++i) {
    loader.Put(ItemKey(Sku(i)), [&](v1::StoredFact& fact) {
      facts::v1::ItemChanged& item = *fact.mutable_item();
      item.set_sku(Sku(i));
      item.set_base_unit("EA");
      item.set_tax_class("STD");
      item.add_categories(absl::StrCat("CAT-", i % 500));
      common::v1::UnitRatio& unit = *item.add_units();
      unit.set_unit("CS");
      unit.set_numerator(12);
      unit.set_denominator(1);
    });
  }
  for (int i = 0; i < kBooks; ++i) {
    loader.Put(BookKey(BookName(i)), [&](v1::StoredFact& fact) {
      facts::v1::PriceBookChanged& book = *fact.mutable_book();
      book.set_book(BookName(i));
      book.set_currency_code("GBP");
      book.set_priority(i == 0 ? 0 : 10);
      if (i != 0) book.add_groups(GroupName(i));
    });
  }
  for (int i = 0; i < kAccounts; ++i) {
    loader.Put(AccountKey(AccountName(i)), [&](v1::StoredFact& fact) {
      facts::v1::AccountChanged& account = *fact.mutable_account();
      account.set_account(AccountName(i));
      account.set_currency_code("GBP");
      account.add_groups(GroupName(1 + i % (kBooks - 1)));
      if (i % 4 == 3) account.set_parent_account(AccountName(i - 3));
    });
  }
  // Contracts: of accounts for an item, a category, everything; of groups.
  for (int i = 0; i < kContracts; ++i) {
    v1::StoredFact made;
    facts::v1::ContractChanged& contract = *made.mutable_contract();
    contract.set_contract(absl::StrCat("K-", i));
    const int kind = i % 15;
    if (kind < 12) {
      contract.set_account(AccountName(i % kAccounts));
    } else {
      contract.set_group(GroupName(1 + i % (kBooks - 1)));
    }
    if (kind == 10 || kind == 13) {
      contract.set_category(absl::StrCat("CAT-", random() % 500));
      contract.set_discount_percent(absl::StrCat(5 + i % 20));
    } else if (kind == 11 && i < 5000) {
      contract.set_everything(true);
      contract.set_discount_percent("3");
    } else {
      contract.set_sku(Sku(static_cast<int>(random() % kItems)));
      contract.mutable_net_price()->set_currency_code("GBP");
      AddTiers(random, [](void* to) {
        return static_cast<facts::v1::ContractChanged::NetPrice*>(to)->add_tiers();
      }, contract.mutable_net_price());
    }
    loader.Put(ContractKey(contract), [&](v1::StoredFact& fact) { *fact.mutable_contract() = contract; });
  }
  const int prices = price_facts - kContracts;
  for (int i = 0; i < prices; ++i) {
    facts::v1::PriceChanged price;
    if (i < kItems) {
      price.set_book("LIST");
      price.set_sku(Sku(i));
    } else {
      price.set_book(BookName(1 + i % (kBooks - 1)));
      price.set_sku(Sku(static_cast<int>(random() % kItems)));
    }
    price.set_entry(absl::StrCat(i < kItems ? 1 : i));
    AddTiers(random, [](void* to) {
      return static_cast<facts::v1::PriceChanged*>(to)->add_tiers();
    }, &price);
    loader.Put(PriceKey(price), [&](v1::StoredFact& fact) { *fact.mutable_price() = price; });
  }
}

std::vector<std::string> Requests(int lines, int count) {
  std::mt19937 random(7);
  std::vector<std::string> requests;
  for (int i = 0; i < count; ++i) {
    v1::CalculatePricesRequest request;
    request.set_account(AccountName(static_cast<int>(random() % kAccounts)));
    request.mutable_as_of()->set_seconds(1'767'225'600);
    for (int l = 0; l < lines; ++l) {
      v1::PriceRequestLine& line = *request.add_lines();
      line.set_sku(Sku(static_cast<int>(random() % kItems)));
      line.mutable_quantity()->set_value(absl::StrCat(1 + random() % 60));
      line.mutable_quantity()->set_unit("EA");
    }
    requests.push_back(request.SerializeAsString());
  }
  return requests;
}

void Measure(DirectMethods& methods, int lines, double seconds) {
  const rpc::RawUnaryHandler& handler =
      methods.handler("weft.pricing.v1.PricingService/CalculatePrices");
  rpc::CallContext context;
  context.principal = PricingBench::Staff(kTenant);
  context.deadline = absl::InfiniteFuture();
  const std::vector<std::string> requests = Requests(lines, lines > 1000 ? 20 : 20'000 / lines + 100);
  std::vector<double> took;
  const auto call = [&](size_t i) {
    const auto start = Clock::now();
    const auto answer = DirectMethods::CallBytes(handler, context, requests[i % requests.size()]);
    took.push_back(Seconds(start));
    WEFT_CHECK_OK(answer);
  };
  for (size_t i = 0; i < requests.size(); ++i) call(i);
  took.clear();
  const double start = CpuSeconds();
  for (size_t i = 0; i % 64 != 0 || CpuSeconds() - start < seconds; ++i) call(i);
  const double all = CpuSeconds() - start;
  std::sort(took.begin(), took.end());
  std::printf("%5d lines a call: %9.0f lines/s  %8.0f calls/s  p50 %8.1f us  p99 %8.1f us\n", lines,
              static_cast<double>(took.size()) * lines / all, static_cast<double>(took.size()) / all,
              took[took.size() / 2] * 1e6, took[took.size() * 99 / 100] * 1e6);
}

void MeasureRules(FactMemory& memory, double seconds) {
  std::vector<v1::CalculatePricesRequest> requests;
  for (const std::string& bytes : Requests(200, 200)) {
    requests.emplace_back().ParseFromString(bytes);
  }
  int64_t lines = 0;
  int64_t priced = 0;
  const double start = CpuSeconds();
  for (size_t i = 0; CpuSeconds() - start < seconds; ++i) {
    const v1::CalculatePricesRequest& request = requests[i % requests.size()];
    const FactMemory::Snapshot facts(memory, kTenant);
    Buyer buyer;
    WEFT_CHECK_OK(DescribeBuyer(facts, {.account = request.account(), .as_of_us = 1}, buyer));
    PriceFinder finder(facts, buyer, *PricingRules::Platform());
    LineAnswer answer;
    for (const v1::PriceRequestLine& line : request.lines()) {
      finder.Find({.sku = line.sku(), .quantity = line.quantity().value(),
                   .unit = line.quantity().unit()},
                  Depth::kWinner, answer);
      ++lines;
      priced += answer.reason == LineReason::kNone ? 1 : 0;
    }
  }
  std::printf("rules alone:        %9.0f lines/s (%.1f %% with a price)\n",
              static_cast<double>(lines) / (CpuSeconds() - start),
              100.0 * static_cast<double>(priced) / static_cast<double>(lines));
}

int Main(double seconds) {
  FactMemory memory;
  PriceChanges changes(memory);
  documents::DocumentReader documents("pricing", PricingKinds(), ShippedDocuments());
  engine::Program program = MakeReplica(memory, changes, &documents);
  Loader loader(memory);
  Fill(loader);
  std::printf("%ld facts in %.2f s of applying: %.0f facts/s\n", static_cast<long>(loader.count()),
              loader.seconds(), static_cast<double>(loader.count()) / loader.seconds());
  const double mib = static_cast<double>(memory.bytes()) / (1 << 20);
  std::printf("%ld price facts, %.1f MiB: %.1f MiB a million\n",
              static_cast<long>(memory.price_facts()), mib,
              mib * 1e6 / static_cast<double>(memory.price_facts()));
  testing::RoomHarness room(program);
  testing::FakeClock clock;
  Service service({}, memory, changes, room.shards(), clock, std::string(32, 'k'), &documents);
  DirectMethods methods;
  service.Bind(methods);
  MeasureRules(memory, seconds);
  for (const int lines : {1, 5, 200, 5000}) Measure(methods, lines, seconds);
  return 0;
}

}  // namespace
}  // namespace weft::pricing

int main(int argc, char** argv) {
  if (argc > 2) weft::pricing::price_facts = std::max(200'000, std::atoi(argv[2]));
  return weft::pricing::Main(argc > 1 ? std::atof(argv[1]) : 2.0);
}
