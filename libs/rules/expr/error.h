// What is wrong with an expression, and where.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace weft::rules::expr {

// A place in a source text.
struct Position {
  uint32_t offset = 0;  // Octets from the start.
  uint32_t line = 1;    // From 1.
  uint32_t column = 1;  // Code points from 1.
  bool operator==(const Position&) const = default;
};

// Codes are stable and stand in documents, logs and (in UPPER_SNAKE) at the
// API. Run-time codes first, then those of the parser and the checker.
enum class Code : uint8_t {
  kNone = 0,
  kNoSuchOverload,
  kUndeclaredReference,
  kNoSuchKey,
  kAbsentField,
  kIndexOutOfRange,
  kInvalidArgument,
  kDuplicateKey,
  kInvalidKey,
  kDivideByZero,
  kModulusByZero,
  kOverflow,
  kOutOfRange,
  kTypeConversion,
  kInvalidUtf8,
  kCurrencyMismatch,
  kEmptyList,
  kCostExceeded,      // Fatal: && and || never look past it.
  kSizeExceeded,      // Fatal.
  kDeadlineExceeded,  // Fatal.
  kSyntax,
  kNoMatchingOverload,
  kUnknownField,
  kTypeMismatch,
  kHitPolicyViolation,  // Decision tables.
  kNoRuleMatched,
};

// "no_such_overload"
const char* CodeName(Code code);
inline bool IsFatal(Code code) {
  return code == Code::kCostExceeded || code == Code::kSizeExceeded ||
         code == Code::kDeadlineExceeded;
}

struct Error {
  Code code = Code::kNone;
  Position position;
  std::string message;  // What is wrong, with the offending text.
  std::string hint;     // What to do, in business terms; may be empty.
  // "2:7: no_such_overload: …"
  std::string ToString() const;
};

// The position of octet `offset` in `source`.
Position PositionAt(absl::string_view source, uint32_t offset);

}  // namespace weft::rules::expr
