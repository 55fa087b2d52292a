#include "libs/engine/core_turn.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libs/base/ids.h"
#include "libs/engine/layout.h"

namespace weft::engine {
namespace {

// Room for the headers and the key of a record, beside its value.
constexpr int64_t kRecordOverhead = 2048;

// Never early: up to the next whole microsecond.
absl::Time CeilMicros(absl::Time t) {
  const absl::Time floor = absl::FromUnixMicros(absl::ToUnixMicros(t));
  return floor < t ? floor + absl::Microseconds(1) : floor;
}

}  // namespace

void CoreTurn::Begin(const Cause& cause) {
  cause_ = cause;
  prefix_ = layout::TenantPrefix(cause.partition, *cause.tenant);
  if (!rows.empty()) rows.clear();
  emitted.clear();
  timers.clear();
  tasks.clear();
  marks.clear();
  if (!failure.ok()) failure = absl::OkStatus();
}

int64_t CoreTurn::bytes() const {
  size_t sum = 0;
  for (const auto& [key, value] : rows) sum += key.size() + (value ? value->size() : 0) + 8;
  for (const Emitted& e : emitted) {
    sum += e.key.size() + (e.value.has_value() ? e.value->size() : 0) + 256;
    for (const auto& [name, value] : e.headers) sum += name.size() + value.size();
  }
  for (const TimerChange& t : timers) sum += 2 * t.key.size() + t.payload.size() + 64;
  for (const TaskSpec& t : tasks) sum += t.key.size() + t.payload.size() + 64;
  return static_cast<int64_t>(sum);
}

const std::string& CoreTurn::KeyOf(uint8_t table, absl::string_view key) const {
  key_.assign(prefix_);
  key_.push_back(static_cast<char>(table));
  key_.append(key.data(), key.size());
  return key_;
}

absl::StatusOr<std::optional<std::string>> CoreTurn::GetRow(uint8_t table,
                                                            absl::string_view key) const {
  const std::string& full = KeyOf(table, key);
  if (!rows.empty()) {
    if (const auto it = rows.find(full); it != rows.end()) return it->second;
  }
  return core_.ReadState(full);
}

absl::Status CoreTurn::ScanRows(
    uint8_t table, absl::string_view prefix, absl::string_view start,
    const std::function<bool(absl::string_view, absl::string_view)>& visit) const {
  const std::string low = KeyOf(table, prefix);
  const std::string high = PrefixEnd(low);
  const size_t skip = prefix_.size() + 1;
  std::string from = low;
  if (!start.empty()) from = std::max(from, KeyOf(table, start));
  const Core::Overlay& overlay = core_.OverlayOf(Family::kState);
  const std::unique_ptr<Iterator> stored = core_.store_.Scan(Family::kState, from, high);

  // Three sorted sources, the newest wins. `visit` may change rows, so the
  // overlays are looked up anew at each step.
  while (true) {
    while (stored->Valid() && stored->key() < from) stored->Next();
    const auto mine = rows.empty() ? rows.end() : rows.lower_bound(from);
    const auto batch = overlay.empty() ? overlay.end() : overlay.lower_bound(from);
    const bool has_mine = mine != rows.end() && (high.empty() || mine->first < high);
    const bool has_batch =
        batch != overlay.end() && (high.empty() || batch->first < high);
    absl::string_view least;
    bool found = false;
    const auto consider = [&](absl::string_view key) {
      if (!found || key < least) least = key;
      found = true;
    };
    if (stored->Valid()) consider(stored->key());
    if (has_batch) consider(batch->first);
    if (has_mine) consider(mine->first);
    if (!found) {
      if (!stored->status().ok()) core_.store_failure_ = stored->status();
      return stored->status();
    }

    const std::string key(least);
    std::optional<std::string> value;
    if (has_mine && mine->first == key) {
      value = mine->second;
    } else if (has_batch && batch->first == key) {
      value = batch->second;
    } else {
      value = std::string(stored->value());
    }
    if (value.has_value() && !visit(absl::string_view(key).substr(skip), *value)) {
      return absl::OkStatus();
    }
    from = key;
    from.push_back('\0');
  }
}

const Principal& CoreTurn::principal() const {
  if (cause_.principal != nullptr) return *cause_.principal;
  if (tenant_only_.tenant != *cause_.tenant) {
    tenant_only_ = Principal();
    tenant_only_.tenant = *cause_.tenant;
  }
  return tenant_only_;
}

const std::string& CoreTurn::request_id() const {
  static const std::string* const none = new std::string();
  return cause_.request_id != nullptr ? *cause_.request_id : *none;
}

std::string CoreTurn::NewId(absl::string_view salt) const {
  if (salt.empty()) return DeriveId(*cause_.tenant, cause_.id_scope, cause_.id_key);
  // A request id holds no 00, so a salted id is never another's plain one.
  return DeriveId(*cause_.tenant, cause_.id_scope,
                  absl::StrCat(cause_.id_key, absl::string_view("\0", 1), salt));
}

Position CoreTurn::position() const {
  return core_.PositionOf(cause_.partition, *cause_.tenant);
}

void CoreTurn::PutRow(uint8_t table, uint8_t version, absl::string_view key,
                      std::string value_without_version) {
  value_without_version.insert(value_without_version.begin(), static_cast<char>(version));
  rows.insert_or_assign(KeyOf(table, key), std::move(value_without_version));
}

void CoreTurn::DeleteRow(uint8_t table, absl::string_view key) {
  rows.insert_or_assign(KeyOf(table, key), std::nullopt);
}

bool CoreTurn::Declared(const std::string& topic, const std::string** name) {
  const auto it = core_.program_.emits.find(topic);
  if (it == core_.program_.emits.end()) {
    failure = Internal(absl::StrCat("the program does not declare that it emits ", topic));
    return false;
  }
  *name = &it->first;
  return true;
}

void CoreTurn::EmitBytes(const std::string& topic, const std::string& type,
                         const std::string& subject, std::optional<std::string> payload) {
  const std::string* name = nullptr;
  if (!Declared(topic, &name)) return;
  const int64_t size = payload.has_value() ? static_cast<int64_t>(payload->size()) : 0;
  if (size + kRecordOverhead > core_.MaxRecordBytes(topic)) {
    failure = InvalidArgument(
        "RECORD_TOO_LARGE", absl::StrCat("an event of ", size, " bytes is too large for ", topic,
                                         "; ask for less in one request"));
    return;
  }
  std::string key = *cause_.tenant;
  key.push_back('\0');
  key.append(subject);
  emitted.push_back(
      Emitted{name, type, std::move(key), subject, {}, std::move(payload), std::nullopt});
}

void CoreTurn::EmitBytesTo(uint32_t partition, const std::string& topic, const std::string& type,
                           const std::string& subject, std::optional<std::string> payload) {
  if (*cause_.tenant != kPlatformTenant || core_.options_.shards != 1) {
    failure = Internal("only the platform, in a room of one shard, emits to chosen partitions");
    return;
  }
  const size_t before = emitted.size();
  EmitBytes(topic, type, subject, std::move(payload));
  if (emitted.size() > before) emitted.back().partition = partition;
}

void CoreTurn::EmitRaw(const std::string& topic, const std::string& key,
                       std::vector<std::pair<std::string, std::string>> headers,
                       std::string value) {
  const std::string* name = nullptr;
  if (!Declared(topic, &name)) return;
  if (static_cast<int64_t>(value.size()) + kRecordOverhead > core_.MaxRecordBytes(topic)) {
    failure = InvalidArgument("RECORD_TOO_LARGE",
                              absl::StrCat("a record of ", value.size(),
                                           " bytes is too large for ", topic));
    return;
  }
  emitted.push_back(
      Emitted{name, "", key, "", std::move(headers), std::move(value), std::nullopt});
}

void CoreTurn::SetTimer(const std::string& kind, const std::string& key, absl::Time due,
                        const std::string& payload) {
  if (core_.program_.timers.count(kind) == 0) {
    failure = Internal(absl::StrCat("the program has no timer ", kind));
    return;
  }
  timers.push_back(TimerChange{kind, key, CeilMicros(due), payload});
}

void CoreTurn::CancelTimer(const std::string& kind, const std::string& key) {
  timers.push_back(TimerChange{kind, key, std::nullopt, ""});
}

void CoreTurn::StartTask(TaskSpec task) {
  if (core_.program_.tasks.count(task.kind) == 0) {
    failure = Internal(absl::StrCat("the program has no task ", task.kind));
    return;
  }
  tasks.push_back(std::move(task));
}

void CoreTurn::LeaveUndoMark(const std::string& method, const std::string& request_id) {
  marks.emplace_back(method, request_id);
}

}  // namespace weft::engine
