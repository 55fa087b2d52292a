// What an owner puts on the timeline, and puts there anew when a log was lost.
//
// A replica that begins with a new log knows no document of a tenant but those that stand
// there. So the first event of a tenant in another generation of the timeline makes the
// owner write what the tenant decides with, now and later: texts, a few a turn, then the
// activations, under their numbers. Who has them already is told nothing new.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "libs/engine/program.h"
#include "libs/engine/turn.h"
#include "weft/documents/v1/documents.pb.h"

namespace weft::documents {

// `partition`: another than the tenant's, for the platform.
void EmitBody(const std::string& room, const v1::Document& document,
              std::optional<uint32_t> partition, engine::Turn& turn);
void EmitActivation(const v1::Activation& activation, std::optional<uint32_t> partition,
                    engine::Turn& turn);

// Adds the reading of the timeline and the timer that writes anew. Part of MountOwner().
void MountAgain(const std::string& room, engine::Program& program);

}  // namespace weft::documents
