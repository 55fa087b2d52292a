#include "services/erp-connector/domain/kind.h"

#include <array>

namespace weft::erp {
namespace {

constexpr std::array<KindInfo, kKindCount> kKinds = {{
    {Kind::kItem, "item", Nature::kState, true, true},
    {Kind::kAccount, "account", Nature::kState, true, true},
    {Kind::kCredit, "credit", Nature::kState, false, false},
    {Kind::kUser, "user", Nature::kState, true, true},
    {Kind::kPriceBook, "price-book", Nature::kState, true, true},
    {Kind::kPrice, "price", Nature::kState, true, true},
    {Kind::kContract, "contract", Nature::kState, true, true},
    {Kind::kPartNumber, "part-number", Nature::kState, true, true},
    {Kind::kLocation, "location", Nature::kState, true, true},
    {Kind::kStockCount, "stock.count", Nature::kState, false, false},
    {Kind::kStockMovement, "stock.movement", Nature::kRecord, false, false},
    {Kind::kInvoice, "invoice", Nature::kRecord, false, false},
    {Kind::kOrder, "order", Nature::kState, false, false},
    {Kind::kOrderAcknowledged, "order.acknowledged", Nature::kState, false, false},
    {Kind::kOrderRejected, "order.rejected", Nature::kRecord, false, false},
    {Kind::kOrderShipped, "order.shipped", Nature::kRecord, false, false},
    {Kind::kOrderCancelAnswered, "order.cancel-answered", Nature::kRecord, false, false},
    {Kind::kLoadBegin, "load.begin", Nature::kControl, false, false},
    {Kind::kLoadEnd, "load.end", Nature::kControl, false, false},
    {Kind::kCategory, "category", Nature::kState, true, true},
    {Kind::kSurcharge, "surcharge", Nature::kState, true, true},
    {Kind::kPromotion, "promotion", Nature::kState, true, true},
    {Kind::kRebateAgreement, "rebate-agreement", Nature::kState, true, true},
    {Kind::kExchangeRate, "exchange-rate", Nature::kState, true, true},
    {Kind::kCost, "cost", Nature::kState, true, true},
}};

}  // namespace

const KindInfo& InfoOf(Kind kind) { return kKinds[static_cast<size_t>(kind) - 1]; }

std::optional<Kind> KindOf(absl::string_view type) {
  for (const KindInfo& info : kKinds) {
    if (info.type == type) return info.kind;
  }
  return std::nullopt;
}

}  // namespace weft::erp
