// How fast a shard is by itself: durable turns of the shape of a reservation of
// five lines, without RPC. Prints turns per second and latencies.
//
//   engine_bench [--folder=DIR] [--seconds=5] [--callers=64] [--mem]
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <deque>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"
#include "libs/engine/mem_store.h"
#include "libs/engine/open.h"
#include "libs/engine/program_for_test.h"
#include "libs/eventlog/embedded_log.h"
#include "libs/eventlog/memory_log.h"

namespace weft::engine {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

int Run(int argc, char** argv) {
  std::string folder = std::filesystem::temp_directory_path() / "weft-engine-bench";
  double seconds = 5;
  int callers = 64;
  bool memory = false;
  for (int i = 1; i < argc; ++i) {
    if (std::strncmp(argv[i], "--folder=", 9) == 0) folder = argv[i] + 9;
    if (std::strncmp(argv[i], "--seconds=", 10) == 0) seconds = std::atof(argv[i] + 10);
    if (std::strncmp(argv[i], "--callers=", 10) == 0) callers = std::atoi(argv[i] + 10);
    if (std::strcmp(argv[i], "--mem") == 0) memory = true;
  }
  std::filesystem::remove_all(folder);
  Program program("bench");
  program.Emits("reserved.v1", {});
  static constexpr Table<std::string, bank::TextCodec> kStock{1, "stock"};
  static constexpr Table<std::string, bank::TextCodec> kReservations{2, "reservations"};
  program.Timer("expire", [](const TimerFired&, Turn&) {});
  program.commands["Bench/Reserve"] = [](absl::string_view payload,
                                         Turn& turn) -> absl::StatusOr<std::string> {
    int64_t seed = bank::Number(payload);
    for (int line = 0; line < 5; ++line) {
      const std::string sku = absl::StrCat("sku-", (seed * 7919 + line * 104729) % 100'000);
      WEFT_ASSIGN_OR_RETURN(const auto row, turn.Find(kStock, sku));
      const int64_t reserved = row.has_value() ? bank::Number(row->substr(0, row->find(' '))) : 0;
      turn.Put(kStock, sku, absl::StrCat(reserved + 1, " ", std::string(60, 'x')));
    }
    const std::string id = turn.NewId();
    turn.Put(kReservations, id, absl::StrCat(payload, std::string(200, 'y')));
    turn.SetTimer("expire", id, turn.now() + absl::Hours(24));
    turn.EmitBytes("reserved.v1", "bench.Reserved", id, std::string(150, 'z'));
    return std::string(120, 'a');
  };

  SystemClock clock;
  std::unique_ptr<eventlog::EventLog> log;
  if (memory) {
    log = std::make_unique<eventlog::MemoryLog>(clock);
  } else {
    eventlog::EmbeddedLogOptions log_options;
    log_options.path = folder + "/log";
    std::filesystem::create_directories(folder);
    auto opened = eventlog::EmbeddedLog::Open(log_options, clock);
    WEFT_CHECK_OK(opened);
    log = *std::move(opened);
  }
  Options options;
  options.folder = folder + "/room";
  if (memory) {
    options.open_store = [](int) -> absl::StatusOr<std::unique_ptr<Store>> {
      return std::make_unique<MemStore>();
    };
  }
  struct Counter final : Observer {
    void BatchDone(const BatchReport& report) override {
      ++batches;
      decide += absl::ToDoubleSeconds(report.decide_time);
      write += absl::ToDoubleSeconds(report.write_time);
      bytes += report.bytes;
    }
    int64_t batches = 0;
    double decide = 0;
    double write = 0;
    int64_t bytes = 0;
  } counter;
  options.observer = &counter;
  auto shards = Open(options, program, *log, clock);
  WEFT_CHECK_OK(shards);

  Principal principal;
  principal.tenant = "bench";
  std::atomic<int64_t> next{0};
  std::atomic<bool> stop{false};
  std::mutex mutex;
  std::vector<double> latencies;
  std::atomic<int> running{callers};
  std::function<void()> call = [&] {
    if (stop) {
      --running;
      return;
    }
    const int64_t n = next++;
    Command command;
    command.method = "Bench/Reserve";
    command.request_id = absl::StrCat("request-", n);
    command.principal = principal;
    command.payload = absl::StrCat(n);
    const SteadyTime start = std::chrono::steady_clock::now();
    (*shards)->Submit(std::move(command), [&, start](absl::StatusOr<Answer> answer) {
      WEFT_CHECK_OK(answer);
      {
        const std::lock_guard lock(mutex);
        latencies.push_back(
            std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
      }
      call();
    });
  };
  const SteadyTime start = std::chrono::steady_clock::now();
  for (int i = 0; i < callers; ++i) call();
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  stop = true;
  while (running > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const double took =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  (*shards)->Stop();
  std::sort(latencies.begin(), latencies.end());
  const auto at = [&](double q) {
    return latencies[static_cast<size_t>(q * static_cast<double>(latencies.size() - 1))] * 1000;
  };
  std::printf("turns/s %.0f  p50 %.2f ms  p99 %.2f ms  batches/s %.0f  decide %.0f%%  write %.0f%%  "
              "us/turn decide %.1f  bytes/turn %.0f\n",
              static_cast<double>(latencies.size()) / took, at(0.5), at(0.99),
              static_cast<double>(counter.batches) / took, 100 * counter.decide / took,
              100 * counter.write / took,
              1e6 * counter.decide / static_cast<double>(latencies.size()),
              static_cast<double>(counter.bytes) / static_cast<double>(latencies.size()));
  shards->reset();
  log.reset();
  std::filesystem::remove_all(folder);
  return 0;
}

}  // namespace
}  // namespace weft::engine

int main(int argc, char** argv) { return weft::engine::Run(argc, argv); }
