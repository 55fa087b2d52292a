// What the clients of one KafkaLog count together.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "libs/base/sync.h"
#include "libs/eventlog/log_stats.h"

namespace weft::eventlog::internal {

// Thread safe. Callers gather and count many at once.
class KafkaCounters {
 public:
  struct Appends {
    std::map<std::string, uint64_t> succeeded;
    std::map<std::string, uint64_t> failed;
    std::vector<absl::Duration> durations;
  };
  void CountAppends(const Appends& appends) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    for (const auto& [topic, count] : appends.succeeded) stats_.topics[topic].appended += count;
    for (const auto& [topic, count] : appends.failed) stats_.topics[topic].append_failed += count;
    for (const absl::Duration duration : appends.durations) stats_.append_duration.Add(duration);
  }
  void CountRead(const std::string& topic, uint64_t count) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    stats_.topics[topic].read += count;
  }
  void CountReadFailed(const std::string& topic) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    ++stats_.topics[topic].read_failed;
  }
  void CountProducerRenewed() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    ++stats_.producers_renewed;
  }
  void CountReaderRenewed() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    ++stats_.readers_renewed;
  }
  LogStats Get() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    return stats_;
  }

 private:
  Mutex mutex_;
  LogStats stats_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace weft::eventlog::internal
