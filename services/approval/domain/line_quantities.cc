#include "services/approval/domain/line_quantities.h"

#include <algorithm>

#include "libs/base/error.h"
#include "libs/base/status_macros.h"

namespace weft::approval {
namespace {

absl::Status NotNegative(const Decimal& quantity) {
  if (quantity.sign() >= 0) return absl::OkStatus();
  return InvalidArgument("QUANTITY_INVALID", "a quantity of an order event is negative");
}

absl::Status OutOfRange() {
  return InvalidArgument("QUANTITY_INVALID", "the quantities of a line leave the range");
}

absl::Status AddInto(Decimal& sum, const Decimal& quantity) {
  const absl::StatusOr<Decimal> result = Add(sum, quantity);
  if (!result.ok()) return OutOfRange();
  sum = *result;
  return absl::OkStatus();
}

}  // namespace

Decimal LineQuantities::Wanted() const {
  const absl::StatusOr<Decimal> wanted = Subtract(ordered, cancelled);
  return wanted.ok() && wanted->sign() > 0 ? *wanted : Decimal();
}

absl::Status Acknowledge(LineQuantities& line, const Acknowledged& ack) {
  WEFT_RETURN_IF_ERROR(NotNegative(ack.confirmed));
  WEFT_RETURN_IF_ERROR(NotNegative(ack.backordered));
  WEFT_RETURN_IF_ERROR(NotNegative(ack.rejected));
  line.confirmed = ack.confirmed;
  line.backordered = ack.backordered;
  line.cancelled = std::max(line.cancelled, std::min(ack.rejected, line.ordered));
  return absl::OkStatus();
}

absl::Status Ship(LineQuantities& line, const Decimal& quantity) {
  WEFT_RETURN_IF_ERROR(NotNegative(quantity));
  return AddInto(line.shipped, quantity);
}

absl::Status Invoice(LineQuantities& line, const Decimal& quantity) {
  if (quantity.sign() < 0) return AddInto(line.credited, quantity.Abs());
  return AddInto(line.invoiced, quantity);
}

absl::Status CancelOpen(LineQuantities& line) {
  const absl::StatusOr<Decimal> open = Subtract(line.ordered, line.shipped);
  if (!open.ok()) return OutOfRange();
  if (open->sign() > 0) line.cancelled = std::max(line.cancelled, *open);
  line.backordered = Decimal();
  return absl::OkStatus();
}

OrderState Derive(const std::vector<LineQuantities>& lines, bool acknowledged) {
  bool any_wanted = false;
  bool all_shipped = true;
  bool all_invoiced = true;
  bool any_shipped = false;
  for (const LineQuantities& line : lines) {
    const Decimal wanted = line.Wanted();
    any_wanted = any_wanted || wanted.sign() > 0;
    any_shipped = any_shipped || line.shipped.sign() > 0;
    all_shipped = all_shipped && line.shipped >= wanted;
    all_invoiced = all_invoiced && line.invoiced >= wanted;
  }
  if (!any_wanted) return OrderState::kCancelled;
  if (all_invoiced) return OrderState::kInvoiced;
  if (all_shipped) return OrderState::kShipped;
  if (any_shipped) return OrderState::kPartiallyShipped;
  return acknowledged ? OrderState::kAcknowledged : OrderState::kSent;
}

bool PartCancelled(const std::vector<LineQuantities>& lines) {
  return std::any_of(lines.begin(), lines.end(), [](const LineQuantities& line) {
    return line.cancelled.sign() > 0;
  });
}

}  // namespace weft::approval
