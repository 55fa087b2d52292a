// Where time comes from. Domain code takes a time as an argument and never
// asks; a process passes a Clock to the few places that must.
#pragma once

#include "absl/time/time.h"

namespace weft {

// Thread safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // What the wall clock says; may step in both directions.
  virtual absl::Time Wall() const = 0;
  // CLOCK_BOOTTIME: since boot, counts suspended time, never steps.
  virtual absl::Duration Boot() const = 0;
  // CLOCK_MONOTONIC: for retries and time-outs.
  virtual absl::Duration Steady() const = 0;
};

// The machine's clocks.
class SystemClock final : public Clock {
 public:
  absl::Time Wall() const override;
  absl::Duration Boot() const override;
  absl::Duration Steady() const override;
};

}  // namespace weft
