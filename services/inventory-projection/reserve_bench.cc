// How many reservations a second one shard makes durable: five lines each, on the
// embedded log, without RPC. Spread over the items, or all on one.
//
//   inventory_reserve_bench [--folder=DIR] [--seconds=5] [--callers=64] [--items=1000] [--hot]
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"
#include "libs/engine/open.h"
#include "libs/eventlog/embedded_log.h"
#include "services/inventory-projection/feed_for_test.h"
#include "services/inventory-projection/program.h"

namespace weft::inventory {
namespace {

struct Flags {
  std::string folder = std::filesystem::temp_directory_path() / "weft-reserve-bench";
  double seconds = 5;
  int callers = 64;
  int items = 1000;
  bool hot = false;
};

std::string RequestOf(int64_t n, const Flags& flags, const std::string& id) {
  v1::ReserveRequest request;
  request.set_request_id(id);
  request.set_order(absl::StrCat("orders/", n));
  for (int line = 0; line < 5; ++line) {
    auto* to = request.add_lines();
    // One line of each reservation is on the hot item, the others are spread.
    const int64_t item =
        flags.hot && line == 0 ? 0 : (n * 7919 + line * 104'729) % flags.items;
    to->set_sku(absl::StrCat("SKU-", item));
    to->mutable_quantity()->set_value("1");
  }
  return request.SerializeAsString();
}

int Run(const Flags& flags) {
  std::filesystem::remove_all(flags.folder);
  std::filesystem::create_directories(flags.folder);
  SystemClock clock;
  eventlog::EmbeddedLogOptions log_options;
  log_options.path = flags.folder + "/log";
  auto log = eventlog::EmbeddedLog::Open(log_options, clock);
  WEFT_CHECK_OK(log);
  const engine::Program program = MakeProgram(Settings());
  engine::Options options;
  options.folder = flags.folder + "/room";
  auto shards = engine::Open(options, program, **log, clock);
  WEFT_CHECK_OK(shards);

  Feed feed(**log, "bench");
  for (int i = 0; i < flags.items; ++i) feed.Stock(absl::StrCat("SKU-", i), 1'000'000'000);
  std::promise<absl::Status> loaded;
  (*shards)->WaitFor("bench", feed.Flush(), absl::Seconds(60),
                     [&](absl::Status status) { loaded.set_value(std::move(status)); });
  WEFT_CHECK_OK(loaded.get_future().get());

  Principal principal;
  principal.tenant = "bench";
  principal.roles = {"service"};
  principal.accounts = {"*"};
  std::atomic<int64_t> next{0};
  std::atomic<bool> stop{false};
  std::atomic<int> running{flags.callers};
  std::mutex mutex;
  std::vector<double> latencies;
  std::function<void()> call = [&] {
    if (stop) {
      --running;
      return;
    }
    const int64_t n = next++;
    engine::Command command;
    command.method = kReserveMethod;
    command.request_id = absl::StrCat("request-", n);
    command.principal = principal;
    command.payload = RequestOf(n, flags, command.request_id);
    const auto start = std::chrono::steady_clock::now();
    (*shards)->Submit(std::move(command), [&, start](absl::StatusOr<engine::Answer> answer) {
      WEFT_CHECK_OK(answer);
      {
        const std::lock_guard lock(mutex);
        latencies.push_back(
            std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
      }
      call();
    });
  };
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < flags.callers; ++i) call();
  std::this_thread::sleep_for(std::chrono::duration<double>(flags.seconds));
  stop = true;
  while (running > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const double took =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  (*shards)->Stop();
  std::sort(latencies.begin(), latencies.end());
  const auto at = [&](double q) {
    return 1000 * latencies[static_cast<size_t>(q * static_cast<double>(latencies.size() - 1))];
  };
  std::printf("%s: %.0f reservations/s, p50 %.2f ms, p99 %.2f ms\n",
              flags.hot ? "hot" : "spread", static_cast<double>(latencies.size()) / took,
              at(0.5), at(0.99));
  shards->reset();
  log->reset();
  std::filesystem::remove_all(flags.folder);
  return 0;
}

}  // namespace
}  // namespace weft::inventory

int main(int argc, char** argv) {
  weft::inventory::Flags flags;
  for (int i = 1; i < argc; ++i) {
    if (std::strncmp(argv[i], "--folder=", 9) == 0) flags.folder = argv[i] + 9;
    if (std::strncmp(argv[i], "--seconds=", 10) == 0) flags.seconds = std::atof(argv[i] + 10);
    if (std::strncmp(argv[i], "--callers=", 10) == 0) flags.callers = std::atoi(argv[i] + 10);
    if (std::strncmp(argv[i], "--items=", 8) == 0) flags.items = std::atoi(argv[i] + 8);
    if (std::strcmp(argv[i], "--hot") == 0) flags.hot = true;
  }
  return weft::inventory::Run(flags);
}
