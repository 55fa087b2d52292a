// The gateway as a process of its own.
#include "libs/service/process.h"
#include "services/gateway/config.h"
#include "services/gateway/room.h"

int main(int argc, char** argv) {
  using namespace weft;  // NOLINT(google-build-using-namespace): this file is wiring.
  service::RoomSpec spec = service::Spec<gateway::v1::GatewayConfig>(
      "gateway", &gateway::MakeSettings, &gateway::MakeRoom);
  spec.passes_callers_on = true;
  return service::RoomMain(argc, argv, std::move(spec));
}
