// What a record on an ERP topic may look like before any format is seen: the
// wrappings that Kafka producers and connectors put around a message.
#pragma once

#include "absl/strings/string_view.h"
#include "services/erp-connector/json_tree.h"
#include "services/erp-connector/problem.h"

namespace weft::erp {

// What was found inside the wrapping.
struct Unwrapped {
  bool tombstone = false;  // No bytes, or null in any wrapping.
  uint32_t root = 0;       // Index of the message in the tree.
};

// Largest message taken.
inline constexpr size_t kMessageBytesMax = 1 << 20;

// Parses `bytes` into `tree` and looks through the wrapping:
//   nothing, or the text null          a tombstone
//   UTF-8 byte order mark              skipped
//   a JSON text that holds JSON        parsed again
//   {"schema":…, "payload":…}          the payload (Kafka Connect)
// `scratch` holds the inner bytes of a JSON text; it must outlive the tree's use.
//
// Errors: MESSAGE_TOO_LARGE, MESSAGE_NEEDS_REGISTRY (first octet 0: Avro,
// Protobuf or JSON Schema with a schema registry), MESSAGE_NOT_OBJECT, and those
// of JsonTree::Parse.
bool Unwrap(absl::string_view bytes, JsonTree& tree, std::string& scratch, Unwrapped& found,
            Problem& problem);

}  // namespace weft::erp
