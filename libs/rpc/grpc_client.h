// Clients of other rooms: one pool a process, one channel a target.
//
//   ClientPool pool({.tokens = &room_tokens, .observer = &observer});
//   std::unique_ptr<Client> pricing = pool.Room({.room = "pricing",
//                                                .target = "pricing:50051"});
//
// Routing: targets.h. A room that answers WRONG_SHARD says its N; the client learns it
// and asks again, once. Where a room has an owner, what only the owner answers
// (IsForOwner in method_traits.h) goes there and all else to the replicas.
//
// Retries: only UNAVAILABLE, only what may be repeated (client.h), at most
// twice, after a random pause of 10–50 ms, then 20–100 ms, within the call's
// deadline and the budget of the room (one retry for ten calls).
#pragma once

#include <memory>
#include <string>

#include "libs/base/clock.h"
#include "libs/rpc/client.h"
#include "libs/rpc/observer.h"
#include "libs/rpc/token_signer.h"

namespace weft::rpc {

struct ClientPoolOptions {
  // Makes the token of a call without `bearer`; null = such calls have none.
  // Outlives the pool, as does the observer.
  RoomTokens* tokens = nullptr;
  CallObserver* observer = nullptr;
  size_t answer_bytes_max = 16 << 20;
  int threads = 1;
  // True: each Room() has a connection of its own (load generators).
  bool own_connections = false;
};

struct RoomTarget {
  std::string room;    // For messages: "pricing".
  std::string target;  // As targets.h says.
  int shards = 1;      // Where to begin; learnt from WRONG_SHARD.
  // Whose calls these are, when it is not the pool's own. They outlive the pool.
  RoomTokens* tokens = nullptr;
  CallObserver* observer = nullptr;
  // Where the room's owner is, written as `target`; "" = whoever has the target.
  std::string owner = "";
};

// Outlives the clients it gave. Thread safe. Its threads start with the first
// call: a thread that waits on a queue of gRPC's takes turns in polling for the
// whole process, so one that waits for nothing still costs.
class ClientPool {
 public:
  explicit ClientPool(ClientPoolOptions options);
  // As Shutdown().
  ~ClientPool();

  std::unique_ptr<Client> Room(RoomTarget target);

  // Cancels what is under way, waits until every callback has run; later calls
  // end with UNAVAILABLE / CLIENT_STOPPED.
  void Shutdown();

 private:
  class Impl;
  class RoomClient;
  class UnaryCall;
  class StreamCall;
  class Handle;
  std::shared_ptr<Impl> impl_;
};

}  // namespace weft::rpc
