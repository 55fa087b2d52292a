#include "services/reorder/domain/item.h"

namespace weft::reorder {

std::optional<UnitRatio> Item::RatioOf(absl::string_view unit) const {
  if (unit.empty() || unit == base_unit) return UnitRatio();
  for (const ItemUnit& other : units) {
    if (unit == other.unit) return other.ratio;
  }
  return std::nullopt;
}

std::optional<Decimal> Item::ToBase(const Decimal& quantity, absl::string_view unit) const {
  const std::optional<UnitRatio> ratio = RatioOf(unit);
  if (!ratio.has_value()) return std::nullopt;
  const auto converted = ConvertUnit(quantity, *ratio, UnitRatio());
  if (!converted.ok()) return std::nullopt;
  return converted->value;
}

std::optional<std::string> Orderable(const std::string& sku, const FindItem& find) {
  std::string next = sku;
  for (int hop = 0; hop <= kSuccessorsMax && !next.empty(); ++hop) {
    const std::optional<Item> item = find(next);
    if (!item.has_value()) return std::nullopt;
    if (!item->deleted && !item->discontinued) return next;
    next = item->successor;
  }
  return std::nullopt;
}

}  // namespace weft::reorder
