#include "services/gateway/json.h"

#include <set>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/util/json_util.h"
#include "google/protobuf/util/type_resolver_util.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "simdjson.h"

namespace weft::gateway {
namespace {

namespace pb = google::protobuf;
namespace dom = simdjson::dom;
using Field = pb::FieldDescriptor;

constexpr char kTypeUrl[] = "type.googleapis.com";
// Deeper nesting is refused; protobuf's own limit is 100.
constexpr size_t kDepthMax = 64;
// Octets a thread's parser is made for; it grows with the bodies it sees.
constexpr size_t kCapacityMin = 16 << 10;

absl::Status BadField(absl::string_view reason, absl::string_view path, absl::string_view what) {
  return InvalidArgument(reason, absl::StrCat("field '", path, "' ", what),
                         {{"field", std::string(path)}});
}

const Field* FindField(const pb::Descriptor& type, absl::string_view name) {
  for (int i = 0; i < type.field_count(); ++i) {
    const Field* field = type.field(i);
    if (field->json_name() == name || field->name() == name) return field;
  }
  return nullptr;
}

// Types whose JSON is not an object of their fields.
bool HasOwnJson(const pb::Descriptor& type) {
  return absl::StartsWith(type.full_name(), "google.protobuf.") &&
         type.full_name() != "google.protobuf.Empty";
}

// Numbers, texts, moments: what no object and no list can be.
bool IsSingleValue(const Field& field) {
  if (field.cpp_type() != Field::CPPTYPE_MESSAGE) return true;
  const absl::string_view type = field.message_type()->full_name();
  return HasOwnJson(*field.message_type()) && type != "google.protobuf.Struct" &&
         type != "google.protobuf.Value" && type != "google.protobuf.ListValue" &&
         type != "google.protobuf.Any";
}

std::string Join(absl::string_view path, absl::string_view name) {
  return path.empty() ? std::string(name) : absl::StrCat(path, ".", name);
}

// What protobuf's own reader takes too lightly, checked against the type.
class Walk {
 public:
  absl::Status Object(const dom::element& element, const pb::Descriptor& type,
                      const std::string& path) {
    dom::object object;
    if (element.get_object().get(object) != simdjson::SUCCESS) {
      return path.empty()
                 ? InvalidArgument("BODY_MALFORMED",
                                   absl::StrCat("the body must be a JSON object, a ", type.name()))
                 : BadField("FIELD_MALFORMED", path,
                            absl::StrCat("must be a JSON object, a ", type.name()));
    }
    std::set<int> seen;
    std::set<int> choices;
    for (const auto& pair : object) {
      const absl::string_view name(pair.key.data(), pair.key.size());
      const Field* field = FindField(type, name);
      const std::string here = Join(path, name);
      if (field == nullptr) {
        return BadField("UNKNOWN_FIELD", here,
                        absl::StrCat("is not known; ", type.name(), " has no such field"));
      }
      if (!seen.insert(field->number()).second) {
        return BadField("FIELD_REPEATED", here, "is given twice; give it once");
      }
      if (field->real_containing_oneof() != nullptr && !pair.value.is_null() &&
          !choices.insert(field->real_containing_oneof()->index()).second) {
        return BadField("FIELD_MALFORMED", here,
                        absl::StrCat("excludes another of '", field->real_containing_oneof()->name(),
                                     "'; give one"));
      }
      WEFT_RETURN_IF_ERROR(Value(pair.value, *field, here));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Value(const dom::element& element, const Field& field, const std::string& path) {
    if (element.is_null()) return absl::OkStatus();  // As if it were not there.
    if (field.is_map()) {
      dom::object entries;
      if (element.get_object().get(entries) != simdjson::SUCCESS) {
        return BadField("FIELD_MALFORMED", path, "must be a JSON object of keys and values");
      }
      std::set<absl::string_view> keys;
      for (const auto& pair : entries) {
        const absl::string_view key(pair.key.data(), pair.key.size());
        const std::string here = Join(path, key);
        if (!keys.insert(key).second) {
          return BadField("FIELD_REPEATED", here, "is given twice; give it once");
        }
        WEFT_RETURN_IF_ERROR(Single(pair.value, *field.message_type()->map_value(), here));
      }
      return absl::OkStatus();
    }
    if (!field.is_repeated()) return Single(element, field, path);
    dom::array array;
    if (element.get_array().get(array) != simdjson::SUCCESS) {
      return BadField("FIELD_MALFORMED", path, "must be a JSON list");
    }
    size_t i = 0;
    for (const dom::element entry : array) {
      WEFT_RETURN_IF_ERROR(Single(entry, field, absl::StrCat(path, "[", i++, "]")));
    }
    return absl::OkStatus();
  }

  absl::Status Single(const dom::element& element, const Field& field, const std::string& path) {
    if (element.is_null()) return BadField("FIELD_MALFORMED", path, "must not be null");
    if (IsSingleValue(field)) {
      // protobuf takes some of these, and of others does not say where they stand.
      if (!element.is_object() && !element.is_array()) return absl::OkStatus();
      return BadField("FIELD_MALFORMED", path, "must be a single value");
    }
    if (HasOwnJson(*field.message_type())) return absl::OkStatus();
    return Object(element, *field.message_type(), path);
  }
};

// "lines[1].unit_price" → "lines[1].unitPrice"; what is not a field stays.
std::string JsonPath(const pb::Descriptor* type, absl::string_view path) {
  std::vector<std::string> names;
  for (absl::string_view part : absl::StrSplit(path, '.')) {
    const size_t bracket = part.find('[');
    const Field* field = type == nullptr ? nullptr : FindField(*type, part.substr(0, bracket));
    type = field == nullptr ? nullptr : field->message_type();
    names.push_back(field == nullptr || bracket == absl::string_view::npos
                        ? (field == nullptr ? std::string(part) : field->json_name())
                        : absl::StrCat(field->json_name(), part.substr(bracket)));
  }
  return absl::StrJoin(names, ".");
}

// protobuf says "(lines[1].n): invalid value "abc" for type TYPE_INT64".
absl::Status FromProtobuf(absl::string_view text, const pb::Descriptor& type,
                          absl::string_view prefix) {
  const size_t open = text.find('(');
  const size_t close = text.find("):");
  if (open != 0 || close == absl::string_view::npos) {
    return InvalidArgument("BODY_MALFORMED",
                           absl::StrCat("the body does not fit its type: ", text.substr(0, 200)));
  }
  const std::string path = absl::StrCat(prefix, JsonPath(&type, text.substr(1, close - 1)));
  absl::string_view what = text.substr(close + 2);
  while (!what.empty() && what.front() == ' ') what.remove_prefix(1);
  return BadField("FIELD_MALFORMED", path,
                  absl::StrCat("does not fit its type: ", what.substr(0, 200)));
}

}  // namespace

JsonCodec::JsonCodec(const pb::DescriptorPool& pool)
    : resolver_(pb::util::NewTypeResolverForDescriptorPool(kTypeUrl, &pool)) {}
JsonCodec::~JsonCodec() = default;

absl::StatusOr<std::string> JsonCodec::ToWire(const pb::Descriptor& type, absl::string_view json,
                                              absl::string_view prefix) const {
  if (!HasOwnJson(type)) {
    // One parser a thread keeps its memory between requests.
    thread_local dom::parser parser;
    thread_local const bool ready = parser.allocate(kCapacityMin, kDepthMax) == simdjson::SUCCESS;
    WEFT_CHECK(ready);
    dom::element root;
    if (const auto error = parser.parse(json.data(), json.size()).get(root);
        error != simdjson::SUCCESS) {
      return InvalidArgument("BODY_MALFORMED", absl::StrCat("the body is not JSON: ",
                                                            simdjson::error_message(error)));
    }
    std::string base(prefix);
    if (!base.empty()) base.pop_back();  // The dot.
    WEFT_RETURN_IF_ERROR(Walk().Object(root, type, base));
  }
  std::string wire;
  pb::io::ArrayInputStream in(json.data(), static_cast<int>(json.size()));
  pb::io::StringOutputStream out(&wire);
  pb::util::JsonParseOptions options;
  options.ignore_unknown_fields = false;
  const auto status = pb::util::JsonToBinaryStream(
      resolver_.get(), absl::StrCat(kTypeUrl, "/", type.full_name()), &in, &out, options);
  if (!status.ok()) return FromProtobuf(std::string(status.message()), type, prefix);
  return wire;
}

absl::Status JsonCodec::ToJson(const pb::Descriptor& type, const std::string& wire,
                               std::string& text) const {
  pb::io::ArrayInputStream in(wire.data(), static_cast<int>(wire.size()));
  pb::io::StringOutputStream out(&text);
  pb::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  const auto status = pb::util::BinaryToJsonStream(
      resolver_.get(), absl::StrCat(kTypeUrl, "/", type.full_name()), &in, &out, options);
  if (!status.ok()) {
    return Internal(absl::StrCat("an answer of type ", type.full_name(),
                                 " cannot be written as JSON: ", std::string(status.message())));
  }
  return absl::OkStatus();
}

}  // namespace weft::gateway
