// Openings: how a room goes on with another log without leaving a gap in it.
//
// A log that was lost, or a topic made anew, begins with offset 0 and with whatever
// number its source has come to. So each source says first where its numbers go on:
//
//   weft.log.v1.SourceOpened   ce_id = the last number that will never stand here,
//                              weft_generation = generation of the timeline from here
//
// in every partition it ever wrote to, of each topic, before anything else of it.
// Whoever reads it, with rows of before or with none, takes the numbers as applied (and
// tells those it never saw as lost), and on the timeline takes the generation, in the one
// order that all replicas read: so they say equal positions, however old they are.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "libs/engine/program.h"
#include "libs/engine/shards.h"
#include "libs/eventlog/event_log.h"

namespace weft::engine {

// Appends them for the stopped room in `folder`, and makes its topics where they are
// missing. `topic`: this one only; "" = all that the program emits to. Doing it again
// does no harm. Errors: the log's and the store's.
absl::Status AppendOpenings(const std::string& folder, const Program& program,
                            const std::string& topic, eventlog::EventLog& log);

// Lets partitions of these shards that are stopped (of `topic`; "" = all) be followed
// again when the room is opened the next time: from where they begin now, with the next
// number of each source whatever it is. What is missing is told (Observer::EventsLost).
// Durable when it returns. Errors: UNAVAILABLE / SHARD_STOPPED, LOG_CHANGED, and the log's.
absl::Status FollowStopped(Shards& shards, const std::string& topic);

}  // namespace weft::engine
