// A store in memory with a disk's manners: what was written without sync is
// lost by Crash(). Opening one costs nothing, so a simulator can open it a
// hundred thousand times. Thread safe.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "libs/base/sync.h"
#include "libs/engine/store.h"

namespace weft::engine {

class MemStore final : public Store {
 public:
  MemStore();

  absl::StatusOr<std::optional<std::string>> Get(Family family, absl::string_view key,
                                                 const Snapshot* snapshot) const override;
  std::unique_ptr<Iterator> Scan(Family family, absl::string_view begin,
                                 absl::string_view end,
                                 const Snapshot* snapshot) const override;
  std::shared_ptr<const Snapshot> TakeSnapshot() override;
  absl::Status Write(const Batch& batch, bool sync) override;
  absl::Status Sync() override;
  // Writes one file; Restore() reads it.
  absl::Status Checkpoint(const std::string& folder) override;
  int64_t ApproximateBytes() const override;

  // Power is cut: of the batches not yet synced the first `kept` reached the
  // disk, the others are gone. Whoever used the store must be gone already.
  void Crash(size_t kept = 0);
  // Batches written and not yet synced.
  size_t unsynced() const;
  // The next writes and syncs fail with `status` until it is OK again.
  void FailWrites(absl::Status status);
  void FailSyncs(absl::Status status);
  void FailReads(absl::Status status);
  // All rows of all families as one text of bytes, to compare stores.
  std::string Dump() const;
  static absl::StatusOr<std::unique_ptr<MemStore>> Restore(const std::string& folder);

  // Used by this file only: rows of all families, shared by snapshots until
  // they are written again.
  using Rows = std::array<absl::btree_map<std::string, std::string>, kFamilies>;

 private:
  void Apply(const Batch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  std::shared_ptr<Rows> rows_ ABSL_GUARDED_BY(mutex_);
  // What is on disk: the rows as of the last sync and the batches since, each
  // with what it overwrote.
  struct Undo {
    Family family;
    std::string key;
    std::optional<std::string> before;
  };
  std::vector<std::vector<Undo>> unsynced_ ABSL_GUARDED_BY(mutex_);
  absl::Status write_failure_ ABSL_GUARDED_BY(mutex_);
  absl::Status sync_failure_ ABSL_GUARDED_BY(mutex_);
  absl::Status read_failure_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace weft::engine
