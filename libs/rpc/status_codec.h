// weft::Error on the wire: google.rpc.Status with exactly one ErrorInfo in
// grpc-status-details-bin, and back.
//
// Shape out: ErrorInfo{reason, domain "<room>.weft", metadata}; besides it
//   BadRequest         for INVALID_ARGUMENT with metadata "field" (a JSON path)
//   RetryInfo          for RESOURCE_EXHAUSTED and UNAVAILABLE: metadata
//                      "retry_after_ms", else 100 ms
// A status without a reason gets its code's name as the reason. INTERNAL and
// UNKNOWN show the request id and nothing else. Texts are cut so that a status
// always fits into 8 KiB of metadata.
// Shape in: the reason and metadata of the ErrorInfo; a status without one
// keeps code and message.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/rpc/status.pb.h"

namespace weft::rpc {

google::rpc::Status ToWire(const absl::Status& status, absl::string_view room,
                           absl::string_view request_id);

absl::Status FromWire(const google::rpc::Status& wire);
// From what gRPC gives: the code, the message and the details' bytes (may be
// empty or not parse; then only code and message count).
absl::Status FromWire(int code, absl::string_view message, const std::string& details);

}  // namespace weft::rpc
