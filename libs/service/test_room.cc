// A room that echoes, as a process of its own, for service_test.
#include "libs/service/process.h"
#include "weft/bench/v1/bench.pb.h"

namespace weft::service {
namespace {

class EchoRoom final : public Room {
 public:
  engine::Program* program() override { return nullptr; }
  void Bind(rpc::MethodRegistry& methods, engine::Shards*) override {
    methods.Unary<bench::v1::EchoRequest, bench::v1::EchoResponse>(
        "weft.bench.v1.BenchService/Echo",
        [this](const rpc::CallContext&, const bench::v1::EchoRequest& request,
               rpc::Reply<bench::v1::EchoResponse> reply) {
          // "hold" is never answered: it keeps the drain waiting.
          if (request.payload() == "hold") {
            held_.push_back(std::move(reply));
            return;
          }
          bench::v1::EchoResponse response;
          response.set_payload(request.payload());
          reply(response, {});
        });
  }

 private:
  std::vector<rpc::Reply<bench::v1::EchoResponse>> held_;
};

}  // namespace
}  // namespace weft::service

int main(int argc, char** argv) {
  using weft::bench::v1::EchoRequest;
  return weft::service::RoomMain(
      argc, argv,
      weft::service::Spec<EchoRequest>(
          "echo",
          [](const EchoRequest& config) {
            return config.answer_bytes() < 0
                       ? weft::InvalidArgument("CONFIG_VALUE_INVALID", "room.answer_bytes is negative")
                       : absl::OkStatus();
          },
          [](const EchoRequest&, const weft::service::Surroundings&) {
            return std::make_unique<weft::service::EchoRoom>();
          }));
}
