#include "libs/engine/openings.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"
#include "libs/engine/cloud_event.h"
#include "libs/engine/core_internal.h"
#include "libs/engine/layout.h"
#include "libs/engine/rocks_store.h"
#include "libs/engine/wire.h"

namespace weft::engine {
namespace {

namespace fs = std::filesystem;

// What a room wrote to one partition of one topic.
struct Written {
  int64_t last = 0;     // Number.
  int64_t waiting = 0;  // First that is still in the outbox, or 0.
};
using WrittenByPlace = std::map<eventlog::TopicPartition, Written>;

absl::StatusOr<WrittenByPlace> ReadWritten(const Store& store, const Program& program,
                                           const std::string& topic) {
  WrittenByPlace places;
  const auto emitted = store.Scan(Family::kMeta, "e", PrefixEnd("e"));
  for (; emitted->Valid(); emitted->Next()) {
    WireReader in(emitted->key().substr(1));
    uint16_t partition = 0;
    if (!in.U16(partition)) return Damaged("number");
    const std::string name(in.Rest());
    // Others than the program's (dead letters) carry no events of ours.
    if (program.emits.count(name) == 0 || (!topic.empty() && topic != name)) continue;
    places[{name, partition}].last =
        static_cast<int64_t>(layout::ParseU64(emitted->value()).value_or(0));
  }
  WEFT_RETURN_IF_ERROR(emitted->status());
  const auto rows = store.Scan(Family::kOutbox, "", "");
  for (; rows->Valid(); rows->Next()) {
    const auto row = layout::ParseOutbox(rows->key(), rows->value());
    if (!row.has_value()) return Damaged("outbox");
    const auto place = places.find({row->topic, static_cast<int32_t>(row->partition)});
    if (place == places.end()) continue;
    int64_t& waiting = place->second.waiting;
    waiting = waiting == 0 ? row->number : std::min(waiting, row->number);
  }
  WEFT_RETURN_IF_ERROR(rows->status());
  return places;
}

absl::StatusOr<int64_t> GenerationOf(const Store& store, uint32_t partition) {
  WEFT_ASSIGN_OR_RETURN(const auto row,
                        store.Get(Family::kMeta, layout::GenerationKey(partition)));
  return row.has_value() ? static_cast<int64_t>(layout::ParseU64(*row).value_or(1)) : 1;
}

absl::Status AppendOf(Store& store, const Program& program, const std::string& topic,
                      eventlog::EventLog& log) {
  WEFT_ASSIGN_OR_RETURN(const WrittenByPlace places, ReadWritten(store, program, topic));
  WEFT_ASSIGN_OR_RETURN(const auto time_row, store.Get(Family::kMeta, layout::kShardTime));
  absl::Time time = absl::UnixEpoch();
  if (time_row.has_value()) {
    WireReader in(*time_row);
    if (!in.Time(time)) return Damaged("time");
  }
  const std::string time_text = FormatEventTime(time);
  Batch own;
  for (const auto& [where, written] : places) {
    const auto partition = static_cast<uint32_t>(where.partition);
    WEFT_ASSIGN_OR_RETURN(int64_t generation, GenerationOf(store, partition));
    if (where.topic == kTimeline) ++generation;
    EventHeaders headers;
    headers.room = program.room;
    headers.number = written.waiting > 0 ? written.waiting - 1 : written.last;
    headers.type = kSourceOpened;
    headers.time_text = time_text;
    headers.subject = "log";
    headers.tenant = kPlatformTenant;
    headers.generation = generation;
    eventlog::NewRecord record;
    record.key = absl::StrCat(kPlatformTenant, std::string(1, '\0'), "log/", program.room);
    record.headers = MakeEventHeaders(headers);
    record.value = "";
    std::vector<eventlog::NewRecord> records;
    records.push_back(std::move(record));
    WEFT_RETURN_IF_ERROR(eventlog::AppendAndWait(log, where, std::move(records)).status());
    // Who reads the timeline takes it from there, with the position it belongs to.
    if (where.topic == kTimeline && program.events.count(kTimeline) == 0) {
      own.Put(Family::kMeta, layout::GenerationKey(partition),
              layout::U64Value(static_cast<uint64_t>(generation)));
    }
  }
  return own.empty() ? absl::OkStatus() : store.Write(own, /*sync=*/true);
}

}  // namespace

absl::Status AppendOpenings(const std::string& folder, const Program& program,
                            const std::string& topic, eventlog::EventLog& log) {
  for (const auto& [name, options] : program.emits) {
    if (topic.empty() || topic == name) WEFT_RETURN_IF_ERROR(log.EnsureTopic(name, options));
  }
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename().string().rfind("shard-", 0) != 0) continue;
    WEFT_ASSIGN_OR_RETURN(const std::unique_ptr<Store> store,
                          OpenRocksStore({.folder = entry.path().string()}));
    WEFT_RETURN_IF_ERROR(AppendOf(*store, program, topic, log));
  }
  return absl::OkStatus();
}

}  // namespace weft::engine
