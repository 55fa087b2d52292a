// Events, as a room emits and reads them: CloudEvents 1.0 in Kafka's binary
// mode, value = protobuf.
//
// Headers on the log: ce_specversion, ce_id (decimal number), ce_type,
// ce_source (/weft/<room>), ce_time (shard time of the turn), ce_subject,
// traceparent, weft_tenant. Key = tenant 00 aggregate id.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace weft::engine {

// An event of ours read from the log, its number already checked.
struct Event {
  std::string topic;
  uint32_t partition = 0;
  int64_t offset = 0;
  absl::Time append_time;
  std::string source;   // The room that emitted it: "erp-connector".
  int64_t number = 0;   // Gapless per (source, partition, topic), from 1.
  std::string type;     // Full name of the protobuf message: "weft.facts.v1.ItemChanged".
  std::string tenant;
  std::string subject;  // Aggregate id.
  absl::Time time;      // When the emitting turn happened (its shard time).
  std::string traceparent;
  std::string payload;  // Bytes of the message named by `type`; "" for a tombstone.
  bool tombstone = false;
};

// A record that is not ours (an ERP topic): taken as it comes.
struct RawRecord {
  std::string topic;
  int32_t partition = 0;
  int64_t offset = 0;
  absl::Time append_time;
  std::string key;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string value;
  bool tombstone = false;
};

// What a mutation answers with, and what a read may wait for: "everything up
// to event `number` of `topic` by `room` in `partition`". Text form (opaque to
// callers): base64url of the four parts. Empty = nothing to wait for.
struct Token {
  std::string room;
  uint32_t partition = 0;
  std::string topic;
  int64_t number = 0;

  std::string ToText() const;
  // INVALID_ARGUMENT / TOKEN_INVALID.
  static absl::StatusOr<Token> FromText(absl::string_view text);
  bool operator==(const Token&) const = default;
};

// Where a tenant's facts stand: the timeline's generation and the offset of the
// last applied record of the tenant or the platform in its partition. Ordered.
struct Position {
  int64_t generation = 0;
  int64_t offset = -1;
  auto operator<=>(const Position&) const = default;
  std::string ToText() const;  // "g1.1234"
};

// The tenant name of what belongs to the platform; such events stand in every
// partition.
inline constexpr char kPlatformTenant[] = "platform";

// The topic that carries what several rooms must agree on.
inline constexpr char kTimeline[] = "weft.facts.v1";

}  // namespace weft::engine
