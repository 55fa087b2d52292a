// Errors as callers see them: google.rpc.Status in JSON, or RFC 9457.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace weft::gateway {

struct ErrorContext {
  std::string room;         // ErrorInfo's domain is "<room>.weft".
  std::string request_id;   // X-Request-Id.
  std::string path;         // For `instance` of RFC 9457.
};

// {"code":5,"message":"…","details":[…]} with exactly one ErrorInfo; besides it
// BadRequest where metadata has "field", RetryInfo where the caller may repeat
// (see RetryDelay), QuotaFailure for RATE_LIMITED, RequestInfo where the cause
// is ours. INTERNAL, UNKNOWN and DATA_LOSS show the request id and nothing else.
std::string StatusJson(const absl::Status& status, const ErrorContext& context);

// application/problem+json; type "urn:weft:reason:<REASON>", plus members
// reason, code, domain and metadata.
std::string ProblemJson(const absl::Status& status, const ErrorContext& context);

// How long a caller waits before repeating: metadata "retry_after_ms", else 1 s
// for RESOURCE_EXHAUSTED and UNAVAILABLE; nullopt where repeating does not help.
std::optional<absl::Duration> RetryDelay(const absl::Status& status);

// The reason a caller sees: the status's own, or its code's name.
std::string PublicReason(const absl::Status& status);

// The HTTP status. Beyond the table of codes: METHOD_NOT_ALLOWED 405,
// REQUEST_TIMEOUT 408, BODY_TOO_LARGE 413, URL_TOO_LONG 414,
// MEDIA_TYPE_NOT_SUPPORTED 415, HEADERS_TOO_LARGE 431.
int HttpStatusOf(const absl::Status& status);

}  // namespace weft::gateway
