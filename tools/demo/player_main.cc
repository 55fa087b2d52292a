// Plays the demo's ERP beside a mesh of several processes: reads the orders off
// Kafka and answers through the gateway.
//
//   weft-demo-player --kafka 127.0.0.1:9092 [--server http://127.0.0.1:8080]
//                    [--connection demo] [--token TOKEN]
//
// Runs until SIGTERM or Ctrl-C.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "libs/eventlog/kafka_log.h"
#include "services/erp-connector/json_writer.h"
#include "tools/demo/player.h"
#include "tools/weft/transport.h"

namespace {

constexpr absl::Duration kCallTimeout = absl::Seconds(30);

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "weft-demo-player: %s\n", std::string(status.message()).c_str());
  return 1;
}

int Run(const std::string& kafka, const std::string& server, const std::string& connection,
        const std::string& token) {
  // Before there are threads, so that all of them leave the signals to the wait below.
  sigset_t stops;
  sigemptyset(&stops);
  sigaddset(&stops, SIGTERM);
  sigaddset(&stops, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stops, nullptr);

  const auto log = weft::eventlog::KafkaLog::Open(
      {.bootstrap_servers = kafka, .client_id = "weft-demo-player"});
  if (!log.ok()) return Fail(log.status());
  const auto transport = weft::cli::HttpTransport(server, [] { return false; });
  if (!transport.ok()) return Fail(transport.status());
  weft::demo::Player player(
      **log, absl::StrCat("erp.", connection, ".out"),
      [&](const std::string& id, const std::string& text) -> absl::Status {
        weft::cli::HttpCall call{
            .method = "POST",
            .target = absl::StrCat("/v1/erp/", connection, ":ingest"),
            .headers = {{"content-type", "application/json"}, {"idempotency-key", id}},
            .body = weft::erp::JsonWriter().BeginObject().Text("text", text).EndObject().Take()};
        if (!token.empty()) call.headers.emplace_back("authorization", "Bearer " + token);
        const auto answer = (*transport)->Do(call, kCallTimeout);
        if (!answer.ok()) return answer.status();
        if (answer->status == 200) return absl::OkStatus();
        std::fprintf(stderr, "weft-demo-player: %d %s\n", answer->status, answer->body.c_str());
        return absl::UnavailableError("the mesh did not take the answer");
      });
  if (const absl::Status started = player.Start(); !started.ok()) return Fail(started);
  std::fprintf(stderr, "weft-demo-player: ready; the ERP answers orders\n");
  int signal = 0;
  sigwait(&stops, &signal);
  player.Stop();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::string kafka;
  std::string server = "http://127.0.0.1:8080";
  std::string connection = "demo";
  std::string token;
  CLI::App app("Plays the ERP of the demo beside a mesh on Kafka.");
  app.add_option("--kafka", kafka, "Kafka's brokers, host:port,host:port")->required();
  app.add_option("--server", server, "Gateway, http://host:port")->capture_default_str();
  app.add_option("--connection", connection, "ERP connection")->capture_default_str();
  app.add_option("--token", token, "Bearer token");
  CLI11_PARSE(app, argc, argv);
  return Run(kafka, server, connection, token);
}
