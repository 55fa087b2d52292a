#include "services/all-in-one/mesh.h"

#include "absl/strings/str_cat.h"
#include "libs/service/settings.h"
#include "services/approval/config.h"
#include "services/approval/room.h"
#include "services/erp-connector/config.h"
#include "services/erp-connector/room.h"
#include "services/gateway/config.h"
#include "services/gateway/room.h"
#include "services/inventory-projection/config.h"
#include "services/inventory-projection/room.h"
#include "services/pricing/config.h"
#include "services/pricing/room.h"
#include "services/reorder/config.h"
#include "services/reorder/room.h"

namespace weft {
namespace {

service::RoomSpec GatewaySpec() {
  service::RoomSpec spec =
      service::Spec<gateway::v1::GatewayConfig>("gateway", &gateway::MakeSettings,
                                                &gateway::MakeRoom);
  spec.passes_callers_on = true;
  return spec;
}

}  // namespace

Mesh::Mesh() {
  // Started in this order: who is asked comes before who asks.
  rooms_.push_back(service::Spec<pricing::v1::PricingConfig>("pricing", &pricing::MakeSettings,
                                                             &pricing::MakeRoom));
  rooms_.push_back(service::Spec<inventory::v1::InventoryConfig>(
      "inventory-projection", &inventory::MakeSettings, &inventory::MakeRoom));
  rooms_.push_back(service::Spec<erp::v1::ErpConfig>("erp-connector", &erp::CheckConfig,
                                                     &erp::MakeRoom));
  rooms_.push_back(service::Spec<approval::v1::ApprovalConfig>("approval", &approval::FromConfig,
                                                               &approval::MakeRoom));
  rooms_.push_back(service::Spec<reorder::v1::ReorderConfig>("reorder", &reorder::MakeSettings,
                                                             &reorder::MakeRoom));
  rooms_.push_back(GatewaySpec());
}

config::Sections Mesh::sections() {
  config::Sections sections = {{"service", &service_}};
  for (const service::RoomSpec& room : rooms_) {
    sections.emplace_back(room.name, room.config.get());
  }
  return sections;
}

void Mesh::SetUpForOneMachine(const std::string& data_dir, int http_port,
                              const std::string& kafka) {
  service_.set_data_dir(data_dir);
  if (!kafka.empty()) service_.mutable_event_log()->mutable_kafka()->set_bootstrap_servers(kafka);
  service_.set_grpc_address("127.0.0.1:0");
  service_.set_health_address("127.0.0.1:50052");
  service_.set_admin_address("127.0.0.1:8081");
  service_.mutable_identity()->set_open_loopback(true);
  service_.mutable_identity()->set_open_tenant(kDemoTenant);
  service_.mutable_drain_pause()->set_seconds(0);
  for (const service::RoomSpec& room : rooms_) {
    if (auto* gateway = dynamic_cast<gateway::v1::GatewayConfig*>(room.config.get())) {
      gateway->set_address("127.0.0.1");
      gateway->set_port(static_cast<uint32_t>(http_port));
    }
    if (auto* erp = dynamic_cast<erp::v1::ErpConfig*>(room.config.get())) {
      erp::v1::ConnectionConfig& connection = *erp->add_connections();
      connection.set_name(kDemoConnection);
      connection.set_tenant(kDemoTenant);
      connection.set_takes_orders(true);
      connection.set_create_topic_in(true);  // Nobody else can: the log is ours.
    }
  }
}

absl::Status Mesh::Check() const {
  WEFT_RETURN_IF_ERROR(service::MakeSettings(service_).status());
  for (const service::RoomSpec& room : rooms_) {
    if (room.check) WEFT_RETURN_IF_ERROR(room.check(*room.config));
  }
  return absl::OkStatus();
}

service::ProcessOptions Mesh::process_options() const {
  return {.name = "weft", .service = service_, .rooms = rooms_};
}

}  // namespace weft
