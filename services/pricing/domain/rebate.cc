#include "services/pricing/domain/rebate.h"

#include <algorithm>

#include "absl/time/civil_time.h"
#include "libs/base/status_macros.h"

namespace weft::pricing {

bool FindRebatePeriod(const RebateTerms& terms, int64_t at_us, RebatePeriod& out) {
  if (!terms.validity.Contains(at_us)) return false;
  out = RebatePeriod();
  out.period = terms.validity;
  int64_t end_us = terms.validity.to_us;  // Of the calendar period.
  if (terms.kind != RebateTerms::PeriodKind::kWhole) {
    const absl::CivilMonth month =
        absl::ToCivilMonth(absl::FromUnixMicros(at_us), terms.zone);
    absl::CivilMonth first = month;
    int months = 1;
    if (terms.kind == RebateTerms::PeriodKind::kYear) {
      first = absl::CivilMonth(absl::CivilYear(month));
      months = 12;
    } else if (terms.kind == RebateTerms::PeriodKind::kQuarter) {
      first = month - (month.month() - 1) % 3;
      months = 3;
    }
    out.key_us = absl::ToUnixMicros(absl::FromCivil(first, terms.zone));
    end_us = absl::ToUnixMicros(absl::FromCivil(first + months, terms.zone));
    out.period = Intersection(terms.validity, {out.key_us, end_us});
  }
  if (out.period.to_us != kForEver) {
    const absl::CivilSecond end =
        absl::ToCivilSecond(absl::FromUnixMicros(out.period.to_us), terms.zone);
    const absl::CivilSecond later(end.year(), end.month(), end.day() + terms.settle_after_days,
                                  end.hour(), end.minute(), end.second());
    out.settle_from_us =
        std::max(out.period.to_us, absl::ToUnixMicros(absl::FromCivil(later, terms.zone)));
  }
  return true;
}

absl::StatusOr<Rebate> ComputeRebate(const RebateTerms& terms, const Decimal& turnover) {
  Rebate rebate;
  Decimal sum;
  const auto add = [&](const RebateTier& tier, const Decimal& base) -> absl::Status {
    RebateStep step{.tier = tier, .base = base};
    Decimal hundredfold;
    WEFT_RETURN_IF_ERROR(
        ToStatus(MultiplyInto(base, tier.percent, hundredfold), "the rebate of a tier"));
    // A hundredth, exactly.
    WEFT_RETURN_IF_ERROR(ToStatus(
        MultiplyInto(hundredfold, Decimal::FromUnscaled(1, 2), step.amount), "the rebate"));
    WEFT_RETURN_IF_ERROR(ToStatus(AddInto(sum, step.amount, sum), "the rebate"));
    rebate.steps.push_back(std::move(step));
    return absl::OkStatus();
  };
  if (turnover.sign() > 0) {
    if (terms.mode == RebateTerms::Mode::kRetroactive) {
      const RebateTier* reached = nullptr;
      for (const RebateTier& tier : terms.tiers) {
        if (tier.from <= turnover) reached = &tier;
      }
      if (reached != nullptr) WEFT_RETURN_IF_ERROR(add(*reached, turnover));
    } else {
      for (size_t i = 0; i < terms.tiers.size() && terms.tiers[i].from < turnover; ++i) {
        Decimal end = turnover;
        if (i + 1 < terms.tiers.size()) end = std::min(end, terms.tiers[i + 1].from);
        Decimal base;
        WEFT_RETURN_IF_ERROR(
            ToStatus(SubtractInto(end, terms.tiers[i].from, base), "turnover of a tier"));
        WEFT_RETURN_IF_ERROR(add(terms.tiers[i], base));
      }
    }
  }
  WEFT_RETURN_IF_ERROR(ToStatus(
      RoundInto(sum, terms.currency.minor_digits(), RoundingMode::kHalfUp, rebate.amount),
      "the rebate"));
  return rebate;
}

}  // namespace weft::pricing
