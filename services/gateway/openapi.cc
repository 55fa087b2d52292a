#include "services/gateway/openapi.h"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/strings/str_split.h"
#include "services/gateway/domain/json_writer.h"

namespace weft::gateway {
namespace {

namespace pb = google::protobuf;
using Field = pb::FieldDescriptor;

constexpr char kErrorSchema[] = "Error";

// A comment as running text: line ends inside a paragraph become spaces.
template <typename Descriptor>
std::string CommentOf(const Descriptor& descriptor) {
  pb::SourceLocation location;
  if (!descriptor.GetSourceLocation(&location)) return "";
  std::string text;
  for (absl::string_view line : absl::StrSplit(location.leading_comments, '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (!text.empty() && !line.empty()) text += ' ';
    absl::StrAppend(&text, line);
  }
  return text;
}

std::string FirstSentence(const std::string& text) {
  const size_t end = text.find(". ");
  std::string sentence = text.substr(0, end);
  if (!sentence.empty() && sentence.back() == '.') sentence.pop_back();
  return sentence;
}

// "weft.pricing.v1.PriceLine" → "pricing.v1.PriceLine", nested names included.
std::string SchemaName(absl::string_view full_name) {
  absl::ConsumePrefix(&full_name, "weft.");
  return std::string(full_name);
}

class Document {
 public:
  explicit Document(const Api& api) : api_(api) {}

  std::string Write(absl::string_view version) {
    json_.BeginObject().Field("openapi", "3.1.0");
    json_.Key("info").BeginObject();
    json_.Field("title", "Weft").Field("version", version);
    json_.Field("summary",
                "Prices, availability, quotes, orders, approvals, reordering and ERP traffic");
    json_.Key("license").BeginObject().Field("name", "Apache-2.0");
    json_.Field("identifier", "Apache-2.0").EndObject();
    json_.EndObject();
    json_.Key("security").BeginArray().BeginObject().Key("bearer").BeginArray().EndArray();
    json_.EndObject().EndArray();
    Tags();
    Paths();
    Components();
    json_.EndObject();
    return json_.Take();
  }

 private:
  void Tags() {
    std::map<std::string, std::string> tags;
    for (const Method& method : api_.methods()) {
      const auto& service = *method.descriptor->service();
      tags.emplace(service.name(), CommentOf(service));
    }
    json_.Key("tags").BeginArray();
    for (const auto& [name, text] : tags) {
      json_.BeginObject().Field("name", name).Field("description", text).EndObject();
    }
    json_.EndArray();
  }

  // {a}, {name=things/*} and ** become {a} and {name}.
  static std::string PlainPath(const std::string& text) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '{') {
        out += text[i];
        continue;
      }
      const size_t close = text.find('}', i);
      const std::string inside = text.substr(i + 1, close - i - 1);
      absl::StrAppend(&out, "{", inside.substr(0, inside.find('=')), "}");
      i = close;
    }
    return out;
  }

  void Paths() {
    std::map<std::string, std::map<std::string, const Binding*>> paths;
    for (const Binding& binding : api_.bindings()) {
      // Different templates may look the same without their segments
      // ({name=orders/*} and {name=quotes/*}): then the segments are shown.
      std::string path = PlainPath(binding.path);
      const std::string verb = absl::AsciiStrToLower(binding.http_method);
      if (paths[path].count(verb) > 0) path = binding.path;
      paths[path][verb] = &binding;
    }
    json_.Key("paths").BeginObject();
    for (const auto& [path, operations] : paths) {
      if (operations.empty()) continue;
      json_.Key(path).BeginObject();
      for (const auto& [verb, binding] : operations) {
        json_.Key(verb);
        Operation(*binding);
      }
      json_.EndObject();
    }
    json_.EndObject();
  }

  void Operation(const Binding& binding) {
    const Method& method = api_.methods()[binding.method];
    const std::string comment = CommentOf(*method.descriptor);
    json_.BeginObject();
    const size_t uses = ++operation_uses_[method.name];
    json_.Field("operationId",
                absl::StrCat(method.room, "_", method.descriptor->name(),
                             uses > 1 ? absl::StrCat("_", uses) : std::string()));
    json_.Field("summary", FirstSentence(comment)).Field("description", comment);
    json_.Key("tags").BeginArray().String(method.descriptor->service()->name()).EndArray();
    Parameters(binding, method);
    if (binding.has_body) {
      const pb::Descriptor* type =
          binding.body != nullptr ? binding.body->message_type() : method.input();
      json_.Key("requestBody").BeginObject().Key("required").Bool(true);
      json_.Key("content").BeginObject().Key("application/json").BeginObject().Key("schema");
      Reference(*type);
      json_.EndObject().EndObject().EndObject();
    }
    Responses(method);
    json_.EndObject();
  }

  void Parameters(const Binding& binding, const Method& method) {
    json_.Key("parameters").BeginArray();
    std::set<std::string> bound;
    const auto pattern = ParsePathTemplate(binding.path);
    for (const PathVariable& variable : pattern->variables) {
      bound.insert(variable.field);
      const Field* field = Find(*method.input(), variable.field);
      const std::string comment = field == nullptr ? "" : CommentOf(*field);
      json_.BeginObject().Field("name", variable.field).Field("in", "path");
      json_.Key("required").Bool(true).Field("description", comment);
      json_.Key("schema").BeginObject().Field("type", "string");
      if (variable.many || variable.end - variable.begin > 1) {
        std::vector<std::string> parts;
        for (size_t i = variable.begin; i < variable.end; ++i) {
          const PathSegment& s = pattern->segments[i];
          parts.push_back(s.kind == PathSegment::Kind::kLiteral ? s.text
                          : s.kind == PathSegment::Kind::kOne   ? "[^/]+"
                                                                : ".*");
        }
        json_.Field("pattern", absl::StrCat("^", absl::StrJoin(parts, "/"), "$"));
      }
      json_.EndObject().EndObject();
    }
    if (!binding.has_body || binding.body != nullptr) {
      QueryParameters(*method.input(), "", "", binding, bound, 0);
    }
    if (method.request_id != nullptr && !method.read_only) {
      json_.BeginObject().Field("name", "Idempotency-Key").Field("in", "header");
      json_.Key("required").Bool(binding.body != nullptr || !binding.has_body);
      json_.Field("description",
                  "Key that makes a repeat harmless: the same key and request give the same "
                  "answer. 1 to 255 visible ASCII characters. Required unless the body has "
                  "requestId.");
      json_.Key("schema").BeginObject().Field("type", "string").EndObject().EndObject();
    }
    json_.EndArray();
  }

  void QueryParameters(const pb::Descriptor& type, const std::string& proto_prefix,
                       const std::string& prefix, const Binding& binding,
                       const std::set<std::string>& bound, int depth) {
    for (int i = 0; i < type.field_count(); ++i) {
      const Field& field = *type.field(i);
      const std::string proto_name = proto_prefix + field.name();
      if (bound.count(proto_name) > 0 || &field == binding.body || field.is_map()) continue;
      if (depth == 0 && field.name() == "request_id") continue;
      const bool message = field.cpp_type() == Field::CPPTYPE_MESSAGE;
      if (message && !IsText(*field.message_type())) {
        if (!field.is_repeated() && depth < 2) {
          QueryParameters(*field.message_type(), proto_name + ".",
                          absl::StrCat(prefix, field.json_name(), "."), binding, bound, depth + 1);
        }
        continue;
      }
      json_.BeginObject().Field("name", prefix + field.json_name()).Field("in", "query");
      json_.Field("description", CommentOf(field));
      json_.Key("schema");
      Schema(field);
      json_.EndObject();
    }
  }

  void Responses(const Method& method) {
    json_.Key("responses").BeginObject().Key("200").BeginObject();
    json_.Field("description", method.streams
                                   ? "One JSON object a line; as server-sent events with Accept: "
                                     "text/event-stream. A late error is the last element."
                                   : "The answer.");
    json_.Key("content").BeginObject();
    for (const char* media : method.streams
                                 ? std::vector<const char*>{"application/x-ndjson", "text/event-stream"}
                                 : std::vector<const char*>{"application/json"}) {
      json_.Key(media).BeginObject().Key("schema");
      Reference(*method.output());
      json_.EndObject();
    }
    json_.EndObject().EndObject();
    json_.Key("default").BeginObject();
    json_.Field("description", "An error with its reason; RFC 9457 with Accept: "
                               "application/problem+json.");
    json_.Key("content").BeginObject().Key("application/json").BeginObject().Key("schema");
    json_.BeginObject()
        .Field("$ref", absl::StrCat("#/components/schemas/", kErrorSchema))
        .EndObject();
    json_.EndObject().EndObject().EndObject().EndObject();
  }

  void Components() {
    json_.Key("components").BeginObject();
    json_.Key("securitySchemes").BeginObject().Key("bearer").BeginObject();
    json_.Field("type", "http").Field("scheme", "bearer").Field("bearerFormat", "JWT");
    json_.EndObject().EndObject();
    json_.Key("schemas").BeginObject();
    ErrorSchema();
    // Writing a schema may reach more types.
    while (!pending_.empty()) {
      const auto [name, type] = *pending_.begin();
      pending_.erase(pending_.begin());
      json_.Key(name);
      MessageSchema(*type);
    }
    for (const auto& [name, type] : enums_) {
      json_.Key(name).BeginObject().Field("type", "string").Field("description", CommentOf(*type));
      json_.Key("enum").BeginArray();
      for (int i = 0; i < type->value_count(); ++i) json_.String(type->value(i)->name());
      json_.EndArray().EndObject();
    }
    json_.EndObject().EndObject();
  }

  void ErrorSchema() {
    json_.Key(kErrorSchema);
    json_.Raw(
        R"({"type":"object","description":"google.rpc.Status. details holds exactly one ErrorInfo.",)"
        R"("required":["code","message","details"],"properties":{)"
        R"("code":{"type":"integer","description":"gRPC code."},)"
        R"("message":{"type":"string","description":"What failed, for which input, what to do."},)"
        R"("details":{"type":"array","items":{"type":"object","required":["@type"],"properties":{)"
        R"("@type":{"type":"string"},"reason":{"type":"string","description":"UPPER_SNAKE, stable."},)"
        R"("domain":{"type":"string","description":"<room>.weft"},)"
        R"("metadata":{"type":"object","additionalProperties":{"type":"string"}}}}}}})");
  }

  void MessageSchema(const pb::Descriptor& type) {
    json_.BeginObject().Field("type", "object").Field("description", CommentOf(type));
    json_.Key("properties").BeginObject();
    for (int i = 0; i < type.field_count(); ++i) {
      json_.Key(type.field(i)->json_name());
      Schema(*type.field(i), CommentOf(*type.field(i)));
    }
    json_.EndObject().EndObject();
  }

  // The schema of a field with its repetition.
  void Schema(const Field& field, const std::string& comment = "") {
    json_.BeginObject();
    if (!comment.empty()) {
      json_.Field("description", comment);
      if (absl::StartsWith(comment, "Output only.")) json_.Key("readOnly").Bool(true);
    }
    if (field.is_map()) {
      json_.Field("type", "object").Key("additionalProperties").BeginObject();
      Type(*field.message_type()->map_value());
      json_.EndObject();
    } else if (field.is_repeated()) {
      json_.Field("type", "array").Key("items").BeginObject();
      Type(field);
      json_.EndObject();
    } else {
      Type(field);
    }
    json_.EndObject();
  }

  // Members of a schema object: type and format, or a reference.
  void Type(const Field& field) {
    switch (field.cpp_type()) {
      case Field::CPPTYPE_INT32:
        json_.Field("type", "integer").Field("format", "int32");
        return;
      case Field::CPPTYPE_UINT32:
        json_.Field("type", "integer").Key("minimum").Int(0);
        return;
      case Field::CPPTYPE_INT64:
        json_.Field("type", "string").Field("format", "int64");
        return;
      case Field::CPPTYPE_UINT64:
        json_.Field("type", "string").Field("format", "uint64");
        return;
      case Field::CPPTYPE_DOUBLE:
      case Field::CPPTYPE_FLOAT:
        json_.Field("type", "number");
        return;
      case Field::CPPTYPE_BOOL:
        json_.Field("type", "boolean");
        return;
      case Field::CPPTYPE_STRING:
        json_.Field("type", "string");
        if (field.type() == Field::TYPE_BYTES) json_.Field("contentEncoding", "base64");
        return;
      case Field::CPPTYPE_ENUM:
        enums_.emplace(SchemaName(field.enum_type()->full_name()), field.enum_type());
        json_.Field("$ref", absl::StrCat("#/components/schemas/",
                                         SchemaName(field.enum_type()->full_name())));
        return;
      case Field::CPPTYPE_MESSAGE:
        MessageType(*field.message_type());
        return;
    }
  }

  void MessageType(const pb::Descriptor& type) {
    const std::string& name = type.full_name();
    if (name == "google.protobuf.Timestamp") {
      json_.Field("type", "string").Field("format", "date-time");
    } else if (name == "google.protobuf.Duration") {
      json_.Field("type", "string").Field("pattern", "^-?[0-9]+(\\.[0-9]+)?s$");
    } else if (name == "google.protobuf.FieldMask") {
      json_.Field("type", "string");
    } else if (type.file()->name() == "google/protobuf/wrappers.proto") {
      Type(*type.FindFieldByName("value"));
    } else if (name == "google.protobuf.Struct" || name == "google.protobuf.Any") {
      json_.Field("type", "object");
    } else if (name == "google.protobuf.Value") {
      return;  // Anything.
    } else if (name == "google.protobuf.ListValue") {
      json_.Field("type", "array");
    } else {
      Remember(type);
      json_.Field("$ref", absl::StrCat("#/components/schemas/", SchemaName(name)));
    }
  }

  void Reference(const pb::Descriptor& type) {
    json_.BeginObject();
    MessageType(type);
    json_.EndObject();
  }

  void Remember(const pb::Descriptor& type) {
    const std::string name = SchemaName(type.full_name());
    if (known_.insert(name).second) pending_.emplace(name, &type);
  }

  // Types that are one text in a URL.
  static bool IsText(const pb::Descriptor& type) {
    const std::string& name = type.full_name();
    return name == "google.protobuf.Timestamp" || name == "google.protobuf.Duration" ||
           name == "google.protobuf.FieldMask" ||
           type.file()->name() == "google/protobuf/wrappers.proto";
  }

  static const Field* Find(const pb::Descriptor& type, const std::string& path) {
    const size_t dot = path.find('.');
    const Field* field = type.FindFieldByName(path.substr(0, dot));
    if (dot == std::string::npos || field == nullptr || field->message_type() == nullptr) {
      return field;
    }
    return Find(*field->message_type(), path.substr(dot + 1));
  }

  const Api& api_;
  JsonWriter json_;
  std::map<std::string, size_t> operation_uses_;
  std::set<std::string> known_;
  std::map<std::string, const pb::Descriptor*> pending_;
  std::map<std::string, const pb::EnumDescriptor*> enums_;
};

}  // namespace

std::string OpenApiDocument(const Api& api, absl::string_view version) {
  return Document(api).Write(version);
}

}  // namespace weft::gateway
