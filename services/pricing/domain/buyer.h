// Who asks: an account with its parents and groups, in a channel and a currency,
// at a moment. Worked out once per request; every line of it uses the same.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/pricing/domain/facts.h"

namespace weft::pricing {

// An account has at most this many ancestors; longer chains (and circles) are cut.
inline constexpr int kMaxParents = 5;

struct BuyerQuestion {
  absl::string_view account;   // "" = a guest.
  absl::string_view channel;
  absl::string_view currency;  // "" = the account's.
  int64_t as_of_us = 0;
  absl::string_view project;   // "" = none; so with ship_to.
  absl::string_view ship_to;
};

struct Buyer {
  const Account* account = nullptr;                   // nullptr = a guest.
  absl::InlinedVector<const Account*, 6> chain;       // The account, then its parents.
  absl::InlinedVector<Symbol, 4> groups;              // The account's own.
  std::string channel;
  Symbol channel_symbol = Symbol::kNone;  // kNone when no fact names it.
  Symbol project = Symbol::kNone;         // Owners of contracts; kNone = none.
  Symbol ship_to = Symbol::kNone;
  std::vector<std::string> coupons;       // That the request names.
  Currency currency;
  int64_t as_of_us = 0;
  // Books open to this buyer in its currency, the one asked first at the front;
  // and those in other currencies, to tell NO_PRICE_IN_CURRENCY.
  std::vector<const Book*> books;
  std::vector<const Book*> foreign_books;
};

// Fills `buyer` (its memory is used again). Books are asked by priority, highest
// first; among equals the narrower scope first (branch, organisation, channel,
// group, none), then by code.
// Errors: NOT_FOUND / ACCOUNT_NOT_FOUND; INVALID_ARGUMENT / CURRENCY_UNKNOWN;
// INVALID_ARGUMENT / CURRENCY_REQUIRED for a guest who names none.
absl::Status DescribeBuyer(const Facts& facts, const BuyerQuestion& question, Buyer& buyer);

}  // namespace weft::pricing
