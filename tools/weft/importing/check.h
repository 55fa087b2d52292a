// What rows of a shop say about each other: tiers put together, and what does not fit,
// before anything is loaded.
//
//   errors (the row is left out)        warnings (it is loaded)
//   CONFLICT  same thing, two contents  DUPLICATE       same row twice
//   CURRENCY_MISSING                    OVERLAP         two prices for one moment
//                                       ORPHAN          names what no table has
//                                       UNIT_UNKNOWN    a unit its item has not
//                                       TIERS_INVERTED  more costs more each
//                                       OUTLIER         far from the item's other prices
//                                       BELOW_COST, PRICE_ZERO
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tools/weft/importing/tables.h"

namespace weft::cli {

struct TierRow {
  Decimal minimum;
  Decimal price;
  Place at;
};
struct PriceEntry {
  PriceRow row;      // The first of its rows.
  std::string name;  // Of the entry: by its validity.
  std::vector<TierRow> tiers;  // Lowest minimum first.
};
struct ContractEntry {
  ContractRow row;
  std::string id;
  std::vector<TierRow> tiers;  // Of a price.
};

// A shop that can be loaded.
struct Load {
  std::vector<ItemRow> items;
  std::vector<AccountRow> accounts;
  std::vector<BookRow> books;  // Those that only prices name included.
  std::vector<PriceEntry> prices;
  std::vector<ContractEntry> contracts;
  std::vector<StockRow> stock;
  std::vector<std::string> locations;
};

// An outlier is more than so many times the median of at least three prices of its
// item, or less than that part of it.
inline constexpr int kOutlierFactor = 5;

// Shape: `shop` is used up.
Load Check(Shop shop, std::vector<Finding>& findings);

}  // namespace weft::cli
