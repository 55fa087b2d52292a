#include "services/approval/domain/order_state.h"

#include <algorithm>
#include <array>
#include <vector>

namespace weft::approval {
namespace {

using enum OrderState;

struct Move {
  OrderState to;
  std::vector<OrderState> from;
};

const std::vector<Move>& Moves() {
  // The specification of an order's life. PRICING is where it begins.
  static const auto& moves = *new std::vector<Move>{
      {kHolding, {kPricing, kPendingApproval}},
      {kPendingApproval, {kPricing, kHolding}},
      {kConfirming, {kHolding, kPendingApproval}},
      {kSent, {kConfirming}},
      {kAcknowledged, {kSent}},
      {kPartiallyShipped, {kSent, kAcknowledged}},
      {kShipped, {kSent, kAcknowledged, kPartiallyShipped}},
      {kInvoiced, {kSent, kAcknowledged, kPartiallyShipped, kShipped}},
      {kUndoing, {kHolding, kPendingApproval, kConfirming, kSent, kAcknowledged}},
      {kRejected, {kPricing, kHolding, kPendingApproval, kUndoing}},
      {kCancelled, {kPricing, kPendingApproval, kUndoing}},
      {kFailed, {kPricing, kHolding, kPendingApproval, kUndoing}},
  };
  return moves;
}

}  // namespace

const char* OrderStateName(OrderState state) {
  switch (state) {
    case kUnspecified:
      return "UNSPECIFIED";
    case kPricing:
      return "PRICING";
    case kHolding:
      return "HOLDING";
    case kPendingApproval:
      return "PENDING_APPROVAL";
    case kConfirming:
      return "CONFIRMING";
    case kSent:
      return "SENT";
    case kAcknowledged:
      return "ACKNOWLEDGED";
    case kPartiallyShipped:
      return "PARTIALLY_SHIPPED";
    case kShipped:
      return "SHIPPED";
    case kInvoiced:
      return "INVOICED";
    case kUndoing:
      return "UNDOING";
    case kRejected:
      return "REJECTED";
    case kCancelled:
      return "CANCELLED";
    case kFailed:
      return "FAILED";
  }
  return "UNSPECIFIED";
}

bool CanMove(OrderState from, OrderState to) {
  for (const Move& move : Moves()) {
    if (move.to == to) {
      return std::find(move.from.begin(), move.from.end(), from) != move.from.end();
    }
  }
  return false;
}

bool IsFinal(OrderState state) {
  return state == kInvoiced || state == kRejected || state == kCancelled || state == kFailed;
}

bool BeforeRelease(OrderState state) {
  return state == kPricing || state == kHolding || state == kPendingApproval ||
         state == kConfirming;
}

bool WithErp(OrderState state) {
  return state == kSent || state == kAcknowledged || state == kPartiallyShipped ||
         state == kShipped || state == kInvoiced;
}

}  // namespace weft::approval
