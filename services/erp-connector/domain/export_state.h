// The life of an order on its way to the ERP, as "from these, to that".
#pragma once

#include "absl/strings/string_view.h"

namespace weft::erp {

enum class ExportStep {
  kSend,
  kAcknowledge,
  kReject,
  kShip,
  kInvoice,
  kAskCancel,
  kCancelAccepted,
  kCancelRefused,
  kTimeOut,  // No acknowledgement in time.
};

// Numbers as in weft.erp.v1.ExportState.
enum class ExportPhase {
  kObserved = 1,
  kHeld = 2,
  kSent = 3,
  kUncertain = 4,
  kAcknowledged = 5,
  kRejected = 6,
  kCancelled = 7,
};

// May `step` be taken in `phase`? A late answer of the ERP is taken in any phase
// in which the order may be with it; what contradicts a final answer is not.
bool MayTake(ExportPhase phase, ExportStep step);

}  // namespace weft::erp
