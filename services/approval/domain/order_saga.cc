#include "services/approval/domain/order_saga.h"

#include "libs/base/status_macros.h"

namespace weft::approval {
namespace {

using enum OrderState;

void MoveTo(Saga& saga, OrderState to) {
  WEFT_CHECK(CanMove(saga.state, to));
  saga.state = to;
}

Effects Finish(Saga& saga) {
  MoveTo(saga, saga.ending->state);
  return {Effect::kClose};
}

Effects StartRelease(Saga& saga) {
  saga.hold = Hold::kReleasing;
  return {Effect::kRelease};
}

Effects StartReserve(Saga& saga) {
  MoveTo(saga, kHolding);
  saga.hold = Hold::kAsked;
  return {Effect::kReserve};
}

Effects StartApproval(Saga& saga) {
  MoveTo(saga, kPendingApproval);
  return {Effect::kOpenApproval};
}

Effects StartConfirm(Saga& saga) {
  MoveTo(saga, kConfirming);
  saga.hold = Hold::kConfirming;
  return {Effect::kConfirm};
}

}  // namespace

Effects OnChecked(Saga& saga, std::optional<Ending> refusal) {
  if (saga.state != kPricing) return {};
  if (refusal.has_value()) return End(saga, *std::move(refusal));
  if (saga.needs_approval && saga.hold_rule == HoldRule::kApproved) return StartApproval(saga);
  return StartReserve(saga);
}

Effects OnReserved(Saga& saga, std::optional<Ending> refusal) {
  if (saga.hold != Hold::kAsked) return {};
  // A refusal answers one attempt. An earlier one, whose answer was lost, may
  // still be on its way and be carried out later; the undo that bears its key
  // stops it. So a refused hold is given back like one that was made.
  saga.hold = Hold::kHeld;
  if (saga.state == kUndoing) return StartRelease(saga);
  if (refusal.has_value()) return End(saga, *std::move(refusal));
  if (saga.needs_approval && !saga.approved) return StartApproval(saga);
  return StartConfirm(saga);
}

Effects OnApproval(Saga& saga, std::optional<Ending> refusal) {
  if (saga.state != kPendingApproval) return {};
  if (refusal.has_value()) {
    Effects effects = End(saga, *std::move(refusal));
    // It is the approval itself that ends the order: nothing to withdraw.
    std::erase(effects, Effect::kWithdrawApproval);
    return effects;
  }
  saga.approved = true;
  return saga.hold == Hold::kHeld ? StartConfirm(saga) : StartReserve(saga);
}

Effects OnConfirmed(Saga& saga, std::optional<Ending> refusal) {
  if (saga.hold != Hold::kConfirming) return {};
  // A refused Confirm leaves a hold that has expired or is not known: it is
  // given back all the same, which changes nothing where nothing is held.
  saga.hold = refusal.has_value() ? Hold::kHeld : Hold::kFirm;
  if (saga.state == kUndoing) return StartRelease(saga);
  if (refusal.has_value()) return End(saga, *std::move(refusal));
  MoveTo(saga, kSent);
  return {Effect::kExport};
}

Effects OnReleased(Saga& saga) {
  if (saga.hold != Hold::kReleasing) return {};
  saga.hold = Hold::kNone;
  if (saga.state != kUndoing) return {};
  return Finish(saga);
}

bool CanEnd(const Saga& saga) {
  if (saga.ending.has_value() || IsFinal(saga.state)) return false;
  return BeforeRelease(saga.state) || CanMove(saga.state, kUndoing);
}

Effects End(Saga& saga, Ending ending) {
  if (!CanEnd(saga)) return {};
  saga.ending = std::move(ending);
  Effects effects;
  if (saga.state == kPendingApproval) effects.push_back(Effect::kWithdrawApproval);
  switch (saga.hold) {
    case Hold::kUnasked:
    case Hold::kNone: {
      for (Effect effect : Finish(saga)) effects.push_back(effect);
      return effects;
    }
    case Hold::kHeld:
    case Hold::kFirm:
      MoveTo(saga, kUndoing);
      for (Effect effect : StartRelease(saga)) effects.push_back(effect);
      return effects;
    case Hold::kAsked:
    case Hold::kConfirming:
      // Its answer starts the release.
    case Hold::kReleasing:
      MoveTo(saga, kUndoing);
      return effects;
  }
  return effects;
}

Effects OnProgress(Saga& saga, OrderState derived, bool part_cancelled) {
  if (CanMove(saga.state, derived)) MoveTo(saga, derived);
  const bool done = saga.state == kShipped || saga.state == kInvoiced;
  if (done && part_cancelled && saga.hold == Hold::kFirm) return StartRelease(saga);
  return {};
}

}  // namespace weft::approval
