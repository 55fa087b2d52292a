#include "services/gateway/config.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/duration.pb.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"

namespace weft::gateway {
namespace {

absl::Status Invalid(absl::string_view setting, absl::string_view rule) {
  return InvalidArgument("CONFIG_INVALID", absl::StrCat(setting, " ", rule),
                         {{"setting", std::string(setting)}});
}

absl::Status Time(bool has, const google::protobuf::Duration& value, absl::string_view name,
                  absl::Duration least, absl::Duration most, absl::Duration& out) {
  if (!has) return absl::OkStatus();
  out = absl::Seconds(value.seconds()) + absl::Nanoseconds(value.nanos());
  if (out >= least && out <= most) return absl::OkStatus();
  return Invalid(name, absl::StrCat("must be from ", absl::FormatDuration(least), " to ",
                                    absl::FormatDuration(most)));
}

template <typename T>
absl::Status Number(uint32_t value, absl::string_view name, uint32_t least, uint32_t most, T& out) {
  if (value == 0) return absl::OkStatus();  // The default.
  if (value < least || value > most) {
    return Invalid(name, absl::StrCat("must be from ", least, " to ", most));
  }
  out = static_cast<T>(value);
  return absl::OkStatus();
}

absl::Status MakeLimits(const v1::Limits& limits, HttpServerOptions& http) {
  constexpr absl::Duration kLeast = absl::Milliseconds(50);
  WEFT_RETURN_IF_ERROR(
      Number(limits.url_bytes(), "limits.url_bytes", 256, 65536, http.url_bytes_max));
  WEFT_RETURN_IF_ERROR(
      Number(limits.header_bytes(), "limits.header_bytes", 1024, 262144, http.header_bytes_max));
  WEFT_RETURN_IF_ERROR(
      Number(limits.body_bytes(), "limits.body_bytes", 1024, 64 << 20, http.body_bytes_max));
  WEFT_RETURN_IF_ERROR(
      Number(limits.connections(), "limits.connections", 1, 100'000, http.connections_max));
  WEFT_RETURN_IF_ERROR(Time(limits.has_header_time(), limits.header_time(), "limits.header_time",
                            kLeast, absl::Minutes(2), http.header_time_max));
  WEFT_RETURN_IF_ERROR(Time(limits.has_body_time(), limits.body_time(), "limits.body_time", kLeast,
                            absl::Minutes(10), http.body_time_max));
  return Time(limits.has_idle_time(), limits.idle_time(), "limits.idle_time", kLeast,
              absl::Minutes(10), http.idle_time_max);
}

absl::Status MakeRates(const v1::GatewayConfig& config, Rates& rates) {
  for (const v1::RateLimit& limit : config.rate_limits()) {
    size_t index = 0;
    while (index < kRouteClasses &&
           Name(static_cast<RouteClass>(index)) != absl::string_view(limit.route_class())) {
      ++index;
    }
    if (index == kRouteClasses) {
      return Invalid("rate_limits.route_class", "must be read, price, write or stream");
    }
    if (rates[index].per_second > 0) return Invalid("rate_limits", "names a class twice");
    if (!(limit.per_second() > 0) || !std::isfinite(limit.per_second())) {
      return Invalid("rate_limits.per_second", "must be above 0");
    }
    const double burst = limit.burst() == 0 ? limit.per_second() : limit.burst();
    if (!(burst >= 0) || !std::isfinite(burst)) {
      return Invalid("rate_limits.burst", "must be at least 1");
    }
    rates[index] = {.per_second = limit.per_second(), .burst = std::max(burst, 1.0)};
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Settings> MakeSettings(const v1::GatewayConfig& config) {
  Settings s;
  if (!config.address().empty()) s.http.address = config.address();
  if (config.has_port()) {
    if (config.port() > 65535) return Invalid("port", "must be from 0 to 65535");
    s.http.port = static_cast<int>(config.port());
  }
  WEFT_RETURN_IF_ERROR(Number(config.io_threads(), "io_threads", 1, 16, s.http.threads));
  WEFT_RETURN_IF_ERROR(MakeLimits(config.limits(), s.http));
  constexpr absl::Duration kLeast = absl::Milliseconds(10);
  WEFT_RETURN_IF_ERROR(Time(config.has_deadline_max(), config.deadline_max(), "deadline_max",
                            kLeast, absl::Minutes(5), s.front.deadline_max));
  s.front.deadline_default = std::min(s.front.deadline_default, s.front.deadline_max);
  WEFT_RETURN_IF_ERROR(Time(config.has_deadline_default(), config.deadline_default(),
                            "deadline_default", kLeast, s.front.deadline_max,
                            s.front.deadline_default));
  WEFT_RETURN_IF_ERROR(Time(config.has_stream_max(), config.stream_max(), "stream_max",
                            absl::Seconds(1), absl::Hours(24), s.front.stream_max));
  WEFT_RETURN_IF_ERROR(Time(config.has_heartbeat(), config.heartbeat(), "heartbeat",
                            absl::Milliseconds(50), absl::Minutes(5), s.front.heartbeat));
  WEFT_RETURN_IF_ERROR(MakeRates(config, s.front.rates));
  for (const std::string& origin : config.cors_origins()) {
    // Credentials are allowed, so an origin is always named exactly.
    if (!absl::StrContains(origin, "://") || absl::StrContains(origin, "*") ||
        absl::EndsWith(origin, "/")) {
      return Invalid("cors_origins", absl::StrCat("has '", origin,
                                                  "'; write exact origins such as "
                                                  "https://shop.example.com"));
    }
    s.front.cors_origins.insert(origin);
  }
  return s;
}

}  // namespace weft::gateway
