// A process as a whole: ports, state, rooms calling rooms, admin port, stop.
#include "libs/service/process.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <future>
#include <set>
#include <thread>
#include <tuple>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/base/ids.h"
#include "libs/rpc/grpc_client.h"
#include "libs/service/admin_http.h"
#include "libs/service/identity.h"
#include "libs/service/replay.h"
#include "libs/service/settings.h"
#include "libs/testing/paths.h"
#include "weft/bench/v1/bench.pb.h"

namespace weft::service {
namespace {

using bench::v1::EchoRequest;
using bench::v1::EchoResponse;
using bench::v1::TouchRequest;

constexpr char kEcho[] = "weft.bench.v1.BenchService/Echo";
constexpr char kTouch[] = "weft.bench.v1.BenchService/Touch";
constexpr engine::Table<TouchRequest> kTouches{1, "touches", 1, "TOUCH_NOT_FOUND"};

absl::StatusOr<EchoResponse> Keep(const TouchRequest& request, engine::Turn& turn) {
  if (request.payload() == "refuse") return FailedPrecondition("REFUSED", "as asked");
  turn.Put(kTouches, "last", request);
  EchoResponse response;
  response.set_payload(absl::StrCat(turn.principal().user, ":", request.payload()));
  return response;
}

// Remembers the payload of the last touch.
class KeeperRoom final : public Room {
 public:
  KeeperRoom() : program_("keeper") {
    program_.Command<TouchRequest, EchoResponse>(kTouch, &Keep);
  }
  engine::Program* program() override { return &program_; }
  void Bind(rpc::MethodRegistry& methods, engine::Shards* shards) override {
    BindCommand<TouchRequest>(methods, *shards, kTouch);
    BindRead<EchoRequest, EchoResponse>(
        methods, *shards, kEcho,
        [](const rpc::CallContext&, const EchoRequest&,
           const engine::View& view) -> absl::StatusOr<EchoResponse> {
          WEFT_ASSIGN_OR_RETURN(const TouchRequest last, view.Get(kTouches, "last"));
          EchoResponse response;
          response.set_payload(last.payload());
          return response;
        });
  }

 private:
  engine::Program program_;
};

// Its command emits; its projection, in a folder of its own, follows that topic and
// answers the Echo.
class PairRoom final : public Room {
 public:
  static constexpr char kTopic[] = "touches.v1";
  PairRoom() : program_("pair"), projection_("pair-replica") {
    program_.Emits(kTopic, {});
    program_.Command<TouchRequest, EchoResponse>(kTouch, &Tell);
    projection_.Events(kTopic, [](const engine::Event& event, engine::Turn& turn) {
      TouchRequest touch;
      touch.ParseFromString(event.payload);
      turn.Put(kTouches, "last", touch);
      return absl::OkStatus();
    });
  }
  engine::Program* program() override { return &program_; }
  engine::Program* projection() override { return &projection_; }
  void BindProjection(rpc::MethodRegistry& methods, engine::Shards& shards) override {
    methods.Unary<EchoRequest, EchoResponse>(
        kEcho, [&shards](const rpc::CallContext& context, const EchoRequest&,
                         rpc::Reply<EchoResponse> reply) {
          const std::string tenant = context.principal.tenant;
          const engine::Token first{"pair", PartitionOf(tenant), kTopic, 1};
          shards.WaitFor(tenant, first, context.Remaining(), [&, tenant, reply](absl::Status s) {
            if (!s.ok()) return reply(s, {});
            const auto view = shards.Read(tenant);
            EchoResponse response;
            response.set_payload((*view)->Get(kTouches, "last")->payload());
            reply(response, {});
          });
        });
  }
  void Bind(rpc::MethodRegistry& methods, engine::Shards* shards) override {
    BindCommand<TouchRequest>(methods, *shards, kTouch);
  }

 private:
  static absl::StatusOr<EchoResponse> Tell(const TouchRequest& request, engine::Turn& turn) {
    turn.Emit(kTopic, "last", request);
    return EchoResponse();
  }

  engine::Program program_;
  engine::Program projection_;
};

// Has no state; its Echo asks the keeper. Its own door is two flags.
class AskerRoom final : public Room {
 public:
  explicit AskerRoom(const Surroundings& surroundings)
      : keeper_(surroundings.rooms.at("keeper")) {}
  engine::Program* program() override { return nullptr; }
  void Bind(rpc::MethodRegistry& methods, engine::Shards*) override {
    methods.Unary<EchoRequest, EchoResponse>(
        kEcho, [this](const rpc::CallContext& context, const EchoRequest& request,
                      rpc::Reply<EchoResponse> reply) {
          keeper_->Call<EchoRequest, EchoResponse>(
              kEcho, request,
              {.timeout = context.Remaining(),
               .tenant = context.principal.tenant,
               .user = context.principal.user,
               .traceparent = context.traceparent},
              [reply](absl::StatusOr<EchoResponse> answer) { reply(answer, {}); });
        });
  }
  absl::Status Start() override {
    started = true;
    return absl::OkStatus();
  }
  void Drain() override { drained = true; }
  void Stop(absl::Duration) override { stopped = true; }

  inline static bool started = false;
  inline static bool drained = false;
  inline static bool stopped = false;

 private:
  rpc::Client* const keeper_;
};

RoomSpec Keeper() {
  return Spec<EchoRequest>(
      "keeper", [](const EchoRequest&) { return absl::OkStatus(); },
      [](const EchoRequest&, const Surroundings&) { return std::make_unique<KeeperRoom>(); });
}

RoomSpec Asker() {
  return Spec<EchoRequest>(
      "asker", [](const EchoRequest& config) -> absl::StatusOr<int> {
        if (config.answer_bytes() < 0) return InvalidArgument("CONFIG_VALUE_INVALID", "negative");
        return 1;
      },
      [](const EchoRequest&, const Surroundings& surroundings) {
        return std::make_unique<AskerRoom>(surroundings);
      });
}

ProcessOptions Options(const std::string& folder, telemetry::Logger& log) {
  ProcessOptions options{.name = "test", .log = &log};
  options.service.set_grpc_address("127.0.0.1:0");
  options.service.set_health_address("127.0.0.1:0");
  options.service.set_admin_address("127.0.0.1:0");
  options.service.set_data_dir(folder);
  options.service.mutable_event_log()->set_embedded_dir(folder + "/log");
  options.service.mutable_identity()->set_open_loopback(true);
  options.service.mutable_drain_pause();
  options.service.set_open_files_min(64);
  options.rooms.push_back(Keeper());
  return options;
}

struct Lines {
  Mutex mutex;
  std::string text ABSL_GUARDED_BY(mutex);
  telemetry::Logger log{"test", telemetry::Level::kInfo, [this](const std::string& line) {
                          MutexLock lock(mutex);
                          text += line;
                        }};
};

absl::StatusOr<rpc::RawAnswer> Call(rpc::Client& client, const std::string& method,
                                    const google::protobuf::Message& request,
                                    rpc::CallOptions options = {}) {
  options.timeout = absl::Seconds(20);
  std::promise<absl::StatusOr<rpc::RawAnswer>> promise;
  client.CallRaw(method, request.SerializeAsString(), options,
                 [&](absl::StatusOr<rpc::RawAnswer> a) { promise.set_value(std::move(a)); });
  return promise.get_future().get();
}

std::string PayloadOf(const absl::StatusOr<rpc::RawAnswer>& answer) {
  EchoResponse response;
  if (!answer.ok()) return absl::StrCat("error ", ReasonOf(answer.status()));
  response.ParseFromString(answer->payload);
  return response.payload();
}

TouchRequest Touch(const std::string& id, const std::string& payload) {
  TouchRequest request;
  request.set_request_id(id);
  request.set_payload(payload);
  return request;
}

// One HTTP request; the whole answer.
std::string Http(const std::string& target, const std::string& request) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  int port = 0;
  REQUIRE(absl::SimpleAtoi(target.substr(target.rfind(':') + 1), &port));
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  const std::string text =
      absl::StrCat(request, " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  REQUIRE(send(fd, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  std::string answer;
  char buffer[4096];
  for (ssize_t n; (n = recv(fd, buffer, sizeof(buffer), 0)) > 0;) {
    answer.append(buffer, static_cast<size_t>(n));
  }
  close(fd);
  return answer;
}

TEST_CASE("a room's projection follows beside its program, in a folder of its own",
          "[service]") {
  testing::TempDir folder;
  Lines lines;
  ProcessOptions options = Options(folder.path(), lines.log);
  options.service.set_shards(4);
  options.rooms = {Spec<EchoRequest>(
      "pair", [](const EchoRequest&) { return absl::OkStatus(); },
      [](const EchoRequest&, const Surroundings&) { return std::make_unique<PairRoom>(); })};
  for (const bool again : {false, true}) {
    auto process = Process::Start(options);
    REQUIRE(process.status() == absl::OkStatus());
    rpc::Client& client = (*process)->client("pair");
    if (!again) REQUIRE(Call(client, kTouch, Touch("r1", "one")).ok());
    CHECK(PayloadOf(Call(client, kEcho, EchoRequest())) == "one");
  }
  CHECK(std::filesystem::exists(folder.path() + "/pair/shard-0"));
  CHECK_FALSE(std::filesystem::exists(folder.path() + "/pair/shard-1"));
  CHECK(std::filesystem::exists(folder.path() + "/pair-replica/shard-3"));
}

TEST_CASE("a room in a process serves commands and reads", "[service]") {
  testing::TempDir folder;
  Lines lines;
  auto process = Process::Start(Options(folder.path(), lines.log));
  REQUIRE(process.status() == absl::OkStatus());
  rpc::Client& client = (*process)->client("keeper");

  CHECK(PayloadOf(Call(client, kEcho, EchoRequest())) == "error TOUCH_NOT_FOUND");
  CHECK(PayloadOf(Call(client, kTouch, Touch("r1", "one"), {.user = "ana"})) == "ana:one");
  CHECK(PayloadOf(Call(client, kEcho, EchoRequest())) == "one");
  // Again: the stored answer, marked.
  const auto again = Call(client, kTouch, Touch("r1", "one"), {.user = "ana"});
  CHECK(PayloadOf(again) == "ana:one");
  CHECK(again->replayed);
  CHECK(PayloadOf(Call(client, kTouch, Touch("r1", "two"))) == "error REQUEST_ID_REUSED");
  CHECK(PayloadOf(Call(client, kTouch, Touch("", "two"))) == "error REQUEST_ID_REQUIRED");
  CHECK(PayloadOf(Call(client, kTouch, Touch("r2", "refuse"))) == "error REFUSED");

  // After an orderly stop the state is as it was.
  process->reset();
  process = Process::Start(Options(folder.path(), lines.log));
  REQUIRE(process.status() == absl::OkStatus());
  CHECK(PayloadOf(Call((*process)->client("keeper"), kEcho, EchoRequest())) == "one");
}

TEST_CASE("what a process recorded can be replayed to the same bytes", "[service]") {
  testing::TempDir folder;
  Lines lines;
  ProcessOptions options = Options(folder.path(), lines.log);
  options.service.set_recording_mebibytes(1);
  {
    auto process = Process::Start(options);
    REQUIRE(process.status() == absl::OkStatus());
    for (const char* id : {"r1", "r2", "r1"}) {
      REQUIRE(Call((*process)->client("keeper"), kTouch, Touch(id, id)).ok());
    }
  }
  const std::string recording = folder.path() + "/keeper/recordings-0/recording-1";

  const auto report = ReplayRecording(options, recording + "/inputs");

  REQUIRE(report.status() == absl::OkStatus());
  CHECK(report->room == "keeper");
  CHECK(report->turns == 3);
  CHECK(report->first_difference == -1);
  CHECK(ReasonOf(ReplayRecording(options, folder.path()).status()) == "RECORDING_NOT_FOUND");
  options.rooms = {Asker()};
  CHECK(ReasonOf(ReplayRecording(options, recording).status()) == "ROOM_UNKNOWN");
}

TEST_CASE("rooms of one process call each other as rooms", "[service]") {
  testing::TempDir folder;
  Lines lines;
  ProcessOptions options = Options(folder.path(), lines.log);
  options.rooms.push_back(Asker());
  bool ready = false;
  options.ready = [&](Process& process) {
    ready = true;
    CHECK(process.target("asker") != process.target("keeper"));
  };
  {
    auto process = Process::Start(std::move(options));
    REQUIRE(process.status() == absl::OkStatus());
    CHECK(ready);
    CHECK(AskerRoom::started);
    REQUIRE(Call((*process)->client("keeper"), kTouch, Touch("r1", "one")).ok());

    CHECK(PayloadOf(Call((*process)->client("asker"), kEcho, EchoRequest())) == "one");

    CHECK_FALSE(AskerRoom::drained);
    const std::string text = (*process)->metrics().ToText();
    CHECK(absl::StrContains(
        text, "grpc_client_handled_total{grpc_code=\"OK\",grpc_method=\"Echo\","
              "grpc_service=\"weft.bench.v1.BenchService\",room=\"asker\"} 1"));
  }
  CHECK(AskerRoom::drained);
  CHECK(AskerRoom::stopped);
}

TEST_CASE("the admin port answers operators", "[service]") {
  testing::TempDir folder;
  Lines lines;
  const auto process = Process::Start(Options(folder.path(), lines.log));
  REQUIRE(process.status() == absl::OkStatus());
  const std::string admin = (*process)->admin_target();
  // A batch is counted after its callers are answered, but before the next one.
  REQUIRE(Call((*process)->client("keeper"), kTouch, Touch("r1", "one")).ok());
  REQUIRE(Call((*process)->client("keeper"), kTouch, Touch("r2", "two")).ok());

  for (const char* path : {"/livez", "/readyz", "/startupz", "/version", "/config", "/flags",
                           "/loglevel", "/metrics"}) {
    CAPTURE(path);
    CHECK(absl::StartsWith(Http(admin, absl::StrCat("GET ", path)), "HTTP/1.1 200 OK\r\n"));
  }
  CHECK(absl::StartsWith(Http(admin, "GET /nothing"), "HTTP/1.1 404"));
  CHECK(absl::StartsWith(Http(admin, "DELETE /livez"), "HTTP/1.1 405"));
  CHECK(absl::StartsWith(Http(admin, "nonsense"), "HTTP/1.1 400") ==
        false);  // Dropped without an answer.
  CHECK(absl::StartsWith(Http(admin, "POST /loglevel?level=loud"), "HTTP/1.1 400"));
  CHECK(absl::StrContains(Http(admin, "POST /loglevel?level=error"), "\r\n\r\nerror\n"));
  // Values arrive escaped; what is no escape stays what it is.
  CHECK(absl::StrContains(Http(admin, "POST /loglevel?level=e%72ror"), "\r\n\r\nerror\n"));
  CHECK(absl::StartsWith(Http(admin, "POST /loglevel?level=error%2"), "HTTP/1.1 400"));
  CHECK(absl::StartsWith(Http(admin, "POST /loglevel?level=error%"), "HTTP/1.1 400"));
  CHECK(lines.log.level() == telemetry::Level::kError);
  CHECK(absl::StrContains(Http(admin, "GET /config"), "\"data_dir\""));
  const std::string metrics = Http(admin, "GET /metrics");
  for (const char* series :
       {"grpc_server_started_total{grpc_method=\"Touch\"",
        "grpc_server_handling_seconds_count{grpc_method=\"Touch\"",
        "weft_engine_turns_total{cause=\"command\",room=\"keeper\",shard=\"0\"}",
        "weft_rocksdb_keys{room=\"keeper\",shard=\"0\"}", "weft_eventlog_records_total",
        "process_resident_memory_bytes", "weft_build_info{"}) {
    CAPTURE(series);
    CHECK(absl::StrContains(metrics, series));
  }
  CHECK_FALSE(absl::StrContains(
      metrics, "weft_engine_turns_total{cause=\"command\",room=\"keeper\",shard=\"0\"} 0\n"));
}

TEST_CASE("every metric of a process has a good name and a text", "[service][metrics]") {
  testing::TempDir folder;
  Lines lines;
  ProcessOptions options = Options(folder.path(), lines.log);
  options.rooms.push_back(Asker());
  const auto process = Process::Start(std::move(options));
  REQUIRE(process.status() == absl::OkStatus());
  size_t series = 0;

  for (const auto& metric : (*process)->metrics().Describe()) {
    CAPTURE(metric.name);
    CHECK(telemetry::CheckMetricName(metric.name, metric.type).ok());
    CHECK(metric.help.size() > 10);
    CHECK(metric.help.back() == '.');
    series += metric.series;
  }
  CHECK(series > 100);
  CHECK(series < 1'000);
}

TEST_CASE("health is asked on its own port", "[service]") {
  testing::TempDir folder;
  Lines lines;
  const auto process = Process::Start(Options(folder.path(), lines.log));
  REQUIRE(process.status() == absl::OkStatus());
  rpc::ClientPool pool({});
  const auto client = pool.Room({.room = "health", .target = (*process)->health_target()});
  for (const char* part :
       {"", "startup", "liveness", "readiness", "weft.bench.v1.BenchService"}) {
    CAPTURE(part);
    // HealthCheckRequest{service: part}
    std::string request;
    if (*part != '\0') {
      request = absl::StrCat("\x0a", std::string(1, static_cast<char>(strlen(part))), part);
    }
    std::promise<absl::StatusOr<rpc::RawAnswer>> promise;
    client->CallRaw("grpc.health.v1.Health/Check", request, {},
                    [&](absl::StatusOr<rpc::RawAnswer> a) { promise.set_value(std::move(a)); });
    const auto answer = promise.get_future().get();
    REQUIRE(answer.ok());
    CHECK(answer->payload == "\x08\x01");  // SERVING
  }
  // Nothing else is served there.
  CHECK(PayloadOf(Call(*client, kEcho, EchoRequest())) == "error METHOD_UNKNOWN");
}

TEST_CASE("tokens are demanded where the mode is not open", "[service]") {
  testing::TempDir folder;
  Lines lines;
  ProcessOptions options = Options(folder.path(), lines.log);
  options.service.mutable_identity()->set_open_loopback(false);
  const auto process = Process::Start(std::move(options));
  REQUIRE(process.status() == absl::OkStatus());
  const SystemClock clock;
  const auto key = rpc::SigningKey::FromPem(ReadFile(folder.path() + "/rooms.pem").value());
  REQUIRE(key.ok());
  const auto token = [&](const char* issuer, const char* role) {
    return rpc::SignToken(*key, {.issuer = issuer,
                                 .principal = {.tenant = "acme", .subject = "s",
                                               .user = "ana", .roles = {role}},
                                 .issued = clock.Wall()});
  };

  rpc::Client& client = (*process)->client("keeper");
  CHECK(PayloadOf(Call(client, kTouch, Touch("r", "x"))) == "error TOKEN_REQUIRED");
  CHECK(PayloadOf(Call(client, kTouch, Touch("r", "x"),
                       {.bearer = token(kLocalIssuer, "operator")})) == "ana:x");
  CHECK(PayloadOf(Call(client, kTouch, Touch("r2", "x"),
                       {.bearer = token(kLocalIssuer, "service")})) == "error TOKEN_INVALID");
}

TEST_CASE("a process that cannot start says why and leaves nothing running", "[service]") {
  testing::TempDir folder;
  Lines lines;
  {
    ProcessOptions options = Options(folder.path(), lines.log);
    options.service.set_grpc_address("0.0.0.0:0");
    CHECK(ReasonOf(Process::Start(std::move(options)).status()) == "OPEN_NOT_LOOPBACK");
  }
  {
    ProcessOptions options = Options(folder.path(), lines.log);
    options.rooms.push_back(Asker());
    static_cast<EchoRequest&>(*options.rooms.back().config).set_answer_bytes(-1);
    CHECK(ReasonOf(Process::Start(std::move(options)).status()) == "CONFIG_VALUE_INVALID");
  }
  {
    auto first = Process::Start(Options(folder.path(), lines.log));
    REQUIRE(first.status() == absl::OkStatus());
    const absl::Status second = Process::Start(Options(folder.path(), lines.log)).status();
    CHECK(second.code() == absl::StatusCode::kFailedPrecondition);
  }
  CHECK(Process::Start(Options(folder.path(), lines.log)).ok());
}

TEST_CASE("a configuration read again is taken, or counted and left", "[service]") {
  testing::TempDir folder;
  Lines lines;
  ProcessOptions options = Options(folder.path(), lines.log);
  std::string level = "debug";
  options.reload = [&]() -> absl::StatusOr<v1::ServiceConfig> {
    v1::ServiceConfig config;
    config.set_log_level(level);
    return config;
  };
  const auto process = Process::Start(std::move(options));
  REQUIRE(process.status() == absl::OkStatus());

  CHECK((*process)->Reload().ok());
  CHECK(lines.log.level() == telemetry::Level::kDebug);
  level = "loud";
  CHECK(ReasonOf((*process)->Reload()) == "CONFIG_VALUE_INVALID");
  CHECK(lines.log.level() == telemetry::Level::kDebug);
  const std::string metrics = (*process)->metrics().ToText();
  CHECK(absl::StrContains(metrics, "weft_config_reloads_total{result=\"ok\"} 1"));
  CHECK(absl::StrContains(metrics, "weft_config_reloads_total{result=\"failed\"} 1"));
}

v1::KafkaConfig& Kafka(v1::ServiceConfig& config) {
  v1::KafkaConfig& kafka = *config.mutable_event_log()->mutable_kafka();
  kafka.set_bootstrap_servers("127.0.0.1:1");
  return kafka;
}

TEST_CASE("settings out of range are refused with their path", "[service]") {
  const auto [path, change] =
      GENERATE(table<const char*, std::function<void(v1::ServiceConfig&)>>({
          {"service.grpc_address", [](auto& c) { c.set_grpc_address("nowhere"); }},
          {"service.grpc_address", [](auto& c) { c.set_grpc_address("h:99999"); }},
          {"service.grpc_address", [](auto& c) { c.set_grpc_address("none"); }},
          {"service.admin_address", [](auto& c) { c.set_admin_address(":80"); }},
          {"service.shards", [](auto& c) { c.set_shards(65); }},
          {"service.shards", [](auto& c) { c.set_shards(-1); }},
          {"service.owned_shards", [](auto& c) { c.add_owned_shards(1); }},
          {"service.owned_shards",
           [](auto& c) {
             c.add_owned_shards(0);
             c.add_owned_shards(0);
           }},
          {"service.grpc_queues", [](auto& c) { c.set_grpc_queues(100); }},
          {"service.rooms.pricing", [](auto& c) { (*c.mutable_rooms())["pricing"] = "a:1,b"; }},
          {"service.owners.pricing", [](auto& c) { (*c.mutable_owners())["pricing"] = ""; }},
          {"service.durability", [](auto& c) { c.set_durability("log"); }},  // Embedded.
          {"service.durability", [](auto& c) { c.set_durability("never"); }},
          {"service.event_log",
           [](auto& c) {
             Kafka(c);
             c.mutable_event_log()->set_embedded_dir("log");
           }},
          {"service.event_log.kafka.bootstrap_servers",
           [](auto& c) { Kafka(c).clear_bootstrap_servers(); }},
          {"service.event_log.kafka.security_protocol",
           [](auto& c) { Kafka(c).set_security_protocol("tls"); }},
          {"service.event_log.kafka.sasl_mechanism",
           [](auto& c) { Kafka(c).set_security_protocol("sasl_ssl"); }},
          {"service.event_log.kafka.sasl_mechanism",
           [](auto& c) { Kafka(c).set_sasl_mechanism("PLAIN"); }},
          {"service.event_log.kafka.sasl_username",
           [](auto& c) {
             Kafka(c).set_security_protocol("sasl_plaintext");
             Kafka(c).set_sasl_mechanism("PLAIN");
           }},
          {"service.event_log.kafka.ssl_key_file",
           [](auto& c) { Kafka(c).set_ssl_certificate_file("c.pem"); }},
          {"service.event_log.kafka.min_insync_replicas",
           [](auto& c) {
             Kafka(c).set_replication_factor(1);
             Kafka(c).set_min_insync_replicas(2);
           }},
          {"service.event_log.kafka.max_record_bytes",
           [](auto& c) { Kafka(c).set_max_record_bytes(1024); }},
          {"service.event_log.kafka.identity_interval",
           [](auto& c) { Kafka(c).mutable_identity_interval(); }},
          {"service.log_level", [](auto& c) { c.set_log_level("loud"); }},
          {"service.drain_pause", [](auto& c) { c.mutable_drain_pause()->set_seconds(31); }},
          {"service.drain_grace", [](auto& c) { c.mutable_drain_grace()->set_seconds(-1); }},
          {"service.open_files_min", [](auto& c) { c.set_open_files_min(1); }},
          {"service.identity.issuers[0].issuer",
           [](auto& c) { c.mutable_identity()->add_issuers()->set_jwks_file("f"); }},
          {"service.identity.issuers[0].jwks_file",
           [](auto& c) { c.mutable_identity()->add_issuers()->set_issuer("i"); }},
      }));
  CAPTURE(path);
  v1::ServiceConfig config;
  change(config);

  const absl::Status status = MakeSettings(config).status();

  CHECK(ReasonOf(status) == "CONFIG_VALUE_INVALID");
  CHECK(MetadataOf(status) == ErrorMetadata{{"path", path}});
}

TEST_CASE("an empty configuration has the documented defaults", "[service]") {
  const auto settings = MakeSettings(v1::ServiceConfig());
  REQUIRE(settings.ok());
  CHECK(settings->grpc_address == "0.0.0.0:50051");
  CHECK(settings->health_address == "0.0.0.0:50052");
  CHECK(settings->admin_address == "0.0.0.0:8081");
  CHECK(settings->log_dir == "data/log");
  CHECK(settings->drain_pause == absl::Seconds(5));
  CHECK(settings->drain_grace == absl::Seconds(30));
  CHECK_FALSE(settings->open_loopback);
}

TEST_CASE("Kafka is configured as its own options say, with passwords from files", "[service]") {
  testing::TempDir folder;
  std::ofstream(folder.path() + "/password") << "secret\n";
  v1::ServiceConfig config;
  v1::KafkaConfig& kafka = Kafka(config);
  kafka.set_bootstrap_servers("a:9092,b:9092");
  kafka.set_security_protocol("sasl_ssl");
  kafka.set_ssl_ca_file("ca.pem");
  kafka.set_sasl_mechanism("SCRAM-SHA-512");
  kafka.set_sasl_username("weft");
  kafka.set_sasl_password_file(folder.path() + "/password");
  kafka.set_manage_topics(false);
  kafka.set_replication_factor(3);
  kafka.set_min_insync_replicas(2);
  (*kafka.mutable_overrides())["socket.keepalive.enable"] = "true";

  const auto settings = MakeSettings(config);

  REQUIRE(settings.status() == absl::OkStatus());
  REQUIRE(settings->kafka.has_value());
  CHECK(settings->kafka->bootstrap_servers == "a:9092,b:9092");
  CHECK(settings->kafka->sasl_password == "secret");
  CHECK_FALSE(settings->kafka->manage_topics);
  CHECK(settings->kafka->replication_factor == 3);
  CHECK(settings->kafka->min_insync_replicas == 2);
  CHECK(settings->kafka->overrides.at("socket.keepalive.enable") == "true");
  CHECK_FALSE(settings->durable_on_disk);
  kafka.set_sasl_password_file(folder.path() + "/nowhere");
  CHECK(ReasonOf(MakeSettings(config).status()) == "FILE_MISSING");
}

TEST_CASE("a room alone takes the embedded log only when it is asked for by name", "[service]") {
  v1::ServiceConfig config;
  CHECK(ReasonOf(CheckLogOfOneRoom(MakeSettings(config).value())) == "EVENT_LOG_MISSING");
  config.mutable_event_log()->set_embedded_dir("log");
  CHECK(CheckLogOfOneRoom(MakeSettings(config).value()).ok());
  config.clear_event_log();
  Kafka(config);
  CHECK(CheckLogOfOneRoom(MakeSettings(config).value()).ok());
}

TEST_CASE("processes that start at once with one key file get one key", "[service]") {
  testing::TempDir folder;
  const SystemClock clock;
  v1::ServiceConfig config;
  config.set_data_dir(folder.path());
  const Settings settings = MakeSettings(config).value();
  std::vector<std::future<std::string>> made;
  for (int i = 0; i < 8; ++i) {
    made.push_back(std::async(std::launch::async, [&] {
      return Identity::Make(settings, clock).value()->mac_key();
    }));
  }
  std::set<std::string> keys;
  for (auto& key : made) keys.insert(key.get());
  CHECK(keys.size() == 1);
}

TEST_CASE("keys that are missing are made, private, and kept", "[service]") {
  testing::TempDir folder;
  const SystemClock clock;
  v1::ServiceConfig config;
  config.set_data_dir(folder.path() + "/new");
  const Settings settings = MakeSettings(config).value();

  const auto first = Identity::Make(settings, clock);
  const auto second = Identity::Make(settings, clock);

  REQUIRE(first.ok());
  REQUIRE(second.ok());
  CHECK((*first)->mac_key().size() == 32);
  CHECK((*first)->mac_key() == (*second)->mac_key());
  CHECK((*first)->room_key().id() == (*second)->room_key().id());
}

}  // namespace
}  // namespace weft::service
