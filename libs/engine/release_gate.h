// The release gate of a shard on a changelog: a batch may leave when its record
// was read back from the partition in front of anybody else's claim.
//
// No thread, no clock, no log: stepped from outside, as the core is.
//
//   Written()      a batch was written: its record is to be appended
//   TakeAppends()  records to append now, in order
//   Appended()     how one went; after a failure all that were not read back go again
//   Read()         records of the partition, in order
//   releasable()   batches at the front that may leave
//
// Repeats do no harm: a turn counts once, by its number.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "libs/engine/changelog.h"
#include "libs/eventlog/event_log.h"

namespace weft::engine {

struct ReleaseGateOptions {
  // Beyond it nothing is decided any more until records were read back.
  int64_t backlog_bytes_max = int64_t{64} << 20;
  size_t batches_max = 256;  // Each pins a snapshot of the store.
  absl::Duration append_pause = absl::Milliseconds(100);  // After a failed append.
  // The planted fault (PlantedBugs::no_claim_check): an append that was confirmed
  // opens the gate, whoever owns the shard.
  bool no_claim_check = false;
};

class ReleaseGate {
 public:
  // `fold`: as the opening left it; its claim is ours.
  ReleaseGate(ChangelogFold fold, ReleaseGateOptions options)
      : options_(options), fold_(std::move(fold)), epoch_(fold_.epoch()), read_(fold_.number()) {}

  // A batch with a turn.
  void WrittenTurn(uint64_t number, absl::string_view batch);
  // A batch that changed nothing. `rests_on_state`: its answers are true only as
  // long as we are the owner, so a mark is logged behind what they rest on.
  void WrittenNothing(bool rests_on_state);

  struct Append {
    uint64_t id = 0;
    eventlog::NewRecord record;
  };
  std::vector<Append> TakeAppends(absl::Duration steady);
  void Appended(uint64_t id, const absl::Status& status, absl::Duration steady);

  // Errors: UNAVAILABLE / OWNED_ELSEWHERE: somebody else claimed the shard. Nothing
  // more leaves, whatever is called. DATA_LOSS / CHANGELOG_DAMAGED.
  absl::Status Read(std::vector<eventlog::Record> records);

  // Batches at the front whose records were read back.
  size_t releasable() const;
  void Released();
  size_t waiting() const { return batches_.size(); }

  // Of the last turn read back.
  uint64_t read_back() const { return read_; }
  int64_t backlog_bytes() const { return backlog_bytes_; }
  bool full() const {
    return backlog_bytes_ >= options_.backlog_bytes_max || batches_.size() >= options_.batches_max;
  }
  // When TakeAppends() has something by the steady clock; InfiniteDuration: nothing.
  absl::Duration NextWake() const;
  // How far the partition was read, for the folder's row.
  std::string SaveFold() { return fold_.Save(last_record_); }
  const ChangelogFold& fold() const { return fold_; }
  int64_t epoch() const { return epoch_; }  // Of our own claim.

 private:
  struct Waiting {
    uint64_t number = 0;  // Of a turn; 0: none.
    uint64_t ticket = 0;  // Of a mark; 0: none.
    eventlog::NewRecord record;  // Until it was read back.
    uint64_t id = 0;             // Of its last append.
    bool logged = false;         // For the planted fault: its append was confirmed.
    bool has_record() const { return number > 0 || ticket > 0; }
  };
  bool IsRead(const Waiting& batch) const;
  void Push(Waiting batch);

  const ReleaseGateOptions options_;
  ChangelogFold fold_;
  const int64_t epoch_;
  bool lost_ = false;
  uint64_t read_ = 0;         // Last turn read back.
  uint64_t read_ticket_ = 0;  // Last mark read back.
  uint64_t last_ticket_ = 0;
  std::deque<Waiting> batches_;
  size_t next_ = 0;     // First batch whose record is not with the log.
  uint64_t last_id_ = 0;
  uint64_t first_id_ = 1;  // Appends before it were given up.
  size_t in_flight_ = 0;
  bool failed_ = false;
  absl::Duration append_at_ = -absl::InfiniteDuration();
  int64_t backlog_bytes_ = 0;
  eventlog::Record last_record_{.offset = -1};  // Of the last Read().
};

}  // namespace weft::engine
