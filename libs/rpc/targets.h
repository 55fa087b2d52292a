// Which of a room's targets a call goes to.
//
//   "pricing:50051"            one process (or a name with several addresses)
//   "a:50051,b:50051"          replicas: each call takes the next one; or, once the room
//                              has said that it has as many shards as there are targets,
//                              its shards in order
//   "approval-{shard}:50051"   several shards, by number
//
// With N shards a call of tenant t goes to shard PartitionOf(t) mod N. N is learnt: a
// shard that is asked for another one's tenant answers WRONG_SHARD with its N.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace weft::rpc {

// Thread safe.
class Targets {
 public:
  // `shards`: where to begin, at least 1.
  explicit Targets(const std::string& text, int shards = 1);

  struct Choice {
    std::string target;
    int shards = 1;  // What it was chosen by.
  };
  Choice For(const std::string& tenant);

  // True when `status` says that `choice` was made by another number of shards than the
  // room has, so that asking again goes elsewhere.
  bool Learn(const Choice& choice, const absl::Status& status);

 private:
  std::vector<std::string> targets_;  // Constant, not empty.
  bool by_number_ = false;            // "{shard}" is in them. Constant.
  std::atomic<int> shards_;
  std::atomic<uint32_t> next_{0};
};

}  // namespace weft::rpc
