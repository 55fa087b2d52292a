// Inside of the finder: one line under search, and what the search has come to.
// Only find_price.cc and price_search.cc include it.
#pragma once

#include <algorithm>

#include "services/pricing/domain/find_price.h"

namespace weft::pricing {

// False when the item does not have the unit; kNone = the base unit.
inline bool FindRatio(const Item& item, Symbol unit, UnitRatio& ratio) {
  if (unit == Symbol::kNone || unit == item.base_unit) {
    ratio = UnitRatio();
    return true;
  }
  for (const ItemUnit& known : item.units) {
    if (known.unit == unit) {
      ratio = known.ratio;
      return true;
    }
  }
  return false;
}

// One question about a known item, unit and quantity.
struct PriceFinder::Line {
  const Item* item;
  Symbol unit;
  UnitRatio ratio;
  Decimal quantity;
  int64_t as_of_us;
  const AccessPlan* plan;
  const Categories* categories;

  // Sort of an offer's unit: 0 = asked for, 1 = base, 2 = any other.
  int UnitSort(const Offer& offer) const {
    if (offer.promise != Offer::Promise::kTiers || offer.unit == unit) return 0;
    const bool base = offer.unit == Symbol::kNone || offer.unit == item->base_unit;
    if (base) return unit == item->base_unit ? 0 : 1;
    return 2;
  }
  // In which order units are preferred; AccessPlan::kNotUsed = not at all.
  int Rank(const Offer& offer) const {
    return plan->unit_preference()[static_cast<size_t>(UnitSort(offer))];
  }
  // Whether both stand for the same unit, so that the later one replaces the other.
  bool SameUnit(const Offer& a, const Offer& b) const {
    const int sort = UnitSort(a);
    return sort == UnitSort(b) && (sort < 2 || a.unit == b.unit);
  }

  // How a tier price of `offer` applies to the line.
  // `scale`: base units that reach the tiers; nullptr = the line's own quantity.
  LineReason Price(const Offer& offer, const Decimal* scale, Priced& out) const;
  // Number of the tier that is reached, -1 = none.
  int TierOf(const Offer& offer, UnitRatio of_offer, const Decimal* scale) const;
  LineReason Graduated(const Offer& offer, UnitRatio of_offer, Priced& out) const;
};

// What a search has come to so far: the winner, or the best reason for none.
struct PriceFinder::Notes {
  Notes(LineAnswer& line_answer, Currency line_currency, const Rounding& line_rounding,
        Depth search_depth)
      : answer(line_answer), currency(line_currency), rounding(line_rounding), depth(search_depth) {}

  LineAnswer& answer;
  const Currency currency;
  const Rounding& rounding;
  const Depth depth;
  bool won = false;
  UnitRatio minimum_ratio;
  // The step that is asked.
  const AccessStep* step = nullptr;
  const AccessStep* winner_step = nullptr;
  bool step_won = false;  // It has found a price.
  bool open = true;       // What it finds may still change the answer.
  bool excluded = false;  // By a step that has a price.
  int winner_candidate = -1;

  void Begin(const AccessStep& next, bool is_excluded) {
    step = &next;
    step_won = false;
    excluded = is_excluded;
    open = !excluded && (!won || (next.group >= 0 && next.group == winner_step->group));
  }
  bool done() const {
    return depth == Depth::kWinner && step_won && step->combine == Combine::kFirst;
  }

  // A moment after as-of at which the answer may change. Nothing that is asked
  // after the winner can change it.
  void Boundary(int64_t us) {
    if (open) answer.valid_until_us = std::min(answer.valid_until_us, us);
  }
  void Outside(const Line& line, const Period& period);
  // Remembers the reason that takes precedence, with what goes with it.
  void Missed(LineReason why, int64_t boundary_us = 0);
  void BelowMinimum(const Line& line, const Offer& offer);
  void Lost(const Line& line, const Offer& offer, const Period& period, LineReason why);
  void Breakpoints(const Line& line, const Offer& offer);

  // A price was found: it becomes the answer, or the reason says why not. `priced`
  // is the price as stated; `price` what is asked for it after a discount.
  // `candidate` will be the next one in the answer's list, or is there already.
  LineReason Settle(const Line& line, Source source, Symbol owner, const Offer& offer,
                    const Priced& priced, const Decimal& price, bool discounted,
                    Candidate* candidate, int number);
  // Whether a price that `net` comes to takes the place of the winner.
  LineReason Challenge(const Priced& priced, const Decimal& net) const;
};

}  // namespace weft::pricing
