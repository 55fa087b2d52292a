#include "services/pricing/domain/ladder.h"

#include <algorithm>

namespace weft::pricing {

std::vector<LadderStep> BuildLadder(PriceFinder& finder, const LineAnswer& answer) {
  std::vector<Decimal> quantities;
  for (const LineAnswer::Breakpoint& at : answer.breakpoints) {
    absl::StatusOr<ConvertedValue> converted =
        ConvertUnit(at.minimum, at.ratio, answer.unit_ratio);
    if (converted.ok() && !converted->exact) {
      const absl::StatusOr<Decimal> whole =
          WholeUnitsCovering(at.minimum, at.ratio, answer.unit_ratio);
      if (!whole.ok()) continue;
      converted->value = *whole;
    }
    if (converted.ok()) quantities.push_back(converted->value);
  }
  std::sort(quantities.begin(), quantities.end());
  quantities.erase(std::unique(quantities.begin(), quantities.end()), quantities.end());
  if (quantities.size() > kMaxLadder) quantities.resize(kMaxLadder);

  std::vector<LadderStep> ladder;
  LineAnswer at;
  for (const Decimal& quantity : quantities) {
    finder.FindAt(answer, quantity, at);
    if (at.reason != LineReason::kNone) continue;
    if (!ladder.empty() && ladder.back().unit_price == at.unit_price) continue;
    ladder.push_back({quantity, at.unit_price, at.net});
  }
  return ladder;
}

bool HintOf(const std::vector<LadderStep>& ladder, const LineAnswer& answer, Currency currency,
            TierHint& hint) {
  const auto next = std::find_if(ladder.begin(), ladder.end(), [&](const LadderStep& step) {
    return step.minimum > answer.quantity;
  });
  if (next == ladder.end()) return false;
  hint = TierHint();
  hint.next = *next;
  if (SubtractInto(answer.net, next->net, hint.saving) == DecimalError::kOk) {
    hint.saves = hint.saving.sign() > 0;
  }
  if (answer.unit_price.sign() <= 0) return true;

  // net(q) only grows with q inside one tier, so the first whole q with net(q) >
  // net(next) lies around net(next) / unit price; rounding moves it by one or two.
  const auto net_of = [&](const Decimal& quantity, Decimal& net) {
    return MulRound(answer.unit_price, quantity, currency.minor_digits(), RoundingMode::kHalfUp,
                    net) == DecimalError::kOk;
  };
  Decimal q;
  Decimal net;
  if (DivRound(next->net, answer.unit_price, 0, RoundingMode::kFloor, q) != DecimalError::kOk) {
    return true;
  }
  for (int i = 0; i < 4 && net_of(q, net) && net <= next->net; ++i) {
    if (AddInto(q, Decimal(1), q) != DecimalError::kOk) return true;
  }
  Decimal start;  // The tier's own beginning.
  const auto current = std::find_if(ladder.rbegin(), ladder.rend(), [&](const LadderStep& step) {
    return step.minimum <= answer.quantity;
  });
  if (current != ladder.rend() &&
      RoundInto(current->minimum, 0, RoundingMode::kCeiling, start) == DecimalError::kOk &&
      q < start) {
    q = start;
  }
  hint.has_dearer_from = q < next->minimum;
  hint.dearer_from = q;
  return true;
}

}  // namespace weft::pricing
