#include "services/gateway/api.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "google/api/annotations.pb.h"
#include "google/protobuf/descriptor.pb.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"

namespace weft::gateway {
namespace {

namespace pb = google::protobuf;

// The packages whose services are offered; infrastructure is not.
constexpr absl::string_view kPackages = "weft.";

class ErrorCollector : public pb::DescriptorPool::ErrorCollector {
 public:
  void AddError(const std::string& file, const std::string& element, const pb::Message*,
                ErrorLocation, const std::string& message) override {
    if (text.empty()) text = absl::StrCat(file, ": ", element, ": ", message);
  }
  std::string text;
};

const pb::FieldDescriptor* StringField(const pb::Descriptor& type, const char* name) {
  const pb::FieldDescriptor* field = type.FindFieldByName(name);
  return field != nullptr && field->cpp_type() == pb::FieldDescriptor::CPPTYPE_STRING &&
                 !field->is_repeated()
             ? field
             : nullptr;
}

absl::Status BadRule(const pb::MethodDescriptor& method, absl::string_view why) {
  return InvalidArgument("RULE_INVALID",
                         absl::StrCat("the google.api.http rule of ", method.full_name(), " ", why),
                         {{"method", method.full_name()}});
}

// The field that a dotted path of proto names leads to.
const pb::FieldDescriptor* FindPath(const pb::Descriptor* type, absl::string_view path) {
  const pb::FieldDescriptor* field = nullptr;
  for (absl::string_view name : absl::StrSplit(path, '.')) {
    if (field != nullptr) {
      if (field->cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE || field->is_repeated()) {
        return nullptr;
      }
      type = field->message_type();
    }
    field = type->FindFieldByName(std::string(name));
    if (field == nullptr) return nullptr;
  }
  return field;
}

RouteClass ClassOf(const Method& method) {
  if (method.streams) return RouteClass::kStream;
  if (!method.read_only) return RouteClass::kWrite;
  return method.room == "pricing" ? RouteClass::kPrice : RouteClass::kRead;
}

std::pair<std::string, std::string> MethodAndPath(const google::api::HttpRule& rule) {
  switch (rule.pattern_case()) {
    case google::api::HttpRule::kGet: return {"GET", rule.get()};
    case google::api::HttpRule::kPut: return {"PUT", rule.put()};
    case google::api::HttpRule::kPost: return {"POST", rule.post()};
    case google::api::HttpRule::kDelete: return {"DELETE", rule.delete_()};
    case google::api::HttpRule::kPatch: return {"PATCH", rule.patch()};
    case google::api::HttpRule::kCustom: return {rule.custom().kind(), rule.custom().path()};
    default: return {};
  }
}

}  // namespace

Api::Api() : pool_(std::make_unique<pb::DescriptorPool>()) {}

std::unique_ptr<pb::Message> Api::New(const pb::Descriptor* type) const {
  return std::unique_ptr<pb::Message>(factory_->GetPrototype(type)->New());
}

absl::StatusOr<std::unique_ptr<const Api>> Api::Load(absl::string_view descriptor_set) {
  pb::FileDescriptorSet set;
  if (!set.ParseFromArray(descriptor_set.data(), static_cast<int>(descriptor_set.size()))) {
    return InvalidArgument("DESCRIPTORS_INVALID", "the descriptor set does not parse; build again");
  }
  std::unique_ptr<Api> api(new Api());
  ErrorCollector errors;
  // protoc writes dependencies before what needs them.
  std::vector<const pb::FileDescriptor*> files;
  for (const pb::FileDescriptorProto& file : set.file()) {
    const pb::FileDescriptor* built = api->pool_->BuildFileCollectingErrors(file, &errors);
    if (built == nullptr) return InvalidArgument("DESCRIPTORS_INVALID", errors.text);
    files.push_back(built);
  }
  api->factory_ = std::make_unique<pb::DynamicMessageFactory>(api->pool_.get());
  for (const pb::FileDescriptor* file : files) {
    if (!absl::StartsWith(file->package(), kPackages)) continue;
    for (int s = 0; s < file->service_count(); ++s) {
      for (int m = 0; m < file->service(s)->method_count(); ++m) {
        WEFT_RETURN_IF_ERROR(api->AddMethod(*file->service(s)->method(m)));
      }
    }
  }
  WEFT_ASSIGN_OR_RETURN(api->router_, Router::Build(std::move(api->routes_)));
  return std::unique_ptr<const Api>(std::move(api));
}

absl::Status Api::AddMethod(const pb::MethodDescriptor& descriptor) {
  const pb::MethodOptions& options = descriptor.options();
  // Without a rule it is for other rooms only.
  if (!options.HasExtension(google::api::http)) return absl::OkStatus();
  if (descriptor.client_streaming()) return BadRule(descriptor, "is for a client stream");

  Method method;
  method.name = absl::StrCat(descriptor.service()->full_name(), "/", descriptor.name());
  const std::vector<std::string> package = absl::StrSplit(descriptor.file()->package(), '.');
  method.room = package.size() > 1 ? package[1] : package[0];
  method.descriptor = &descriptor;
  method.read_only = options.idempotency_level() == pb::MethodOptions::NO_SIDE_EFFECTS;
  method.streams = descriptor.server_streaming();
  method.route_class = ClassOf(method);
  method.request_id = StringField(*descriptor.input_type(), "request_id");
  method.etag = StringField(*descriptor.input_type(), "etag");
  if (method.streams) {
    method.resume_from = StringField(*descriptor.input_type(), "resume_token");
    method.resume_token = StringField(*descriptor.output_type(), "resume_token");
  }
  const size_t index = methods_.size();
  methods_.push_back(method);
  factory_->GetPrototype(descriptor.input_type());

  std::vector<google::api::HttpRule> rules = {options.GetExtension(google::api::http)};
  for (const auto& more : rules[0].additional_bindings()) rules.push_back(more);
  for (const google::api::HttpRule& rule : rules) {
    Binding binding;
    std::tie(binding.http_method, binding.path) = MethodAndPath(rule);
    binding.method = index;
    if (binding.path.empty()) return BadRule(descriptor, "has no path");
    if (!rule.response_body().empty()) return BadRule(descriptor, "has a response_body");
    if (!rule.body().empty()) {
      binding.has_body = true;
      if (rule.body() != "*") {
        binding.body = descriptor.input_type()->FindFieldByName(rule.body());
        if (binding.body == nullptr || binding.body->is_repeated() ||
            binding.body->cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE) {
          return BadRule(descriptor, absl::StrCat("has the body '", rule.body(),
                                                  "', which is no message field"));
        }
      }
    }
    WEFT_ASSIGN_OR_RETURN(PathTemplate pattern, ParsePathTemplate(binding.path));
    for (const PathVariable& variable : pattern.variables) {
      const pb::FieldDescriptor* field = FindPath(descriptor.input_type(), variable.field);
      if (field == nullptr || field->is_repeated() ||
          field->cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE) {
        return BadRule(descriptor, absl::StrCat("binds '", variable.field,
                                                "', which is no scalar field"));
      }
    }
    routes_.push_back({.method = binding.http_method,
                       .pattern = std::move(pattern),
                       .name = absl::StrCat(binding.path, " (", method.name, ")"),
                       .target = bindings_.size()});
    bindings_.push_back(std::move(binding));
  }
  return absl::OkStatus();
}

}  // namespace weft::gateway
