// A small ordered key-value store: what a shard keeps its rows in.
//
// Two adapters, one contract (store_test.cc): RocksStore (rocks_store.h), on
// disk, and MemStore (mem_store.h), in memory with a disk's manners for tests.
//
// One writer; any number of readers, from any thread. A reader sees whole
// batches only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace weft::engine {

// Column families. Numbers stand in batches on disk and never change.
enum class Family : uint8_t {
  kMeta = 0,     // What the shard is, its time, offsets, numbers, positions.
  kState = 1,    // The room's rows.
  kAnswers = 2,  // Answers by request id, undo marks.
  kOutbox = 3,   // Events to publish.
  kTimers = 4,
  kTasks = 5,
  kParked = 6,   // Records that could not be applied.
  kChangelog = 7,  // Turns not yet read back from the changelog.
};
inline constexpr int kFamilies = 8;
const char* FamilyName(Family family);

// Changes that become visible and durable together. Bytes:
//
//   batch  = { op }
//   op     = 01 family key value | 02 family key | 03 family key key
//   key, value = length (base-128) octets       03 deletes [first, second)
//
// The bytes are a function of the calls, so two runs can be compared.
class Batch {
 public:
  void Put(Family family, absl::string_view key, absl::string_view value);
  void Delete(Family family, absl::string_view key);
  void DeleteRange(Family family, absl::string_view begin, absl::string_view end);
  // Appends all changes of `other`, an encoded batch.
  void AppendBytes(absl::string_view other, int count);
  void Clear() {
    bytes_.clear();
    count_ = 0;
  }
  bool empty() const { return bytes_.empty(); }
  int count() const { return count_; }
  const std::string& bytes() const { return bytes_; }

  class Visitor {
   public:
    virtual ~Visitor() = default;
    virtual void Put(Family family, absl::string_view key, absl::string_view value) = 0;
    virtual void Delete(Family family, absl::string_view key) = 0;
    virtual void DeleteRange(Family family, absl::string_view begin,
                             absl::string_view end) = 0;
  };
  // False when `bytes` are not a batch.
  static bool Visit(absl::string_view bytes, Visitor& visitor);

 private:
  std::string bytes_;
  int count_ = 0;
};

// A consistent view of all families. Outlived by its store.
class Snapshot {
 public:
  virtual ~Snapshot() = default;
};

// Rows in key order. Not thread safe. The views hold until Next().
class Iterator {
 public:
  virtual ~Iterator() = default;
  virtual bool Valid() const = 0;
  virtual void Next() = 0;
  virtual absl::string_view key() const = 0;
  virtual absl::string_view value() const = 0;
  virtual absl::Status status() const = 0;
};

class Store {
 public:
  virtual ~Store() = default;

  // Reads one row; `snapshot` null = now.
  // Errors: DATA_LOSS / STORE_CORRUPT, INTERNAL / STORE_FAILED.
  virtual absl::StatusOr<std::optional<std::string>> Get(
      Family family, absl::string_view key, const Snapshot* snapshot = nullptr) const = 0;

  // Rows in [begin, end); `end` "" = to the last. Starts at the first.
  virtual std::unique_ptr<Iterator> Scan(Family family, absl::string_view begin,
                                         absl::string_view end,
                                         const Snapshot* snapshot = nullptr) const = 0;

  virtual std::shared_ptr<const Snapshot> TakeSnapshot() = 0;

  // All or nothing. With `sync` it survives a power cut when this returns OK,
  // and so does everything written before it.
  // Errors: RESOURCE_EXHAUSTED / DISK_FULL (nothing was written; may be tried
  // again), INTERNAL / STORE_FAILED (the process must stop: what is on disk is
  // not known until it was opened again).
  virtual absl::Status Write(const Batch& batch, bool sync) = 0;
  // Makes durable what was written without sync. Errors as Write.
  virtual absl::Status Sync() = 0;

  // Writes a copy as of now into `folder`, which must not exist.
  virtual absl::Status Checkpoint(const std::string& folder) = 0;

  // Bytes on disk, roughly.
  virtual int64_t ApproximateBytes() const = 0;
};

// The first key after all keys that start with `prefix`; "" = there is none.
std::string PrefixEnd(absl::string_view prefix);

}  // namespace weft::engine
