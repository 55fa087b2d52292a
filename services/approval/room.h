// The room approval, as a process or the all-in-one builds it.
#pragma once

#include <memory>

#include "libs/service/room.h"
#include "weft/approval/v1/config.pb.h"

namespace weft::approval {

// `config` has passed FromConfig().
std::unique_ptr<service::Room> MakeRoom(const v1::ApprovalConfig& config,
                                        const service::Surroundings& surroundings);

}  // namespace weft::approval
