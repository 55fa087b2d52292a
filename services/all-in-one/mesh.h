// The six rooms of the mesh in one process.
#pragma once

#include <string>
#include <vector>

#include "libs/config/config.h"
#include "libs/service/process.h"
#include "weft/service/v1/config.pb.h"

namespace weft {

// Settings of the whole mesh: one section a room beside the section `service`.
//
//   service: {data_dir: /var/lib/weft}
//   gateway: {port: 8080}
//   pricing: {}
//
// A room without a section has its defaults.
class Mesh {
 public:
  Mesh();

  // Where a file and the environment go: "service" and the rooms by folder name.
  config::Sections sections();
  service::v1::ServiceConfig& service() { return service_; }

  // On one machine, for trying and developing: loopback only, callers without a
  // token are let in as the tenant "demo", orders of that tenant go to the ERP
  // connection "demo", state lies in `data_dir`. With `kafka`
  // ("host:port,host:port") the log is there, else embedded. Call before a file is read.
  void SetUpForOneMachine(const std::string& data_dir, int http_port,
                          const std::string& kafka = "");

  // Errors: INVALID_ARGUMENT / CONFIG_VALUE_INVALID, CONFIG_INVALID.
  absl::Status Check() const;

  // What service::RunRooms() and service::Process::Start() take.
  service::ProcessOptions process_options() const;

 private:
  service::v1::ServiceConfig service_;
  std::vector<service::RoomSpec> rooms_;
};

// The ERP connection of the demo tenant.
inline constexpr char kDemoConnection[] = "demo";
inline constexpr char kDemoTenant[] = "demo";

}  // namespace weft
