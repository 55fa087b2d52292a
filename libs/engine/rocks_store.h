// A store in RocksDB: one database per shard, one column family per Family.
// All stores of a process share one block cache and one write-buffer manager.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "libs/engine/store.h"

namespace rocksdb {
class Cache;
class WriteBufferManager;
}  // namespace rocksdb

namespace weft::engine {

// Memory that all stores of a process share. Thread safe; outlives the stores
// by shared ownership.
class RocksResources {
 public:
  // `bytes`: block cache and memtables together.
  static std::shared_ptr<RocksResources> Make(int64_t bytes = int64_t{128} << 20);
  virtual ~RocksResources() = default;
  virtual int64_t cache_bytes() const = 0;
  virtual int64_t memtable_bytes() const = 0;
  // For other stores of the process (the embedded log).
  virtual std::shared_ptr<rocksdb::Cache> cache() const = 0;
  virtual std::shared_ptr<rocksdb::WriteBufferManager> write_buffers() const = 0;
};

struct RocksOptions {
  std::string folder;
  std::shared_ptr<RocksResources> resources;
  bool read_only = false;
};

// Opens or creates. A torn tail of the last log file is dropped (those bytes
// were never acknowledged); any other damage refuses to open.
// Errors: DATA_LOSS / STORE_CORRUPT (restore from a checkpoint, or rebuild),
// FAILED_PRECONDITION / STORE_LOCKED (another process has it open),
// RESOURCE_EXHAUSTED / DISK_FULL, INTERNAL / STORE_FAILED.
absl::StatusOr<std::unique_ptr<Store>> OpenRocksStore(const RocksOptions& options);

// What operators watch of one store; see Store::ApproximateBytes too.
struct RocksFigures {
  int64_t keys = 0;
  int64_t sst_bytes = 0;
  int64_t memtable_bytes = 0;
  int64_t pending_compaction_bytes = 0;
  bool write_stopped = false;
};
// Zeroes for a store of another kind.
RocksFigures FiguresOf(const Store& store);

}  // namespace weft::engine
