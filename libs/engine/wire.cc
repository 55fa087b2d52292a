#include "libs/engine/wire.h"

#include <limits>

namespace weft::engine {

void AppendU16(std::string& out, uint16_t v) {
  const char bytes[2] = {static_cast<char>(v >> 8), static_cast<char>(v)};
  out.append(bytes, sizeof bytes);
}

void AppendU64(std::string& out, uint64_t v) {
  char bytes[8];
  for (int i = 7; i >= 0; --i, v >>= 8) bytes[i] = static_cast<char>(v);
  out.append(bytes, sizeof bytes);
}

void AppendVarint(std::string& out, uint64_t v) {
  while (v >= 0x80) {
    out.push_back(static_cast<char>(v | 0x80));
    v >>= 7;
  }
  out.push_back(static_cast<char>(v));
}

void AppendText(std::string& out, absl::string_view text) {
  AppendVarint(out, text.size());
  out.append(text.data(), text.size());
}

void AppendTime(std::string& out, absl::Time t) {
  AppendU64(out, static_cast<uint64_t>(absl::ToUnixMicros(t)) ^ (uint64_t{1} << 63));
}

bool WireReader::Take(size_t n, absl::string_view& out) {
  if (!ok_ || rest_.size() < n) return ok_ = false;
  out = rest_.substr(0, n);
  rest_.remove_prefix(n);
  return true;
}

bool WireReader::U8(uint8_t& v) {
  absl::string_view b;
  if (!Take(1, b)) return false;
  v = static_cast<uint8_t>(b[0]);
  return true;
}

bool WireReader::U16(uint16_t& v) {
  absl::string_view b;
  if (!Take(2, b)) return false;
  v = static_cast<uint16_t>((static_cast<uint8_t>(b[0]) << 8) | static_cast<uint8_t>(b[1]));
  return true;
}

bool WireReader::U64(uint64_t& v) {
  absl::string_view b;
  if (!Take(8, b)) return false;
  v = 0;
  for (char c : b) v = (v << 8) | static_cast<uint8_t>(c);
  return true;
}

bool WireReader::I64(int64_t& v) {
  uint64_t u;
  if (!U64(u)) return false;
  v = static_cast<int64_t>(u);
  return true;
}

bool WireReader::Varint(uint64_t& v) {
  v = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    uint8_t b;
    if (!U8(b)) return false;
    v |= static_cast<uint64_t>(b & 0x7f) << shift;
    if (b < 0x80) return true;
  }
  return ok_ = false;
}

bool WireReader::Text(absl::string_view& text) {
  uint64_t n;
  return Varint(n) && Take(n, text);
}

bool WireReader::Text(std::string& text) {
  absl::string_view view;
  if (!Text(view)) return false;
  text.assign(view.data(), view.size());
  return true;
}

bool WireReader::Time(absl::Time& t) {
  uint64_t u;
  if (!U64(u)) return false;
  const auto micros = static_cast<int64_t>(u ^ (uint64_t{1} << 63));
  // What AppendTime wrote of the two infinities must come back as them.
  t = micros == std::numeric_limits<int64_t>::min()   ? absl::InfinitePast()
      : micros == std::numeric_limits<int64_t>::max() ? absl::InfiniteFuture()
                                                      : absl::FromUnixMicros(micros);
  return true;
}

bool WireReader::UntilZero(absl::string_view& text) {
  if (!ok_) return false;
  const size_t end = rest_.find('\0');
  if (end == absl::string_view::npos) return ok_ = false;
  text = rest_.substr(0, end);
  rest_.remove_prefix(end + 1);
  return true;
}

}  // namespace weft::engine
