// The room pricing, as a process or the all-in-one builds it.
#pragma once

#include <memory>

#include "libs/service/room.h"
#include "services/pricing/config.h"
#include "services/pricing/memory/fact_memory.h"
#include "weft/pricing/v1/config.pb.h"

namespace weft::pricing {

// What the room declares to the engine. `memory` outlives the shards.
engine::Program MakeProgram(FactMemory& memory);

// `config` has passed MakeSettings().
std::unique_ptr<service::Room> MakeRoom(const v1::PricingConfig& config,
                                        const service::Surroundings& surroundings);

}  // namespace weft::pricing
