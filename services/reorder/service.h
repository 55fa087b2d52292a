// The room's RPCs: how each is parsed and answered.
#pragma once

#include <string>

#include "libs/engine/shards.h"
#include "libs/rpc/server.h"
#include "services/reorder/config.h"
#include "services/reorder/neighbours.h"

namespace weft::reorder {

// Registers the methods of weft.reorder.v1.ReorderService. All arguments outlive
// the methods.
void BindService(const Settings& settings, const Neighbours& neighbours,
                 const std::string& mac_key, rpc::MethodRegistry& methods,
                 engine::Shards& shards);

}  // namespace weft::reorder
