// What HTTP headers say, read and checked. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace weft::gateway {

// The HTTP status of a gRPC code (README.md, "Errors").
int HttpStatus(absl::StatusCode code);
// "Not Found"; "" for a status this gateway does not send.
absl::string_view ReasonPhrase(int status);

// The value of Idempotency-Key, quoted or bare: 1 to 255 visible ASCII
// characters. A quoted value is a structured-field string: \" and \\ are
// escapes and it may hold spaces.
// Errors: INVALID_ARGUMENT / IDEMPOTENCY_KEY_MALFORMED.
absl::StatusOr<std::string> ParseIdempotencyKey(absl::string_view value);

// Whether a client's X-Request-Id may be used as it is: 1 to 128 of
// [A-Za-z0-9._~:/+=-].
bool IsRequestId(absl::string_view value);

// Whether this is a W3C traceparent of version 00 with ids that are not zero.
bool IsTraceparent(absl::string_view value);

// Grpc-Timeout: at most 8 digits and a unit of H M S m u n.
// Connect-Timeout-Ms: at most 10 digits.
// Errors: INVALID_ARGUMENT / TIMEOUT_MALFORMED.
absl::StatusOr<absl::Duration> ParseGrpcTimeout(absl::string_view value);
absl::StatusOr<absl::Duration> ParseConnectTimeout(absl::string_view value);

// Whether an Accept header asks for `type` ("text/event-stream") by name with a
// weight above 0; wildcards do not ask for anything in particular.
bool Accepts(absl::string_view accept, absl::string_view type);

// The media type of a Content-Type without its parameters, lower case.
std::string MediaType(absl::string_view content_type);

// Whether an If-None-Match list names `etag` (quoted, strong); "*" names all.
bool MatchesEtag(absl::string_view if_none_match, absl::string_view etag);

// Whether a Host header names this machine's loopback: localhost, 127.x.y.z or
// [::1], with or without a port.
bool IsLoopbackHost(absl::string_view host);

// The token of "Bearer <token>"; nullopt for another scheme.
std::optional<std::string> BearerToken(absl::string_view authorization);

}  // namespace weft::gateway
