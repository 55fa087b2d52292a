// The changelog of a shard: what its partition holds, and what counts of it.
//
// Topic weft.<room>.changelog.v1, 64 partitions; shard k writes partition k. Three
// kinds of record, drawn byte for byte:
//
//   record = 57 ("W") 01 kind sum body     sum = u64, Checksum(body)
//   claim  43 ("C")   nonce folder room owner base-id   texts
//                     u64 shard, u64 shards, u64 base-number, u8 sets-base
//   turn   54 ("T")   u64 epoch, u64 number, u64 origin, batch (store.h) to the end
//   mark   4d ("M")   u64 epoch, u64 ticket
//
// What counts is a function of the partition alone, so every reader agrees:
//
//   - The owner is who wrote the last claim; the offset of that claim is the
//     epoch. A claim with the nonce of the one before it is a repeat of it.
//   - A turn counts when it bears the epoch that holds where it stands and the
//     number behind the last that counted. All else (repeats, what a former owner
//     wrote too late, what overtook a lost append) does nothing.
//   - A claim that sets a base says that the state from here on is that base: the
//     turns before it are no part of it (checkpoint.h, reshard.h).
//
// `origin` is the epoch under which a turn was decided: a turn that was synced but
// not logged before a crash is logged by the next opening of the same folder,
// under its new epoch. (number, origin) names a turn for good.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/engine/store.h"
#include "libs/eventlog/event_log.h"

namespace weft::engine {

// Of the topic; beyond any batch (CoreOptions::turn_bytes_max) and its frame.
inline constexpr int64_t kChangelogRecordBytesMax = int64_t{4} << 20;

std::string ChangelogTopic(const std::string& room);
eventlog::TopicOptions ChangelogTopicOptions();

struct ChangelogClaim {
  std::string nonce;   // Of one opening; random.
  std::string folder;  // Of one folder, for its life; random.
  std::string room;
  std::string owner;   // Host and process, for people.
  std::string base_id;  // "": the state began empty.
  uint64_t shard = 0;
  uint64_t shards = 1;
  uint64_t base_number = 0;  // The last turn that is in the base.
  bool sets_base = false;
  bool operator==(const ChangelogClaim&) const = default;
};

struct ChangelogTurn {
  int64_t epoch = -1;
  uint64_t number = 0;
  int64_t origin = -1;
  absl::string_view batch;
};

struct ChangelogMark {
  int64_t epoch = -1;
  uint64_t ticket = 0;
};

eventlog::NewRecord MakeClaimRecord(const ChangelogClaim& claim);
eventlog::NewRecord MakeTurnRecord(int64_t epoch, uint64_t number, int64_t origin,
                                   absl::string_view batch);
eventlog::NewRecord MakeMarkRecord(int64_t epoch, uint64_t ticket);

// What counts of a partition as of one offset. A plain value.
class ChangelogFold {
 public:
  enum class Kind {
    kNothing,  // A repeat, too late, not ours: it changes nothing.
    kClaim,    // Another owner from here on.
    kTurn,     // The next turn: turn() has it until the next call.
    kMark,     // A mark of the owner: mark() has it.
  };
  // Records in the order of their offsets.
  // Errors: DATA_LOSS / CHANGELOG_DAMAGED (bytes of ours that are not whole),
  // FAILED_PRECONDITION / STORE_MISMATCH (written by a newer release).
  absl::StatusOr<Kind> Fold(const eventlog::Record& record);

  const ChangelogTurn& turn() const { return turn_; }
  const ChangelogMark& mark() const { return mark_; }

  int64_t next_offset() const { return next_offset_; }
  // -1: nobody has claimed the partition yet.
  int64_t epoch() const { return epoch_; }
  const ChangelogClaim& claim() const { return claim_; }
  uint64_t number() const { return number_; }  // Of the last turn that counted.
  int64_t origin() const { return origin_; }
  // The base that the turns stand on.
  const std::string& base_id() const { return base_id_; }
  uint64_t base_number() const { return base_number_; }

  // Skips what retention took before anything was read.
  void StartAt(int64_t offset) { next_offset_ = offset; }

  // Bytes of the fold, with the digest of the record it folded last, so that
  // reading goes on from here and another log is noticed.
  std::string Save(const eventlog::Record& last);
  static std::optional<ChangelogFold> Load(absl::string_view bytes);
  eventlog::StartPosition Start(const eventlog::TopicPartition& where) const;

 private:
  int64_t next_offset_ = 0;
  int64_t last_offset_ = -1;
  std::string last_digest_;  // Where it was saved; "" = not known.
  int64_t epoch_ = -1;
  ChangelogClaim claim_;
  uint64_t number_ = 0;
  int64_t origin_ = -1;
  std::string base_id_;
  uint64_t base_number_ = 0;
  ChangelogTurn turn_;
  ChangelogMark mark_;
};

// A folder's own rows about its changelog (layout.h).
struct ChangelogFolder {
  uint64_t number = 0;   // Last turn in the store, and the epoch it was decided under.
  int64_t origin = -1;
  std::string folder;    // "": not named yet.
  std::string base_id;
  uint64_t base_number = 0;
  std::optional<ChangelogFold> fold;  // As far as the partition was folded into it.
};
absl::StatusOr<ChangelogFolder> ReadChangelogFolder(const Store& store);
void PutChangelogTurn(Batch& batch, uint64_t number, int64_t origin);
void PutChangelogFolder(Batch& batch, const std::string& folder);
void PutChangelogBase(Batch& batch, const std::string& base_id, uint64_t base_number);
void PutChangelogFold(Batch& batch, absl::string_view saved);

}  // namespace weft::engine
