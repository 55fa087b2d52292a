// Keeps retries a small share of the calls, so that they cannot finish off a
// room that is already in trouble.
#pragma once

#include <algorithm>

#include "libs/base/sync.h"

namespace weft::rpc {

// A bucket: each call puts a share of a token in, each retry takes one out.
// Thread safe.
class RetryBudget {
 public:
  // `share` retries a call in the long run, and at most `burst` at once.
  explicit RetryBudget(double share = 0.1, double burst = 10)
      : share_(share), burst_(burst), tokens_(burst) {}

  void OnCall() {
    MutexLock lock(mutex_);
    tokens_ = std::min(burst_, tokens_ + share_);
  }
  // True when a retry may be made now.
  bool TryRetry() {
    MutexLock lock(mutex_);
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }

 private:
  const double share_;
  const double burst_;
  Mutex mutex_;
  double tokens_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace weft::rpc
