// On hand of one item at one location, out of three sources that arrive in any
// order and more than once: counts, movements, and shipments of our own orders.
//
//   on hand = last count
//           + movements the count has not seen
//           - what left for our own orders and the count has not seen
//
// The last count is the one with the latest watermark; with the same watermark
// the one that arrived later (it is a correction). A movement is seen when it
// was posted at or before the watermark, except those the count names, which
// stand on the other side.
//
// What left for an order of ours is told twice: by the ERP's order status
// (Shipment) and by its stock ledger (a Movement with that order). Per shipment
// the larger of the two is true, never their sum. Movements that name the order
// but no shipment cover the order's shipments, earliest first.
//
// Everything here is a function of the *set* of what arrived, so the order and
// the repeats do not matter; on what is beyond `memory` behind the watermark no
// count has a say any more and it is forgotten.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/inventory-projection/domain/quantity.h"

namespace weft::inventory {

// The ERP's last count of one item at one location.
struct Count {
  Decimal on_hand;
  absl::Time watermark = absl::InfinitePast();  // As if nothing was counted yet.
  std::vector<std::string> exceptions;
  Decimal safety;
  absl::Time safety_time = absl::InfinitePast();  // Watermark of the count that set it.
};

// What a newly arrived count makes of the one before. `safety` is nullopt when
// the count does not mention it.
// Shape: true when anything changed.
struct NewCount {
  Decimal on_hand;
  absl::Time watermark;
  std::vector<std::string> exceptions;
  std::optional<Decimal> safety;
};
bool Apply(const NewCount& arrived, Count& count);

// True when `count` contains what happened at `time` under the id `id`.
bool Seen(const Count& count, absl::string_view id, absl::Time time, absl::Duration memory);

// True when no count can name it as unseen any more.
bool Forgotten(const Count& count, absl::Time time, absl::Duration memory);

// A change of stock that is not one of our shipments.
struct Movement {
  std::string id;
  Decimal quantity;  // Signed.
  absl::Time posted;
};

// What `movement` adds to on hand beyond `count`.
Decimal Unseen(const Movement& movement, const Count& count, absl::Duration memory);

// What left of one item for one order of ours, from all locations.
struct Flow {
  struct Shipment {
    std::string id;
    std::string location;
    Decimal quantity;  // Above zero.
    absl::Time time;
  };
  struct Movement {
    std::string id;
    std::string location;
    std::string shipment;  // "" = the ERP did not say which.
    Decimal quantity;      // Above zero: what left.
    absl::Time posted;
  };
  std::vector<Shipment> shipments;
  std::vector<Movement> movements;
  Decimal consumed;  // What reservations have given up for it.

  // Adds what was not known yet. Shape: false for a repeat.
  bool Add(const Shipment& shipment);
  bool Add(const Movement& movement);

  // What left from `location`, seen or not.
  Decimal Total(absl::string_view location) const;
  // What left from everywhere.
  Decimal Total() const;
  // What left from `location` beyond what its last count has seen.
  Decimal Unseen(absl::string_view location, const Count& count, absl::Duration memory) const;
  // The locations it mentions, sorted.
  std::vector<std::string> Locations() const;
};

}  // namespace weft::inventory
