#include "libs/engine/mem_store.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "libs/engine/wire.h"

namespace weft::engine {
namespace {

using Rows = MemStore::Rows;

class MemSnapshot final : public Snapshot {
 public:
  explicit MemSnapshot(std::shared_ptr<const Rows> rows) : rows_(std::move(rows)) {}
  const std::shared_ptr<const Rows>& rows() const { return rows_; }

 private:
  std::shared_ptr<const Rows> rows_;
};

class MemIterator final : public Iterator {
 public:
  MemIterator(std::shared_ptr<const Rows> rows, Family family, absl::string_view begin,
              absl::string_view end)
      : rows_(std::move(rows)), map_((*rows_)[static_cast<size_t>(family)]) {
    at_ = map_.lower_bound(std::string(begin));
    end_ = end.empty() ? map_.end() : map_.lower_bound(std::string(end));
  }
  bool Valid() const override { return at_ != end_; }
  void Next() override { ++at_; }
  absl::string_view key() const override { return at_->first; }
  absl::string_view value() const override { return at_->second; }
  absl::Status status() const override { return absl::OkStatus(); }

 private:
  std::shared_ptr<const Rows> rows_;
  const absl::btree_map<std::string, std::string>& map_;
  absl::btree_map<std::string, std::string>::const_iterator at_;
  absl::btree_map<std::string, std::string>::const_iterator end_;
};

constexpr char kFile[] = "/rows";

}  // namespace

MemStore::MemStore() : rows_(std::make_shared<Rows>()) {}

absl::StatusOr<std::optional<std::string>> MemStore::Get(Family family,
                                                         absl::string_view key,
                                                         const Snapshot* snapshot) const {
  MutexLock lock(mutex_);
  WEFT_RETURN_IF_ERROR(read_failure_);
  const Rows& rows =
      snapshot != nullptr ? *static_cast<const MemSnapshot*>(snapshot)->rows() : *rows_;
  const auto& map = rows[static_cast<size_t>(family)];
  const auto it = map.find(key);
  if (it == map.end()) return std::optional<std::string>();
  return std::optional<std::string>(it->second);
}

std::unique_ptr<Iterator> MemStore::Scan(Family family, absl::string_view begin,
                                         absl::string_view end,
                                         const Snapshot* snapshot) const {
  MutexLock lock(mutex_);
  std::shared_ptr<const Rows> rows = rows_;
  if (snapshot != nullptr) rows = static_cast<const MemSnapshot*>(snapshot)->rows();
  return std::make_unique<MemIterator>(std::move(rows), family, begin, end);
}

std::shared_ptr<const Snapshot> MemStore::TakeSnapshot() {
  MutexLock lock(mutex_);
  return std::make_shared<MemSnapshot>(rows_);
}

void MemStore::Apply(const Batch& batch) {
  // A snapshot or an iterator looks at the rows: write into a copy.
  if (rows_.use_count() > 1) rows_ = std::make_shared<Rows>(*rows_);
  class Applier final : public Batch::Visitor {
   public:
    Applier(Rows& rows, std::vector<Undo>& undo) : rows_(rows), undo_(undo) {}
    void Put(Family family, absl::string_view key, absl::string_view value) override {
      auto& map = rows_[static_cast<size_t>(family)];
      auto [it, inserted] = map.try_emplace(std::string(key));
      undo_.push_back({family, it->first,
                       inserted ? std::nullopt : std::optional(std::move(it->second))});
      it->second.assign(value.data(), value.size());
    }
    void Delete(Family family, absl::string_view key) override {
      auto& map = rows_[static_cast<size_t>(family)];
      const auto it = map.find(key);
      if (it == map.end()) return;
      undo_.push_back({family, it->first, std::move(it->second)});
      map.erase(it);
    }
    void DeleteRange(Family family, absl::string_view begin, absl::string_view end) override {
      auto& map = rows_[static_cast<size_t>(family)];
      auto it = map.lower_bound(std::string(begin));
      while (it != map.end() && it->first < end) {
        undo_.push_back({family, it->first, std::move(it->second)});
        it = map.erase(it);
      }
    }

   private:
    Rows& rows_;
    std::vector<Undo>& undo_;
  };
  unsynced_.emplace_back();
  Applier applier(*rows_, unsynced_.back());
  WEFT_CHECK(Batch::Visit(batch.bytes(), applier));
}

absl::Status MemStore::Write(const Batch& batch, bool sync) {
  MutexLock lock(mutex_);
  WEFT_RETURN_IF_ERROR(write_failure_);
  Apply(batch);
  if (sync) {
    WEFT_RETURN_IF_ERROR(sync_failure_);
    unsynced_.clear();
  }
  return absl::OkStatus();
}

absl::Status MemStore::Sync() {
  MutexLock lock(mutex_);
  WEFT_RETURN_IF_ERROR(sync_failure_);
  unsynced_.clear();
  return absl::OkStatus();
}

void MemStore::Crash(size_t kept) {
  MutexLock lock(mutex_);
  if (rows_.use_count() > 1) rows_ = std::make_shared<Rows>(*rows_);
  while (unsynced_.size() > kept) {
    auto& undos = unsynced_.back();
    for (auto it = undos.rbegin(); it != undos.rend(); ++it) {
      auto& map = (*rows_)[static_cast<size_t>(it->family)];
      if (it->before.has_value()) {
        map[it->key] = *std::move(it->before);
      } else {
        map.erase(it->key);
      }
    }
    unsynced_.pop_back();
  }
  unsynced_.clear();
}

size_t MemStore::unsynced() const {
  MutexLock lock(mutex_);
  return unsynced_.size();
}

void MemStore::FailWrites(absl::Status status) {
  MutexLock lock(mutex_);
  write_failure_ = std::move(status);
}

void MemStore::FailSyncs(absl::Status status) {
  MutexLock lock(mutex_);
  sync_failure_ = std::move(status);
}

void MemStore::FailReads(absl::Status status) {
  MutexLock lock(mutex_);
  read_failure_ = std::move(status);
}

std::string MemStore::Dump() const {
  MutexLock lock(mutex_);
  Batch all;
  for (int f = 0; f < kFamilies; ++f) {
    for (const auto& [key, value] : (*rows_)[static_cast<size_t>(f)]) {
      all.Put(static_cast<Family>(f), key, value);
    }
  }
  return all.bytes();
}

absl::Status MemStore::Checkpoint(const std::string& folder) {
  std::error_code error;
  if (!std::filesystem::create_directory(folder, error)) {
    return FailedPrecondition("CHECKPOINT_EXISTS",
                              "the checkpoint folder exists or cannot be made; name a new one");
  }
  std::ofstream out(folder + kFile, std::ios::binary);
  out << Dump();
  out.flush();
  if (!out.good()) return Internal("the checkpoint cannot be written");
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<MemStore>> MemStore::Restore(const std::string& folder) {
  std::ifstream in(folder + kFile, std::ios::binary);
  if (!in.good()) return NotFound("CHECKPOINT_NOT_FOUND", "no checkpoint in this folder");
  const std::string bytes((std::istreambuf_iterator<char>(in)),
                          std::istreambuf_iterator<char>());
  Batch batch;
  batch.AppendBytes(bytes, 0);
  auto store = std::make_unique<MemStore>();
  WEFT_RETURN_IF_ERROR(store->Write(batch, true));
  return store;
}

int64_t MemStore::ApproximateBytes() const {
  MutexLock lock(mutex_);
  int64_t bytes = 0;
  for (const auto& map : *rows_) {
    for (const auto& [key, value] : map) bytes += static_cast<int64_t>(key.size() + value.size());
  }
  return bytes;
}

}  // namespace weft::engine
