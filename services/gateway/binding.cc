#include "services/gateway/binding.h"

#include <cstdint>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/field_mask.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "google/protobuf/util/field_mask_util.h"
#include "google/protobuf/util/time_util.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"

namespace weft::gateway {
namespace {

namespace pb = google::protobuf;
using Field = pb::FieldDescriptor;

absl::Status Unknown(absl::string_view path, const pb::Descriptor& type) {
  return InvalidArgument("UNKNOWN_PARAMETER",
                         absl::StrCat("parameter '", path, "' is not known; ", type.name(),
                                      " has no such field that a URL can fill"),
                         {{"parameter", std::string(path)}, {"field", std::string(path)}});
}

absl::Status Malformed(absl::string_view path, absl::string_view text, absl::string_view wanted) {
  return InvalidArgument("PARAMETER_MALFORMED",
                         absl::StrCat("parameter '", path, "' is '", text.substr(0, 100),
                                      "'; it must be ", wanted),
                         {{"parameter", std::string(path)}, {"field", std::string(path)}});
}

const Field* FindField(const pb::Descriptor& type, absl::string_view name) {
  const std::string key(name);
  if (const Field* field = type.FindFieldByName(key); field != nullptr) return field;
  for (int i = 0; i < type.field_count(); ++i) {
    if (type.field(i)->json_name() == key) return type.field(i);
  }
  return nullptr;
}

bool IsWrapper(const pb::Descriptor& type) {
  return type.file()->name() == "google/protobuf/wrappers.proto";
}

// Any message of a well-known type written by its text, as bytes.
template <typename Generated>
absl::Status MergeKnown(const Generated& value, pb::Message& target) {
  WEFT_CHECK(target.MergeFromString(value.SerializeAsString()));
  return absl::OkStatus();
}

absl::Status BindKnown(absl::string_view path, absl::string_view text, pb::Message& target) {
  const std::string value(text);
  const std::string& type = target.GetDescriptor()->full_name();
  if (type == "google.protobuf.Timestamp") {
    pb::Timestamp time;
    if (!pb::util::TimeUtil::FromString(value, &time)) {
      return Malformed(path, text, "an RFC 3339 time such as 2026-03-01T07:00:00Z");
    }
    return MergeKnown(time, target);
  }
  if (type == "google.protobuf.Duration") {
    pb::Duration duration;
    if (!pb::util::TimeUtil::FromString(value, &duration)) {
      return Malformed(path, text, "a duration such as 1.5s");
    }
    return MergeKnown(duration, target);
  }
  if (type == "google.protobuf.FieldMask") {
    pb::FieldMask mask;
    if (!pb::util::FieldMaskUtil::FromJsonString(value, &mask)) {
      return Malformed(path, text, "a list of field paths such as title,count");
    }
    return MergeKnown(mask, target);
  }
  return Unknown(path, *target.GetDescriptor());
}

// Calls set(value) or add(value), whichever the field needs.
template <typename T>
void Put(pb::Message& message, const Field* field, T value,
         void (pb::Reflection::*set)(pb::Message*, const Field*, T) const,
         void (pb::Reflection::*add)(pb::Message*, const Field*, T) const) {
  (message.GetReflection()->*(field->is_repeated() ? add : set))(&message, field, value);
}

absl::Status BindScalar(const Field* field, absl::string_view path, absl::string_view text,
                        pb::Message& message) {
  using R = pb::Reflection;
  switch (field->cpp_type()) {
    case Field::CPPTYPE_INT32: {
      int32_t value = 0;
      if (!absl::SimpleAtoi(text, &value)) return Malformed(path, text, "a 32-bit whole number");
      Put<int32_t>(message, field, value, &R::SetInt32, &R::AddInt32);
      return absl::OkStatus();
    }
    case Field::CPPTYPE_INT64: {
      int64_t value = 0;
      if (!absl::SimpleAtoi(text, &value)) return Malformed(path, text, "a 64-bit whole number");
      Put<int64_t>(message, field, value, &R::SetInt64, &R::AddInt64);
      return absl::OkStatus();
    }
    case Field::CPPTYPE_UINT32: {
      uint32_t value = 0;
      if (!absl::SimpleAtoi(text, &value)) {
        return Malformed(path, text, "a 32-bit whole number of at least 0");
      }
      Put<uint32_t>(message, field, value, &R::SetUInt32, &R::AddUInt32);
      return absl::OkStatus();
    }
    case Field::CPPTYPE_UINT64: {
      uint64_t value = 0;
      if (!absl::SimpleAtoi(text, &value)) {
        return Malformed(path, text, "a 64-bit whole number of at least 0");
      }
      Put<uint64_t>(message, field, value, &R::SetUInt64, &R::AddUInt64);
      return absl::OkStatus();
    }
    case Field::CPPTYPE_DOUBLE: {
      double value = 0;
      if (!absl::SimpleAtod(text, &value)) return Malformed(path, text, "a number");
      Put<double>(message, field, value, &R::SetDouble, &R::AddDouble);
      return absl::OkStatus();
    }
    case Field::CPPTYPE_FLOAT: {
      float value = 0;
      if (!absl::SimpleAtof(text, &value)) return Malformed(path, text, "a number");
      Put<float>(message, field, value, &R::SetFloat, &R::AddFloat);
      return absl::OkStatus();
    }
    case Field::CPPTYPE_BOOL: {
      if (text != "true" && text != "false") return Malformed(path, text, "true or false");
      Put<bool>(message, field, text == "true", &R::SetBool, &R::AddBool);
      return absl::OkStatus();
    }
    case Field::CPPTYPE_ENUM: {
      const pb::EnumValueDescriptor* value = field->enum_type()->FindValueByName(std::string(text));
      int32_t number = 0;
      if (value == nullptr && absl::SimpleAtoi(text, &number)) {
        value = field->enum_type()->FindValueByNumber(number);
      }
      if (value == nullptr) {
        return Malformed(path, text, absl::StrCat("a name of ", field->enum_type()->name()));
      }
      Put<const pb::EnumValueDescriptor*>(message, field, value, &R::SetEnum, &R::AddEnum);
      return absl::OkStatus();
    }
    case Field::CPPTYPE_STRING: {
      std::string value(text);
      if (field->type() == Field::TYPE_BYTES && !absl::Base64Unescape(text, &value) &&
          !absl::WebSafeBase64Unescape(text, &value)) {
        return Malformed(path, text, "base64");
      }
      if (field->is_repeated()) {
        message.GetReflection()->AddString(&message, field, std::move(value));
      } else {
        message.GetReflection()->SetString(&message, field, std::move(value));
      }
      return absl::OkStatus();
    }
    case Field::CPPTYPE_MESSAGE: {
      const pb::Descriptor& type = *field->message_type();
      if (field->is_map()) return Unknown(path, *message.GetDescriptor());
      const pb::Reflection& reflection = *message.GetReflection();
      pb::Message& target = field->is_repeated() ? *reflection.AddMessage(&message, field)
                                                 : *reflection.MutableMessage(&message, field);
      if (IsWrapper(type)) return BindScalar(type.FindFieldByName("value"), path, text, target);
      return BindKnown(path, text, target);
    }
  }
  return Unknown(path, *message.GetDescriptor());
}

}  // namespace

absl::Status BindText(absl::string_view path, absl::string_view text, pb::Message& message,
                      std::set<std::string>& bound) {
  const std::vector<absl::string_view> names = absl::StrSplit(path, '.');
  pb::Message* target = &message;
  std::string proto_path;
  for (size_t i = 0; i < names.size(); ++i) {
    const Field* field = FindField(*target->GetDescriptor(), names[i]);
    if (field == nullptr) break;
    absl::StrAppend(&proto_path, i == 0 ? "" : ".", field->name());
    if (i + 1 == names.size()) {
      if (!field->is_repeated() && !bound.insert(proto_path).second) {
        return InvalidArgument(
            "PARAMETER_REPEATED",
            absl::StrCat("parameter '", path, "' has two values in this URL; give one"),
            {{"parameter", std::string(path)}, {"field", std::string(path)}});
      }
      return BindScalar(field, path, text, *target);
    }
    if (field->cpp_type() != Field::CPPTYPE_MESSAGE || field->is_repeated()) break;
    target = target->GetReflection()->MutableMessage(target, field);
  }
  return Unknown(path, *message.GetDescriptor());
}

}  // namespace weft::gateway
