#include "services/inventory-projection/domain/promise.h"

#include <algorithm>
#include <utility>

namespace weft::inventory {
namespace {

// What earlier lines of the same request took, by place.
class Taken {
 public:
  Decimal Of(const Place* place) const {
    for (const auto& [taken_place, quantity] : taken_) {
      if (taken_place == place) return quantity;
    }
    return Decimal();
  }
  void Add(const Place* place, const Decimal& quantity) {
    for (auto& [taken_place, sum] : taken_) {
      if (taken_place == place) {
        sum = Plus(sum, quantity);
        return;
      }
    }
    taken_.emplace_back(place, quantity);
  }

 private:
  std::vector<std::pair<const Place*, Decimal>> taken_;
};

}  // namespace

Promise PlanPromise(const std::vector<Stock>& stocks, const Locations& locations,
                    const std::vector<Demand>& demands) {
  std::vector<Taken> taken(stocks.size());
  std::vector<std::vector<Part>> parts(demands.size());
  std::vector<Shortage> shortages;
  for (size_t i = 0; i < demands.size(); ++i) {
    const Demand& demand = demands[i];
    Decimal rest = demand.quantity;
    for (const Place* place : PlacesToAsk(stocks[demand.stock], locations, demand.only)) {
      if (rest.sign() <= 0) break;
      const Decimal free = AtLeastZero(Minus(place->Available(), taken[demand.stock].Of(place)));
      const Decimal part = Least(free, rest);
      if (part.sign() <= 0) continue;
      taken[demand.stock].Add(place, part);
      parts[i].push_back({place->location, part});
      rest = Minus(rest, part);
    }
    if (rest.sign() > 0) shortages.push_back({i, Minus(demand.quantity, rest)});
  }
  if (!shortages.empty()) return shortages;
  return parts;
}

}  // namespace weft::inventory
