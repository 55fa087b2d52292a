// A file system for RocksDB that can lose power, and whose syncs can fail.
//
// It passes everything to the real one and remembers, per file it saw written,
// how many octets were synced. After the store was closed (or its process
// forgotten), CutPower() cuts every file to what was synced, as a pulled plug
// may do. Thread safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "libs/base/sync.h"
#include "rocksdb/env.h"

namespace weft::testing {

class PowerCutFs {
 public:
  PowerCutFs();
  ~PowerCutFs();

  // For rocksdb::Options::env. Lives as long as this.
  rocksdb::Env* env() { return env_.get(); }

  // From now on every sync of a file whose name ends so fails (".log": the
  // write-ahead log; "": all); nothing of it counts as synced.
  void FailSyncs(const std::string& name_end);
  // Forgets what was written but not synced. No store may be open.
  void CutPower();
  int64_t unsynced_bytes() const;

 private:
  friend class PowerCutFile;
  friend class PowerCutFileSystem;
  struct File {
    int64_t written = 0;
    int64_t synced = 0;
  };
  bool Fails(const std::string& name);

  mutable Mutex mutex_;
  std::map<std::string, File> files_ ABSL_GUARDED_BY(mutex_);
  bool failing_ ABSL_GUARDED_BY(mutex_) = false;
  std::string failing_end_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<rocksdb::Env> env_;
};

}  // namespace weft::testing
