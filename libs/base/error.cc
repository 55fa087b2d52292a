#include "libs/base/error.h"

#include "absl/strings/cord.h"
#include "libs/base/status_macros.h"

namespace weft {
namespace {

// Payload: reason, then key and value in turn, each followed by '\0'.
constexpr char kPayload[] = "weft/error";

bool IsReason(absl::string_view reason) {
  if (reason.empty() || reason.size() > 63) return false;
  for (char c : reason) {
    if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'))
      return false;
  }
  return true;
}

std::vector<std::string> Parts(const absl::Status& status) {
  std::vector<std::string> parts;
  const auto payload = status.GetPayload(kPayload);
  if (!payload.has_value()) return parts;
  const std::string bytes(*payload);
  size_t begin = 0;
  for (size_t end = bytes.find('\0'); end != std::string::npos;
       begin = end + 1, end = bytes.find('\0', begin)) {
    parts.push_back(bytes.substr(begin, end - begin));
  }
  return parts;
}

void AppendPart(absl::string_view text, std::string& out) {
  for (char c : text) {
    if (c != '\0') out.push_back(c);  // The separator cannot stand inside.
  }
  out.push_back('\0');
}

}  // namespace

absl::Status Error(absl::StatusCode code, absl::string_view reason,
                   absl::string_view message, ErrorMetadata metadata) {
  WEFT_CHECK(code != absl::StatusCode::kOk);
  WEFT_CHECK(IsReason(reason));
  absl::Status status(code, message);
  std::string payload;
  AppendPart(reason, payload);
  for (const auto& [key, value] : metadata) {
    AppendPart(key, payload);
    AppendPart(value, payload);
  }
  status.SetPayload(kPayload, absl::Cord(payload));
  return status;
}

absl::Status InvalidArgument(absl::string_view reason, absl::string_view message,
                             ErrorMetadata metadata) {
  return Error(absl::StatusCode::kInvalidArgument, reason, message, std::move(metadata));
}
absl::Status NotFound(absl::string_view reason, absl::string_view message,
                      ErrorMetadata metadata) {
  return Error(absl::StatusCode::kNotFound, reason, message, std::move(metadata));
}
absl::Status FailedPrecondition(absl::string_view reason, absl::string_view message,
                                ErrorMetadata metadata) {
  return Error(absl::StatusCode::kFailedPrecondition, reason, message, std::move(metadata));
}
absl::Status Aborted(absl::string_view reason, absl::string_view message,
                     ErrorMetadata metadata) {
  return Error(absl::StatusCode::kAborted, reason, message, std::move(metadata));
}
absl::Status AlreadyExists(absl::string_view reason, absl::string_view message,
                           ErrorMetadata metadata) {
  return Error(absl::StatusCode::kAlreadyExists, reason, message, std::move(metadata));
}
absl::Status ResourceExhausted(absl::string_view reason, absl::string_view message,
                               ErrorMetadata metadata) {
  return Error(absl::StatusCode::kResourceExhausted, reason, message, std::move(metadata));
}
absl::Status Unavailable(absl::string_view reason, absl::string_view message,
                         ErrorMetadata metadata) {
  return Error(absl::StatusCode::kUnavailable, reason, message, std::move(metadata));
}
absl::Status PermissionDenied(absl::string_view reason, absl::string_view message,
                              ErrorMetadata metadata) {
  return Error(absl::StatusCode::kPermissionDenied, reason, message, std::move(metadata));
}
absl::Status Unauthenticated(absl::string_view reason, absl::string_view message,
                             ErrorMetadata metadata) {
  return Error(absl::StatusCode::kUnauthenticated, reason, message, std::move(metadata));
}
absl::Status DataLoss(absl::string_view reason, absl::string_view message,
                      ErrorMetadata metadata) {
  return Error(absl::StatusCode::kDataLoss, reason, message, std::move(metadata));
}
absl::Status Internal(absl::string_view message) {
  return Error(absl::StatusCode::kInternal, "INTERNAL", message);
}

std::string ReasonOf(const absl::Status& status) {
  const auto parts = Parts(status);
  return parts.empty() ? "" : parts[0];
}

ErrorMetadata MetadataOf(const absl::Status& status) {
  const auto parts = Parts(status);
  ErrorMetadata metadata;
  for (size_t i = 1; i + 1 < parts.size(); i += 2) {
    metadata.emplace_back(parts[i], parts[i + 1]);
  }
  return metadata;
}

}  // namespace weft
