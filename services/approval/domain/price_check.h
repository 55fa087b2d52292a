// The prices that the pricing room answered, against what the shop showed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "libs/money/money.h"
#include "services/approval/domain/order_saga.h"

namespace weft::approval {

// One line of the answer: a price, or a reason why there is none.
struct PricedLine {
  std::string sku;            // As pricing resolved it.
  std::string unit;           // Filled in by pricing.
  Money unit_price;
  Money net;
  std::string decision_id;
  std::string reason;   // "" = it has a price.
  std::string message;  // For people.
};

// What the shop showed for a line.
struct Expected {
  std::optional<Money> unit_price;
  std::optional<Money> net;
};

// How the order ends, or nullopt when every line has a price and each is as
// expected. The first line without a price gives its own reason; then the first
// that differs gives PRICE_CHANGED. Metadata: line (from 1), sku, and for a
// changed price expected and actual. `lines` and `expected` have equal length.
std::optional<Ending> CheckPrices(const std::vector<PricedLine>& lines,
                                  const std::vector<Expected>& expected);

}  // namespace weft::approval
