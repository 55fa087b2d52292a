#include "services/inventory-projection/domain/ledger.h"

#include <algorithm>
#include <tuple>

namespace weft::inventory {
namespace {

// A shipment at one location, with what the stock ledger says of it.
struct Leg {
  const std::string* id;
  absl::Time time;
  Decimal told;     // By the order status.
  Decimal booked;   // By the stock ledger.
  Decimal uncovered() const { return AtLeastZero(Minus(told, booked)); }
};

// Calls `part(id, time, quantity)` for every piece of what left from `location`,
// each piece once, with the time that decides whether a count has seen it.
template <typename Visit>
void VisitParts(const Flow& flow, absl::string_view location, const Visit& part) {
  std::vector<Leg> legs;
  for (const Flow::Shipment& s : flow.shipments) {
    if (s.location == location) legs.push_back({&s.id, s.time, s.quantity, Decimal()});
  }
  Decimal unnamed;
  for (const Flow::Movement& m : flow.movements) {
    if (m.location != location) continue;
    part(m.id, m.posted, m.quantity);
    if (m.shipment.empty()) {
      unnamed = Plus(unnamed, m.quantity);
      continue;
    }
    for (Leg& leg : legs) {
      if (*leg.id == m.shipment) leg.booked = Plus(leg.booked, m.quantity);
    }
  }
  std::sort(legs.begin(), legs.end(), [](const Leg& a, const Leg& b) {
    return std::tie(a.time, *a.id) < std::tie(b.time, *b.id);
  });
  for (const Leg& leg : legs) {
    const Decimal covered = Least(unnamed, leg.uncovered());
    unnamed = Minus(unnamed, covered);
    const Decimal rest = Minus(leg.uncovered(), covered);
    if (rest.sign() > 0) part(*leg.id, leg.time, rest);
  }
}

template <typename Entry>
bool Before(const Entry& a, const Entry& b) {
  return std::tie(a.id, a.location) < std::tie(b.id, b.location);
}

template <typename Entry>
bool AddSorted(const Entry& entry, std::vector<Entry>& entries) {
  const auto at = std::lower_bound(entries.begin(), entries.end(), entry, Before<Entry>);
  if (at != entries.end() && !Before(entry, *at)) return false;
  entries.insert(at, entry);
  return true;
}

}  // namespace

bool Apply(const NewCount& arrived, Count& count) {
  bool changed = false;
  if (arrived.safety.has_value() && arrived.watermark >= count.safety_time) {
    changed = count.safety != *arrived.safety || count.safety_time != arrived.watermark;
    count.safety = *arrived.safety;
    count.safety_time = arrived.watermark;
  }
  if (arrived.watermark < count.watermark) return changed;
  changed = changed || count.on_hand != arrived.on_hand ||
            count.watermark != arrived.watermark || count.exceptions != arrived.exceptions;
  count.on_hand = arrived.on_hand;
  count.watermark = arrived.watermark;
  count.exceptions = arrived.exceptions;
  return changed;
}

bool Forgotten(const Count& count, absl::Time time, absl::Duration memory) {
  return count.watermark != absl::InfinitePast() && time < count.watermark - memory;
}

bool Seen(const Count& count, absl::string_view id, absl::Time time, absl::Duration memory) {
  if (Forgotten(count, time, memory)) return true;
  const bool behind = time <= count.watermark;
  const bool exception =
      std::find(count.exceptions.begin(), count.exceptions.end(), id) != count.exceptions.end();
  return behind != exception;
}

Decimal Unseen(const Movement& movement, const Count& count, absl::Duration memory) {
  return Seen(count, movement.id, movement.posted, memory) ? Decimal() : movement.quantity;
}

bool Flow::Add(const Shipment& shipment) { return AddSorted(shipment, shipments); }
bool Flow::Add(const Movement& movement) { return AddSorted(movement, movements); }

Decimal Flow::Total(absl::string_view location) const {
  Decimal total;
  VisitParts(*this, location, [&](const std::string&, absl::Time, const Decimal& quantity) {
    total = Plus(total, quantity);
  });
  return total;
}

Decimal Flow::Total() const {
  Decimal total;
  for (const std::string& location : Locations()) total = Plus(total, Total(location));
  return total;
}

Decimal Flow::Unseen(absl::string_view location, const Count& count,
                     absl::Duration memory) const {
  Decimal unseen;
  VisitParts(*this, location,
             [&](const std::string& id, absl::Time time, const Decimal& quantity) {
               if (!Seen(count, id, time, memory)) unseen = Plus(unseen, quantity);
             });
  return unseen;
}

std::vector<std::string> Flow::Locations() const {
  std::vector<std::string> locations;
  for (const Shipment& s : shipments) locations.push_back(s.location);
  for (const Movement& m : movements) locations.push_back(m.location);
  std::sort(locations.begin(), locations.end());
  locations.erase(std::unique(locations.begin(), locations.end()), locations.end());
  return locations;
}

}  // namespace weft::inventory
