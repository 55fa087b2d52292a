#include "libs/service/process.h"

#include <fcntl.h>
#include <grpc/support/log.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "libs/base/status_macros.h"
#include "libs/base/sync.h"
#include "libs/engine/open.h"
#include "libs/engine/rocks_store.h"
#include "libs/eventlog/embedded_log.h"
#include "libs/eventlog/kafka_log.h"
#include "libs/rpc/grpc_client.h"
#include "libs/rpc/grpc_server.h"
#include "libs/rpc/health.h"
#include "libs/rpc/self_probe.h"
#include "libs/service/admin_http.h"
#include "libs/service/call_telemetry.h"
#include "libs/service/engine_telemetry.h"
#include "libs/service/health_watch.h"
#include "libs/service/identity.h"
#include "libs/service/lag_groups.h"
#include "libs/service/late_client.h"
#include "libs/service/log_telemetry.h"
#include "libs/service/operator.h"
#include "libs/service/settings.h"
#include "libs/service/watchdog.h"

namespace weft::service {
namespace {

using telemetry::Level;

// Between two tries to open shards on a log that is away.
constexpr absl::Duration kOpenPause = absl::Seconds(2);

// gRPC logs through one hook of the process.
std::atomic<telemetry::Logger*> grpc_logger{nullptr};

void LogFromGrpc(gpr_log_func_args* args) {
  telemetry::Logger* log = grpc_logger.load();
  if (log == nullptr || args->severity != GPR_LOG_SEVERITY_ERROR) return;
  log->LogAs("grpc", Level::kWarning, args->message,
             {{"file", args->file}, {"line", args->line}});
}

std::string HostOf(const std::string& address) { return address.substr(0, address.rfind(':')); }

std::string Json(absl::string_view name, absl::string_view value) {
  std::string text = "\"";
  telemetry::AppendJsonText(name, text);
  text += "\":\"";
  telemetry::AppendJsonText(value, text);
  return text + "\"";
}

AdminResponse Probe(bool yes, absl::string_view what) {
  return {.status = yes ? 200 : 503, .body = absl::StrCat(yes ? "ok" : what, "\n")};
}

}  // namespace

class Process::Impl {
 public:
  explicit Impl(ProcessOptions process_options) : options_(std::move(process_options)) {}
  ~Impl() { Stop(); }

  absl::Status Start();
  void Stop();

  struct RoomParts {
    RoomSpec* spec = nullptr;
    std::unique_ptr<telemetry::MetricsScope> metrics;
    std::unique_ptr<CallTelemetry> served;
    std::unique_ptr<CallTelemetry> made;
    std::unique_ptr<EngineTelemetry> engine;
    std::unique_ptr<telemetry::MetricsScope> projection_metrics;
    std::unique_ptr<EngineTelemetry> projection_engine;
    std::unique_ptr<rpc::RoomTokens> tokens;
    std::map<std::string, std::unique_ptr<LateClient>> clients;
    // In the order of their ends, last first.
    std::unique_ptr<engine::Shards> shards;
    std::unique_ptr<engine::Shards> projection;
    std::unique_ptr<Room> room;
    std::unique_ptr<rpc::GrpcServer> server;
    bool opened = false;
    // By reason; of the thread that looks.
    std::map<std::string, telemetry::Gauge*> conditions;
  };

  const RoomParts* Find(const std::string& name) const {
    for (const auto& parts : rooms_) {
      if (parts->spec->name == name) return parts.get();
    }
    return nullptr;
  }

  absl::Status OpenLog();
  absl::Status OpenKafka();
  absl::Status OpenPorts();
  absl::Status MakeRoom(RoomSpec& spec);
  absl::Status ServeRoom(RoomParts& parts);
  absl::StatusOr<std::unique_ptr<engine::Shards>> OpenShards(const std::string& name, int shards,
                                                             std::vector<int> owned,
                                                             const engine::Program& program,
                                                             telemetry::MetricsScope& metrics,
                                                             EngineTelemetry& observer);
  void WatchStore(telemetry::MetricsScope& metrics, int shard, const engine::Store& store);
  std::map<std::string, AdminHttp::Handler> AdminPaths();
  void SetReady(bool ready);
  void LookAtConditions() ABSL_LOCKS_EXCLUDED(conditions_mutex_);
  std::string ConditionsText() ABSL_LOCKS_EXCLUDED(conditions_mutex_);
  void WatchOver();
  absl::Status Reload() ABSL_LOCKS_EXCLUDED(mutex_);
  void RequestStop(bool restart) ABSL_LOCKS_EXCLUDED(mutex_);
  [[noreturn]] void Die(absl::string_view what, const absl::Status& status, int code = 1);

  ProcessOptions options_;
  Settings settings_;
  SystemClock system_clock_;
  const Clock* clock_ = nullptr;
  std::unique_ptr<telemetry::Logger> own_log_;
  telemetry::Logger* log_ = nullptr;
  telemetry::Metrics metrics_;
  std::vector<std::shared_ptr<void>> refreshers_;
  std::unique_ptr<Identity> identity_;
  std::shared_ptr<rpc::HealthState> health_ = std::make_shared<rpc::HealthState>();
  std::shared_ptr<engine::RocksResources> resources_;
  std::unique_ptr<rpc::GrpcServer> health_server_;
  std::unique_ptr<AdminHttp> admin_;
  Mutex conditions_mutex_;
  // By tenant, "" = all; of the last look.
  std::map<std::string, absl::Status> conditions_ ABSL_GUARDED_BY(conditions_mutex_);
  std::unique_ptr<eventlog::EventLog> own_event_log_;
  eventlog::EventLog* event_log_ = nullptr;
  eventlog::KafkaLog* kafka_log_ = nullptr;  // Where event_log_ is one.
  std::vector<std::unique_ptr<LagGroups>> lag_groups_;
  std::unique_ptr<LogTelemetry> log_telemetry_;
  std::vector<std::unique_ptr<RoomParts>> rooms_;
  std::unique_ptr<rpc::ClientPool> pool_;  // All calls of this process to rooms.
  std::map<std::string, std::unique_ptr<rpc::Client>> nobodys_clients_;
  std::unique_ptr<Watchdog> watchdog_;
  // What is open, for those who look after it.
  std::vector<Operator::Part> parts_;
  std::function<absl::Status(const std::string& folder)> checkpoint_log_;
  std::unique_ptr<Operator> operator_;
  std::atomic<Operator*> operator_now_{nullptr};  // The admin port is there before it.
  std::unique_ptr<HealthWatch> health_watch_;
  std::atomic<bool> shards_turn_{true};
  std::atomic<bool> queues_answer_{true};
  bool stopped_ = false;

  Mutex mutex_;
  CondVar stop_changed_;
  bool stop_requested_ ABSL_GUARDED_BY(mutex_) = false;
  bool restart_ ABSL_GUARDED_BY(mutex_) = false;
};

void Process::Impl::Die(absl::string_view what, const absl::Status& status, int code) {
  log_->Log(Level::kError, what, telemetry::StatusFields(status));
  log_->Flush();
  // Nothing to tidy up: what was answered is durable, and tidying may hang.
  std::_Exit(code);
}

absl::Status Process::Impl::Start() {
  WEFT_ASSIGN_OR_RETURN(settings_, MakeSettings(options_.service));
  clock_ = options_.clock != nullptr ? options_.clock : &system_clock_;
  if (options_.log == nullptr) {
    own_log_ = std::make_unique<telemetry::Logger>(options_.name, settings_.log_level);
  }
  log_ = options_.log != nullptr ? options_.log : own_log_.get();
  grpc_logger.store(log_);
  gpr_set_log_function(&LogFromGrpc);
  for (RoomSpec& spec : options_.rooms) {
    if (spec.check) WEFT_RETURN_IF_ERROR(spec.check(*spec.config));
  }
  WEFT_RETURN_IF_ERROR(rpc::RaiseFileLimit(settings_.open_files_min));
  refreshers_.push_back(telemetry::AddProcessMetrics(metrics_));
  WEFT_ASSIGN_OR_RETURN(identity_, Identity::Make(settings_, *clock_));
  WEFT_RETURN_IF_ERROR(OpenPorts());
  WEFT_RETURN_IF_ERROR(OpenLog());
  for (RoomSpec& spec : options_.rooms) WEFT_RETURN_IF_ERROR(MakeRoom(spec));
  for (const auto& parts : rooms_) WEFT_RETURN_IF_ERROR(ServeRoom(*parts));
  pool_ = std::make_unique<rpc::ClientPool>(rpc::ClientPoolOptions{});
  for (const auto& parts : rooms_) {
    const std::string& name = parts->spec->name;
    if (parts->server != nullptr) {
      nobodys_clients_[name] =
          pool_->Room({.room = name, .target = parts->server->target()});
    }
    // Rooms of this process are where they listen, whatever the settings say.
    for (auto& [other, client] : parts->clients) {
      const RoomParts* here = Find(other);
      const auto there = settings_.rooms.find(other);
      const auto owner = settings_.owners.find(other);
      std::string target;
      if (here != nullptr && here->server != nullptr) {
        target = here->server->target();
      } else if (there != settings_.rooms.end()) {
        target = there->second;
      }
      if (target.empty()) continue;
      client->Set(pool_->Room({.room = other,
                               .target = target,
                               .tokens = parts->tokens.get(),
                               .observer = parts->made.get(),
                               .owner = owner == settings_.owners.end() ? "" : owner->second}));
    }
  }
  for (const auto& parts : rooms_) {
    parts->opened = true;
    WEFT_RETURN_IF_ERROR(parts->room->Start());
  }
  WatchOver();
  return absl::OkStatus();
}

void Process::Impl::WatchOver() {
  std::vector<Watchdog::Listener> listeners;
  for (const auto& parts : rooms_) {
    if (parts->server == nullptr) continue;
    listeners.push_back({.name = parts->spec->name, .target = parts->server->target()});
  }
  watchdog_ = std::make_unique<Watchdog>(
      Watchdog::Options{.listeners = std::move(listeners),
                        .alive =
                            [this](bool alive) {
                              queues_answer_ = alive;
                              health_->Set("liveness", queues_answer_ && shards_turn_);
                            },
                        .dead = [this](absl::Status status) {
                          Die("the listener is dead", status);
                        },
                        .every_minute =
                            [this] {
                              const absl::Status read = identity_->ReloadKeys();
                              if (!read.ok()) {
                                log_->Log(Level::kWarning, "issuers' keys not read",
                                          telemetry::StatusFields(read));
                              }
                            },
                        .wants_minute = [this] { return identity_->WantsKeys(); }});
  operator_ = std::make_unique<Operator>(
      Operator::Options{
          .process = options_.name,
          .checkpoint_dir = settings_.checkpoint_dir,
          .log_kind = kafka_log_ != nullptr ? "kafka" : event_log_ != nullptr ? "embedded" : "none",
          .event_log = event_log_,
          .checkpoint_log = checkpoint_log_,
          .authenticator = &identity_->authenticator(),
          .clock = clock_,
          .log = log_,
          .metrics = &metrics_,
          .reload = [this] { return Reload(); },
          .restart = [this] { RequestStop(/*restart=*/true); }},
      parts_);
  operator_now_ = operator_.get();
  health_->Set("startup", true);
  HealthWatch::Options watch{.log = kafka_log_ == nullptr ? nullptr : event_log_,
                             .lag_records_max = settings_.ready_lag_records};
  for (const Operator::Part& part : parts_) {
    HealthWatch::Part each{.shards = part.shards};
    if (part.program->projection()) {
      for (const auto& [topic, handlers] : part.program->events) each.topics.push_back(topic);
    }
    watch.parts.push_back(std::move(each));
  }
  watch.ready = [this](bool ready) {
    SetReady(ready);
    if (ready) {
      log_->Log(Level::kInfo, "ready", {{"rooms", static_cast<int>(rooms_.size())}});
    } else {
      log_->Log(Level::kInfo, "serving, and not ready: it has yet to catch up with the log");
    }
  };
  watch.alive = [this](bool alive) {
    if (!alive) log_->Log(Level::kError, "a sequencer does not turn any more");
    shards_turn_ = alive;
    health_->Set("liveness", queues_answer_ && shards_turn_);
  };
  watch.every_look = [this] {
    if (log_telemetry_ != nullptr) log_telemetry_->Look();
    LookAtConditions();
  };
  watch.blocked = [this] {
    MutexLock lock(conditions_mutex_);
    return conditions_.count("") > 0;
  };
  health_watch_ = std::make_unique<HealthWatch>(std::move(watch));
}

void Process::Impl::LookAtConditions() {
  std::map<std::string, absl::Status> now;
  for (const auto& parts : rooms_) {
    if (parts->room == nullptr || !parts->opened) continue;
    std::map<std::string, int> by_reason;
    for (Room::Condition& condition : parts->room->Conditions()) {
      ++by_reason[ReasonOf(condition.status)];
      now.emplace(std::move(condition.tenant), std::move(condition.status));
    }
    for (auto& [reason, tenants] : parts->conditions) tenants->Set(0);
    for (const auto& [reason, tenants] : by_reason) {
      telemetry::Gauge*& gauge = parts->conditions[reason];
      if (gauge == nullptr) {
        gauge = &parts->metrics->GetGauge("weft_room_tenants_refused",
                                          "Tenants whose requests are refused until somebody acts.",
                                          {{"reason", reason}});
      }
      gauge->Set(tenants);
    }
  }
  MutexLock lock(conditions_mutex_);
  for (const auto& [tenant, status] : now) {
    if (conditions_.count(tenant) > 0) continue;
    auto fields = telemetry::StatusFields(status);
    fields.push_back({"tenant", tenant.empty() ? "all" : tenant});
    log_->Log(Level::kError, "requests are refused until somebody acts", std::move(fields));
  }
  for (const auto& [tenant, status] : conditions_) {
    if (now.count(tenant) > 0) continue;
    log_->Log(Level::kInfo, "requests are answered again",
              {{"tenant", tenant.empty() ? "all" : tenant}});
  }
  conditions_ = std::move(now);
}

std::string Process::Impl::ConditionsText() {
  std::string text;
  MutexLock lock(conditions_mutex_);
  for (const auto& [tenant, status] : conditions_) {
    absl::StrAppend(&text, "tenant ", tenant.empty() ? "(all)" : tenant, ": ", ReasonOf(status),
                    ": ", status.message(), "\n");
  }
  return text;
}

void Process::Impl::SetReady(bool ready) {
  health_->Set("readiness", ready);
  health_->Set("", ready);
  for (const auto& parts : rooms_) {
    if (parts->server == nullptr) continue;
    for (const std::string& method : parts->server->methods()) {
      health_->Set(method.substr(0, method.find('/')), ready);
    }
  }
}

absl::Status Process::Impl::OpenPorts() {
  health_->Set("startup", false);
  health_->Set("liveness", true);
  SetReady(false);
  if (!settings_.health_address.empty()) {
    health_server_ = std::make_unique<rpc::GrpcServer>(rpc::GrpcServerOptions{
        .room = options_.name, .address = settings_.health_address, .armed = 16});
    rpc::RegisterHealth(*health_server_, health_);
    WEFT_RETURN_IF_ERROR(health_server_->Start());
  }
  if (!settings_.admin_address.empty()) {
    WEFT_ASSIGN_OR_RETURN(admin_, AdminHttp::Start(settings_.admin_address, AdminPaths()));
  }
  return absl::OkStatus();
}

std::map<std::string, AdminHttp::Handler> Process::Impl::AdminPaths() {
  std::map<std::string, AdminHttp::Handler> paths;
  paths["/metrics"] = [this](const AdminRequest&) {
    return AdminResponse{.content_type = "text/plain; version=0.0.4; charset=utf-8",
                         .body = metrics_.ToText()};
  };
  paths["/livez"] = [this](const AdminRequest&) {
    return Probe(health_->IsServing("liveness"), "a loop is stuck");
  };
  paths["/readyz"] = [this](const AdminRequest&) {
    const std::string refused = ConditionsText();
    AdminResponse answer = Probe(health_->IsServing("readiness"),
                                 refused.empty() ? "starting or draining" : "not ready");
    answer.body += refused;
    return answer;
  };
  paths["/startupz"] = [this](const AdminRequest&) {
    return Probe(health_->IsServing("startup"), "starting");
  };
  paths["/version"] = [this](const AdminRequest&) {
    const telemetry::BuildInfo build = telemetry::GetBuildInfo();
    return AdminResponse{
        .content_type = "application/json",
        .body = absl::StrCat("{", Json("process", options_.name), ",",
                             Json("version", build.version), ",",
                             Json("revision", build.revision), ",",
                             Json("compiler", build.compiler), "}\n")};
  };
  // The messages, masked, as they were read; they do not change afterwards.
  std::string shown = absl::StrCat("{\n\"service\": ", config::Masked(options_.service));
  for (const RoomSpec& spec : options_.rooms) {
    absl::StrAppend(&shown, ",\n\"", spec.name, "\": ", config::Masked(*spec.config));
  }
  shown += "}\n";
  paths["/config"] = [shown](const AdminRequest&) {
    return AdminResponse{.content_type = "application/json", .body = shown};
  };
  for (const std::string& path : Operator::Paths()) {
    paths[path] = [this](const AdminRequest& request) {
      Operator* const now = operator_now_.load();
      if (now == nullptr) return AdminResponse{.status = 503, .body = "starting\n"};
      return now->Handle(request);
    };
  }
  paths["/flags"] = [](const AdminRequest&) {
    return AdminResponse{.content_type = "application/json", .body = "{\"flags\":[]}\n"};
  };
  paths["/loglevel"] = [this](const AdminRequest& request) {
    if (request.method == "POST") {
      const auto asked = request.query.find("level");
      Level level = Level::kInfo;
      if (asked == request.query.end() || !telemetry::LevelOf(asked->second, level)) {
        return AdminResponse{.status = 400,
                             .body = "POST /loglevel?level=debug|info|warning|error\n"};
      }
      log_->SetLevel(level);
    }
    return AdminResponse{.body = absl::StrCat(telemetry::NameOf(log_->level()), "\n")};
  };
  return paths;
}

absl::Status Process::Impl::OpenLog() {
  resources_ = engine::RocksResources::Make();
  telemetry::Gauge& cache = metrics_.GetGauge("weft_rocksdb_block_cache_bytes",
                                              "Block cache in use, all stores.", {});
  telemetry::Gauge& memtables = metrics_.GetGauge("weft_rocksdb_memtable_bytes",
                                                  "Memtables in use, all stores.", {});
  refreshers_.push_back(metrics_.OnCollect([this, &cache, &memtables] {
    cache.Set(static_cast<double>(resources_->cache_bytes()));
    memtables.Set(static_cast<double>(resources_->memtable_bytes()));
  }));
  if (options_.event_log != nullptr) {
    event_log_ = options_.event_log;
    return absl::OkStatus();
  }
  bool any_state = false;
  for (const RoomSpec& spec : options_.rooms) any_state = any_state || !spec.passes_callers_on;
  if (!any_state) return absl::OkStatus();
  if (settings_.kafka.has_value()) return OpenKafka();
  if (options_.rooms.size() == 1) WEFT_RETURN_IF_ERROR(CheckLogOfOneRoom(settings_));
  std::error_code error;
  std::filesystem::create_directories(settings_.log_dir, error);
  WEFT_ASSIGN_OR_RETURN(auto embedded,
                        eventlog::EmbeddedLog::Open({.path = settings_.log_dir,
                                                     .block_cache = resources_->cache(),
                                                     .write_buffers = resources_->write_buffers()},
                                                    *clock_));
  eventlog::EmbeddedLog* const embedded_log = embedded.get();
  checkpoint_log_ = [embedded_log](const std::string& folder) {
    return embedded_log->Checkpoint(folder);
  };
  own_event_log_ = std::move(embedded);
  event_log_ = own_event_log_.get();
  telemetry::Counter& records =
      metrics_.GetCounter("weft_eventlog_records_total", "Records appended to the log.", {});
  telemetry::Counter& commits =
      metrics_.GetCounter("weft_eventlog_commits_total", "Syncs of the log.", {});
  telemetry::Counter& bytes =
      metrics_.GetCounter("weft_eventlog_bytes_total", "Bytes appended to the log.", {});
  telemetry::Gauge& waiting =
      metrics_.GetGauge("weft_eventlog_waiting_bytes", "Bytes waiting to be synced.", {});
  telemetry::Gauge& failed = metrics_.GetGauge(
      "weft_eventlog_failed", "1 when the log's disk failed and the process must restart.", {});
  refreshers_.push_back(
      metrics_.OnCollect([log = embedded_log, &records, &commits, &bytes, &waiting,
                          &failed] {
        const eventlog::EmbeddedLog::Stats stats = log->GetStats();
        records.AdvanceTo(static_cast<uint64_t>(stats.records));
        commits.AdvanceTo(static_cast<uint64_t>(stats.commits));
        bytes.AdvanceTo(static_cast<uint64_t>(stats.bytes));
        waiting.Set(static_cast<double>(stats.waiting_bytes));
        failed.Set(stats.failed ? 1 : 0);
      }));
  return absl::OkStatus();
}

absl::Status Process::Impl::OpenKafka() {
  eventlog::KafkaLogOptions kafka = *settings_.kafka;
  if (kafka.client_id.empty()) kafka.client_id = absl::StrCat("weft-", options_.name);
  kafka.say = [log = log_](int level, const std::string& line) {
    // Syslog's: 4 is a warning. Connections that come and go are its daily life.
    log->LogAs("kafka", level <= 4 ? Level::kWarning : Level::kDebug, line);
  };
  WEFT_ASSIGN_OR_RETURN(auto opened, eventlog::KafkaLog::Open(std::move(kafka)));
  kafka_log_ = opened.get();
  own_event_log_ = std::move(opened);
  event_log_ = own_event_log_.get();
  log_telemetry_ = std::make_unique<LogTelemetry>(*event_log_, metrics_, *log_);
  log_->Log(Level::kInfo, "event log is Kafka",
            {{"bootstrap_servers", settings_.kafka->bootstrap_servers}});
  return absl::OkStatus();
}

absl::Status Process::Impl::MakeRoom(RoomSpec& spec) {
  rooms_.push_back(std::make_unique<RoomParts>());
  RoomParts& parts = *rooms_.back();
  parts.spec = &spec;
  parts.metrics =
      std::make_unique<telemetry::MetricsScope>(metrics_, telemetry::Labels{{"room", spec.name}});
  parts.served = std::make_unique<CallTelemetry>(CallTelemetry::Side::kServer, spec.name,
                                                 *parts.metrics, *log_);
  parts.made = std::make_unique<CallTelemetry>(CallTelemetry::Side::kClient, spec.name,
                                               *parts.metrics, *log_);
  if (!spec.passes_callers_on) {
    parts.tokens =
        std::make_unique<rpc::RoomTokens>(spec.name, identity_->room_key(), *clock_);
  }
  Surroundings surroundings{.clock = clock_,
                            .mac_key = identity_->mac_key(),
                            .metrics = parts.metrics.get(),
                            .log = log_,
                            .authenticator = &identity_->authenticator()};
  const auto add_client = [&](const std::string& name) {
    auto& client = parts.clients[name];
    if (client == nullptr) client = std::make_unique<LateClient>(name);
    surroundings.rooms[name] = client.get();
  };
  for (const RoomSpec& other : options_.rooms) add_client(other.name);
  for (const auto& [name, target] : settings_.rooms) add_client(name);
  WEFT_ASSIGN_OR_RETURN(parts.room, spec.make(*spec.config, surroundings));
  WEFT_CHECK(parts.room != nullptr);
  if (const engine::Program* program = parts.room->program(); program != nullptr) {
    // Beside a projection there is one shard: it speaks for all partitions.
    const bool alone = parts.room->projection() != nullptr;
    const int shards = alone ? 1 : settings_.shards;
    const std::vector<int> owned = alone ? std::vector<int>() : settings_.owned_shards;
    parts.engine = std::make_unique<EngineTelemetry>(spec.name, shards, *parts.metrics, *log_);
    WEFT_ASSIGN_OR_RETURN(parts.shards,
                          OpenShards(spec.name, shards, owned, *program, *parts.metrics, *parts.engine));
  }
  if (const engine::Program* program = parts.room->projection(); program != nullptr) {
    const std::string& name = program->room;
    parts.projection_metrics =
        std::make_unique<telemetry::MetricsScope>(metrics_, telemetry::Labels{{"room", name}});
    parts.projection_engine = std::make_unique<EngineTelemetry>(
        name, settings_.shards, *parts.projection_metrics, *log_);
    WEFT_ASSIGN_OR_RETURN(parts.projection,
                          OpenShards(name, settings_.shards, /*owned=*/{}, *program,
                                     *parts.projection_metrics, *parts.projection_engine));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<engine::Shards>> Process::Impl::OpenShards(
    const std::string& name, int shards, std::vector<int> owned, const engine::Program& program,
    telemetry::MetricsScope& metrics, EngineTelemetry& observer) {
  engine::Options options{.folder = absl::StrCat(settings_.data_dir, "/", name),
                          .shards = shards,
                          .owned = std::move(owned),
                          .observer = &observer,
                          .on_fatal =
                              [this](const absl::Status& status) {
                                Die("the state's disk failed", status);
                              },
                          .on_disowned =
                              [this, name](const absl::Status& status) {
                                Die(absl::StrCat("another process owns a shard of ", name,
                                                 "; this one gives it up and ends"),
                                    status, kExitDisowned);
                              }};
  if (kafka_log_ != nullptr && !settings_.durable_on_disk) {
    options.durability = engine::Durability::kLog;
  }
  options.recording_bytes = settings_.recording_bytes;
  options.open_store = [this, &metrics, folder = options.folder](
                           int shard) -> absl::StatusOr<std::unique_ptr<engine::Store>> {
    WEFT_ASSIGN_OR_RETURN(std::unique_ptr<engine::Store> store,
                          engine::OpenRocksStore({.folder = absl::StrCat(folder, "/shard-", shard),
                                                  .resources = resources_}));
    WatchStore(metrics, shard, *store);
    return store;
  };
  WEFT_CHECK(event_log_ != nullptr);
  const absl::Time began = absl::Now();
  eventlog::EventLog* log = event_log_;
  if (kafka_log_ != nullptr) {
    lag_groups_.push_back(std::make_unique<LagGroups>(*kafka_log_, name, shards));
    log = lag_groups_.back().get();
  }
  for (const RoomSpec& spec : options_.rooms) {
    if (spec.name == name && spec.adjust_shards) spec.adjust_shards(options);
  }
  const size_t refreshers = refreshers_.size();
  const auto open_once = [&]() -> absl::StatusOr<std::unique_ptr<engine::Shards>> {
    WEFT_ASSIGN_OR_RETURN(const std::string done, ActIfAsked(options.folder, program, *log));
    if (!done.empty()) log_->LogAs(name, Level::kWarning, absl::StrCat("the state ", done));
    return engine::Open(options, program, *log, *clock_);
  };
  absl::StatusOr<std::unique_ptr<engine::Shards>> tried = open_once();
  // A log that is away or busy is waited for: starting again would not bring it back.
  while (!tried.ok() && kafka_log_ != nullptr && ReasonOf(tried.status()) == "LOG_UNAVAILABLE") {
    refreshers_.resize(refreshers);  // Their stores are gone.
    log_->LogAs(name, Level::kWarning, "waiting for the event log",
                telemetry::StatusFields(tried.status()));
    {
      MutexLock lock(mutex_);
      if (!stop_requested_) stop_changed_.WaitFor(mutex_, kOpenPause);
    }
    tried = open_once();
  }
  WEFT_ASSIGN_OR_RETURN(std::unique_ptr<engine::Shards> opened, std::move(tried));
  log_->LogAs(name, Level::kInfo, "state open",
              {{"seconds", absl::ToDoubleSeconds(absl::Now() - began)}});
  parts_.push_back({.room = name,
                    .folder = options.folder,
                    .shards = opened.get(),
                    .program = &program,
                    .owned = options.owned});
  return opened;
}

void Process::Impl::WatchStore(telemetry::MetricsScope& metrics, int shard,
                               const engine::Store& store) {
  const telemetry::Labels labels = {{"shard", absl::StrCat(shard)}};
  const auto gauge = [&](const char* name, const char* help) {
    return &metrics.GetGauge(name, help, labels);
  };
  telemetry::Gauge* keys = gauge("weft_rocksdb_keys", "Keys, estimated.");
  telemetry::Gauge* sst = gauge("weft_rocksdb_sst_bytes", "Size of the table files.");
  telemetry::Gauge* pending = gauge("weft_rocksdb_pending_compaction_bytes",
                                    "Bytes that compaction has yet to rewrite.");
  telemetry::Gauge* stopped =
      gauge("weft_rocksdb_write_stopped", "1 while the store takes no writes.");
  refreshers_.push_back(metrics_.OnCollect([&store, keys, sst, pending, stopped] {
    const engine::RocksFigures figures = engine::FiguresOf(store);
    keys->Set(static_cast<double>(figures.keys));
    sst->Set(static_cast<double>(figures.sst_bytes));
    pending->Set(static_cast<double>(figures.pending_compaction_bytes));
    stopped->Set(figures.write_stopped ? 1 : 0);
  }));
}

absl::Status Process::Impl::ServeRoom(RoomParts& parts) {
  const RoomSpec& spec = *parts.spec;
  std::string address = spec.grpc_address;
  if (address.empty()) {
    address = options_.rooms.size() == 1 ? settings_.grpc_address
                                         : absl::StrCat(HostOf(settings_.grpc_address), ":0");
  }
  auto server = std::make_unique<rpc::GrpcServer>(
      rpc::GrpcServerOptions{.room = spec.name,
                             .address = address,
                             .authenticator = &identity_->authenticator(),
                             .observer = parts.served.get(),
                             .reflection = settings_.reflection,
                             .queues = settings_.grpc_queues});
  if (parts.projection != nullptr) parts.room->BindProjection(*server, *parts.projection);
  parts.room->Bind(*server, parts.shards.get());
  if (server->methods().empty()) return absl::OkStatus();  // A room with doors of its own.
  rpc::RegisterHealth(*server, health_);
  parts.server = std::move(server);
  WEFT_RETURN_IF_ERROR(parts.server->Start());
  log_->LogAs(spec.name, Level::kInfo, "listening", {{"target", parts.server->target()}});
  return absl::OkStatus();
}

void Process::Impl::Stop() {
  if (stopped_) return;
  stopped_ = true;
  if (log_ == nullptr) return;
  health_watch_.reset();
  watchdog_.reset();
  const bool was_ready = health_->IsServing("readiness");
  if (was_ready && options_.stopping) options_.stopping();
  SetReady(false);
  for (auto it = rooms_.rbegin(); it != rooms_.rend(); ++it) {
    if ((*it)->opened) (*it)->room->Drain();
  }
  if (was_ready) {
    log_->Log(Level::kInfo, "draining",
              {{"pause_seconds", absl::ToDoubleSeconds(settings_.drain_pause)}});
    absl::SleepFor(settings_.drain_pause);
  }
  // The rooms' own doors first, the last room's (the gateway) before the others.
  const absl::Time deadline = absl::Now() + settings_.drain_grace;
  const auto left = [&] { return std::max(deadline - absl::Now(), absl::ZeroDuration()); };
  for (auto it = rooms_.rbegin(); it != rooms_.rend(); ++it) {
    if ((*it)->opened) (*it)->room->Stop(left());
  }
  std::vector<std::thread> stopping;
  for (const auto& parts : rooms_) {
    if (parts->server == nullptr) continue;
    stopping.emplace_back([server = parts->server.get(), &left] { server->Shutdown(left()); });
  }
  for (std::thread& thread : stopping) thread.join();
  nobodys_clients_.clear();
  if (pool_ != nullptr) pool_->Shutdown();
  // Scrapes read the stores; none may be under way when they close.
  admin_.reset();
  operator_.reset();
  refreshers_.clear();
  log_telemetry_.reset();
  // A room may hold watches of its shards until its end, and its program is what
  // the shards run.
  for (auto it = rooms_.rbegin(); it != rooms_.rend(); ++it) {
    if ((*it)->shards != nullptr) (*it)->shards->Stop();
    if ((*it)->projection != nullptr) (*it)->projection->Stop();
  }
  for (auto it = rooms_.rbegin(); it != rooms_.rend(); ++it) {
    (*it)->server.reset();
    (*it)->room.reset();
    (*it)->projection.reset();
    (*it)->shards.reset();
  }
  if (health_server_ != nullptr) health_server_->Shutdown(absl::Seconds(1));
  health_server_.reset();
  lag_groups_.clear();
  own_event_log_.reset();
  pool_.reset();
  rooms_.clear();
  if (was_ready) log_->Log(Level::kInfo, "stopped");
  log_->Flush();
  telemetry::Logger* expected = log_;
  grpc_logger.compare_exchange_strong(expected, nullptr);
}

Process::Process(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Process::~Process() = default;

absl::StatusOr<std::unique_ptr<Process>> Process::Start(ProcessOptions options) {
  auto ready = std::move(options.ready);
  auto impl = std::make_unique<Impl>(std::move(options));
  WEFT_RETURN_IF_ERROR(impl->Start());
  auto process = std::unique_ptr<Process>(new Process(std::move(impl)));
  if (ready) ready(*process);
  return process;
}

std::string Process::target(const std::string& room) const {
  const Impl::RoomParts* parts = impl_->Find(room);
  return parts == nullptr || parts->server == nullptr ? "" : parts->server->target();
}

rpc::Client& Process::client(const std::string& room) const {
  const auto it = impl_->nobodys_clients_.find(room);
  WEFT_CHECK(it != impl_->nobodys_clients_.end());
  return *it->second;
}

Room& Process::room(const std::string& name) const {
  const Impl::RoomParts* parts = impl_->Find(name);
  WEFT_CHECK(parts != nullptr);
  return *parts->room;
}

std::string Process::admin_target() const {
  return impl_->admin_ == nullptr
             ? ""
             : absl::StrCat(HostOf(impl_->settings_.admin_address), ":", impl_->admin_->port());
}

std::string Process::health_target() const {
  return impl_->health_server_ == nullptr ? "" : impl_->health_server_->target();
}

eventlog::EventLog& Process::event_log() { return *impl_->event_log_; }
telemetry::Metrics& Process::metrics() { return impl_->metrics_; }
telemetry::Logger& Process::log() { return *impl_->log_; }

void Process::Stop() { impl_->Stop(); }

void Process::RequestStop() { impl_->RequestStop(/*restart=*/false); }
absl::Status Process::Reload() { return impl_->Reload(); }

void Process::Impl::RequestStop(bool restart) {
  MutexLock lock(mutex_);
  stop_requested_ = true;
  restart_ = restart;
  stop_changed_.NotifyAll();
}

absl::Status Process::Impl::Reload() {
  const auto count = [this](const char* result) {
    metrics_
        .GetCounter("weft_config_reloads_total", "Times the configuration was read anew.",
                    {{"result", result}})
        .Add();
  };
  const absl::Status reloaded = [this]() -> absl::Status {
    if (options_.reload == nullptr) {
      return FailedPrecondition("CONFIG_NOT_FROM_FILE",
                                "this process has no configuration to read again");
    }
    WEFT_ASSIGN_OR_RETURN(const v1::ServiceConfig config, options_.reload());
    WEFT_ASSIGN_OR_RETURN(const Settings fresh, MakeSettings(config));
    WEFT_RETURN_IF_ERROR(identity_->SetIssuers(fresh.issuers));
    log_->SetLevel(fresh.log_level);
    return absl::OkStatus();
  }();
  count(reloaded.ok() ? "ok" : "failed");
  if (reloaded.ok()) {
    log_->Log(Level::kInfo, "configuration read again: log level and issuers hold from now on");
  } else {
    log_->Log(Level::kError, "configuration not taken; the old one holds",
              telemetry::StatusFields(reloaded));
  }
  return reloaded;
}

namespace {

// Where the handler leaves signals for the thread that waits for them: a pipe
// works whatever threads there were before and whatever they block.
int signal_pipe[2] = {-1, -1};

void OnSignal(int signal) {
  const int saved = errno;
  const char byte = signal == SIGHUP ? 'h' : 's';
  [[maybe_unused]] const ssize_t n = write(signal_pipe[1], &byte, 1);
  errno = saved;
}

// Takes SIGTERM and SIGINT as long as it lives, `asked` gets each one; and SIGHUP,
// which `reload` gets.
class Signals {
 public:
  Signals(std::function<void()> asked, std::function<void()> reload)
      : asked_(std::move(asked)), reload_(std::move(reload)) {
    WEFT_CHECK(pipe2(signal_pipe, O_CLOEXEC) == 0);
    struct sigaction action {};
    action.sa_handler = &OnSignal;
    action.sa_flags = SA_RESTART;
    sigaction(SIGTERM, &action, &before_term_);
    sigaction(SIGINT, &action, &before_int_);
    sigaction(SIGHUP, &action, &before_hup_);
    ::signal(SIGPIPE, SIG_IGN);
    thread_ = std::thread([this] { Run(); });
  }
  ~Signals() {
    sigaction(SIGTERM, &before_term_, nullptr);
    sigaction(SIGINT, &before_int_, nullptr);
    sigaction(SIGHUP, &before_hup_, nullptr);
    const char byte = 'q';
    [[maybe_unused]] const ssize_t n = write(signal_pipe[1], &byte, 1);
    thread_.join();
    close(signal_pipe[0]);
    close(signal_pipe[1]);
  }

 private:
  void Run() {
    char byte = 0;
    for (;;) {
      const ssize_t n = read(signal_pipe[0], &byte, 1);
      if (n < 0 && errno == EINTR) continue;
      if (n != 1 || byte == 'q') return;
      if (byte == 'h') {
        reload_();
      } else {
        asked_();
      }
    }
  }

  const std::function<void()> asked_;
  const std::function<void()> reload_;
  struct sigaction before_term_ {};
  struct sigaction before_int_ {};
  struct sigaction before_hup_ {};
  std::thread thread_;
};

}  // namespace

namespace {

// This program again, in this process, with the arguments it was given.
int StartAgain() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::ostringstream all;
  all << file.rdbuf();
  std::vector<std::string> arguments = absl::StrSplit(all.str(), '\0');
  if (!arguments.empty()) arguments.pop_back();  // Each ends with a zero.
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  execv("/proc/self/exe", argv.data());
  std::fprintf(stderr, "cannot start again: %s\n", std::strerror(errno));
  return 1;
}

}  // namespace

int RunRooms(ProcessOptions options) {
  Mutex mutex;
  Process* running = nullptr;
  bool asked = false;
  const Signals signals([&] {
    MutexLock lock(mutex);
    // The second one, or while the process still starts: at once. What was
    // answered is on disk.
    if (asked || running == nullptr) std::_Exit(asked ? 1 : 0);
    asked = true;
    running->RequestStop();
  },
  [&] {
    MutexLock lock(mutex);
    // Said in the log; whoever sent the signal cannot be told.
    if (!asked && running != nullptr) (void)running->Reload();
  });
  const std::string name = options.name;
  absl::StatusOr<std::unique_ptr<Process>> process = Process::Start(std::move(options));
  if (!process.ok()) {
    std::fprintf(stderr, "%s: %s (%s)\n", name.c_str(),
                 std::string(process.status().message()).c_str(),
                 ReasonOf(process.status()).c_str());
    return 1;
  }
  {
    MutexLock lock(mutex);
    running = process->get();
  }
  bool restart = false;
  {
    Process::Impl& impl = *(*process)->impl_;
    MutexLock lock(impl.mutex_);
    while (!impl.stop_requested_) impl.stop_changed_.Wait(impl.mutex_);
    restart = impl.restart_;
  }
  {
    MutexLock lock(mutex);
    asked = true;
  }
  (*process)->Stop();
  return restart ? StartAgain() : 0;
}

}  // namespace weft::service
