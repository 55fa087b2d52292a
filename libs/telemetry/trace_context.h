// W3C trace context: which request across all rooms a piece of work belongs to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace weft::telemetry {

// Shape on the wire: "00-<32 hex trace id>-<16 hex span id>-<2 hex flags>".
// Source: W3C Trace Context, level 1.
struct TraceContext {
  std::string trace_id;  // 32 lower-case hex digits, not all zero.
  std::string span_id;   // 16 lower-case hex digits, not all zero.
  uint8_t flags = 1;     // Bit 0: sampled.

  std::string ToText() const;
  // nullopt for what the standard calls invalid; then a new trace begins.
  static std::optional<TraceContext> FromText(absl::string_view text);
  // A new trace.
  static TraceContext New();
  // The same trace, a new span.
  TraceContext Child() const;
  bool operator==(const TraceContext&) const = default;
};

// The traceparent of work that `traceparent` caused; a new trace when it is
// empty or invalid.
std::string ChildTraceparent(absl::string_view traceparent);

// `octets` random octets as lower-case hex. Not for secrets.
std::string RandomHex(int octets);

}  // namespace weft::telemetry
