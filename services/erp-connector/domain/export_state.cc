#include "services/erp-connector/domain/export_state.h"

namespace weft::erp {

bool MayTake(ExportPhase phase, ExportStep step) {
  using enum ExportPhase;
  switch (step) {
    case ExportStep::kSend:
      return phase == kHeld || phase == kObserved;
    case ExportStep::kAcknowledge:
    case ExportStep::kShip:
    case ExportStep::kInvoice:
      // A cancel of some lines leaves the order acknowledged; a cancelled order
      // may still be invoiced for what had left.
      return phase == kSent || phase == kUncertain || phase == kAcknowledged ||
             (phase == kCancelled && step == ExportStep::kInvoice);
    case ExportStep::kReject:
      return phase == kSent || phase == kUncertain;
    case ExportStep::kAskCancel:
      return phase != kRejected && phase != kCancelled;
    case ExportStep::kCancelAccepted:
    case ExportStep::kCancelRefused:
      return phase == kSent || phase == kUncertain || phase == kAcknowledged;
    case ExportStep::kTimeOut:
      return phase == kSent;
  }
  return false;
}

}  // namespace weft::erp
