// Use cases of the room, run by the shard's sequencer.
#pragma once

#include "absl/status/status.h"
#include "libs/engine/event.h"
#include "libs/engine/turn.h"

namespace weft::pricing::app {

// Takes one fact of the timeline: stores it, and moves what it replaces to the
// history. A fact equal to the stored one changes nothing. Facts of other rooms
// are left alone.
// Errors (the event is parked): those of CheckFact; DATA_LOSS / EVENT_UNREADABLE.
absl::Status OnFact(const engine::Event& event, engine::Turn& turn);

}  // namespace weft::pricing::app
