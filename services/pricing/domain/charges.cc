#include "services/pricing/domain/charges.h"

#include <algorithm>

#include "services/pricing/domain/find_price.h"
#include "services/pricing/domain/price_search.h"

namespace weft::pricing {
namespace {

using Per = Surcharge::Per;

bool IsPerOrder(const Surcharge& surcharge) {
  return surcharge.per == Per::kOrder || surcharge.per == Per::kOrderPercent;
}

bool IsPercent(const Surcharge& surcharge) {
  return surcharge.per == Per::kLinePercent || surcharge.per == Per::kOrderPercent;
}

}  // namespace

bool IsOfOrder(const Surcharge& surcharge) {
  return (surcharge.per != Per::kUnit && surcharge.per != Per::kLinePercent) ||
         !surcharge.below_net.is_zero();
}

OrderCharges::OrderCharges(const Facts& facts, const Buyer& buyer, const Rounding& rounding)
    : facts_(facts),
      buyer_(buyer),
      rounding_(rounding),
      any_(facts.Has(Facts::Sort::kSurcharges)) {}

void OrderCharges::Add(int line, const LineAnswer& answer, const Categories& categories,
                       const Decimal& net) {
  if (!any_) return;
  FindSurcharges(facts_, *answer.item, categories, buyer_, buyer_.channel_symbol, found_, nullptr);
  const int minor = buyer_.currency.minor_digits();
  for (const Surcharge* surcharge : found_) {
    if (!IsOfOrder(*surcharge)) continue;
    UnitRatio unit;
    if (!FindRatio(*answer.item, surcharge->unit, unit)) continue;
    if (!surcharge->below_quantity.is_zero() &&
        CompareQuantities(answer.quantity, answer.unit_ratio, surcharge->below_quantity, unit) >=
            0) {
      continue;
    }
    Part part{surcharge, line, net, Decimal(), true};
    UnitRatio between;
    switch (surcharge->per) {
      case Per::kLine:
        part.countable = RoundInto(surcharge->amount, minor, rounding_.mode, part.amount) ==
                         DecimalError::kOk;
        break;
      case Per::kUnit:
        part.countable =
            RatioBetweenInto(answer.unit_ratio, unit, between) == DecimalError::kOk &&
            MulDivRound(surcharge->amount, answer.quantity, between.numerator(),
                        between.denominator(), minor, rounding_.mode,
                        part.amount) == DecimalError::kOk;
        break;
      case Per::kLinePercent:
        part.countable = MulDivRound(net, surcharge->amount, 1, 100, minor, rounding_.mode,
                                     part.amount) == DecimalError::kOk;
        break;
      case Per::kOrder:
      case Per::kOrderPercent: break;
    }
    parts_.push_back(std::move(part));
  }
}

std::vector<Charge> OrderCharges::Finish() const {
  // One for each surcharge, with all its lines.
  std::vector<Charge> sums;
  for (const Part& part : parts_) {
    auto sum = std::find_if(sums.begin(), sums.end(),
                            [&](const Charge& known) { return known.surcharge == part.surcharge; });
    if (sum == sums.end()) {
      sum = sums.insert(sums.end(), Charge());
      sum->surcharge = part.surcharge;
    }
    sum->lines.push_back(part.line);
    if (AddInto(sum->net, part.net, sum->net) != DecimalError::kOk) {
      sum->lost = Charge::Lost::kAmountTooLarge;
    }
  }
  std::sort(sums.begin(), sums.end(), [&](const Charge& a, const Charge& b) {
    return facts_.Text(a.surcharge->surcharge) < facts_.Text(b.surcharge->surcharge);
  });
  for (Charge& sum : sums) {
    const Surcharge& surcharge = *sum.surcharge;
    const bool has_money = !IsPercent(surcharge) || !surcharge.below_net.is_zero();
    if (sum.lost != Charge::Lost::kTaken) continue;
    if (has_money && surcharge.currency != buyer_.currency) {
      sum.lost = Charge::Lost::kOtherCurrency;
    } else if (!surcharge.below_net.is_zero() && sum.net >= surcharge.below_net) {
      sum.lost = Charge::Lost::kNotBelowNet;
    }
  }
  const auto excluded = [&](const Charge& by, const Charge& one) {
    return by.lost == Charge::Lost::kTaken && Excludes(facts_, *by.surcharge, *one.surcharge);
  };
  const int minor = buyer_.currency.minor_digits();
  std::vector<Charge> out;
  for (const Charge& sum : sums) {
    if (sum.lost != Charge::Lost::kTaken) {
      out.push_back(sum);
      continue;
    }
    if (IsPerOrder(*sum.surcharge)) {
      Charge charge = sum;
      const bool lost = std::any_of(sums.begin(), sums.end(), [&](const Charge& by) {
        return IsPerOrder(*by.surcharge) && excluded(by, sum);
      });
      const DecimalError error =
          sum.surcharge->per == Per::kOrder
              ? RoundInto(sum.surcharge->amount, minor, rounding_.mode, charge.amount)
              : MulDivRound(sum.net, sum.surcharge->amount, 1, 100, minor, rounding_.mode,
                            charge.amount);
      if (lost) charge.lost = Charge::Lost::kExcluded;
      if (error != DecimalError::kOk) charge.lost = Charge::Lost::kAmountTooLarge;
      if (charge.lost != Charge::Lost::kTaken) charge.amount = Decimal();
      out.push_back(std::move(charge));
      continue;
    }
    Charge none = sum;
    none.lost = Charge::Lost::kExcluded;
    none.lines.clear();
    for (const Part& part : parts_) {
      if (part.surcharge != sum.surcharge) continue;
      const bool lost = std::any_of(sums.begin(), sums.end(), [&](const Charge& by) {
        return !IsPerOrder(*by.surcharge) && excluded(by, sum) &&
               std::find(by.lines.begin(), by.lines.end(), part.line) != by.lines.end();
      });
      if (lost) {
        none.lines.push_back(part.line);
        continue;
      }
      Charge charge;
      charge.surcharge = part.surcharge;
      charge.net = part.net;
      charge.lines = {part.line};
      if (part.countable) {
        charge.amount = part.amount;
      } else {
        charge.lost = Charge::Lost::kAmountTooLarge;
      }
      out.push_back(std::move(charge));
    }
    if (!none.lines.empty()) out.push_back(std::move(none));
  }
  return out;
}

}  // namespace weft::pricing
