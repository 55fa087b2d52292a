#include "services/gateway/http_metrics.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace weft::gateway {

HttpMetrics::HttpMetrics(telemetry::MetricsScope& scope, const Api& api)
    : in_flight_(scope.GetGauge("weft_http_requests_in_flight", "Requests being worked on.")),
      transcode_(scope.GetHistogram("weft_http_transcode_seconds",
                                    "Time to turn JSON into a message and back, a request.")) {
  for (const Binding& binding : api.bindings()) {
    routes_.push_back(MakeRoute(scope, binding.path, binding.http_method));
  }
  routes_.push_back(MakeRoute(scope, "none", "none"));
}

HttpMetrics::Route HttpMetrics::MakeRoute(telemetry::MetricsScope& scope, const std::string& route,
                                          const std::string& method) {
  Route made;
  for (size_t i = 0; i <= kCodes.size(); ++i) {
    const std::string code = i < kCodes.size() ? absl::StrCat(kCodes[i]) : "other";
    made.requests[i] =
        &scope.GetCounter("weft_http_requests_total", "Requests answered, by path template.",
                          {{"route", route}, {"method", method}, {"code", code}});
  }
  made.duration = &scope.GetHistogram("weft_http_request_duration_seconds",
                                      "From the request to the end of its answer.",
                                      {{"route", route}, {"method", method}});
  return made;
}

void HttpMetrics::Finished(std::optional<size_t> binding, int code, absl::Duration duration) {
  Route& route = routes_[std::min(binding.value_or(routes_.size() - 1), routes_.size() - 1)];
  const auto it = std::find(kCodes.begin(), kCodes.end(), code);
  route.requests[static_cast<size_t>(it - kCodes.begin())]->Add();
  route.duration->Observe(duration);
  in_flight_.Add(-1);
}

}  // namespace weft::gateway
