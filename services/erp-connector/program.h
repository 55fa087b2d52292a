// What the room declares to the engine.
#pragma once

#include "libs/engine/program.h"
#include "services/erp-connector/config.h"

namespace weft::erp {

inline constexpr char kErpService[] = "weft.erp.v1.ErpService/";

// `settings` outlives the program.
engine::Program MakeProgram(const Settings& settings);

}  // namespace weft::erp
