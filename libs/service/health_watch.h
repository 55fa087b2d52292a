// Whether a process is ready and alive, looked at twice a second from what its
// shards and its log say.
//
// Ready: every shard is open (rooms with commands: its claim read and the changelog
// applied, which is what opening waits for), and no projection is further behind the
// log than the bound. Once it has been so it stays so: a room that has lost the log
// answers from its state and says how old that is. What must be refused to all
// tenants, as `blocked` tells, takes it back while it lasts.
// Alive: every sequencer has turned lately. What is away outside of the process does
// not count.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "libs/base/sync.h"
#include "libs/engine/shards.h"
#include "libs/eventlog/event_log.h"

namespace weft::service {

class HealthWatch {
 public:
  struct Part {
    const engine::Shards* shards = nullptr;
    // Of a projection: what it follows. Empty for rooms with commands.
    std::vector<std::string> topics;
  };
  struct Options {
    std::vector<Part> parts;
    eventlog::EventLog* log = nullptr;  // Null where lag cannot be.
    int64_t lag_records_max = 10'000;
    absl::Duration stuck_after = absl::Seconds(30);
    // Told when it changes, and the first time.
    std::function<void(bool)> ready;
    std::function<void(bool)> alive;
    std::function<void()> every_look;
    // Whether something else keeps it from being ready just now; may be null.
    std::function<bool()> blocked;
    absl::Duration period = absl::Milliseconds(500);
  };
  // Looks once before it returns, then on a thread of its own.
  explicit HealthWatch(Options options);
  ~HealthWatch();

 private:
  void Look();
  bool IsAlive() const;
  bool HasCaughtUp() const;
  bool Pause();

  const Options options_;
  // Of whoever looks: the constructor, then the thread.
  bool caught_up_ = false;
  int ready_ = -1;
  int alive_ = -1;
  Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace weft::service
