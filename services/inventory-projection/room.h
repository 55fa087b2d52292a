// The room inventory-projection, as a process or the all-in-one builds it.
#pragma once

#include <memory>

#include "libs/service/room.h"
#include "services/inventory-projection/config.h"
#include "weft/inventory/v1/config.pb.h"

namespace weft::inventory {

// The engine's declaration of the room: commands, topics, timers.
engine::Program MakeProgram(const Settings& settings);

// `config` has passed MakeSettings().
std::unique_ptr<service::Room> MakeRoom(const v1::InventoryConfig& config,
                                        const service::Surroundings& surroundings);

}  // namespace weft::inventory
