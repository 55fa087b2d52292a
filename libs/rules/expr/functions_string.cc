// Functions of strings (LANGUAGE: strings, numbers, lists; format).
#include <re2/re2.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "libs/rules/expr/functions.h"
#include "libs/rules/expr/utf8.h"

namespace weft::rules::expr {
namespace {

using absl::string_view;

Value OutOfText(Context& context, int64_t at) {
  return MakeError(context, Code::kIndexOutOfRange,
                   absl::StrCat("position ", at, " is outside the text"));
}

bool Strings(const Value* v, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (v[i].kind != Kind::kString) return false;
  }
  return true;
}

Value Contains(Context& context, const Value* v, size_t) {
  if (!Strings(v, 2)) return NoOverload();
  if (!context.Charge(1 + Tenths(v[0].length) * Tenths(v[1].length)))
    return Context::CostExceeded();
  return Value::Bool(v[0].view().find(v[1].view()) != string_view::npos);
}

Value StartsWith(Context& context, const Value* v, size_t) {
  if (!Strings(v, 2)) return NoOverload();
  if (!context.Charge(1 + Tenths(v[1].length))) return Context::CostExceeded();
  return Value::Bool(v[0].view().substr(0, v[1].length) == v[1].view());
}

Value EndsWith(Context& context, const Value* v, size_t) {
  if (!Strings(v, 2)) return NoOverload();
  if (!context.Charge(1 + Tenths(v[1].length))) return Context::CostExceeded();
  return Value::Bool(v[0].length >= v[1].length &&
                     v[0].view().substr(v[0].length - v[1].length) == v[1].view());
}

Value Matches(Context& context, const Value* v, size_t) {
  if (!Strings(v, 2)) return NoOverload();
  if (!context.Charge(1 + Tenths(v[0].length + 1) * ((v[1].length + 3) / 4))) {
    return Context::CostExceeded();
  }
  const auto pattern = CompilePattern(v[1].view());
  if (pattern == nullptr) {
    return MakeError(context, Code::kInvalidArgument,
                     absl::StrCat("bad pattern '", std::string(v[1].view().substr(0, 60)), "'"));
  }
  return Value::Bool(PatternFound(*pattern, v[0].view()));
}

Value CharAt(Context& context, const Value* v, size_t) {
  if (v[0].kind != Kind::kString || v[1].kind != Kind::kInt) return NoOverload();
  if (!context.Charge(1)) return Context::CostExceeded();
  const string_view text = v[0].view();
  const size_t at = v[1].int_value < 0 ? string_view::npos : OffsetOf(text, v[1].int_value);
  if (at == string_view::npos) return OutOfText(context, v[1].int_value);
  size_t end = at;
  uint32_t ignored;
  if (at < text.size()) NextCodePoint(text, end, ignored);
  return Value::String(text.substr(at, end - at));
}

template <bool kLast>
Value IndexOf(Context& context, const Value* v, size_t count) {
  if (!Strings(v, 2) || (count == 3 && v[2].kind != Kind::kInt)) return NoOverload();
  if (!context.Charge(1 + Tenths(v[0].length) * Tenths(v[1].length)))
    return Context::CostExceeded();
  const string_view text = v[0].view();
  const string_view wanted = v[1].view();
  size_t from = kLast ? text.size() : 0;
  if (count == 3) {
    from = v[2].int_value < 0 ? string_view::npos : OffsetOf(text, v[2].int_value);
    if (from == string_view::npos) return OutOfText(context, v[2].int_value);
  }
  const size_t found = kLast ? text.rfind(wanted, from) : text.find(wanted, from);
  if (found == string_view::npos) return Value::Int(-1);
  return Value::Int(static_cast<int64_t>(CodePoints(text.substr(0, found))));
}

Value Substring(Context& context, const Value* v, size_t count) {
  if (v[0].kind != Kind::kString || v[1].kind != Kind::kInt ||
      (count == 3 && v[2].kind != Kind::kInt)) {
    return NoOverload();
  }
  if (!context.Charge(1 + Tenths(2 * uint64_t{v[0].length}))) return Context::CostExceeded();
  const string_view text = v[0].view();
  const size_t begin = v[1].int_value < 0 ? string_view::npos : OffsetOf(text, v[1].int_value);
  if (begin == string_view::npos) return OutOfText(context, v[1].int_value);
  size_t end = text.size();
  if (count == 3) {
    end = v[2].int_value < v[1].int_value ? string_view::npos : OffsetOf(text, v[2].int_value);
    if (end == string_view::npos) return OutOfText(context, v[2].int_value);
  }
  return Value::String(text.substr(begin, end - begin));
}

Value Replace(Context& context, const Value* v, size_t count) {
  if (!Strings(v, 3) || (count == 4 && v[3].kind != Kind::kInt)) return NoOverload();
  const string_view text = v[0].view();
  const string_view from = v[1].view();
  int64_t left = count == 4 ? v[3].int_value : -1;
  std::string out;
  size_t at = 0;
  while (left != 0) {
    if (out.size() > kTextBytesMax) break;
    if (from.empty()) {
      absl::StrAppend(&out, v[2].view());
      if (left > 0) --left;
      if (at >= text.size()) {
        at = text.size() + 1;
        break;
      }
      size_t next = at;
      uint32_t ignored;
      NextCodePoint(text, next, ignored);
      absl::StrAppend(&out, text.substr(at, next - at));
      at = next;
      continue;
    }
    const size_t found = text.find(from, at);
    if (found == string_view::npos) break;
    absl::StrAppend(&out, text.substr(at, found - at), v[2].view());
    at = found + from.size();
    if (left > 0) --left;
  }
  if (at < text.size()) absl::StrAppend(&out, text.substr(at));
  if (!context.Charge(1 + Tenths(text.size() + out.size()))) return Context::CostExceeded();
  return MakeString(context, out);
}

Value MakeStringList(Context& context, const std::vector<string_view>& pieces) {
  if (pieces.size() > kElementsMax) {
    return Value::Error(Code::kSizeExceeded, "the list has more than 10,000 elements");
  }
  auto* items = context.arena.AllocateArray<Value>(pieces.size() + 1);
  if (items == nullptr) return Value::Error(Code::kSizeExceeded, "too much memory");
  for (size_t i = 0; i < pieces.size(); ++i) items[i] = Value::String(pieces[i]);
  return Value::List(items, pieces.size());
}

Value Split(Context& context, const Value* v, size_t count) {
  if (!Strings(v, 2) || (count == 3 && v[2].kind != Kind::kInt)) return NoOverload();
  const string_view text = v[0].view();
  const string_view by = v[1].view();
  const int64_t most = count == 3 ? v[2].int_value : -1;
  if (!context.Charge(1 + Tenths(2 * text.size()))) return Context::CostExceeded();
  std::vector<string_view> pieces;
  if (most == 0) return MakeStringList(context, pieces);
  size_t at = 0;
  while (most < 0 || static_cast<int64_t>(pieces.size()) < most - 1) {
    if (by.empty()) {
      if (at >= text.size()) break;
      size_t next = at;
      uint32_t ignored;
      NextCodePoint(text, next, ignored);
      pieces.push_back(text.substr(at, next - at));
      at = next;
      continue;
    }
    const size_t found = text.find(by, at);
    if (found == string_view::npos) break;
    pieces.push_back(text.substr(at, found - at));
    at = found + by.size();
  }
  if (!by.empty() || at < text.size()) pieces.push_back(text.substr(at));
  return MakeStringList(context, pieces);
}

Value Join(Context& context, const Value* v, size_t count) {
  if (v[0].kind != Kind::kList || (count == 2 && v[1].kind != Kind::kString)) return NoOverload();
  std::string out;
  for (uint32_t i = 0; i < v[0].length; ++i) {
    if (v[0].items[i].kind != Kind::kString) return NoOverload();
    if (i > 0 && count == 2) absl::StrAppend(&out, v[1].view());
    absl::StrAppend(&out, v[0].items[i].view());
    if (out.size() > kTextBytesMax) break;
  }
  if (!context.Charge(1 + Tenths(2 * out.size()))) return Context::CostExceeded();
  return MakeString(context, out);
}

// The White_Space property of Unicode.
bool IsWhiteSpace(uint32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}

Value Trim(Context& context, const Value* v, size_t) {
  if (!Strings(v, 1)) return NoOverload();
  if (!context.Charge(1 + Tenths(2 * uint64_t{v[0].length}))) return Context::CostExceeded();
  const string_view text = v[0].view();
  size_t begin = text.size();
  size_t end = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t start = at;
    uint32_t c = 0;
    NextCodePoint(text, at, c);
    if (!IsWhiteSpace(c)) {
      begin = std::min(begin, start);
      end = at;
    }
  }
  return Value::String(begin < end ? text.substr(begin, end - begin) : string_view(""));
}

template <bool kUpper>
Value Case(Context& context, const Value* v, size_t) {
  if (!Strings(v, 1)) return NoOverload();
  if (!context.Charge(1 + Tenths(2 * uint64_t{v[0].length}))) return Context::CostExceeded();
  std::string out(v[0].view());
  for (char& c : out) {
    if (kUpper ? (c >= 'a' && c <= 'z') : (c >= 'A' && c <= 'Z')) c ^= 0x20;
  }
  return MakeString(context, out);
}

Value Quote(Context& context, const Value* v, size_t) {
  if (!Strings(v, 1)) return NoOverload();
  std::string out = "\"";
  for (const char c : v[0].view()) {
    static constexpr char kFrom[] = "\a\b\f\n\r\t\v\\\"";
    static constexpr char kTo[] = "abfnrtv\\\"";
    const char* found = c == '\0' ? nullptr : std::char_traits<char>::find(kFrom, 9, c);
    if (found != nullptr) {
      out.push_back('\\');
      out.push_back(kTo[found - kFrom]);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
  if (!context.Charge(1 + Tenths(v[0].length + out.size()))) return Context::CostExceeded();
  return MakeString(context, out);
}

// ---- format ----

std::string PlainDouble(double value) {
  if (std::isnan(value) || std::isinf(value)) return DoubleText(value);
  std::string text = DoubleText(value);
  const size_t e = text.find('e');
  if (e == std::string::npos) return text;
  // d.ddde±dd without an exponent.
  const int exponent = std::atoi(text.c_str() + e + 1);
  std::string digits;
  std::string sign;
  for (const char c : text.substr(0, e)) {
    if (c == '-') {
      sign = "-";
    } else if (c != '.') {
      digits.push_back(c);
    }
  }
  if (exponent < 0) return sign + "0." + std::string(-exponent - 1, '0') + digits;
  return sign + digits + std::string(exponent + 1 - digits.size(), '0');
}

bool FormatString(const Value& v, Arena& arena, std::string& out) {
  // A list may hold one list many times over: its text ends where it is refused.
  if (out.size() > kTextBytesMax) return true;
  switch (v.kind) {
    case Kind::kRecord: return false;
    case Kind::kDouble: out += PlainDouble(v.double_value); return true;
    case Kind::kBytes: {
      // Each run of bad octets is one replacement character.
      const string_view bytes = v.view();
      bool bad = false;
      for (size_t at = 0; at < bytes.size();) {
        const size_t start = at;
        uint32_t ignored;
        if (NextCodePoint(bytes, at, ignored)) {
          absl::StrAppend(&out, bytes.substr(start, at - start));
          bad = false;
        } else {
          if (!bad) AppendUtf8(0xFFFD, out);
          bad = true;
          ++at;
        }
      }
      return true;
    }
    case Kind::kList:
      out += "[";
      for (uint32_t i = 0; i < v.length; ++i) {
        if (i > 0) out += ", ";
        if (!FormatString(v.items[i], arena, out)) return false;
      }
      out += "]";
      return true;
    case Kind::kMap: {
      std::vector<std::pair<std::string, const Value*>> entries;
      for (uint32_t i = 0; i < v.length; ++i) {
        std::string key;
        if (!FormatString(v.map->keys[i], arena, key)) return false;
        entries.emplace_back(std::move(key), &v.map->values[i]);
      }
      std::sort(entries.begin(), entries.end(),
                [](const auto& a, const auto& b) { return a.first < b.first; });
      out += "{";
      for (size_t i = 0; i < entries.size(); ++i) {
        if (i > 0) out += ", ";
        absl::StrAppend(&out, entries[i].first, ": ");
        if (!FormatString(*entries[i].second, arena, out)) return false;
      }
      out += "}";
      return true;
    }
    default: out += ToText(v, arena); return true;
  }
}

std::string PrintDouble(const char* format, int precision, double value) {
  char buffer[1024];
  std::snprintf(buffer, sizeof(buffer), format, precision, value);
  return buffer;
}

bool AsDouble(const Value& v, double& out) {
  switch (v.kind) {
    case Kind::kInt: out = static_cast<double>(v.int_value); return true;
    case Kind::kUint: out = static_cast<double>(v.uint_value); return true;
    case Kind::kDouble: out = v.double_value; return true;
    default: return false;
  }
}

std::string InBase(uint64_t magnitude, bool negative, unsigned base, bool upper) {
  const char* const alphabet = upper ? "0123456789ABCDEF" : "0123456789abcdef";
  std::string digits;
  do {
    digits.push_back(alphabet[magnitude % base]);
    magnitude /= base;
  } while (magnitude != 0);
  if (negative) digits.push_back('-');
  return std::string(digits.rbegin(), digits.rend());
}

// One clause; false when the letter does not take the value.
bool FormatClause(const Value& v, char letter, int precision, Arena& arena, std::string& out) {
  const bool negative = v.kind == Kind::kInt && v.int_value < 0;
  const uint64_t magnitude = v.kind == Kind::kInt
                                 ? (negative ? 0 - static_cast<uint64_t>(v.int_value)
                                             : static_cast<uint64_t>(v.int_value))
                                 : v.uint_value;
  const bool whole = v.kind == Kind::kInt || v.kind == Kind::kUint;
  switch (letter) {
    case 's': return FormatString(v, arena, out);
    case 'd':
      if (!whole && v.kind != Kind::kDouble && v.kind != Kind::kDecimal) return false;
      return FormatString(v, arena, out);
    case 'f': {
      if (v.kind == Kind::kDecimal || whole) {
        Decimal value;
        Decimal rounded;
        AsDecimal(v, value);
        if (precision > Decimal::kMaxScale ||
            RoundInto(value, precision, RoundingMode::kHalfUp, rounded) != DecimalError::kOk) {
          return false;
        }
        out += rounded.ToString();
        return true;
      }
      double d;
      if (!AsDouble(v, d)) return false;
      out += std::isfinite(d) ? PrintDouble("%.*f", precision, d) : DoubleText(d);
      return true;
    }
    case 'e': {
      double d;
      if (!AsDouble(v, d)) return false;
      out += std::isfinite(d) ? PrintDouble("%.*e", precision, d) : DoubleText(d);
      return true;
    }
    case 'x': case 'X':
      if (whole) {
        out += InBase(magnitude, negative, 16, letter == 'X');
        return true;
      }
      if (v.kind != Kind::kString && v.kind != Kind::kBytes) return false;
      for (const char c : v.view()) {
        const auto octet = static_cast<unsigned char>(c);
        out += InBase(octet >> 4, false, 16, letter == 'X');
        out += InBase(octet & 15, false, 16, letter == 'X');
      }
      return true;
    case 'o':
      if (whole) out += InBase(magnitude, negative, 8, false);
      return whole;
    case 'b':
      if (v.kind == Kind::kBool) {
        out += v.bool_value ? "1" : "0";
        return true;
      }
      if (whole) out += InBase(magnitude, negative, 2, false);
      return whole;
    default: return false;
  }
}

Value Format(Context& context, const Value* v, size_t) {
  if (v[0].kind != Kind::kString || v[1].kind != Kind::kList) return NoOverload();
  const string_view format = v[0].view();
  std::string out;
  uint32_t next = 0;
  for (size_t at = 0; at < format.size(); ++at) {
    if (out.size() > kTextBytesMax) break;
    if (format[at] != '%') {
      out.push_back(format[at]);
      continue;
    }
    if (++at < format.size() && format[at] == '%') {
      out.push_back('%');
      continue;
    }
    int precision = 6;
    if (at < format.size() && format[at] == '.') {
      precision = 0;
      const size_t begin = ++at;
      for (; at < format.size() && format[at] >= '0' && format[at] <= '9'; ++at) {
        precision = std::min(precision * 10 + (format[at] - '0'), 1000);
      }
      if (at == begin) return Value::Error(Code::kInvalidArgument, "a precision has no digits");
      if (precision > 300) {
        return Value::Error(Code::kInvalidArgument, "a precision is at most 300");
      }
    }
    if (at >= format.size()) {
      return Value::Error(Code::kInvalidArgument, "the format ends in the middle of a clause");
    }
    if (next >= v[1].length) {
      return Value::Error(Code::kInvalidArgument, "the format has more clauses than values");
    }
    if (!FormatClause(v[1].items[next++], format[at], precision, context.arena, out)) {
      return MakeError(context, Code::kInvalidArgument,
                       absl::StrCat("'%", std::string(1, format[at]),
                                    "' does not take a value of type ",
                                    TypeNameOf(v[1].items[next - 1])));
    }
  }
  if (!context.Charge(1 + Tenths(format.size() + out.size()))) return Context::CostExceeded();
  return MakeString(context, out);
}

constexpr FunctionEntry kEntries[] = {
    {"contains", Contains, "string.(string) bool"},
    {"startsWith", StartsWith, "string.(string) bool"},
    {"endsWith", EndsWith, "string.(string) bool"},
    {"matches", Matches, "string.(string) bool; (string, string) bool"},
    {"charAt", CharAt, "string.(int) string"},
    {"indexOf", IndexOf<false>, "string.(string) int; string.(string, int) int"},
    {"lastIndexOf", IndexOf<true>, "string.(string) int; string.(string, int) int"},
    {"substring", Substring, "string.(int) string; string.(int, int) string"},
    {"replace", Replace, "string.(string, string) string; string.(string, string, int) string"},
    {"split", Split, "string.(string) list(string); string.(string, int) list(string)"},
    {"join", Join, "list(string).() string; list(string).(string) string"},
    {"trim", Trim, "string.() string"},
    {"lowerAscii", Case<false>, "string.() string"},
    {"upperAscii", Case<true>, "string.() string"},
    {"strings.quote", Quote, "(string) string"},
    {"format", Format, "string.(list(dyn)) string"},
};

}  // namespace

std::shared_ptr<const RE2> CompilePattern(absl::string_view pattern) {
  if (pattern.size() > kPatternBytesMax) return nullptr;
  RE2::Options options(RE2::Quiet);
  options.set_max_mem(1 << 20);
  auto compiled =
      std::make_shared<const RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
  return compiled->ok() ? compiled : nullptr;
}

bool PatternFound(const re2::RE2& pattern, absl::string_view text) {
  return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), pattern);
}

FunctionEntries StringFunctions() {
  return {kEntries, sizeof(kEntries) / sizeof(kEntries[0])};
}

}  // namespace weft::rules::expr
