#include "services/pricing/domain/ladder.h"

#include <algorithm>

namespace weft::pricing {
namespace {

// In the line's unit; false when it is too large to be said.
bool InUnitOf(const LineAnswer& answer, const Decimal& minimum, UnitRatio ratio, Decimal& out) {
  absl::StatusOr<ConvertedValue> converted = ConvertUnit(minimum, ratio, answer.unit_ratio);
  if (converted.ok() && !converted->exact) {
    const absl::StatusOr<Decimal> whole = WholeUnitsCovering(minimum, ratio, answer.unit_ratio);
    if (!whole.ok()) return false;
    converted->value = *whole;
  }
  if (!converted.ok()) return false;
  out = converted->value;
  return out.sign() >= 0;
}

// What the last unit of a graduated line costs, the `quantity`-th. False when it cannot
// be told apart.
bool LastUnit(PriceFinder& finder, const LineAnswer& at, Decimal& out) {
  Decimal before;
  LineAnswer less;
  if (SubtractInto(at.quantity, Decimal(1), before) != DecimalError::kOk || before.sign() <= 0) {
    return false;
  }
  finder.FindAt(at, before, less);
  const auto total = [](const LineAnswer& answer, Decimal& sum) {
    return MulDivRound(answer.price, answer.quantity, answer.priced.numerator,
                       answer.priced.denominator, kShownScale, RoundingMode::kHalfUp,
                       sum) == DecimalError::kOk;
  };
  Decimal all, rest, difference;
  return less.reason == LineReason::kNone && total(at, all) && total(less, rest) &&
         SubtractInto(all, rest, difference) == DecimalError::kOk && difference.sign() >= 0 &&
         ShownUnitPrice(difference, 1, 1, finder.currency(), out) == DecimalError::kOk;
}

// Whole quantities as numbers; false beyond 18 digits.
bool Whole(const Decimal& quantity, RoundingMode mode, int64_t& out) {
  Decimal whole;
  if (RoundInto(quantity, 0, mode, whole) != DecimalError::kOk || !whole.fits_64()) return false;
  out = whole.coefficient_64();
  return true;
}

}  // namespace

std::vector<LadderStep> BuildLadder(PriceFinder& finder, const LineAnswer& answer) {
  std::vector<Decimal> quantities;
  Decimal quantity;
  std::vector<LineAnswer::Breakpoint> breakpoints = answer.breakpoints;
  finder.AddRuleBreakpoints(answer, breakpoints);
  for (const LineAnswer::Breakpoint& at : breakpoints) {
    if (InUnitOf(answer, at.minimum, at.ratio, quantity)) quantities.push_back(quantity);
  }
  std::sort(quantities.begin(), quantities.end());
  quantities.erase(std::unique(quantities.begin(), quantities.end()), quantities.end());
  if (quantities.size() > kMaxLadder) quantities.resize(kMaxLadder);

  std::vector<LadderStep> ladder;
  LineAnswer at;
  for (const Decimal& from : quantities) {
    finder.FindAt(answer, from, at);
    if (at.reason != LineReason::kNone) continue;
    LadderStep step{from, at.unit_price, at.net};
    step.graduated = at.priced.offer.graduated && LastUnit(finder, at, step.unit_price);
    if (!ladder.empty() && ladder.back().unit_price == step.unit_price) continue;
    ladder.push_back(std::move(step));
  }
  return ladder;
}

bool HintOf(PriceFinder& finder, const std::vector<LadderStep>& ladder,
            const LineAnswer& answer, TierHint& hint) {
  const auto next = std::find_if(ladder.begin(), ladder.end(), [&](const LadderStep& step) {
    return step.minimum > answer.quantity;
  });
  if (next == ladder.end()) return false;
  hint = TierHint();
  hint.next = *next;
  if (SubtractInto(answer.net, next->net, hint.saving) == DecimalError::kOk) {
    hint.saves = hint.saving.sign() > 0;
  }

  // Between two steps a line's net only grows with its quantity: the first whole one
  // that costs more than the next step's minimum is found by halving.
  int64_t low = 1;
  const auto current = std::find_if(ladder.rbegin(), ladder.rend(), [&](const LadderStep& step) {
    return step.minimum <= answer.quantity;
  });
  int64_t high = 0;  // The first that is not below the next step.
  if ((current != ladder.rend() && !Whole(current->minimum, RoundingMode::kCeiling, low)) ||
      !Whole(next->minimum, RoundingMode::kCeiling, high)) {
    return true;
  }
  LineAnswer at;
  const auto is_dearer = [&](int64_t quantity) {
    finder.FindAt(answer, Decimal(quantity), at);
    return at.reason == LineReason::kNone && at.net > next->net;
  };
  low = std::max<int64_t>(low, 1);
  if (low >= high || !is_dearer(high - 1)) return true;
  --high;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (is_dearer(middle)) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  hint.has_dearer_from = true;
  hint.dearer_from = Decimal(high);
  return true;
}

}  // namespace weft::pricing
