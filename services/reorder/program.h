// The engine's declaration of the room: commands, topics, tasks.
#pragma once

#include "libs/engine/program.h"
#include "services/reorder/neighbours.h"

namespace weft::reorder {

// `neighbours` outlives the program.
engine::Program MakeProgram(const Neighbours& neighbours);

}  // namespace weft::reorder
