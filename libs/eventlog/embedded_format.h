// Bytes of the embedded log on disk. Values once written never change meaning.
//
// Column family "default":
//   "identity"                        → uuid, 36 characters
//   "format"                          → u32 (1)
//   't' name                          → topic
//   'p' topic-id partition            → mark
//   topic      = u32 topic-id, u32 partitions, u8 compacted, i64 retention-bytes,
//                i64 retention-micros (-1 = no limit), i64 max-record-bytes
//   mark       = i64 begin, i64 end, i64 bytes, i64 last-append-micros,
//                i64 cleaned (compaction has seen all before this offset)
//
// Column family "records":
//   topic-id partition offset         → record
//   topic-id   = u32
//   partition  = u16
//   offset     = u64
//   record     = i64 append-micros, body
//   body       = u8 flags (1: has a value), varint key-length, key,
//                varint header-count, { varint name-length, name,
//                varint value-length, value }, value (to the end)
//
// Column family "index", of compacted topics only:
//   'k' topic-id partition key        → i64 offset, i64 size  (last record of the key)
//   'd' append-micros topic-id partition offset → key         (tombstones, oldest first)
//
// Fixed numbers are big-endian, so byte order is number order; i64 in values is
// two's complement; in the key of 'd' times are never negative.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "libs/eventlog/event_log.h"

namespace weft::eventlog::internal {

inline constexpr uint32_t kFormat = 1;
inline constexpr char kIdentityKey[] = "identity";
inline constexpr char kFormatKey[] = "format";

void PutU16(uint16_t number, std::string& out);
void PutU32(uint32_t number, std::string& out);
void PutI64(int64_t number, std::string& out);
void PutVarint(uint64_t number, std::string& out);

// Takes from the front; false when the bytes do not suffice.
bool TakeU16(absl::string_view& bytes, uint16_t& number);
bool TakeU32(absl::string_view& bytes, uint32_t& number);
bool TakeI64(absl::string_view& bytes, int64_t& number);
bool TakeVarint(absl::string_view& bytes, uint64_t& number);

struct TopicRow {
  uint32_t id = 0;
  TopicOptions options;
};
std::string TopicKey(const std::string& name);
std::string EncodeTopic(const TopicRow& row);
bool DecodeTopic(absl::string_view bytes, TopicRow& row);

struct MarkRow {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t bytes = 0;
  int64_t last_append_micros = 0;
  int64_t cleaned = 0;
  bool operator==(const MarkRow&) const = default;
};
std::string MarkKey(uint32_t topic, uint16_t partition);
std::string EncodeMark(const MarkRow& row);
bool DecodeMark(absl::string_view bytes, MarkRow& row);

inline constexpr size_t kRecordPrefixBytes = 6;  // topic-id partition
std::string RecordPrefix(uint32_t topic, uint16_t partition);
// Appends the offset to `prefix`.
std::string RecordKey(const std::string& prefix, int64_t offset);

std::string EncodeBody(const NewRecord& record);
// `bytes`: append-micros and body. Everything but the offset is filled in.
bool DecodeRecord(absl::string_view bytes, Record& record);

std::string LatestKey(const std::string& prefix, const std::string& key);
std::string DeletionKey(int64_t append_micros, const std::string& prefix, int64_t offset);
bool TakeDeletionKey(absl::string_view bytes, int64_t& append_micros, std::string& prefix,
                     int64_t& offset);

}  // namespace weft::eventlog::internal
