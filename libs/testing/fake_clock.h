// A clock that stands still until a test moves it.
#pragma once

#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/base/sync.h"

namespace weft::testing {

// Thread safe.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(absl::Time wall = absl::FromUnixSeconds(1'767'225'600))  // 2026-01-01
      : wall_(wall) {}

  absl::Time Wall() const override {
    MutexLock lock(mutex_);
    return wall_;
  }
  absl::Duration Boot() const override {
    MutexLock lock(mutex_);
    return boot_;
  }
  absl::Duration Steady() const override {
    MutexLock lock(mutex_);
    return steady_;
  }

  // Time passes: all clocks move on.
  void Advance(absl::Duration d) {
    MutexLock lock(mutex_);
    wall_ += d;
    boot_ += d;
    steady_ += d;
  }
  // Somebody sets the wall clock; the others go on as before.
  void StepWall(absl::Duration d) {
    MutexLock lock(mutex_);
    wall_ += d;
  }

 private:
  mutable Mutex mutex_;
  absl::Time wall_ ABSL_GUARDED_BY(mutex_);
  absl::Duration boot_ ABSL_GUARDED_BY(mutex_) = absl::Hours(1);
  absl::Duration steady_ ABSL_GUARDED_BY(mutex_) = absl::Hours(1);
};

}  // namespace weft::testing
