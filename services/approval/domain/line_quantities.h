// What happened to the quantities of an order's lines, and the state of the
// order that follows from them.
//
// All quantities of a line are in the line's own unit. ERP messages may come in
// any order that makes sense (a shipment before its acknowledgement, an invoice
// before the shipment): each only adds what it knows.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "libs/money/decimal.h"
#include "services/approval/domain/order_state.h"

namespace weft::approval {

struct LineQuantities {
  Decimal ordered;
  Decimal confirmed;
  Decimal backordered;
  Decimal shipped;
  Decimal delivered;
  Decimal invoiced;
  Decimal credited;
  Decimal returned;
  Decimal cancelled;

  // Ordered and not cancelled; never negative.
  Decimal Wanted() const;
  bool operator==(const LineQuantities&) const = default;
};

// What an acknowledgement says of a line. It is the whole truth of that moment:
// a later one replaces it, but a refused quantity stays cancelled.
struct Acknowledged {
  Decimal confirmed;
  Decimal backordered;
  Decimal rejected;
};

// Errors of all: INVALID_ARGUMENT / QUANTITY_INVALID for a negative quantity
// (of an invoice: see below) or one that leaves the range.
absl::Status Acknowledge(LineQuantities& line, const Acknowledged& ack);
absl::Status Ship(LineQuantities& line, const Decimal& quantity);
// A negative quantity is a credit.
absl::Status Invoice(LineQuantities& line, const Decimal& quantity);
// Cancels what was not shipped.
absl::Status CancelOpen(LineQuantities& line);

// State of a released order by its lines.
OrderState Derive(const std::vector<LineQuantities>& lines, bool acknowledged);
// True when some quantity was cancelled.
bool PartCancelled(const std::vector<LineQuantities>& lines);

}  // namespace weft::approval
