// What changes a shard: everything that does is one of these, in one order.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "libs/engine/shards.h"
#include "libs/engine/turn.h"
#include "libs/eventlog/event_log.h"

namespace weft::engine {

// The three clocks, read once per step.
struct Times {
  absl::Time wall;
  absl::Duration boot;
  absl::Duration steady;
};

struct CommandInput {
  Command command;
  std::string fingerprint;   // layout::kFingerprintBytes octets.
  absl::Duration deadline;   // By the steady clock.
  AnswerCallback done;
};

// Records of one partition, as a reader gave them.
struct RecordsInput {
  eventlog::Batch batch;
  // Core::records_epoch() as of the StartPositions() that its reader was opened
  // at; records of another epoch are dropped.
  int64_t epoch = 0;
};

// A parked record is to be tried again or thrown away.
struct ParkedInput {
  enum class Action { kReplay, kDiscard };
  Action action = Action::kReplay;
  uint32_t partition = 0;
  uint64_t number = 0;
  std::function<void(absl::Status)> done;
};

// A partition that was stopped is to be followed again from the next opening of the
// shard on, whatever is missing (Core::StopPartition).
struct FollowInput {
  eventlog::TopicPartition where;
  eventlog::Watermarks marks;  // As they are now.
  std::function<void(absl::Status)> done;
};

using Input = std::variant<CommandInput, RecordsInput, ParkedInput, FollowInput>;

// Fills in what Submit leaves open: fingerprint and deadline; `done` is the
// caller's to set.
// Errors: INVALID_ARGUMENT / REQUEST_ID_REQUIRED.
absl::StatusOr<CommandInput> MakeCommandInput(Command command, absl::Duration steady_now);

}  // namespace weft::engine
