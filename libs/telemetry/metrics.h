// Counters, gauges and histograms of a process, as Prometheus reads them.
//
//   Metrics metrics;
//   MetricsScope pricing(metrics, {{"room", "pricing"}});
//   Counter& priced = pricing.GetCounter("weft_pricing_lines_total", "Lines priced.",
//                                        {{"source", "contract"}});
//   priced.Add();
//
// Look a series up once, at start, and keep the reference: it lives as long as
// the registry. Label values come from closed sets (method, code, topic, reason),
// never from requests. What a series counts is then a relaxed atomic add on a
// stripe of the thread's own, without a lock.
//
// Names: CheckMetricName(). A name that breaks the rules, or is used with two
// types, stops the process: it is a bug of ours. Beyond 5,000 series all further
// ones are one series per name whose label values are "other".
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "libs/base/sync.h"

namespace weft::telemetry {

using Labels = std::vector<std::pair<std::string, std::string>>;

inline constexpr int kStripes = 4;
// The stripe of the calling thread.
int ThreadStripe();

class Counter {
 public:
  void Add(uint64_t count = 1) {
    stripes_[static_cast<size_t>(ThreadStripe())].value.fetch_add(count,
                                                                  std::memory_order_relaxed);
  }
  // For totals that somebody else counts; never goes back.
  void AdvanceTo(uint64_t total);
  uint64_t value() const;

 private:
  struct alignas(64) Stripe {
    std::atomic<uint64_t> value{0};
  };
  std::array<Stripe, kStripes> stripes_;
};

class Gauge {
 public:
  void Set(double value) { value_.store(value, std::memory_order_relaxed); }
  void Add(double by) { value_.fetch_add(by, std::memory_order_relaxed); }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

// Latencies in seconds. Buckets: 0.5 ms to 5 s, the thresholds of our goals
// among them.
class Histogram {
 public:
  static constexpr std::array<double, 13> kBounds = {0.0005, 0.001, 0.0025, 0.005, 0.01,
                                                     0.025,  0.05,  0.1,    0.2,   0.5,
                                                     1.0,    2.5,   5.0};
  void Observe(absl::Duration duration);
  // For observations that somebody else counts, by bucket and not summed up over them.
  void AdvanceTo(const std::array<uint64_t, kBounds.size() + 1>& buckets, double sum_seconds);
  uint64_t count() const;
  double sum() const;
  // Observations at or below each bound, then all.
  std::array<uint64_t, kBounds.size() + 1> Cumulative() const;

 private:
  struct alignas(64) Stripe {
    std::array<std::atomic<uint64_t>, kBounds.size() + 1> buckets{};
    std::atomic<int64_t> sum_ns{0};
  };
  std::array<Stripe, kStripes> stripes_;
};

enum class MetricType { kCounter, kGauge, kHistogram };

// The rules: [a-z][a-z0-9_]*, begins with weft_, grpc_ or process_; counters and
// only counters end in _total; no unit but base units (no _ms, _millis, _kb, _mb,
// _percent, _minutes, _hours, _days).
// Errors: INVALID_ARGUMENT / METRIC_NAME_INVALID.
absl::Status CheckMetricName(const std::string& name, MetricType type);

// Thread safe.
class Metrics {
 public:
  static constexpr size_t kSeriesMax = 5000;

  Metrics();
  ~Metrics();

  // The same name and labels give the same series.
  Counter& GetCounter(const std::string& name, const std::string& help, const Labels& labels);
  Gauge& GetGauge(const std::string& name, const std::string& help, const Labels& labels);
  Histogram& GetHistogram(const std::string& name, const std::string& help,
                          const Labels& labels);

  // Called before each ToText(), to refresh what is read rather than counted.
  // The returned handle ends it.
  std::shared_ptr<void> OnCollect(std::function<void()> refresh);

  // Text exposition format 0.0.4.
  std::string ToText();

  struct Described {
    std::string name;
    std::string help;
    MetricType type;
    size_t series;
  };
  std::vector<Described> Describe() const;

 private:
  struct Series;
  struct Family;
  Series& Find(const std::string& name, const std::string& help, MetricType type,
               const Labels& labels);

  mutable Mutex mutex_;
  std::map<std::string, std::unique_ptr<Family>> families_ ABSL_GUARDED_BY(mutex_);
  size_t series_count_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::weak_ptr<std::function<void()>>> refreshers_ ABSL_GUARDED_BY(mutex_);
};

// A registry with labels that every series of one owner bears, e.g. its room.
class MetricsScope {
 public:
  // `metrics` outlives the scope.
  MetricsScope(Metrics& metrics, Labels fixed) : metrics_(&metrics), fixed_(std::move(fixed)) {}

  Counter& GetCounter(const std::string& name, const std::string& help,
                      const Labels& labels = {}) {
    return metrics_->GetCounter(name, help, All(labels));
  }
  Gauge& GetGauge(const std::string& name, const std::string& help, const Labels& labels = {}) {
    return metrics_->GetGauge(name, help, All(labels));
  }
  Histogram& GetHistogram(const std::string& name, const std::string& help,
                          const Labels& labels = {}) {
    return metrics_->GetHistogram(name, help, All(labels));
  }
  Metrics& metrics() { return *metrics_; }

 private:
  Labels All(const Labels& labels) const {
    Labels all = fixed_;
    all.insert(all.end(), labels.begin(), labels.end());
    return all;
  }

  Metrics* metrics_;
  Labels fixed_;
};

// process_cpu_seconds_total, process_resident_memory_bytes,
// process_virtual_memory_bytes, process_open_fds, process_max_fds, process_threads,
// process_start_time_seconds; and weft_build_info{version,revision,compiler}.
// They are refreshed as long as the handle lives.
std::shared_ptr<void> AddProcessMetrics(Metrics& metrics);

// Version, revision and compiler of this build.
struct BuildInfo {
  std::string version;
  std::string revision;
  std::string compiler;
};
BuildInfo GetBuildInfo();

}  // namespace weft::telemetry
