// The steps of a price: what it starts from and what each rule adds. They add up
// to the shown unit price exactly.
#pragma once

#include <string>
#include <vector>

#include "services/pricing/domain/find_price.h"

namespace weft::pricing {

struct Step {
  std::string label;    // Public: names no other group, book or account.
  Decimal amount;       // What it adds, per unit of the line.
  Decimal result;       // Sum so far.
  // The fact behind it.
  Source source = Source::kBook;
  Symbol owner = Symbol::kNone;
  Symbol target = Symbol::kNone;
  Offer offer;
  Period period;
};

// `answer` has a price. Shape: one step, or two under a discount.
std::vector<Step> StepsOf(const LineAnswer& answer, const Buyer& buyer);

}  // namespace weft::pricing
