// Metrics and log lines of calls: the shared gRPC names, and one line a call.
//
//   grpc_server_started_total{room,grpc_service,grpc_method}
//   grpc_server_handled_total{…,grpc_code}
//   grpc_server_handling_seconds{room,grpc_service,grpc_method}   not of streams
//   grpc_client_…  the same for calls that the room makes
//
// Log level by outcome: our bugs are errors; overload and absence are warnings,
// at most 20 lines a second, the next line says how many were left out; all
// else is debug.
#pragma once

#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "libs/base/sync.h"
#include "libs/rpc/observer.h"
#include "libs/telemetry/log.h"
#include "libs/telemetry/metrics.h"

namespace weft::service {

// Thread safe. What it is given outlives it.
class CallTelemetry final : public rpc::CallObserver {
 public:
  enum class Side { kServer, kClient };
  CallTelemetry(Side side, std::string room, telemetry::MetricsScope metrics,
                telemetry::Logger& log);
  ~CallTelemetry() override;

  void Declare(const std::string& method) override;
  void Started(const std::string& method) override;
  void Handled(const rpc::CallRecord& record) override;

 private:
  struct Series;
  const Series& Find(const std::string& method);
  void Log(const rpc::CallRecord& record);

  const Side side_;
  const std::string room_;
  telemetry::MetricsScope metrics_;
  telemetry::Logger& log_;
  Mutex mutex_;
  absl::flat_hash_map<std::string, std::unique_ptr<Series>> series_ ABSL_GUARDED_BY(mutex_);
  absl::Time second_ ABSL_GUARDED_BY(mutex_);
  int lines_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t left_out_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace weft::service
