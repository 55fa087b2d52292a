#include "services/erp-connector/program.h"

#include "absl/strings/str_cat.h"
#include "libs/engine/parked.h"
#include "services/erp-connector/app.h"
#include "services/erp-connector/exports.h"
#include "services/erp-connector/inlet.h"
#include "services/erp-connector/records.h"
#include "services/erp-connector/topics.h"

namespace weft::erp {
namespace {

// A raw message may be as large as a message may be, and some.
constexpr int64_t kRawRecordBytesMax = 2 << 20;

template <typename Request, typename Response>
void Command(engine::Program& program, const Settings& settings, absl::string_view method,
             absl::StatusOr<Response> (*use_case)(const Settings&, const Request&,
                                                  engine::Turn&)) {
  program.Command<Request, Response>(
      absl::StrCat(kErpService, method),
      std::function<absl::StatusOr<Response>(const Request&, engine::Turn&)>(
          [&settings, use_case](const Request& request, engine::Turn& turn) {
            return use_case(settings, request, turn);
          }));
}

}  // namespace

engine::Program MakeProgram(const Settings& settings) {
  engine::Program program("erp-connector");
  Command(program, settings, "Ingest", &app::Ingest);
  Command(program, settings, "ReplayParked", &app::ReplayParked);
  Command(program, settings, "DiscardParked", &app::DiscardParked);
  Command(program, settings, "ResolveLoad", &app::ResolveLoad);
  Command(program, settings, "ReseedFacts", &app::ReseedFacts);
  Command(program, settings, "SendExport", &app::SendExport);
  DeclareRecords(settings, program);

  program.Emits(engine::kTimeline, engine::kTimelineOptions);
  program.Emits(kStockTopic, {});
  program.Emits(kErpOrdersTopic, {});
  program.Emits(kDirectoryTopic, {.compacted = true});
  for (const auto& [name, connection] : settings.connections) {
    program.Emits(connection.topic_out, {.max_record_bytes = kRawRecordBytesMax});
    // Nothing is said on it; declaring it makes it.
    if (connection.create_topic_in) {
      program.Emits(connection.topic_in, {.max_record_bytes = kRawRecordBytesMax});
    }
    program.Emits(connection.topic_dlq, {.max_record_bytes = engine::kDeadLetterBytesMax});
  }

  program.Timer(kAcknowledgeTimer, &OnAcknowledgeDue);
  program.Timer(kSweepTimer, [&settings](const engine::TimerFired& timer, engine::Turn& turn) {
    app::OnSweep(settings, timer, turn);
  });
  program.Timer(kDrainTimer, [&settings](const engine::TimerFired& timer, engine::Turn& turn) {
    app::OnDrain(settings, timer, turn);
  });
  return program;
}

}  // namespace weft::erp
