// Source text to tokens (LANGUAGE: lexical rules, strings and bytes).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "libs/rules/expr/error.h"

namespace weft::rules::expr {

enum class TokenKind : uint8_t {
  kEnd,
  kIdentifier,      // text = the name
  kQuotedSelector,  // text = what stands between the backquotes
  kInt,             // text = digits as written, with 0x when hexadecimal
  kUint,            // the same, without the u
  kDouble,          // text as written
  kString,          // text = the value, escapes resolved
  kBytes,
  kMark,            // text = the operator or mark: "&&", "(", …
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  uint32_t offset = 0;
  std::string text;
};

inline constexpr size_t kSourceBytesMax = 16 * 1024;

// Shape: the tokens, kEnd last. On a fault nullopt and `error` says where.
std::optional<std::vector<Token>> Tokenize(absl::string_view source, Error& error);

}  // namespace weft::rules::expr
