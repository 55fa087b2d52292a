#include "services/pricing/domain/line_conditions.h"

#include <algorithm>
#include <numeric>

#include "services/pricing/domain/charges.h"
#include "services/pricing/domain/find_price.h"

namespace weft::pricing {
namespace {

const Decimal kHundred(100);

// numerator / denominator, shortened by the parts of one more factor.
bool Multiply(int64_t factor_up, int64_t factor_down, int64_t& up, int64_t& down) {
  int64_t g = std::gcd(factor_up, down);
  factor_up /= g;
  down /= g;
  g = std::gcd(up, factor_down);
  up /= g;
  factor_down /= g;
  return !__builtin_mul_overflow(up, factor_up, &up) &&
         !__builtin_mul_overflow(down, factor_down, &down);
}

bool RatioOf(const Item& item, Symbol unit, UnitRatio& ratio) {
  if (unit == Symbol::kNone || unit == item.base_unit) {
    ratio = UnitRatio();
    return true;
  }
  for (const ItemUnit& known : item.units) {
    if (known.unit == unit) {
      ratio = known.ratio;
      return true;
    }
  }
  return false;
}

}  // namespace

bool InPriceUnit(const LineAnswer& answer, const Decimal& amount, UnitRatio unit,
                 int64_t per_quantity, Decimal& out) {
  // A price of the line's unit is the stated one times numerator / denominator.
  int64_t up = 1;
  int64_t down = 1;
  if (!Multiply(answer.unit_ratio.numerator(), answer.unit_ratio.denominator(), up, down) ||
      !Multiply(unit.denominator(), unit.numerator(), up, down) ||
      !Multiply(1, per_quantity, up, down) ||
      !Multiply(answer.priced.denominator, answer.priced.numerator, up, down) ||
      MultiplyInto(amount, Decimal(up), out) != DecimalError::kOk) {
    return false;
  }
  return down == 1 || DivideInto(out, Decimal(down), out) == DecimalError::kOk;
}

ConditionFinder::ConditionFinder(const Facts& facts, const Buyer& buyer)
    : facts_(facts),
      buyer_(buyer),
      organisation_(buyer.account == nullptr ? Symbol::kNone : buyer.account->organisation),
      has_costs_(facts.Has(Facts::Sort::kCosts)),
      has_promotions_(facts.Has(Facts::Sort::kPromotions)),
      has_surcharges_(facts.Has(Facts::Sort::kSurcharges)) {}

void ConditionFinder::Find(const LineAnswer& answer, const Categories& categories, bool costs,
                           LineConditions& out) {
  out.has_cost = out.has_promotion = out.has_surcharge = false;
  out.boundary_us = kForEver;
  if (costs && (has_costs_ || !answer.item->cost.currency.is_none())) FindCostOf(answer, out);
  if (has_promotions_) {
    FindPromotions(facts_, *answer.item, categories, buyer_, buyer_.channel_symbol, promotions_,
                   &out.boundary_us);
    if (!promotions_.empty()) Promote(answer, out);
  }
  if (has_surcharges_) {
    FindSurcharges(facts_, *answer.item, categories, buyer_, buyer_.channel_symbol, surcharges_,
                   &out.boundary_us);
    if (!surcharges_.empty()) Surcharge(answer, out);
  }
}

void ConditionFinder::EachThreshold(const LineAnswer& answer, const Categories& categories,
                                    absl::FunctionRef<void(const Decimal&, UnitRatio)> add) {
  const auto add_of = [&](const Decimal& threshold, Symbol unit) {
    UnitRatio ratio;
    if (!threshold.is_zero() && RatioOf(*answer.item, unit, ratio)) add(threshold, ratio);
  };
  if (has_promotions_) {
    FindPromotions(facts_, *answer.item, categories, buyer_, buyer_.channel_symbol, promotions_,
                   nullptr);
    for (const Promotion* one : promotions_) add_of(one->minimum_quantity, one->unit);
  }
  if (has_surcharges_) {
    FindSurcharges(facts_, *answer.item, categories, buyer_, buyer_.channel_symbol, surcharges_,
                   nullptr);
    for (const pricing::Surcharge* one : surcharges_) add_of(one->below_quantity, one->unit);
  }
}

void ConditionFinder::FindCostOf(const LineAnswer& answer, LineConditions& out) {
  Cost cost;
  out.has_cost = FindCost(facts_, *answer.item, Symbol::kNone, organisation_, buyer_.as_of_us,
                          cost, has_costs_ ? &out.boundary_us : nullptr) &&
                 cost.cost.currency == buyer_.currency &&
                 InPriceUnit(answer, cost.cost.amount, UnitRatio(), cost.per_quantity, out.cost);
}

// What one promotion makes of a price. False when it does not concern the line.
bool ConditionFinder::PriceUnder(const LineAnswer& answer, const Promotion& promotion,
                                 const Decimal& price, Decimal& out) const {
  if (!promotion.coupon.empty() &&
      std::find(buyer_.coupons.begin(), buyer_.coupons.end(), promotion.coupon) ==
          buyer_.coupons.end()) {
    return false;
  }
  UnitRatio unit;
  if (!RatioOf(*answer.item, promotion.unit, unit)) return false;
  if (!promotion.minimum_quantity.is_zero() &&
      CompareQuantities(answer.quantity, answer.unit_ratio, promotion.minimum_quantity, unit) < 0) {
    return false;
  }
  if (promotion.benefit == Promotion::Benefit::kPercent) {
    Decimal left;
    return SubtractInto(kHundred, promotion.value, left) == DecimalError::kOk &&
           MultiplyInto(price, left, out) == DecimalError::kOk &&
           DivideInto(out, kHundred, out) == DecimalError::kOk;
  }
  if (promotion.currency != buyer_.currency) return false;
  Decimal amount;
  if (!InPriceUnit(answer, promotion.value, unit, 1, amount)) return false;
  if (promotion.benefit == Promotion::Benefit::kFixedPrice) {
    out = amount;
    return amount < price;
  }
  return SubtractInto(price, amount, out) == DecimalError::kOk && out.sign() > 0;
}

// In their order; of one group only the best for the buyer; an exclusive one stands
// alone when it is better than the others together.
void ConditionFinder::Promote(const LineAnswer& answer, LineConditions& out) {
  Decimal price = answer.price;
  std::string label;
  const auto add_label = [](const Promotion& promotion, std::string& to) {
    if (promotion.label.empty()) return;
    if (!to.empty()) to += ", ";
    to += promotion.label;
  };
  bool any = false;
  for (size_t i = 0; i < promotions_.size(); ++i) {
    const Promotion& promotion = *promotions_[i];
    if (promotion.exclusive) continue;
    Decimal best;
    if (!PriceUnder(answer, promotion, price, best)) continue;
    const Promotion* taken = &promotion;
    if (promotion.combination_group != Symbol::kNone) {
      // The group is decided once, where its first member stands.
      bool decided = false;
      for (size_t k = 0; k < promotions_.size(); ++k) {
        const Promotion& other = *promotions_[k];
        Decimal by_other;
        if (k == i || other.exclusive ||
            other.combination_group != promotion.combination_group ||
            !PriceUnder(answer, other, price, by_other)) {
          continue;
        }
        if (k < i) {
          decided = true;
        } else if (by_other < best) {
          best = by_other;
          taken = &other;
        }
      }
      if (decided) continue;
    }
    price = best;
    add_label(*taken, label);
    any = true;
  }
  for (const Promotion* promotion : promotions_) {
    Decimal alone;
    if (!promotion->exclusive || !PriceUnder(answer, *promotion, answer.price, alone)) continue;
    if (any && alone >= price) continue;
    price = alone;
    label.clear();
    add_label(*promotion, label);
    any = true;
  }
  out.has_promotion = any && price < answer.price;
  out.promotion_price = price;
  out.promotion_label = std::move(label);
}

// Those of the unit price. Of one group only what would be taken excludes others.
void ConditionFinder::Surcharge(const LineAnswer& answer, LineConditions& out) {
  using Per = pricing::Surcharge::Per;
  out.surcharge_percent = Decimal();
  out.surcharge_amount = Decimal();
  out.surcharge_label.clear();
  std::erase_if(surcharges_, [&](const pricing::Surcharge* surcharge) {
    UnitRatio unit;
    return IsOfOrder(*surcharge) || !RatioOf(*answer.item, surcharge->unit, unit) ||
           (surcharge->per == Per::kUnit && surcharge->currency != buyer_.currency) ||
           (!surcharge->below_quantity.is_zero() &&
            CompareQuantities(answer.quantity, answer.unit_ratio, surcharge->below_quantity,
                              unit) >= 0);
  });
  for (const pricing::Surcharge* surcharge : surcharges_) {
    if (surcharge->exclusion_group != Symbol::kNone &&
        std::any_of(surcharges_.begin(), surcharges_.end(), [&](const pricing::Surcharge* other) {
          return Excludes(facts_, *other, *surcharge);
        })) {
      continue;
    }
    Decimal& sum =
        surcharge->per == Per::kLinePercent ? out.surcharge_percent : out.surcharge_amount;
    Decimal amount = surcharge->amount;
    UnitRatio unit;
    if ((surcharge->per == Per::kUnit &&
         (!RatioOf(*answer.item, surcharge->unit, unit) ||
          !InPriceUnit(answer, surcharge->amount, unit, 1, amount))) ||
        AddInto(sum, amount, sum) != DecimalError::kOk) {
      continue;
    }
    out.has_surcharge = true;
    if (!surcharge->label.empty()) {
      if (!out.surcharge_label.empty()) out.surcharge_label += ", ";
      out.surcharge_label += surcharge->label;
    }
  }
}

}  // namespace weft::pricing
