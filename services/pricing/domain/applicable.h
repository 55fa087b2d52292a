// Which facts are about an item and a buyer: the inheritance of categories, targets
// with exceptions, scopes, the rate or cost that counts at a moment.
//
// Where a tenant has no facts of a sort, each of these is one look at a flag.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "services/pricing/domain/buyer.h"
#include "services/pricing/domain/facts.h"

namespace weft::pricing {

using Categories = absl::InlinedVector<Symbol, 4>;

// The item's categories with those above them, each once: its own first, as the item
// has them (most special first), then their parents, then theirs.
void AllCategories(const Facts& facts, const Item& item, Categories& out);

// What of `target` concerns the item, whose categories are `categories`.
bool IsAbout(const ItemTarget& target, Symbol sku, const Categories& categories);
// Is the offer for this item, as far as its exceptions go?
bool IsExcepted(const Offer& offer, Symbol sku, const Categories& categories);

// Is the buyer in the scope? `channel` is the request's, kNone when no fact names it.
// A guest is in no account and no group, organisation or branch.
bool InScope(const BuyerScope& scope, const Buyer& buyer, Symbol channel);
bool InScope(const OfferTerms& terms, const Buyer& buyer, Symbol channel);

// All surcharges about the item that are for the buyer and valid at the buyer's
// as-of, by code. `boundary_us` (when not null) is lowered to the next moment after
// as-of at which one of them, or one that is not valid now, begins or ends.
// Thresholds, currencies and exclusion groups are not looked at.
void FindSurcharges(const Facts& facts, const Item& item, const Categories& categories,
                    const Buyer& buyer, Symbol channel, std::vector<const Surcharge*>& out,
                    int64_t* boundary_us);
// The same of promotions, by priority, highest first, then by code. Coupons, minimums
// and combination groups are not looked at.
void FindPromotions(const Facts& facts, const Item& item, const Categories& categories,
                    const Buyer& buyer, Symbol channel, std::vector<const Promotion*>& out,
                    int64_t* boundary_us);

// Whether `one` is left out where `by` is taken: they are of one kind and exclusion
// group, and `by` has the higher priority, or starts later, or comes first by code.
bool Excludes(const Facts& facts, const Surcharge& by, const Surcharge& one);

enum class RateState : uint8_t {
  kFound,
  kMissing,   // There never was one for this pair and kind.
  kNotYet,    // The first one begins later.
  kExpired,   // The last one ended, or there is a gap.
};
// The rate that counts at `at_us`: of those valid then the one that starts latest
// (then the one that ends first, then the greatest entry). One currency to itself is
// found as 1; nothing else is ever assumed, and nothing is inverted or chained.
// `boundary_us` as above.
RateState FindRate(const Facts& facts, Currency from, Currency to, absl::string_view kind,
                   int64_t at_us, ExchangeRate& out, int64_t* boundary_us);

// What one base unit of the item costs at `at_us`: that of location and organisation,
// else of the location, else of the organisation, else of neither, else the item's
// own. Within one place the cost that starts latest counts. False when it is not
// known. `cost.per_quantity` says for how many base units it is.
bool FindCost(const Facts& facts, const Item& item, Symbol location, Symbol organisation,
              int64_t at_us, Cost& out, int64_t* boundary_us);

// The position at which something last moved that the price of an item for this
// buyer depends on: never lower at a later position, and never the same when such a
// fact moved in between. `sku` may be kNone. Contracts of projects and addresses count as
// the account's own.
Stamp EpochOf(const Facts& facts, const Buyer& buyer, Symbol sku);

}  // namespace weft::pricing
