// A record that could not be applied: kept with its bytes and the reason until
// somebody replays or discards it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace weft::engine {

struct ParkedRecord {
  uint32_t partition = 0;  // With `number` its identity; of the key space.
  uint64_t number = 0;
  std::string topic;
  int32_t log_partition = 0;
  int64_t offset = 0;
  absl::Time append_time;
  absl::Time parked_time;
  std::string reason;   // UPPER_SNAKE; PARKED_PREDECESSOR = waits behind its key's first.
  std::string message;  // For people.
  std::string tenant;   // "" when the record does not say.
  std::string key;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string value;
  bool tombstone = false;
  bool raw = false;     // Of a raw topic.
};

// The reason of a record that waits for an earlier one of the same key.
inline constexpr char kParkedPredecessor[] = "PARKED_PREDECESSOR";

// Parked records are published on their topic's name and this, for people and
// tools that watch the log.
inline constexpr char kDeadLetterSuffix[] = ".dlq";
// Largest record of such a topic, whoever makes it: more than any record that can be parked.
inline constexpr int64_t kDeadLetterBytesMax = int64_t{8} << 20;

}  // namespace weft::engine
