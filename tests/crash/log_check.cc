// Reads an event log to its end and says whether it is whole: events of each
// source numbered without gaps per topic and partition, repeats equal to the
// first, offsets contiguous where nothing was compacted.
//
//   weft_log_check LOG_FOLDER                    (the mesh must be down)
//   weft_log_check --kafka=HOST:PORT [--effects] TOPIC...    (topics that are not compacted)
//
// --effects: also how many events, each counted once, there are of every type and
// subject, a line each: "effect TYPE SUBJECT COUNT". Whoever knows what was done can
// tell from it what is missing and what was done twice.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/base/clock.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "libs/eventlog/embedded_log.h"
#include "libs/eventlog/kafka_log.h"

namespace weft {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(60);

struct Counts {
  int64_t events = 0;
  int64_t repeats = 0;
  int64_t wrong = 0;
  std::map<std::pair<std::string, std::string>, int64_t> effects;  // By type and subject.
};

// One partition, on the way through its records.
struct Place {
  int64_t next = 0;
  int64_t end = 0;
  std::map<std::string, std::vector<std::string>> digests;  // By source, by number.
  std::map<std::string, std::string> messages;  // Digests of others' messages, by their id.
};

void CheckRecord(const eventlog::TopicPartition& where, bool compacted, eventlog::Record record,
                 Place& place, Counts& counts) {
  const auto complain = [&](const std::string& what) {
    std::printf("%s partition %d: %s\n", where.topic.c_str(), where.partition, what.c_str());
    ++counts.wrong;
  };
  if (record.offset != place.next && !compacted) {
    complain(absl::StrCat("offset ", place.next, " is missing"));
  }
  place.next = record.offset + 1;
  const std::string source = record.HeaderOr("ce_source");
  const std::string id = record.HeaderOr("weft_message_id");
  if (compacted || (source.empty() && id.empty())) return;
  ++counts.events;
  record.append_time = absl::UnixEpoch();
  if (source.empty()) {
    // For somebody who knows a repeat by the message's id.
    const auto [first, fresh] = place.messages.emplace(id, eventlog::RecordDigest(record));
    if (fresh) {
      ++counts.effects[{record.HeaderOr("weft_message_type"), record.key}];
    } else {
      ++counts.repeats;
      if (first->second != eventlog::RecordDigest(record)) {
        complain(absl::StrCat("two different messages ", id));
      }
    }
    return;
  }
  const size_t number = std::stoul(record.HeaderOr("ce_id"));
  std::vector<std::string>& seen = place.digests[source];
  if (record.HeaderOr("ce_type") == "weft.log.v1.SourceOpened") {
    // What comes before stood on another log.
    seen.resize(std::max(seen.size(), number));
    return;
  }
  if (number == seen.size() + 1) {
    seen.push_back(eventlog::RecordDigest(record));
    ++counts.effects[{record.HeaderOr("ce_type"), record.HeaderOr("ce_subject")}];
  } else if (number == 0 || number > seen.size()) {
    complain(absl::StrCat(source, " skips from ", seen.size(), " to ", number));
  } else {
    ++counts.repeats;
    if (!seen[number - 1].empty() && seen[number - 1] != eventlog::RecordDigest(record)) {
      complain(absl::StrCat("two different events ", number, " of ", source));
    }
  }
}

void CheckTopic(eventlog::EventLog& log, const std::string& topic, bool compacted,
                Counts& counts) {
  const auto partitions = log.PartitionCount(topic);
  WEFT_CHECK_OK(partitions);
  std::map<eventlog::TopicPartition, Place> places;
  std::vector<eventlog::StartPosition> starts;
  for (int32_t p = 0; p < *partitions; ++p) {
    const auto marks = log.GetWatermarks({topic, p});
    WEFT_CHECK_OK(marks);
    if (marks->begin == marks->end) continue;
    places[{topic, p}] = {marks->begin, marks->end, {}};
    starts.push_back({{topic, p}, marks->begin, {}});
  }
  auto reader = log.OpenReader(starts);
  WEFT_CHECK_OK(reader);
  size_t open = places.size();
  while (open > 0) {
    auto batches = (*reader)->Poll(compacted ? absl::Seconds(1) : kPatience, 1000);
    WEFT_CHECK_OK(batches);
    if (batches->empty()) break;  // A compacted end.
    for (eventlog::Batch& batch : *batches) {
      Place& place = places[batch.where];
      for (eventlog::Record& record : batch.records) {
        if (record.offset >= place.end) break;
        CheckRecord(batch.where, compacted, std::move(record), place, counts);
        if (place.next >= place.end) --open;
      }
    }
  }
  for (const auto& [where, place] : places) {
    if (place.next >= place.end || compacted) continue;
    std::printf("%s partition %d cannot be read beyond offset %lld\n", topic.c_str(),
                where.partition, static_cast<long long>(place.next));
    ++counts.wrong;
  }
}

int Say(const Counts& counts) {
  std::printf("%lld events in the log, %lld of them repeats, %lld wrong\n",
              static_cast<long long>(counts.events), static_cast<long long>(counts.repeats),
              static_cast<long long>(counts.wrong));
  return counts.wrong == 0 ? 0 : 1;
}

int RunEmbedded(const std::string& folder) {
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
  Counts counts;
  for (const auto& [topic, options] : (*log)->Topics()) {
    CheckTopic(**log, topic, options.compacted, counts);
  }
  return Say(counts);
}

int RunKafka(const std::string& servers, bool effects, const std::vector<std::string>& topics) {
  eventlog::KafkaLogOptions options;
  options.bootstrap_servers = servers;
  options.manage_topics = false;
  options.request_timeout = kPatience;
  auto log = eventlog::KafkaLog::Open(options);
  if (!log.ok()) {
    std::printf("%s\n", log.status().ToString().c_str());
    return 2;
  }
  Counts counts;
  for (const std::string& topic : topics) {
    // Made by the room that writes to it first.
    const absl::Status there = (*log)->PartitionCount(topic).status();
    if (ReasonOf(there) == "TOPIC_UNKNOWN") continue;
    CheckTopic(**log, topic, false, counts);
  }
  for (const auto& [what, count] : counts.effects) {
    if (!effects) break;
    std::printf("effect %s %s %lld\n", what.first.c_str(), what.second.c_str(),
                static_cast<long long>(count));
  }
  return Say(counts);
}

}  // namespace
}  // namespace weft

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.empty() || (arguments[0][0] != '-' && arguments.size() != 1)) {
    std::fprintf(stderr, "weft_log_check LOG_FOLDER | --kafka=HOST:PORT [--effects] TOPIC...\n");
    return 2;
  }
  if (absl::StartsWith(arguments[0], "--kafka=")) {
    const bool effects = arguments.size() > 1 && arguments[1] == "--effects";
    return weft::RunKafka(std::string(absl::StripPrefix(arguments[0], "--kafka=")), effects,
                          {arguments.begin() + (effects ? 2 : 1), arguments.end()});
  }
  return weft::RunEmbedded(arguments[0]);
}
