// Inside the embedded log: what its commit thread, its background thread and
// its readers share. Layout on disk: embedded_format.h.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "libs/base/sync.h"
#include "libs/eventlog/embedded_format.h"
#include "libs/eventlog/embedded_log.h"
#include "libs/eventlog/fan_out.h"
#include "rocksdb/db.h"
#include "rocksdb/write_batch.h"

namespace weft::eventlog {
namespace internal {

struct PrefixedPartition : SharedPartition {
  std::string prefix;  // Of its keys. Constant after construction.
};

}  // namespace internal

class EmbeddedLog::Impl final : public internal::Source {
 public:
  Impl(EmbeddedLogOptions options, const Clock& clock);
  ~Impl() override;

  absl::Status Open();
  absl::StatusOr<std::string> Identity();
  absl::Status EnsureTopic(const std::string& name, const TopicOptions& options);
  absl::StatusOr<int32_t> PartitionCount(const std::string& name);
  void Append(const TopicPartition& where, std::vector<NewRecord> records,
              AppendCallback done);
  absl::StatusOr<std::unique_ptr<Reader>> OpenReader(std::vector<StartPosition> positions);
  absl::StatusOr<Watermarks> GetWatermarks(const TopicPartition& where);
  std::map<std::string, TopicOptions> Topics() ABSL_LOCKS_EXCLUDED(topics_mutex_);
  absl::Status RunMaintenance();
  absl::Status Checkpoint(const std::string& path);
  Stats GetStats();

  absl::StatusOr<std::unique_ptr<internal::Cursor>> NewCursor() override;

 private:
  struct Partition : internal::PrefixedPartition {
    // Of the commit thread.
    internal::MarkRow mark;
    bool touched = false;
    // Written by the commit thread, read by the background thread.
    std::atomic<int64_t> bytes{0};
    // Guarded by maintenance_mutex_.
    int64_t cleaned = 0;
    // Nothing is older than this, so retention by time need not look before.
    absl::Time oldest = absl::InfinitePast();
  };

  struct Topic {
    uint32_t id = 0;
    TopicOptions options;  // Guarded by topics_mutex_.
    std::vector<std::unique_ptr<Partition>> partitions;  // Constant after construction.
  };

  // What the background thread found to be removed from one partition.
  struct Removal {
    Partition* partition = nullptr;
    int64_t begin = -1;            // Everything before goes; -1 = as it is.
    std::vector<int64_t> offsets;  // Single records.
    int64_t records = 0;           // How many that are, both kinds.
    int64_t bytes = 0;
    int64_t cleaned = -1;  // -1 = as it is.
    std::vector<std::pair<std::string, std::string>> index_puts;
    std::vector<std::string> index_deletes;
  };

  struct Operation {
    // An append...
    Partition* partition = nullptr;
    std::vector<std::string> bodies;
    int64_t bytes = 0;
    absl::Status refused;  // Not OK: only to be answered.
    AppendCallback done;
    // ... or removals.
    std::vector<Removal> removals;
  };

  // Commit thread (embedded_log.cc).
  void RunCommits();
  void Commit(std::vector<Operation>& operations);
  void Stage(const Operation& operation, int64_t now_micros, rocksdb::WriteBatch& batch);
  void StageRemoval(const Removal& removal, rocksdb::WriteBatch& batch);
  void Fail(const std::string& why) ABSL_LOCKS_EXCLUDED(queue_mutex_);
  void Enqueue(Operation operation, bool may_wait) ABSL_LOCKS_EXCLUDED(queue_mutex_);

  // Background thread (embedded_maintenance.cc).
  struct Job {
    Topic* topic;
    TopicOptions options;
  };
  void RunMaintenanceThread();
  // One bounded pass; `more` says whether it stopped at its bound.
  absl::Status MaintenancePass(bool& more) ABSL_LOCKS_EXCLUDED(maintenance_mutex_);
  absl::Status Retain(const Job& job, Partition& partition, int64_t& budget)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(maintenance_mutex_);
  absl::Status Clean(Partition& partition, int64_t& budget)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(maintenance_mutex_);
  absl::Status DropTombstones(int64_t& budget)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(maintenance_mutex_);
  absl::StatusOr<bool> FindLatest(const std::string& index_key, int64_t& offset,
                                  int64_t& size);
  absl::Status CommitRemovals(std::vector<Removal> removals);

  // NOT_FOUND / TOPIC_UNKNOWN.
  absl::StatusOr<Partition*> Find(const TopicPartition& where) ABSL_LOCKS_EXCLUDED(topics_mutex_);
  void AddTopic(const std::string& name, const internal::TopicRow& row)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(topics_mutex_);

  const EmbeddedLogOptions options_;
  const Clock& clock_;
  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::ColumnFamilyHandle* meta_ = nullptr;
  rocksdb::ColumnFamilyHandle* records_ = nullptr;
  rocksdb::ColumnFamilyHandle* index_ = nullptr;
  std::string identity_;  // Constant after Open().
  // Set by RocksDB's background threads; the commit thread turns it into Fail().
  std::shared_ptr<std::atomic<bool>> background_error_;

  Mutex topics_mutex_;
  std::map<std::string, std::unique_ptr<Topic>> topics_ ABSL_GUARDED_BY(topics_mutex_);
  std::unordered_map<std::string, Partition*> by_prefix_ ABSL_GUARDED_BY(topics_mutex_);
  uint32_t next_topic_id_ ABSL_GUARDED_BY(topics_mutex_) = 1;

  internal::FanOut fan_out_;

  Mutex queue_mutex_;
  CondVar arrived_;  // Something to commit, or stop.
  CondVar space_;    // Less waits than before.
  std::deque<Operation> queue_ ABSL_GUARDED_BY(queue_mutex_);
  size_t waiting_bytes_ ABSL_GUARDED_BY(queue_mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(queue_mutex_) = false;
  absl::Status failed_ ABSL_GUARDED_BY(queue_mutex_);
  Stats stats_ ABSL_GUARDED_BY(queue_mutex_);

  Mutex maintenance_mutex_;  // One pass at a time. Outer to all others.
  Mutex sleep_mutex_;
  CondVar sleep_;
  bool maintenance_stopping_ ABSL_GUARDED_BY(sleep_mutex_) = false;

  std::thread commit_thread_;
  std::thread maintenance_thread_;
};

namespace internal {

absl::Status FromRocks(const rocksdb::Status& status, const char* what);

// Octets that count for retention by size.
inline int64_t StoredBytes(size_t body_bytes) {
  return static_cast<int64_t>(body_bytes + 8 + kRecordPrefixBytes + 8);
}

}  // namespace internal
}  // namespace weft::eventlog
