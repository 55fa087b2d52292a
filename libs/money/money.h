// Money: an exact amount and its currency.
//
// Two currencies are never combined or ordered: that is CURRENCY_MISMATCH. An
// amount is not rounded by arithmetic; Round() brings it to the currency's minor
// unit, Allocate() splits it without losing any of it.
//
// Plain values, trivially copyable, at most 32 octets; every function may be
// called from any thread.
// Source: ISO 4217 for codes and minor units.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/money/decimal.h"
#include "libs/money/rounding.h"

namespace weft {

// An ISO 4217 currency of the table in money.cc. Default constructed: none.
class Currency {
 public:
  constexpr Currency() = default;
  // Three upper-case letters that the table knows.
  // Errors: INVALID_ARGUMENT / INVALID_ARGUMENT.
  static absl::StatusOr<Currency> Parse(absl::string_view code);
  // The same for hot code: none when the code is not known.
  static Currency Find(absl::string_view code);

  // "EUR"; "" for none.
  std::string code() const;
  void AppendTo(std::string& out) const;
  // Digits of the minor unit: 2, or 0, 3, 4 for some.
  int minor_digits() const;
  constexpr bool is_none() const { return packed_ == 0; }
  // 1..17,575, stable: for tables and keys in memory. 0 = none.
  constexpr uint16_t number() const { return packed_; }
  static Currency FromNumber(uint16_t number) { return Currency(number); }

  constexpr auto operator<=>(const Currency&) const = default;

  template <typename H>
  friend H AbslHashValue(H h, Currency c) {
    return H::combine(std::move(h), c.packed_);
  }

 private:
  constexpr explicit Currency(uint16_t packed) : packed_(packed) {}
  // Letters as digits to base 26, plus 1.
  uint16_t packed_ = 0;
};

struct Money {
  Decimal amount;
  Currency currency;

  // `amount` as in Decimal::Parse, `currency` as in Currency::Parse.
  static absl::StatusOr<Money> Parse(absl::string_view amount, absl::string_view currency);

  // "12.50 EUR".
  std::string ToString() const;

  constexpr Money operator-() const { return {-amount, currency}; }
  // Same currency and same value; 12.5 EUR == 12.50 EUR.
  friend bool operator==(const Money& a, const Money& b) {
    return a.currency == b.currency && a.amount == b.amount;
  }
};

static_assert(sizeof(Money) <= 32);

// INVALID_ARGUMENT / CURRENCY_MISMATCH, naming both.
absl::Status CurrencyMismatch(Currency a, Currency b);

// Errors of all below: INVALID_ARGUMENT / CURRENCY_MISMATCH and those of Decimal.
absl::StatusOr<Money> Add(const Money& a, const Money& b);
absl::StatusOr<Money> Subtract(const Money& a, const Money& b);
absl::StatusOr<Money> Multiply(const Money& a, const Decimal& factor);
absl::StatusOr<Money> Divide(const Money& a, const Decimal& divisor);
absl::StatusOr<Decimal> Divide(const Money& a, const Money& b);
// Shape: -1, 0 or 1.
absl::StatusOr<int> Compare(const Money& a, const Money& b);

// To the currency's minor unit.
absl::StatusOr<Money> Round(const Money& a, RoundingMode mode = RoundingMode::kHalfUp);
// To `scale` decimals.
absl::StatusOr<Money> Round(const Money& a, int scale, RoundingMode mode);

// The amount times `rate` in another currency, not rounded.
absl::StatusOr<Money> Convert(const Money& a, Currency to, const Decimal& rate);

// Parts that add up to `a` exactly, one per weight: shares are cut down to the
// minor unit and the units left over go to the largest remainders, earlier
// positions first.
// Errors: INVALID_ARGUMENT / INVALID_ARGUMENT when `a` is finer than the minor
// unit, there is no weight, one is negative or all are zero; OVERFLOW when the
// weights' digits span too far.
absl::StatusOr<std::vector<Money>> Allocate(const Money& a,
                                            const std::vector<Decimal>& weights);

}  // namespace weft
