// The gateway as a process or the all-in-one runs it. It has no shards and no
// gRPC methods: it starts an HTTP server.
//
//   auto gateway = gateway::Make(config, parts).value();
//   RETURN_IF_ERROR(gateway->Start());   // once the rooms can be called
//   ...
//   gateway->Drain();                    // /readyz says no
//   gateway->Stop(absl::Seconds(30));    // lets requests finish
#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/rpc/access_table.h"
#include "libs/rpc/authenticator.h"
#include "libs/rpc/client.h"
#include "services/gateway/http_metrics.h"
#include "weft/gateway/v1/config.pb.h"

namespace weft::gateway {

// What it finds around it; everything outlives it.
struct Parts {
  const Clock* clock = nullptr;
  // By the word in the room's package: pricing, inventory, approval, reorder,
  // erp. The folders' names (inventory-projection, erp-connector) are taken too.
  // A caller's own token is passed on. For callers without one (open mode) these
  // clients must not add a token of a room, or the caller would become a room.
  std::map<std::string, rpc::Client*> rooms;
  const rpc::Authenticator* authenticator = nullptr;
  const rpc::AccessTable* access = nullptr;  // Null: the compiled-in one.
  HttpMetrics* metrics = nullptr;            // May be null.
  // Null: the rooms' own. For tests.
  absl::string_view descriptors;
};

class Gateway {
 public:
  virtual ~Gateway() = default;  // As Stop(0).
  // Errors: UNAVAILABLE / ADDRESS_IN_USE; FAILED_PRECONDITION / OPEN_NOT_LOOPBACK
  // when callers without a token would be let in from other machines.
  virtual absl::Status Start() = 0;
  virtual int port() const = 0;  // After Start().
  virtual void Drain() = 0;
  virtual void Stop(absl::Duration grace) = 0;
};

// Errors: CONFIG_INVALID; whatever is wrong with the rooms' HTTP rules (api.h).
absl::StatusOr<std::unique_ptr<Gateway>> Make(const v1::GatewayConfig& config, Parts parts);

}  // namespace weft::gateway
