// Opening, appending, reading. The bytes on disk are drawn in
// embedded_format.h; retention and compaction are in embedded_maintenance.cc.
#include "libs/eventlog/embedded_log.h"

#include <algorithm>
#include <filesystem>
#include <random>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/hash.h"
#include "libs/base/status_macros.h"
#include "libs/eventlog/embedded_impl.h"
#include "rocksdb/cache.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/listener.h"
#include "rocksdb/table.h"
#include "rocksdb/utilities/checkpoint.h"
#include "rocksdb/write_buffer_manager.h"

namespace weft::eventlog {
namespace internal {

absl::Status FromRocks(const rocksdb::Status& status, const char* what) {
  if (status.ok()) return absl::OkStatus();
  const std::string text = absl::StrCat(what, ": ", status.ToString());
  if (status.IsCorruption()) {
    return DataLoss("LOG_DAMAGED",
                    absl::StrCat(text, "; restore the folder from a checkpoint"));
  }
  return LogUnavailable(text);
}

namespace {

absl::string_view View(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

std::string NewUuid() {
  std::random_device device;
  std::string octets;
  for (int i = 0; i < 4; ++i) PutU32(device(), octets);
  octets[6] = static_cast<char>((octets[6] & 0x0f) | 0x40);  // Version 4.
  octets[8] = static_cast<char>((octets[8] & 0x3f) | 0x80);
  const std::string hex = Hex(octets);
  const absl::string_view digits = hex;
  return absl::StrCat(digits.substr(0, 8), "-", digits.substr(8, 4), "-", digits.substr(12, 4),
                      "-", digits.substr(16, 4), "-", digits.substr(20));
}

// A damaged file or a failed flush means that going on could spread the damage.
class BackgroundErrors final : public rocksdb::EventListener {
 public:
  explicit BackgroundErrors(std::shared_ptr<std::atomic<bool>> flag) : flag_(std::move(flag)) {}
  void OnBackgroundError(rocksdb::BackgroundErrorReason /*reason*/,
                         rocksdb::Status* /*status*/) override {
    flag_->store(true);
  }

 private:
  const std::shared_ptr<std::atomic<bool>> flag_;
};

class RocksCursor final : public Cursor {
 public:
  explicit RocksCursor(std::unique_ptr<rocksdb::Iterator> it) : it_(std::move(it)) {}

  absl::StatusOr<int64_t> Read(const SharedPartition& partition, int64_t from, int64_t end,
                               size_t max_records, size_t max_bytes,
                               std::vector<Record>& records) override;

 private:
  const std::unique_ptr<rocksdb::Iterator> it_;
};

}  // namespace
}  // namespace internal

using internal::FromRocks;
using internal::MarkRow;
using internal::TopicRow;

EmbeddedLog::Impl::Impl(EmbeddedLogOptions options, const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      background_error_(std::make_shared<std::atomic<bool>>(false)),
      fan_out_(*this, /*waits=*/true) {}

EmbeddedLog::Impl::~Impl() {
  if (maintenance_thread_.joinable()) {
    {
      MutexLock lock(sleep_mutex_);
      maintenance_stopping_ = true;
      sleep_.NotifyAll();
    }
    maintenance_thread_.join();
  }
  if (commit_thread_.joinable()) {
    {
      MutexLock lock(queue_mutex_);
      stopping_ = true;
      arrived_.NotifyAll();
    }
    commit_thread_.join();
  }
  if (db_ != nullptr) {
    for (rocksdb::ColumnFamilyHandle* family : {meta_, records_, index_}) {
      db_->DestroyColumnFamilyHandle(family);
    }
    db_->Close();
  }
}

absl::Status EmbeddedLog::Impl::Open() {
  std::error_code error;
  std::filesystem::create_directories(options_.path, error);
  if (error) {
    return internal::LogUnavailable(
        absl::StrCat("making the folder ", options_.path, ": ", error.message()));
  }

  rocksdb::Options base;
  base.create_if_missing = true;
  base.create_missing_column_families = true;
  base.max_background_jobs = 2;
  base.max_total_wal_size = 16u << 20;
  base.bytes_per_sync = 1u << 20;
  base.wal_bytes_per_sync = 1u << 20;
  base.max_open_files = -1;
  base.avoid_unnecessary_blocking_io = true;
  // Only a torn tail is accepted; damage before acknowledged records is not.
  base.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  base.keep_log_file_num = 2;
  base.max_log_file_size = 4u << 20;
  if (options_.env != nullptr) base.env = options_.env;
  base.write_buffer_manager = options_.write_buffers;
  base.listeners.push_back(std::make_shared<internal::BackgroundErrors>(background_error_));

  rocksdb::BlockBasedTableOptions table;
  table.block_cache =
      options_.block_cache != nullptr ? options_.block_cache : rocksdb::NewLRUCache(8u << 20);
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.format_version = 5;
  table.block_size = 16u << 10;

  rocksdb::ColumnFamilyOptions family(base);
  family.compression = rocksdb::kLZ4Compression;
  family.write_buffer_size = 16u << 20;
  family.max_write_buffer_number = 3;
  family.level_compaction_dynamic_level_bytes = true;
  family.level0_slowdown_writes_trigger = 30;
  family.level0_stop_writes_trigger = 50;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  rocksdb::ColumnFamilyOptions small = family;
  small.write_buffer_size = 4u << 20;
  rocksdb::ColumnFamilyOptions indexed = family;
  indexed.write_buffer_size = 8u << 20;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  indexed.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));

  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened = rocksdb::DB::Open(
      base, options_.path,
      {{rocksdb::kDefaultColumnFamilyName, small}, {"records", family}, {"index", indexed}},
      &handles, &db);
  if (!opened.ok()) {
    const std::string text = opened.ToString();
    if (opened.IsIOError() && (absl::StrContains(text, "lock hold by current process") ||
                               absl::StrContains(text, "While lock file"))) {
      return FailedPrecondition(
          "LOG_LOCKED",
          absl::StrCat("the event log in ", options_.path,
                       " is open already; one process at a time can have it"),
          {{"path", options_.path}});
    }
    return FromRocks(opened, "opening the event log");
  }
  db_.reset(db);
  meta_ = handles[0];
  records_ = handles[1];
  index_ = handles[2];

  rocksdb::WriteOptions synced;
  synced.sync = true;
  std::string format;
  const rocksdb::Status found =
      db_->Get(rocksdb::ReadOptions(), meta_, internal::kFormatKey, &format);
  if (found.IsNotFound()) {
    identity_ = internal::NewUuid();
    internal::PutU32(internal::kFormat, format);
    rocksdb::WriteBatch batch;
    batch.Put(meta_, internal::kFormatKey, format);
    batch.Put(meta_, internal::kIdentityKey, identity_);
    WEFT_RETURN_IF_ERROR(FromRocks(db_->Write(synced, &batch), "writing the identity"));
  } else {
    WEFT_RETURN_IF_ERROR(FromRocks(found, "reading the format"));
    absl::string_view bytes = format;
    uint32_t number = 0;
    if (!internal::TakeU32(bytes, number) || number != internal::kFormat) {
      return DataLoss("LOG_DAMAGED", absl::StrCat("the event log in ", options_.path,
                                                  " has a format this release does not know"));
    }
    WEFT_RETURN_IF_ERROR(
        FromRocks(db_->Get(rocksdb::ReadOptions(), meta_, internal::kIdentityKey, &identity_),
                  "reading the identity"));
  }

  {
    MutexLock lock(topics_mutex_);
    const std::unique_ptr<rocksdb::Iterator> it(
        db_->NewIterator(rocksdb::ReadOptions(), meta_));
    for (it->Seek("t"); it->Valid() && it->key().starts_with("t"); it->Next()) {
      TopicRow row;
      if (!internal::DecodeTopic(internal::View(it->value()), row)) {
        return DataLoss("LOG_DAMAGED", "a topic's row does not parse");
      }
      AddTopic(it->key().ToString().substr(1), row);
    }
    for (it->Seek("p"); it->Valid() && it->key().starts_with("p"); it->Next()) {
      const auto partition = by_prefix_.find(it->key().ToString().substr(1));
      MarkRow mark;
      if (partition == by_prefix_.end() ||
          !internal::DecodeMark(internal::View(it->value()), mark)) {
        return DataLoss("LOG_DAMAGED", "a partition's mark does not parse");
      }
      Partition& p = *partition->second;
      p.mark = mark;
      p.begin = mark.begin;
      p.end = mark.end;
      p.bytes = mark.bytes;
      p.cleaned = mark.cleaned;
    }
    WEFT_RETURN_IF_ERROR(FromRocks(it->status(), "reading the topics"));
  }

  commit_thread_ = std::thread([this] { RunCommits(); });
  maintenance_thread_ = std::thread([this] { RunMaintenanceThread(); });
  return absl::OkStatus();
}

absl::StatusOr<std::string> EmbeddedLog::Impl::Identity() { return identity_; }

void EmbeddedLog::Impl::AddTopic(const std::string& name, const TopicRow& row) {
  auto topic = std::make_unique<Topic>();
  topic->id = row.id;
  topic->options = row.options;
  for (int32_t i = 0; i < row.options.partitions; ++i) {
    auto partition = std::make_unique<Partition>();
    partition->where = {name, i};
    partition->compacted = row.options.compacted;
    partition->prefix = internal::RecordPrefix(row.id, static_cast<uint16_t>(i));
    by_prefix_[partition->prefix] = partition.get();
    topic->partitions.push_back(std::move(partition));
  }
  next_topic_id_ = std::max(next_topic_id_, row.id + 1);
  topics_[name] = std::move(topic);
}

absl::Status EmbeddedLog::Impl::EnsureTopic(const std::string& name,
                                            const TopicOptions& options) {
  if (name.empty() || options.partitions < 1 || options.partitions > 65535) {
    return InvalidArgument("TOPIC_INVALID", "a topic has a name and 1 to 65535 partitions",
                           {{"topic", name}});
  }
  {
    MutexLock lock(queue_mutex_);
    WEFT_RETURN_IF_ERROR(failed_);
  }
  MutexLock lock(topics_mutex_);
  TopicRow row{next_topic_id_, options};
  const auto existing = topics_.find(name);
  if (existing != topics_.end()) {
    const TopicOptions& have = existing->second->options;
    if (have.partitions != options.partitions) {
      return internal::TopicMismatch(
          name, absl::StrCat("it has ", have.partitions, " partitions, not ",
                             options.partitions));
    }
    if (have.compacted != options.compacted) {
      return internal::TopicMismatch(
          name, have.compacted ? "it is compacted" : "it is not compacted");
    }
    row.id = existing->second->id;
    if (internal::EncodeTopic(row) == internal::EncodeTopic({row.id, have})) {
      return absl::OkStatus();
    }
  }
  rocksdb::WriteOptions synced;
  synced.sync = true;
  WEFT_RETURN_IF_ERROR(FromRocks(
      db_->Put(synced, meta_, internal::TopicKey(name), internal::EncodeTopic(row)),
      "creating a topic"));
  if (existing != topics_.end()) {
    existing->second->options = options;
  } else {
    AddTopic(name, row);
  }
  return absl::OkStatus();
}

absl::StatusOr<int32_t> EmbeddedLog::Impl::PartitionCount(const std::string& name) {
  MutexLock lock(topics_mutex_);
  const auto topic = topics_.find(name);
  if (topic == topics_.end()) return internal::TopicUnknown(name);
  return static_cast<int32_t>(topic->second->partitions.size());
}

absl::StatusOr<EmbeddedLog::Impl::Partition*> EmbeddedLog::Impl::Find(
    const TopicPartition& where) {
  MutexLock lock(topics_mutex_);
  const auto topic = topics_.find(where.topic);
  if (topic == topics_.end()) return internal::TopicUnknown(where.topic);
  const auto& partitions = topic->second->partitions;
  if (where.partition < 0 || static_cast<size_t>(where.partition) >= partitions.size()) {
    return internal::PartitionUnknown(where);
  }
  return partitions[static_cast<size_t>(where.partition)].get();
}

absl::StatusOr<Watermarks> EmbeddedLog::Impl::GetWatermarks(const TopicPartition& where) {
  WEFT_ASSIGN_OR_RETURN(const Partition* partition, Find(where));
  // Begin first: it may only be behind, never in front of the end.
  const int64_t begin = partition->begin.load();
  return Watermarks{begin, partition->end.load()};
}

void EmbeddedLog::Impl::Append(const TopicPartition& where, std::vector<NewRecord> records,
                               AppendCallback done) {
  Operation operation;
  operation.done = std::move(done);
  int64_t limit = 0;
  if (absl::StatusOr<Partition*> partition = Find(where); partition.ok()) {
    operation.partition = *partition;
    MutexLock lock(topics_mutex_);
    limit = topics_.find(where.topic)->second->options.max_record_bytes;
  } else {
    operation.refused = partition.status();
  }
  if (operation.refused.ok()) {
    operation.bodies.reserve(records.size());
    for (const NewRecord& record : records) {
      const int64_t size = internal::SizeOf(record);
      if (size > limit) {
        operation.refused = internal::RecordTooLarge(where, size, limit);
        operation.bodies.clear();
        operation.bytes = 0;
        break;
      }
      operation.bodies.push_back(internal::EncodeBody(record));
      operation.bytes += internal::StoredBytes(operation.bodies.back().size());
    }
  }
  Enqueue(std::move(operation), /*may_wait=*/true);
}

void EmbeddedLog::Impl::Enqueue(Operation operation, bool may_wait) {
  MutexLock lock(queue_mutex_);
  if (may_wait && std::this_thread::get_id() != commit_thread_.get_id()) {
    while (waiting_bytes_ > options_.waiting_bytes_max) space_.Wait(queue_mutex_);
  }
  waiting_bytes_ += static_cast<size_t>(operation.bytes);
  queue_.push_back(std::move(operation));
  if (queue_.size() == 1) arrived_.NotifyOne();
}

void EmbeddedLog::Impl::RunCommits() {
  std::vector<Operation> operations;
  while (true) {
    operations.clear();
    {
      MutexLock lock(queue_mutex_);
      while (queue_.empty() && !stopping_) arrived_.Wait(queue_mutex_);
      if (queue_.empty()) return;
      size_t bytes = 0;
      while (!queue_.empty() && bytes < options_.commit_bytes_max) {
        bytes += static_cast<size_t>(queue_.front().bytes);
        operations.push_back(std::move(queue_.front()));
        queue_.pop_front();
      }
      waiting_bytes_ -= bytes;
      space_.NotifyAll();
    }
    Commit(operations);
  }
}

void EmbeddedLog::Impl::Commit(std::vector<Operation>& operations) {
  if (background_error_->load()) Fail("a background write or check of the store failed");
  absl::Status failed;
  {
    MutexLock lock(queue_mutex_);
    failed = failed_;
  }

  std::vector<int64_t> first_offsets(operations.size(), 0);
  std::vector<internal::SharedPartition*> moved;
  Stats done;
  if (failed.ok()) {
    const int64_t now_micros = absl::ToUnixMicros(clock_.Wall());
    rocksdb::WriteBatch batch;
    std::vector<Partition*> touched;
    const auto touch = [&](Partition* partition) {
      if (partition->touched) return;
      partition->touched = true;
      touched.push_back(partition);
    };
    for (size_t i = 0; i < operations.size(); ++i) {
      const Operation& operation = operations[i];
      for (const Removal& removal : operation.removals) {
        touch(removal.partition);
        StageRemoval(removal, batch);
        done.records_removed += removal.records;
      }
      if (operation.partition == nullptr || !operation.refused.ok()) continue;
      first_offsets[i] = operation.partition->mark.end;
      if (operation.bodies.empty()) continue;
      touch(operation.partition);
      Stage(operation, now_micros, batch);
      ++done.appends;
      done.records += static_cast<int64_t>(operation.bodies.size());
      done.bytes += operation.bytes;
    }
    for (Partition* partition : touched) {
      batch.Put(meta_, "p" + partition->prefix, internal::EncodeMark(partition->mark));
    }
    if (!touched.empty()) {
      rocksdb::WriteOptions write;
      // A removal that is lost is found again.
      write.sync = done.appends > 0;
      const rocksdb::Status written = db_->Write(write, &batch);
      if (written.ok()) {
        done.commits = 1;
      } else {
        // Whether the batch survived is not known, so nothing after it may be
        // written: offsets would be given twice.
        Fail(written.ToString());
        MutexLock lock(queue_mutex_);
        failed = failed_;
      }
    }
    for (Partition* partition : touched) {
      partition->touched = false;
      if (!failed.ok()) continue;
      partition->bytes.store(partition->mark.bytes);
      if (partition->mark.end != partition->end.load()) {
        partition->end.store(partition->mark.end, std::memory_order_release);
        moved.push_back(partition);
      }
    }
  }
  {
    MutexLock lock(queue_mutex_);
    stats_.commits += done.commits;
    if (failed.ok()) {
      stats_.appends += done.appends;
      stats_.records += done.records;
      stats_.bytes += done.bytes;
      stats_.records_removed += done.records_removed;
    }
  }
  if (!moved.empty()) fan_out_.Publish(moved);
  for (size_t i = 0; i < operations.size(); ++i) {
    Operation& operation = operations[i];
    if (!operation.done) continue;
    if (!operation.refused.ok()) {
      operation.done(operation.refused);
    } else if (!failed.ok()) {
      operation.done(failed);
    } else {
      operation.done(first_offsets[i]);
    }
  }
}

void EmbeddedLog::Impl::Stage(const Operation& operation, int64_t now_micros,
                              rocksdb::WriteBatch& batch) {
  Partition& partition = *operation.partition;
  MarkRow& mark = partition.mark;
  mark.last_append_micros = std::max(mark.last_append_micros, now_micros);
  std::string time;
  internal::PutI64(mark.last_append_micros, time);
  for (const std::string& body : operation.bodies) {
    const std::string key = internal::RecordKey(partition.prefix, mark.end);
    const rocksdb::Slice key_parts[] = {key};
    const rocksdb::Slice value_parts[] = {time, body};
    batch.Put(records_, rocksdb::SliceParts(key_parts, 1), rocksdb::SliceParts(value_parts, 2));
    ++mark.end;
  }
  mark.bytes += operation.bytes;
}

void EmbeddedLog::Impl::StageRemoval(const Removal& removal, rocksdb::WriteBatch& batch) {
  // Below this, single deletes are cheaper to read over than a range.
  constexpr int64_t kRangeMin = 1'000;
  Partition& partition = *removal.partition;
  MarkRow& mark = partition.mark;
  if (removal.begin > mark.begin) {
    // Before the records go: a reader that misses them sees why.
    partition.begin.store(removal.begin, std::memory_order_release);
    if (removal.begin - mark.begin >= kRangeMin) {
      batch.DeleteRange(records_, internal::RecordKey(partition.prefix, mark.begin),
                        internal::RecordKey(partition.prefix, removal.begin));
    } else {
      for (int64_t offset = mark.begin; offset < removal.begin; ++offset) {
        batch.Delete(records_, internal::RecordKey(partition.prefix, offset));
      }
    }
    mark.begin = removal.begin;
  }
  for (const int64_t offset : removal.offsets) {
    batch.Delete(records_, internal::RecordKey(partition.prefix, offset));
  }
  for (const auto& [key, value] : removal.index_puts) batch.Put(index_, key, value);
  for (const std::string& key : removal.index_deletes) batch.Delete(index_, key);
  mark.bytes = std::max<int64_t>(0, mark.bytes - removal.bytes);
  if (removal.cleaned > mark.cleaned) mark.cleaned = removal.cleaned;
}

void EmbeddedLog::Impl::Fail(const std::string& why) {
  absl::Status status = internal::LogUnavailable(
      absl::StrCat("writing failed (", why, "); restart the process"));
  {
    MutexLock lock(queue_mutex_);
    if (!failed_.ok()) return;
    failed_ = status;
    stats_.failed = true;
  }
  fan_out_.SetStatus(std::move(status));
}

absl::StatusOr<std::unique_ptr<Reader>> EmbeddedLog::Impl::OpenReader(
    std::vector<StartPosition> positions) {
  std::vector<internal::SharedPartition*> partitions;
  partitions.reserve(positions.size());
  for (const StartPosition& position : positions) {
    WEFT_ASSIGN_OR_RETURN(Partition* const partition, Find(position.where));
    partitions.push_back(partition);
  }
  return fan_out_.Open(std::move(partitions), positions);
}

absl::StatusOr<std::unique_ptr<internal::Cursor>> EmbeddedLog::Impl::NewCursor() {
  std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(rocksdb::ReadOptions(), records_));
  return std::make_unique<internal::RocksCursor>(std::move(it));
}

absl::StatusOr<int64_t> internal::RocksCursor::Read(const SharedPartition& partition,
                                                    int64_t from, int64_t end,
                                                    size_t max_records, size_t max_bytes,
                                                    std::vector<Record>& records) {
  // Every partition of this log has its prefix in front of its keys.
  const std::string& prefix = static_cast<const PrefixedPartition&>(partition).prefix;
  size_t bytes = 0;
  size_t count = 0;
  for (it_->Seek(RecordKey(prefix, from)); it_->Valid(); it_->Next()) {
    absl::string_view key = View(it_->key());
    int64_t offset = 0;
    if (key.substr(0, kRecordPrefixBytes) != prefix) break;
    key.remove_prefix(kRecordPrefixBytes);
    if (!TakeI64(key, offset) || offset >= end) break;
    if (count == max_records || bytes >= max_bytes) return offset;
    Record record;
    record.offset = offset;
    if (!DecodeRecord(View(it_->value()), record)) {
      return DataLoss("LOG_DAMAGED",
                      absl::StrCat("the record at offset ", offset, " of partition ",
                                   partition.where.partition, " of ", partition.where.topic,
                                   " does not parse; restore the folder from a checkpoint"));
    }
    bytes += it_->value().size();
    ++count;
    records.push_back(std::move(record));
  }
  WEFT_RETURN_IF_ERROR(FromRocks(it_->status(), "reading records"));
  return end;
}

std::map<std::string, TopicOptions> EmbeddedLog::Impl::Topics() {
  MutexLock lock(topics_mutex_);
  std::map<std::string, TopicOptions> topics;
  for (const auto& [name, topic] : topics_) topics[name] = topic->options;
  return topics;
}

absl::Status EmbeddedLog::Impl::Checkpoint(const std::string& path) {
  // The last write-ahead file is linked as it is; what was removed without a
  // sync must be in it.
  WEFT_RETURN_IF_ERROR(FromRocks(db_->FlushWAL(true), "syncing before a checkpoint"));
  rocksdb::Checkpoint* made = nullptr;
  WEFT_RETURN_IF_ERROR(
      FromRocks(rocksdb::Checkpoint::Create(db_.get(), &made), "making a checkpoint"));
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  return FromRocks(checkpoint->CreateCheckpoint(path), "making a checkpoint");
}

EmbeddedLog::Stats EmbeddedLog::Impl::GetStats() {
  MutexLock lock(queue_mutex_);
  Stats stats = stats_;
  stats.waiting_appends = static_cast<int64_t>(queue_.size());
  stats.waiting_bytes = static_cast<int64_t>(waiting_bytes_);
  return stats;
}

EmbeddedLog::EmbeddedLog(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
EmbeddedLog::~EmbeddedLog() = default;

absl::StatusOr<std::unique_ptr<EmbeddedLog>> EmbeddedLog::Open(EmbeddedLogOptions options,
                                                               const Clock& clock) {
  auto impl = std::make_unique<Impl>(std::move(options), clock);
  WEFT_RETURN_IF_ERROR(impl->Open());
  return std::unique_ptr<EmbeddedLog>(new EmbeddedLog(std::move(impl)));
}

absl::StatusOr<std::string> EmbeddedLog::Identity() { return impl_->Identity(); }
absl::Status EmbeddedLog::EnsureTopic(const std::string& topic, const TopicOptions& options) {
  return impl_->EnsureTopic(topic, options);
}
absl::StatusOr<int32_t> EmbeddedLog::PartitionCount(const std::string& topic) {
  return impl_->PartitionCount(topic);
}
void EmbeddedLog::Append(const TopicPartition& where, std::vector<NewRecord> records,
                         AppendCallback done) {
  impl_->Append(where, std::move(records), std::move(done));
}
absl::StatusOr<std::unique_ptr<Reader>> EmbeddedLog::OpenReader(
    std::vector<StartPosition> positions) {
  return impl_->OpenReader(std::move(positions));
}
absl::StatusOr<Watermarks> EmbeddedLog::GetWatermarks(const TopicPartition& where) {
  return impl_->GetWatermarks(where);
}
std::map<std::string, TopicOptions> EmbeddedLog::Topics() const { return impl_->Topics(); }
absl::Status EmbeddedLog::RunMaintenance() { return impl_->RunMaintenance(); }
absl::Status EmbeddedLog::Checkpoint(const std::string& path) { return impl_->Checkpoint(path); }
EmbeddedLog::Stats EmbeddedLog::GetStats() const { return impl_->GetStats(); }

}  // namespace weft::eventlog
