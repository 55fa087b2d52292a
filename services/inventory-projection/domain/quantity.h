// Quantities of stock: exact decimals in an item's base unit, and the ratios of
// its other units.
//
// Limits: a quantity that comes from outside is at most 10^12 in magnitude and
// has at most 6 decimals, so sums of them cannot overflow a Decimal.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "libs/money/decimal.h"
#include "libs/money/quantity.h"

namespace weft::inventory {

inline constexpr int kQuantityScaleMax = 6;
inline constexpr int64_t kQuantityMax = 1'000'000'000'000;

// A unit of an item: how many base units one of it is.
struct ItemUnit {
  std::string unit;
  UnitRatio ratio;
  bool operator==(const ItemUnit&) const = default;
};

// Shape: decimal text within the limits above, trailing zeros dropped; nullopt
// for anything else.
std::optional<Decimal> ParseQuantity(absl::string_view text);

Decimal Plus(const Decimal& a, const Decimal& b);
Decimal Minus(const Decimal& a, const Decimal& b);
inline const Decimal& Least(const Decimal& a, const Decimal& b) { return b < a ? b : a; }
inline const Decimal& Greatest(const Decimal& a, const Decimal& b) { return a < b ? b : a; }
// Never below zero.
inline Decimal AtLeastZero(const Decimal& a) { return a.sign() < 0 ? Decimal() : a; }

// `quantity` of a unit in base units. A ratio that does not divide evenly is
// rounded up at the sixth decimal: what is held covers what was asked.
// Shape: nullopt when the result is beyond the limits.
std::optional<Decimal> ToBase(const Decimal& quantity, UnitRatio ratio);
// How many whole units fit into `base`, which is not negative.
Decimal WholeUnits(const Decimal& base, UnitRatio ratio);

// The unit named ("" = the base unit), or nullopt when the item does not have it.
std::optional<ItemUnit> FindUnit(absl::string_view base_unit,
                                 const std::vector<ItemUnit>& units, absl::string_view unit);

// Plain digits without trailing zeros: "24", "0.5".
std::string Text(const Decimal& quantity);

}  // namespace weft::inventory
