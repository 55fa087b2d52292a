#include "libs/eventlog/embedded_format.h"

#include <utility>

namespace weft::eventlog::internal {
namespace {

constexpr char kHasValue = 1;

template <typename Number>
void PutBigEndian(Number number, std::string& out) {
  for (int shift = 8 * (static_cast<int>(sizeof(Number)) - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(number >> shift));
  }
}

template <typename Number>
bool TakeBigEndian(absl::string_view& bytes, Number& number) {
  if (bytes.size() < sizeof(Number)) return false;
  number = 0;
  for (size_t i = 0; i < sizeof(Number); ++i) {
    number = static_cast<Number>((number << 8) | static_cast<unsigned char>(bytes[i]));
  }
  bytes.remove_prefix(sizeof(Number));
  return true;
}

void PutString(const std::string& text, std::string& out) {
  PutVarint(text.size(), out);
  out += text;
}

bool TakeString(absl::string_view& bytes, std::string& text) {
  uint64_t size = 0;
  if (!TakeVarint(bytes, size) || bytes.size() < size) return false;
  text.assign(bytes.data(), size);
  bytes.remove_prefix(size);
  return true;
}

}  // namespace

void PutU16(uint16_t number, std::string& out) { PutBigEndian<uint16_t>(number, out); }
void PutU32(uint32_t number, std::string& out) { PutBigEndian<uint32_t>(number, out); }
void PutI64(int64_t number, std::string& out) {
  PutBigEndian<uint64_t>(static_cast<uint64_t>(number), out);
}

void PutVarint(uint64_t number, std::string& out) {
  while (number >= 0x80) {
    out.push_back(static_cast<char>(number | 0x80));
    number >>= 7;
  }
  out.push_back(static_cast<char>(number));
}

bool TakeU16(absl::string_view& bytes, uint16_t& number) {
  return TakeBigEndian<uint16_t>(bytes, number);
}
bool TakeU32(absl::string_view& bytes, uint32_t& number) {
  return TakeBigEndian<uint32_t>(bytes, number);
}
bool TakeI64(absl::string_view& bytes, int64_t& number) {
  uint64_t raw = 0;
  if (!TakeBigEndian<uint64_t>(bytes, raw)) return false;
  number = static_cast<int64_t>(raw);
  return true;
}

bool TakeVarint(absl::string_view& bytes, uint64_t& number) {
  number = 0;
  for (int shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const unsigned char octet = static_cast<unsigned char>(bytes[0]);
    bytes.remove_prefix(1);
    number |= static_cast<uint64_t>(octet & 0x7f) << shift;
    if ((octet & 0x80) == 0) return true;
  }
  return false;
}

std::string TopicKey(const std::string& name) { return "t" + name; }

std::string EncodeTopic(const TopicRow& row) {
  const TopicOptions& o = row.options;
  std::string out;
  PutU32(row.id, out);
  PutU32(static_cast<uint32_t>(o.partitions), out);
  out.push_back(o.compacted ? 1 : 0);
  PutI64(o.retention_bytes, out);
  PutI64(o.retention_time == absl::InfiniteDuration()
             ? -1
             : absl::ToInt64Microseconds(o.retention_time),
         out);
  PutI64(o.max_record_bytes, out);
  return out;
}

bool DecodeTopic(absl::string_view bytes, TopicRow& row) {
  uint32_t partitions = 0;
  int64_t retention_micros = 0;
  if (!TakeU32(bytes, row.id) || !TakeU32(bytes, partitions) || bytes.empty()) return false;
  row.options.partitions = static_cast<int32_t>(partitions);
  row.options.compacted = bytes[0] != 0;
  bytes.remove_prefix(1);
  if (!TakeI64(bytes, row.options.retention_bytes) || !TakeI64(bytes, retention_micros) ||
      !TakeI64(bytes, row.options.max_record_bytes)) {
    return false;
  }
  row.options.retention_time = retention_micros < 0 ? absl::InfiniteDuration()
                                                    : absl::Microseconds(retention_micros);
  return true;
}

std::string MarkKey(uint32_t topic, uint16_t partition) {
  return "p" + RecordPrefix(topic, partition);
}

std::string EncodeMark(const MarkRow& row) {
  std::string out;
  PutI64(row.begin, out);
  PutI64(row.end, out);
  PutI64(row.bytes, out);
  PutI64(row.last_append_micros, out);
  PutI64(row.cleaned, out);
  return out;
}

bool DecodeMark(absl::string_view bytes, MarkRow& row) {
  return TakeI64(bytes, row.begin) && TakeI64(bytes, row.end) && TakeI64(bytes, row.bytes) &&
         TakeI64(bytes, row.last_append_micros) && TakeI64(bytes, row.cleaned);
}

std::string RecordPrefix(uint32_t topic, uint16_t partition) {
  std::string out;
  PutU32(topic, out);
  PutU16(partition, out);
  return out;
}

std::string RecordKey(const std::string& prefix, int64_t offset) {
  std::string out = prefix;
  PutI64(offset, out);
  return out;
}

std::string EncodeBody(const NewRecord& record) {
  std::string out;
  out.reserve(record.key.size() + (record.value.has_value() ? record.value->size() : 0) +
              48 * record.headers.size() + 16);
  out.push_back(record.value.has_value() ? kHasValue : 0);
  PutString(record.key, out);
  PutVarint(record.headers.size(), out);
  for (const Header& header : record.headers) {
    PutString(header.name, out);
    PutString(header.value, out);
  }
  if (record.value.has_value()) out += *record.value;
  return out;
}

bool DecodeRecord(absl::string_view bytes, Record& record) {
  int64_t micros = 0;
  uint64_t headers = 0;
  if (!TakeI64(bytes, micros) || bytes.empty()) return false;
  const bool has_value = (bytes[0] & kHasValue) != 0;
  bytes.remove_prefix(1);
  if (!TakeString(bytes, record.key) || !TakeVarint(bytes, headers)) return false;
  if (headers > bytes.size()) return false;  // Each takes two octets at least.
  record.append_time = absl::FromUnixMicros(micros);
  record.headers.clear();
  record.headers.reserve(headers);
  for (uint64_t i = 0; i < headers; ++i) {
    Header header;
    if (!TakeString(bytes, header.name) || !TakeString(bytes, header.value)) return false;
    record.headers.push_back(std::move(header));
  }
  record.value.reset();
  if (has_value) record.value.emplace(bytes.data(), bytes.size());
  return has_value || bytes.empty();
}

std::string LatestKey(const std::string& prefix, const std::string& key) {
  return "k" + prefix + key;
}

std::string DeletionKey(int64_t append_micros, const std::string& prefix, int64_t offset) {
  std::string out = "d";
  PutI64(append_micros, out);
  out += prefix;
  PutI64(offset, out);
  return out;
}

bool TakeDeletionKey(absl::string_view bytes, int64_t& append_micros, std::string& prefix,
                     int64_t& offset) {
  if (bytes.empty() || bytes[0] != 'd') return false;
  bytes.remove_prefix(1);
  if (!TakeI64(bytes, append_micros) || bytes.size() < kRecordPrefixBytes) return false;
  prefix.assign(bytes.data(), kRecordPrefixBytes);
  bytes.remove_prefix(kRecordPrefixBytes);
  return TakeI64(bytes, offset) && bytes.empty();
}

}  // namespace weft::eventlog::internal
