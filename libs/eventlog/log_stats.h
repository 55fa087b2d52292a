// What a log can tell of its work; the material of the metrics family Kafka.
//
// Counters only grow while the process lives. A log in this process has no lag
// worth a number and answers with an empty LogStats.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace weft::eventlog {

// Counts of durations; bucket i holds those of at most kBounds[i] seconds (and
// more than the one before), the last bucket the longer ones.
struct DurationCounts {
  static constexpr std::array<double, 13> kBounds = {0.0005, 0.001, 0.0025, 0.005, 0.01,
                                                     0.025,  0.05,  0.1,    0.2,   0.5,
                                                     1.0,    2.5,   5.0};
  std::array<uint64_t, kBounds.size() + 1> buckets{};
  double sum_seconds = 0;

  void Add(absl::Duration duration) {
    const double seconds = absl::ToDoubleSeconds(duration);
    size_t i = 0;
    while (i < kBounds.size() && seconds > kBounds[i]) ++i;
    ++buckets[i];
    sum_seconds += seconds;
  }
};

struct TopicStats {
  // Records by result. An append that failed is counted, whatever became of it.
  uint64_t appended = 0;
  uint64_t append_failed = 0;
  uint64_t read = 0;
  // Errors that Poll() answered for this topic.
  uint64_t read_failed = 0;

  // Of all readers of this process together: what is in the log and was not
  // handed out.
  bool has_reader = false;
  int64_t lag_records = 0;
  // How long the partition that is furthest behind has been behind; 0 when none
  // is. Never more than the age of the record handed out last.
  absl::Duration lag;
};

// A partition that a reader does not follow any more.
struct StoppedPartition {
  std::string topic;
  int32_t partition = 0;
  std::string reason;  // OFFSET_GONE, LOG_CHANGED
  std::string message;
  absl::Time since;
};

struct LogStats {
  std::map<std::string, TopicStats> topics;
  // From Append() to its callback, of those that succeeded.
  DurationCounts append_duration;
  // Clients made anew after an error that the old one could not get over.
  uint64_t producers_renewed = 0;
  uint64_t readers_renewed = 0;
  // Another cluster answers than the one this log worked with.
  bool cluster_changed = false;
  // Whether a broker is connected and answers.
  bool connected = true;
  std::vector<StoppedPartition> stopped;
};

}  // namespace weft::eventlog
