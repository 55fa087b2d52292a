// The gateway as a process or the all-in-one runs it. It has no shards and no
// gRPC methods; its door is an HTTP server that Start() opens.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/rpc/access_table.h"
#include "libs/service/room.h"
#include "weft/gateway/v1/config.pb.h"

namespace weft::gateway {

class Gateway : public service::Room {
 public:
  engine::Program* program() override { return nullptr; }
  void Bind(rpc::MethodRegistry&, engine::Shards*) override {}

  // Errors: UNAVAILABLE / ADDRESS_IN_USE; FAILED_PRECONDITION / OPEN_NOT_LOOPBACK
  // when callers without a token would be let in from other machines.
  absl::Status Start() override = 0;
  void Stop(absl::Duration grace) override = 0;
  // After Start().
  virtual int port() const = 0;
  // /readyz says no from now on.
  void Drain() override = 0;
};

// What a test may put in place of what is compiled in.
struct Overrides {
  absl::string_view descriptors;             // A FileDescriptorSet.
  const rpc::AccessTable* access = nullptr;  // Outlives the gateway.
};

// `surroundings` needs clock, authenticator and rooms; the latter are found by
// the word in their package (pricing, inventory, approval, reorder, erp) or by
// their folder (inventory-projection, erp-connector).
// Errors: CONFIG_INVALID; whatever is wrong with the rooms' HTTP rules (api.h).
absl::StatusOr<std::unique_ptr<Gateway>> MakeGateway(const v1::GatewayConfig& config,
                                                     const service::Surroundings& surroundings,
                                                     const Overrides& overrides = {});

// `config` has passed MakeSettings().
std::unique_ptr<service::Room> MakeRoom(const v1::GatewayConfig& config,
                                        const service::Surroundings& surroundings);

}  // namespace weft::gateway
