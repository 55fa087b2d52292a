#include <grpcpp/grpcpp.h>
#include <grpcpp/generic/generic_stub.h>

#include <catch2/catch.hpp>

#include "grpc/reflection/v1alpha/reflection.pb.h"
#include "libs/rpc/grpc_bytes.h"
#include "libs/rpc/grpc_server.h"

namespace weft::rpc {
namespace {

using grpc::reflection::v1alpha::ServerReflectionRequest;
using grpc::reflection::v1alpha::ServerReflectionResponse;

constexpr char kEcho[] = "weft.bench.v1.BenchService/Echo";

// Asks all questions on one stream, as tools do.
std::vector<ServerReflectionResponse> Ask(const std::string& target,
                                          const std::vector<ServerReflectionRequest>& requests,
                                          grpc::Status& status) {
  grpc::CompletionQueue queue;
  grpc::GenericStub stub(grpc::CreateChannel(target, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  void* tag = nullptr;
  bool ok = false;
  const auto stream = stub.PrepareCall(
      &context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  stream->StartCall(nullptr);
  queue.Next(&tag, &ok);
  std::vector<ServerReflectionResponse> responses;
  for (const auto& request : requests) {
    stream->Write(ToBuffer(request.SerializeAsString()), nullptr);
    queue.Next(&tag, &ok);
    if (!ok) break;
    grpc::ByteBuffer bytes;
    stream->Read(&bytes, nullptr);
    queue.Next(&tag, &ok);
    if (!ok) break;
    responses.emplace_back();
    responses.back().ParseFromString(FromBuffer(bytes));
  }
  stream->WritesDone(nullptr);
  queue.Next(&tag, &ok);
  stream->Finish(&status, nullptr);
  queue.Next(&tag, &ok);
  queue.Shutdown();
  while (queue.Next(&tag, &ok)) {
  }
  return responses;
}

TEST_CASE("reflection describes what is served, where it is told to", "[rpc][reflection]") {
  const bool on = GENERATE(true, false);
  GrpcServer server({.room = "test", .reflection = on});
  server.RegisterUnary(kEcho, [](const CallContext&, std::string, RawReply) {});
  REQUIRE(server.Start().ok());
  ServerReflectionRequest list;
  list.set_list_services("*");
  ServerReflectionRequest symbol;
  symbol.set_file_containing_symbol("weft.bench.v1.BenchService");
  ServerReflectionRequest unknown;
  unknown.set_file_by_filename("no/such.proto");
  grpc::Status status;

  const auto responses = Ask(server.target(), {list, symbol, unknown}, status);

  if (!on) {
    CHECK(status.error_code() == grpc::StatusCode::UNIMPLEMENTED);
    return;
  }
  CHECK(status.ok());
  REQUIRE(responses.size() == 3);
  const auto& services = responses[0].list_services_response();
  REQUIRE(services.service_size() == 2);
  CHECK(services.service(1).name() == "weft.bench.v1.BenchService");
  CHECK(responses[1].file_descriptor_response().file_descriptor_proto_size() >= 1);
  CHECK(responses[2].error_response().error_code() == 5);
}

}  // namespace
}  // namespace weft::rpc
