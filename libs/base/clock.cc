#include "libs/base/clock.h"

#include <ctime>

#include "absl/time/clock.h"

namespace weft {
namespace {

absl::Duration Read(clockid_t id) {
  timespec t;
  clock_gettime(id, &t);
  return absl::Seconds(t.tv_sec) + absl::Nanoseconds(t.tv_nsec);
}

}  // namespace

absl::Time SystemClock::Wall() const { return absl::Now(); }
absl::Duration SystemClock::Boot() const { return Read(CLOCK_BOOTTIME); }
absl::Duration SystemClock::Steady() const { return Read(CLOCK_MONOTONIC); }

}  // namespace weft
