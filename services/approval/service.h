// The room's RPCs: how each is parsed and answered.
#pragma once

#include "libs/engine/shards.h"
#include "libs/rpc/server.h"
#include "services/approval/page_token.h"
#include "services/approval/watchers.h"

namespace weft::approval {

// Registers the methods of weft.approval.v1. All arguments outlive the methods.
void BindService(rpc::MethodRegistry& methods, engine::Shards& shards, const PageTokens& tokens,
                 OrderWatchers& watchers);

}  // namespace weft::approval
