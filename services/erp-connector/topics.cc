#include "services/erp-connector/topics.h"

#include "libs/engine/event.h"

namespace weft::erp {

const std::string& TopicOf(Kind kind) {
  static const std::string* const kFacts = new std::string(engine::kTimeline);
  static const std::string* const kStock = new std::string(kStockTopic);
  static const std::string* const kDirectory = new std::string(kDirectoryTopic);
  static const std::string* const kOrders = new std::string(kErpOrdersTopic);
  switch (kind) {
    case Kind::kUser:
      return *kDirectory;
    case Kind::kStockCount:
    case Kind::kStockMovement:
      return *kStock;
    case Kind::kInvoice:
    case Kind::kOrder:
    case Kind::kOrderAcknowledged:
    case Kind::kOrderRejected:
    case Kind::kOrderShipped:
    case Kind::kOrderCancelAnswered:
      return *kOrders;
    default:
      return *kFacts;
  }
}

}  // namespace weft::erp
