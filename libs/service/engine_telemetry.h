// Metrics and log lines of a room's shards.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "libs/base/sync.h"
#include "libs/engine/observer.h"
#include "libs/telemetry/log.h"
#include "libs/telemetry/metrics.h"

namespace weft::service {

// Thread safe. What it is given outlives it.
class EngineTelemetry final : public engine::Observer {
 public:
  EngineTelemetry(std::string room, int shards, telemetry::MetricsScope metrics,
                  telemetry::Logger& log);
  ~EngineTelemetry() override;

  void BatchDone(const engine::BatchReport& report) override;
  void Levels(int shard, const engine::ShardLevels& levels) override;
  void Synced(int shard, absl::Duration took) override;
  void QueueLength(int shard, int64_t commands) override;
  void RefusedAtDoor(int shard, const std::string& reason) override;
  void Parked(int shard, const std::string& topic, const std::string& reason) override;
  void PartitionStopped(int shard, const std::string& topic, int32_t partition,
                        const std::string& reason) override;
  void EventsLost(int shard, const std::string& topic, int32_t partition,
                  const std::string& source, int64_t first, int64_t last) override;
  void TaskAnswered(int shard, const std::string& kind, bool known) override;
  void PublishFailed(int shard, const absl::Status& status) override;
  void TurnFailed(int shard, const absl::Status& status) override;
  void Restoring(int shard, int64_t remaining_records) override;
  void FolderThrownAway(int shard) override;
  void Owned(int shard, int64_t epoch) override;
  void Lost(int shard, const absl::Status& why) override;

 private:
  struct ShardSeries;
  ShardSeries& Of(int shard);

  const std::string room_;
  telemetry::MetricsScope metrics_;
  telemetry::Logger& log_;
  std::vector<std::unique_ptr<ShardSeries>> shards_;  // Constant after construction.
};

}  // namespace weft::service
