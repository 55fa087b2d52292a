// The room reorder, as a process or the all-in-one builds it.
#pragma once

#include <memory>

#include "libs/service/room.h"
#include "services/reorder/config.h"
#include "weft/reorder/v1/config.pb.h"

namespace weft::reorder {

// `config` has passed MakeSettings().
std::unique_ptr<service::Room> MakeRoom(const v1::ReorderConfig& config,
                                        const service::Surroundings& surroundings);

}  // namespace weft::reorder
