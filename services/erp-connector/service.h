// The room's methods.
#pragma once

#include "libs/engine/shards.h"
#include "libs/rpc/server.h"
#include "services/erp-connector/config.h"

namespace weft::erp {

// Everything outlives the calls.
void BindService(const Settings& settings, rpc::MethodRegistry& methods, engine::Shards& shards);

}  // namespace weft::erp
