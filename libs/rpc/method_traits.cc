#include "libs/rpc/method_traits.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>

namespace weft::rpc {

using google::protobuf::internal::WireFormatLite;

MethodTraits TraitsOf(const std::string& method) {
  std::string name = method;
  std::replace(name.begin(), name.end(), '/', '.');
  const auto* descriptor =
      google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(name);
  if (descriptor == nullptr) return {};
  const auto* field = descriptor->input_type()->FindFieldByName("request_id");
  return {.known = true,
          .side_effect_free = descriptor->options().idempotency_level() ==
                              google::protobuf::MethodOptions::NO_SIDE_EFFECTS,
          .request_id_field = field == nullptr ? 0 : field->number()};
}

bool IsForOwner(const std::string& method) {
  if (method.rfind("weft.documents.v1.", 0) == 0) return true;
  const MethodTraits traits = TraitsOf(method);
  return traits.request_id_field != 0 && !traits.side_effect_free;
}

bool MayRepeat(const MethodTraits& traits, absl::string_view request) {
  if (traits.side_effect_free) return true;
  if (traits.request_id_field == 0) return false;
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(request.data()),
                                            static_cast<int>(request.size()));
  while (const uint32_t tag = in.ReadTag()) {
    if (tag == WireFormatLite::MakeTag(traits.request_id_field,
                                       WireFormatLite::WIRETYPE_LENGTH_DELIMITED)) {
      uint32_t length = 0;
      return in.ReadVarint32(&length) && length > 0;
    }
    if (!WireFormatLite::SkipField(&in, tag)) return false;
  }
  return false;
}

}  // namespace weft::rpc
