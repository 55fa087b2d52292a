// Reads a price list off invoices: which unit price from which quantity on, and
// when it changed.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/time/time.h"

namespace weft::demo {

// One sale of an item.
struct Sale {
  int64_t quantity = 0;  // Above 0.
  int64_t price_milli = 0;
  absl::Time time;
};

struct Tier {
  int64_t minimum_quantity = 1;
  int64_t price_milli = 0;
};

// Tiers by quantity, lowest first; they hold in [from, to).
struct PricePeriod {
  absl::Time from = absl::InfinitePast();
  absl::Time to = absl::InfiniteFuture();
  std::vector<Tier> tiers;
};

// The tiers that explain most sales. Prices fall with quantity; a further tier must
// explain at least three sales more than it costs to have it, so that one-off
// prices do not become tiers. The first tier begins at 1.
//
// Shape: at least one sale.
std::vector<Tier> FitTiers(const std::vector<Sale>& sales);

// The same with changes over time: the year is cut where that explains clearly
// more sales, at most a few times. `sales` in order of time.
std::vector<PricePeriod> FitPeriods(std::vector<Sale> sales);

// The price from the tiers at a quantity.
int64_t PriceAt(const std::vector<Tier>& tiers, int64_t quantity);

}  // namespace weft::demo
