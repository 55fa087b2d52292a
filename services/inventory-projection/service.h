// The room's RPCs: how each is parsed and answered.
#pragma once

#include <memory>

#include "libs/engine/shards.h"
#include "libs/rpc/server.h"
#include "services/inventory-projection/config.h"
#include "services/inventory-projection/watchers.h"

namespace weft::inventory {

// Registers the methods of weft.inventory.v1.InventoryService. The returned
// watchers live as long as the methods may be called.
std::unique_ptr<Watchers> BindService(const Settings& settings, rpc::MethodRegistry& methods,
                                      engine::Shards& shards);

}  // namespace weft::inventory
