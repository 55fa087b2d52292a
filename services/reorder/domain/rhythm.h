// An account's own rhythm with an item: how often and how much it buys, and when
// it is due again.
//
// Days are UTC days. What is bought on one day is one purchase, whatever the
// number of orders; a day on which more was given back than bought is none.
// Medians are used because one stray order must not move the answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "libs/money/decimal.h"

namespace weft::reorder {

struct Purchase {
  absl::Time time;
  Decimal quantity;  // Base unit; negative for a credit.
};

struct Rhythm {
  int purchases = 0;               // Days on which something was bought.
  int64_t interval_days = 0;       // Median of the days between them; 0 with fewer than two.
  int64_t deviation_days = 0;      // Median distance of the intervals from it.
  Decimal typical;                 // Lower median of the quantities of a day.
  absl::Time first = absl::InfiniteFuture();
  absl::Time last = absl::InfinitePast();
};

// Shape: `purchases` in any order; the result does not depend on it.
Rhythm FindRhythm(const std::vector<Purchase>& purchases);

// When something is suggested.
struct SuggestionPolicy {
  int lead_days = 3;        // Days ahead of the due day.
  int min_purchases = 3;    // At least 2.
  int lapse_intervals = 4;  // Not bought for so many intervals: given up.
};

struct Due {
  absl::Time time;             // Start of the day it is due on.
  int64_t days_overdue = 0;    // Negative when it lies ahead.
  int confidence_percent = 0;  // 0 to 100: how regular, and from how many purchases.
};

// Shape: nullopt when there is no rhythm, it is not due yet, or the account has
// given the item up.
std::optional<Due> FindDue(const Rhythm& rhythm, const SuggestionPolicy& policy,
                           absl::Time now);

// `typical` raised to `minimum` and up to a multiple of `step`, where they are set.
Decimal OrderQuantity(const Decimal& typical, const std::optional<Decimal>& minimum,
                      const std::optional<Decimal>& step);

// "bought 7 times, every 28 days (median), usually 24 EA; last on 2011-11-02; due
// 2011-11-30".
std::string Explain(const Rhythm& rhythm, const Due& due, const std::string& unit,
                    const Decimal& quantity);

// "2011-11-30".
std::string DayText(absl::Time time);

}  // namespace weft::reorder
