#include "libs/engine/rocks_store.h"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "rocksdb/cache.h"
#include "rocksdb/db.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/options.h"
#include "rocksdb/table.h"
#include "rocksdb/utilities/checkpoint.h"
#include "rocksdb/write_batch.h"
#include "rocksdb/write_buffer_manager.h"

namespace weft::engine {
namespace {

rocksdb::Slice ToSlice(absl::string_view view) { return {view.data(), view.size()}; }
absl::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

absl::Status ToStatus(const rocksdb::Status& s) {
  if (s.ok()) return absl::OkStatus();
  if (s.IsNoSpace()) {
    return ResourceExhausted("DISK_FULL",
                             "the disk that holds the state is full; free space on it");
  }
  if (s.IsCorruption()) {
    return DataLoss("STORE_CORRUPT",
                    absl::StrCat("the state on disk is damaged (", s.ToString(),
                                 "); restore the last checkpoint, or rebuild from the log"));
  }
  return Error(absl::StatusCode::kInternal, "STORE_FAILED",
               absl::StrCat("the state on disk cannot be used: ", s.ToString()));
}

class Resources final : public RocksResources {
 public:
  explicit Resources(int64_t bytes)
      : cache_(rocksdb::NewLRUCache(static_cast<size_t>(bytes))),
        // Memtables are charged to the cache: one limit for both.
        buffers_(std::make_shared<rocksdb::WriteBufferManager>(static_cast<size_t>(bytes / 2),
                                                               cache_)) {}
  int64_t cache_bytes() const override { return static_cast<int64_t>(cache_->GetUsage()); }
  int64_t memtable_bytes() const override {
    return static_cast<int64_t>(buffers_->memory_usage());
  }
  std::shared_ptr<rocksdb::Cache> cache() const override { return cache_; }
  std::shared_ptr<rocksdb::WriteBufferManager> write_buffers() const override {
    return buffers_;
  }

 private:
  const std::shared_ptr<rocksdb::Cache> cache_;
  const std::shared_ptr<rocksdb::WriteBufferManager> buffers_;
};

class RocksSnapshot final : public Snapshot {
 public:
  explicit RocksSnapshot(rocksdb::DB* db) : db_(db), snapshot_(db->GetSnapshot()) {}
  ~RocksSnapshot() override { db_->ReleaseSnapshot(snapshot_); }
  RocksSnapshot(const RocksSnapshot&) = delete;
  RocksSnapshot& operator=(const RocksSnapshot&) = delete;
  const rocksdb::Snapshot* get() const { return snapshot_; }

 private:
  rocksdb::DB* const db_;
  const rocksdb::Snapshot* const snapshot_;
};

class RocksIterator final : public Iterator {
 public:
  RocksIterator(rocksdb::DB* db, rocksdb::ColumnFamilyHandle* family, absl::string_view begin,
                absl::string_view end, const rocksdb::Snapshot* snapshot)
      : end_(end), end_slice_(end_) {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot;
    options.total_order_seek = true;
    if (!end_.empty()) options.iterate_upper_bound = &end_slice_;
    it_.reset(db->NewIterator(options, family));
    it_->Seek(ToSlice(begin));
  }
  bool Valid() const override { return it_->Valid(); }
  void Next() override { it_->Next(); }
  absl::string_view key() const override { return ToView(it_->key()); }
  absl::string_view value() const override { return ToView(it_->value()); }
  absl::Status status() const override { return ToStatus(it_->status()); }

 private:
  const std::string end_;
  const rocksdb::Slice end_slice_;
  std::unique_ptr<rocksdb::Iterator> it_;
};

class RocksStore final : public Store {
 public:
  RocksStore(std::shared_ptr<Resources> resources, std::unique_ptr<rocksdb::DB> db,
             std::vector<rocksdb::ColumnFamilyHandle*> families)
      : resources_(std::move(resources)), db_(std::move(db)), families_(std::move(families)) {}
  ~RocksStore() override {
    for (auto* handle : families_) db_->DestroyColumnFamilyHandle(handle);
    (void)db_->Close();
  }

  absl::StatusOr<std::optional<std::string>> Get(Family family, absl::string_view key,
                                                 const Snapshot* snapshot) const override {
    if (!Has(family)) return std::optional<std::string>();
    rocksdb::ReadOptions options;
    if (snapshot != nullptr) options.snapshot = static_cast<const RocksSnapshot*>(snapshot)->get();
    thread_local rocksdb::PinnableSlice value;
    value.Reset();
    const rocksdb::Status s = db_->Get(options, Handle(family), ToSlice(key), &value);
    if (s.IsNotFound()) return std::optional<std::string>();
    if (!s.ok()) return ToStatus(s);
    std::optional<std::string> result(std::in_place, value.data(), value.size());
    value.Reset();  // Pins no block of a store that may be closed next.
    return result;
  }

  std::unique_ptr<Iterator> Scan(Family family, absl::string_view begin, absl::string_view end,
                                 const Snapshot* snapshot) const override {
    const std::string nothing(1, '\xff');  // Behind every row.
    return std::make_unique<RocksIterator>(
        db_.get(), Handle(Has(family) ? family : Family::kMeta), Has(family) ? begin : nothing,
        Has(family) ? end : nothing,
        snapshot != nullptr ? static_cast<const RocksSnapshot*>(snapshot)->get() : nullptr);
  }

  std::shared_ptr<const Snapshot> TakeSnapshot() override {
    return std::make_shared<RocksSnapshot>(db_.get());
  }

  absl::Status Write(const Batch& batch, bool sync) override {
    class Converter final : public Batch::Visitor {
     public:
      Converter(const RocksStore& store, rocksdb::WriteBatch& out) : store_(store), out_(out) {}
      void Put(Family family, absl::string_view key, absl::string_view value) override {
        (void)out_.Put(store_.Handle(family), ToSlice(key), ToSlice(value));
      }
      void Delete(Family family, absl::string_view key) override {
        (void)out_.Delete(store_.Handle(family), ToSlice(key));
      }
      void DeleteRange(Family family, absl::string_view begin, absl::string_view end) override {
        (void)out_.DeleteRange(store_.Handle(family), ToSlice(begin), ToSlice(end));
      }

     private:
      const RocksStore& store_;
      rocksdb::WriteBatch& out_;
    };
    batch_.Clear();
    Converter converter(*this, batch_);
    WEFT_CHECK(Batch::Visit(batch.bytes(), converter));
    rocksdb::WriteOptions options;
    options.sync = sync;
    return ToStatus(db_->Write(options, &batch_));
  }

  absl::Status Sync() override { return ToStatus(db_->FlushWAL(/*sync=*/true)); }

  absl::Status Checkpoint(const std::string& folder) override {
    // The linked last log file may be unsynced otherwise.
    WEFT_RETURN_IF_ERROR(Sync());
    rocksdb::Checkpoint* raw = nullptr;
    WEFT_RETURN_IF_ERROR(ToStatus(rocksdb::Checkpoint::Create(db_.get(), &raw)));
    const std::unique_ptr<rocksdb::Checkpoint> checkpoint(raw);
    return ToStatus(checkpoint->CreateCheckpoint(folder, /*log_size_for_flush=*/0));
  }

  int64_t ApproximateBytes() const override {
    return Property("rocksdb.total-sst-files-size") +
           Property("rocksdb.size-all-mem-tables");
  }

  RocksFigures Figures() const {
    RocksFigures figures;
    figures.keys = Property("rocksdb.estimate-num-keys");
    figures.sst_bytes = Property("rocksdb.total-sst-files-size");
    figures.memtable_bytes = Property("rocksdb.size-all-mem-tables");
    figures.pending_compaction_bytes = Property("rocksdb.estimate-pending-compaction-bytes");
    figures.write_stopped = Property("rocksdb.is-write-stopped") > 0;
    return figures;
  }

 private:
  // A copy made by an earlier release may lack the newest families.
  bool Has(Family family) const { return static_cast<size_t>(family) < families_.size(); }
  rocksdb::ColumnFamilyHandle* Handle(Family family) const {
    return families_[static_cast<size_t>(family)];
  }
  int64_t Property(const char* name) const {
    int64_t sum = 0;
    for (auto* handle : families_) {
      uint64_t value = 0;
      if (db_->GetIntProperty(handle, name, &value)) sum += static_cast<int64_t>(value);
    }
    return sum;
  }

  const std::shared_ptr<Resources> resources_;
  const std::unique_ptr<rocksdb::DB> db_;
  const std::vector<rocksdb::ColumnFamilyHandle*> families_;
  rocksdb::WriteBatch batch_;  // Reused; the one writer's.
};

rocksdb::ColumnFamilyOptions FamilyOptions(Family family, const Resources& resources) {
  rocksdb::ColumnFamilyOptions options;
  options.write_buffer_size = 16 << 20;
  options.max_write_buffer_number = 3;
  options.level_compaction_dynamic_level_bytes = true;
  options.level0_slowdown_writes_trigger = 30;
  options.level0_stop_writes_trigger = 50;
  options.compression = rocksdb::kLZ4Compression;
  options.bottommost_compression = rocksdb::kZSTD;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = resources.cache();
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.format_version = 5;
  switch (family) {
    case Family::kState:
    case Family::kAnswers:
    case Family::kTasks:
      table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10, false));
      table.data_block_index_type =
          rocksdb::BlockBasedTableOptions::kDataBlockBinaryAndHash;
      options.memtable_whole_key_filtering = true;
      options.memtable_prefix_bloom_size_ratio = 0.02;
      break;
    case Family::kMeta:
      options.write_buffer_size = 2 << 20;
      break;

    default:
      break;
  }
  if (family == Family::kState || family == Family::kParked) {
    // Documents and raw messages; rows are far below this size.
    options.enable_blob_files = true;
    options.min_blob_size = 16 << 10;
    options.enable_blob_garbage_collection = true;
  }
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

}  // namespace

std::shared_ptr<RocksResources> RocksResources::Make(int64_t bytes) {
  return std::make_shared<Resources>(bytes);
}

absl::StatusOr<std::unique_ptr<Store>> OpenRocksStore(const RocksOptions& options) {
  std::error_code error;
  if (!options.read_only) {
    std::filesystem::create_directories(options.folder, error);
    if (error) {
      return Error(absl::StatusCode::kInternal, "STORE_FAILED",
                   absl::StrCat("the folder ", options.folder,
                                " cannot be made: ", error.message()));
    }
  }
  auto resources = std::static_pointer_cast<Resources>(
      options.resources != nullptr ? options.resources : RocksResources::Make());
  rocksdb::DBOptions db_options;
  db_options.create_if_missing = true;
  db_options.create_missing_column_families = true;
  db_options.max_background_jobs = 2;
  db_options.max_total_wal_size = 16 << 20;
  db_options.bytes_per_sync = 1 << 20;
  db_options.wal_bytes_per_sync = 1 << 20;
  db_options.max_open_files = -1;
  db_options.avoid_unnecessary_blocking_io = true;
  db_options.write_buffer_manager = resources->write_buffers();
  // Point-in-time recovery would drop acknowledged writes behind a damaged
  // record without a word; this mode forgives a torn tail only.
  db_options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  db_options.keep_log_file_num = 4;
  db_options.max_log_file_size = 4 << 20;
  db_options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;

  int families = kFamilies;
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  if (options.read_only) {
    std::vector<std::string> there;
    if (rocksdb::DB::ListColumnFamilies(db_options, options.folder, &there).ok() &&
        std::find(there.begin(), there.end(), FamilyName(Family::kChangelog)) == there.end()) {
      families = static_cast<int>(Family::kChangelog);
    }
  }
  for (int f = 0; f < families; ++f) {
    const Family family = static_cast<Family>(f);
    descriptors.emplace_back(
        family == Family::kMeta ? rocksdb::kDefaultColumnFamilyName : FamilyName(family),
        FamilyOptions(family, *resources));
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* raw = nullptr;
  const rocksdb::Status s =
      options.read_only
          ? rocksdb::DB::OpenForReadOnly(db_options, options.folder, descriptors, &handles, &raw)
          : rocksdb::DB::Open(db_options, options.folder, descriptors, &handles, &raw);
  if (!s.ok()) {
    if (s.IsIOError() && s.ToString().find("lock") != std::string::npos) {
      return FailedPrecondition("STORE_LOCKED",
                                absl::StrCat("another process has ", options.folder,
                                             " open; stop it first"));
    }
    return ToStatus(s);
  }
  return std::unique_ptr<Store>(std::make_unique<RocksStore>(
      std::move(resources), std::unique_ptr<rocksdb::DB>(raw), std::move(handles)));
}

RocksFigures FiguresOf(const Store& store) {
  const auto* rocks = dynamic_cast<const RocksStore*>(&store);
  return rocks != nullptr ? rocks->Figures() : RocksFigures{};
}

}  // namespace weft::engine
