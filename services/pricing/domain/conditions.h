// Facts that change what a price comes to: categories that inherit, surcharges,
// promotions, exchange rates and costs. Which of them are about an item and a buyer
// is worked out in applicable.h.
#pragma once

#include <cstdint>
#include <string>

#include "absl/container/inlined_vector.h"
#include "libs/money/decimal.h"
#include "libs/money/money.h"
#include "services/pricing/domain/symbol.h"

namespace weft::pricing {

// A chain of categories has at most this many; longer ones (and circles) are cut.
inline constexpr int kMaxCategoryDepth = 10;

struct Category {
  Symbol category = Symbol::kNone;
  Symbol parent = Symbol::kNone;
  Stamp version = 0;
};

// Which items something is about.
struct ItemTarget {
  bool everything = false;
  absl::InlinedVector<Symbol, 2> named;       // SKUs and categories.
  absl::InlinedVector<Symbol, 1> exceptions;  // SKUs and categories.
};

// Which buyers something is for: one of the owners when there are any, and each of
// the others that is set.
struct BuyerScope {
  absl::InlinedVector<Symbol, 1> owners;  // Accounts and groups.
  Symbol organisation = Symbol::kNone;
  Symbol branch = Symbol::kNone;
  Symbol channel = Symbol::kNone;
};

struct Surcharge {
  enum class Kind : uint8_t {
    kFreight = 1,
    kHazardous,
    kMetal,
    kMinimumOrder,
    kSmallQuantity,
    kOther,
  };
  enum class Per : uint8_t { kLine = 1, kUnit, kLinePercent, kOrder, kOrderPercent };

  Symbol surcharge = Symbol::kNone;
  Symbol unit = Symbol::kNone;  // Of kUnit and below_quantity; kNone = the base unit.
  Symbol exclusion_group = Symbol::kNone;
  Kind kind = Kind::kOther;
  Per per = Per::kLine;
  Currency currency;            // None for percents without below_net.
  int32_t priority = 0;
  Decimal amount;               // In the currency, or percent.
  Decimal below_net;            // 0 = whatever the net is.
  Decimal below_quantity;       // 0 = whatever the quantity is.
  ItemTarget target;
  BuyerScope scope;
  Period period;
  Stamp version = 0;
  std::string label;            // For buyers.
};

struct Promotion {
  enum class Benefit : uint8_t { kPercent, kAmountOff, kFixedPrice };

  Symbol promotion = Symbol::kNone;
  Symbol unit = Symbol::kNone;         // Of amounts and the minimum; kNone = the base unit.
  Symbol combination_group = Symbol::kNone;
  Benefit benefit = Benefit::kPercent;
  bool exclusive = false;
  Currency currency;                   // None for percents.
  int32_t priority = 0;
  Decimal value;                       // Percent, or amount of one unit.
  Decimal minimum_quantity;            // 0 = none.
  ItemTarget target;
  BuyerScope scope;
  Period period;
  Stamp version = 0;
  std::string coupon;                  // "" = none is needed.
  std::string label;                   // For buyers.
};

struct ExchangeRate {
  Decimal rate;  // Units of the other currency for one.
  Period period;
  Stamp version = 0;
  Symbol entry = Symbol::kNone;
};

struct Cost {
  Symbol location = Symbol::kNone;      // kNone = anywhere.
  Symbol organisation = Symbol::kNone;  // kNone = for every one.
  int64_t per_quantity = 1;             // Of base units.
  Money cost;
  Period period;
  Stamp version = 0;
  Symbol entry = Symbol::kNone;
};

}  // namespace weft::pricing
