#include "libs/engine/shard_clock.h"

#include <algorithm>

namespace weft::engine {
namespace {

absl::Time Micros(absl::Time t) { return absl::FromUnixMicros(absl::ToUnixMicros(t)); }

}  // namespace

ShardClock::ShardClock(absl::Time stored, absl::Time wall, absl::Duration boot)
    : now_(std::max(Micros(stored), Micros(wall))), boot_(boot) {}

absl::Time ShardClock::Advance(absl::Time wall, absl::Duration boot) {
  const absl::Duration passed = std::max(boot - boot_, absl::ZeroDuration());
  boot_ = std::max(boot, boot_);
  const absl::Time expected = now_ + passed;

  const bool behind = wall < now_ - absl::Seconds(1);
  if (behind && !behind_) ++backward_steps_;
  behind_ = behind;

  if (wall - expected > kForwardStep) {
    if (!ahead_since_.has_value()) {
      ahead_since_ = boot_;
      ++forward_steps_;
    }
    if (boot_ - *ahead_since_ >= kPatience) {
      ahead_since_.reset();
      now_ = Micros(wall);
    } else {
      now_ = Micros(expected);
    }
    return now_;
  }
  ahead_since_.reset();
  // A wall clock a little ahead or behind is followed; one behind our time is
  // waited for.
  now_ = std::max(now_, Micros(wall));
  return now_;
}

}  // namespace weft::engine
