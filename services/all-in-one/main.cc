// weftd: the six rooms in one process, on the embedded event log or on Kafka.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "libs/config/config.h"
#include "libs/service/process.h"
#include "libs/service/replay.h"
#include "libs/service/settings.h"
#include "libs/telemetry/log.h"
#include "libs/telemetry/metrics.h"
#include "services/all-in-one/demo_session.h"
#include "services/all-in-one/mesh.h"
#include "services/gateway/room.h"

namespace {

struct Arguments {
  std::string data_dir;
  std::string config;
  std::string demo_data;
  std::string kafka;
  int port = 8080;
  bool demo = false;
  bool check_config = false;
  bool version = false;
  std::string recording;
};

// Where the demo's invoices lie: beside the checkout that this binary was built in.
std::string DefaultDemoData() { return WEFT_DEMO_DATA; }

std::string DefaultDataDir() {
  const char* home = std::getenv("HOME");
  return absl::StrCat(home == nullptr ? "." : home, "/.local/share/weft");
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "weftd: %s (%s)\n", std::string(status.message()).c_str(),
               weft::ReasonOf(status).c_str());
  return 2;
}

// Where log lines go so that they do not stand between what the terminal shows.
std::string LogFile(const std::string& data_dir) { return absl::StrCat(data_dir, "/weft.log"); }

// Null when the lines belong on stderr: there is no terminal.
absl::StatusOr<std::unique_ptr<weft::telemetry::Logger>> LoggerBesideTerminal(
    const weft::service::Settings& settings) {
  if (isatty(STDERR_FILENO) != 1) return nullptr;
  const std::string path = LogFile(settings.data_dir);
  const std::shared_ptr<FILE> file(std::fopen(path.c_str(), "ae"), [](FILE* open) {
    if (open != nullptr) std::fclose(open);
  });
  if (file == nullptr) {
    return weft::FailedPrecondition("DATA_DIR_UNUSABLE",
                                    absl::StrCat("the file '", path, "' cannot be written: ",
                                                 std::strerror(errno)));
  }
  return std::make_unique<weft::telemetry::Logger>(
      "weft", settings.log_level, [file](const std::string& lines) {
        std::fwrite(lines.data(), 1, lines.size(), file.get());
        std::fflush(file.get());
      });
}

void SayWhere(const weft::service::Process& process, const weft::service::Settings& settings) {
  const std::string kafka = settings.kafka.has_value() ? settings.kafka->bootstrap_servers : "";
  const bool terminal = isatty(STDERR_FILENO) == 1;
  const auto& gateway = dynamic_cast<const weft::gateway::Gateway&>(process.room("gateway"));
  std::fprintf(stderr,
               "\nWeft is up.\n"
               "  REST      http://127.0.0.1:%d/v1/   (description: /v1/openapi.json)\n"
               "  metrics   http://%s/metrics\n"
               "  gRPC      ",
               gateway.port(), process.admin_target().c_str());
  for (const char* room :
       {"pricing", "inventory-projection", "erp-connector", "approval", "reorder"}) {
    std::fprintf(stderr, "%s %s  ", room, process.target(room).c_str());
  }
  std::fprintf(stderr,
               "\n  data      %s\n"
               "  log       %s\n"
               "%s%s%s"
               "  callers without a token act as the tenant '%s', from this machine only\n"
               "  stop      Ctrl-C\n\n",
               settings.data_dir.c_str(),
               terminal ? LogFile(settings.data_dir).c_str() : "these lines",
               kafka.empty() ? "" : "  Kafka     ", kafka.c_str(), kafka.empty() ? "" : "\n",
               weft::kDemoTenant);
}

int ReplayRecording(const weft::Mesh& mesh, const std::string& recording) {
  const auto report = weft::service::ReplayRecording(
      mesh.process_options(), recording, [](int64_t batch) {
        // The place for a breakpoint: the batch runs next.
        std::fprintf(stderr, "\rbatch %lld", static_cast<long long>(batch));
      });
  std::fprintf(stderr, "\n");
  if (!report.ok()) return Fail(report.status());
  std::printf("%s: %lld batches, %lld turns replayed\n", report->room.c_str(),
              static_cast<long long>(report->batches), static_cast<long long>(report->turns));
  if (report->first_difference < 0) {
    std::printf("every batch wrote the bytes it wrote then\n");
    return 0;
  }
  std::printf("batch %lld wrote other bytes than it did then\n",
              static_cast<long long>(report->first_difference));
  return 1;
}

absl::Status ReadSettings(const Arguments& arguments, weft::Mesh& mesh) {
  WEFT_RETURN_IF_ERROR(weft::config::LoadFile(
      arguments.config, weft::config::ProcessEnvironment(), mesh.sections(),
      {.ignored_variables = {"WEFT_TOKEN", "WEFT_SERVER", "WEFT_ADMIN"}}));
  return mesh.Check();
}

int Run(const Arguments& arguments) {
  std::error_code error;
  std::filesystem::create_directories(arguments.data_dir, error);
  if (error) {
    return Fail(weft::FailedPrecondition(
        "DATA_DIR_UNUSABLE",
        absl::StrCat("the folder '", arguments.data_dir, "' cannot be made: ", error.message())));
  }
  weft::Mesh mesh;
  mesh.SetUpForOneMachine(arguments.data_dir, arguments.port, arguments.kafka);
  const absl::Status status = ReadSettings(arguments, mesh);
  if (!status.ok()) return Fail(status);
  if (!arguments.recording.empty()) return ReplayRecording(mesh, arguments.recording);
  if (arguments.check_config) {
    std::printf("the settings are good\n");
    return 0;
  }
  std::unique_ptr<weft::DemoSession> demo;
  weft::service::ProcessOptions options = mesh.process_options();
  const auto settings = weft::service::MakeSettings(options.service);
  if (!settings.ok()) return Fail(settings.status());
  const auto log = LoggerBesideTerminal(*settings);
  if (!log.ok()) return Fail(log.status());
  options.log = log->get();
  options.ready = [&](weft::service::Process& process) {
    SayWhere(process, *settings);
    if (!arguments.demo) return;
    demo = std::make_unique<weft::DemoSession>(process, arguments.demo_data);
    demo->Start();
  };
  options.stopping = [&] { demo.reset(); };
  options.reload = [&]() -> absl::StatusOr<weft::service::v1::ServiceConfig> {
    weft::Mesh fresh;
    fresh.SetUpForOneMachine(arguments.data_dir, arguments.port, arguments.kafka);
    WEFT_RETURN_IF_ERROR(ReadSettings(arguments, fresh));
    return fresh.service();
  };
  return weft::service::RunRooms(std::move(options));
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments{.data_dir = DefaultDataDir(), .demo_data = DefaultDemoData()};
  CLI::App app("Weft in one process: six rooms on the embedded event log, or on Kafka.");
  app.add_option("--data", arguments.data_dir, "Folder of all state; made when missing")
      ->capture_default_str();
  app.add_option("--port", arguments.port, "HTTP port on 127.0.0.1; 0 = any free one")
      ->capture_default_str()
      ->check(CLI::Range(0, 65535));
  app.add_option("--kafka", arguments.kafka,
                 "Kafka's brokers, host:port,host:port; the embedded log without");
  app.add_option("--config", arguments.config,
                 "Settings in YAML: a section 'service' and one per room");
  app.add_flag("--demo", arguments.demo,
               "Loads a year of a real wholesaler and plays its ERP");
  app.add_option("--demo-data", arguments.demo_data, "The demo's invoices (compressed CSV)")
      ->capture_default_str();
  app.add_flag("--check_config", arguments.check_config, "Checks the settings and exits");
  app.add_flag("--version", arguments.version, "Prints the version and exits");
  app.fallthrough();
  CLI::App* replay = app.add_subcommand(
      "replay", "Runs a shard's recorded inputs again and compares what they write");
  replay->add_option("recording", arguments.recording, "Folder of a recording")->required();
  CLI11_PARSE(app, argc, argv);
  if (arguments.version) {
    const weft::telemetry::BuildInfo build = weft::telemetry::GetBuildInfo();
    std::printf("weft %s (%s)\n", build.version.c_str(), build.revision.c_str());
    return 0;
  }
  return Run(arguments);
}
