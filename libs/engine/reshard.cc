#include "libs/engine/reshard.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/ids.h"
#include "libs/base/status_macros.h"
#include "libs/engine/changelog.h"
#include "libs/engine/changelog_io.h"
#include "libs/engine/checkpoint.h"
#include "libs/engine/layout.h"
#include "libs/engine/rocks_store.h"
#include "libs/engine/wire.h"

namespace weft::engine {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLumpBytes = 1 << 20;

absl::Status Unreadable(absl::string_view what) {
  return DataLoss("STORE_CORRUPT", absl::StrCat("a ", what, " row does not parse"));
}

// One shard that is being made.
struct Target {
  std::unique_ptr<Store> store;
  Batch batch;
  uint64_t outbox_next = 1;
  uint64_t outbox_bytes = 0;
  uint64_t age_next = 1;
  uint64_t answer_bytes = 0;
  uint64_t next_task = 1;
  int64_t rows = 0;

  absl::Status Put(Family family, absl::string_view key, absl::string_view value) {
    batch.Put(family, key, value);
    ++rows;
    return batch.bytes().size() < kLumpBytes ? absl::OkStatus() : Flush(false);
  }
  absl::Status Flush(bool sync) {
    if (batch.empty() && !sync) return absl::OkStatus();
    WEFT_RETURN_IF_ERROR(store->Write(batch, sync));
    batch.Clear();
    return absl::OkStatus();
  }
};

// All rows of the old shards, dealt out to the new ones.
class Dealer {
 public:
  Dealer(std::vector<std::unique_ptr<Store>>& sources, std::vector<Target>& targets)
      : sources_(sources), targets_(targets) {}

  absl::Status Deal() {
    for (const auto& source : sources_) {
      WEFT_RETURN_IF_ERROR(DealMeta(*source));
      WEFT_RETURN_IF_ERROR(Each(*source, Family::kState, "", "", [&](const Iterator& it) {
        return PutByPartition(Family::kState, it.key(), it.key(), it.value());
      }));
      for (const char* tag : {"a", "u"}) {
        WEFT_RETURN_IF_ERROR(
            Each(*source, Family::kAnswers, tag, PrefixEnd(tag), [&](const Iterator& it) {
              return PutByPartition(Family::kAnswers, it.key().substr(1), it.key(), it.value());
            }));
      }
      WEFT_RETURN_IF_ERROR(DealOutbox(*source));
      WEFT_RETURN_IF_ERROR(DealTimers(*source));
      WEFT_RETURN_IF_ERROR(Each(*source, Family::kParked, "", "", [&](const Iterator& it) {
        return PutByPartition(Family::kParked, it.key(), it.key(), it.value());
      }));
    }
    WEFT_RETURN_IF_ERROR(DealTasks());
    WEFT_RETURN_IF_ERROR(DealAges());
    return PutMarks();
  }
  int64_t events() const { return events_; }

 private:
  template <typename Visit>
  static absl::Status Each(const Store& store, Family family, absl::string_view begin,
                           absl::string_view end, const Visit& visit) {
    const auto it = store.Scan(family, begin, end);
    for (; it->Valid(); it->Next()) WEFT_RETURN_IF_ERROR(visit(*it));
    return it->status();
  }

  Target& TargetOf(uint32_t partition) { return targets_[partition % targets_.size()]; }

  // `from_partition` starts with the partition that the row belongs to.
  absl::Status PutByPartition(Family family, absl::string_view from_partition,
                              absl::string_view key, absl::string_view value) {
    WireReader in(from_partition);
    uint16_t partition = 0;
    if (!in.U16(partition)) return Unreadable(FamilyName(family));
    return TargetOf(partition).Put(family, key, value);
  }

  absl::Status DealMeta(const Store& source) {
    return Each(source, Family::kMeta, "", "", [&](const Iterator& it) -> absl::Status {
      const absl::string_view key = it.key();
      switch (key[0]) {
        case 't':  // Fixed width, so that the later one is the larger one.
          time_ = std::max(time_, std::string(it.value()));
          return absl::OkStatus();
        case 'l':
          identity_ = std::string(it.value());
          return absl::OkStatus();
        case 'r':
          rebuilding_ = true;
          return absl::OkStatus();
        case 'k':
          next_parked_ = std::max(next_parked_, layout::ParseU64(it.value()).value_or(1));
          return absl::OkStatus();
        case 'o': {
          // Who reads a raw topic is decided by its tenant, which does not stand
          // here: all know all offsets, the furthest holds.
          const auto row = layout::ParseOffset(it.value());
          if (!row.has_value()) return Unreadable("offset");
          const auto [found, inserted] = offsets_.emplace(std::string(key), *row);
          if (!inserted && found->second.next < row->next) found->second = *row;
          return absl::OkStatus();
        }
        case 'e':
        case 'g':
        case 'i':
        case 'j':
        case 'p':
          return PutByPartition(Family::kMeta, key.substr(1), key, it.value());
        default:
          return absl::OkStatus();  // Of the old shard alone.
      }
    });
  }

  absl::Status DealOutbox(const Store& source) {
    WEFT_ASSIGN_OR_RETURN(const auto low, source.Get(Family::kMeta, layout::kOutboxLow));
    return Each(source, Family::kOutbox, low.value_or(""), "",
                [&](const Iterator& it) -> absl::Status {
                  auto row = layout::ParseOutbox(it.key(), it.value());
                  if (!row.has_value()) return Unreadable("outbox");
                  Target& target = TargetOf(row->partition);
                  row->sequence = target.outbox_next++;
                  row->bytes_before = target.outbox_bytes;
                  const std::string bytes = layout::EncodeOutbox(*row);
                  target.outbox_bytes += bytes.size();
                  ++events_;
                  return target.Put(Family::kOutbox, layout::SequenceKey(row->sequence), bytes);
                });
  }

  absl::Status DealTimers(const Store& source) {
    return Each(source, Family::kTimers, "k", PrefixEnd("k"),
                [&](const Iterator& it) -> absl::Status {
                  const absl::string_view id = it.key().substr(1);
                  WireReader in(it.value());
                  absl::Time due;
                  if (!in.Time(due)) return Unreadable("timer");
                  WEFT_RETURN_IF_ERROR(PutByPartition(Family::kTimers, id, it.key(), it.value()));
                  return PutByPartition(Family::kTimers, id, layout::DueKey(due, id), "");
                });
  }

  // The order of tasks is one order per shard.
  absl::Status DealTasks() {
    struct Pending {
      uint64_t order;
      std::string key;
      std::string rest;
      bool operator<(const Pending& other) const {
        return std::tie(order, key) < std::tie(other.order, other.key);
      }
    };
    std::vector<Pending> pending;
    for (const auto& source : sources_) {
      WEFT_RETURN_IF_ERROR(
          Each(*source, Family::kTasks, "p", PrefixEnd("p"), [&](const Iterator& it) {
            WireReader in(it.value());
            uint64_t order = 0;
            if (!in.U64(order)) return Unreadable("task");
            pending.push_back({order, std::string(it.key()), std::string(in.Rest())});
            return absl::OkStatus();
          }));
      WEFT_RETURN_IF_ERROR(
          Each(*source, Family::kTasks, "d", PrefixEnd("d"), [&](const Iterator& it) {
            return PutByPartition(Family::kTasks, it.key().substr(1), it.key(), it.value());
          }));
    }
    std::sort(pending.begin(), pending.end());
    for (const Pending& task : pending) {
      WireReader in(absl::string_view(task.key).substr(1));
      uint16_t partition = 0;
      if (!in.U16(partition)) return Unreadable("task");
      Target& target = TargetOf(partition);
      std::string value = layout::U64Value(target.next_task++);
      value.append(task.rest);
      WEFT_RETURN_IF_ERROR(target.Put(Family::kTasks, task.key, value));
    }
    return absl::OkStatus();
  }

  // Ages of answers, oldest first, each with the keys of one batch.
  absl::Status DealAges() {
    std::vector<std::unique_ptr<Iterator>> ages;
    for (const auto& source : sources_) {
      ages.push_back(source->Scan(Family::kAnswers, "t", PrefixEnd("t")));
    }
    while (true) {
      size_t oldest = ages.size();
      absl::Time oldest_time = absl::InfiniteFuture();
      for (size_t i = 0; i < ages.size(); ++i) {
        if (!ages[i]->Valid()) {
          WEFT_RETURN_IF_ERROR(ages[i]->status());
          continue;
        }
        WireReader in(ages[i]->value());
        absl::Time time;
        if (!in.Time(time)) return Unreadable("answer age");
        if (oldest == ages.size() || time < oldest_time) {
          oldest = i;
          oldest_time = time;
        }
      }
      if (oldest == ages.size()) return absl::OkStatus();
      WEFT_RETURN_IF_ERROR(DealAge(*sources_[oldest], ages[oldest]->value()));
      ages[oldest]->Next();
    }
  }

  absl::Status DealAge(const Store& source, absl::string_view value) {
    struct Share {
      std::string keys;
      uint64_t bytes = 0;
    };
    std::map<Target*, Share> shares;
    WireReader in(value);
    absl::Time time;
    uint64_t before = 0;
    uint64_t own = 0;
    if (!in.Time(time) || !in.U64(before) || !in.U64(own)) return Unreadable("answer age");
    while (!in.done()) {
      absl::string_view key;
      if (!in.Text(key) || key.empty()) return Unreadable("answer age");
      WireReader parts(key.substr(1));
      uint16_t partition = 0;
      if (!parts.U16(partition)) return Unreadable("answer age");
      WEFT_ASSIGN_OR_RETURN(const auto answer, source.Get(Family::kAnswers, key));
      if (!answer.has_value()) continue;
      Share& share = shares[&TargetOf(partition)];
      AppendText(share.keys, key);
      share.bytes += key.size() + answer->size();
    }
    for (Target& target : targets_) {
      const auto share = shares.find(&target);
      if (share == shares.end()) continue;
      std::string age;
      AppendTime(age, time);
      AppendU64(age, target.answer_bytes);
      AppendU64(age, share->second.bytes);
      age.append(share->second.keys);
      target.answer_bytes += share->second.bytes;
      WEFT_RETURN_IF_ERROR(target.Put(Family::kAnswers,
                                      layout::TaggedSequence('t', target.age_next++), age));
    }
    return absl::OkStatus();
  }

  absl::Status PutMarks() {
    for (Target& target : targets_) {
      const auto put = [&](absl::string_view key, absl::string_view value) {
        return target.Put(Family::kMeta, key, value);
      };
      if (!time_.empty()) WEFT_RETURN_IF_ERROR(put(layout::kShardTime, time_));
      if (!identity_.empty()) WEFT_RETURN_IF_ERROR(put(layout::kLogIdentity, identity_));
      if (rebuilding_) WEFT_RETURN_IF_ERROR(put(layout::kRebuilding, ""));
      for (const auto& [key, row] : offsets_) {
        WEFT_RETURN_IF_ERROR(put(key, layout::EncodeOffset(row)));
      }
      WEFT_RETURN_IF_ERROR(put(layout::kNextParked, layout::U64Value(next_parked_)));
      WEFT_RETURN_IF_ERROR(put(layout::kNextTask, layout::U64Value(target.next_task)));
      WEFT_RETURN_IF_ERROR(put(layout::kOutboxLow, layout::U64Value(1)));
      WEFT_RETURN_IF_ERROR(
          put(layout::kOutboxNext, layout::TwoU64Value(target.outbox_next, target.outbox_bytes)));
      WEFT_RETURN_IF_ERROR(
          put(layout::kAnswerTotals, layout::TwoU64Value(target.age_next, target.answer_bytes)));
    }
    return absl::OkStatus();
  }

  std::vector<std::unique_ptr<Store>>& sources_;
  std::vector<Target>& targets_;
  std::string time_;
  std::string identity_;
  bool rebuilding_ = false;
  uint64_t next_parked_ = 1;
  std::map<std::string, layout::OffsetRow> offsets_;
  int64_t events_ = 0;
};

// Claims a partition for a base and puts into the folder that it is that.
absl::Status SetBase(eventlog::EventLog& log, const eventlog::TopicPartition& where,
                     const ChangelogClaim& claim, Store* store) {
  WEFT_ASSIGN_OR_RETURN(const int64_t offset,
                        eventlog::AppendAndWait(log, where, {MakeClaimRecord(claim)}));
  if (store == nullptr) return absl::OkStatus();
  eventlog::StartPosition start;
  start.where = where;
  start.next_offset = offset;
  WEFT_ASSIGN_OR_RETURN(const auto reader, log.OpenReader({start}));
  ChangelogFold fold;
  fold.StartAt(offset);
  while (fold.epoch() < 0) {
    WEFT_ASSIGN_OR_RETURN(const auto batches, reader->Poll(absl::Milliseconds(500), 1));
    for (const eventlog::Batch& batch : batches) {
      const eventlog::Record& record = batch.records.front();
      if (record.offset != offset) {
        return DataLoss("LOG_CHANGED", "the changelog does not have the claim it has confirmed");
      }
      WEFT_RETURN_IF_ERROR(fold.Fold(record).status());
      Batch rows;
      PutChangelogFold(rows, fold.Save(record));
      PutChangelogBase(rows, claim.base_id, claim.base_number);
      PutChangelogFolder(rows, claim.folder);
      rows.DeleteRange(Family::kChangelog, "", std::string(64, '\xff'));
      WEFT_RETURN_IF_ERROR(store->Write(rows, /*sync=*/true));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ReshardReport> Reshard(const ReshardOptions& options) {
  if (options.shards < 1 || options.shards > static_cast<int>(kPartitions)) {
    return InvalidArgument("SHARDS_INVALID", absl::StrCat("shards must be 1 to ", kPartitions,
                                                          ", not ", options.shards));
  }
  WEFT_ASSIGN_OR_RETURN(const CheckpointInfo info, VerifyCheckpoint(options.checkpoint));
  std::error_code error;
  fs::create_directories(options.folder, error);
  if (!fs::is_empty(options.folder, error)) {
    return FailedPrecondition("FOLDER_NOT_EMPTY",
                              absl::StrCat(options.folder, " is not empty; name a new folder"));
  }
  for (int i = 0; i < info.shards; ++i) {
    if (!fs::exists(absl::StrCat(options.checkpoint, "/shard-", i))) {
      return FailedPrecondition(
          "CHECKPOINT_INCOMPLETE",
          absl::StrCat("shard ", i, " is not in the checkpoint; gather those of all processes"));
    }
  }

  ReshardReport report;
  report.room = info.room;
  report.from = info.shards;
  report.to = options.shards;
  const std::string working = options.folder + "/.from";
  std::vector<std::unique_ptr<Store>> sources;
  if (options.log == nullptr) {
    for (int i = 0; i < info.shards; ++i) {
      WEFT_ASSIGN_OR_RETURN(auto source,
                            OpenRocksStore({.folder = absl::StrCat(options.checkpoint, "/shard-", i),
                                            .read_only = true}));
      sources.push_back(std::move(source));
    }
  } else {
    // Copies that own the old shards from here on, up to their last turn.
    WEFT_CHECK(options.clock != nullptr);
    WEFT_RETURN_IF_ERROR(RestoreCheckpoint(options.checkpoint, working));
    for (int i = 0; i < info.shards; ++i) {
      WEFT_ASSIGN_OR_RETURN(auto source,
                            OpenRocksStore({.folder = absl::StrCat(working, "/shard-", i)}));
      ChangelogOpening::Place place;
      place.room = info.room;
      place.shard = i;
      place.shards = info.shards;
      place.owner = options.owner;
      WEFT_RETURN_IF_ERROR(OpenChangelog(*source, std::move(place),
                                         {.log = *options.log,
                                          .clock = *options.clock,
                                          .observer = options.observer})
                               .status());
      sources.push_back(std::move(source));
    }
  }

  std::vector<Target> targets(static_cast<size_t>(options.shards));
  for (int i = 0; i < options.shards; ++i) {
    Target& target = targets[static_cast<size_t>(i)];
    WEFT_ASSIGN_OR_RETURN(target.store,
                          OpenRocksStore({.folder = absl::StrCat(options.folder, "/shard-", i)}));
    target.batch.Put(Family::kMeta, layout::kShard,
                     layout::EncodeShard({info.room, static_cast<uint64_t>(i),
                                          static_cast<uint64_t>(options.shards)}));
  }
  Dealer dealer(sources, targets);
  WEFT_RETURN_IF_ERROR(dealer.Deal());
  report.events = dealer.events();
  for (Target& target : targets) {
    WEFT_RETURN_IF_ERROR(target.Flush(/*sync=*/true));
    report.rows += target.rows;
  }
  sources.clear();

  if (options.log != nullptr) {
    report.base_id = absl::StrCat("reshard-", info.shards, "-to-", options.shards, "-",
                                  RandomName());
    for (int i = 0; i < std::max(info.shards, options.shards); ++i) {
      ChangelogClaim claim;
      claim.nonce = RandomName();
      claim.folder = RandomName();
      claim.room = info.room;
      claim.owner = options.owner.empty() ? ProcessName() : options.owner;
      claim.shard = static_cast<uint64_t>(i);
      claim.shards = static_cast<uint64_t>(options.shards);
      claim.base_id = report.base_id;
      claim.sets_base = true;
      WEFT_RETURN_IF_ERROR(
          SetBase(*options.log, {ChangelogTopic(info.room), i}, claim,
                  i < options.shards ? targets[static_cast<size_t>(i)].store.get() : nullptr));
    }
  }
  fs::remove_all(working, error);
  return report;
}

absl::Status RebaseChangelog(const std::string& folder, eventlog::EventLog& log,
                             const std::string& owner) {
  WEFT_ASSIGN_OR_RETURN(const std::string identity, log.Identity());
  const std::string base_id = absl::StrCat("rebase-", RandomName());
  bool any = false;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    int shard = 0;
    if (name.rfind("shard-", 0) != 0 || !absl::SimpleAtoi(name.substr(6), &shard)) continue;
    WEFT_ASSIGN_OR_RETURN(const std::unique_ptr<Store> store,
                          OpenRocksStore({.folder = entry.path().string()}));
    WEFT_ASSIGN_OR_RETURN(const auto bytes, store->Get(Family::kMeta, layout::kShard));
    const auto row = bytes.has_value() ? layout::ParseShard(*bytes) : std::nullopt;
    if (!row.has_value()) return Unreadable("shard");
    Batch batch;
    const auto it = store->Scan(Family::kMeta, "o", PrefixEnd("o"));
    for (; it->Valid(); it->Next()) batch.Delete(Family::kMeta, it->key());
    WEFT_RETURN_IF_ERROR(it->status());
    batch.Put(Family::kMeta, layout::kLogIdentity, identity);
    WEFT_ASSIGN_OR_RETURN(const ChangelogFolder before, ReadChangelogFolder(*store));
    ChangelogClaim claim;
    claim.nonce = RandomName();
    claim.folder = RandomName();
    claim.room = row->room;
    claim.owner = owner.empty() ? ProcessName() : owner;
    claim.shard = row->shard;
    claim.shards = row->shards;
    claim.base_id = base_id;
    claim.base_number = before.number;
    claim.sets_base = true;
    WEFT_RETURN_IF_ERROR(log.EnsureTopic(ChangelogTopic(row->room), ChangelogTopicOptions()));
    WEFT_RETURN_IF_ERROR(
        SetBase(log, {ChangelogTopic(row->room), static_cast<int32_t>(row->shard)}, claim,
                store.get()));
    // Last: until then the folder refuses the log.
    WEFT_RETURN_IF_ERROR(store->Write(batch, /*sync=*/true));
    any = true;
  }
  if (!any) return NotFound("SHARD_NOT_FOUND", absl::StrCat(folder, " holds no shards"));
  return absl::OkStatus();
}

}  // namespace weft::engine
