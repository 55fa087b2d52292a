// The life of an order, as a table: from these states, to that state.
//
//   PRICING → HOLDING → PENDING_APPROVAL → CONFIRMING → SENT → ACKNOWLEDGED →
//   PARTIALLY_SHIPPED → SHIPPED → INVOICED; and out of it by UNDOING to
//   REJECTED, CANCELLED or FAILED. SENT is the point of no return: behind it only
//   the ERP's word ends an order.
#pragma once

#include <initializer_list>

namespace weft::approval {

// Numbers are those of the contract (weft.approval.v1.OrderState).
enum class OrderState {
  kUnspecified = 0,
  kPricing = 1,
  kHolding = 2,
  kPendingApproval = 3,
  kConfirming = 4,
  kSent = 5,
  kAcknowledged = 6,
  kPartiallyShipped = 7,
  kShipped = 8,
  kInvoiced = 9,
  kUndoing = 10,
  kRejected = 11,
  kCancelled = 12,
  kFailed = 13,
};

// "PENDING_APPROVAL".
const char* OrderStateName(OrderState state);

// True when the table has the move. A state does not move to itself.
bool CanMove(OrderState from, OrderState to);

// Nothing moves any more.
bool IsFinal(OrderState state);
// Before the release: whatever happens can still be undone by ourselves.
bool BeforeRelease(OrderState state);
// Released, and not ended otherwise: the ERP's events move it.
bool WithErp(OrderState state);

}  // namespace weft::approval
