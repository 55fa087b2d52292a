// One room of the house, as a process (or the all-in-one) runs it.
//
// A room's folder offers a factory in room.h:
//
//   std::unique_ptr<service::Room> MakeRoom(const v1::InventoryConfig&,
//                                           const service::Surroundings&);
//
// main.cc runs one room; services/all-in-one runs all. The order is: MakeRoom,
// program() (and projection()) open the shards, Bind() registers the methods, then the server
// listens. To stop, the server goes first, then the shards' threads, then the
// room, then the shards: the room may refer to both until its end.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "libs/base/clock.h"
#include "libs/engine/program.h"
#include "libs/engine/shards.h"
#include "libs/rpc/authenticator.h"
#include "libs/rpc/client.h"
#include "libs/rpc/server.h"
#include "libs/telemetry/log.h"
#include "libs/telemetry/metrics.h"

namespace weft::service {

// What a room finds around it. Everything outlives the room.
struct Surroundings {
  const Clock* clock = nullptr;
  // Clients of the other rooms by name ("pricing"); calls may start once the
  // process serves. A room that is away answers UNAVAILABLE.
  std::map<std::string, rpc::Client*> rooms;
  // Secret of the installation for MACs (decision ids, page tokens). 32 octets.
  std::string mac_key;
  // Where the room counts (its series bear its name) and logs. Null in tests
  // that do not care.
  telemetry::MetricsScope* metrics = nullptr;
  telemetry::Logger* log = nullptr;
  // Who a token stands for; for rooms with doors of their own (gateway).
  const rpc::Authenticator* authenticator = nullptr;
};

class Room {
 public:
  virtual ~Room() = default;
  // Its declaration to the engine; nullptr for a room without state (gateway).
  virtual engine::Program* program() = 0;
  // A second program beside it, in a folder of its own that bears the program's
  // name: one that only follows topics (no commands, events, tasks or timers), so
  // that every process may have it while `program` runs in one. nullptr for most.
  virtual engine::Program* projection() { return nullptr; }
  // Where the projection's shards come in, before Bind().
  virtual void BindProjection(rpc::MethodRegistry& /*methods*/, engine::Shards& /*shards*/) {}
  // Registers its methods. `shards` is nullptr for a room without state.
  virtual void Bind(rpc::MethodRegistry& methods, engine::Shards* shards) = 0;
  // Once the process serves: opens doors of the room's own (the gateway's HTTP).
  // An error stops the process.
  virtual absl::Status Start() { return absl::OkStatus(); }
  // What it must refuse until somebody acts, by tenant. Looked at twice a second: told
  // at /readyz, counted, and logged when it comes and goes. Of other tenants nothing is
  // refused, so the process stays ready, but for a condition of all: tenant "".
  struct Condition {
    std::string tenant;
    absl::Status status;
  };
  virtual std::vector<Condition> Conditions() { return {}; }
  // The process is about to stop: its own doors say not ready.
  virtual void Drain() {}
  // The process stops: refuses new work at those doors, finishes what is in
  // flight within `grace`, and returns. Before the shards stop.
  virtual void Stop(absl::Duration /*grace*/) {}
};

// Registers `method` as a command: the tenant and principal come from the
// token, the request id from the message's `request_id` field, the answer is
// what the engine's handler of the same name returns.
// `request` is the default instance of the request message. Requests with maps
// are compared by content, not by bytes, as maps have no order on the wire.
void BindCommand(rpc::MethodRegistry& methods, engine::Shards& shards,
                 const std::string& method, const google::protobuf::Message& request);

template <typename Request>
void BindCommand(rpc::MethodRegistry& methods, engine::Shards& shards,
                 const std::string& method) {
  BindCommand(methods, shards, method, Request::default_instance());
}

// Registers `method` as a read from a snapshot: waits for the request's `after`
// token when the message has such a field, then runs `handler` on the tenant's
// view. The handler runs on a queue thread, or on an engine thread after a wait.
template <typename Request, typename Response>
void BindRead(rpc::MethodRegistry& methods, engine::Shards& shards, const std::string& method,
              std::function<absl::StatusOr<Response>(const rpc::CallContext&, const Request&,
                                                     const engine::View&)>
                  handler) {
  methods.Unary<Request, Response>(
      method, [&shards, handler = std::move(handler)](const rpc::CallContext& context,
                                                      const Request& request,
                                                      rpc::Reply<Response> reply) {
        const auto read = [&shards, handler](const rpc::CallContext& now, const Request& asked,
                                             const rpc::Reply<Response>& answer) {
          absl::StatusOr<std::unique_ptr<engine::View>> view =
              shards.Read(now.principal.tenant);
          if (!view.ok()) return answer(view.status(), {});
          answer(handler(now, asked, **view), {});
        };
        if constexpr (requires { request.after(); }) {
          if (!request.after().empty()) {
            const absl::StatusOr<engine::Token> token =
                engine::Token::FromText(request.after());
            if (!token.ok()) return reply(token.status(), {});
            return shards.WaitFor(
                context.principal.tenant, *token, context.Remaining(),
                [read, context, request, reply](absl::Status applied) {
                  if (!applied.ok()) return reply(applied, {});
                  read(context, request, reply);
                });
          }
        }
        read(context, request, reply);
      });
}

}  // namespace weft::service
