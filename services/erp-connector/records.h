// Event log in: which topics the room reads.
#pragma once

#include "libs/engine/program.h"
#include "services/erp-connector/config.h"

namespace weft::erp {

// The topic of each connection, and released orders. `settings` outlives `program`.
void DeclareRecords(const Settings& settings, engine::Program& program);

}  // namespace weft::erp
