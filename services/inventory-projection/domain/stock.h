// What is where of one item, and what of it can be promised.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/inventory-projection/domain/quantity.h"

namespace weft::inventory {

// One item at one location. Quantities in the base unit.
struct Place {
  std::string location;
  Decimal on_hand;   // What the ledger says (ledger.h); may be negative.
  Decimal safety;    // Never promised.
  Decimal reserved;  // Held by open reservations.
  std::optional<absl::Time> counted;  // Watermark of the last count.
  absl::Time source_time;             // When the last stock record was emitted.

  // On hand less safety less reserved, at least zero.
  Decimal Available() const;
  // Promises that the stock on hand no longer covers, at least zero. Safety
  // stock covers promises that were made; it is only never promised anew.
  Decimal Short() const;
  bool operator==(const Place&) const = default;
};

// One item everywhere.
struct Stock {
  bool known = false;  // The item itself arrived and was not deleted.
  std::string base_unit;
  std::vector<ItemUnit> units;
  std::vector<Place> places;  // Sorted by location.

  const Place* Find(absl::string_view location) const;
  // Inserts an empty place where there is none.
  Place& At(absl::string_view location);
  bool operator==(const Stock&) const = default;
};

// What is known of locations, and the order they are asked in.
class Locations {
 public:
  struct Entry {
    int priority = 0;
    bool closed = false;
  };
  void Set(const std::string& location, Entry entry) { entries_[location] = entry; }

  // True when nothing is promised from it. A location that no fact has declared
  // yet is open: an ERP without a list of locations still has stock.
  bool Closed(absl::string_view location) const;
  // By priority, lowest first, then by code; undeclared ones last.
  bool Before(absl::string_view a, absl::string_view b) const;

 private:
  int PriorityOf(absl::string_view location) const;
  std::map<std::string, Entry, std::less<>> entries_;
};

// The places of `stock` that may be asked, in the order they are asked in:
// all open ones by priority, or those of `only` that are open, in its order.
std::vector<const Place*> PlacesToAsk(const Stock& stock, const Locations& locations,
                                      const std::vector<std::string>& only);

}  // namespace weft::inventory
