// The checked settings of the room.
#pragma once

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "weft/erp/v1/config.pb.h"

namespace weft::erp {

struct ConnectionSettings {
  std::string name;
  std::string tenant;
  std::string type;
  v1::ConnectionMode mode = v1::CONNECTION_MODE_LIVE;
  bool takes_orders = false;
  int absent_percent_max = 10;
  absl::Duration acknowledge_within = absl::Hours(24);
  std::string topic_in;
  std::string topic_out;
  std::string topic_dlq;
  bool create_topic_in = false;
};

struct Settings {
  std::map<std::string, ConnectionSettings> connections;  // By name.

  // The tenant's connection of that name, or nullptr.
  const ConnectionSettings* Find(absl::string_view tenant, absl::string_view name) const;
  // The connection that takes the tenant's orders, or nullptr.
  const ConnectionSettings* ForOrders(absl::string_view tenant) const;
};

// Errors: INVALID_ARGUMENT / CONFIG_INVALID, naming the field.
absl::StatusOr<Settings> CheckConfig(const v1::ErpConfig& config);

}  // namespace weft::erp
