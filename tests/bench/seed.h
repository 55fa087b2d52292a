// Facts for the benches, written straight to the event log as erp-connector
// would publish them.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "libs/eventlog/event_log.h"

namespace weft::bench {

inline constexpr char kTenant[] = "demo";
inline constexpr char kLocation[] = "DEN";

struct SeedSizes {
  int64_t items = 10'000;
  // Stock of every item, in one location; 0 = no stock facts.
  int64_t on_hand = 1'000'000'000;
  // Price facts in all; 0 = none. A tenth of them, at most one an item, makes the
  // list; the others are spread over the books.
  int64_t prices = 0;
  int64_t books = 5'000;
  int64_t accounts = 10'000;
};

std::string SkuOf(int64_t item);        // item from 0: "S00000"
std::string AccountOf(int64_t account);

// The item that the nth line of an account's book prices.
int64_t ItemInBook(const SeedSizes& sizes, int64_t book, int64_t n);
// Price facts in each book but the list.
int64_t PricesPerBook(const SeedSizes& sizes);
// The book of an account's group.
int64_t BookOf(const SeedSizes& sizes, int64_t account);

// Appends everything to an empty log.
absl::Status Seed(eventlog::EventLog& log, const SeedSizes& sizes);

}  // namespace weft::bench
