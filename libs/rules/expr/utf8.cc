#include "libs/rules/expr/utf8.h"

namespace weft::rules::expr {

bool NextCodePoint(absl::string_view text, size_t& at, uint32_t& code_point) {
  if (at >= text.size()) return false;
  const auto octet = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const uint32_t first = octet(at);
  int more = 0;
  uint32_t value = 0;
  uint32_t smallest = 0;
  if (first < 0x80) {
    code_point = first;
    ++at;
    return true;
  }
  if ((first & 0xE0) == 0xC0) {
    more = 1, value = first & 0x1F, smallest = 0x80;
  } else if ((first & 0xF0) == 0xE0) {
    more = 2, value = first & 0x0F, smallest = 0x800;
  } else if ((first & 0xF8) == 0xF0) {
    more = 3, value = first & 0x07, smallest = 0x10000;
  } else {
    return false;
  }
  if (at + more >= text.size()) return false;
  for (int i = 1; i <= more; ++i) {
    if ((octet(at + i) & 0xC0) != 0x80) return false;
    value = (value << 6) | (octet(at + i) & 0x3F);
  }
  if (value < smallest || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) {
    return false;
  }
  code_point = value;
  at += more + 1;
  return true;
}

bool IsUtf8(absl::string_view text) {
  uint32_t ignored;
  for (size_t at = 0; at < text.size();) {
    if (!NextCodePoint(text, at, ignored)) return false;
  }
  return true;
}

size_t CodePoints(absl::string_view text) {
  size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count;
}

size_t OffsetOf(absl::string_view text, size_t index) {
  size_t at = 0;
  for (; index > 0; --index) {
    if (at >= text.size()) return absl::string_view::npos;
    ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
  }
  return at;
}

void AppendUtf8(uint32_t code_point, std::string& out) {
  const auto add = [&](uint32_t octet) { out.push_back(static_cast<char>(octet)); };
  if (code_point < 0x80) {
    add(code_point);
  } else if (code_point < 0x800) {
    add(0xC0 | (code_point >> 6));
    add(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    add(0xE0 | (code_point >> 12));
    add(0x80 | ((code_point >> 6) & 0x3F));
    add(0x80 | (code_point & 0x3F));
  } else {
    add(0xF0 | (code_point >> 18));
    add(0x80 | ((code_point >> 12) & 0x3F));
    add(0x80 | ((code_point >> 6) & 0x3F));
    add(0x80 | (code_point & 0x3F));
  }
}

}  // namespace weft::rules::expr
