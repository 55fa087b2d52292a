#include "libs/service/health_watch.h"

#include <algorithm>
#include <utility>

namespace weft::service {

HealthWatch::HealthWatch(Options options) : options_(std::move(options)) {
  Look();
  thread_ = std::thread([this] {
    while (Pause()) Look();
  });
}

HealthWatch::~HealthWatch() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

bool HealthWatch::Pause() {
  MutexLock lock(mutex_);
  if (!stopping_) changed_.WaitFor(mutex_, options_.period);
  return !stopping_;
}

bool HealthWatch::IsAlive() const {
  return std::all_of(options_.parts.begin(), options_.parts.end(), [this](const Part& part) {
    return part.shards->Health().silence <= options_.stuck_after;
  });
}

bool HealthWatch::HasCaughtUp() const {
  if (options_.log == nullptr) return true;
  const eventlog::LogStats stats = options_.log->Stats();
  // Not reached yet: what there is to say is said from the state.
  if (!stats.connected) return true;
  for (const Part& part : options_.parts) {
    if (part.topics.empty()) continue;
    const engine::ShardHealth health = part.shards->Health();
    // Neither comes any nearer by waiting; an operator decides.
    if (health.log_changed || health.stopped_partitions > 0) continue;
    for (const std::string& topic : part.topics) {
      const auto found = stats.topics.find(topic);
      if (found != stats.topics.end() && found->second.has_reader) {
        if (found->second.lag_records > options_.lag_records_max) return false;
      } else if (options_.log->PartitionCount(topic).ok()) {
        return false;  // It is there and its reader is about to be.
      }
    }
  }
  return true;
}

void HealthWatch::Look() {
  if (options_.every_look) options_.every_look();
  const int alive = IsAlive() ? 1 : 0;
  if (alive != alive_ && options_.alive) options_.alive(alive == 1);
  alive_ = alive;
  if (!caught_up_) caught_up_ = HasCaughtUp();
  const int ready = caught_up_ && !(options_.blocked && options_.blocked()) ? 1 : 0;
  if (ready != ready_ && options_.ready) options_.ready(ready == 1);
  ready_ = ready;
}

}  // namespace weft::service
