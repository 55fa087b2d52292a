// grpc.health.v1 on our own server.
//
// Parts: "" (the server as a whole: ready), "startup", "liveness", "readiness",
// and one per RPC service. The same states may be served on several ports.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "libs/base/sync.h"
#include "libs/rpc/server.h"

namespace weft::rpc {

// Thread safe.
class HealthState {
 public:
  // Adds the part when it is new. Watchers are told when it changes.
  void Set(const std::string& part, bool serving);
  bool Has(const std::string& part) const;
  // False for an unknown part.
  bool IsServing(const std::string& part) const;

 private:
  friend void RegisterHealth(MethodRegistry& methods, std::shared_ptr<HealthState> state);
  using Listener = std::function<void(bool known, bool serving)>;

  // Calls `listener` now and at each change of `part`, under the lock.
  uint64_t Listen(const std::string& part, Listener listener);
  void Unlisten(uint64_t id);

  mutable Mutex mutex_;
  std::map<std::string, bool> parts_ ABSL_GUARDED_BY(mutex_);
  struct Watch {
    std::string part;
    Listener listener;
  };
  std::map<uint64_t, Watch> watches_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_id_ ABSL_GUARDED_BY(mutex_) = 1;
};

// Check and Watch. Check answers NOT_FOUND / HEALTH_PART_UNKNOWN for a part
// that does not exist.
void RegisterHealth(MethodRegistry& methods, std::shared_ptr<HealthState> state);

}  // namespace weft::rpc
