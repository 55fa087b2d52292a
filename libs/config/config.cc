#include "libs/config/config.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/time_util.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <set>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"

extern char** environ;

namespace weft::config {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr char kPrefix[] = "WEFT_";

std::string Join(const std::string& path, const std::string& key) {
  return path.empty() ? key : absl::StrCat(path, ".", key);
}

absl::Status BadValue(const std::string& path, absl::string_view expected,
                      absl::string_view got) {
  return InvalidArgument(
      "CONFIG_VALUE_INVALID",
      absl::StrCat(path, " must be ", expected, ", not '", got.substr(0, 100), "'"),
      {{"path", path}});
}

size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

absl::Status UnknownKey(const std::string& path, const std::string& key,
                        const std::vector<std::string>& known) {
  std::string nearest;
  size_t best = std::numeric_limits<size_t>::max();
  for (const std::string& name : known) {
    const size_t distance = EditDistance(absl::AsciiStrToLower(key), name);
    if (distance < best) {
      best = distance;
      nearest = name;
    }
  }
  ErrorMetadata metadata = {{"path", path}};
  std::string hint = "; it has no keys";
  if (!nearest.empty()) {
    metadata.emplace_back("nearest", nearest);
    hint = absl::StrCat("; the nearest known key is '", nearest, "'");
  }
  return InvalidArgument("CONFIG_KEY_UNKNOWN", absl::StrCat("no setting ", path, hint),
                         std::move(metadata));
}

const FieldDescriptor* FindField(const Descriptor& type, const std::string& key) {
  if (const FieldDescriptor* field = type.FindFieldByName(key)) return field;
  for (int i = 0; i < type.field_count(); ++i) {
    if (type.field(i)->json_name() == key) return type.field(i);
  }
  return nullptr;
}

std::vector<std::string> FieldNames(const Descriptor& type) {
  std::vector<std::string> names;
  for (int i = 0; i < type.field_count(); ++i) names.push_back(type.field(i)->name());
  return names;
}

const EnumValueDescriptor* FindEnum(const FieldDescriptor& field, const std::string& text) {
  const std::string upper = absl::AsciiStrToUpper(text);
  const EnumValueDescriptor* found = nullptr;
  for (int i = 0; i < field.enum_type()->value_count(); ++i) {
    const EnumValueDescriptor* value = field.enum_type()->value(i);
    if (value->name() == upper) return value;
    if (absl::EndsWith(value->name(), absl::StrCat("_", upper))) {
      if (found != nullptr) return nullptr;
      found = value;
    }
  }
  return found;
}

// Where a scalar goes: a field, or one more element of a repeated field.
class Place {
 public:
  Place(Message& message, const FieldDescriptor& field, std::string path)
      : message_(message), field_(field), path_(std::move(path)) {}

  absl::Status SetScalar(const YAML::Node& node);
  absl::Status Fill(const YAML::Node& node);

 private:
  absl::Status SetMessage(const YAML::Node& node);
  template <typename T>
  absl::Status SetWhole(const std::string& text, void (Reflection::*set)(Message*, const FieldDescriptor*, T) const,
                        void (Reflection::*add)(Message*, const FieldDescriptor*, T) const) {
    T value{};
    if (!absl::SimpleAtoi(text, &value)) return BadValue(path_, "a whole number in range", text);
    (message_.GetReflection()->*(field_.is_repeated() ? add : set))(&message_, &field_, value);
    return absl::OkStatus();
  }

  Message& message_;
  const FieldDescriptor& field_;
  const std::string path_;
};

absl::Status FillMessage(const YAML::Node& node, const std::string& path, Message& message);

absl::Status Place::SetScalar(const YAML::Node& node) {
  if (!node.IsScalar()) {
    return BadValue(path_, "one value", node.IsNull() ? "nothing" : "a list or mapping");
  }
  const std::string text = node.Scalar();
  const Reflection& reflection = *message_.GetReflection();
  const bool add = field_.is_repeated();
  switch (field_.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return SetWhole<int32_t>(text, &Reflection::SetInt32, &Reflection::AddInt32);
    case FieldDescriptor::CPPTYPE_INT64:
      return SetWhole<int64_t>(text, &Reflection::SetInt64, &Reflection::AddInt64);
    case FieldDescriptor::CPPTYPE_UINT32:
      return SetWhole<uint32_t>(text, &Reflection::SetUInt32, &Reflection::AddUInt32);
    case FieldDescriptor::CPPTYPE_UINT64:
      return SetWhole<uint64_t>(text, &Reflection::SetUInt64, &Reflection::AddUInt64);
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT: {
      double value = 0;
      if (!absl::SimpleAtod(text, &value) || !std::isfinite(value)) {
        return BadValue(path_, "a number", text);
      }
      if (field_.cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE) {
        add ? reflection.AddDouble(&message_, &field_, value)
            : reflection.SetDouble(&message_, &field_, value);
      } else {
        const auto narrow = static_cast<float>(value);
        add ? reflection.AddFloat(&message_, &field_, narrow)
            : reflection.SetFloat(&message_, &field_, narrow);
      }
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_BOOL: {
      if (text != "true" && text != "false") return BadValue(path_, "true or false", text);
      add ? reflection.AddBool(&message_, &field_, text == "true")
          : reflection.SetBool(&message_, &field_, text == "true");
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_ENUM: {
      const EnumValueDescriptor* value = FindEnum(field_, text);
      if (value == nullptr) {
        std::vector<std::string> names;
        for (int i = 0; i < field_.enum_type()->value_count(); ++i) {
          names.push_back(field_.enum_type()->value(i)->name());
        }
        return BadValue(path_, absl::StrCat("one of ", absl::StrJoin(names, ", ")), text);
      }
      add ? reflection.AddEnum(&message_, &field_, value)
          : reflection.SetEnum(&message_, &field_, value);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string value = text;
      if (field_.type() == FieldDescriptor::TYPE_BYTES && !absl::Base64Unescape(text, &value)) {
        return BadValue(path_, "base64", text);
      }
      add ? reflection.AddString(&message_, &field_, value)
          : reflection.SetString(&message_, &field_, value);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  return BadValue(path_, "a setting of a kind this reader knows", text);
}

absl::Status Place::SetMessage(const YAML::Node& node) {
  const Reflection& reflection = *message_.GetReflection();
  Message& child = field_.is_repeated() ? *reflection.AddMessage(&message_, &field_)
                                        : *reflection.MutableMessage(&message_, &field_);
  const std::string& type = field_.message_type()->full_name();
  if (type == "google.protobuf.Duration" || type == "google.protobuf.Timestamp") {
    const std::string text = node.IsScalar() ? node.Scalar() : "a list or mapping";
    if (type == "google.protobuf.Duration") {
      const absl::StatusOr<absl::Duration> duration = ParseDuration(text);
      if (!duration.ok()) return BadValue(path_, "a duration such as 1.5s, 250ms, 15m or 35d", text);
      auto& out = static_cast<google::protobuf::Duration&>(child);
      absl::Duration rest = *duration;
      out.set_seconds(absl::IDivDuration(rest, absl::Seconds(1), &rest));
      out.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
      return absl::OkStatus();
    }
    if (!google::protobuf::util::TimeUtil::FromString(
            text, &static_cast<google::protobuf::Timestamp&>(child))) {
      return BadValue(path_, "a time such as 2026-03-01T12:00:00Z", text);
    }
    return absl::OkStatus();
  }
  if (absl::StartsWith(type, "google.protobuf.") && absl::EndsWith(type, "Value") &&
      field_.message_type()->field_count() == 1) {
    return Place(child, *field_.message_type()->field(0), path_).SetScalar(node);
  }
  return FillMessage(node, path_, child);
}

absl::Status Place::Fill(const YAML::Node& node) {
  if (field_.is_map()) {
    if (!node.IsMap()) return BadValue(path_, "a mapping", node.IsScalar() ? node.Scalar() : "a list");
    const FieldDescriptor& key_field = *field_.message_type()->map_key();
    const FieldDescriptor& value_field = *field_.message_type()->map_value();
    for (const auto& entry : node) {
      const std::string path = Join(path_, entry.first.Scalar());
      Message& pair = *message_.GetReflection()->AddMessage(&message_, &field_);
      WEFT_RETURN_IF_ERROR(Place(pair, key_field, path).SetScalar(entry.first));
      WEFT_RETURN_IF_ERROR(Place(pair, value_field, path).Fill(entry.second));
    }
    return absl::OkStatus();
  }
  if (field_.is_repeated()) {
    if (!node.IsSequence()) {
      return BadValue(path_, "a list", node.IsScalar() ? node.Scalar() : "a mapping");
    }
    for (size_t i = 0; i < node.size(); ++i) {
      Place element(message_, field_, absl::StrCat(path_, "[", i, "]"));
      WEFT_RETURN_IF_ERROR(field_.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE
                               ? element.SetMessage(node[i])
                               : element.SetScalar(node[i]));
    }
    return absl::OkStatus();
  }
  return field_.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE ? SetMessage(node)
                                                               : SetScalar(node);
}

absl::Status CheckKeys(const YAML::Node& node, const std::string& path) {
  std::set<std::string> seen;
  for (const auto& entry : node) {
    if (!entry.first.IsScalar()) return BadValue(path, "a mapping with names as keys", "?");
    if (!seen.insert(entry.first.Scalar()).second) {
      const std::string at = Join(path, entry.first.Scalar());
      return InvalidArgument("CONFIG_KEY_REPEATED", absl::StrCat(at, " stands twice"),
                             {{"path", at}});
    }
  }
  return absl::OkStatus();
}

absl::Status FillMessage(const YAML::Node& node, const std::string& path, Message& message) {
  if (node.IsNull()) return absl::OkStatus();
  if (!node.IsMap()) {
    return BadValue(path, "a mapping", node.IsScalar() ? node.Scalar() : "a list");
  }
  WEFT_RETURN_IF_ERROR(CheckKeys(node, path));
  std::set<const FieldDescriptor*> set;
  for (const auto& entry : node) {
    const std::string key = entry.first.Scalar();
    const std::string at = Join(path, key);
    const FieldDescriptor* field = FindField(*message.GetDescriptor(), key);
    if (field == nullptr) return UnknownKey(at, key, FieldNames(*message.GetDescriptor()));
    if (!set.insert(field).second) {
      return InvalidArgument("CONFIG_KEY_REPEATED",
                             absl::StrCat(at, " stands twice, under both its names"),
                             {{"path", at}});
    }
    if (const auto* oneof = field->real_containing_oneof();
        oneof != nullptr && message.GetReflection()->HasOneof(message, oneof)) {
      return BadValue(at, absl::StrCat("the only one of '", oneof->name(), "'"), "a second one");
    }
    if (entry.second.IsNull()) continue;  // "key:" leaves the default.
    WEFT_RETURN_IF_ERROR(Place(message, *field, at).Fill(entry.second));
  }
  return absl::OkStatus();
}

// Fills the sections from a document: descends the mappings on the way to them.
absl::Status FillSections(const YAML::Node& node, const std::string& path,
                          const Sections& sections) {
  if (node.IsNull()) return absl::OkStatus();
  if (!node.IsMap()) {
    return BadValue(path.empty() ? "the file" : path, "a mapping",
                    node.IsScalar() ? node.Scalar() : "a list");
  }
  WEFT_RETURN_IF_ERROR(CheckKeys(node, path));
  for (const auto& entry : node) {
    const std::string key = entry.first.Scalar();
    const std::string at = Join(path, key);
    Message* message = nullptr;
    bool on_the_way = false;
    std::vector<std::string> known;
    for (const auto& [section, target] : sections) {
      if (section == at) message = target;
      if (absl::StartsWith(section, absl::StrCat(at, "."))) on_the_way = true;
      if (path.empty() || absl::StartsWith(section, absl::StrCat(path, "."))) {
        const absl::string_view rest =
            absl::string_view(section).substr(path.empty() ? 0 : path.size() + 1);
        known.emplace_back(rest.substr(0, rest.find('.')));
      }
    }
    if (message != nullptr) {
      WEFT_RETURN_IF_ERROR(FillMessage(entry.second, at, *message));
    } else if (on_the_way) {
      WEFT_RETURN_IF_ERROR(FillSections(entry.second, at, sections));
    } else {
      return UnknownKey(at, key, known);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<YAML::Node> ParseYaml(const std::string& text, const std::string& path) {
  try {
    return YAML::Load(text);
  } catch (const YAML::Exception& error) {
    return InvalidArgument("CONFIG_UNREADABLE",
                           absl::StrCat(path, ", line ", error.mark.line + 1, ": ", error.msg),
                           {{"path", path}, {"line", absl::StrCat(error.mark.line + 1)}});
  }
}

// One part of a variable's name to the field it means: names of fields contain
// single underscores, parts are joined by two.
const FieldDescriptor* FieldOfPart(const Descriptor& type, const std::string& part) {
  return type.FindFieldByName(absl::AsciiStrToLower(part));
}

absl::Status ApplyVariable(const std::string& name, const std::string& value,
                           const Sections& sections) {
  const std::vector<std::string> parts =
      absl::StrSplit(absl::string_view(name).substr(sizeof(kPrefix) - 1), "__");
  std::vector<std::string> section_names;
  for (const auto& [section, message] : sections) {
    section_names.push_back(section);
    const std::vector<std::string> wanted = absl::StrSplit(section, '.');
    if (parts.size() <= wanted.size()) continue;
    bool same = true;
    for (size_t i = 0; i < wanted.size(); ++i) {
      // Names of rooms have dashes; variables cannot.
      std::string part = absl::AsciiStrToLower(parts[i]);
      std::string want = wanted[i];
      std::replace(want.begin(), want.end(), '-', '_');
      same = same && part == want;
    }
    if (!same) continue;
    Message* at = message;
    std::string path = section;
    for (size_t i = wanted.size(); i < parts.size(); ++i) {
      const FieldDescriptor* field = FieldOfPart(*at->GetDescriptor(), parts[i]);
      const std::string key = absl::AsciiStrToLower(parts[i]);
      path = Join(path, key);
      if (field == nullptr) return UnknownKey(path, key, FieldNames(*at->GetDescriptor()));
      if (i + 1 < parts.size()) {
        if (field->is_repeated() || field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
          return UnknownKey(Join(path, absl::AsciiStrToLower(parts[i + 1])), parts[i + 1], {});
        }
        at = at->GetReflection()->MutableMessage(at, field);
        continue;
      }
      at->GetReflection()->ClearField(at, field);
      // A text that looks like something else stays a text.
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING && !field->is_repeated()) {
        return Place(*at, *field, path).Fill(YAML::Node(value));
      }
      WEFT_ASSIGN_OR_RETURN(const YAML::Node node, ParseYaml(value, name));
      if (node.IsNull()) return absl::OkStatus();
      return Place(*at, *field, path).Fill(node);
    }
  }
  return UnknownKey(name, name, section_names);
}

bool NamesSecret(const std::string& name) {
  for (const char* end : {"secret", "password", "token", "key", "credentials"}) {
    if (name == end || absl::EndsWith(name, absl::StrCat("_", end))) return true;
  }
  return false;
}

void Mask(Message& message) {
  const Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      if (field->is_repeated()) {
        for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
          Mask(*reflection.MutableRepeatedMessage(&message, field, i));
        }
      } else {
        Mask(*reflection.MutableMessage(&message, field));
      }
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING &&
               !field->containing_type()->options().map_entry() && NamesSecret(field->name())) {
      if (field->is_repeated()) {
        for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
          reflection.SetRepeatedString(&message, field, i, "***");
        }
      } else {
        reflection.SetString(&message, field, "***");
      }
    }
  }
}

}  // namespace

absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text) {
  const auto invalid = [&] {
    return InvalidArgument("CONFIG_VALUE_INVALID", absl::StrCat("'", text, "' is no duration"));
  };
  // Days are not in Abseil's grammar; they are 24 hours here.
  double days = 0;
  if (absl::EndsWith(text, "d")) {
    if (!absl::SimpleAtod(text.substr(0, text.size() - 1), &days) || !std::isfinite(days)) {
      return invalid();
    }
    return absl::Hours(24) * days;
  }
  absl::Duration duration;
  if (!absl::ParseDuration(text, &duration) || duration == absl::InfiniteDuration() ||
      duration == -absl::InfiniteDuration()) {
    return invalid();
  }
  return duration;
}

absl::Status Load(const std::string& yaml, const Environment& environment,
                  const Sections& sections, const Options& options) {
  WEFT_ASSIGN_OR_RETURN(const YAML::Node root, ParseYaml(yaml, "the file"));
  WEFT_RETURN_IF_ERROR(FillSections(root, "", sections));
  for (const auto& [name, value] : environment) {
    // Without a section it is a tool's, not a setting.
    if (!absl::StartsWith(name, kPrefix) || !absl::StrContains(name, "__") ||
        std::find(options.ignored_variables.begin(), options.ignored_variables.end(), name) !=
            options.ignored_variables.end()) {
      continue;
    }
    WEFT_RETURN_IF_ERROR(ApplyVariable(name, value, sections));
  }
  return absl::OkStatus();
}

absl::Status LoadFile(const std::string& path, const Environment& environment,
                      const Sections& sections, const Options& options) {
  std::string text;
  if (!path.empty()) {
    std::ifstream file(path);
    if (!file) {
      return NotFound("CONFIG_FILE_MISSING", absl::StrCat("cannot read ", path),
                      {{"path", path}});
    }
    std::ostringstream all;
    all << file.rdbuf();
    text = all.str();
  }
  return Load(text, environment, sections, options);
}

Environment ProcessEnvironment() {
  Environment variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const absl::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals == absl::string_view::npos || !absl::StartsWith(text, kPrefix)) continue;
    variables.emplace_back(std::string(text.substr(0, equals)),
                           std::string(text.substr(equals + 1)));
  }
  std::sort(variables.begin(), variables.end());
  return variables;
}

std::string Masked(const Message& message) {
  const std::unique_ptr<Message> copy(message.New());
  copy->CopyFrom(message);
  Mask(*copy);
  google::protobuf::util::JsonPrintOptions print;
  print.add_whitespace = true;
  print.preserve_proto_field_names = true;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(*copy, &json, print).ok()) return "{}\n";
  return json;
}

}  // namespace weft::config
