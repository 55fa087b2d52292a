#include "services/inventory-projection/stock_edit.h"

#include "absl/strings/str_cat.h"
#include "services/inventory-projection/app.h"

namespace weft::inventory {

absl::StatusOr<StockEdit> StockEdit::Open(const std::string& sku, engine::Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(std::optional<Stock> stock, turn.Find(kStock, sku));
  return StockEdit(sku, stock.has_value() ? *std::move(stock) : Stock());
}

void StockEdit::Save(engine::Turn& turn) {
  if (stock_ == before_) return;
  turn.Put(kStock, sku_, stock_);
  for (const Place& place : stock_.places) {
    const Place* old = before_.Find(place.location);
    const Decimal was = old != nullptr ? old->Short() : Decimal();
    if (place.Short() == was) continue;
    v1::StockShortChanged event;
    event.set_sku(sku_);
    event.set_location(place.location);
    event.set_short_quantity(Text(place.Short()));
    turn.Emit(kStockTopic, absl::StrCat(sku_, "@", place.location), event);
  }
}

}  // namespace weft::inventory
