// Rebates by turnover: which period a moment is in, and what a turnover earns.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "libs/money/decimal.h"
#include "libs/money/money.h"
#include "services/pricing/domain/symbol.h"

namespace weft::pricing {

struct RebateTier {
  Decimal from;     // Turnover, inclusive.
  Decimal percent;
};

struct RebateTerms {
  enum class Mode : uint8_t {
    kRetroactive,  // The rate reached holds for all turnover.
    kIncremental,  // Each rate for the part between its start and the next one's.
  };
  enum class PeriodKind : uint8_t { kWhole, kYear, kQuarter, kMonth };

  Mode mode = Mode::kRetroactive;
  PeriodKind kind = PeriodKind::kWhole;
  Currency currency;
  absl::TimeZone zone = absl::UTCTimeZone();
  Period validity;
  int settle_after_days = 0;
  std::vector<RebateTier> tiers;  // Lowest first.
};

// A period of statements. `key` names it: the start of its calendar period, whatever
// the validity cuts off of it, and 0 for the whole validity; so it stays the same when
// an agreement is changed.
struct RebatePeriod {
  int64_t key_us = 0;
  Period period;              // Within the validity.
  int64_t settle_from_us = kForEver;
};

// The period that holds `at_us`. False when the agreement is not valid then.
bool FindRebatePeriod(const RebateTerms& terms, int64_t at_us, RebatePeriod& out);

struct RebateStep {
  RebateTier tier;
  Decimal base;    // Turnover the percent is taken of.
  Decimal amount;  // Exact.
};

struct Rebate {
  std::vector<RebateStep> steps;
  Decimal amount;  // Their sum, rounded once, half up, to the currency's minor unit.
};

// What `turnover` earns; nothing when it is 0 or below, or below the first tier.
// Errors: OVERFLOW when a number leaves 34 digits.
absl::StatusOr<Rebate> ComputeRebate(const RebateTerms& terms, const Decimal& turnover);

}  // namespace weft::pricing
