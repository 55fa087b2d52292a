// How fast the embedded log takes records. Prints one line per case; see
// tests/bench for how figures are compared.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/clock.h"
#include "libs/base/status_macros.h"
#include "libs/eventlog/embedded_log.h"
#include "libs/testing/paths.h"

namespace weft::eventlog {
namespace {

constexpr char kTopic[] = "weft.bench.things.v1";

std::vector<NewRecord> Records(int count, int bytes) {
  std::vector<NewRecord> records;
  for (int i = 0; i < count; ++i) {
    records.push_back({"tenant", {{"ce_id", "1"}, {"ce_type", "weft.bench.v1.Thing"}},
                       std::string(static_cast<size_t>(bytes), 'x')});
  }
  return records;
}

// `callers` appends are outstanding all the time, each of `per_append` records.
void Run(const char* name, int callers, int per_append, int bytes, absl::Duration time) {
  testing::TempDir folder;
  SystemClock clock;
  auto log = *EmbeddedLog::Open({.path = folder.path()}, clock);
  WEFT_CHECK_OK(log->EnsureTopic(kTopic, {}));

  std::atomic<bool> stop{false};
  std::atomic<int64_t> records{0};
  std::atomic<int64_t> read{0};
  std::atomic<int> outstanding{callers};
  std::function<void(int)> append = [&](int caller) {
    log->Append({kTopic, caller % 64}, Records(per_append, bytes),
                [&, caller](absl::StatusOr<int64_t> first) {
                  WEFT_CHECK_OK(first);
                  records += per_append;
                  if (stop.load()) {
                    --outstanding;
                  } else {
                    append(caller);
                  }
                });
  };
  std::vector<StartPosition> positions;
  for (int p = 0; p < 64; ++p) positions.push_back({{kTopic, p}, 0, {}});
  auto reader = *log->OpenReader(positions);
  std::thread reading([&] {
    while (true) {
      const auto batches = reader->Poll(absl::Milliseconds(100), 1000);
      WEFT_CHECK_OK(batches);
      if (batches->empty() && outstanding.load() == 0) return;
      for (const Batch& batch : *batches) read += static_cast<int64_t>(batch.records.size());
    }
  });
  const absl::Duration start = clock.Steady();
  for (int c = 0; c < callers; ++c) append(c);
  absl::SleepFor(time);
  const int64_t appended = records.load();
  const double seconds = absl::ToDoubleSeconds(clock.Steady() - start);
  stop = true;
  reading.join();
  const auto stats = log->GetStats();
  WEFT_CHECK(read.load() == records.load());
  std::printf("%-40s %9.0f records/s  %7.1f MB/s  %6.0f syncs/s  %6.1f appends a sync\n", name,
              static_cast<double>(appended) / seconds,
              static_cast<double>(appended) * bytes / seconds / 1e6,
              static_cast<double>(stats.commits) / seconds,
              static_cast<double>(stats.appends) / static_cast<double>(stats.commits));
}

}  // namespace
}  // namespace weft::eventlog

int main(int argc, char** argv) {
  const absl::Duration time = absl::Seconds(argc > 1 ? std::atoi(argv[1]) : 3);
  weft::eventlog::Run("1 caller, 1 x 300 B", 1, 1, 300, time);
  weft::eventlog::Run("64 callers, 1 x 300 B", 64, 1, 300, time);
  weft::eventlog::Run("512 callers, 1 x 300 B", 512, 1, 300, time);
  weft::eventlog::Run("bulk, 8 callers, 500 x 300 B", 8, 500, 300, time);
  weft::eventlog::Run("large, 8 callers, 1 x 500 KB", 8, 1, 500'000, time);
}
