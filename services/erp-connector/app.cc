#include "services/erp-connector/app.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "services/erp-connector/convert.h"
#include "services/erp-connector/domain/payload.h"
#include "services/erp-connector/exports.h"
#include "services/erp-connector/inlet.h"
#include "services/erp-connector/state.h"

namespace weft::erp::app {
namespace {

// Problems told in one answer.
constexpr int kProblemsMax = 100;

absl::StatusOr<int64_t> NumberOf(const std::string& id, absl::string_view missing_reason) {
  int64_t number = 0;
  if (!absl::SimpleAtoi(id, &number) || number < 1) {
    return NotFound(missing_reason, absl::StrCat("there is no '", id, "'"));
  }
  return number;
}

const ConnectionSettings* ConnectionOfParked(const Settings& settings, const v1::ParkedRow& row,
                                             const engine::Turn& turn) {
  return settings.Find(turn.tenant(), row.message().connection());
}

absl::Status ConnectionGone(const std::string& name) {
  return FailedPrecondition(
      "CONNECTION_UNKNOWN",
      absl::StrCat("connection '", name, "' is not configured any more; put it back first"));
}

absl::StatusOr<v1::ReplayParkedResponse> AnswerParked(int64_t number,
                                                      v1::ReplayParkedResponse response,
                                                      engine::Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::ParkedRow> still,
                        turn.Find(kParked, NumberKey(number)));
  if (still.has_value()) *response.mutable_parked() = ToProto(*still, /*with_data=*/false);
  return response;
}

}  // namespace

absl::StatusOr<v1::IngestResponse> Ingest(const Settings& settings,
                                          const v1::IngestRequest& request, engine::Turn& turn) {
  const ConnectionSettings* connection = settings.Find(turn.tenant(), request.connection());
  if (connection == nullptr) {
    return NotFound("CONNECTION_UNKNOWN",
                    absl::StrCat("there is no connection '", request.connection(), "'"));
  }
  const std::string& payload = request.has_data() ? request.data() : request.text();
  WEFT_ASSIGN_OR_RETURN(const std::vector<absl::string_view> messages, SplitPayload(payload));
  Inlet inlet(settings, *connection, turn);
  WEFT_RETURN_IF_ERROR(inlet.Open());
  v1::IngestResponse response;
  int64_t index = 0;
  for (const absl::string_view bytes : messages) {
    WEFT_ASSIGN_OR_RETURN(const Outcome outcome,
                          inlet.Take({.bytes = bytes, .source = "ingest", .record_key = {}}));
    AddTo(*response.mutable_counts(), outcome);
    if (outcome.problem.any() && response.problems_size() < kProblemsMax) {
      v1::IngestProblem& problem = *response.add_problems();
      problem.set_index(index);
      problem.set_message_id(outcome.message_id);
      problem.set_parked_id(absl::StrCat(outcome.parked));
      problem.set_reason(outcome.problem.reason);
      problem.set_message(outcome.problem.message);
      problem.set_path(outcome.problem.path);
    }
    ++index;
  }
  response.set_messages(index);
  inlet.Close();
  return response;
}

absl::Status TakeRecord(const Settings& settings, const ConnectionSettings& connection,
                        const engine::RawRecord& record, engine::Turn& turn) {
  Inlet inlet(settings, connection, turn);
  WEFT_RETURN_IF_ERROR(inlet.Open());
  WEFT_RETURN_IF_ERROR(
      inlet
          .Take({.bytes = record.tombstone ? absl::string_view() : absl::string_view(record.value),
                 .source = absl::StrCat(record.topic, "/", record.partition, "@", record.offset),
                 .record_key = record.key})
          .status());
  inlet.Close();
  return absl::OkStatus();
}

absl::StatusOr<v1::ReplayParkedResponse> ReplayParked(const Settings& settings,
                                                      const v1::ReplayParkedRequest& request,
                                                      engine::Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(const int64_t number, NumberOf(request.id(), "PARKED_NOT_FOUND"));
  WEFT_ASSIGN_OR_RETURN(const v1::ParkedRow row, turn.Get(kParked, NumberKey(number)));
  const ConnectionSettings* connection = ConnectionOfParked(settings, row, turn);
  if (connection == nullptr) return ConnectionGone(row.message().connection());
  Inlet inlet(settings, *connection, turn);
  WEFT_RETURN_IF_ERROR(inlet.Open());
  v1::ReplayParkedResponse response;
  WEFT_RETURN_IF_ERROR(inlet.Replay(
      number, request.text().empty() ? std::nullopt : std::optional<std::string>(request.text()),
      *response.mutable_counts()));
  inlet.Close();
  return AnswerParked(number, std::move(response), turn);
}

absl::StatusOr<v1::ReplayParkedResponse> DiscardParked(const Settings& settings,
                                                       const v1::DiscardParkedRequest& request,
                                                       engine::Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(const int64_t number, NumberOf(request.id(), "PARKED_NOT_FOUND"));
  WEFT_ASSIGN_OR_RETURN(const v1::ParkedRow row, turn.Get(kParked, NumberKey(number)));
  const ConnectionSettings* connection = ConnectionOfParked(settings, row, turn);
  if (connection == nullptr) return ConnectionGone(row.message().connection());
  Inlet inlet(settings, *connection, turn);
  WEFT_RETURN_IF_ERROR(inlet.Open());
  v1::ReplayParkedResponse response;
  WEFT_RETURN_IF_ERROR(inlet.Discard(number, *response.mutable_counts()));
  inlet.Close();
  return response;
}

absl::StatusOr<v1::Load> ResolveLoad(const Settings& settings,
                                     const v1::ResolveLoadRequest& request, engine::Turn& turn) {
  if (request.resolution() != v1::LOAD_RESOLUTION_DELETE &&
      request.resolution() != v1::LOAD_RESOLUTION_KEEP) {
    return InvalidArgument("RESOLUTION_REQUIRED",
                           "resolution must be LOAD_RESOLUTION_DELETE or LOAD_RESOLUTION_KEEP");
  }
  WEFT_ASSIGN_OR_RETURN(const int64_t number, NumberOf(request.id(), "LOAD_NOT_FOUND"));
  WEFT_ASSIGN_OR_RETURN(const v1::LoadRow row, turn.Get(kLoads, NumberKey(number)));
  const ConnectionSettings* connection = settings.Find(turn.tenant(), row.connection());
  if (connection == nullptr) return ConnectionGone(row.connection());
  Inlet inlet(settings, *connection, turn);
  WEFT_RETURN_IF_ERROR(inlet.Open());
  WEFT_RETURN_IF_ERROR(
      inlet.Resolve(number, request.resolution() == v1::LOAD_RESOLUTION_DELETE));
  inlet.Close();
  WEFT_ASSIGN_OR_RETURN(const v1::LoadRow after, turn.Get(kLoads, NumberKey(number)));
  return ToProto(number, after);
}

absl::StatusOr<v1::Export> SendExport(const Settings& settings,
                                      const v1::SendExportRequest& request, engine::Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(const v1::ExportRow row,
                        SendHeld(settings, OrderName(request.order()), turn));
  return ToProto(row, /*with_text=*/true);
}

void OnSweep(const Settings& settings, const engine::TimerFired& timer, engine::Turn& turn) {
  const ConnectionSettings* connection = settings.Find(turn.tenant(), timer.key);
  int64_t number = 0;
  if (connection == nullptr || !absl::SimpleAtoi(timer.payload, &number)) return;
  Inlet inlet(settings, *connection, turn);
  if (!inlet.Open().ok()) return;
  const absl::StatusOr<bool> more = inlet.Sweep(number);
  if (!more.ok()) return;
  inlet.Close();
  if (*more) turn.SetTimer(kSweepTimer, timer.key, turn.now(), timer.payload);
}

void OnDrain(const Settings& settings, const engine::TimerFired& timer, engine::Turn& turn) {
  const size_t slash = timer.payload.find('/');
  if (slash == std::string::npos) return;
  const ConnectionSettings* connection =
      settings.Find(turn.tenant(), timer.payload.substr(0, slash));
  if (connection == nullptr) return;
  Inlet inlet(settings, *connection, turn);
  if (!inlet.Open().ok()) return;
  v1::MessageCounts counts;
  if (!inlet.Drain(timer.payload.substr(slash + 1), counts).ok()) return;
  inlet.Close();
}

}  // namespace weft::erp::app
