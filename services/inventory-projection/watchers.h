// Streams of WatchAvailability: who watches what, and the one thread that tells
// them.
//
// The shard only marks a watcher as due; the thread reads a snapshot, compares
// with what was sent last and sends what differs. Between two rounds it pauses, so
// that many changes in a row arrive as one message. A stream whose reader is too
// slow is ended by libs/rpc.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "libs/base/sync.h"
#include "libs/engine/shards.h"
#include "libs/rpc/server.h"
#include "services/inventory-projection/config.h"
#include "weft/inventory/v1/inventory.pb.h"

namespace weft::inventory {

// Thread safe. `shards` outlives every stream: a watcher leaves, and waits until
// nobody reads for it any more, when its stream is done.
class Watchers {
 public:
  Watchers(engine::Shards& shards, const Settings& settings);
  ~Watchers();

  // Starts a watch; its first message has all items.
  // Errors (ends the stream): RESOURCE_EXHAUSTED / TOO_MANY_WATCHERS.
  void Add(const std::string& tenant, v1::WatchAvailabilityRequest request,
           rpc::Stream<v1::WatchAvailabilityResponse> stream);

 private:
  struct Watcher;
  void Run();
  void Tell(const std::shared_ptr<Watcher>& watcher);
  void MarkDue();

  engine::Shards& shards_;
  const Settings settings_;
  Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool due_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::shared_ptr<Watcher>> watchers_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;  // Last: runs on the members above.
};

}  // namespace weft::inventory
