// A room's view of the log on Kafka: its readers commit what they handed out under
// weft-<room>-<shard>, so that ordinary Kafka tools show the lag. Never read back.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/eventlog/kafka_log.h"

namespace weft::service {

class LagGroups final : public eventlog::EventLog {
 public:
  // `log` outlives it. `shards`: of the room, over all processes.
  LagGroups(eventlog::KafkaLog& log, std::string room, int shards)
      : log_(log), room_(std::move(room)), shards_(shards) {}

  absl::StatusOr<std::string> Identity() override { return log_.Identity(); }
  absl::Status EnsureTopic(const std::string& topic,
                           const eventlog::TopicOptions& options) override {
    return log_.EnsureTopic(topic, options);
  }
  absl::StatusOr<int32_t> PartitionCount(const std::string& topic) override {
    return log_.PartitionCount(topic);
  }
  void Append(const eventlog::TopicPartition& where, std::vector<eventlog::NewRecord> records,
              eventlog::AppendCallback done) override {
    log_.Append(where, std::move(records), std::move(done));
  }
  absl::StatusOr<std::unique_ptr<eventlog::Reader>> OpenReader(
      std::vector<eventlog::StartPosition> positions) override {
    // A shard reads its own partitions only, so the first one tells which it is.
    const int shard = positions.empty() ? 0 : positions.front().where.partition % shards_;
    return log_.OpenReader(std::move(positions), absl::StrCat("weft-", room_, "-", shard));
  }
  absl::StatusOr<eventlog::Watermarks> GetWatermarks(
      const eventlog::TopicPartition& where) override {
    return log_.GetWatermarks(where);
  }
  eventlog::LogStats Stats() override { return log_.Stats(); }

 private:
  eventlog::KafkaLog& log_;
  const std::string room_;
  const int shards_;
};

}  // namespace weft::service
