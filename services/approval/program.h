// The room's declaration to the engine.
#pragma once

#include <map>
#include <string>

#include "libs/engine/program.h"
#include "libs/rpc/client.h"
#include "services/approval/config.h"

namespace weft::approval {

// Full names of the room's methods start with these.
inline constexpr char kQuoteService[] = "weft.approval.v1.QuoteService/";
inline constexpr char kOrderService[] = "weft.approval.v1.OrderService/";
inline constexpr char kApprovalService[] = "weft.approval.v1.ApprovalService/";
inline constexpr char kPolicyService[] = "weft.approval.v1.PolicyService/";

// `rooms` as in service::Surroundings; the clients outlive the program.
engine::Program MakeProgram(const Settings& settings,
                            const std::map<std::string, rpc::Client*>& rooms);

}  // namespace weft::approval
