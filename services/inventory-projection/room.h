// The room inventory-projection, as a process or the all-in-one builds it.
#pragma once

#include <memory>

#include "libs/service/room.h"
#include "services/inventory-projection/config.h"
#include "weft/inventory/v1/config.pb.h"

namespace weft::inventory {

// `config` has passed MakeSettings().
std::unique_ptr<service::Room> MakeRoom(const v1::InventoryConfig& config,
                                        const service::Surroundings& surroundings);

}  // namespace weft::inventory
