// Metrics of the event log on Kafka, from what the log counts itself
// (libs/eventlog/log_stats.h), and log lines when it changes under us.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <utility>

#include "libs/base/sync.h"
#include "libs/eventlog/event_log.h"
#include "libs/telemetry/log.h"
#include "libs/telemetry/metrics.h"

namespace weft::service {

class LogTelemetry {
 public:
  // All outlive it. Refreshes with each collection of `metrics`.
  LogTelemetry(eventlog::EventLog& event_log, telemetry::Metrics& metrics, telemetry::Logger& log);

  // Logs what has changed since the last look: another cluster, partitions that are
  // not followed any more, a log that is away. Called every few seconds.
  void Look() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Refresh();

  eventlog::EventLog& event_log_;
  telemetry::Metrics& metrics_;
  telemetry::Logger& log_;
  Mutex mutex_;
  bool connected_ ABSL_GUARDED_BY(mutex_) = true;
  bool cluster_changed_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<std::pair<std::string, int32_t>> stopped_ ABSL_GUARDED_BY(mutex_);
  // Topic and reason of gauges that were set once; they go back to 0.
  std::set<std::pair<std::string, std::string>> stopped_series_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<void> refresher_;  // Last: ends first.
};

}  // namespace weft::service
