#include "libs/engine/core.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/ids.h"
#include "libs/base/status_macros.h"
#include "libs/engine/core_internal.h"
#include "libs/engine/wire.h"

namespace weft::engine {

// --- Reading -----------------------------------------------------------------

namespace {

class SnapshotView final : public View {
 public:
  SnapshotView(const Store& store, std::shared_ptr<const Snapshot> snapshot,
               const std::string& tenant, uint32_t partition)
      : store_(store),
        snapshot_(std::move(snapshot)),
        partition_(partition),
        tenant_(tenant),
        prefix_(layout::TenantPrefix(partition, tenant)) {}

  absl::StatusOr<std::optional<std::string>> GetRow(uint8_t table,
                                                    absl::string_view key) const override {
    return store_.Get(Family::kState, Full(table, key), snapshot_.get());
  }
  absl::Status ScanRows(
      uint8_t table, absl::string_view prefix, absl::string_view start,
      const std::function<bool(absl::string_view, absl::string_view)>& visit) const override {
    const std::string low = Full(table, prefix);
    std::string from = low;
    if (!start.empty()) from = std::max(from, Full(table, start));
    const auto it = store_.Scan(Family::kState, from, PrefixEnd(low), snapshot_.get());
    for (; it->Valid(); it->Next()) {
      if (!visit(it->key().substr(prefix_.size() + 1), it->value())) return absl::OkStatus();
    }
    return it->status();
  }
  Position position() const override {
    Position position{1, -1};
    const auto generation = store_.Get(Family::kMeta, layout::GenerationKey(partition_), snapshot_.get());
    if (generation.ok() && generation->has_value()) {
      position.generation = static_cast<int64_t>(layout::ParseU64(**generation).value_or(1));
    }
    position.offset = std::max(Fact(tenant_).offset, Fact(kPlatformTenant).offset);
    return position;
  }
  absl::Time now() const override {
    const auto bytes = store_.Get(Family::kMeta, layout::kShardTime, snapshot_.get());
    absl::Time time = absl::InfinitePast();
    if (bytes.ok() && bytes->has_value()) {
      WireReader in(**bytes);
      in.Time(time);
    }
    return time;
  }
  absl::Time source_time() const override {
    return std::max(Fact(tenant_).append_time, Fact(kPlatformTenant).append_time);
  }

 private:
  std::string Full(uint8_t table, absl::string_view key) const {
    std::string full;
    full.reserve(prefix_.size() + 1 + key.size());
    full.append(prefix_);
    full.push_back(static_cast<char>(table));
    full.append(key.data(), key.size());
    return full;
  }
  layout::PositionRow Fact(absl::string_view tenant) const {
    const auto bytes =
        store_.Get(Family::kMeta, layout::PositionKey(partition_, tenant), snapshot_.get());
    if (!bytes.ok() || !bytes->has_value()) return {};
    return layout::ParsePosition(**bytes).value_or(layout::PositionRow());
  }

  const Store& store_;
  const std::shared_ptr<const Snapshot> snapshot_;
  const uint32_t partition_;
  const std::string tenant_;
  const std::string prefix_;
};

}  // namespace

std::unique_ptr<View> Core::ReadView(const std::string& tenant, uint32_t partition) const {
  return ReadView(store_.TakeSnapshot(), tenant, partition);
}

std::unique_ptr<View> Core::ReadView(std::shared_ptr<const Snapshot> snapshot,
                                     const std::string& tenant, uint32_t partition) const {
  return std::make_unique<SnapshotView>(store_, std::move(snapshot), tenant, partition);
}

bool Core::Applied(const Token& token) const {
  if (token.number <= 0) return true;
  if (token.room == program_.room) {
    const auto it = released_.find(layout::EmittedKey(token.partition, token.topic));
    return it != released_.end() && it->second >= token.number;
  }
  if (program_.events.count(token.topic) == 0) return true;
  const auto it = released_.find(layout::AppliedKey(token.partition, token.room, token.topic));
  return it != released_.end() && it->second >= token.number;
}

// --- The log -----------------------------------------------------------------

std::vector<std::string> Core::InputTopics() const {
  std::vector<std::string> topics;
  for (const auto& [topic, handlers] : program_.events) topics.push_back(topic);
  for (const auto& [topic, raw] : raw_topics_) topics.push_back(topic);
  return topics;
}

absl::StatusOr<std::vector<eventlog::StartPosition>> Core::StartPositions(
    const std::function<std::optional<int32_t>(const std::string&)>& counts,
    const std::function<absl::StatusOr<eventlog::Watermarks>(const eventlog::TopicPartition&)>&
        watermarks) {
  std::vector<eventlog::StartPosition> positions;
  for (const std::string& topic : InputTopics()) {
    const std::optional<int32_t> count = counts(topic);
    if (!count.has_value()) continue;
    const auto raw = raw_topics_.find(topic);
    for (int32_t p = 0; p < *count; ++p) {
      const uint32_t owner = raw != raw_topics_.end() ? PartitionOf(raw->second->tenant)
                                                      : static_cast<uint32_t>(p);
      if (owner % static_cast<uint32_t>(options_.shards) !=
          static_cast<uint32_t>(options_.shard)) {
        continue;
      }
      eventlog::StartPosition start;
      start.where = {topic, p};
      if (stopped_.count(start.where) > 0) continue;
      const auto offset = offsets_.find({topic, p});
      const bool fresh = offset == offsets_.end() || offset->second.next == 0;
      if (fresh || program_.compacted.count(topic) > 0) {
        // Up to here the topic may have lost numbers to compaction or retention.
        WEFT_ASSIGN_OR_RETURN(const eventlog::Watermarks marks, watermarks(start.where));
        layout::OffsetRow& row = offsets_[{topic, p}];
        if (program_.compacted.count(topic) > 0 || marks.begin > 0 || rebuilding_) {
          row.rebuild_end = marks.end;
        }
        if (fresh) row.next = marks.begin;
        if (options_.recorder != nullptr) RecordOffset(start.where);
      }
      const layout::OffsetRow& row = offsets_[{topic, p}];
      start.next_offset = row.next;
      if (row.last >= 0 && !row.digest.empty()) {
        start.last_applied = eventlog::StartPosition::Applied{row.last, row.digest};
      }
      positions.push_back(std::move(start));
    }
  }
  return positions;
}

void Core::StopPartition(const eventlog::TopicPartition& where, const std::string& reason) {
  if (!stopped_.emplace(where, reason).second) return;
  if (options_.recorder != nullptr && reason != "EVENT_GAP") {
    std::string record(1, 's');
    AppendText(record, where.topic);
    AppendVarint(record, static_cast<uint64_t>(where.partition));
    AppendText(record, reason);
    options_.recorder->Append(record);
  }
  if (options_.observer != nullptr) {
    options_.observer->PartitionStopped(options_.shard, where.topic, where.partition, reason);
  }
}

absl::Status Core::SetLogIdentity(const std::string& identity) {
  Batch batch;
  batch.Put(Family::kMeta, layout::kLogIdentity, identity);
  WEFT_RETURN_IF_ERROR(store_.Write(batch, /*sync=*/true));
  if (options_.recorder != nullptr) options_.recorder->Append(absl::StrCat("l", identity));
  log_identity_ = identity;
  return absl::OkStatus();
}

}  // namespace weft::engine
