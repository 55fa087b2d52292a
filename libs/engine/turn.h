// A turn: what one input (command, event, timer, task answer) does to a shard.
//
// A room's app functions get a Turn, read rows, decide, put rows, and say the
// effects. All of it becomes durable in one synced batch or not at all; a turn
// that returns an error leaves nothing behind. A turn sees the writes of the
// turns before it. Not thread safe; used by the sequencer only.
//
//   absl::StatusOr<v1::Approval> CastVote(const v1::CastVoteRequest& r,
//                                         engine::Turn& turn);
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/message_lite.h"
#include "libs/base/principal.h"
#include "libs/base/status_macros.h"
#include "libs/engine/event.h"
#include "libs/engine/table.h"

namespace weft::engine {

// Untyped access to the rows of one tenant; the typed helpers below use it.
class RowReader {
 public:
  virtual ~RowReader() = default;
  virtual absl::StatusOr<std::optional<std::string>> GetRow(uint8_t table,
                                                            absl::string_view key) const = 0;
  // Rows whose key starts with `prefix`, in key order, from `start` (a full
  // key, inclusive; "" = the first). `visit` returns false to stop.
  virtual absl::Status ScanRows(
      uint8_t table, absl::string_view prefix, absl::string_view start,
      const std::function<bool(absl::string_view key, absl::string_view value)>& visit)
      const = 0;

  // Shape: the row, or nullopt. Errors: DATA_LOSS / ROW_UNREADABLE.
  template <typename Row, typename Codec>
  absl::StatusOr<std::optional<Row>> Find(const Table<Row, Codec>& table,
                                          absl::string_view key) const {
    WEFT_ASSIGN_OR_RETURN(const std::optional<std::string> bytes, GetRow(table.id, key));
    if (!bytes.has_value()) return std::optional<Row>();
    WEFT_ASSIGN_OR_RETURN(Row row, DecodeRow(table, *bytes));
    return std::optional<Row>(std::move(row));
  }
  // Errors: NOT_FOUND / the table's missing_reason.
  template <typename Row, typename Codec>
  absl::StatusOr<Row> Get(const Table<Row, Codec>& table, absl::string_view key) const {
    WEFT_ASSIGN_OR_RETURN(std::optional<Row> row, Find(table, key));
    if (!row.has_value()) {
      return NotFound(table.missing_reason, absl::StrCat("no such row in ", table.name));
    }
    return *std::move(row);
  }
  // `visit(key, row)` returns false to stop.
  template <typename Row, typename Codec, typename Visit>
  absl::Status Scan(const Table<Row, Codec>& table, absl::string_view prefix,
                    const Visit& visit, absl::string_view start = "") const {
    absl::Status status;
    WEFT_RETURN_IF_ERROR(ScanRows(
        table.id, prefix, start, [&](absl::string_view key, absl::string_view bytes) {
          absl::StatusOr<Row> row = DecodeRow(table, bytes);
          if (!row.ok()) {
            status = row.status();
            return false;
          }
          return static_cast<bool>(visit(key, *row));
        }));
    return status;
  }

 private:
  template <typename Row, typename Codec>
  static absl::StatusOr<Row> DecodeRow(const Table<Row, Codec>& /*table*/,
                                       absl::string_view bytes) {
    if (bytes.empty()) return DataLoss("ROW_UNREADABLE", "a stored row is empty");
    return Codec::Decode(bytes.substr(1), static_cast<unsigned char>(bytes[0]));
  }
};

// A call to another room (or to an ERP) that the engine's task runner carries
// out after the turn is durable, and repeats with the same key until its
// outcome is known.
struct TaskSpec {
  std::string kind;     // Registered with Program::Task.
  std::string key;      // Unique per tenant and kind; travels as the request id.
  std::string payload;  // What the executor gets; usually a request message.
};

// What a task came to.
struct TaskResult {
  std::string kind;
  std::string key;
  std::string payload;          // As given in TaskSpec.
  absl::Status status;          // OK, or a definite refusal (never "unknown").
  std::string answer;           // Bytes of the answer when OK.
};

struct TimerFired {
  std::string kind;
  std::string key;
  absl::Time due;
  std::string payload;
};

class Turn : public RowReader {
 public:
  // Shard time: stored, never goes back. The only time a room knows.
  virtual absl::Time now() const = 0;
  virtual const std::string& tenant() const = 0;
  virtual uint32_t partition() const = 0;
  // Who asked; for events, timers and task answers the causing principal is not
  // known and this has only the tenant.
  virtual const Principal& principal() const = 0;
  // Of commands: the caller's request id. Otherwise "".
  virtual const std::string& request_id() const = 0;
  // DeriveId(tenant, method, request_id) for a command; for other inputs it is
  // derived from what makes the input unique. `salt` tells several things made
  // by one input apart.
  virtual std::string NewId(absl::string_view salt = "") const = 0;
  // The tenant's position on the timeline as of this turn.
  virtual Position position() const = 0;

  virtual void PutRow(uint8_t table, uint8_t version, absl::string_view key,
                      std::string value_without_version) = 0;
  virtual void DeleteRow(uint8_t table, absl::string_view key) = 0;

  template <typename Row, typename Codec>
  void Put(const Table<Row, Codec>& table, absl::string_view key, const Row& row) {
    std::string bytes;
    Codec::Encode(row, bytes);
    PutRow(table.id, table.version, key, std::move(bytes));
  }
  template <typename Row, typename Codec>
  void Delete(const Table<Row, Codec>& table, absl::string_view key) {
    DeleteRow(table.id, key);
  }

  // Publishes after the turn is durable, numbered without gaps. The tenant's
  // partition and name are filled in. `topic` must be declared with
  // Program::Emits. A tombstone has a null message.
  virtual void EmitBytes(const std::string& topic, const std::string& type,
                         const std::string& subject, std::optional<std::string> payload) = 0;
  template <typename Message>
  void Emit(const std::string& topic, const std::string& subject, const Message& message) {
    EmitBytes(topic, message.GetTypeName(), subject, BytesOf(message));
  }
  void EmitTombstone(const std::string& topic, const std::string& type,
                     const std::string& subject) {
    EmitBytes(topic, type, subject, std::nullopt);
  }
  // As EmitBytes, into a chosen partition: for what belongs to the platform and
  // stands in every partition. Turns of the tenant `platform` only, in a room of
  // one shard: it alone numbers the events of all partitions.
  virtual void EmitBytesTo(uint32_t partition, const std::string& topic, const std::string& type,
                           const std::string& subject, std::optional<std::string> payload) = 0;
  template <typename Message>
  void EmitTo(uint32_t partition, const std::string& topic, const std::string& subject,
              const Message& message) {
    EmitBytesTo(partition, topic, message.GetTypeName(), subject, BytesOf(message));
  }
  // A record that is not an event of ours (e.g. erp.<connection>.out).
  virtual void EmitRaw(const std::string& topic, const std::string& key,
                       std::vector<std::pair<std::string, std::string>> headers,
                       std::string value) = 0;

  // One timer per (tenant, kind, key); setting it again moves it. Fires once,
  // never before `due` by shard time.
  virtual void SetTimer(const std::string& kind, const std::string& key, absl::Time due,
                        const std::string& payload = "") = 0;
  virtual void CancelTimer(const std::string& kind, const std::string& key) = 0;

  // Starts a task; its result comes back as an input. Starting the same (kind,
  // key) again does nothing.
  virtual void StartTask(TaskSpec task) = 0;

  // Leaves a mark so that a late command `method` with `request_id` of this
  // tenant is answered FAILED_PRECONDITION / UNDONE instead of being done. Call
  // it in the undo when what it undoes is not there.
  virtual void LeaveUndoMark(const std::string& method, const std::string& request_id) = 0;
};

}  // namespace weft::engine
