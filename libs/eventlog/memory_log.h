// The event log in memory: the same contract, nothing durable. For room tests
// and for the simulator.
//
// Two ways to run it:
//   threaded (default)  a thread of the log makes appends durable and calls
//                       back, as the embedded log does; Poll() waits.
//   manual              nothing happens by itself: CommitNext() and
//                       CallBackNext() do one step each, Poll() never waits.
//                       AppendAndWait() would wait for ever.
//
// Below the contract stand the things a test may do to it: be away, forget,
// repeat, hold back, come back as another log. Making one costs a few
// microseconds and, threaded, one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/eventlog/event_log.h"

namespace weft::eventlog {

struct MemoryLogOptions {
  bool manual = false;
  absl::Duration tombstone_retention = absl::Hours(24);
  std::string identity = "00000000-0000-4000-8000-000000000001";
};

class MemoryLog final : public EventLog {
 public:
  // `clock` outlives the log.
  explicit MemoryLog(const Clock& clock, MemoryLogOptions options = {});
  ~MemoryLog() override;

  absl::StatusOr<std::string> Identity() override;
  absl::Status EnsureTopic(const std::string& topic, const TopicOptions& options) override;
  absl::StatusOr<int32_t> PartitionCount(const std::string& topic) override;
  void Append(const TopicPartition& where, std::vector<NewRecord> records,
              AppendCallback done) override;
  absl::StatusOr<std::unique_ptr<Reader>> OpenReader(
      std::vector<StartPosition> positions) override;
  absl::StatusOr<Watermarks> GetWatermarks(const TopicPartition& where) override;

  // Applies retention and compaction now.
  absl::Status RunMaintenance();

  // --- Manual steps. Each returns false when there was nothing to do.
  // Makes the oldest waiting append durable and readable.
  bool CommitNext();
  // Calls back for the oldest finished append.
  bool CallBackNext();
  // Both, until nothing is left (callbacks may append more).
  void Pump();
  size_t waiting() const;     // Appends not durable yet.
  size_t unanswered() const;  // Durable or refused, not called back yet.
  // The process of the appenders dies: of the waiting appends the first `keep`
  // become durable, the rest vanish; nobody is called back.
  void LoseAppenders(size_t keep);

  // --- Faults.
  // Away: appends answer UNAVAILABLE and write nothing; Poll, Identity and
  // watermarks answer UNAVAILABLE.
  void SetAway(bool away);
  // The next append answers UNAVAILABLE although it was written (`written`), or
  // without being written.
  void FailNextAppend(bool written);
  // Appends a copy of the record at `offset`, as a producer that repeats does.
  absl::Status Repeat(const TopicPartition& where, int64_t offset);
  // Readers see nothing at or behind `offset` until it is lifted with a larger
  // one (or INT64_MAX).
  void HoldBack(const TopicPartition& where, int64_t offset);
  // Retention passes: records before `begin` are gone.
  void Trim(const TopicPartition& where, int64_t begin);
  // Another log under the same topics: all records gone, new identity. Readers
  // must be opened anew.
  void Wipe(const std::string& identity);
  // All records of a partition as they stand, for checking.
  std::vector<Record> Dump(const TopicPartition& where) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weft::eventlog
