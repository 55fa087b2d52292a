#include "services/gateway/error_body.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "services/gateway/domain/headers.h"
#include "services/gateway/domain/json_writer.h"

namespace weft::gateway {
namespace {

constexpr absl::Duration kRetryDefault = absl::Seconds(1);
constexpr char kType[] = "type.googleapis.com/google.rpc.";

bool IsOurs(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kDataLoss:
      return true;
    default:
      return false;
  }
}

std::string PublicMessage(const absl::Status& status, const ErrorContext& context) {
  if (!IsOurs(status)) return std::string(status.message());
  return absl::StrCat("something went wrong here; name request ", context.request_id,
                      " when you report it");
}

std::string DurationText(absl::Duration d) {
  const int64_t ms = std::max<int64_t>(1, absl::ToInt64Milliseconds(d));
  std::string fraction = absl::StrCat(ms % 1000 + 1000).substr(1);
  return ms % 1000 == 0 ? absl::StrCat(ms / 1000, "s")
                        : absl::StrCat(ms / 1000, ".", fraction, "s");
}

JsonWriter& Detail(JsonWriter& json, absl::string_view type) {
  return json.BeginObject().Field("@type", absl::StrCat(kType, type));
}

void Metadata(JsonWriter& json, const absl::Status& status) {
  json.BeginObject();
  for (const auto& [key, value] : MetadataOf(status)) json.Field(key, value);
  json.EndObject();
}

std::string Find(const ErrorMetadata& metadata, absl::string_view key) {
  for (const auto& [name, value] : metadata) {
    if (name == key) return value;
  }
  return "";
}

}  // namespace

std::string PublicReason(const absl::Status& status) {
  if (IsOurs(status)) return absl::StatusCodeToString(status.code());
  const std::string reason = ReasonOf(status);
  return reason.empty() ? absl::StatusCodeToString(status.code()) : reason;
}

std::optional<absl::Duration> RetryDelay(const absl::Status& status) {
  int64_t ms = 0;
  if (absl::SimpleAtoi(Find(MetadataOf(status), "retry_after_ms"), &ms) && ms >= 0) {
    return absl::Milliseconds(ms);
  }
  if (status.code() == absl::StatusCode::kResourceExhausted ||
      status.code() == absl::StatusCode::kUnavailable) {
    // A request that is too large stays too large.
    if (HttpStatusOf(status) != 429 && HttpStatusOf(status) != 503) return std::nullopt;
    return kRetryDefault;
  }
  return std::nullopt;
}

int HttpStatusOf(const absl::Status& status) {
  const std::string reason = ReasonOf(status);
  if (reason == "METHOD_NOT_ALLOWED") return 405;
  if (reason == "REQUEST_TIMEOUT") return 408;
  if (reason == "BODY_TOO_LARGE") return 413;
  if (reason == "URL_TOO_LONG") return 414;
  if (reason == "MEDIA_TYPE_NOT_SUPPORTED") return 415;
  if (reason == "HEADERS_TOO_LARGE") return 431;
  return HttpStatus(status.code());
}

std::string StatusJson(const absl::Status& status, const ErrorContext& context) {
  JsonWriter json;
  const ErrorMetadata metadata = MetadataOf(status);
  const std::string message = PublicMessage(status, context);
  json.BeginObject();
  json.Key("code").Int(static_cast<int>(status.code()));
  json.Field("message", message);
  json.Key("details").BeginArray();
  Detail(json, "ErrorInfo")
      .Field("reason", PublicReason(status))
      .Field("domain", absl::StrCat(context.room, ".weft"));
  json.Key("metadata");
  if (IsOurs(status)) {
    json.BeginObject().EndObject();
  } else {
    Metadata(json, status);
  }
  json.EndObject();
  if (IsOurs(status)) {
    Detail(json, "RequestInfo").Field("requestId", context.request_id).EndObject();
  }
  const std::string field = Find(metadata, "field");
  if (!field.empty() && status.code() == absl::StatusCode::kInvalidArgument) {
    Detail(json, "BadRequest").Key("fieldViolations").BeginArray();
    json.BeginObject().Field("field", field).Field("description", message).EndObject();
    json.EndArray().EndObject();
  }
  if (PublicReason(status) == "RATE_LIMITED") {
    Detail(json, "QuotaFailure").Key("violations").BeginArray();
    json.BeginObject()
        .Field("subject", absl::StrCat("route class ", Find(metadata, "route_class")))
        .Field("description", message)
        .EndObject();
    json.EndArray().EndObject();
  }
  if (const auto delay = RetryDelay(status); delay.has_value()) {
    Detail(json, "RetryInfo").Field("retryDelay", DurationText(*delay)).EndObject();
  }
  json.EndArray().EndObject();
  return json.Take();
}

std::string ProblemJson(const absl::Status& status, const ErrorContext& context) {
  const std::string reason = PublicReason(status);
  JsonWriter json;
  json.BeginObject();
  json.Field("type", absl::StrCat("urn:weft:reason:", reason));
  json.Field("title", reason);
  json.Key("status").Int(HttpStatusOf(status));
  json.Field("detail", PublicMessage(status, context));
  json.Field("instance", context.path);
  json.Field("reason", reason);
  json.Field("code", absl::StatusCodeToString(status.code()));
  json.Field("domain", absl::StrCat(context.room, ".weft"));
  json.Field("requestId", context.request_id);
  if (!IsOurs(status)) {
    json.Key("metadata");
    Metadata(json, status);
  }
  json.EndObject();
  return json.Take();
}

}  // namespace weft::gateway
