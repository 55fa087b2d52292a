// The Turn a room's handlers get: an overlay over the shard's rows, and a list
// of effects. Nothing leaves it until the core takes it over.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "libs/engine/core.h"
#include "libs/engine/turn.h"

namespace weft::engine {

class CoreTurn final : public Turn {
 public:
  explicit CoreTurn(Core& core) : core_(core) {}

  // What the turn is about. The strings outlive the turn.
  struct Cause {
    uint32_t partition = 0;
    const std::string* tenant = nullptr;
    const Principal* principal = nullptr;   // Null: only the tenant is known.
    const std::string* request_id = nullptr;  // Null: not a command.
    // What makes the input unique; ids derive from it.
    absl::string_view id_scope;
    absl::string_view id_key;
    const std::string* traceparent = nullptr;
  };
  void Begin(const Cause& cause);

  absl::StatusOr<std::optional<std::string>> GetRow(uint8_t table,
                                                    absl::string_view key) const override;
  absl::Status ScanRows(
      uint8_t table, absl::string_view prefix, absl::string_view start,
      const std::function<bool(absl::string_view key, absl::string_view value)>& visit)
      const override;

  absl::Time now() const override { return core_.clock_.now(); }
  const std::string& tenant() const override { return *cause_.tenant; }
  uint32_t partition() const override { return cause_.partition; }
  const Principal& principal() const override;
  const std::string& request_id() const override;
  std::string NewId(absl::string_view salt) const override;
  Position position() const override;

  void PutRow(uint8_t table, uint8_t version, absl::string_view key,
              std::string value_without_version) override;
  void DeleteRow(uint8_t table, absl::string_view key) override;
  void EmitBytes(const std::string& topic, const std::string& type, const std::string& subject,
                 std::optional<std::string> payload) override;
  void EmitBytesTo(uint32_t partition, const std::string& topic, const std::string& type,
                   const std::string& subject, std::optional<std::string> payload) override;
  void EmitRaw(const std::string& topic, const std::string& key,
               std::vector<std::pair<std::string, std::string>> headers,
               std::string value) override;
  void SetTimer(const std::string& kind, const std::string& key, absl::Time due,
                const std::string& payload) override;
  void CancelTimer(const std::string& kind, const std::string& key) override;
  void StartTask(TaskSpec task) override;
  void LeaveUndoMark(const std::string& method, const std::string& request_id) override;

  // What the turn did, for the core.
  struct Emitted {
    const std::string* topic;  // The program's own.
    std::string type;          // "" = raw.
    std::string key;
    std::string subject;
    std::vector<std::pair<std::string, std::string>> headers;
    std::optional<std::string> value;
    std::optional<uint32_t> partition;  // nullopt = the tenant's own.
  };
  struct TimerChange {
    std::string kind;
    std::string key;
    std::optional<absl::Time> due;  // nullopt = cancelled.
    std::string payload;
  };
  absl::btree_map<std::string, std::optional<std::string>> rows;
  std::vector<Emitted> emitted;
  std::vector<TimerChange> timers;
  std::vector<TaskSpec> tasks;
  std::vector<std::pair<std::string, std::string>> marks;  // Method, request id.
  absl::Status failure;  // A rule of the engine was broken.
  // Roughly what it comes to in a batch.
  int64_t bytes() const;
  const Cause& cause() const { return cause_; }

 private:
  const std::string& KeyOf(uint8_t table, absl::string_view key) const;
  bool Declared(const std::string& topic, const std::string** name);

  Core& core_;
  Cause cause_;
  std::string prefix_;  // partition tenant 00
  mutable std::string key_;
  mutable Principal tenant_only_;
};

}  // namespace weft::engine
