// A store in memory whose syncs wait until the test lets them go.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "libs/base/status_macros.h"
#include "libs/base/sync.h"
#include "libs/engine/mem_store.h"
#include "libs/engine/store.h"

namespace weft::engine {

// Thread safe.
class HeldDisk final : public Store {
 public:
  void Hold() {
    MutexLock lock(mutex_);
    held_ = true;
  }
  void Let() {
    MutexLock lock(mutex_);
    held_ = false;
    changed_.NotifyAll();
  }
  // Waits until that many batches with answers are written since the sync under way
  // began.
  void WaitForWrites(int count) {
    MutexLock lock(mutex_);
    while (!syncing_ || writes_ < count) changed_.Wait(mutex_);
  }
  int writes() const {
    MutexLock lock(mutex_);
    return writes_;
  }
  absl::Status Sync() override {
    MutexLock lock(mutex_);
    syncing_ = true;
    writes_ = 0;
    changed_.NotifyAll();
    while (held_) changed_.Wait(mutex_);
    syncing_ = false;
    return rows_.Sync();
  }
  absl::Status Write(const Batch& batch, bool sync) override {
    struct Answers final : Batch::Visitor {
      void Put(Family family, absl::string_view, absl::string_view) override {
        any |= family == Family::kAnswers;
      }
      void Delete(Family, absl::string_view) override {}
      void DeleteRange(Family, absl::string_view, absl::string_view) override {}
      bool any = false;
    } answers;
    WEFT_CHECK(Batch::Visit(batch.bytes(), answers));
    MutexLock lock(mutex_);
    if (answers.any) ++writes_;
    changed_.NotifyAll();
    return rows_.Write(batch, sync);
  }
  absl::StatusOr<std::optional<std::string>> Get(Family family, absl::string_view key,
                                                 const Snapshot* snapshot) const override {
    return rows_.Get(family, key, snapshot);
  }
  std::unique_ptr<Iterator> Scan(Family family, absl::string_view begin, absl::string_view end,
                                 const Snapshot* snapshot) const override {
    return rows_.Scan(family, begin, end, snapshot);
  }
  std::shared_ptr<const Snapshot> TakeSnapshot() override { return rows_.TakeSnapshot(); }
  absl::Status Checkpoint(const std::string& folder) override {
    return rows_.Checkpoint(folder);
  }
  int64_t ApproximateBytes() const override { return rows_.ApproximateBytes(); }

 private:
  MemStore rows_;
  mutable Mutex mutex_;
  CondVar changed_;
  bool held_ ABSL_GUARDED_BY(mutex_) = false;
  bool syncing_ ABSL_GUARDED_BY(mutex_) = false;
  int writes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace weft::engine
