// Log lines and metrics of calls and shards.
#include <catch2/catch.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "libs/base/error.h"
#include "libs/service/call_telemetry.h"
#include "libs/service/engine_telemetry.h"

namespace weft::service {
namespace {

struct Fixture {
  telemetry::Metrics metrics;
  telemetry::MetricsScope scope{metrics, {{"room", "pricing"}}};
  std::string text;
  telemetry::Logger log{"test", telemetry::Level::kInfo,
                        [this](const std::string& line) { text += line; }};
  std::vector<std::string> Lines() {
    log.Flush();
    return absl::StrSplit(text, '\n', absl::SkipEmpty());
  }
};

rpc::CallRecord Record(absl::Status status) {
  return {.method = "a.v1.S/M",
          .status = std::move(status),
          .duration = absl::Milliseconds(3),
          .tenant = "acme",
          .subject = "s",
          .request_id = "r1"};
}

TEST_CASE("a call is logged by its outcome", "[service][log]") {
  const auto [status, level] = GENERATE(table<absl::Status, const char*>({
      {absl::OkStatus(), ""},
      {NotFound("ITEM_NOT_FOUND", "no"), ""},
      {Internal("secret"), "error"},
      {absl::UnknownError("secret"), "error"},
      {DataLoss("ROW_UNREADABLE", "broken"), "error"},
      {Unavailable("LOG_UNAVAILABLE", "away"), "warning"},
      {ResourceExhausted("SHARD_BUSY", "busy"), "warning"},
  }));
  Fixture f;
  CallTelemetry calls(CallTelemetry::Side::kServer, "pricing", f.scope, f.log);

  calls.Handled(Record(status));

  const auto lines = f.Lines();
  REQUIRE(lines.size() == (*level == '\0' ? 0 : 1));
  if (!lines.empty()) {
    CHECK(absl::StrContains(lines[0], absl::StrCat("\"level\":\"", level, "\"")));
    CHECK(absl::StrContains(lines[0], "\"service\":\"pricing\""));
    CHECK(absl::StrContains(lines[0], "\"method\":\"a.v1.S/M\""));
    CHECK(absl::StrContains(lines[0], "\"request_id\":\"r1\",\"tenant\":\"acme\""));
    // The log has the real text, the caller had not.
    CHECK(absl::StrContains(lines[0], std::string(status.message())));
  }
}

TEST_CASE("overload does not flood the log", "[service][log]") {
  Fixture f;
  CallTelemetry calls(CallTelemetry::Side::kServer, "pricing", f.scope, f.log);

  for (int i = 0; i < 1'000; ++i) calls.Handled(Record(ResourceExhausted("SHARD_BUSY", "busy")));

  // 20 a second; the loop takes less than a few of them.
  CHECK(f.Lines().size() < 200);
  CHECK(absl::StrContains(
      f.metrics.ToText(),
      "grpc_server_handled_total{grpc_code=\"ResourceExhausted\",grpc_method=\"M\","
      "grpc_service=\"a.v1.S\",room=\"pricing\"} 1000"));
}

TEST_CASE("every code of a declared method is there from the start", "[service][metrics]") {
  Fixture f;
  CallTelemetry calls(CallTelemetry::Side::kClient, "pricing", f.scope, f.log);
  calls.Declare("a.v1.S/M");

  const std::string text = f.metrics.ToText();

  for (const char* code : {"OK", "Unavailable", "Unauthenticated", "DataLoss"}) {
    CHECK(absl::StrContains(text, absl::StrCat("grpc_client_handled_total{grpc_code=\"", code,
                                               "\",grpc_method=\"M\"")));
  }
}

TEST_CASE("a batch is counted by what it held", "[service][metrics]") {
  Fixture f;
  EngineTelemetry engine("pricing", 2, f.scope, f.log);

  engine.BatchDone({.shard = 1, .commands = 3, .events = 2, .refused = 1, .bytes = 100,
                    .decide_time = absl::Milliseconds(1), .write_time = absl::Milliseconds(2),
                    .shard_time = absl::FromUnixSeconds(1'800'000'000)});
  engine.Synced(1, absl::Milliseconds(3));
  engine.Levels(1, {.outbox_rows = 7});
  engine.RefusedAtDoor(0, "SHARD_BUSY");
  engine.Parked(0, "t.v1", "ROW_UNREADABLE");
  engine.PartitionStopped(0, "t.v1", 3, "EVENT_GAP");

  const std::string text = f.metrics.ToText();
  for (const char* line :
       {"weft_engine_turns_total{cause=\"command\",room=\"pricing\",shard=\"1\"} 3\n",
        "weft_engine_turns_total{cause=\"event\",room=\"pricing\",shard=\"1\"} 2\n",
        "weft_engine_turns_total{cause=\"timer\",room=\"pricing\",shard=\"0\"} 0\n",
        "weft_engine_commands_refused_total{room=\"pricing\",shard=\"1\"} 1\n",
        "weft_engine_outbox_rows{room=\"pricing\",shard=\"1\"} 7\n",
        "weft_engine_shard_timestamp_seconds{room=\"pricing\",shard=\"1\"} 1800000000\n",
        "weft_engine_write_seconds_count{room=\"pricing\",shard=\"1\"} 1\n",
        "weft_engine_sync_seconds_count{room=\"pricing\",shard=\"1\"} 1\n",
        "weft_engine_door_refusals_total{reason=\"SHARD_BUSY\",room=\"pricing\",shard=\"0\"} 1\n",
        "weft_engine_parked_total{reason=\"ROW_UNREADABLE\",room=\"pricing\",topic=\"t.v1\"} 1\n",
        "weft_engine_partitions_stopped_total{reason=\"EVENT_GAP\",room=\"pricing\",topic=\"t.v1\"} 1\n"}) {
    CAPTURE(line);
    CHECK(absl::StrContains(text, line));
  }
  CHECK(f.Lines().size() == 2);
}

}  // namespace
}  // namespace weft::service
