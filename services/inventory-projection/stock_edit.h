// One item's stock row while a turn changes it: read once, written once, and a
// change of what is short is said when it is written.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "libs/engine/turn.h"
#include "services/inventory-projection/state.h"

namespace weft::inventory {

class StockEdit {
 public:
  // Shape: an empty stock where no row exists.
  static absl::StatusOr<StockEdit> Open(const std::string& sku, engine::Turn& turn);

  Stock& stock() { return stock_; }
  // Puts the row if it changed and emits StockShortChanged per place whose short
  // quantity changed.
  void Save(engine::Turn& turn);

 private:
  StockEdit(std::string sku, Stock stock)
      : sku_(std::move(sku)), before_(stock), stock_(std::move(stock)) {}

  std::string sku_;
  Stock before_;
  Stock stock_;
};

}  // namespace weft::inventory
