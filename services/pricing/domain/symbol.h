// Names, positions and periods: the small words of pricing's facts.
//
// Names (SKUs, accounts, units, ...) are symbols: small numbers that stand for a
// text within one Facts. Two symbols of one Facts are equal exactly if kind and
// text are. Times are microseconds since 1970.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "libs/money/money.h"

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
  kLocation,
  kProject,      // Of one account: see SiteName().
  kShipTo,       // Of one account: see SiteName().
  kScaleGroup,
  kSurcharge,
  kPromotion,
  kCombination,  // Group of promotions, or of surcharges that exclude each other.
  kEntry,        // Tells rates, or costs, of one thing apart.
  kRate,         // Of one pair of currencies and kind: see RateName().
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

// Text of a project's or an address's symbol: names of two accounts may be equal.
// Accounts hold no control characters.
inline std::string SiteName(absl::string_view account, absl::string_view name) {
  return absl::StrCat(account, "\x1f", name);
}
// "EUR/USD/", or "EUR/USD/BUDGET" with a kind.
inline std::string RateName(Currency from, Currency to, absl::string_view kind) {
  return absl::StrCat(from.code(), "/", to.code(), "/", kind);
}

}  // namespace weft::pricing
