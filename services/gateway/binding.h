// Text from a URL into fields of a request message.
#pragma once

#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"

namespace weft::gateway {

// Sets the field that `path` names; a repeated field gets one more element.
//
// Shape: names are proto or JSON names, dotted for nested messages; enums by
// name or number; bytes as base64 (either alphabet); Timestamp, Duration,
// FieldMask and the wrappers as their JSON text.
// Errors: INVALID_ARGUMENT with metadata "parameter":
//   UNKNOWN_PARAMETER    no such field, or one a URL cannot fill
//   PARAMETER_MALFORMED  text that does not fit the field's type
//   PARAMETER_REPEATED   a second value for a field that holds one
// `bound` collects the fields that hold a value already, by proto names.
absl::Status BindText(absl::string_view path, absl::string_view text,
                      google::protobuf::Message& message, std::set<std::string>& bound);

}  // namespace weft::gateway
