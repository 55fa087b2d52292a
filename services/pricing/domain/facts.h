// What pricing knows, as its rules see it: items, accounts, price books, and
// offers (prices of books and contract lines) at one position of the timeline.
//
// Names (SKUs, accounts, units, ...) are symbols: small numbers that stand for a
// text within one Facts. Two symbols of one Facts are equal exactly if kind and
// text are. Times are microseconds since 1970.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "libs/money/decimal.h"
#include "libs/money/money.h"
#include "libs/money/quantity.h"

namespace weft::pricing {

enum class Symbol : uint32_t { kNone = 0 };

enum class SymbolKind : uint8_t {
  kTenant = 1,
  kSku,
  kAccount,
  kGroup,
  kBook,
  kCategory,
  kUnit,
  kChannel,
  kOrganisation,
  kBranch,
  kTaxClass,
  kCustomerSku,
};

// A position of the timeline as one number: generation times 2^48 plus offset.
using Stamp = uint64_t;
inline constexpr Stamp kNever = std::numeric_limits<Stamp>::max();

inline constexpr int64_t kSinceEver = std::numeric_limits<int64_t>::min();
inline constexpr int64_t kForEver = std::numeric_limits<int64_t>::max();

// Half-open: [from, to).
struct Period {
  int64_t from_us = kSinceEver;
  int64_t to_us = kForEver;
  bool Contains(int64_t us) const { return from_us <= us && us < to_us; }
};
inline Period Intersection(const Period& a, const Period& b) {
  return {a.from_us > b.from_us ? a.from_us : b.from_us, a.to_us < b.to_us ? a.to_us : b.to_us};
}

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

// One price entry of a book, or one contract line: what an owner (a book, an
// account, a group) offers for a target (an item, a category, everything). A
// view: the bytes behind it belong to the Facts it came from.
struct Offer {
  enum class Promise : uint8_t { kTiers, kDiscount, kBook };

  Promise promise = Promise::kTiers;
  bool wide = false;           // Tiers are pairs of 64 bits, else of 32.
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
};

}  // namespace weft::pricing
