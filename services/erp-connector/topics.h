// The topics of ours that messages become events on.
#pragma once

#include <string>

#include "services/erp-connector/domain/kind.h"

namespace weft::erp {

inline constexpr char kStockTopic[] = "weft.stock.movements.v1";
inline constexpr char kDirectoryTopic[] = "weft.directory.users.v1";
inline constexpr char kErpOrdersTopic[] = "weft.erp.orders.v1";
inline constexpr char kSalesOrdersTopic[] = "weft.sales.orders.v1";

// Where events of a kind go.
const std::string& TopicOf(Kind kind);

}  // namespace weft::erp
