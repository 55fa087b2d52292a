#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>

#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "libs/base/hash.h"
#include "libs/base/status_macros.h"
#include "libs/service/room.h"

namespace weft::service {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::internal::WireFormatLite;

absl::Status Unreadable() {
  return InvalidArgument("REQUEST_UNREADABLE", "the request message does not parse");
}

// The last occurrence counts, as parsers have it.
absl::StatusOr<std::string> TextField(absl::string_view bytes, int number) {
  std::string text;
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                                            static_cast<int>(bytes.size()));
  const uint32_t wanted =
      WireFormatLite::MakeTag(number, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
  while (const uint32_t tag = in.ReadTag()) {
    if (tag == wanted) {
      uint32_t length = 0;
      if (!in.ReadVarint32(&length) || length > bytes.size() ||
          !in.ReadString(&text, static_cast<int>(length))) {
        return Unreadable();
      }
    } else if (!WireFormatLite::SkipField(&in, tag)) {
      return Unreadable();
    }
  }
  if (!in.ConsumedEntireMessage()) return Unreadable();
  return text;
}

bool HasMap(const Descriptor& type, std::set<const Descriptor*>& seen) {
  if (!seen.insert(&type).second) return false;
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (field.is_map()) return true;
    if (field.message_type() != nullptr && HasMap(*field.message_type(), seen)) return true;
  }
  return false;
}

// Maps have no order on the wire: the same request may come with other bytes.
absl::StatusOr<std::string> CanonicalHash(const Message& prototype, const std::string& bytes) {
  const std::unique_ptr<Message> message(prototype.New());
  if (!message->ParseFromString(bytes)) return Unreadable();
  std::string canonical;
  {
    google::protobuf::io::StringOutputStream text(&canonical);
    google::protobuf::io::CodedOutputStream out(&text);
    out.SetSerializationDeterministic(true);
    message->SerializeToCodedStream(&out);
  }
  const Sha256Digest digest = Sha256(canonical);
  return std::string(digest.begin(), digest.end());
}

}  // namespace

void BindCommand(rpc::MethodRegistry& methods, engine::Shards& shards,
                 const std::string& method, const Message& request) {
  const FieldDescriptor* field = request.GetDescriptor()->FindFieldByName("request_id");
  WEFT_CHECK(field != nullptr && field->type() == FieldDescriptor::TYPE_STRING &&
             !field->is_repeated());
  std::set<const Descriptor*> seen;
  const bool has_map = HasMap(*request.GetDescriptor(), seen);
  methods.RegisterUnary(
      method, [&shards, method, number = field->number(), has_map, prototype = &request](
                  const rpc::CallContext& context, std::string bytes, rpc::RawReply reply) {
        absl::StatusOr<std::string> request_id = TextField(bytes, number);
        if (!request_id.ok()) return reply(request_id.status(), {});
        std::string fingerprint;
        if (has_map) {
          absl::StatusOr<std::string> hash = CanonicalHash(*prototype, bytes);
          if (!hash.ok()) return reply(hash.status(), {});
          fingerprint = *std::move(hash);
        }
        engine::Command command{.method = method,
                                .request_id = *std::move(request_id),
                                .principal = context.principal,
                                .payload = std::move(bytes),
                                .fingerprint = std::move(fingerprint),
                                .traceparent = context.traceparent,
                                .timeout = context.Remaining()};
        shards.Submit(std::move(command),
                      [reply = std::move(reply)](absl::StatusOr<engine::Answer> answer) {
                        if (!answer.ok()) return reply(answer.status(), {});
                        rpc::ReplyInfo info{.replayed = answer->replayed};
                        if (answer->token != engine::Token()) {
                          info.token = answer->token.ToText();
                        }
                        reply(std::move(answer->payload), std::move(info));
                      });
      });
}

}  // namespace weft::service
