// Rooms with seeded facts, to make load on. Prints one line of JSON with the
// addresses when they serve; ends with SIGTERM.
//
//   bench_server --data=DIR --rooms=echo,inventory-projection,pricing [sizes]
//
// The room `echo` is the empty RPC: the same server, checks and metrics, and a
// handler that does nothing.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/eventlog/embedded_log.h"
#include "libs/service/process.h"
#include "services/inventory-projection/room.h"
#include "services/pricing/room.h"
#include "tests/bench/seed.h"
#include "weft/bench/v1/bench.pb.h"

namespace weft::bench {
namespace {

constexpr size_t kAnswerBytesMax = 4 << 20;

class EchoRoom final : public service::Room {
 public:
  engine::Program* program() override { return nullptr; }
  void Bind(rpc::MethodRegistry& methods, engine::Shards*) override {
    methods.Read<v1::EchoRequest, v1::EchoResponse>(
        "weft.bench.v1.BenchService/Echo",
        [](const rpc::CallContext&,
           const v1::EchoRequest& request) -> absl::StatusOr<v1::EchoResponse> {
          v1::EchoResponse response;
          const auto bytes = static_cast<size_t>(std::max(request.answer_bytes(), 0));
          response.set_payload(std::string(std::min(bytes, kAnswerBytesMax), 'x'));
          return response;
        });
  }
};

service::RoomSpec SpecOf(const std::string& name) {
  if (name == "inventory-projection") {
    return service::Spec<inventory::v1::InventoryConfig>(name, &inventory::MakeSettings,
                                                         &inventory::MakeRoom);
  }
  if (name == "pricing") {
    return service::Spec<pricing::v1::PricingConfig>(name, &pricing::MakeSettings,
                                                     &pricing::MakeRoom);
  }
  if (name == "echo") {
    return service::Spec<v1::EchoRequest>(
        name, [](const v1::EchoRequest&) { return absl::OkStatus(); },
        [](const v1::EchoRequest&, const service::Surroundings&) {
          return std::make_unique<EchoRoom>();
        });
  }
  return {};
}

int Main(int argc, char** argv) {
  CLI::App app("Rooms with seeded facts, to make load on.");
  std::string data;
  std::string log_level = "warning";
  std::vector<std::string> rooms;
  SeedSizes sizes;
  bool empty = false;
  app.add_option("--data", data, "Folder for log and state")->required();
  app.add_option("--rooms", rooms, "Rooms to run")->delimiter(',')->required();
  app.add_option("--items", sizes.items, "Items");
  app.add_option("--prices", sizes.prices, "Price facts");
  app.add_option("--books", sizes.books, "Price books");
  app.add_option("--accounts", sizes.accounts, "Accounts");
  app.add_option("--log_level", log_level, "debug, info, warning, error");
  app.add_flag("--empty", empty, "Seeds nothing");
  CLI11_PARSE(app, argc, argv);

  service::ProcessOptions options{.name = "bench"};
  options.service.set_grpc_address("127.0.0.1:0");
  options.service.set_health_address("none");
  options.service.set_admin_address("127.0.0.1:0");
  options.service.set_data_dir(data);
  options.service.set_log_level(log_level);
  options.service.mutable_identity()->set_open_loopback(true);
  options.service.mutable_drain_pause();
  for (const std::string& room : rooms) {
    options.rooms.push_back(SpecOf(room));
    if (options.rooms.back().name.empty()) {
      std::fprintf(stderr, "no room %s here\n", room.c_str());
      return 2;
    }
  }
  if (!empty && !std::filesystem::exists(data + "/log")) {
    const SystemClock clock;
    std::filesystem::create_directories(data + "/log");
    auto log = eventlog::EmbeddedLog::Open({.path = data + "/log"}, clock);
    if (!log.ok()) {
      std::fprintf(stderr, "%s\n", std::string(log.status().message()).c_str());
      return 1;
    }
    if (const absl::Status seeded = Seed(**log, sizes); !seeded.ok()) {
      std::fprintf(stderr, "%s\n", std::string(seeded.message()).c_str());
      return 1;
    }
  }
  const absl::Time began = absl::Now();
  options.ready = [&](service::Process& process) {
    std::string line = absl::StrCat(
        "{\"admin\":\"", process.admin_target(), "\",\"start_seconds\":",
        absl::ToDoubleSeconds(absl::Now() - began));
    for (const std::string& room : rooms) {
      absl::StrAppend(&line, ",\"", room, "\":\"", process.target(room), "\"");
    }
    std::printf("%s}\n", line.c_str());
    std::fflush(stdout);
  };
  return service::RunRooms(std::move(options));
}

}  // namespace
}  // namespace weft::bench

int main(int argc, char** argv) { return weft::bench::Main(argc, argv); }
