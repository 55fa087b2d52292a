// Makes a store durable on a thread of its own, so that its writer goes on
// deciding while the disk works.
//
// Writes are numbered by whoever asks. One sync covers all that was written
// before it began, so many askings end in few syncs: the disk sets the pace.
//
//   SyncThread syncs(store, [&](uint64_t number, auto status, auto took) { ... });
//   store.Write(batch, /*sync=*/false);
//   syncs.Ask(++number);          // Later, on the thread: the callback with it.
#pragma once

#include <cstdint>
#include <functional>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/base/sync.h"
#include "libs/engine/store.h"

namespace weft::engine {

// Thread safe.
class SyncThread {
 public:
  // `synced` runs on the thread: all writes up to `number` are durable, or the sync
  // failed. After a failure nothing is synced any more: what the disk holds is not
  // known, and a second sync may report success for what was lost. `took`: the disk's
  // time.
  using Synced = std::function<void(uint64_t number, const absl::Status& status,
                                    absl::Duration took)>;
  // `store` and `clock` outlive this.
  SyncThread(Store& store, const Clock& clock, Synced synced);
  // Ends after the sync under way; what was asked later is not synced.
  ~SyncThread();
  SyncThread(const SyncThread&) = delete;
  SyncThread& operator=(const SyncThread&) = delete;

  // All writes up to `number` are written; numbers grow.
  void Ask(uint64_t number);
  // How long the sync under way has taken; zero when there is none.
  absl::Duration busy_for() const;

 private:
  void Run();

  Store& store_;
  const Clock& clock_;
  const Synced synced_;
  mutable Mutex mutex_;
  CondVar asks_;
  uint64_t asked_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Duration began_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteDuration();
  std::thread thread_;
};

}  // namespace weft::engine
