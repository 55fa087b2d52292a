// What reorder knows of an item, and which item takes the place of which.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "libs/money/quantity.h"

namespace weft::reorder {

struct ItemUnit {
  std::string unit;
  UnitRatio ratio;
};

struct Item {
  std::string name;
  std::string base_unit;
  std::vector<ItemUnit> units;
  bool discontinued = false;
  bool deleted = false;
  std::string successor;
  std::optional<Decimal> minimum;  // Base unit.
  std::optional<Decimal> step;     // Base unit.

  // The ratio of `unit` ("" = the base unit), or nullopt.
  std::optional<UnitRatio> RatioOf(absl::string_view unit) const;
  // `quantity` of `unit` in the base unit; nullopt for an unknown unit.
  std::optional<Decimal> ToBase(const Decimal& quantity, absl::string_view unit) const;
};

// Shape: nullopt when there is no such item.
using FindItem = std::function<std::optional<Item>(const std::string& sku)>;

// A chain of successors is followed this far.
inline constexpr int kSuccessorsMax = 5;

// What can be ordered instead of `sku`: itself while it is sold, else the first
// item of its chain of successors that is.
// Shape: nullopt when nothing can, or the chain is longer than kSuccessorsMax or
// bites its tail.
std::optional<std::string> Orderable(const std::string& sku, const FindItem& find);

}  // namespace weft::reorder
