// What watches calls: log lines and metrics. One for the calls a process
// serves and one for those it makes.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace weft::rpc {

// One finished call.
struct CallRecord {
  std::string method;       // As registered, or "unknown".
  absl::Status status;      // With the real text, also for INTERNAL.
  absl::Duration duration;
  std::string tenant;       // "" before the caller is known.
  std::string subject;
  std::string request_id;
  std::string traceparent;
  std::string peer;         // "" on loopback and on the calling side.
  bool stream = false;
};

// Thread safe; called on queue threads, so it must not block.
class CallObserver {
 public:
  virtual ~CallObserver() = default;
  // A method that may be called; before the first call.
  virtual void Declare(const std::string& method) = 0;
  virtual void Started(const std::string& method) = 0;
  virtual void Handled(const CallRecord& record) = 0;
};

}  // namespace weft::rpc
