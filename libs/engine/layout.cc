#include "libs/engine/layout.h"

#include <utility>

#include "libs/engine/wire.h"

namespace weft::engine::layout {

std::string TenantPrefix(uint32_t partition, absl::string_view tenant) {
  std::string out;
  out.reserve(3 + tenant.size());
  AppendU16(out, static_cast<uint16_t>(partition));
  out.append(tenant.data(), tenant.size());
  out.push_back('\0');
  return out;
}

std::string StateKey(uint32_t partition, absl::string_view tenant, uint8_t table,
                     absl::string_view rest) {
  std::string out;
  out.reserve(4 + tenant.size() + rest.size());
  AppendU16(out, static_cast<uint16_t>(partition));
  out.append(tenant.data(), tenant.size());
  out.push_back('\0');
  out.push_back(static_cast<char>(table));
  out.append(rest.data(), rest.size());
  return out;
}

std::optional<StateKeyParts> ParseStateKey(absl::string_view key) {
  WireReader in(key);
  uint16_t partition;
  absl::string_view tenant;
  StateKeyParts parts;
  if (!in.U16(partition) || !in.UntilZero(tenant) || !in.U8(parts.table)) return std::nullopt;
  parts.partition = partition;
  parts.tenant = std::string(tenant);
  parts.rest = std::string(in.Rest());
  return parts;
}

std::string Id(uint32_t partition, absl::string_view tenant, absl::string_view kind,
               absl::string_view key) {
  std::string out;
  out.reserve(4 + tenant.size() + kind.size() + key.size());
  AppendU16(out, static_cast<uint16_t>(partition));
  out.append(tenant.data(), tenant.size());
  out.push_back('\0');
  out.append(kind.data(), kind.size());
  out.push_back('\0');
  out.append(key.data(), key.size());
  return out;
}

std::optional<IdParts> ParseId(absl::string_view id) {
  WireReader in(id);
  uint16_t partition;
  absl::string_view tenant;
  absl::string_view kind;
  if (!in.U16(partition) || !in.UntilZero(tenant) || !in.UntilZero(kind)) return std::nullopt;
  return IdParts{partition, std::string(tenant), std::string(kind), std::string(in.Rest())};
}

std::string Tagged(char tag, absl::string_view rest) {
  std::string out;
  out.reserve(1 + rest.size());
  out.push_back(tag);
  out.append(rest.data(), rest.size());
  return out;
}

namespace {

std::string WithPartition(char tag, uint32_t partition, absl::string_view rest) {
  std::string out(1, tag);
  AppendU16(out, static_cast<uint16_t>(partition));
  out.append(rest.data(), rest.size());
  return out;
}

}  // namespace

std::string EmittedKey(uint32_t partition, absl::string_view topic) {
  return WithPartition('e', partition, topic);
}

std::string AppliedKey(uint32_t partition, absl::string_view source, absl::string_view topic) {
  std::string out = WithPartition('i', partition, source);
  out.push_back('\0');
  out.append(topic.data(), topic.size());
  return out;
}

std::string JumpKey(absl::string_view applied_key) { return Tagged('j', applied_key.substr(1)); }

std::string GenerationKey(uint32_t partition) { return WithPartition('g', partition, ""); }

std::string OffsetKey(uint32_t partition, absl::string_view topic) {
  return WithPartition('o', partition, topic);
}

std::string PositionKey(uint32_t partition, absl::string_view tenant) {
  return WithPartition('p', partition, tenant);
}

std::string SequenceKey(uint64_t sequence) {
  std::string out;
  AppendU64(out, sequence);
  return out;
}

std::string TaggedSequence(char tag, uint64_t sequence) {
  std::string out(1, tag);
  AppendU64(out, sequence);
  return out;
}

std::string DueKey(absl::Time due, absl::string_view id) {
  std::string out(1, 'd');
  AppendTime(out, due);
  out.append(id.data(), id.size());
  return out;
}

std::string ParkedKey(uint32_t partition, uint64_t number) {
  std::string out;
  AppendU16(out, static_cast<uint16_t>(partition));
  AppendU64(out, number);
  return out;
}

std::string U64Value(uint64_t v) {
  std::string out;
  AppendU64(out, v);
  return out;
}

std::optional<uint64_t> ParseU64(absl::string_view value) {
  WireReader in(value);
  uint64_t v;
  if (!in.U64(v) || !in.done()) return std::nullopt;
  return v;
}

std::string TwoU64Value(uint64_t a, uint64_t b) {
  std::string out;
  AppendU64(out, a);
  AppendU64(out, b);
  return out;
}

bool ParseTwoU64(absl::string_view value, uint64_t& a, uint64_t& b) {
  WireReader in(value);
  return in.U64(a) && in.U64(b);
}

std::string EncodeShard(const ShardRow& row) {
  std::string out(1, static_cast<char>(kFormat));
  AppendText(out, row.room);
  AppendVarint(out, row.shard);
  AppendVarint(out, row.shards);
  return out;
}

std::optional<ShardRow> ParseShard(absl::string_view value) {
  WireReader in(value);
  uint8_t format;
  ShardRow row;
  if (!in.U8(format) || format != kFormat || !in.Text(row.room) || !in.Varint(row.shard) ||
      !in.Varint(row.shards)) {
    return std::nullopt;
  }
  return row;
}

std::string EncodeOffset(const OffsetRow& row) {
  std::string out;
  AppendU64(out, static_cast<uint64_t>(row.next));
  AppendU64(out, static_cast<uint64_t>(row.last));
  AppendText(out, row.digest);
  AppendU64(out, static_cast<uint64_t>(row.rebuild_end));
  return out;
}

std::optional<OffsetRow> ParseOffset(absl::string_view value) {
  WireReader in(value);
  OffsetRow row;
  if (!in.I64(row.next) || !in.I64(row.last) || !in.Text(row.digest) ||
      !in.I64(row.rebuild_end)) {
    return std::nullopt;
  }
  return row;
}

std::string EncodePosition(const PositionRow& row) {
  std::string out;
  AppendU64(out, static_cast<uint64_t>(row.offset));
  AppendTime(out, row.append_time);
  return out;
}

std::optional<PositionRow> ParsePosition(absl::string_view value) {
  WireReader in(value);
  PositionRow row;
  if (!in.I64(row.offset) || !in.Time(row.append_time)) return std::nullopt;
  return row;
}

void AppendAnswer(std::string& out, absl::string_view fingerprint, absl::Time time,
                  absl::string_view token_topic, int64_t token_number,
                  absl::string_view payload) {
  out.push_back(1);
  out.append(fingerprint.data(), fingerprint.size());
  AppendTime(out, time);
  AppendText(out, token_topic);
  AppendU64(out, static_cast<uint64_t>(token_number));
  out.append(payload.data(), payload.size());
}

std::optional<AnswerRow> ParseAnswer(absl::string_view value) {
  if (value.size() < 1 + kFingerprintBytes || value[0] != 1) return std::nullopt;
  AnswerRow row;
  row.fingerprint = std::string(value.substr(1, kFingerprintBytes));
  WireReader in(value.substr(1 + kFingerprintBytes));
  if (!in.Time(row.time) || !in.Text(row.token_topic) || !in.I64(row.token_number)) {
    return std::nullopt;
  }
  row.payload = std::string(in.Rest());
  return row;
}

std::string EncodeOutbox(const OutboxRow& row) {
  std::string out;
  size_t size = 64 + row.topic.size() + row.record.key.size();
  for (const auto& h : row.record.headers) size += h.name.size() + h.value.size() + 4;
  if (row.record.value.has_value()) size += row.record.value->size();
  out.reserve(size);
  AppendU64(out, row.bytes_before);
  AppendU16(out, static_cast<uint16_t>(row.partition));
  AppendText(out, row.topic);
  AppendU64(out, static_cast<uint64_t>(row.number));
  AppendText(out, row.record.key);
  AppendVarint(out, row.record.headers.size());
  for (const auto& h : row.record.headers) {
    AppendText(out, h.name);
    AppendText(out, h.value);
  }
  out.push_back(row.record.value.has_value() ? 1 : 0);
  if (row.record.value.has_value()) out.append(*row.record.value);
  return out;
}

std::optional<OutboxRow> ParseOutbox(absl::string_view key, absl::string_view value) {
  OutboxRow row;
  const auto sequence = ParseU64(key);
  if (!sequence.has_value()) return std::nullopt;
  row.sequence = *sequence;
  WireReader in(value);
  uint16_t partition;
  uint64_t headers;
  if (!in.U64(row.bytes_before) || !in.U16(partition) || !in.Text(row.topic) ||
      !in.I64(row.number) || !in.Text(row.record.key) || !in.Varint(headers)) {
    return std::nullopt;
  }
  row.partition = partition;
  for (uint64_t i = 0; i < headers; ++i) {
    eventlog::Header header;
    if (!in.Text(header.name) || !in.Text(header.value)) return std::nullopt;
    row.record.headers.push_back(std::move(header));
  }
  uint8_t has_value;
  if (!in.U8(has_value)) return std::nullopt;
  if (has_value != 0) row.record.value = std::string(in.Rest());
  return row;
}

std::string EncodeParked(const ParkedRecord& row) {
  std::string out(1, static_cast<char>(kFormat));
  AppendText(out, row.topic);
  AppendVarint(out, static_cast<uint64_t>(row.log_partition));
  AppendU64(out, static_cast<uint64_t>(row.offset));
  AppendTime(out, row.append_time);
  AppendTime(out, row.parked_time);
  AppendText(out, row.reason);
  AppendText(out, row.message);
  AppendText(out, row.tenant);
  AppendText(out, row.key);
  AppendVarint(out, row.headers.size());
  for (const auto& [name, value] : row.headers) {
    AppendText(out, name);
    AppendText(out, value);
  }
  out.push_back(static_cast<char>((row.tombstone ? 1 : 0) | (row.raw ? 2 : 0)));
  out.append(row.value);
  return out;
}

std::optional<ParkedRecord> ParseParked(absl::string_view key, absl::string_view value) {
  ParkedRecord row;
  WireReader id(key);
  uint16_t partition;
  if (!id.U16(partition) || !id.U64(row.number)) return std::nullopt;
  row.partition = partition;
  WireReader in(value);
  uint8_t format;
  uint64_t log_partition;
  uint64_t headers;
  if (!in.U8(format) || !in.Text(row.topic) || !in.Varint(log_partition) ||
      !in.I64(row.offset) || !in.Time(row.append_time) || !in.Time(row.parked_time) ||
      !in.Text(row.reason) || !in.Text(row.message) || !in.Text(row.tenant) ||
      !in.Text(row.key) || !in.Varint(headers)) {
    return std::nullopt;
  }
  row.log_partition = static_cast<int32_t>(log_partition);
  for (uint64_t i = 0; i < headers; ++i) {
    std::string name;
    std::string header_value;
    if (!in.Text(name) || !in.Text(header_value)) return std::nullopt;
    row.headers.emplace_back(std::move(name), std::move(header_value));
  }
  uint8_t flags;
  if (!in.U8(flags)) return std::nullopt;
  row.tombstone = (flags & 1) != 0;
  row.raw = (flags & 2) != 0;
  row.value = std::string(in.Rest());
  return row;
}

}  // namespace weft::engine::layout
