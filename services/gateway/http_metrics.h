// weft_http_*: what the front counts (README.md, "Metrics").
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "libs/telemetry/metrics.h"
#include "services/gateway/api.h"

namespace weft::gateway {

// Thread safe.
class HttpMetrics {
 public:
  // Codes that every route has a series for from the start; others count as
  // "other".
  static constexpr std::array<int, 14> kCodes = {200, 304, 400, 401, 403, 404, 409,
                                                 412, 415, 429, 499, 500, 503, 504};

  // Both outlive it.
  HttpMetrics(telemetry::MetricsScope& scope, const Api& api);

  void Started() { in_flight_.Add(1); }
  // `binding`: index into Api::bindings; nullopt = no route was found.
  void Finished(std::optional<size_t> binding, int code, absl::Duration duration);
  // Turning JSON into a message and back, of one request.
  void Transcoded(absl::Duration duration) { transcode_.Observe(duration); }

 private:
  struct Route {
    std::array<telemetry::Counter*, kCodes.size() + 1> requests{};
    telemetry::Histogram* duration = nullptr;
  };
  Route MakeRoute(telemetry::MetricsScope& scope, const std::string& route,
                  const std::string& method);

  telemetry::Gauge& in_flight_;
  telemetry::Histogram& transcode_;
  std::vector<Route> routes_;  // By binding; the last is for no route.
};

}  // namespace weft::gateway
