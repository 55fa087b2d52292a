// Typed tables: rows of one kind in a shard's state.
//
// Bytes of a key, as stored:
//
//   key      = partition tenant 00 table rest
//   partition= 2 octets, big-endian
//   tenant   = octets without 00
//   table    = 1 octet, the table's id (never reused, never changed)
//   rest     = what Key() builds
//
// Bytes of a value: version (1 octet, the table's schema version) and the
// codec's bytes. A codec reads every version it ever wrote.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message_lite.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"

namespace weft::engine {

// Appends the bytes of `message`: the same message gives the same bytes, maps in
// the order of their keys. Rows, events and answers are written so; two replicas
// that applied the same inputs hold the same bytes.
void AppendBytesOf(const google::protobuf::MessageLite& message, std::string& out);
inline std::string BytesOf(const google::protobuf::MessageLite& message) {
  std::string out;
  AppendBytesOf(message, out);
  return out;
}

// Protobuf messages store themselves; fields may be added, never reused.
template <typename Row>
struct ProtoCodec {
  static void Encode(const Row& row, std::string& out) { AppendBytesOf(row, out); }
  static absl::StatusOr<Row> Decode(absl::string_view bytes, int /*version*/) {
    Row row;
    if (!row.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return DataLoss("ROW_UNREADABLE", "a stored row does not parse");
    }
    return row;
  }
};

// A room declares its tables as constants in state.h:
//
//   inline constexpr engine::Table<v1::Reservation> kReservations{1, "reservations"};
//
// Row is a protobuf message, or a domain type with a Codec of its own.
template <typename Row, typename Codec = ProtoCodec<Row>>
struct Table {
  uint8_t id;          // 1..200; unique in the room.
  const char* name;    // For tools and READMEs.
  uint8_t version = 1; // Written with each row.
  // What a missing row is called in an error, e.g. "QUOTE_NOT_FOUND".
  const char* missing_reason = "ROW_NOT_FOUND";
};

// Builds the rest of a key so that byte order is the order of the parts:
// Key().Add("abc").Add(int64_t{5}).Take(). Strings end in 00 01, with 00 in them as 00 FF; integers are
// 8 octets big-endian with the sign bit turned.
class Key {
 public:
  Key() = default;
  Key& Add(absl::string_view part);
  Key& Add(int64_t part);
  std::string Take() { return std::move(bytes_); }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// Reads back what Key built. False when the bytes are of another shape.
class KeyReader {
 public:
  explicit KeyReader(absl::string_view bytes) : rest_(bytes) {}
  bool Next(std::string& part);
  bool Next(int64_t& part);
  bool done() const { return rest_.empty(); }

 private:
  absl::string_view rest_;
};

}  // namespace weft::engine
