#include "services/erp-connector/config.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"

namespace weft::erp {
namespace {

bool IsName(absl::string_view name) {
  if (name.empty() || name.size() > 40 || name[0] < 'a' || name[0] > 'z') return false;
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == name.npos;
}

absl::Status Bad(absl::string_view connection, absl::string_view what) {
  return InvalidArgument("CONFIG_INVALID",
                         absl::StrCat("connections[", connection, "]: ", what));
}

}  // namespace

const ConnectionSettings* Settings::Find(absl::string_view tenant, absl::string_view name) const {
  const auto found = connections.find(std::string(name));
  return found != connections.end() && found->second.tenant == tenant ? &found->second : nullptr;
}

const ConnectionSettings* Settings::ForOrders(absl::string_view tenant) const {
  for (const auto& [name, connection] : connections) {
    if (connection.takes_orders && connection.tenant == tenant) return &connection;
  }
  return nullptr;
}

absl::StatusOr<Settings> CheckConfig(const v1::ErpConfig& config) {
  Settings settings;
  std::set<std::string> tenants_with_orders;
  std::set<std::string> topics;
  for (const v1::ConnectionConfig& one : config.connections()) {
    ConnectionSettings connection;
    connection.name = one.name();
    connection.tenant = one.tenant();
    connection.type = one.type().empty() ? "canonical" : one.type();
    if (!IsName(one.name())) {
      return Bad(one.name(), "name must be a-z, 0-9 and -, begin with a letter, at most 40");
    }
    if (one.tenant().empty()) return Bad(one.name(), "tenant is required");
    if (connection.type != "canonical") {
      return Bad(one.name(), absl::StrCat("type '", one.type(), "' is unknown; use canonical"));
    }
    if (one.mode() != v1::CONNECTION_MODE_UNSPECIFIED) connection.mode = one.mode();
    connection.takes_orders = one.takes_orders();
    if (connection.takes_orders && !tenants_with_orders.insert(one.tenant()).second) {
      return Bad(one.name(), "another connection of the tenant takes its orders already");
    }
    if (one.has_absent_percent_max()) {
      connection.absent_percent_max = one.absent_percent_max();
      if (connection.absent_percent_max < 0 || connection.absent_percent_max > 100) {
        return Bad(one.name(), "absent_percent_max must be 0 to 100");
      }
    }
    if (one.has_acknowledge_within()) {
      connection.acknowledge_within = absl::Seconds(one.acknowledge_within().seconds()) +
                                      absl::Nanoseconds(one.acknowledge_within().nanos());
      if (connection.acknowledge_within <= absl::ZeroDuration()) {
        return Bad(one.name(), "acknowledge_within must be above 0");
      }
    }
    connection.topic_in =
        one.topic_in().empty() ? absl::StrCat("erp.", one.name(), ".in") : one.topic_in();
    connection.topic_out =
        one.topic_out().empty() ? absl::StrCat("erp.", one.name(), ".out") : one.topic_out();
    connection.create_topic_in = one.create_topic_in();
    connection.topic_dlq = absl::StrCat(connection.topic_in, ".dlq");
    for (const std::string& topic : {connection.topic_in, connection.topic_out}) {
      if (!topics.insert(topic).second) {
        return Bad(one.name(), absl::StrCat("topic ", topic, " is used twice"));
      }
    }
    if (!settings.connections.emplace(one.name(), std::move(connection)).second) {
      return Bad(one.name(), "the name stands twice");
    }
  }
  return settings;
}

}  // namespace weft::erp
