// Errors with a reason: a code for machines that retry, a stable UPPER_SNAKE
// reason for machines that branch, metadata for the variable parts, a sentence
// for people.
//
// The reason travels inside absl::Status as a payload, so domain code needs no
// protobuf; libs/rpc turns it into google.rpc.ErrorInfo on the wire and back.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace weft {

// Sorted by insertion; a key stands at most once.
using ErrorMetadata = std::vector<std::pair<std::string, std::string>>;

// Shape: `reason` is [A-Z][A-Z0-9_]*, at most 63 characters; `message` says what
// failed, for which input, and what to do.
absl::Status Error(absl::StatusCode code, absl::string_view reason,
                   absl::string_view message, ErrorMetadata metadata = {});

// INVALID_ARGUMENT: can never work as written.
absl::Status InvalidArgument(absl::string_view reason, absl::string_view message,
                             ErrorMetadata metadata = {});
// NOT_FOUND: absent, or another tenant's or account's.
absl::Status NotFound(absl::string_view reason, absl::string_view message,
                      ErrorMetadata metadata = {});
// FAILED_PRECONDITION: well formed, but this state forbids it.
absl::Status FailedPrecondition(absl::string_view reason, absl::string_view message,
                                ErrorMetadata metadata = {});
// ABORTED: the etag or revision moved on.
absl::Status Aborted(absl::string_view reason, absl::string_view message,
                     ErrorMetadata metadata = {});
// ALREADY_EXISTS.
absl::Status AlreadyExists(absl::string_view reason, absl::string_view message,
                           ErrorMetadata metadata = {});
// RESOURCE_EXHAUSTED: a limit of ours is full; back off.
absl::Status ResourceExhausted(absl::string_view reason, absl::string_view message,
                               ErrorMetadata metadata = {});
// UNAVAILABLE: a dependency is away; repeat with the same request id.
absl::Status Unavailable(absl::string_view reason, absl::string_view message,
                         ErrorMetadata metadata = {});
// PERMISSION_DENIED and UNAUTHENTICATED.
absl::Status PermissionDenied(absl::string_view reason, absl::string_view message,
                              ErrorMetadata metadata = {});
absl::Status Unauthenticated(absl::string_view reason, absl::string_view message,
                             ErrorMetadata metadata = {});
// DATA_LOSS: a record of ours that does not parse; INTERNAL: our bug.
absl::Status DataLoss(absl::string_view reason, absl::string_view message,
                      ErrorMetadata metadata = {});
absl::Status Internal(absl::string_view message);

// The reason of `status`, or "" when it has none.
std::string ReasonOf(const absl::Status& status);
// The metadata of `status`; empty when it has none.
ErrorMetadata MetadataOf(const absl::Status& status);

}  // namespace weft
