// UTF-8, strictly: no surrogates, nothing above U+10FFFF, no overlong forms.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace weft::rules::expr {

// Reads one code point at `at` and moves it on. False when the octets there are
// not valid UTF-8; `at` is then unchanged.
bool NextCodePoint(absl::string_view text, size_t& at, uint32_t& code_point);
bool IsUtf8(absl::string_view text);
// Code points of valid UTF-8.
size_t CodePoints(absl::string_view text);
// Octet offset of code point number `index` (from 0) of valid UTF-8; the size
// when there are just `index` code points, npos beyond.
size_t OffsetOf(absl::string_view text, size_t index);
void AppendUtf8(uint32_t code_point, std::string& out);

}  // namespace weft::rules::expr
