// One room of the house, as a process (or the all-in-one) runs it.
//
// A room's folder offers a factory in room.h:
//
//   std::unique_ptr<service::Room> MakeRoom(const v1::InventoryConfig&,
//                                           const service::Surroundings&);
//
// main.cc runs one room; services/all-in-one runs all. The order is: MakeRoom,
// program() opens the shards, Bind() registers the methods, then the server
// listens. Stop is the reverse.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "libs/base/clock.h"
#include "libs/engine/program.h"
#include "libs/engine/shards.h"
#include "libs/rpc/client.h"
#include "libs/rpc/server.h"

namespace weft::service {

// What a room finds around it. Everything outlives the room.
struct Surroundings {
  const Clock* clock = nullptr;
  // Clients of the other rooms by name ("pricing"); calls may start once the
  // process serves. A room that is away answers UNAVAILABLE.
  std::map<std::string, rpc::Client*> rooms;
  // Secret of the installation for MACs (decision ids, page tokens). 32 octets.
  std::string mac_key;
};

class Room {
 public:
  virtual ~Room() = default;
  // Its declaration to the engine; nullptr for a room without state (gateway).
  virtual engine::Program* program() = 0;
  // Registers its methods. `shards` is nullptr for a room without state.
  virtual void Bind(rpc::MethodRegistry& methods, engine::Shards* shards) = 0;
};

// Registers `method` as a command: the tenant and principal come from the
// token, the request id from the message's `request_id` field, the answer is
// what the engine's handler of the same name returns.
// Request and Response are protobuf messages.
void BindCommand(rpc::MethodRegistry& methods, engine::Shards& shards,
                 const std::string& method, const google::protobuf::Message& request);

template <typename Request>
void BindCommand(rpc::MethodRegistry& methods, engine::Shards& shards,
                 const std::string& method) {
  BindCommand(methods, shards, method, Request::default_instance());
}

// Registers `method` as a read from a snapshot: waits for the request's `after`
// token when the message has such a field, then runs `handler` on the tenant's
// view.
template <typename Request, typename Response>
void BindRead(rpc::MethodRegistry& methods, engine::Shards& shards, const std::string& method,
              std::function<absl::StatusOr<Response>(const rpc::CallContext&, const Request&,
                                                     const engine::View&)>
                  handler);

}  // namespace weft::service
