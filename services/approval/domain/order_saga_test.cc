#include "services/approval/domain/order_saga.h"

#include <catch2/catch.hpp>
#include <random>

namespace weft::approval {
namespace {

using enum OrderState;

Ending Refusal() { return {.state = kRejected, .reason = "NO", .message = "no"}; }
Ending Cancel() { return {.state = kCancelled, .reason = "CANCELLED", .message = ""}; }

Saga Fresh(bool needs_approval, HoldRule rule = HoldRule::kSubmit) {
  return {.hold_rule = rule, .needs_approval = needs_approval};
}

TEST_CASE("the way to the ERP is the same calls in the policy's order", "[saga]") {
  SECTION("no approval") {
    Saga saga = Fresh(false);
    CHECK(OnChecked(saga, {}) == Effects{Effect::kReserve});
    CHECK(OnReserved(saga, {}) == Effects{Effect::kConfirm});
    CHECK(OnConfirmed(saga, {}) == Effects{Effect::kExport});
    CHECK(saga.state == kSent);
  }
  SECTION("stock first") {
    Saga saga = Fresh(true);
    CHECK(OnChecked(saga, {}) == Effects{Effect::kReserve});
    CHECK(OnReserved(saga, {}) == Effects{Effect::kOpenApproval});
    CHECK(OnApproval(saga, {}) == Effects{Effect::kConfirm});
    CHECK(OnConfirmed(saga, {}) == Effects{Effect::kExport});
  }
  SECTION("approval first") {
    Saga saga = Fresh(true, HoldRule::kApproved);
    CHECK(OnChecked(saga, {}) == Effects{Effect::kOpenApproval});
    CHECK(OnApproval(saga, {}) == Effects{Effect::kReserve});
    CHECK(OnReserved(saga, {}) == Effects{Effect::kConfirm});
    CHECK(OnConfirmed(saga, {}) == Effects{Effect::kExport});
  }
}

TEST_CASE("an undo waits for the answer of what it undoes", "[saga]") {
  Saga saga = Fresh(false);
  (void)OnChecked(saga, {});

  CHECK(End(saga, Cancel()).empty());
  CHECK(saga.state == kUndoing);

  SECTION("it was held") { CHECK(OnReserved(saga, {}) == Effects{Effect::kRelease}); }
  SECTION("it was refused") { CHECK(OnReserved(saga, Refusal()) == Effects{Effect::kRelease}); }
  CHECK(OnReleased(saga) == Effects{Effect::kClose});
  CHECK(saga.state == kCancelled);
}

TEST_CASE("a refused hold is undone too, for an attempt of it may still be on its way", "[saga]") {
  Saga saga = Fresh(false);
  (void)OnChecked(saga, {});

  CHECK(OnReserved(saga, Refusal()) == Effects{Effect::kRelease});
  CHECK(saga.state == kUndoing);
  CHECK(OnReleased(saga) == Effects{Effect::kClose});
  CHECK(saga.state == kRejected);
}

TEST_CASE("the first ending counts", "[saga]") {
  Saga saga = Fresh(true);
  (void)OnChecked(saga, {});
  (void)OnReserved(saga, {});
  (void)End(saga, Cancel());

  CHECK(End(saga, Refusal()).empty());
  (void)OnReleased(saga);

  CHECK(saga.state == kCancelled);
}

TEST_CASE("an answer that comes twice does nothing the second time", "[saga]") {
  Saga saga = Fresh(false);
  (void)OnChecked(saga, {});
  (void)OnReserved(saga, {});

  CHECK(OnChecked(saga, {}).empty());
  CHECK(OnReserved(saga, {}).empty());
  CHECK(OnApproval(saga, {}).empty());
  CHECK(OnReleased(saga).empty());
  CHECK(saga.state == kConfirming);
}

TEST_CASE("an order of which part left does not end by a refusal", "[saga]") {
  Saga saga = Fresh(false);
  (void)OnChecked(saga, {});
  (void)OnReserved(saga, {});
  (void)OnConfirmed(saga, {});
  (void)OnProgress(saga, kPartiallyShipped, false);

  CHECK_FALSE(CanEnd(saga));
  CHECK(End(saga, Refusal()).empty());
  CHECK(saga.state == kPartiallyShipped);
}

TEST_CASE("what was cancelled of a finished order is given back once", "[saga]") {
  Saga saga = Fresh(false);
  (void)OnChecked(saga, {});
  (void)OnReserved(saga, {});
  (void)OnConfirmed(saga, {});

  CHECK(OnProgress(saga, kShipped, true) == Effects{Effect::kRelease});
  CHECK(OnProgress(saga, kInvoiced, true).empty());
  CHECK(OnReleased(saga).empty());
  CHECK(saga.state == kInvoiced);
}

TEST_CASE("whatever happens in whatever order, holds and releases balance", "[saga]") {
  const uint32_t seed = GENERATE(take(300, random(1u, 4'000'000'000u)));
  CAPTURE(seed);
  std::mt19937 random(seed);
  Saga saga = Fresh(random() % 2 == 0,
                    random() % 2 == 0 ? HoldRule::kSubmit : HoldRule::kApproved);
  int reserved = 0;
  int released = 0;
  int exported = 0;
  int closed = 0;
  bool held = false;
  bool asked = false;
  Effects open;  // Calls not answered yet.
  const auto carry = [&](const Effects& effects) {
    for (const Effect effect : effects) {
      reserved += effect == Effect::kReserve ? 1 : 0;
      exported += effect == Effect::kExport ? 1 : 0;
      closed += effect == Effect::kClose ? 1 : 0;
      if (effect == Effect::kRelease) {
        ++released;
        CHECK(asked);  // Never before the answer is known.
      }
      if (effect == Effect::kReserve || effect == Effect::kConfirm ||
          effect == Effect::kRelease) {
        open.push_back(effect);
      }
    }
  };
  const auto maybe = [&]() -> std::optional<Ending> {
    if (random() % 4 == 0) return Refusal();
    return std::nullopt;
  };
  carry(OnChecked(saga, maybe()));
  for (int step = 0; step < 40; ++step) {
    const auto dice = random() % 10;
    if (dice < 5 && !open.empty()) {
      const size_t at = random() % open.size();
      const Effect call = open[at];
      open.erase(open.begin() + static_cast<std::ptrdiff_t>(at));
      const std::optional<Ending> refusal = maybe();
      if (call == Effect::kReserve) {
        held = !refusal.has_value();
        asked = true;
        carry(OnReserved(saga, refusal));
      } else if (call == Effect::kConfirm) {
        carry(OnConfirmed(saga, refusal));
      } else {
        held = false;
        carry(OnReleased(saga));
      }
    } else if (dice < 7) {
      carry(OnApproval(saga, maybe()));
    } else if (dice == 7) {
      carry(End(saga, Cancel()));
    } else if (dice == 8 && WithErp(saga.state)) {
      carry(OnProgress(saga, kAcknowledged, false));
    }
  }
  while (!open.empty()) {
    const Effect call = open.back();
    open.pop_back();
    if (call == Effect::kReserve) {
      held = true;
      asked = true;
      carry(OnReserved(saga, {}));
    } else if (call == Effect::kConfirm) {
      carry(OnConfirmed(saga, {}));
    } else {
      held = false;
      carry(OnReleased(saga));
    }
  }
  CHECK(reserved <= 1);
  CHECK(released <= reserved);
  CHECK(exported <= 1);
  CHECK(closed <= 1);
  CHECK((closed == 1) ==
        (saga.state == kRejected || saga.state == kCancelled || saga.state == kFailed));
  if (closed == 1) CHECK_FALSE(held);
  if (WithErp(saga.state)) CHECK(held);
}

}  // namespace
}  // namespace weft::approval
