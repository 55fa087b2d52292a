// The embedded event log: durable and partitioned, in RocksDB, in one folder,
// for the process that opens it and nobody else.
//
// One commit thread serves all topics and partitions. While one batch is being
// synced the next one gathers; there is no timer. A record can be read once its
// batch is synced. Readers never poll the disk: a commit tells each reader
// which of its partitions moved.
//
// A write or sync that fails is final: nothing is retried, every later append
// answers UNAVAILABLE / LOG_UNAVAILABLE, and the process has to be restarted
// (what is on disk decides what was written).
//
// Compaction and retention run on a background thread in bounded steps and go
// through the commit thread, so the folder has one writer.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/eventlog/event_log.h"

namespace rocksdb {
class Cache;
class Env;
class WriteBufferManager;
}  // namespace rocksdb

namespace weft::eventlog {

struct EmbeddedLogOptions {
  // Created when missing. One process at a time: LOG_LOCKED.
  std::string path;
  // Compacted topics keep the tombstone of a deleted key this long, so that
  // slow readers learn of the deletion.
  absl::Duration tombstone_retention = absl::Hours(24);
  // Compaction leaves records younger than this, so that a reader that follows
  // the topic meets every one of them: to it, a missing number is a gap.
  absl::Duration compaction_lag = absl::Minutes(10);
  // How often the background thread looks for work, and how many records it
  // looks at before it pauses again.
  absl::Duration maintenance_interval = absl::Seconds(1);
  int64_t maintenance_records = 20'000;

  // Performance. What one commit takes at most; a larger batch only makes the
  // first caller in it wait.
  size_t commit_bytes_max = 4u << 20;
  // Append() blocks while more than this waits for the disk.
  size_t waiting_bytes_max = 64u << 20;
  // Shared by all stores of a process; null = small ones of its own.
  std::shared_ptr<rocksdb::Cache> block_cache;
  std::shared_ptr<rocksdb::WriteBufferManager> write_buffers;

  // Tests pass a file system that fails; outlives the log.
  rocksdb::Env* env = nullptr;
};

class EmbeddedLog final : public EventLog {
 public:
  // `clock` outlives the log; it stamps records, and a wall clock that goes
  // back makes append times stand still.
  // Errors: FAILED_PRECONDITION / LOG_LOCKED (another process, or another log of
  // this one, has the folder), DATA_LOSS / LOG_DAMAGED, UNAVAILABLE /
  // LOG_UNAVAILABLE.
  static absl::StatusOr<std::unique_ptr<EmbeddedLog>> Open(EmbeddedLogOptions options,
                                                           const Clock& clock);
  // Commits what waits, answers it, stops both threads. No reader may be alive.
  ~EmbeddedLog() override;

  absl::StatusOr<std::string> Identity() override;
  absl::Status EnsureTopic(const std::string& topic, const TopicOptions& options) override;
  absl::StatusOr<int32_t> PartitionCount(const std::string& topic) override;
  // Blocks while `waiting_bytes_max` is exceeded (never on the commit thread, so
  // a callback may append).
  void Append(const TopicPartition& where, std::vector<NewRecord> records,
              AppendCallback done) override;
  absl::StatusOr<std::unique_ptr<Reader>> OpenReader(
      std::vector<StartPosition> positions) override;
  absl::StatusOr<Watermarks> GetWatermarks(const TopicPartition& where) override;

  // All topics, by name. For tools.
  std::map<std::string, TopicOptions> Topics() const;

  // Applies retention and compaction now, until nothing is left to do.
  absl::Status RunMaintenance();

  // A copy of the log as of one moment, made of hard links where the file
  // system allows it. `path` must not exist.
  absl::Status Checkpoint(const std::string& path);

  // For metrics. Since opening, except `waiting_*`.
  struct Stats {
    int64_t commits = 0;
    int64_t appends = 0;
    int64_t records = 0;
    int64_t bytes = 0;
    int64_t waiting_appends = 0;
    int64_t waiting_bytes = 0;
    int64_t records_removed = 0;  // By retention and compaction.
    bool failed = false;
  };
  Stats GetStats() const;

 private:
  class Impl;
  explicit EmbeddedLog(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace weft::eventlog
