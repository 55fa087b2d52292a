#include "services/gateway/config.h"

#include <catch2/catch.hpp>
#include <functional>

#include "libs/base/error.h"

namespace weft::gateway {
namespace {

TEST_CASE("without settings the documented defaults hold", "[config]") {
  const Settings s = MakeSettings({}).value();

  CHECK(s.http.address == "127.0.0.1");
  CHECK(s.http.port == 8080);
  CHECK(s.http.url_bytes_max == 8192);
  CHECK(s.http.header_bytes_max == 32768);
  CHECK(s.http.body_bytes_max == 4194304);
  CHECK(s.http.header_time_max == absl::Seconds(10));
  CHECK(s.http.idle_time_max == absl::Seconds(75));
  CHECK(s.front.deadline_default == absl::Seconds(5));
  CHECK(s.front.deadline_max == absl::Seconds(30));
  CHECK(s.front.heartbeat == absl::Seconds(15));
}

TEST_CASE("a setting outside its range stops the start", "[config]") {
  using Change = std::function<void(v1::GatewayConfig&)>;
  const auto [setting, change] = GENERATE(table<std::string, Change>({
      {"port", [](auto& c) { c.set_port(70000); }},
      {"io_threads", [](auto& c) { c.set_io_threads(17); }},
      {"limits.url_bytes", [](auto& c) { c.mutable_limits()->set_url_bytes(1); }},
      {"limits.idle_time", [](auto& c) { c.mutable_limits()->mutable_idle_time(); }},
      {"deadline_max", [](auto& c) { c.mutable_deadline_max()->set_seconds(301); }},
      {"deadline_default", [](auto& c) { c.mutable_deadline_default()->set_seconds(31); }},
      {"rate_limits.route_class", [](auto& c) { c.add_rate_limits()->set_route_class("x"); }},
      {"rate_limits.per_second", [](auto& c) { c.add_rate_limits()->set_route_class("read"); }},
      {"cors_origins", [](auto& c) { c.add_cors_origins("*"); }},
      {"cors_origins", [](auto& c) { c.add_cors_origins("https://*.example.com"); }},
  }));
  CAPTURE(setting);
  v1::GatewayConfig config;
  change(config);

  const auto made = MakeSettings(config);

  REQUIRE_FALSE(made.ok());
  CHECK(ReasonOf(made.status()) == "CONFIG_INVALID");
  CHECK(MetadataOf(made.status())[0].second == setting);
}

}  // namespace
}  // namespace weft::gateway
