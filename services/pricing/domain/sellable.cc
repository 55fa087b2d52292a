#include "services/pricing/domain/sellable.h"

#include <algorithm>

namespace weft::pricing {

bool SellableOf(const LineAnswer& answer, Sellable& out) {
  out = Sellable();
  if (answer.item == nullptr || answer.quantity.sign() <= 0) return false;
  const Item& item = *answer.item;
  // Of a quantity that has no exact value in base units, the next whole one.
  const absl::StatusOr<ConvertedValue> asked =
      ConvertUnit(answer.quantity, answer.unit_ratio, UnitRatio());
  if (!asked.ok()) return false;
  out.base_quantity = asked->value;
  if (!asked->exact) {
    const auto whole = WholeUnitsCovering(answer.quantity, answer.unit_ratio, UnitRatio());
    if (!whole.ok()) return false;
    out.base_quantity = *whole;
  }
  out.base_quantity = std::max(out.base_quantity, item.minimum_quantity);
  const Decimal& step = item.quantity_step;
  if (step.sign() <= 0) return true;
  Decimal steps;
  if (DivRound(out.base_quantity, step, 0, RoundingMode::kCeiling, steps) != DecimalError::kOk ||
      MultiplyInto(steps, step, out.base_quantity) != DecimalError::kOk) {
    return false;
  }
  for (const ItemUnit& unit : item.units) {
    if (CompareQuantities(Decimal(1), unit.ratio, step, UnitRatio()) != 0) continue;
    out.pack = unit.unit;
    out.packs = steps;
    break;
  }
  return true;
}

}  // namespace weft::pricing
