#include "libs/telemetry/metrics.h"

#include <catch2/catch.hpp>
#include <thread>
#include <tuple>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/error.h"

namespace weft::telemetry {
namespace {

TEST_CASE("names follow the rules", "[metrics]") {
  const auto [name, type, ok] = GENERATE(table<const char*, MetricType, bool>({
      {"weft_pricing_lines_total", MetricType::kCounter, true},
      {"grpc_server_handling_seconds", MetricType::kHistogram, true},
      {"process_open_fds", MetricType::kGauge, true},
      {"weft_pricing_lines", MetricType::kCounter, false},
      {"weft_pricing_lines_total", MetricType::kGauge, false},
      {"pricing_lines_total", MetricType::kCounter, false},
      {"weft_Pricing_lines_total", MetricType::kCounter, false},
      {"weft_pricing__lines_total", MetricType::kCounter, false},
      {"weft_wait_ms", MetricType::kGauge, false},
      {"weft_wait_ms_total", MetricType::kCounter, false},
      {"weft_cache_mb", MetricType::kGauge, false},
      {"weft_hit_percent", MetricType::kGauge, false},
      {"weft_age_hours", MetricType::kGauge, false},
      {"weft_turn", MetricType::kHistogram, false},
      {"weft_turn_seconds", MetricType::kHistogram, true},
      {"weft_", MetricType::kGauge, false},
      {"", MetricType::kGauge, false},
  }));
  CAPTURE(name);

  const absl::Status status = CheckMetricName(name, type);

  CHECK(status.ok() == ok);
  if (!ok) CHECK(ReasonOf(status) == "METRIC_NAME_INVALID");
}

TEST_CASE("what is counted is what is shown", "[metrics]") {
  Metrics metrics;
  MetricsScope room(metrics, {{"room", "pricing"}});
  Counter& counter = room.GetCounter("weft_things_total", "Things.", {{"result", "ok"}});
  room.GetCounter("weft_things_total", "Things.", {{"result", "bad"}});
  room.GetGauge("weft_depth", "Depth.").Set(2.5);
  Histogram& histogram = room.GetHistogram("weft_turn_seconds", "Turns.");

  counter.Add(2);
  counter.Add();
  histogram.Observe(absl::Milliseconds(1));   // On a bound: belongs to it.
  histogram.Observe(absl::Milliseconds(70));
  histogram.Observe(absl::Seconds(9));
  histogram.Observe(absl::Seconds(-1));       // A clock that stepped: counts as 0.

  const std::string text = metrics.ToText();
  CHECK(absl::StrContains(text, "weft_things_total{result=\"ok\",room=\"pricing\"} 3\n"));
  CHECK(absl::StrContains(text, "weft_things_total{result=\"bad\",room=\"pricing\"} 0\n"));
  CHECK(absl::StrContains(text, "weft_depth{room=\"pricing\"} 2.5\n"));
  CHECK(absl::StrContains(text, "weft_turn_seconds_bucket{room=\"pricing\",le=\"0.001\"} 2\n"));
  CHECK(absl::StrContains(text, "weft_turn_seconds_bucket{room=\"pricing\",le=\"0.1\"} 3\n"));
  CHECK(absl::StrContains(text, "weft_turn_seconds_bucket{room=\"pricing\",le=\"+Inf\"} 4\n"));
  CHECK(absl::StrContains(text, "weft_turn_seconds_count{room=\"pricing\"} 4\n"));
  CHECK(absl::StrContains(text, "# TYPE weft_things_total counter\n"));
  CHECK(absl::StrContains(text, "# HELP weft_things_total Things.\n"));
}

TEST_CASE("the same labels in any order are the same series", "[metrics]") {
  Metrics metrics;
  CHECK(&metrics.GetCounter("weft_a_total", "A.", {{"x", "1"}, {"y", "2"}}) ==
        &metrics.GetCounter("weft_a_total", "A.", {{"y", "2"}, {"x", "1"}}));
}

TEST_CASE("counts of many threads add up", "[metrics]") {
  Metrics metrics;
  Counter& counter = metrics.GetCounter("weft_a_total", "A.", {});
  Histogram& histogram = metrics.GetHistogram("weft_b_seconds", "B.", {});
  std::vector<std::thread> threads;

  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10'000; ++i) {
        counter.Add();
        histogram.Observe(absl::Microseconds(1));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  CHECK(counter.value() == 80'000);
  CHECK(histogram.count() == 80'000);
  CHECK(histogram.sum() == Approx(0.08));
}

TEST_CASE("beyond the limit of series there is one series for the rest", "[metrics]") {
  Metrics metrics;
  for (size_t i = 0; i < Metrics::kSeriesMax + 10; ++i) {
    metrics.GetCounter("weft_a_total", "A.", {{"x", absl::StrCat(i)}}).Add();
  }

  CHECK(metrics.Describe()[0].series == Metrics::kSeriesMax + 1);
  CHECK(absl::StrContains(metrics.ToText(), "weft_a_total{x=\"other\"} 10\n"));
}

TEST_CASE("the process tells about itself", "[metrics]") {
  Metrics metrics;
  const auto handle = AddProcessMetrics(metrics);

  const std::string text = metrics.ToText();

  for (const char* name : {"process_cpu_seconds_total", "process_resident_memory_bytes",
                           "process_open_fds", "process_max_fds", "process_threads",
                           "process_start_time_seconds", "weft_build_info"}) {
    CAPTURE(name);
    CHECK(absl::StrContains(text, absl::StrCat("# TYPE ", name, " ")));
  }
  CHECK(metrics.GetGauge("process_resident_memory_bytes", "Memory in RAM.", {}).value() > 1e6);
  CHECK(metrics.GetGauge("process_start_time_seconds",
                         "When the process began, seconds since 1970.", {}).value() > 1.6e9);
}

TEST_CASE("a refresher ends with its handle", "[metrics]") {
  Metrics metrics;
  int refreshed = 0;
  auto handle = metrics.OnCollect([&] { ++refreshed; });
  metrics.ToText();
  handle.reset();
  metrics.ToText();
  CHECK(refreshed == 1);
}

}  // namespace
}  // namespace weft::telemetry
