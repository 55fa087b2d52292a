// Our events on the log: CloudEvents headers in and out (event.h says which).
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/engine/event.h"
#include "libs/eventlog/event_log.h"

namespace weft::engine {

// The type of an opening: "on this log the numbers of this source go on behind `number`;
// on the timeline, a new generation of positions begins here" (openings.h). Read by the
// engine, never handed to a program.
inline constexpr char kSourceOpened[] = "weft.log.v1.SourceOpened";

struct EventHeaders {
  absl::string_view room;
  int64_t number = 0;
  absl::string_view type;
  absl::string_view time_text;  // FormatEventTime().
  absl::string_view subject;
  absl::string_view tenant;
  absl::string_view traceparent;  // "" = none.
  int64_t generation = 0;         // Of an opening; 0 = it is none.
};
std::vector<eventlog::Header> MakeEventHeaders(const EventHeaders& headers);

// The event of a record; its payload is moved out of `record` (MoveBack() puts
// it back). Errors: INVALID_ARGUMENT / EVENT_UNREADABLE.
absl::StatusOr<Event> TakeEvent(const std::string& topic, int32_t partition,
                                eventlog::Record& record);
void MoveBack(Event& event, eventlog::Record& record);
// What an opening says; 0 = it is none.
int64_t GenerationIn(const eventlog::Record& record);

// RFC 3339, UTC, six digits of a second.
std::string FormatEventTime(absl::Time t);
// Any RFC 3339 time. False: it is none.
bool ParseEventTime(absl::string_view text, absl::Time& t);

}  // namespace weft::engine
