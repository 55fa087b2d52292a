#include "services/approval/domain/order_state.h"

#include <catch2/catch.hpp>
#include <set>

namespace weft::approval {
namespace {

using enum OrderState;

constexpr OrderState kAll[] = {kPricing,      kHolding,          kPendingApproval, kConfirming,
                               kSent,         kAcknowledged,     kPartiallyShipped, kShipped,
                               kInvoiced,     kUndoing,          kRejected,        kCancelled,
                               kFailed};

TEST_CASE("every state but the final ones has a way on, and final ones have none", "[state]") {
  for (const OrderState from : kAll) {
    CAPTURE(OrderStateName(from));
    int ways = 0;
    for (const OrderState to : kAll) ways += CanMove(from, to) ? 1 : 0;
    CHECK((ways == 0) == IsFinal(from));
  }
}

TEST_CASE("every state can be reached from PRICING and can reach a final one", "[state]") {
  std::set<OrderState> reached{kPricing};
  for (size_t before = 0; before != reached.size();) {
    before = reached.size();
    for (const OrderState from : std::set<OrderState>(reached)) {
      for (const OrderState to : kAll) {
        if (CanMove(from, to)) reached.insert(to);
      }
    }
  }
  CHECK(reached.size() == std::size(kAll));
}

TEST_CASE("nothing goes back across the point of no return", "[state]") {
  for (const OrderState from : kAll) {
    if (!WithErp(from)) continue;
    for (const OrderState to : kAll) {
      CAPTURE(OrderStateName(from), OrderStateName(to));
      if (BeforeRelease(to)) CHECK_FALSE(CanMove(from, to));
    }
  }
}

TEST_CASE("what has left in part cannot be undone", "[state]") {
  CHECK_FALSE(CanMove(kPartiallyShipped, kUndoing));
  CHECK_FALSE(CanMove(kShipped, kUndoing));
  CHECK_FALSE(CanMove(kInvoiced, kUndoing));
}

}  // namespace
}  // namespace weft::approval
