// Retention and compaction: bounded passes that find what has to go; the commit
// thread removes it.
//
// Compaction keeps an index from key to the last record of the key. A pass goes
// over records the index has not seen, in order: the record the index knew for
// a key goes, the new one takes its place. So every record is looked at once,
// whatever the size of the topic. A tombstone is noted by its time and goes,
// with its key, when it is old enough and still the last word.
#include <unordered_map>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "libs/eventlog/embedded_impl.h"

namespace weft::eventlog {
namespace {

// Records of one removal, which one commit carries.
constexpr int64_t kStepRecords = 1'000;

struct Latest {
  int64_t offset = 0;
  int64_t size = 0;
  int64_t deleted_at_micros = -1;  // Of a tombstone.
};

absl::string_view View(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

absl::Status Unreadable() {
  return DataLoss("LOG_DAMAGED",
                  "a record does not parse; restore the folder from a checkpoint");
}

}  // namespace

void EmbeddedLog::Impl::RunMaintenanceThread() {
  while (true) {
    {
      MutexLock lock(sleep_mutex_);
      if (!maintenance_stopping_) sleep_.WaitFor(sleep_mutex_, options_.maintenance_interval);
      if (maintenance_stopping_) return;
    }
    bool more = false;
    // What fails here fails in front of readers too, who can say so; the next
    // pass tries again.
    (void)MaintenancePass(more);
  }
}

absl::Status EmbeddedLog::Impl::RunMaintenance() {
  bool more = true;
  while (more) WEFT_RETURN_IF_ERROR(MaintenancePass(more));
  return absl::OkStatus();
}

absl::Status EmbeddedLog::Impl::MaintenancePass(bool& more) {
  MutexLock maintenance(maintenance_mutex_);
  std::vector<Job> jobs;
  {
    MutexLock lock(topics_mutex_);
    for (const auto& [name, topic] : topics_) {
      const TopicOptions& o = topic->options;
      if (o.compacted || o.retention_bytes >= 0 ||
          o.retention_time != absl::InfiniteDuration()) {
        jobs.push_back({topic.get(), o});
      }
    }
  }
  int64_t budget = options_.maintenance_records;
  for (const Job& job : jobs) {
    for (const auto& partition : job.topic->partitions) {
      if (budget <= 0) break;
      WEFT_RETURN_IF_ERROR(Retain(job, *partition, budget));
      if (job.options.compacted) WEFT_RETURN_IF_ERROR(Clean(*partition, budget));
    }
  }
  if (budget > 0) WEFT_RETURN_IF_ERROR(DropTombstones(budget));
  more = budget <= 0;
  return absl::OkStatus();
}

absl::Status EmbeddedLog::Impl::Retain(const Job& job, Partition& partition, int64_t& budget) {
  const absl::Time keep_from = clock_.Wall() - job.options.retention_time;
  while (budget > 0) {
    const int64_t begin = partition.begin.load();
    const int64_t end = partition.end.load();
    const int64_t too_many_bytes = job.options.retention_bytes < 0
                                       ? 0
                                       : partition.bytes.load() - job.options.retention_bytes;
    if (begin >= end || (too_many_bytes <= 0 && partition.oldest >= keep_from)) {
      return absl::OkStatus();
    }
    Removal removal;
    removal.partition = &partition;
    removal.begin = end;  // Unless a record is found that stays.
    const std::unique_ptr<rocksdb::Iterator> it(
        db_->NewIterator(rocksdb::ReadOptions(), records_));
    for (it->Seek(internal::RecordKey(partition.prefix, begin));
         it->Valid() && it->key().starts_with(partition.prefix); it->Next()) {
      absl::string_view key = View(it->key()).substr(internal::kRecordPrefixBytes);
      Record record;
      if (!internal::TakeI64(key, record.offset) ||
          !internal::DecodeRecord(View(it->value()), record)) {
        return Unreadable();
      }
      if (record.offset >= end) break;
      const bool goes = record.append_time < keep_from || removal.bytes < too_many_bytes;
      if (!goes || removal.records == kStepRecords) {
        removal.begin = record.offset;
        if (!goes) partition.oldest = record.append_time;
        break;
      }
      ++removal.records;
      removal.bytes += internal::StoredBytes(it->value().size() - sizeof(int64_t));
      if (job.options.compacted) {
        const std::string index_key = internal::LatestKey(partition.prefix, record.key);
        int64_t offset = 0;
        int64_t size = 0;
        WEFT_ASSIGN_OR_RETURN(const bool found, FindLatest(index_key, offset, size));
        if (found && offset == record.offset) removal.index_deletes.push_back(index_key);
      }
    }
    WEFT_RETURN_IF_ERROR(internal::FromRocks(it->status(), "applying retention"));
    if (removal.begin <= begin) return absl::OkStatus();
    budget -= std::max<int64_t>(1, removal.records);
    std::vector<Removal> removals;
    removals.push_back(std::move(removal));
    WEFT_RETURN_IF_ERROR(CommitRemovals(std::move(removals)));
  }
  return absl::OkStatus();
}

absl::Status EmbeddedLog::Impl::Clean(Partition& partition, int64_t& budget) {
  const absl::Time until = clock_.Wall() - options_.compaction_lag;
  bool young = false;
  while (budget > 0 && !young) {
    const int64_t end = partition.end.load(std::memory_order_acquire);
    const int64_t from = std::max(partition.cleaned, partition.begin.load());
    if (from >= end) return absl::OkStatus();

    Removal removal;
    removal.partition = &partition;
    removal.cleaned = end;  // Unless the step ends before.
    std::unordered_map<std::string, Latest> seen;  // By key of the index.
    int64_t looked_at = 0;
    const std::unique_ptr<rocksdb::Iterator> it(
        db_->NewIterator(rocksdb::ReadOptions(), records_));
    for (it->Seek(internal::RecordKey(partition.prefix, from));
         it->Valid() && it->key().starts_with(partition.prefix); it->Next()) {
      absl::string_view key = View(it->key()).substr(internal::kRecordPrefixBytes);
      Record record;
      if (!internal::TakeI64(key, record.offset) ||
          !internal::DecodeRecord(View(it->value()), record)) {
        return Unreadable();
      }
      if (record.offset >= end) break;
      young = record.append_time > until;
      if (looked_at == kStepRecords || young) {
        removal.cleaned = record.offset;
        break;
      }
      ++looked_at;
      const std::string index_key = internal::LatestKey(partition.prefix, record.key);
      auto [known, is_new] = seen.try_emplace(index_key);
      Latest& latest = known->second;
      bool replaces = !is_new;
      if (is_new) {
        WEFT_ASSIGN_OR_RETURN(replaces, FindLatest(index_key, latest.offset, latest.size));
        // One that retention took first.
        if (replaces && latest.offset < partition.begin.load()) replaces = false;
      }
      if (replaces) {
        removal.offsets.push_back(latest.offset);
        removal.bytes += latest.size;
        ++removal.records;
      }
      latest.offset = record.offset;
      latest.size = internal::StoredBytes(it->value().size() - sizeof(int64_t));
      latest.deleted_at_micros =
          record.value.has_value() ? -1 : absl::ToUnixMicros(record.append_time);
    }
    WEFT_RETURN_IF_ERROR(internal::FromRocks(it->status(), "compacting"));
    for (const auto& [index_key, latest] : seen) {
      std::string value;
      internal::PutI64(latest.offset, value);
      internal::PutI64(latest.size, value);
      removal.index_puts.emplace_back(index_key, std::move(value));
      if (latest.deleted_at_micros >= 0) {
        removal.index_puts.emplace_back(
            internal::DeletionKey(latest.deleted_at_micros, partition.prefix, latest.offset),
            index_key.substr(1 + internal::kRecordPrefixBytes));
      }
    }
    if (looked_at == 0 && removal.cleaned <= from) return absl::OkStatus();
    budget -= std::max<int64_t>(1, looked_at);
    const int64_t cleaned = removal.cleaned;
    std::vector<Removal> removals;
    removals.push_back(std::move(removal));
    WEFT_RETURN_IF_ERROR(CommitRemovals(std::move(removals)));
    partition.cleaned = cleaned;
  }
  return absl::OkStatus();
}

absl::Status EmbeddedLog::Impl::DropTombstones(int64_t& budget) {
  const int64_t keep_from =
      absl::ToUnixMicros(clock_.Wall() - options_.tombstone_retention);
  while (budget > 0) {
    std::vector<Removal> removals;
    const std::unique_ptr<rocksdb::Iterator> it(
        db_->NewIterator(rocksdb::ReadOptions(), index_));
    for (it->Seek("d"); it->Valid() && it->key().starts_with("d"); it->Next()) {
      int64_t deleted_at = 0;
      std::string prefix;
      int64_t offset = 0;
      if (!internal::TakeDeletionKey(View(it->key()), deleted_at, prefix, offset)) {
        return Unreadable();
      }
      if (deleted_at >= keep_from) break;
      if (static_cast<int64_t>(removals.size()) == kStepRecords) break;
      Removal removal;
      {
        MutexLock lock(topics_mutex_);
        const auto partition = by_prefix_.find(prefix);
        if (partition == by_prefix_.end()) return Unreadable();
        removal.partition = partition->second;
      }
      removal.index_deletes.push_back(it->key().ToString());
      const std::string index_key = internal::LatestKey(prefix, it->value().ToString());
      int64_t latest = 0;
      int64_t size = 0;
      WEFT_ASSIGN_OR_RETURN(const bool found, FindLatest(index_key, latest, size));
      if (found && latest == offset) {
        removal.index_deletes.push_back(index_key);
        removal.offsets.push_back(offset);
        removal.records = 1;
        removal.bytes = size;
      }
      removals.push_back(std::move(removal));
    }
    WEFT_RETURN_IF_ERROR(internal::FromRocks(it->status(), "dropping tombstones"));
    if (removals.empty()) return absl::OkStatus();
    budget -= static_cast<int64_t>(removals.size());
    WEFT_RETURN_IF_ERROR(CommitRemovals(std::move(removals)));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> EmbeddedLog::Impl::FindLatest(const std::string& index_key,
                                                   int64_t& offset, int64_t& size) {
  rocksdb::PinnableSlice value;
  const rocksdb::Status found =
      db_->Get(rocksdb::ReadOptions(), index_, index_key, &value);
  if (found.IsNotFound()) return false;
  WEFT_RETURN_IF_ERROR(internal::FromRocks(found, "reading the index"));
  absl::string_view bytes = View(value);
  if (!internal::TakeI64(bytes, offset) || !internal::TakeI64(bytes, size)) {
    return Unreadable();
  }
  return true;
}

absl::Status EmbeddedLog::Impl::CommitRemovals(std::vector<Removal> removals) {
  struct Waiter {
    Mutex mutex;
    CondVar arrived;
    bool done ABSL_GUARDED_BY(mutex) = false;
    absl::Status status ABSL_GUARDED_BY(mutex);
  };
  const auto waiter = std::make_shared<Waiter>();
  Operation operation;
  operation.removals = std::move(removals);
  operation.done = [waiter](const absl::StatusOr<int64_t>& result) {
    MutexLock lock(waiter->mutex);
    waiter->status = result.status();
    waiter->done = true;
    waiter->arrived.NotifyAll();
  };
  Enqueue(std::move(operation), /*may_wait=*/false);
  MutexLock lock(waiter->mutex);
  while (!waiter->done) waiter->arrived.Wait(waiter->mutex);
  return waiter->status;
}

}  // namespace weft::eventlog
