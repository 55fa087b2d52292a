#include "libs/rpc/status_codec.h"

#include <algorithm>
#include <cctype>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "libs/base/error.h"

namespace weft::rpc {
namespace {

constexpr size_t kMessageBytesMax = 1024;
constexpr size_t kValueBytesMax = 256;
constexpr size_t kMetadataBytesMax = 2048;
constexpr int kRetryAfterMsDefault = 100;

// The first `limit` octets, not ending inside a UTF-8 character.
std::string Cut(absl::string_view text, size_t limit) {
  if (text.size() <= limit) return std::string(text);
  size_t end = limit;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return std::string(text.substr(0, end));
}

// protobuf refuses to serialise strings that are not UTF-8; texts of errors may
// quote any input.
std::string Utf8(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const size_t length = lead < 0x80                  ? 1
                          : lead >= 0xC2 && lead < 0xE0 ? 2
                          : lead >= 0xE0 && lead < 0xF0 ? 3
                          : lead >= 0xF0 && lead < 0xF5 ? 4
                                                        : 0;
    bool whole = length > 0 && i + length <= text.size();
    for (size_t k = 1; whole && k < length; ++k) {
      whole = (static_cast<unsigned char>(text[i + k]) & 0xC0) == 0x80;
    }
    if (whole && length == 3) {
      const auto second = static_cast<unsigned char>(text[i + 1]);
      // Overlong forms and surrogates.
      whole = !(lead == 0xE0 && second < 0xA0) && !(lead == 0xED && second >= 0xA0);
    } else if (whole && length == 4) {
      const auto second = static_cast<unsigned char>(text[i + 1]);
      whole = !(lead == 0xF0 && second < 0x90) && !(lead == 0xF4 && second >= 0x90);
    }
    if (whole) {
      out.append(text.data() + i, length);
      i += length;
    } else {
      out.push_back('?');
      ++i;
    }
  }
  return out;
}

std::string ReasonOfCode(absl::StatusCode code) {
  std::string name = absl::StatusCodeToString(code);
  return name.empty() ? "UNKNOWN" : name;
}

template <typename Detail>
void AddDetail(const Detail& detail, google::rpc::Status& wire) {
  wire.add_details()->PackFrom(detail);
}

bool IsReason(const std::string& reason) {
  return !reason.empty() && reason.size() <= 63 &&
         std::all_of(reason.begin(), reason.end(), [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
         });
}

}  // namespace

google::rpc::Status ToWire(const absl::Status& status, absl::string_view room,
                           absl::string_view request_id) {
  google::rpc::Status wire;
  if (status.ok()) return wire;
  wire.set_code(static_cast<int>(status.code()));
  google::rpc::ErrorInfo info;
  info.set_domain(absl::StrCat(room, ".weft"));
  if (status.code() == absl::StatusCode::kInternal ||
      status.code() == absl::StatusCode::kUnknown) {
    wire.set_message(absl::StrCat("internal error; report request id ", request_id));
    info.set_reason("INTERNAL");
    (*info.mutable_metadata())["request_id"] = std::string(request_id);
    AddDetail(info, wire);
    return wire;
  }
  wire.set_message(Utf8(Cut(status.message(), kMessageBytesMax)));
  std::string reason = ReasonOf(status);
  info.set_reason(reason.empty() ? ReasonOfCode(status.code()) : reason);
  int retry_after_ms = kRetryAfterMsDefault;
  std::string field;
  size_t bytes = 0;
  for (const auto& [key, value] : MetadataOf(status)) {
    if (key == "retry_after_ms") {
      if (!absl::SimpleAtoi(value, &retry_after_ms) || retry_after_ms < 0) {
        retry_after_ms = kRetryAfterMsDefault;
      }
    }
    if (key == "field") field = Utf8(Cut(value, kValueBytesMax));
    bytes += key.size() + std::min(value.size(), kValueBytesMax);
    if (bytes > kMetadataBytesMax) break;
    (*info.mutable_metadata())[Utf8(key)] = Utf8(Cut(value, kValueBytesMax));
  }
  AddDetail(info, wire);
  if (status.code() == absl::StatusCode::kInvalidArgument && !field.empty()) {
    google::rpc::BadRequest bad;
    auto* violation = bad.add_field_violations();
    violation->set_field(field);
    violation->set_description(Cut(wire.message(), kValueBytesMax));
    AddDetail(bad, wire);
  }
  if (status.code() == absl::StatusCode::kResourceExhausted ||
      status.code() == absl::StatusCode::kUnavailable) {
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(retry_after_ms / 1000);
    retry.mutable_retry_delay()->set_nanos(retry_after_ms % 1000 * 1'000'000);
    AddDetail(retry, wire);
  }
  return wire;
}

absl::Status FromWire(const google::rpc::Status& wire) {
  if (wire.code() == 0) return absl::OkStatus();
  const auto code = static_cast<absl::StatusCode>(
      wire.code() >= 1 && wire.code() <= 16 ? wire.code() : 2);
  for (const auto& any : wire.details()) {
    google::rpc::ErrorInfo info;
    if (!any.Is<google::rpc::ErrorInfo>() || !any.UnpackTo(&info) ||
        !IsReason(info.reason())) {
      continue;
    }
    ErrorMetadata metadata(info.metadata().begin(), info.metadata().end());
    std::sort(metadata.begin(), metadata.end());
    return Error(code, info.reason(), wire.message(), std::move(metadata));
  }
  return absl::Status(code, wire.message());
}

absl::Status FromWire(int code, absl::string_view message, const std::string& details) {
  if (code == 0) return absl::OkStatus();
  google::rpc::Status wire;
  // Details of another code than the status are not trusted.
  if (!details.empty() && wire.ParseFromString(details) && wire.code() == code) {
    return FromWire(wire);
  }
  return absl::Status(static_cast<absl::StatusCode>(code), message);
}

}  // namespace weft::rpc
