#include "services/inventory-projection/domain/quantity.h"

#include "libs/base/status_macros.h"

namespace weft::inventory {
namespace {

bool WithinLimits(const Decimal& d) {
  return d.scale() <= kQuantityScaleMax && d.Abs() <= Decimal(kQuantityMax);
}

}  // namespace

std::optional<Decimal> ParseQuantity(absl::string_view text) {
  // The shortest refusal first: a long text is never a quantity.
  if (text.empty() || text.size() > Decimal::kMaxText) return std::nullopt;
  // An exponent is fine in a price list, not in a count of goods.
  if (text.find_first_of("eE") != absl::string_view::npos) return std::nullopt;
  Decimal parsed;
  if (Decimal::ParseInto(text, parsed) != DecimalError::kOk) return std::nullopt;
  const Decimal normal = parsed.Normalized();
  if (!WithinLimits(normal)) return std::nullopt;
  return normal;
}

Decimal Plus(const Decimal& a, const Decimal& b) {
  Decimal sum;
  WEFT_CHECK(AddInto(a, b, sum) == DecimalError::kOk);
  return sum;
}

Decimal Minus(const Decimal& a, const Decimal& b) {
  Decimal difference;
  WEFT_CHECK(SubtractInto(a, b, difference) == DecimalError::kOk);
  return difference;
}

std::optional<Decimal> ToBase(const Decimal& quantity, UnitRatio ratio) {
  if (ratio == UnitRatio()) return quantity;
  Decimal base;
  if (MulDivRound(quantity, Decimal(1), ratio.numerator(), ratio.denominator(),
                  kQuantityScaleMax, RoundingMode::kUp, base) != DecimalError::kOk) {
    return std::nullopt;
  }
  base = base.Normalized();
  if (!WithinLimits(base)) return std::nullopt;
  return base;
}

Decimal WholeUnits(const Decimal& base, UnitRatio ratio) {
  Decimal units;
  if (MulDivRound(base, Decimal(1), ratio.denominator(), ratio.numerator(), 0,
                  RoundingMode::kDown, units) != DecimalError::kOk) {
    return Decimal();
  }
  return units;
}

std::optional<ItemUnit> FindUnit(absl::string_view base_unit,
                                 const std::vector<ItemUnit>& units, absl::string_view unit) {
  if (unit.empty() || unit == base_unit) return ItemUnit{std::string(base_unit), UnitRatio()};
  for (const ItemUnit& other : units) {
    if (unit == other.unit) return other;
  }
  return std::nullopt;
}

std::string Text(const Decimal& quantity) { return quantity.Normalized().ToString(); }

}  // namespace weft::inventory
