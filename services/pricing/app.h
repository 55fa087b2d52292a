// Use cases of the room, run by the shard's sequencer.
#pragma once

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "libs/engine/event.h"
#include "libs/engine/turn.h"

namespace weft::pricing::app {

// Takes one fact of the timeline: stores it, and moves what it replaces to the
// history. A fact equal to the stored one changes nothing. Facts of other rooms
// are left alone. Of its subject's replaced versions those are thrown away that were
// replaced longer than `keep_history` ago; the tenant's history row says from when on all is
// complete.
// Errors (the event is parked): those of CheckFact; DATA_LOSS / EVENT_UNREADABLE.
absl::Status OnFact(const engine::Event& event, engine::Turn& turn,
                    absl::Duration keep_history);

}  // namespace weft::pricing::app
