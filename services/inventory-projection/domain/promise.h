// Promising stock: which part of which line is held where, all lines or none.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "services/inventory-projection/domain/stock.h"

namespace weft::inventory {

// Part of a line at one location.
struct Part {
  std::string location;
  Decimal quantity;  // Base unit, above zero.
  bool operator==(const Part&) const = default;
};

// One line to hold.
struct Demand {
  size_t stock = 0;   // Index into the stocks; two lines may share one.
  Decimal quantity;   // Base unit, above zero.
  std::vector<std::string> only;  // Locations to ask, in this order; empty = all.
};

// A line that cannot be held in full.
struct Shortage {
  size_t line = 0;
  Decimal available;  // What lines before it leave of the item, base unit.
};

// Shape: per demand the parts that add up to it; or, when one line is short, all
// the lines that are. Lines of the same item take from one another.
using Promise = std::variant<std::vector<std::vector<Part>>, std::vector<Shortage>>;
Promise PlanPromise(const std::vector<Stock>& stocks, const Locations& locations,
                    const std::vector<Demand>& demands);

// What is still open of a promise at one location after shipments.
struct Held {
  std::string location;
  Decimal promised;
  Decimal consumed;
  Decimal open() const { return Minus(promised, consumed); }
};

// Consumes up to `quantity` that left from `location`: what is held there first,
// then the other locations by code, because goods that came from elsewhere
// fulfil the promise all the same.
// Shape: what was consumed; never more than is open. `freed(location, quantity)`
// is called for every place that holds less now.
template <typename Freed>
Decimal Consume(absl::string_view location, const Decimal& quantity, std::vector<Held>& held,
                const Freed& freed) {
  Decimal rest = quantity;
  const auto take = [&](Held& place) {
    const Decimal taken = Least(place.open(), rest);
    if (taken.sign() <= 0) return;
    place.consumed = Plus(place.consumed, taken);
    rest = Minus(rest, taken);
    freed(place.location, taken);
  };
  for (Held& place : held) {
    if (place.location == location) take(place);
  }
  for (Held& place : held) take(place);
  return Minus(quantity, rest);
}

}  // namespace weft::inventory
