// The gateway's settings, checked.
#pragma once

#include "absl/status/statusor.h"
#include "services/gateway/front.h"
#include "services/gateway/http_server.h"
#include "weft/gateway/v1/config.pb.h"

namespace weft::gateway {

// Meaning, defaults and ranges: weft/gateway/v1/config.proto.
struct Settings {
  HttpServerOptions http;
  FrontOptions front;
};

// Errors: INVALID_ARGUMENT / CONFIG_INVALID, naming the setting.
absl::StatusOr<Settings> MakeSettings(const v1::GatewayConfig& config);

}  // namespace weft::gateway
