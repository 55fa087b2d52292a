// Ends a call early, because nobody waits for its answer any more.
//
//   auto cancellation = std::make_shared<rpc::Cancellation>();
//   client.CallRaw(method, request, {.cancellation = cancellation}, done);
//   ...
//   cancellation->Cancel();   // `done` still runs, once, most likely CANCELLED
//
// The effect of a cancelled command may be there all the same.
#pragma once

#include <functional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "libs/base/sync.h"

namespace weft::rpc {

// Thread safe. One call each.
class Cancellation {
 public:
  void Cancel() {
    MutexLock lock(mutex_);
    if (cancelled_) return;
    cancelled_ = true;
    if (stop_) stop_();
  }

  // The client's side. `stop` runs on Cancel(), at once if that has happened; it
  // must not call back into this object.
  void Attach(std::function<void()> stop) {
    MutexLock lock(mutex_);
    stop_ = std::move(stop);
    if (cancelled_ && stop_) stop_();
  }
  // When it returns, `stop` is not running and will not run.
  void Detach() {
    MutexLock lock(mutex_);
    stop_ = nullptr;
  }

 private:
  Mutex mutex_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  std::function<void()> stop_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace weft::rpc
