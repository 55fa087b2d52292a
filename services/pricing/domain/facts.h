// What pricing knows, as its rules see it: items, accounts, price books, and
// offers (prices of books and contract lines) at one position of the timeline.
//
// Surcharges, promotions, rates and costs are in conditions.h; which of them are about
// an item and a buyer is worked out in applicable.h.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "libs/money/decimal.h"
#include "libs/money/money.h"
#include "libs/money/quantity.h"
#include "services/pricing/domain/conditions.h"
#include "services/pricing/domain/symbol.h"

namespace weft::pricing {

struct ItemUnit {
  Symbol unit = Symbol::kNone;
  UnitRatio ratio;  // In base units.
};

struct Item {
  enum class State : uint8_t { kActive, kPhaseOut, kDiscontinued };

  Symbol sku = Symbol::kNone;
  Symbol base_unit = Symbol::kNone;
  Symbol tax_class = Symbol::kNone;
  Symbol successor = Symbol::kNone;
  Stamp version = 0;
  Stamp number = 0;  // What decision ids call it by.
  State state = State::kActive;
  absl::InlinedVector<ItemUnit, 1> units;      // Without the base unit.
  absl::InlinedVector<Symbol, 2> categories;   // Most special first.
  Decimal minimum_quantity;                    // 0 = none.
  Decimal quantity_step;                       // 0 = none.
  Money cost;                                  // No currency = not known.
};

struct Account {
  Symbol account = Symbol::kNone;
  Symbol parent = Symbol::kNone;
  Symbol branch = Symbol::kNone;
  Symbol organisation = Symbol::kNone;
  Symbol tax_class = Symbol::kNone;
  Currency currency;
  Stamp version = 0;
  Stamp number = 0;
  absl::InlinedVector<Symbol, 2> groups;
};

struct Book {
  Symbol book = Symbol::kNone;
  Symbol organisation = Symbol::kNone;  // kNone = any; so with branch and channel.
  Symbol branch = Symbol::kNone;
  Symbol channel = Symbol::kNone;
  Currency currency;
  int32_t priority = 0;
  Stamp version = 0;
  Period period;
  absl::InlinedVector<Symbol, 2> groups;  // Empty = for everyone.
};

struct Tier {
  Decimal minimum;  // In the offer's unit.
  Decimal price;    // Of `per_quantity` units.
};

// What few offers have.
struct OfferTerms {
  Symbol scale_group = Symbol::kNone;   // Lines that reach the tiers together.
  Symbol organisation = Symbol::kNone;  // kNone = any; so with branch and channel.
  Symbol branch = Symbol::kNone;
  Symbol channel = Symbol::kNone;
  uint32_t exception_count = 0;

  // SKUs and categories the offer is not for; they lie behind this.
  const Symbol* exceptions() const { return reinterpret_cast<const Symbol*>(this + 1); }
  bool Excepts(Symbol sku_or_category) const {
    for (uint32_t i = 0; i < exception_count; ++i) {
      if (exceptions()[i] == sku_or_category) return true;
    }
    return false;
  }
};
static_assert(sizeof(OfferTerms) == 5 * sizeof(Symbol));

// One price entry of a book, or one contract line: what an owner (a book, an
// account, a project or address of an account, a group) offers for a target (an
// item, a category, everything). A view: the bytes behind it belong to the Facts it
// came from.
struct Offer {
  enum class Promise : uint8_t {
    kTiers,
    kDiscount,
    kBook,
    kDiscountTiers,  // Tiers whose prices are percents off the list price.
  };

  Promise promise = Promise::kTiers;
  bool wide = false;           // Tiers are pairs of 64 bits, else of 32.
  bool graduated = false;      // Each tier for its own part of the quantity.
  uint8_t tier_count = 0;
  uint8_t quantity_scale = 0;  // Of every tier's minimum.
  uint8_t price_scale = 0;     // Of every tier's price, or of the discount.
  Currency currency;           // Of a contract's net prices; none for a book's.
  Symbol unit = Symbol::kNone; // kNone = the base unit.
  Symbol book = Symbol::kNone; // Of kBook.
  int64_t per_quantity = 1;
  int64_t discount = 0;        // Of kDiscount: percent, at price_scale.
  Period period;
  Stamp version = 0;
  const OfferTerms* terms = nullptr;  // nullptr = none of them.
  const char* tiers = nullptr;
  absl::string_view name;       // Entry of a book, or contract.
  absl::string_view reference;  // What people call a contract.

  Tier TierAt(int i) const;
};

// Shape of a tier in memory.
template <typename T>
struct RawTier {
  T minimum;
  T price;
};

inline Tier Offer::TierAt(int i) const {
  if (wide) {
    const auto& raw = reinterpret_cast<const RawTier<int64_t>*>(tiers)[i];
    return {Decimal::FromUnscaled(raw.minimum, quantity_scale),
            Decimal::FromUnscaled(raw.price, price_scale)};
  }
  const auto& raw = reinterpret_cast<const RawTier<int32_t>*>(tiers)[i];
  return {Decimal::FromUnscaled(raw.minimum, quantity_scale),
          Decimal::FromUnscaled(raw.price, price_scale)};
}

using Offers = absl::InlinedVector<Offer, 4>;

// The facts of one tenant at one position. Nothing changes while it lives; what
// it hands out lives as long as it does.
class Facts {
 public:
  virtual ~Facts() = default;

  // kNone when no fact ever named it.
  virtual Symbol Find(SymbolKind kind, absl::string_view text) const = 0;
  // "" for kNone.
  virtual absl::string_view Text(Symbol symbol) const = 0;

  // nullptr when there is none; so with accounts and books.
  virtual const Item* FindItem(Symbol sku) const = 0;
  virtual const Account* FindAccount(Symbol account) const = 0;
  virtual const Book* FindBook(Symbol book) const = 0;
  // Our item behind an account's own number, or kNone.
  virtual Symbol FindPartNumber(Symbol account, Symbol customer_sku) const = 0;
  // Adds the books scoped to `group`, or those for everyone (kNone).
  virtual void AddBooks(Symbol group, std::vector<const Book*>& out) const = 0;
  // Adds what `owner` offers for `target`: kNone as the target = everything.
  virtual void AddOffers(Symbol owner, Symbol target, Offers& out) const = 0;
  // False when `owner` certainly offers nothing for targets of this sort; saves
  // the look-up. May be true without need.
  enum class Target : uint8_t { kSku = 1, kCategory = 2, kEverything = 4 };
  virtual bool MayOffer(Symbol owner, Target target) const = 0;

  // False when the tenant certainly has no fact of this sort; then nothing of it needs
  // to be looked up. May be true without need.
  enum class Sort : uint8_t {
    kCategories = 1,   // Categories above others.
    kSurcharges = 2,
    kPromotions = 4,
    kRates = 8,
    kCosts = 16,
    kSites = 32,       // Contracts of a project or an address.
  };
  virtual bool Has(Sort) const { return false; }

  // The owner of contracts that hold for a project (kind kProject) or an address
  // (kShipTo) of `account` only; kNone when there is none. Asked like any owner.
  Symbol FindSite(SymbolKind kind, Symbol account, absl::string_view name) const {
    if (name.empty() || account == Symbol::kNone || !Has(Sort::kSites)) return Symbol::kNone;
    return Find(kind, SiteName(Text(account), name));
  }

  // nullptr when nothing is known of it; then there is none above it.
  virtual const Category* FindCategory(Symbol) const { return nullptr; }
  // Adds the surcharges whose target names `target`: an item, a category, or kNone =
  // everything. Whom and when they are for, and their exceptions, are not looked at.
  virtual void AddSurcharges(Symbol /*target*/, std::vector<const Surcharge*>&) const {}
  virtual void AddPromotions(Symbol /*target*/, std::vector<const Promotion*>&) const {}
  // Adds all costs of the item, whenever they are valid. Item::cost is not among them.
  virtual void AddCosts(Symbol /*sku*/, std::vector<const Cost*>&) const {}
  // Adds all rates of a pair, by its symbol (RateName), whenever they are valid.
  virtual void AddRates(Symbol /*rate*/, std::vector<const ExchangeRate*>&) const {}

  // Position of the last change of what hangs on `symbol` alone: of an item also its
  // prices and costs, of an account, group or site also its contracts and part
  // numbers. 0 = never seen.
  virtual Stamp MovedAt(Symbol) const { return 0; }
  // The same of what hangs on none of these: books, categories, surcharges,
  // promotions, rates, loads, documents.
  virtual Stamp MovedAtLarge() const { return 0; }
};

}  // namespace weft::pricing
