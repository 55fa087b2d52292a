#include "libs/service/settings.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "libs/service/identity.h"

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

template <typename Int>
absl::StatusOr<Int> WholeOf(Int value, Int missing, Int low, Int high, absl::string_view field) {
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

// Several addresses with commas between them.
absl::Status CheckTargets(const google::protobuf::Map<std::string, std::string>& rooms,
                          absl::string_view field) {
  for (const auto& [room, targets] : rooms) {
    for (const absl::string_view target : absl::StrSplit(targets, ',')) {
      const auto checked =
          Address(std::string(target), "", absl::StrCat(field, ".", room), false);
      if (!checked.ok() || checked->empty()) {
        return Invalid(absl::StrCat(field, ".", room),
                       "host:port, or several with commas between them");
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Secret(const std::string& path) {
  if (path.empty()) return std::string();
  WEFT_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  return std::string(absl::StripAsciiWhitespace(text));
}

absl::StatusOr<eventlog::KafkaLogOptions> MakeKafka(const v1::KafkaConfig& config) {
  const auto path = [](absl::string_view name) { return absl::StrCat("event_log.kafka.", name); };
  const auto one_of = [](const std::string& text, std::initializer_list<const char*> known) {
    return std::any_of(known.begin(), known.end(), [&](const char* k) { return text == k; });
  };
  eventlog::KafkaLogOptions k;
  k.bootstrap_servers = config.bootstrap_servers();
  if (k.bootstrap_servers.empty()) {
    return Invalid(path("bootstrap_servers"), "set, e.g. kafka-0:9092,kafka-1:9092");
  }
  k.client_id = config.client_id();
  if (!config.security_protocol().empty()) k.security_protocol = config.security_protocol();
  if (!one_of(k.security_protocol, {"plaintext", "ssl", "sasl_plaintext", "sasl_ssl"})) {
    return Invalid(path("security_protocol"), "plaintext, ssl, sasl_plaintext or sasl_ssl");
  }
  const bool sasl = k.security_protocol.rfind("sasl_", 0) == 0;
  k.sasl_mechanism = config.sasl_mechanism();
  if (sasl ? !one_of(k.sasl_mechanism, {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"})
           : !k.sasl_mechanism.empty()) {
    return Invalid(path("sasl_mechanism"),
                   sasl ? "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"
                        : "empty without security_protocol sasl_plaintext or sasl_ssl");
  }
  k.sasl_username = config.sasl_username();
  if (sasl && k.sasl_username.empty()) return Invalid(path("sasl_username"), "set");
  if (sasl && config.sasl_password_file().empty()) return Invalid(path("sasl_password_file"), "set");
  WEFT_ASSIGN_OR_RETURN(k.sasl_password, Secret(config.sasl_password_file()));
  k.ssl_ca_file = config.ssl_ca_file();
  k.ssl_certificate_file = config.ssl_certificate_file();
  k.ssl_key_file = config.ssl_key_file();
  if (k.ssl_certificate_file.empty() != k.ssl_key_file.empty()) {
    return Invalid(path("ssl_key_file"), "set if and only if ssl_certificate_file is");
  }
  WEFT_ASSIGN_OR_RETURN(k.ssl_key_password, Secret(config.ssl_key_password_file()));
  if (config.has_manage_topics()) k.manage_topics = config.manage_topics();
  WEFT_ASSIGN_OR_RETURN(k.replication_factor, Whole(config.replication_factor(), -1, 1, 32767,
                                                    path("replication_factor")));
  WEFT_ASSIGN_OR_RETURN(k.min_insync_replicas, Whole(config.min_insync_replicas(), 0, 1, 32767,
                                                     path("min_insync_replicas")));
  if (k.replication_factor > 0 && k.min_insync_replicas > k.replication_factor) {
    return Invalid(path("min_insync_replicas"), "at most replication_factor");
  }
  WEFT_ASSIGN_OR_RETURN(k.max_record_bytes,
                        WholeOf<int64_t>(config.max_record_bytes(), k.max_record_bytes, 5 << 20,
                                         1 << 30, path("max_record_bytes")));
  WEFT_ASSIGN_OR_RETURN(const int records,
                        Whole(config.max_records_in_flight(),
                              static_cast<int>(k.max_records_in_flight), 1, 10'000'000,
                              path("max_records_in_flight")));
  k.max_records_in_flight = static_cast<size_t>(records);
  WEFT_ASSIGN_OR_RETURN(
      const int64_t bytes,
      WholeOf<int64_t>(config.max_bytes_in_flight(), static_cast<int64_t>(k.max_bytes_in_flight),
                       1 << 20, 1 << 30, path("max_bytes_in_flight")));
  k.max_bytes_in_flight = static_cast<size_t>(bytes);
  WEFT_ASSIGN_OR_RETURN(k.request_timeout,
                        Span(config.has_request_timeout(), config.request_timeout(),
                             k.request_timeout, absl::Minutes(5), path("request_timeout")));
  WEFT_ASSIGN_OR_RETURN(k.identity_interval,
                        Span(config.has_identity_interval(), config.identity_interval(),
                             k.identity_interval, absl::Minutes(1), path("identity_interval")));
  constexpr absl::Duration kLeast = absl::Milliseconds(100);
  if (k.request_timeout < kLeast) return Invalid(path("request_timeout"), "100ms or more");
  if (k.identity_interval < kLeast) return Invalid(path("identity_interval"), "100ms or more");
  k.overrides.insert(config.overrides().begin(), config.overrides().end());
  return k;
}

absl::Status SetLog(const v1::ServiceConfig& config, Settings& s) {
  const v1::EventLogConfig& log = config.event_log();
  s.embedded_asked = !log.embedded_dir().empty();
  s.log_dir = s.embedded_asked ? log.embedded_dir() : absl::StrCat(s.data_dir, "/log");
  if (log.has_kafka()) {
    if (s.embedded_asked) return Invalid("event_log", "one of embedded_dir and kafka, not both");
    WEFT_ASSIGN_OR_RETURN(s.kafka, MakeKafka(log.kafka()));
  }
  const std::string& durability = config.durability();
  if (!durability.empty() && durability != "log" && durability != "disk") {
    return Invalid("durability", "log or disk");
  }
  if (durability == "log" && !s.kafka.has_value()) {
    return Invalid("durability", "disk on the embedded log, which has no changelog");
  }
  s.durable_on_disk = durability == "disk" || !s.kafka.has_value();
  return absl::OkStatus();
}

absl::Status SetShards(const v1::ServiceConfig& config, Settings& s) {
  WEFT_ASSIGN_OR_RETURN(s.shards, Whole(config.shards(), 1, 1, 64, "shards"));
  for (const int shard : config.owned_shards()) {
    const bool twice = std::find(s.owned_shards.begin(), s.owned_shards.end(), shard) !=
                       s.owned_shards.end();
    if (shard < 0 || shard >= s.shards || twice) {
      return Invalid("owned_shards", absl::StrCat("numbers from 0 to ", s.shards - 1,
                                                  ", which is below service.shards, each once"));
    }
    s.owned_shards.push_back(shard);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckLogOfOneRoom(const Settings& settings) {
  if (settings.kafka.has_value() || settings.embedded_asked) return absl::OkStatus();
  return FailedPrecondition(
      "EVENT_LOG_MISSING",
      "a room in a process of its own meets the others on Kafka, and none is configured; set "
      "service.event_log.kafka.bootstrap_servers, or, where it runs alone on purpose, "
      "service.event_log.embedded_dir",
      {{"path", "service.event_log"}});
}

absl::StatusOr<Settings> MakeSettings(const v1::ServiceConfig& config) {
  Settings s;
  WEFT_ASSIGN_OR_RETURN(s.grpc_address, Address(config.grpc_address(), "0.0.0.0:50051",
                                                "grpc_address", false));
  WEFT_ASSIGN_OR_RETURN(s.health_address, Address(config.health_address(), "0.0.0.0:50052",
                                                  "health_address", true));
  WEFT_ASSIGN_OR_RETURN(s.admin_address, Address(config.admin_address(), "0.0.0.0:8081",
                                                 "admin_address", true));
  s.data_dir = config.data_dir().empty() ? "data" : config.data_dir();
  s.checkpoint_dir = config.checkpoint_dir().empty() ? absl::StrCat(s.data_dir, "/checkpoints")
                                                     : config.checkpoint_dir();
  WEFT_RETURN_IF_ERROR(SetLog(config, s));
  WEFT_RETURN_IF_ERROR(SetShards(config, s));
  WEFT_ASSIGN_OR_RETURN(s.grpc_queues, Whole(config.grpc_queues(), 1, 1, 64, "grpc_queues"));
  WEFT_ASSIGN_OR_RETURN(
      s.open_files_min, Whole(config.open_files_min(), 4096, 64, 1 << 20, "open_files_min"));
  WEFT_ASSIGN_OR_RETURN(const int recording,
                        Whole(config.recording_mebibytes(), 0, 0, 4096, "recording_mebibytes"));
  s.recording_bytes = int64_t{recording} << 20;
  s.reflection = config.reflection();
  WEFT_RETURN_IF_ERROR(CheckTargets(config.rooms(), "rooms"));
  WEFT_RETURN_IF_ERROR(CheckTargets(config.owners(), "owners"));
  s.rooms.insert(config.rooms().begin(), config.rooms().end());
  s.owners.insert(config.owners().begin(), config.owners().end());
  WEFT_ASSIGN_OR_RETURN(s.ready_lag_records, Whole(config.ready_lag_records(), 10'000, 1,
                                                   100'000'000, "ready_lag_records"));
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
