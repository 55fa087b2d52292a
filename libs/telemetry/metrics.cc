#include "libs/telemetry/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"

namespace weft::telemetry {

int ThreadStripe() {
  static std::atomic<int> next{0};
  thread_local const int stripe = next.fetch_add(1, std::memory_order_relaxed) % kStripes;
  return stripe;
}

void Counter::AdvanceTo(uint64_t total) {
  const uint64_t now = value();
  if (total > now) Add(total - now);
}

uint64_t Counter::value() const {
  uint64_t sum = 0;
  for (const Stripe& stripe : stripes_) sum += stripe.value.load(std::memory_order_relaxed);
  return sum;
}

void Histogram::Observe(absl::Duration duration) {
  const int64_t ns = std::max<int64_t>(absl::ToInt64Nanoseconds(duration), 0);
  const double seconds = static_cast<double>(ns) * 1e-9;
  const auto bucket = static_cast<size_t>(
      std::lower_bound(kBounds.begin(), kBounds.end(), seconds) - kBounds.begin());
  Stripe& stripe = stripes_[static_cast<size_t>(ThreadStripe())];
  stripe.buckets[bucket].fetch_add(1, std::memory_order_relaxed);
  stripe.sum_ns.fetch_add(ns, std::memory_order_relaxed);
}

void Histogram::AdvanceTo(const std::array<uint64_t, kBounds.size() + 1>& buckets,
                          double sum_seconds) {
  // Nobody observes such a histogram, so all of it may stand in one stripe.
  Stripe& stripe = stripes_.front();
  for (size_t i = 0; i < buckets.size(); ++i) {
    stripe.buckets[i].store(buckets[i], std::memory_order_relaxed);
  }
  stripe.sum_ns.store(static_cast<int64_t>(sum_seconds * 1e9), std::memory_order_relaxed);
}

std::array<uint64_t, Histogram::kBounds.size() + 1> Histogram::Cumulative() const {
  std::array<uint64_t, kBounds.size() + 1> counts{};
  for (const Stripe& stripe : stripes_) {
    for (size_t i = 0; i < counts.size(); ++i) {
      counts[i] += stripe.buckets[i].load(std::memory_order_relaxed);
    }
  }
  for (size_t i = 1; i < counts.size(); ++i) counts[i] += counts[i - 1];
  return counts;
}

uint64_t Histogram::count() const { return Cumulative().back(); }

double Histogram::sum() const {
  int64_t ns = 0;
  for (const Stripe& stripe : stripes_) ns += stripe.sum_ns.load(std::memory_order_relaxed);
  return static_cast<double>(ns) * 1e-9;
}

absl::Status CheckMetricName(const std::string& name, MetricType type) {
  const auto invalid = [&](absl::string_view why) {
    return InvalidArgument("METRIC_NAME_INVALID", absl::StrCat("metric '", name, "' ", why),
                           {{"metric", name}});
  };
  for (char c : name) {
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) {
      return invalid("has a character other than a-z, 0-9 and _");
    }
  }
  if (!absl::StartsWith(name, "weft_") && !absl::StartsWith(name, "grpc_") &&
      !absl::StartsWith(name, "process_")) {
    return invalid("does not begin with weft_");
  }
  if (absl::EndsWith(name, "_") || absl::StrContains(name, "__")) {
    return invalid("has an empty word");
  }
  const bool total = absl::EndsWith(name, "_total");
  if (type == MetricType::kCounter && !total) return invalid("is a counter and must end in _total");
  if (type != MetricType::kCounter && total) return invalid("is no counter but ends in _total");
  const absl::string_view base =
      total ? absl::string_view(name).substr(0, name.size() - 6) : absl::string_view(name);
  for (const char* unit : {"_ms", "_millis", "_milliseconds", "_us", "_ns", "_kb", "_mb", "_kib",
                           "_mib", "_percent", "_minutes", "_hours", "_days"}) {
    if (absl::EndsWith(base, unit)) return invalid("has a unit that is no base unit");
  }
  if (type == MetricType::kHistogram && !absl::EndsWith(base, "_seconds")) {
    return invalid("is a histogram and must end in _seconds");
  }
  return absl::OkStatus();
}

struct Metrics::Series {
  Labels labels;
  Counter counter;
  Gauge gauge;
  std::unique_ptr<Histogram> histogram;
};

struct Metrics::Family {
  std::string help;
  MetricType type = MetricType::kCounter;
  std::map<Labels, std::unique_ptr<Series>> series;
};

Metrics::Metrics() = default;
Metrics::~Metrics() = default;

Metrics::Series& Metrics::Find(const std::string& name, const std::string& help,
                               MetricType type, const Labels& labels) {
  MutexLock lock(mutex_);
  auto& family = families_[name];
  if (family == nullptr) {
    WEFT_CHECK_OK(CheckMetricName(name, type));
    WEFT_CHECK(!help.empty());
    family = std::make_unique<Family>();
    family->help = help;
    family->type = type;
  }
  WEFT_CHECK(family->type == type);
  Labels key = labels;
  std::sort(key.begin(), key.end());
  auto it = family->series.find(key);
  if (it == family->series.end()) {
    if (series_count_ >= kSeriesMax) {
      for (auto& [label, value] : key) value = "other";
    }
    auto [place, is_new] = family->series.emplace(key, nullptr);
    if (is_new) {
      ++series_count_;
      place->second = std::make_unique<Series>();
      place->second->labels = key;
      if (type == MetricType::kHistogram) {
        place->second->histogram = std::make_unique<Histogram>();
      }
    }
    it = place;
  }
  return *it->second;
}

Counter& Metrics::GetCounter(const std::string& name, const std::string& help,
                             const Labels& labels) {
  return Find(name, help, MetricType::kCounter, labels).counter;
}

Gauge& Metrics::GetGauge(const std::string& name, const std::string& help,
                         const Labels& labels) {
  return Find(name, help, MetricType::kGauge, labels).gauge;
}

Histogram& Metrics::GetHistogram(const std::string& name, const std::string& help,
                                 const Labels& labels) {
  return *Find(name, help, MetricType::kHistogram, labels).histogram;
}

std::shared_ptr<void> Metrics::OnCollect(std::function<void()> refresh) {
  auto kept = std::make_shared<std::function<void()>>(std::move(refresh));
  MutexLock lock(mutex_);
  refreshers_.erase(std::remove_if(refreshers_.begin(), refreshers_.end(),
                                   [](const auto& weak) { return weak.expired(); }),
                    refreshers_.end());
  refreshers_.push_back(kept);
  return kept;
}

std::string Metrics::ToText() {
  std::vector<std::weak_ptr<std::function<void()>>> refreshers;
  {
    MutexLock lock(mutex_);
    refreshers = refreshers_;
  }
  for (const auto& weak : refreshers) {
    if (const auto refresh = weak.lock()) (*refresh)();
  }
  std::vector<prometheus::MetricFamily> families;
  MutexLock lock(mutex_);
  for (const auto& [name, family] : families_) {
    prometheus::MetricFamily out;
    out.name = name;
    out.help = family->help;
    out.type = family->type == MetricType::kCounter ? prometheus::MetricType::Counter
               : family->type == MetricType::kGauge ? prometheus::MetricType::Gauge
                                                    : prometheus::MetricType::Histogram;
    for (const auto& [key, series] : family->series) {
      prometheus::ClientMetric metric;
      for (const auto& [label, value] : series->labels) metric.label.push_back({label, value});
      if (family->type == MetricType::kCounter) {
        metric.counter.value = static_cast<double>(series->counter.value());
      } else if (family->type == MetricType::kGauge) {
        metric.gauge.value = series->gauge.value();
      } else {
        const auto counts = series->histogram->Cumulative();
        for (size_t i = 0; i < Histogram::kBounds.size(); ++i) {
          metric.histogram.bucket.push_back({counts[i], Histogram::kBounds[i]});
        }
        metric.histogram.bucket.push_back(
            {counts.back(), std::numeric_limits<double>::infinity()});
        metric.histogram.sample_count = counts.back();
        metric.histogram.sample_sum = series->histogram->sum();
      }
      out.metric.push_back(std::move(metric));
    }
    families.push_back(std::move(out));
  }
  return prometheus::TextSerializer().Serialize(families);
}

std::vector<Metrics::Described> Metrics::Describe() const {
  std::vector<Described> described;
  MutexLock lock(mutex_);
  for (const auto& [name, family] : families_) {
    described.push_back({name, family->help, family->type, family->series.size()});
  }
  return described;
}

}  // namespace weft::telemetry
