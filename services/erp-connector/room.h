// The room erp-connector, as a process or the all-in-one builds it.
#pragma once

#include <memory>

#include "libs/service/room.h"
#include "services/erp-connector/config.h"
#include "weft/erp/v1/config.pb.h"

namespace weft::erp {

// `config` has passed CheckConfig().
std::unique_ptr<service::Room> MakeRoom(const v1::ErpConfig& config,
                                        const service::Surroundings& surroundings);

}  // namespace weft::erp
