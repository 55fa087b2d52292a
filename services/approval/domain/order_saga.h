// The saga of an order: which call to another room comes next, and how
// everything is undone when it cannot go on.
//
// Each function takes where the saga stands and what happened, and says where
// it stands then and what has to be done about it. Nothing here calls anybody:
// effects are values that app carries out in the same turn.
//
// Undo: what was booked is given back once. A call whose outcome is not known
// yet is waited for before its undo starts, so do and undo never race. The
// price check books nothing and has no undo; the credit that an order uses is
// a row of our own that ends with the order.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "services/approval/domain/order_state.h"

namespace weft::approval {

// What is known of the stock hold. Numbers are those of SagaRow.Hold.
enum class Hold {
  kUnasked = 0,
  kAsked = 1,
  kHeld = 2,
  kConfirming = 3,
  kFirm = 4,
  kReleasing = 5,
  kNone = 6,
};

enum class HoldRule { kSubmit = 1, kApproved = 2 };

// Why and how an order ends.
struct Ending {
  OrderState state = OrderState::kRejected;
  std::string reason;   // "PRICE_CHANGED"
  std::string message;  // For people.
  std::vector<std::pair<std::string, std::string>> metadata;
};

struct Saga {
  OrderState state = OrderState::kPricing;
  Hold hold = Hold::kUnasked;
  HoldRule hold_rule = HoldRule::kSubmit;
  bool needs_approval = false;
  bool approved = false;
  std::optional<Ending> ending;  // Set from the moment it is known to end badly.
};

enum class Effect {
  kReserve,           // Call Reserve.
  kConfirm,           // Call Confirm.
  kRelease,           // Call Release, bearing the key of the Reserve.
  kOpenApproval,      // Put the question to somebody.
  kWithdrawApproval,  // The question is not to be answered any more.
  kExport,            // Emit OrderReleased: the point of no return.
  kClose,             // The order ended without reaching the ERP's books.
};
using Effects = std::vector<Effect>;

// Prices, credit and blocks were checked. `refusal` ends the order; otherwise
// saga.needs_approval and saga.hold_rule were set by the caller. Does nothing
// unless the state is PRICING.
Effects OnChecked(Saga& saga, std::optional<Ending> refusal);
// Reserve was answered.
Effects OnReserved(Saga& saga, std::optional<Ending> refusal);
// The approval was given, or was refused or ran out (`refusal`).
Effects OnApproval(Saga& saga, std::optional<Ending> refusal);
// Confirm was answered.
Effects OnConfirmed(Saga& saga, std::optional<Ending> refusal);
// Release was answered.
Effects OnReleased(Saga& saga);
// True when End() does something: not for an order that is ending, has ended, or
// of which part left already.
bool CanEnd(const Saga& saga);
// Ends the order, now or as soon as what is in flight is known. Before the
// release anybody with the right may; after it only the ERP's word.
Effects End(Saga& saga, Ending ending);
// The ERP's events moved the order to `derived`. When part of a finished order
// was cancelled, what is still held of it is given back.
Effects OnProgress(Saga& saga, OrderState derived, bool part_cancelled);

}  // namespace weft::approval
