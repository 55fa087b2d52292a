// Percent-encoding of URLs (RFC 3986).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace weft::gateway {

enum class Decode {
  kAll,            // Every escape, %2F included: the text of one segment.
  kKeepReserved,   // Escapes of reserved characters stay as they are, so that
                   // a path of several segments still has the same segments.
  kForm,           // As kAll, and '+' is a space: query strings.
};

// Errors: INVALID_ARGUMENT / URL_MALFORMED for an incomplete escape or for text
// that is not UTF-8 afterwards.
absl::StatusOr<std::string> PercentDecode(absl::string_view text, Decode mode);

// The name=value pairs of a query string in their order; a name without '=' has
// an empty value; empty parts are left out.
// Errors: as PercentDecode.
absl::StatusOr<std::vector<std::pair<std::string, std::string>>> ParseQuery(
    absl::string_view query);

// True for well-formed UTF-8 (no surrogates, nothing overlong).
bool IsUtf8(absl::string_view text);

// Escapes everything but letters, digits and "-._~".
std::string PercentEncode(absl::string_view text);

}  // namespace weft::gateway
