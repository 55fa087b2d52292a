// The engine's declaration of the room: commands, topics, timers.
#pragma once

#include "libs/engine/program.h"
#include "services/inventory-projection/config.h"

namespace weft::inventory {

engine::Program MakeProgram(const Settings& settings);

}  // namespace weft::inventory
