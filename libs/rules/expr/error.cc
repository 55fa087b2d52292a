#include "libs/rules/expr/error.h"

#include "absl/strings/str_cat.h"

namespace weft::rules::expr {

const char* CodeName(Code code) {
  switch (code) {
    case Code::kNone: return "none";
    case Code::kNoSuchOverload: return "no_such_overload";
    case Code::kUndeclaredReference: return "undeclared_reference";
    case Code::kNoSuchKey: return "no_such_key";
    case Code::kAbsentField: return "absent_field";
    case Code::kIndexOutOfRange: return "index_out_of_range";
    case Code::kInvalidArgument: return "invalid_argument";
    case Code::kDuplicateKey: return "duplicate_key";
    case Code::kInvalidKey: return "invalid_key";
    case Code::kDivideByZero: return "divide_by_zero";
    case Code::kModulusByZero: return "modulus_by_zero";
    case Code::kOverflow: return "overflow";
    case Code::kOutOfRange: return "out_of_range";
    case Code::kTypeConversion: return "type_conversion";
    case Code::kInvalidUtf8: return "invalid_utf8";
    case Code::kCurrencyMismatch: return "currency_mismatch";
    case Code::kEmptyList: return "empty_list";
    case Code::kCostExceeded: return "cost_exceeded";
    case Code::kSizeExceeded: return "size_exceeded";
    case Code::kDeadlineExceeded: return "deadline_exceeded";
    case Code::kSyntax: return "syntax";
    case Code::kNoMatchingOverload: return "no_matching_overload";
    case Code::kUnknownField: return "unknown_field";
    case Code::kTypeMismatch: return "type_mismatch";
    case Code::kHitPolicyViolation: return "hit_policy_violation";
    case Code::kNoRuleMatched: return "no_rule_matched";
  }
  return "unknown";
}

std::string Error::ToString() const {
  std::string text = absl::StrCat(position.line, ":", position.column, ": ",
                                  CodeName(code), ": ", message);
  if (!hint.empty()) absl::StrAppend(&text, " (", hint, ")");
  return text;
}

Position PositionAt(absl::string_view source, uint32_t offset) {
  Position position{offset, 1, 1};
  for (uint32_t i = 0; i < offset && i < source.size(); ++i) {
    const auto octet = static_cast<unsigned char>(source[i]);
    if (octet == '\n') {
      ++position.line;
      position.column = 1;
    } else if ((octet & 0xC0) != 0x80) {
      ++position.column;  // Continuation octets belong to the code point before.
    }
  }
  return position;
}

}  // namespace weft::rules::expr
