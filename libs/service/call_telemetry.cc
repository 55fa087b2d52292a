#include "libs/service/call_telemetry.h"

#include <array>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace weft::service {
namespace {

constexpr int kCodes = 17;
constexpr int kLinesPerSecond = 20;

// As the shared metrics write them: "NotFound".
constexpr const char* kCodeNames[kCodes] = {
    "OK",           "Canceled",          "Unknown",           "InvalidArgument",
    "DeadlineExceeded", "NotFound",      "AlreadyExists",     "PermissionDenied",
    "ResourceExhausted", "FailedPrecondition", "Aborted",     "OutOfRange",
    "Unimplemented", "Internal",         "Unavailable",       "DataLoss",
    "Unauthenticated"};

}  // namespace

struct CallTelemetry::Series {
  telemetry::Counter* started = nullptr;
  std::array<telemetry::Counter*, kCodes> handled{};
  telemetry::Histogram* seconds = nullptr;
};

CallTelemetry::CallTelemetry(Side side, std::string room, telemetry::MetricsScope metrics,
                             telemetry::Logger& log)
    : side_(side), room_(std::move(room)), metrics_(std::move(metrics)), log_(log) {
  Declare("unknown");
}

CallTelemetry::~CallTelemetry() = default;

void CallTelemetry::Declare(const std::string& method) { Find(method); }

const CallTelemetry::Series& CallTelemetry::Find(const std::string& method) {
  MutexLock lock(mutex_);
  auto& series = series_[method];
  if (series != nullptr) return *series;
  series = std::make_unique<Series>();
  const std::string prefix = side_ == Side::kServer ? "grpc_server_" : "grpc_client_";
  const size_t slash = method.find('/');
  const telemetry::Labels labels = {
      {"grpc_service", method.substr(0, slash)},
      {"grpc_method", slash == std::string::npos ? "unknown" : method.substr(slash + 1)}};
  series->started = &metrics_.GetCounter(absl::StrCat(prefix, "started_total"),
                                         "Calls begun.", labels);
  series->seconds = &metrics_.GetHistogram(absl::StrCat(prefix, "handling_seconds"),
                                           "Time from the call's arrival to its end.", labels);
  for (int code = 0; code < kCodes; ++code) {
    telemetry::Labels with_code = labels;
    with_code.emplace_back("grpc_code", kCodeNames[code]);
    series->handled[static_cast<size_t>(code)] = &metrics_.GetCounter(
        absl::StrCat(prefix, "handled_total"), "Calls ended, by status code.", with_code);
  }
  return *series;
}

void CallTelemetry::Started(const std::string& method) { Find(method).started->Add(); }

void CallTelemetry::Handled(const rpc::CallRecord& record) {
  const Series& series = Find(record.method);
  const int code = static_cast<int>(record.status.code());
  series.handled[static_cast<size_t>(code >= 0 && code < kCodes ? code : 2)]->Add();
  // How long a stream was open says nothing about latency.
  if (!record.stream) series.seconds->Observe(record.duration);
  Log(record);
}

void CallTelemetry::Log(const rpc::CallRecord& record) {
  telemetry::Level level = telemetry::Level::kDebug;
  switch (record.status.code()) {
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kDataLoss:
      level = telemetry::Level::kError;
      break;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kDeadlineExceeded:
      level = telemetry::Level::kWarning;
      break;
    default:
      break;
  }
  if (!log_.Enabled(level)) return;
  int64_t left_out = 0;
  if (level == telemetry::Level::kWarning) {
    const absl::Time now = absl::Now();
    MutexLock lock(mutex_);
    if (now - second_ >= absl::Seconds(1) || now < second_) {
      second_ = now;
      lines_ = 0;
    }
    if (++lines_ > kLinesPerSecond) {
      ++left_out_;
      return;
    }
    left_out = std::exchange(left_out_, 0);
  }
  std::vector<telemetry::Field> fields = {
      {"method", record.method},
      {"duration_seconds", absl::ToDoubleSeconds(record.duration)}};
  if (!record.subject.empty()) fields.emplace_back("subject", record.subject);
  if (!record.peer.empty()) fields.emplace_back("peer", record.peer);
  if (record.status.ok()) {
    fields.emplace_back("code", "OK");
  } else {
    for (telemetry::Field& field : telemetry::StatusFields(record.status)) {
      fields.push_back(std::move(field));
    }
  }
  if (left_out > 0) fields.emplace_back("left_out", left_out);
  log_.LogAs(room_, level, side_ == Side::kServer ? "call served" : "call made", fields,
             {.traceparent = record.traceparent,
              .request_id = record.request_id,
              .tenant = record.tenant});
}

}  // namespace weft::service
