// Cuts what one call carries into messages, so that one bad message spoils no other.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace weft::erp {

// Separates messages on the way from a call's door to the shard (RFC 7464): a byte
// that no JSON message holds.
inline constexpr char kMessageSeparator = '\x1e';

// Shape: a payload is one of
//   messages with kMessageSeparator in front of each
//   a JSON array of messages
//   one message a line, when the first line begins with { and ends with }
//   messages behind each other, with blanks or line ends between them
// The views point into `payload`. Blank lines are left out.
//
// Errors: INVALID_ARGUMENT / PAYLOAD_UNREADABLE for an array or a row of messages whose
// brackets do not close.
absl::StatusOr<std::vector<absl::string_view>> SplitPayload(absl::string_view payload);

}  // namespace weft::erp
