// The buyer's own tier ladder for a line, and what the next tier would change.
#pragma once

#include <vector>

#include "services/pricing/domain/find_price.h"

namespace weft::pricing {

// A ladder has at most this many breakpoints; those beyond are left out.
inline constexpr int kMaxLadder = 200;

struct LadderStep {
  Decimal minimum;          // In the line's unit.
  Decimal unit_price;       // Of all units; of a graduated step of those from `minimum` on.
  Decimal net;              // Of a line of exactly `minimum`.
  bool graduated = false;   // Units below `minimum` cost what the steps before say.
};

struct TierHint {
  LadderStep next;
  bool saves = false;
  Decimal saving;            // By how much the next tier's minimum costs less.
  bool has_dearer_from = false;
  Decimal dearer_from;       // First whole quantity that costs more than it.
};

// The price at every quantity where it changes, lowest first: each breakpoint of
// every valid candidate, and of the rules and conditions behind it, is priced like a
// line of its own. `answer` is of Depth::kAll. A breakpoint that has no exact value in
// the line's unit is taken at the next whole unit.
std::vector<LadderStep> BuildLadder(PriceFinder& finder, const LineAnswer& answer);

// False when no step lies above the quantity of `answer`, which has a price.
bool HintOf(PriceFinder& finder, const std::vector<LadderStep>& ladder,
            const LineAnswer& answer, TierHint& hint);

}  // namespace weft::pricing
