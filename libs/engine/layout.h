// The engine's own rows, drawn byte for byte. README.md shows the same picture
// with words. Values once written never change meaning.
//
//   u16, u64 = big-endian           time = u64, microseconds, sign bit turned
//   text     = length (base-128) octets       partition = u16
//   id       = partition tenant 00 kind 00 key
//   request  = partition tenant 00 method 00 request-id
//
//   meta     73 ("s")                    → format room shard shards
//            74 ("t")                    → time           the shard's time
//            67 ("g") partition          → u64            generation of the timeline
//            6c ("l")                    → octets         identity of the log
//            77 ("w")                    → u64            first outbox row not yet trimmed
//            6e ("n")                    → u64            order of the next task
//            72 ("r")                    →                rows were wiped to be read again
//            78 ("x")                    → u64 u64        next outbox row, bytes of all rows so far
//            61 ("a")                    → u64 u64        next age row, bytes of all answers so far
//            6b ("k")                    → u64            next parked record
//            65 ("e") partition topic    → u64            last number emitted
//            69 ("i") partition source 00 topic → u64     last number applied
//            6a ("j") partition source 00 topic →         an operator accepted a gap before its
//                                          next number
//            6f ("o") partition topic    → u64 u64 text u64   next offset, last applied offset,
//                                          its digest, end of the rebuild
//            70 ("p") partition tenant   → u64 time       last fact applied: offset, append time
//            63 ("c")                    → u64 u64        last turn, the epoch it was decided under
//            64 ("d")                    → octets         name of the folder
//            62 ("b")                    → u64 octets     base of the changelog: last turn in it, its id
//            68 ("h")                    →                how far the changelog was folded (changelog.h)
//   state    key of table.h              → version row
//   answers  61 ("a") request            → 01 fingerprint(16) time text u64 payload
//            75 ("u") request            → time           undo mark
//            74 ("t") u64                → time u64 u64 { text }   one batch of answers: when,
//                                          bytes of all before, bytes, their keys
//   outbox   u64                         → u64 partition text u64 text n { text text } flag value
//                                          bytes of all before, partition, topic, number, key,
//                                          headers, 1 = has a value
//   timers   6b ("k") id                 → time payload
//            64 ("d") time id            →                due index; may be out of date
//   tasks    70 ("p") id                 → u64 time payload   order, start
//            64 ("d") id                 → time           done
//   parked   partition u64               → see ParkedRecord
//   changelog u64                        → batch          turns by number, until they were read back
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/engine/parked.h"
#include "libs/eventlog/event_log.h"

namespace weft::engine::layout {

inline constexpr uint8_t kFormat = 1;  // Of all rows above.

inline constexpr char kShard[] = "s";
inline constexpr char kShardTime[] = "t";
inline constexpr char kLogIdentity[] = "l";
inline constexpr char kOutboxLow[] = "w";
inline constexpr char kOutboxNext[] = "x";
inline constexpr char kAnswerTotals[] = "a";
inline constexpr char kNextParked[] = "k";
inline constexpr char kNextTask[] = "n";
inline constexpr char kRebuilding[] = "r";
inline constexpr char kChangelogTurn[] = "c";
inline constexpr char kChangelogFolder[] = "d";
inline constexpr char kChangelogBase[] = "b";
inline constexpr char kChangelogFold[] = "h";

// partition tenant 00 — what all rows of one tenant start with.
std::string TenantPrefix(uint32_t partition, absl::string_view tenant);
// prefix table rest.
std::string StateKey(uint32_t partition, absl::string_view tenant, uint8_t table,
                     absl::string_view rest);
struct StateKeyParts {
  uint32_t partition = 0;
  std::string tenant;
  uint8_t table = 0;
  std::string rest;
};
std::optional<StateKeyParts> ParseStateKey(absl::string_view key);

// partition tenant 00 kind 00 key.
std::string Id(uint32_t partition, absl::string_view tenant, absl::string_view kind,
               absl::string_view key);
struct IdParts {
  uint32_t partition = 0;
  std::string tenant;
  std::string kind;
  std::string key;
};
std::optional<IdParts> ParseId(absl::string_view id);

std::string Tagged(char tag, absl::string_view rest);
std::string EmittedKey(uint32_t partition, absl::string_view topic);
std::string AppliedKey(uint32_t partition, absl::string_view source, absl::string_view topic);
// The same of 'j'.
std::string JumpKey(absl::string_view applied_key);
std::string GenerationKey(uint32_t partition);
std::string OffsetKey(uint32_t partition, absl::string_view topic);
std::string PositionKey(uint32_t partition, absl::string_view tenant);
std::string SequenceKey(uint64_t sequence);
std::string TaggedSequence(char tag, uint64_t sequence);
std::string DueKey(absl::Time due, absl::string_view id);
std::string ParkedKey(uint32_t partition, uint64_t number);
std::string U64Value(uint64_t v);
std::string TwoU64Value(uint64_t a, uint64_t b);
bool ParseTwoU64(absl::string_view value, uint64_t& a, uint64_t& b);
std::optional<uint64_t> ParseU64(absl::string_view value);

struct ShardRow {
  std::string room;
  uint64_t shard = 0;
  uint64_t shards = 1;
};
std::string EncodeShard(const ShardRow& row);
// nullopt: not this shape, or a format from the future.
std::optional<ShardRow> ParseShard(absl::string_view value);

struct OffsetRow {
  int64_t next = 0;
  int64_t last = -1;
  std::string digest;
  int64_t rebuild_end = 0;  // Numbers below this offset may have gaps.
};
std::string EncodeOffset(const OffsetRow& row);
std::optional<OffsetRow> ParseOffset(absl::string_view value);

struct PositionRow {
  int64_t offset = -1;
  absl::Time append_time = absl::InfinitePast();
};
std::string EncodePosition(const PositionRow& row);
std::optional<PositionRow> ParsePosition(absl::string_view value);

inline constexpr size_t kFingerprintBytes = 16;
struct AnswerRow {
  std::string fingerprint;
  absl::Time time;
  std::string token_topic;
  int64_t token_number = 0;
  std::string payload;
};
void AppendAnswer(std::string& out, absl::string_view fingerprint, absl::Time time,
                  absl::string_view token_topic, int64_t token_number,
                  absl::string_view payload);
std::optional<AnswerRow> ParseAnswer(absl::string_view value);

struct OutboxRow {
  uint64_t sequence = 0;
  uint64_t bytes_before = 0;
  uint32_t partition = 0;  // Of the topic on the log.
  std::string topic;
  int64_t number = 0;
  eventlog::NewRecord record;
};
std::string EncodeOutbox(const OutboxRow& row);
std::optional<OutboxRow> ParseOutbox(absl::string_view key, absl::string_view value);

std::string EncodeParked(const ParkedRecord& row);
std::optional<ParkedRecord> ParseParked(absl::string_view key, absl::string_view value);

}  // namespace weft::engine::layout
