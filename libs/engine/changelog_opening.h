// Opening a shard on its changelog: from whatever its folder holds to a folder
// that holds exactly what counts, owned by this opening.
//
// No thread, no clock, no log: it is stepped from outside (changelog_io.h, the
// simulator), and a crash may fall between any two steps.
//
//   kCatchUp   read from start() until target(); turns the folder lacks go into it
//   kClaim     append claim(); then Claimed() with its offset
//   kReadClaim read on until the claim itself; who owned before wrote in front of it
//   kAppend    append missing(): turns of the folder that the changelog lacks;
//              read on until they were read back
//   kOpen      finished: Core::Open(), with epoch()
//
// Restored() says that the folder was thrown away: open the reader at start()
// again. That happens when it holds turns that somebody else's claim overtook.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/engine/changelog.h"
#include "libs/engine/store.h"
#include "libs/eventlog/event_log.h"

namespace weft::engine {

class ChangelogOpening {
 public:
  enum class Step { kCatchUp, kClaim, kReadClaim, kAppend, kOpen };

  struct Place {
    std::string room;
    int shard = 0;
    int shards = 1;
    std::string owner;      // Host and process, for people.
    std::string nonce;      // Random, of this opening.
    std::string new_folder;  // Random: the folder's name if it has none yet.
  };

  // `marks`: of the partition, just read. `store` outlives it.
  // Errors: FAILED_PRECONDITION / CHANGELOG_BASE_GONE, the store's own.
  static absl::StatusOr<std::unique_ptr<ChangelogOpening>> Begin(
      Store& store, Place place, const eventlog::Watermarks& marks);

  Step step() const { return step_; }
  eventlog::StartPosition start() const;
  // Reading is done for this step when everything before it was fed.
  int64_t target() const { return target_; }
  int64_t remaining() const { return std::max<int64_t>(0, target_ - fold_.next_offset()); }

  // Records read from start() on, in order.
  // Errors: FAILED_PRECONDITION / CHANGELOG_BASE_GONE (the state that the turns
  // stand on is not here: restore a checkpoint), STORE_MISMATCH (another number of
  // shards), UNAVAILABLE / OWNED_ELSEWHERE (somebody claimed meanwhile), DATA_LOSS /
  // CHANGELOG_DAMAGED, DATA_LOSS / LOG_CHANGED; the store's own.
  absl::Status Feed(const std::vector<eventlog::Record>& records);
  // True once after the folder was thrown away: reading starts again at start().
  bool TakeRestart() { return std::exchange(restart_, false); }

  eventlog::NewRecord claim() const;
  void Claimed(int64_t offset);

  // To append, in order; all of them again after an append failed.
  std::vector<eventlog::NewRecord> missing() const;

  int64_t epoch() const { return fold_.epoch(); }
  const ChangelogFold& fold() const { return fold_; }
  bool thrown_away() const { return thrown_away_; }
  int64_t restored_turns() const { return restored_turns_; }

 private:
  ChangelogOpening(Store& store, Place place) : store_(store), place_(std::move(place)) {}

  absl::Status FeedOne(const eventlog::Record& record);
  absl::Status CheckClaim() const;
  absl::Status AfterClaim();
  absl::Status Finish(const eventlog::Record& last);
  absl::Status Apply(const ChangelogTurn& turn);
  absl::Status Flush(const eventlog::Record& last, bool sync);
  absl::Status ThrowAway();

  Store& store_;
  const Place place_;
  Step step_ = Step::kCatchUp;
  eventlog::Watermarks marks_;
  int64_t target_ = 0;
  int64_t claimed_ = -1;
  ChangelogFolder folder_;
  ChangelogFold fold_;
  std::optional<ChangelogClaim> other_;  // The last claim that is not this opening's.
  int64_t foreign_ = -1;  // Offset of the last claim of another folder.
  bool restart_ = false;
  bool thrown_away_ = false;
  int64_t restored_turns_ = 0;
  Batch pending_;  // Turns to be written.
  int64_t since_saved_ = 0;
  std::vector<std::pair<uint64_t, std::string>> missing_;
};

}  // namespace weft::engine
