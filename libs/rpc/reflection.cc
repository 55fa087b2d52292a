#include "libs/rpc/reflection.h"

#include <set>
#include <string>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "grpc/reflection/v1alpha/reflection.pb.h"
#include "libs/rpc/grpc_server.h"

namespace weft::rpc {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptor;
using grpc::reflection::v1alpha::ServerReflectionRequest;
using grpc::reflection::v1alpha::ServerReflectionResponse;

constexpr int kNotFound = 5;
constexpr int kInvalidArgument = 3;

void AddFile(const FileDescriptor& file, std::set<std::string>& seen,
             ServerReflectionResponse& response) {
  if (!seen.insert(file.name()).second) return;
  google::protobuf::FileDescriptorProto proto;
  file.CopyTo(&proto);
  response.mutable_file_descriptor_response()->add_file_descriptor_proto(
      proto.SerializeAsString());
  for (int i = 0; i < file.dependency_count(); ++i) {
    AddFile(*file.dependency(i), seen, response);
  }
}

void Refuse(int code, const std::string& message, ServerReflectionResponse& response) {
  response.mutable_error_response()->set_error_code(code);
  response.mutable_error_response()->set_error_message(message);
}

void AnswerFile(const FileDescriptor* file, const std::string& name,
                ServerReflectionResponse& response) {
  if (file == nullptr) return Refuse(kNotFound, "not known here: " + name, response);
  std::set<std::string> seen;
  AddFile(*file, seen, response);
}

ServerReflectionResponse Answer(const ServerReflectionRequest& request,
                                const std::vector<std::string>& methods) {
  ServerReflectionResponse response;
  response.set_valid_host(request.host());
  *response.mutable_original_request() = request;
  const DescriptorPool& pool = *DescriptorPool::generated_pool();
  switch (request.message_request_case()) {
    case ServerReflectionRequest::kListServices: {
      std::set<std::string> services;
      for (const std::string& method : methods) {
        services.insert(method.substr(0, method.find('/')));
      }
      for (const std::string& service : services) {
        response.mutable_list_services_response()->add_service()->set_name(service);
      }
      break;
    }
    case ServerReflectionRequest::kFileByFilename:
      AnswerFile(pool.FindFileByName(request.file_by_filename()), request.file_by_filename(),
                 response);
      break;
    case ServerReflectionRequest::kFileContainingSymbol:
      AnswerFile(pool.FindFileContainingSymbol(request.file_containing_symbol()),
                 request.file_containing_symbol(), response);
      break;
    case ServerReflectionRequest::kFileContainingExtension: {
      const auto& asked = request.file_containing_extension();
      const auto* type = pool.FindMessageTypeByName(asked.containing_type());
      const auto* extension =
          type == nullptr ? nullptr
                          : pool.FindExtensionByNumber(type, asked.extension_number());
      AnswerFile(extension == nullptr ? nullptr : extension->file(), asked.containing_type(),
                 response);
      break;
    }
    case ServerReflectionRequest::kAllExtensionNumbersOfType: {
      const auto* type = pool.FindMessageTypeByName(request.all_extension_numbers_of_type());
      if (type == nullptr) {
        Refuse(kNotFound, "not known here: " + request.all_extension_numbers_of_type(),
               response);
        break;
      }
      std::vector<const google::protobuf::FieldDescriptor*> extensions;
      pool.FindAllExtensions(type, &extensions);
      auto* numbers = response.mutable_all_extension_numbers_response();
      numbers->set_base_type_name(type->full_name());
      for (const auto* extension : extensions) {
        numbers->add_extension_number(extension->number());
      }
      break;
    }
    default:
      Refuse(kInvalidArgument, "the request names no question", response);
  }
  return response;
}

}  // namespace

void RegisterReflection(GrpcServer& server) {
  server.RegisterBidi(
      "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
      {[&server](const std::string* message, RawStream& stream) {
        if (message == nullptr) return stream.Finish(absl::OkStatus());
        ServerReflectionRequest request;
        if (!request.ParseFromString(*message)) {
          return stream.Finish(
              InvalidArgument("REQUEST_UNREADABLE", "the request message does not parse"));
        }
        stream.Write(Answer(request, server.methods()).SerializeAsString());
      }});
}

}  // namespace weft::rpc
