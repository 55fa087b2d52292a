// Finds out that our own listener is dead.
//
// Out of file descriptors, gRPC 1.51's listener stops accepting for good
// (CVE-2023-4785): the process lives, its connections work, new ones hang. Only
// a NEW connection can tell. So the process calls itself and gives up when
// that fails often enough; a restart is the cure.
#pragma once

#include <functional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "libs/base/sync.h"

namespace weft::rpc {

// Opens a connection to `target` ("host:port"), says hello in HTTP/2 and waits
// for the server's SETTINGS frame. Blocks at most `timeout`.
// Errors: UNAVAILABLE / LISTENER_DEAD.
absl::Status ProbeListener(const std::string& target, absl::Duration timeout);

// Raises the soft limit of open files to the hard limit.
// Errors: FAILED_PRECONDITION / FILE_LIMIT_TOO_LOW when that is below `required`.
absl::Status RaiseFileLimit(int64_t required = 4096);

// Probes every `period` on a thread of its own and calls `dead` once, on that
// thread, after `failures` failures in a row.
class SelfProbe {
 public:
  struct Options {
    std::string target;
    absl::Duration period = absl::Seconds(5);
    absl::Duration timeout = absl::Seconds(3);
    int failures = 3;
  };
  SelfProbe(Options options, std::function<void(absl::Status)> dead);
  ~SelfProbe();

 private:
  void Run();

  const Options options_;
  const std::function<void(absl::Status)> dead_;
  Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace weft::rpc
