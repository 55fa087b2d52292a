#include "services/gateway/transcoder.h"

#include <algorithm>
#include <optional>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/wire_format_lite.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "services/gateway/binding.h"
#include "services/gateway/domain/percent.h"

namespace weft::gateway {
namespace {

namespace pb = google::protobuf;
using Wire = pb::internal::WireFormatLite;

// Messages are merged by writing one behind the other: protobuf reads the later
// value of a singular field and merges messages.
void AppendField(int number, absl::string_view bytes, std::string& out) {
  pb::io::StringOutputStream stream(&out);
  pb::io::CodedOutputStream coded(&stream);
  coded.WriteTag(Wire::MakeTag(number, Wire::WIRETYPE_LENGTH_DELIMITED));
  coded.WriteVarint32(static_cast<uint32_t>(bytes.size()));
  coded.WriteRaw(bytes.data(), static_cast<int>(bytes.size()));
}

// The last value of a top-level string field.
std::string FindString(const std::string& wire, int number) {
  pb::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(wire.data()),
                              static_cast<int>(wire.size()));
  std::string value;
  while (const uint32_t tag = in.ReadTag()) {
    if (tag == Wire::MakeTag(number, Wire::WIRETYPE_LENGTH_DELIMITED)) {
      uint32_t length = 0;
      if (!in.ReadVarint32(&length) || !in.ReadString(&value, static_cast<int>(length))) return "";
    } else if (!Wire::SkipField(&in, tag)) {
      return "";
    }
  }
  return value;
}

absl::Status CheckRequestId(const Method& method, const RestRequest& request,
                            const std::string& wire) {
  const std::string written = FindString(wire, method.request_id->number());
  if (request.idempotency_key.empty()) {
    if (!written.empty() || method.read_only) return absl::OkStatus();
    return InvalidArgument(
        "REQUEST_ID_REQUIRED",
        absl::StrCat(method.name, " changes something and needs a key that makes a repeat "
                                  "harmless; send header Idempotency-Key"),
        {{"header", "Idempotency-Key"}});
  }
  if (!written.empty() && written != request.idempotency_key) {
    return InvalidArgument("REQUEST_ID_CONFLICT",
                           "header Idempotency-Key and the request's requestId differ; send one",
                           {{"field", "requestId"}});
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> Transcoder::ToMessage(const Binding& binding,
                                                  const RestRequest& request) const {
  const Method& method = api_.methods()[binding.method];
  const absl::string_view body = absl::StripAsciiWhitespace(request.body);
  std::string wire;
  if (!binding.has_body) {
    if (!body.empty()) {
      return InvalidArgument("BODY_NOT_ALLOWED",
                             absl::StrCat(binding.http_method, " ", binding.path,
                                          " takes no body; use the path and the query"));
    }
  } else if (!body.empty()) {
    if (binding.body == nullptr) {
      WEFT_ASSIGN_OR_RETURN(wire, json_.ToWire(*method.input(), body));
    } else {
      WEFT_ASSIGN_OR_RETURN(const std::string part,
                            json_.ToWire(*binding.body->message_type(), body,
                                         absl::StrCat(binding.body->json_name(), ".")));
      AppendField(binding.body->number(), part, wire);
    }
  }

  if (!request.variables.empty() || !request.query.empty()) {
    const std::unique_ptr<pb::Message> message = api_.New(method.input());
    std::set<std::string> bound;
    for (const auto& [field, value] : request.variables) {
      WEFT_RETURN_IF_ERROR(BindText(field, value, *message, bound));
    }
    WEFT_ASSIGN_OR_RETURN(const auto parameters, ParseQuery(request.query));
    for (const auto& [name, value] : parameters) {
      const bool in_body =
          binding.has_body &&
          (binding.body == nullptr ||
           name.substr(0, name.find('.')) == binding.body->name() ||
           name.substr(0, name.find('.')) == binding.body->json_name());
      if (in_body) {
        return InvalidArgument("UNKNOWN_PARAMETER",
                               absl::StrCat("parameter '", name, "' belongs into the body"),
                               {{"parameter", name}, {"field", name}});
      }
      WEFT_RETURN_IF_ERROR(BindText(name, value, *message, bound));
    }
    // Maps cannot be bound from a URL, so these bytes are in field order.
    WEFT_CHECK(message->AppendPartialToString(&wire));
  }

  if (method.request_id != nullptr) {
    WEFT_RETURN_IF_ERROR(CheckRequestId(method, request, wire));
    if (!request.idempotency_key.empty()) {
      AppendField(method.request_id->number(), request.idempotency_key, wire);
    }
  }
  if (method.etag != nullptr && !request.if_match.empty()) {
    AppendField(method.etag->number(), request.if_match, wire);
  }
  // An event source connects again to the same URL and says in a header how far it came:
  // that is newer than what the URL says.
  if (method.resume_from != nullptr && !request.last_event_id.empty()) {
    AppendField(method.resume_from->number(), request.last_event_id, wire);
  }
  return wire;
}

std::string Transcoder::EventId(const Method& method, const std::string& answer) {
  if (method.resume_token == nullptr) return "";
  const std::string id = FindString(answer, method.resume_token->number());
  // A line break would end the line of the id.
  const bool plain = std::all_of(id.begin(), id.end(), [](char c) { return c > 0x1f && c < 0x7f; });
  return plain ? id : "";
}

}  // namespace weft::gateway
