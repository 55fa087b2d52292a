// The rows of the room, as typed tables.
//
//   table       key             row
//   1 items     sku             v1.ItemRow
//   2 sources   resource name   v1.SourceRow   "orders/<id>", "invoices/<invoice>"
//   3 history   account sku     v1.HistoryRow  (key of two parts: engine::Key)
//   4 reorders  id              v1.ReorderRow
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "libs/engine/table.h"
#include "weft/reorder/v1/state.pb.h"

namespace weft::reorder {

inline constexpr engine::Table<v1::ItemRow> kItems{1, "items"};
inline constexpr engine::Table<v1::SourceRow> kSources{
    .id = 2, .name = "sources", .missing_reason = "SOURCE_NOT_FOUND"};
inline constexpr engine::Table<v1::HistoryRow> kHistory{3, "history"};
inline constexpr engine::Table<v1::ReorderRow> kReorders{
    .id = 4, .name = "reorders", .missing_reason = "REORDER_NOT_FOUND"};

inline std::string HistoryPrefix(absl::string_view account) {
  return engine::Key().Add(account).Take();
}
inline std::string HistoryKey(absl::string_view account, absl::string_view sku) {
  return engine::Key().Add(account).Add(sku).Take();
}

}  // namespace weft::reorder
