// The room pricing, as a process or the all-in-one builds it.
#pragma once

#include <memory>

#include "libs/service/documents/reader.h"
#include "libs/service/room.h"
#include "services/pricing/config.h"
#include "absl/time/time.h"
#include "services/pricing/memory/fact_memory.h"
#include "services/pricing/price_changes.h"
#include "weft/pricing/v1/config.pb.h"

namespace weft::pricing {

// The projection "pricing-replica": facts and documents of the timeline, for
// reading. Every process has it. `keep_history`: app.h. All outlive the shards.
engine::Program MakeReplica(FactMemory& memory, PriceChanges& changes,
                            documents::DocumentReader* documents = nullptr,
                            absl::Duration keep_history = absl::InfiniteDuration());
// The program "pricing": what is decided, not followed: drafts, checks and
// publishing of documents. One process of an installation has it
// (room.documents_owner).
engine::Program MakeOwner();

// `config` has passed MakeSettings().
std::unique_ptr<service::Room> MakeRoom(const v1::PricingConfig& config,
                                        const service::Surroundings& surroundings);

}  // namespace weft::pricing
