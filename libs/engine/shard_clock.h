// A shard's time: stored with each batch, never goes back (ARCHITECTURE.md §4).
#pragma once

#include <optional>

#include "absl/time/time.h"

namespace weft::engine {

// Advances by the boot clock; stands still while the wall clock is behind; a
// wall clock that is more than kForwardStep ahead is believed after kPatience.
// Microseconds. A plain value.
class ShardClock {
 public:
  static constexpr absl::Duration kForwardStep = absl::Seconds(60);
  static constexpr absl::Duration kPatience = absl::Minutes(5);

  // On opening: the later of what was stored and the wall clock.
  ShardClock(absl::Time stored, absl::Time wall, absl::Duration boot);

  // Moves on to the moment (wall, boot) and returns the shard's time then.
  absl::Time Advance(absl::Time wall, absl::Duration boot);
  absl::Time now() const { return now_; }
  // For replays: the time a recording says.
  void Set(absl::Time now) { now_ = now; }

  // Steps noticed since the clock was made: the wall clock fell more than a
  // second behind, or jumped more than kForwardStep ahead.
  int64_t backward_steps() const { return backward_steps_; }
  int64_t forward_steps() const { return forward_steps_; }

 private:
  absl::Time now_;
  absl::Duration boot_;
  bool behind_ = false;
  std::optional<absl::Duration> ahead_since_;
  int64_t backward_steps_ = 0;
  int64_t forward_steps_ = 0;
};

}  // namespace weft::engine
