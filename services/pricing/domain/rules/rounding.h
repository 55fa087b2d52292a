// Where prices are rounded: the rounding points of an activation.
#pragma once

#include <cstdint>

#include "libs/money/rounding.h"

namespace weft::pricing {

struct Rounding {
  static constexpr int kExact = -1;

  int discount_decimals = 4;       // Of a price after a contract's discount.
  int unit_decimals = kExact;      // Of the unit price before it is multiplied.
  int conversion_decimals = kExact;  // Of a price after conversion into another currency.
  RoundingMode mode = RoundingMode::kHalfUp;
};

}  // namespace weft::pricing
