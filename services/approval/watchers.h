// Streams of WatchOrder: who watches which order.
//
// A read model without memory of orders: after each durable turn the sequencer
// shows it the rows that changed, and it hands an order on to those who watch
// it. A reader that is too slow loses the stream, not the room its pace.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "libs/base/sync.h"
#include "libs/engine/program.h"
#include "libs/rpc/server.h"
#include "weft/approval/v1/approval.pb.h"

namespace weft::approval {

// Thread safe. Outlives the shards and the server.
class OrderWatchers final : public engine::ReadModel {
 public:
  class Watcher;

  void Load(const engine::ChangedRow& /*row*/) override {}
  void Apply(const std::vector<engine::ChangedRow>& rows, const std::string& tenant,
             engine::Position position) override;

  // Registers a stream; changes from now on reach it. The caller then reads the
  // order and calls Show, so that nothing falls between.
  std::shared_ptr<Watcher> Add(const std::string& tenant, const std::string& order,
                               rpc::Stream<v1::Order> stream);
  // Writes the order unless the stream has this revision or a later one; ends the
  // stream when the order is in a final state.
  static void Show(const std::shared_ptr<Watcher>& watcher, const v1::Order& order);

 private:
  void Remove(const std::string& tenant, const std::string& order, const Watcher* watcher);

  Mutex mutex_;
  std::map<std::pair<std::string, std::string>, std::vector<std::shared_ptr<Watcher>>> watchers_
      ABSL_GUARDED_BY(mutex_);
};

class OrderWatchers::Watcher {
 public:
  explicit Watcher(rpc::Stream<v1::Order> stream) : stream_(std::move(stream)) {}

 private:
  friend class OrderWatchers;
  Mutex mutex_;
  rpc::Stream<v1::Order> stream_;
  int64_t shown_ ABSL_GUARDED_BY(mutex_) = 0;  // Revision; 0 = none yet.
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace weft::approval
