// The logs the contract is held against, behind one handle.
#pragma once

#include <memory>
#include <string>

#include "libs/base/clock.h"
#include "libs/base/sync.h"
#include "libs/eventlog/embedded_log.h"
#include "libs/eventlog/memory_log.h"
#include "libs/testing/paths.h"

namespace weft::eventlog {

// A wall clock the test sets. Thread safe.
class SettableClock final : public Clock {
 public:
  absl::Time Wall() const override {
    MutexLock lock(mutex_);
    return wall_;
  }
  absl::Duration Boot() const override { return Wall() - absl::UnixEpoch(); }
  absl::Duration Steady() const override { return Boot(); }
  void Set(absl::Time wall) {
    MutexLock lock(mutex_);
    wall_ = wall;
  }
  void Advance(absl::Duration by) {
    MutexLock lock(mutex_);
    wall_ += by;
  }

 private:
  mutable Mutex mutex_;
  absl::Time wall_ ABSL_GUARDED_BY(mutex_) = absl::FromUnixSeconds(1'700'000'000);
};

// kOwnClock: appends carry the test's clock, what is durable can be read by the
// next poll that does not wait, and the test says when maintenance runs. Kafka
// has a clock and a pace of its own.

struct InMemory {
  static constexpr bool kDurable = false;
  static constexpr bool kOwnClock = true;
  explicit InMemory(const Clock& clock) : made(std::make_unique<MemoryLog>(clock)) {}
  void Restart() {}
  absl::Status Maintain() { return made->RunMaintenance(); }
  EventLog& log() { return *made; }
  std::unique_ptr<MemoryLog> made;
};

struct Embedded {
  static constexpr bool kDurable = true;
  static constexpr bool kOwnClock = true;
  explicit Embedded(const Clock& the_clock) : clock(the_clock) { Open(); }
  void Open() {
    EmbeddedLogOptions options;
    options.path = folder.path() + "/log";
    // Tests say when.
    options.compaction_lag = absl::ZeroDuration();
    options.maintenance_interval = absl::Hours(1);
    auto opened = EmbeddedLog::Open(options, clock);
    if (!opened.ok()) throw std::runtime_error(opened.status().ToString());
    made = *std::move(opened);
  }
  void Restart() {
    made.reset();
    Open();
  }
  absl::Status Maintain() { return made->RunMaintenance(); }
  EventLog& log() { return *made; }
  const Clock& clock;
  testing::TempDir folder;
  std::unique_ptr<EmbeddedLog> made;
};

}  // namespace weft::eventlog
