// What else bears on the price of a line: its cost, promotions and surcharges, put
// into the unit that the found price is stated in, as rules see them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "services/pricing/domain/applicable.h"
#include "services/pricing/domain/buyer.h"
#include "services/pricing/domain/facts.h"

namespace weft::pricing {

struct LineAnswer;

struct LineConditions {
  bool has_cost = false;
  Decimal cost;
  // Of promotions: what they leave of the found price.
  bool has_promotion = false;
  Decimal promotion_price;
  std::string promotion_label;
  // Of surcharges: percent of the price, and an amount on top of it.
  bool has_surcharge = false;
  Decimal surcharge_percent;
  Decimal surcharge_amount;
  std::string surcharge_label;
  // Next moment at which one of them begins or ends.
  int64_t boundary_us = kForEver;
};

// An amount per unit of ratio `unit` (base units in it) as an amount of what the
// answer's price is a price of. False on overflow.
bool InPriceUnit(const LineAnswer& answer, const Decimal& amount, UnitRatio unit,
                 int64_t per_quantity, Decimal& out);

class ConditionFinder {
 public:
  ConditionFinder(const Facts& facts, const Buyer& buyer);

  // Nothing of a sort that the tenant does not have is looked for, and costs only when
  // `costs` says so. `answer` has a price. Shape: `out` is overwritten.
  void Find(const LineAnswer& answer, const Categories& categories, bool costs,
            LineConditions& out);

  // Quantities from which promotions are given, or surcharges no longer taken: adds
  // {minimum, ratio of its unit} to `out`, a list of such records.
  template <typename Breakpoints>
  void AddBreakpoints(const LineAnswer& answer, const Categories& categories,
                      Breakpoints& out) {
    const auto add = [&](const Decimal& quantity, UnitRatio ratio) {
      out.push_back({quantity, ratio});
    };
    EachThreshold(answer, categories, add);
  }

 private:
  void EachThreshold(const LineAnswer& answer, const Categories& categories,
                     absl::FunctionRef<void(const Decimal&, UnitRatio)> add);
  void FindCostOf(const LineAnswer& answer, LineConditions& out);
  void Promote(const LineAnswer& answer, LineConditions& out);
  void Surcharge(const LineAnswer& answer, LineConditions& out);
  bool PriceUnder(const LineAnswer& answer, const Promotion& promotion, const Decimal& price,
                  Decimal& out) const;

  const Facts& facts_;
  const Buyer& buyer_;
  const Symbol organisation_;
  const bool has_costs_;
  const bool has_promotions_;
  const bool has_surcharges_;
  std::vector<const Promotion*> promotions_;
  std::vector<const pricing::Surcharge*> surcharges_;
};

}  // namespace weft::pricing
