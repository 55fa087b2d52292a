// A turn on rows in memory, for tests of the use cases: cheap enough to play
// thousands of orders of arrival.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "libs/base/ids.h"
#include "libs/engine/turn.h"

namespace weft::inventory {

class MemoryTurn final : public engine::Turn {
 public:
  using Rows = std::map<std::pair<uint8_t, std::string>, std::string>;
  struct Emitted {
    std::string type;
    std::string subject;
    std::string payload;
  };

  MemoryTurn() {
    principal_.tenant = "demo";
    principal_.roles = {"service"};
    principal_.accounts = {"*"};
  }

  absl::StatusOr<std::optional<std::string>> GetRow(uint8_t table,
                                                    absl::string_view key) const override {
    ++reads;
    const auto found = rows.find({table, std::string(key)});
    if (found == rows.end()) return std::optional<std::string>();
    return std::optional<std::string>(found->second);
  }
  absl::Status ScanRows(uint8_t table, absl::string_view prefix, absl::string_view start,
                        const std::function<bool(absl::string_view, absl::string_view)>& visit)
      const override {
    const std::string from(std::max(prefix, start));
    const Rows snapshot = rows;
    for (auto at = snapshot.lower_bound({table, from}); at != snapshot.end(); ++at) {
      if (at->first.first != table) break;
      if (at->first.second.compare(0, prefix.size(), prefix.data(), prefix.size()) != 0) break;
      if (!visit(at->first.second, at->second)) break;
    }
    return absl::OkStatus();
  }

  absl::Time now() const override { return time; }
  const std::string& tenant() const override { return principal_.tenant; }
  uint32_t partition() const override { return PartitionOf(principal_.tenant); }
  const Principal& principal() const override { return principal_; }
  const std::string& request_id() const override { return request; }
  std::string NewId(absl::string_view salt) const override {
    return DeriveId(principal_.tenant, std::string(salt), request);
  }
  engine::Position position() const override { return {}; }

  void PutRow(uint8_t table, uint8_t version, absl::string_view key,
              std::string value) override {
    ++writes;
    rows[{table, std::string(key)}] = std::string(1, static_cast<char>(version)) + value;
  }
  void DeleteRow(uint8_t table, absl::string_view key) override {
    ++writes;
    rows.erase({table, std::string(key)});
  }
  void EmitBytes(const std::string&, const std::string& type, const std::string& subject,
                 std::optional<std::string> payload) override {
    emitted.push_back({type, subject, payload.value_or("")});
  }
  void EmitBytesTo(uint32_t, const std::string& topic, const std::string& type,
                   const std::string& subject, std::optional<std::string> payload) override {
    EmitBytes(topic, type, subject, std::move(payload));
  }
  void EmitRaw(const std::string&, const std::string&,
               std::vector<std::pair<std::string, std::string>>, std::string) override {}
  void SetTimer(const std::string& kind, const std::string& key, absl::Time due,
                const std::string&) override {
    timers[{kind, key}] = due;
  }
  void CancelTimer(const std::string& kind, const std::string& key) override {
    timers.erase({kind, key});
  }
  void StartTask(engine::TaskSpec) override {}
  void LeaveUndoMark(const std::string& method, const std::string& id) override {
    marks.emplace_back(method, id);
  }

  Principal principal_;
  Rows rows;
  absl::Time time = absl::FromUnixSeconds(1'700'000'000);
  std::string request;
  std::vector<Emitted> emitted;
  std::map<std::pair<std::string, std::string>, absl::Time> timers;
  std::vector<std::pair<std::string, std::string>> marks;
  mutable int reads = 0;
  int writes = 0;
};

}  // namespace weft::inventory
