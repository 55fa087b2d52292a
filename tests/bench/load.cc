#include "tests/bench/load.h"

#include <sys/resource.h>

#include <atomic>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "libs/base/error.h"
#include "libs/base/sync.h"
#include "libs/rpc/grpc_client.h"

namespace weft::bench {
namespace {

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

// What all callers share.
struct Run {
  const LoadOptions& options;
  const NextRequest& next;
  absl::Time measure_from;
  absl::Time end;
  std::atomic<uint64_t> number{0};
  Mutex mutex;
  CondVar idle;
  int under_way ABSL_GUARDED_BY(mutex) = 0;
  LoadResult result ABSL_GUARDED_BY(mutex);
};

// Calls of one connection; its callbacks come one at a time.
class Lane {
 public:
  Lane(Run& run, std::unique_ptr<rpc::Client> client) : run_(run), client_(std::move(client)) {}

  // Opens the connection, so that the first call measured does not pay for it or
  // find nobody there yet. Any answer will do.
  void Connect() {
    for (int attempt = 0; attempt < 50; ++attempt) {
      std::promise<absl::StatusCode> answered;
      client_->CallRaw("grpc.health.v1.Health/Check", "",
                       {.timeout = absl::Seconds(1), .tenant = "demo"},
                       [&answered](absl::StatusOr<rpc::RawAnswer> answer) {
                         answered.set_value(answer.status().code());
                       });
      const absl::StatusCode code = answered.get_future().get();
      if (code != absl::StatusCode::kUnavailable && code != absl::StatusCode::kDeadlineExceeded) {
        return;
      }
      absl::SleepFor(absl::Milliseconds(100));
    }
  }

  // One call; `planned` is when its latency begins.
  void Send(absl::Time planned, bool again) {
    const uint64_t number = run_.number.fetch_add(1, std::memory_order_relaxed);
    client_->CallRaw(run_.options.method, run_.next(number),
                     {.timeout = run_.options.timeout, .tenant = "demo"},
                     [this, planned, again](absl::StatusOr<rpc::RawAnswer> answer) {
                       Done(planned, again, answer.status());
                     });
  }
  const LoadResult& result() const { return result_; }

 private:
  void Done(absl::Time planned, bool again, const absl::Status& status) {
    const absl::Time now = absl::Now();
    if (!status.ok()) {
      if (result_.errors++ == 0) {
        result_.first_error = absl::StrCat(ReasonOf(status), ": ", std::string(status.message()));
      }
    } else {
      ++result_.all_ok;
      if (planned >= run_.measure_from && planned < run_.end) {
        ++result_.calls;
        result_.latency.Add(now - planned);
      }
    }
    if (again && now < run_.end) return Send(now, true);
    MutexLock lock(run_.mutex);
    if (--run_.under_way == 0) run_.idle.NotifyAll();
  }

  Run& run_;
  const std::unique_ptr<rpc::Client> client_;
  LoadResult result_;
};

}  // namespace

LoadResult RunLoad(const LoadOptions& options, const NextRequest& next) {
  // One client thread: on two cores a second one takes from the server.
  rpc::ClientPool pool({.own_connections = true});
  Run run{.options = options, .next = next};
  std::vector<std::unique_ptr<Lane>> lanes;
  for (int i = 0; i < options.connections; ++i) {
    lanes.push_back(std::make_unique<Lane>(
        run, pool.Room({.room = "bench", .target = options.target})));
  }
  for (const auto& lane : lanes) lane->Connect();
  const absl::Time start = absl::Now();
  run.measure_from = start + options.warm_up;
  run.end = run.measure_from + options.duration;
  double cpu_before = 0;
  std::thread meter([&] {
    absl::SleepFor(run.measure_from - absl::Now());
    cpu_before = CpuSeconds();
  });
  if (options.rate <= 0) {
    {
      MutexLock lock(run.mutex);
      run.under_way = options.callers;
    }
    for (int i = 0; i < options.callers; ++i) {
      lanes[static_cast<size_t>(i % options.connections)]->Send(absl::Now(), true);
    }
  } else {
    const auto total = static_cast<int64_t>(
        options.rate * absl::ToDoubleSeconds(options.warm_up + options.duration));
    for (int64_t i = 0; i < total; ++i) {
      const absl::Time planned =
          start + absl::Seconds(static_cast<double>(i) / options.rate);
      const absl::Duration wait = planned - absl::Now();
      if (wait > absl::Microseconds(200)) absl::SleepFor(wait);
      {
        MutexLock lock(run.mutex);
        ++run.under_way;
      }
      lanes[static_cast<size_t>(i % options.connections)]->Send(planned, false);
    }
  }
  {
    MutexLock lock(run.mutex);
    while (run.under_way > 0) run.idle.Wait(run.mutex);
  }
  meter.join();
  LoadResult all;
  all.cpu_seconds = CpuSeconds() - cpu_before;
  all.seconds = absl::ToDoubleSeconds(options.duration);
  for (const auto& lane : lanes) {
    const LoadResult& one = lane->result();
    all.calls += one.calls;
    all.all_ok += one.all_ok;
    all.errors += one.errors;
    if (all.first_error.empty()) all.first_error = one.first_error;
    all.latency.Merge(one.latency);
  }
  return all;
}

std::string ToJson(const std::string& name, const LoadResult& result) {
  const auto ms = [&](double share) {
    return absl::ToDoubleMilliseconds(result.latency.Percentile(share));
  };
  std::string error;
  for (char c : result.first_error) error.push_back(c == '"' || c == '\\' || c < ' ' ? '\'' : c);
  return absl::StrFormat(
      R"({"name":"%s","rate":%.1f,"p50_ms":%.3f,"p99_ms":%.3f,"p999_ms":%.3f,"calls":%d,)"
      R"("all_ok":%d,"errors":%d,"client_cpu_us":%.2f,"first_error":"%s"})",
      name, static_cast<double>(result.calls) / result.seconds, ms(0.5), ms(0.99), ms(0.999),
      result.calls, result.all_ok, result.errors,
      result.calls == 0 ? 0 : result.cpu_seconds * 1e6 / static_cast<double>(result.calls), error);
}

}  // namespace weft::bench
