// ServiceConfig, checked and with its defaults filled in.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/eventlog/kafka_log.h"
#include "libs/telemetry/log.h"
#include "weft/service/v1/config.pb.h"

namespace weft::service {

struct Settings {
  std::string grpc_address;
  std::string health_address;  // "" = off
  std::string admin_address;   // "" = off
  std::string data_dir;
  std::string log_dir;
  std::string checkpoint_dir;
  bool embedded_asked = false;  // By its folder.
  // Client id empty = "weft-" and the name of the process; passwords read.
  std::optional<eventlog::KafkaLogOptions> kafka;
  bool durable_on_disk = false;  // Else, on Kafka, in the changelog.
  int shards = 1;
  std::vector<int> owned_shards;  // Empty = all.
  int grpc_queues = 1;
  bool reflection = false;
  std::map<std::string, std::string> rooms;
  std::map<std::string, std::string> owners;
  int ready_lag_records = 10'000;
  telemetry::Level log_level = telemetry::Level::kInfo;
  absl::Duration drain_pause;
  absl::Duration drain_grace;
  std::string mac_key_file;
  std::string room_key_file;
  int open_files_min = 4096;
  int64_t recording_bytes = 0;  // 0 = off
  bool open_loopback = false;
  std::string open_tenant;
  struct Issuer {
    std::string issuer;
    std::string audience;
    std::string jwks_file;
    std::vector<std::string> tenants;
  };
  std::vector<Issuer> issuers;
};

// Errors: INVALID_ARGUMENT / CONFIG_VALUE_INVALID (metadata "path"); NOT_FOUND / FILE_MISSING for a
// password's file.
absl::StatusOr<Settings> MakeSettings(const v1::ServiceConfig& config);

// Whether a process of one room may run on the log that is configured: rooms in processes of their own meet
// on Kafka, so the embedded log must be asked for by name.
// Errors: FAILED_PRECONDITION / EVENT_LOG_MISSING.
absl::Status CheckLogOfOneRoom(const Settings& settings);

}  // namespace weft::service
