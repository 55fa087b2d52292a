// Takes messages of one connection within one turn: decides whether each is news,
// turns it into events, parks what cannot be applied. Counters are gathered and
// written once, by Close().
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/engine/turn.h"
#include "services/erp-connector/canonical.h"
#include "services/erp-connector/config.h"
#include "services/erp-connector/state.h"

namespace weft::erp {

// A message as it came.
struct Incoming {
  absl::string_view bytes;
  std::string source;             // "ingest", or "erp.main.in/3@1234".
  absl::string_view record_key;   // Of the record, "" without one.
};

// What became of a message.
struct Outcome {
  enum class What { kApplied, kUnchanged, kOlder, kRepeated, kSetAside, kWaiting };
  What what = What::kApplied;
  Problem problem;         // Of kSetAside and kWaiting.
  std::string message_id;
  int64_t parked = 0;      // Number of the parked row.
};

// Statuses are trouble with stored rows (DATA_LOSS), never with a message.
class Inlet {
 public:
  Inlet(const Settings& settings, const ConnectionSettings& connection, engine::Turn& turn);

  absl::Status Open();
  absl::StatusOr<Outcome> Take(const Incoming& message);
  // Writes the counters.
  void Close();

  // Applies a parked message again, with `text` instead of its bytes when given. On
  // success those that wait behind it follow, at most kDrainMax of them now.
  // Adds what became of them to `counts`.
  absl::Status Replay(int64_t number, const std::optional<std::string>& text,
                      v1::MessageCounts& counts);
  absl::Status Discard(int64_t number, v1::MessageCounts& counts);
  // Goes on with a queue whose first message was taken away.
  absl::Status Drain(const std::string& hold, v1::MessageCounts& counts);

  // Goes on deleting what a load left out; true when there is more to do.
  absl::StatusOr<bool> Sweep(int64_t load);
  absl::Status Resolve(int64_t load, bool delete_absent);

  static constexpr int kDrainMax = 500;
  static constexpr int kSweepMax = 1000;

 private:
  struct Parsed {
    Envelope envelope;
    Problem problem;
    uint32_t root = 0;
  };

  // Reads `message` as far as it can be read.
  Parsed Parse(const Incoming& message);
  // Applies it or leaves everything as it was and says why in `problem`.
  absl::StatusOr<Outcome> Attempt(const Parsed& parsed);
  absl::StatusOr<Outcome> ApplyObject(const Envelope& envelope);
  absl::StatusOr<Outcome> ApplyDelete(const Envelope& envelope, const std::string& part,
                                      std::optional<v1::ObjectRow> row);
  absl::StatusOr<Outcome> ApplyLoad(const Envelope& envelope);

  // Says the event on the topic of its kind.
  void Emit(Kind kind, const std::vector<std::string>& key,
            const google::protobuf::Message& event);
  void EmitDeleted(Kind kind, const std::vector<std::string>& key);

  // Marks a live object as named by the open load, and counts it.
  void Mention(Kind kind, bool was_live, v1::ObjectRow& row);
  void PutObject(const std::string& part, const v1::ObjectRow& row);
  // Has the object ever arrived? What was deleted did; only what never came is missing.
  absl::StatusOr<bool> IsKnown(const std::string& part);
  absl::Status Refer(const std::string& source, const std::vector<Reference>& references,
                     v1::ObjectRow& row);
  absl::Status Unrefer(const std::string& source, v1::ObjectRow& row);
  // `part` has arrived: what waited for it is whole.
  absl::Status Heal(const std::string& part);

  absl::StatusOr<Outcome> Park(const Incoming& message, const Parsed& parsed,
                               const std::string& hold, bool waits);
  // Where a message stands in line; "" when its object and record key are unknown.
  std::string HoldOf(const Parsed& parsed, const Incoming& message) const;
  absl::StatusOr<bool> IsHeld(const std::string& hold);
  absl::Status TakeOff(int64_t number, const v1::ParkedRow& row);

  absl::StatusOr<int64_t> NextNumber(absl::string_view counter);
  void Count(const Outcome& outcome);
  bool Covers(Kind kind) const;
  absl::Status FinishLoad(v1::LoadRow& load, int64_t number);

  const Settings& settings_;
  const ConnectionSettings& connection_;
  engine::Turn& turn_;
  v1::ConnectionRow row_;
  std::optional<v1::LoadRow> load_;  // The open, sweeping or held one.
  std::array<int64_t, kKindCount + 1> live_delta_{};
  std::array<int64_t, kKindCount + 1> mentioned_delta_{};
  std::array<bool, kKindCount + 1> covered_{};
  absl::flat_hash_map<std::string, bool> known_;  // What references found, this turn.
};

// Live objects of a kind.
int64_t LiveOf(const v1::ConnectionRow& row, Kind kind);

// Adds `outcome` to `counts`.
void AddTo(v1::MessageCounts& counts, const Outcome& outcome);

// Deletes what an open load did not name, piece by piece.
inline constexpr char kSweepTimer[] = "sweep-load";
// Goes on with a queue of parked messages.
inline constexpr char kDrainTimer[] = "drain-parked";

}  // namespace weft::erp
