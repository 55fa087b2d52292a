// The API that the gateway offers, as descriptors say it: which RPCs there are,
// under which paths, bound how.
//
// Source: the FileDescriptorSet that protoc makes at build time, with comments.
// Everything is checked when it is loaded, so a wrong rule stops the start and
// not a request.
//
// Immutable after Load; may be read from any thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/dynamic_message.h"
#include "services/gateway/domain/rate_limit.h"
#include "services/gateway/domain/router.h"

namespace weft::gateway {

// One RPC.
struct Method {
  std::string name;  // "weft.pricing.v1.PricingService/CalculatePrices"
  std::string room;  // "pricing": the second part of the package.
  const google::protobuf::MethodDescriptor* descriptor = nullptr;
  bool read_only = false;  // idempotency_level = NO_SIDE_EFFECTS
  bool streams = false;    // Server streaming.
  RouteClass route_class = RouteClass::kRead;
  // The request's string field `request_id`; nullptr where it has none.
  const google::protobuf::FieldDescriptor* request_id = nullptr;
  const google::protobuf::FieldDescriptor* etag = nullptr;
  // Of a stream that can go on where it was left: where, in the request and in each
  // message; string fields `resume_token`. nullptr where there is none.
  const google::protobuf::FieldDescriptor* resume_from = nullptr;
  const google::protobuf::FieldDescriptor* resume_token = nullptr;

  const google::protobuf::Descriptor* input() const { return descriptor->input_type(); }
  const google::protobuf::Descriptor* output() const { return descriptor->output_type(); }
};

// One path of an RPC.
struct Binding {
  std::string http_method;  // "GET"
  std::string path;         // The template as it stands in the rule.
  size_t method = 0;        // Index into Api::methods.
  bool has_body = false;
  // The field that the body fills; nullptr with has_body = the whole request.
  const google::protobuf::FieldDescriptor* body = nullptr;
};

class Api {
 public:
  // `descriptor_set`: a serialised FileDescriptorSet, dependencies included.
  // Errors: INVALID_ARGUMENT / DESCRIPTORS_INVALID, PATH_TEMPLATE_MALFORMED,
  // RULE_INVALID; FAILED_PRECONDITION / ROUTE_AMBIGUOUS.
  static absl::StatusOr<std::unique_ptr<const Api>> Load(absl::string_view descriptor_set);

  const std::vector<Method>& methods() const { return methods_; }
  const std::vector<Binding>& bindings() const { return bindings_; }
  // Targets are indexes into bindings().
  const Router& router() const { return router_; }
  const google::protobuf::DescriptorPool& pool() const { return *pool_; }
  // An empty message of the type, owned by the caller.
  std::unique_ptr<google::protobuf::Message> New(
      const google::protobuf::Descriptor* type) const;

 private:
  Api();
  absl::Status AddMethod(const google::protobuf::MethodDescriptor& descriptor);

  std::unique_ptr<google::protobuf::DescriptorPool> pool_;
  // Guarded inside; prototypes are made while loading.
  std::unique_ptr<google::protobuf::DynamicMessageFactory> factory_;
  std::vector<Method> methods_;
  std::vector<Binding> bindings_;
  std::vector<Router::Route> routes_;
  Router router_;
};

}  // namespace weft::gateway
