#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "libs/telemetry/metrics.h"

namespace weft::telemetry {
namespace {

std::string ReadText(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Fields of /proc/self/stat after the command's name; the first is field 3.
// Source: proc(5).
std::vector<std::string> StatFields() {
  const std::string text = ReadText("/proc/self/stat");
  const size_t end = text.rfind(')');
  if (end == std::string::npos) return {};
  return absl::StrSplit(text.substr(end + 1), absl::ByAnyChar(" \n"), absl::SkipEmpty());
}

double Field(const std::vector<std::string>& fields, size_t number) {
  double value = 0;
  if (fields.size() > number - 3) (void)absl::SimpleAtod(fields[number - 3], &value);
  return value;
}

double StartTimeSeconds(const std::vector<std::string>& fields) {
  for (absl::string_view line : absl::StrSplit(ReadText("/proc/stat"), '\n')) {
    double boot = 0;
    if (line.substr(0, 6) == "btime " && absl::SimpleAtod(line.substr(6), &boot)) {
      return boot + Field(fields, 22) / static_cast<double>(sysconf(_SC_CLK_TCK));
    }
  }
  return 0;
}

double OpenFiles() {
  std::error_code error;
  const std::filesystem::directory_iterator files("/proc/self/fd", error);
  if (error) return 0;
  // The listing itself has one open.
  return static_cast<double>(std::distance(begin(files), end(files)) - 1);
}

}  // namespace

BuildInfo GetBuildInfo() {
  return {.version = WEFT_VERSION, .revision = WEFT_REVISION, .compiler = __VERSION__};
}

std::shared_ptr<void> AddProcessMetrics(Metrics& metrics) {
  const BuildInfo build = GetBuildInfo();
  metrics
      .GetGauge("weft_build_info", "Constant 1; the labels say which build this is.",
                {{"version", build.version},
                 {"revision", build.revision},
                 {"compiler", build.compiler}})
      .Set(1);
  Counter& cpu = metrics.GetCounter("process_cpu_seconds_total",
                                    "CPU time used by the process, whole seconds.", {});
  Gauge& resident =
      metrics.GetGauge("process_resident_memory_bytes", "Memory in RAM.", {});
  Gauge& virtual_memory =
      metrics.GetGauge("process_virtual_memory_bytes", "Address space in use.", {});
  Gauge& open = metrics.GetGauge("process_open_fds", "Open file descriptors.", {});
  Gauge& limit = metrics.GetGauge("process_max_fds", "Limit of open file descriptors.", {});
  Gauge& threads = metrics.GetGauge("process_threads", "Threads of the process.", {});
  metrics
      .GetGauge("process_start_time_seconds", "When the process began, seconds since 1970.", {})
      .Set(StartTimeSeconds(StatFields()));
  return metrics.OnCollect([&cpu, &resident, &virtual_memory, &open, &limit, &threads] {
    const std::vector<std::string> fields = StatFields();
    cpu.AdvanceTo(static_cast<uint64_t>((Field(fields, 14) + Field(fields, 15)) /
                                        static_cast<double>(sysconf(_SC_CLK_TCK))));
    threads.Set(Field(fields, 20));
    virtual_memory.Set(Field(fields, 23));
    resident.Set(Field(fields, 24) * static_cast<double>(sysconf(_SC_PAGESIZE)));
    open.Set(OpenFiles());
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    limit.Set(static_cast<double>(files.rlim_cur));
  });
}

}  // namespace weft::telemetry
