#include "libs/service/settings.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"

namespace weft::service {
namespace {

absl::Status Invalid(absl::string_view field, absl::string_view expected) {
  const std::string path = absl::StrCat("service.", field);
  return InvalidArgument("CONFIG_VALUE_INVALID", absl::StrCat(path, " must be ", expected),
                         {{"path", path}});
}

absl::StatusOr<std::string> Address(const std::string& text, const char* missing,
                                    absl::string_view field, bool may_be_off) {
  if (text.empty()) return std::string(missing);
  if (may_be_off && text == "none") return std::string();
  const size_t colon = text.rfind(':');
  int port = 0;
  if (colon == std::string::npos || colon == 0 ||
      !absl::SimpleAtoi(text.substr(colon + 1), &port) || port < 0 || port > 65535) {
    return Invalid(field, "an address host:port");
  }
  return text;
}

absl::StatusOr<int> Whole(int value, int missing, int low, int high, absl::string_view field) {
  if (value == 0) return missing;
  if (value < low || value > high) {
    return Invalid(field, absl::StrCat("from ", low, " to ", high));
  }
  return value;
}

absl::StatusOr<absl::Duration> Span(bool given, const google::protobuf::Duration& value,
                                    absl::Duration missing, absl::Duration high,
                                    absl::string_view field) {
  if (!given) return missing;
  const absl::Duration span =
      absl::Seconds(value.seconds()) + absl::Nanoseconds(value.nanos());
  if (span < absl::ZeroDuration() || span > high) {
    return Invalid(field, absl::StrCat("from 0s to ", absl::FormatDuration(high)));
  }
  return span;
}

}  // namespace

absl::StatusOr<Settings> MakeSettings(const v1::ServiceConfig& config) {
  Settings s;
  WEFT_ASSIGN_OR_RETURN(s.grpc_address, Address(config.grpc_address(), "0.0.0.0:50051",
                                                "grpc_address", false));
  WEFT_ASSIGN_OR_RETURN(s.health_address, Address(config.health_address(), "0.0.0.0:50052",
                                                  "health_address", true));
  WEFT_ASSIGN_OR_RETURN(s.admin_address, Address(config.admin_address(), "0.0.0.0:8081",
                                                 "admin_address", true));
  s.data_dir = config.data_dir().empty() ? "data" : config.data_dir();
  s.log_dir = config.event_log().embedded_dir().empty()
                  ? absl::StrCat(s.data_dir, "/log")
                  : config.event_log().embedded_dir();
  WEFT_ASSIGN_OR_RETURN(s.shards, Whole(config.shards(), 1, 1, 64, "shards"));
  WEFT_ASSIGN_OR_RETURN(s.grpc_queues, Whole(config.grpc_queues(), 1, 1, 64, "grpc_queues"));
  WEFT_ASSIGN_OR_RETURN(
      s.open_files_min, Whole(config.open_files_min(), 4096, 64, 1 << 20, "open_files_min"));
  WEFT_ASSIGN_OR_RETURN(const int recording,
                        Whole(config.recording_mebibytes(), 0, 0, 4096, "recording_mebibytes"));
  s.recording_bytes = int64_t{recording} << 20;
  s.reflection = config.reflection();
  s.rooms.insert(config.rooms().begin(), config.rooms().end());
  if (!config.log_level().empty() && !telemetry::LevelOf(config.log_level(), s.log_level)) {
    return Invalid("log_level", "debug, info, warning or error");
  }
  WEFT_ASSIGN_OR_RETURN(s.drain_pause, Span(config.has_drain_pause(), config.drain_pause(),
                                            absl::Seconds(5), absl::Seconds(30), "drain_pause"));
  WEFT_ASSIGN_OR_RETURN(s.drain_grace, Span(config.has_drain_grace(), config.drain_grace(),
                                            absl::Seconds(30), absl::Seconds(40), "drain_grace"));
  s.mac_key_file = config.mac_key_file().empty() ? absl::StrCat(s.data_dir, "/mac.key")
                                                 : config.mac_key_file();
  const v1::IdentityConfig& identity = config.identity();
  s.room_key_file = identity.room_key_file().empty() ? absl::StrCat(s.data_dir, "/rooms.pem")
                                                     : identity.room_key_file();
  s.open_loopback = identity.open_loopback();
  s.open_tenant = identity.open_tenant().empty() ? "demo" : identity.open_tenant();
  for (int i = 0; i < identity.issuers_size(); ++i) {
    const v1::TokenIssuerConfig& issuer = identity.issuers(i);
    const std::string field = absl::StrCat("identity.issuers[", i, "]");
    if (issuer.issuer().empty()) return Invalid(absl::StrCat(field, ".issuer"), "set");
    if (issuer.jwks_file().empty()) return Invalid(absl::StrCat(field, ".jwks_file"), "set");
    s.issuers.push_back(
        {.issuer = issuer.issuer(),
         .audience = issuer.audience().empty() ? "weft" : issuer.audience(),
         .jwks_file = issuer.jwks_file(),
         .tenants = {issuer.tenants().begin(), issuer.tenants().end()}});
  }
  return s;
}

}  // namespace weft::service
