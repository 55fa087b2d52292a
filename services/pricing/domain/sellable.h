// Which quantity of an item can be ordered where it is sold from a minimum on, or in
// whole packs.
#pragma once

#include "services/pricing/domain/find_price.h"

namespace weft::pricing {

struct Sellable {
  Decimal base_quantity;         // In base units.
  Symbol pack = Symbol::kNone;   // Unit of the item that is one step; kNone = there is none.
  Decimal packs;                 // The same in that unit.
};

// The smallest quantity that can be ordered and is not below that of the line: 200 EA
// of an item sold in whole dozens are 17 DZ, 204 EA. False when the line has no quantity,
// or the number is too large.
bool SellableOf(const LineAnswer& answer, Sellable& out);

}  // namespace weft::pricing
