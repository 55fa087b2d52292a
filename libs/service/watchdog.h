// Looks after a process from the inside: a dead listener, a stuck queue, and
// what is due every minute.
//
// Every 5 s it opens a new connection to each gRPC port (libs/rpc/self_probe.h)
// and makes one call that the port's queue has to answer. Three failed
// connections in a row: `dead`, the process must be restarted. Three unanswered
// calls in a row: not alive, until one is answered.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "libs/base/sync.h"
#include "libs/rpc/client.h"

namespace weft::service {

class Watchdog {
 public:
  struct Listener {
    std::string name;
    std::string target;  // host:port
    // Null: a client of its own for each call, so that no thread of gRPC's waits
    // in between. Tests give one; it outlives the watchdog.
    rpc::Client* client = nullptr;
  };
  struct Options {
    std::vector<Listener> listeners;
    std::function<void(bool alive)> alive;
    std::function<void(absl::Status)> dead;
    std::function<void()> every_look;  // Before each look.
    std::function<void()> every_minute;
    // True: do what is due every minute now (at most every 10 s).
    std::function<bool()> wants_minute;
    absl::Duration period = absl::Seconds(5);
    absl::Duration timeout = absl::Seconds(3);
    int failures = 3;
  };
  explicit Watchdog(Options options);
  ~Watchdog();

 private:
  void Run();
  // False when it is time to stop.
  bool Pause(absl::Duration pause);
  void Look();
  bool Answers(const Listener& listener) const;

  struct Watched {
    Listener listener;
    int failed_connections = 0;
    int failed_calls = 0;
  };
  const Options options_;
  std::vector<Watched> watched_;  // Of the thread.
  Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace weft::service
