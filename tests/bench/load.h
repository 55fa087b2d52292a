// Makes load on a room through libs/rpc's own client and measures it.
//
// Closed loop (rate = 0): `callers` callers, each with one call under way; for
// peaks. Open loop: calls are sent at planned times, whatever became of the ones
// before, and latency counts from the planned time; for claims about latency.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/time/time.h"
#include "libs/rpc/client.h"
#include "tests/bench/latency.h"

namespace weft::bench {

struct LoadOptions {
  std::string target;  // host:port
  std::string method;  // package.Service/Method
  int callers = 64;
  int connections = 2;
  double rate = 0;     // Calls a second; 0 = closed loop.
  absl::Duration warm_up = absl::Seconds(1);
  absl::Duration duration = absl::Seconds(5);
  absl::Duration timeout = absl::Seconds(10);
};

struct LoadResult {
  uint64_t calls = 0;   // Answered with OK, after the warm-up.
  uint64_t all_ok = 0;  // Answered with OK, warm-up included.
  uint64_t errors = 0;
  std::string first_error;
  double seconds = 0;
  double cpu_seconds = 0;  // Of this process.
  Latency latency;
};

// The bytes of the request with this number, counted from 0 over all callers.
// Called from any thread.
using NextRequest = std::function<std::string(uint64_t number)>;

LoadResult RunLoad(const LoadOptions& options, const NextRequest& next);

// One JSON object on one line.
std::string ToJson(const std::string& name, const LoadResult& result);

}  // namespace weft::bench
