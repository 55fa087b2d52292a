// Rooms with seeded facts, to make load on. Prints one line of JSON with the
// addresses when they serve; ends with SIGTERM.
//
//   bench_server --data=DIR --rooms=echo,inventory-projection,pricing [sizes]
//                [--kafka=SERVERS]
//
// The room `echo` is the empty RPC: the same server, checks and metrics, and a
// handler that does nothing. The room `feeder` puts a price on the timeline with
// each Touch, as a connector would.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/error.h"
#include "libs/base/ids.h"
#include "libs/base/status_macros.h"
#include "libs/engine/event.h"
#include "libs/eventlog/embedded_log.h"
#include "libs/eventlog/kafka_log.h"
#include "libs/service/process.h"
#include "services/inventory-projection/room.h"
#include "services/pricing/room.h"
#include "tests/bench/seed.h"
#include "weft/bench/v1/bench.pb.h"
#include "weft/facts/v1/facts.pb.h"

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

class FeederRoom final : public service::Room {
 public:
  FeederRoom() : program_("bench-feeder") {
    program_.Emits(engine::kTimeline, engine::kTimelineOptions);
    program_.Command(kTouch, &Publish);
  }
  engine::Program* program() override { return &program_; }
  void Bind(rpc::MethodRegistry& methods, engine::Shards* shards) override {
    service::BindCommand<v1::TouchRequest>(methods, *shards, kTouch);
  }

 private:
  static constexpr char kTouch[] = "weft.bench.v1.BenchService/Touch";
  static absl::StatusOr<v1::EchoResponse> Publish(const v1::TouchRequest& request,
                                                  engine::Turn& turn) {
    facts::v1::PriceChanged price;
    if (!price.ParseFromString(request.payload())) {
      return InvalidArgument("PAYLOAD_INVALID", "the payload is no price");
    }
    turn.Emit(engine::kTimeline, absl::StrCat("prices/", price.book(), "/", price.sku()), price);
    return v1::EchoResponse();
  }
  engine::Program program_;
};

template <typename RoomType>
service::RoomSpec PlainSpec(const std::string& name) {
  return service::Spec<v1::EchoRequest>(
      name, [](const v1::EchoRequest&) { return absl::OkStatus(); },
      [](const v1::EchoRequest&, const service::Surroundings&) {
        return std::make_unique<RoomType>();
      });
}

// Seeds the log, unless somebody did before.
absl::Status SeedOnce(const std::string& data, const std::string& kafka, const SeedSizes& sizes) {
  if (!kafka.empty()) {
    WEFT_ASSIGN_OR_RETURN(const auto log, eventlog::KafkaLog::Open({.bootstrap_servers = kafka}));
    WEFT_RETURN_IF_ERROR(log->EnsureTopic(engine::kTimeline, engine::kTimelineOptions));
    WEFT_ASSIGN_OR_RETURN(
        const eventlog::Watermarks marks,
        log->GetWatermarks({engine::kTimeline, static_cast<int32_t>(PartitionOf(kTenant))}));
    return marks.end > 0 ? absl::OkStatus() : Seed(*log, sizes);
  }
  if (std::filesystem::exists(data + "/log")) return absl::OkStatus();
  const SystemClock clock;
  std::filesystem::create_directories(data + "/log");
  WEFT_ASSIGN_OR_RETURN(const auto log,
                        eventlog::EmbeddedLog::Open({.path = data + "/log"}, clock));
  return Seed(*log, sizes);
}

service::RoomSpec SpecOf(const std::string& name) {
  if (name == "inventory-projection") {
    return service::Spec<inventory::v1::InventoryConfig>(name, &inventory::MakeSettings,
                                                         &inventory::MakeRoom);
  }
  if (name == "pricing") {
    return service::Spec<pricing::v1::PricingConfig>(name, &pricing::MakeSettings,
                                                     &pricing::MakeRoom);
  }
  if (name == "echo") return PlainSpec<EchoRoom>(name);
  if (name == "feeder") return PlainSpec<FeederRoom>(name);
  return {};
}

int Main(int argc, char** argv) {
  CLI::App app("Rooms with seeded facts, to make load on.");
  std::string data;
  std::string log_level = "warning";
  std::string kafka;
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
  app.add_option("--kafka", kafka, "Brokers of an event log on Kafka; otherwise embedded");
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
  if (kafka.empty()) {
    options.service.mutable_event_log()->set_embedded_dir(data + "/log");
  } else {
    options.service.mutable_event_log()->mutable_kafka()->set_bootstrap_servers(kafka);
  }
  for (const std::string& room : rooms) {
    options.rooms.push_back(SpecOf(room));
    if (options.rooms.back().name.empty()) {
      std::fprintf(stderr, "no room %s here\n", room.c_str());
      return 2;
    }
  }
  const absl::Status seeded = empty ? absl::OkStatus() : SeedOnce(data, kafka, sizes);
  if (!seeded.ok()) {
    std::fprintf(stderr, "%s\n", std::string(seeded.message()).c_str());
    return 1;
  }
  const absl::Time began = absl::Now();
  options.ready = [&](service::Process& process) {
    std::string line =
        absl::StrCat("{\"admin\":\"", process.admin_target(),
                     "\",\"start_seconds\":", absl::ToDoubleSeconds(absl::Now() - began));
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
