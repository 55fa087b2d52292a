#include "libs/service/log_telemetry.h"

#include <map>

namespace weft::service {

using telemetry::Labels;
using telemetry::Level;

LogTelemetry::LogTelemetry(eventlog::EventLog& event_log, telemetry::Metrics& metrics,
                           telemetry::Logger& log)
    : event_log_(event_log), metrics_(metrics), log_(log) {
  static_assert(eventlog::DurationCounts::kBounds == telemetry::Histogram::kBounds);
  refresher_ = metrics_.OnCollect([this] { Refresh(); });
}

void LogTelemetry::Refresh() {
  const eventlog::LogStats stats = event_log_.Stats();
  const auto messages = [&](const std::string& topic, const char* result, uint64_t count) {
    metrics_
        .GetCounter("weft_kafka_messages_total",
                    "Records of Kafka by topic and what became of them.",
                    {{"topic", topic}, {"result", result}})
        .AdvanceTo(count);
  };
  const auto gauge = [&](const char* name, const char* help, Labels labels, double value) {
    metrics_.GetGauge(name, help, labels).Set(value);
  };
  for (const auto& [topic, counts] : stats.topics) {
    messages(topic, "appended", counts.appended);
    messages(topic, "append_failed", counts.append_failed);
    messages(topic, "read", counts.read);
    messages(topic, "read_failed", counts.read_failed);
    if (!counts.has_reader) continue;
    gauge("weft_kafka_consumer_lag_records", "Records in the log that were not read yet.",
          {{"topic", topic}}, static_cast<double>(counts.lag_records));
    gauge("weft_kafka_consumer_lag_seconds",
          "How long the partition that is furthest behind has been behind.", {{"topic", topic}},
          absl::ToDoubleSeconds(counts.lag));
  }
  metrics_
      .GetHistogram("weft_kafka_produce_duration_seconds",
                    "From handing records to the log until they are durable.", {})
      .AdvanceTo(stats.append_duration.buckets, stats.append_duration.sum_seconds);
  const auto renewed = [&](const char* client, uint64_t count) {
    metrics_
        .GetCounter("weft_kafka_clients_renewed_total",
                    "Clients made anew after an error that the old one could not get over.",
                    {{"client", client}})
        .AdvanceTo(count);
  };
  renewed("producer", stats.producers_renewed);
  renewed("reader", stats.readers_renewed);
  gauge("weft_kafka_connected", "1 while a broker is connected and answers.", {},
        stats.connected ? 1 : 0);
  gauge("weft_kafka_cluster_changed",
        "1 once another cluster answers than the one worked with: an operator decides.", {},
        stats.cluster_changed ? 1 : 0);
  std::map<std::pair<std::string, std::string>, int> stopped;
  for (const eventlog::StoppedPartition& part : stats.stopped) ++stopped[{part.topic, part.reason}];
  MutexLock lock(mutex_);
  for (const auto& series : stopped_series_) stopped.emplace(series, 0);
  for (const auto& [series, count] : stopped) {
    stopped_series_.insert(series);
    gauge("weft_kafka_partitions_stopped", "Partitions that are not followed any more.",
          {{"topic", series.first}, {"reason", series.second}}, count);
  }
}

void LogTelemetry::Look() {
  const eventlog::LogStats stats = event_log_.Stats();
  MutexLock lock(mutex_);
  if (stats.connected != connected_) {
    connected_ = stats.connected;
    log_.Log(connected_ ? Level::kInfo : Level::kWarning,
             connected_ ? "Kafka answers again" : "Kafka does not answer");
  }
  if (stats.cluster_changed && !cluster_changed_) {
    cluster_changed_ = true;
    log_.Log(Level::kError,
             "another Kafka cluster answers; answers are stale until an operator chooses "
             "weft log reseed or weft log rebuild",
             {{"reason", "LOG_CHANGED"}});
  }
  std::set<std::pair<std::string, int32_t>> now;
  for (const eventlog::StoppedPartition& part : stats.stopped) {
    now.emplace(part.topic, part.partition);
    if (stopped_.count({part.topic, part.partition}) > 0) continue;
    log_.Log(Level::kError, "partition is not followed any more",
             {{"topic", part.topic},
              {"partition", part.partition},
              {"reason", part.reason},
              {"cause", part.message}});
  }
  stopped_ = std::move(now);
}

}  // namespace weft::service
