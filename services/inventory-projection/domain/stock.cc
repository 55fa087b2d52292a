#include "services/inventory-projection/domain/stock.h"

#include <algorithm>
#include <limits>

namespace weft::inventory {

Decimal Place::Available() const {
  return AtLeastZero(Minus(Minus(on_hand, safety), reserved));
}

Decimal Place::Short() const {
  return AtLeastZero(Minus(reserved, AtLeastZero(on_hand)));
}

const Place* Stock::Find(absl::string_view location) const {
  for (const Place& place : places) {
    if (place.location == location) return &place;
  }
  return nullptr;
}

Place& Stock::At(absl::string_view location) {
  auto at = std::lower_bound(
      places.begin(), places.end(), location,
      [](const Place& place, absl::string_view wanted) { return place.location < wanted; });
  if (at == places.end() || at->location != location) {
    at = places.insert(at, Place{.location = std::string(location)});
  }
  return *at;
}

bool Locations::Closed(absl::string_view location) const {
  const auto found = entries_.find(location);
  return found != entries_.end() && found->second.closed;
}

int Locations::PriorityOf(absl::string_view location) const {
  const auto found = entries_.find(location);
  return found == entries_.end() ? std::numeric_limits<int>::max() : found->second.priority;
}

bool Locations::Before(absl::string_view a, absl::string_view b) const {
  const int pa = PriorityOf(a);
  const int pb = PriorityOf(b);
  return pa != pb ? pa < pb : a < b;
}

std::vector<const Place*> PlacesToAsk(const Stock& stock, const Locations& locations,
                                      const std::vector<std::string>& only) {
  std::vector<const Place*> asked;
  if (!only.empty()) {
    for (const std::string& location : only) {
      const Place* place = stock.Find(location);
      const bool twice = std::find(asked.begin(), asked.end(), place) != asked.end();
      if (place != nullptr && !twice && !locations.Closed(location)) asked.push_back(place);
    }
    return asked;
  }
  asked.reserve(stock.places.size());
  for (const Place& place : stock.places) {
    if (!locations.Closed(place.location)) asked.push_back(&place);
  }
  if (asked.size() > 1) {
    std::sort(asked.begin(), asked.end(), [&](const Place* a, const Place* b) {
      return locations.Before(a->location, b->location);
    });
  }
  return asked;
}

}  // namespace weft::inventory
