// Reads an event log to its end and says whether it is whole: events of each
// source numbered without gaps per topic and partition, repeats equal to the
// first, offsets contiguous where nothing was compacted.
//
//   weft_log_check LOG_FOLDER       (the mesh must be down)
#include <cstdio>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/clock.h"
#include "libs/base/status_macros.h"
#include "libs/eventlog/embedded_log.h"

namespace weft {
namespace {

int Run(const std::string& folder) {
  if (!std::filesystem::exists(folder + "/CURRENT")) {
    std::printf("there is no event log in %s\n", folder.c_str());
    return 2;
  }
  const SystemClock clock;
  auto log = eventlog::EmbeddedLog::Open(
      {.path = folder, .maintenance_interval = absl::Hours(24)}, clock);
  if (!log.ok()) {
    std::printf("%s\n", log.status().ToString().c_str());
    return 2;
  }
  int64_t events = 0;
  int64_t repeats = 0;
  int64_t wrong = 0;
  for (const auto& [topic, options] : (*log)->Topics()) {
    for (int32_t p = 0; p < options.partitions; ++p) {
      const auto marks = (*log)->GetWatermarks({topic, p});
      WEFT_CHECK_OK(marks);
      auto reader = (*log)->OpenReader({{{topic, p}, marks->begin, {}}});
      WEFT_CHECK_OK(reader);
      std::map<std::string, std::vector<std::string>> digests;  // By source, by number.
      int64_t next = marks->begin;
      while (next < marks->end) {
        const auto batches = (*reader)->Poll(absl::Seconds(1), 1000);
        WEFT_CHECK_OK(batches);
        if (batches->empty()) break;
        for (eventlog::Record record : batches->front().records) {
          if (record.offset != next && !options.compacted) {
            std::printf("%s partition %d: offset %lld is missing\n", topic.c_str(), p,
                        static_cast<long long>(next));
            ++wrong;
          }
          next = record.offset + 1;
          const std::string source = record.HeaderOr("ce_source");
          if (source.empty() || options.compacted) continue;
          ++events;
          const size_t number = std::stoul(record.HeaderOr("ce_id"));
          record.append_time = absl::UnixEpoch();
          std::vector<std::string>& seen = digests[source];
          if (number == seen.size() + 1) {
            seen.push_back(eventlog::RecordDigest(record));
          } else if (number == 0 || number > seen.size()) {
            std::printf("%s partition %d: %s skips from %zu to %zu\n", topic.c_str(), p,
                        source.c_str(), seen.size(), number);
            ++wrong;
          } else {
            ++repeats;
            if (seen[number - 1] != eventlog::RecordDigest(record)) {
              std::printf("%s partition %d: two different events %zu of %s\n", topic.c_str(),
                          p, number, source.c_str());
              ++wrong;
            }
          }
        }
      }
    }
  }
  std::printf("%lld events in the log, %lld of them repeats, %lld wrong\n",
              static_cast<long long>(events), static_cast<long long>(repeats),
              static_cast<long long>(wrong));
  return wrong == 0 ? 0 : 1;
}

}  // namespace
}  // namespace weft

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "weft_log_check LOG_FOLDER\n");
    return 2;
  }
  return weft::Run(argv[1]);
}
