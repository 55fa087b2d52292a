// Conversions and general functions (LANGUAGE: conversions).
#include <charconv>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "libs/rules/expr/functions.h"
#include "libs/rules/expr/utf8.h"

namespace weft::rules::expr {
namespace {

Value Range(Context& context, const char* type) {
  return MakeError(context, Code::kOutOfRange, absl::StrCat("the value does not fit ", type));
}
Value BadText(Context& context, const Value& text, const char* type) {
  return MakeError(context, Code::kTypeConversion,
                   absl::StrCat("'", std::string(text.view().substr(0, 60)), "' is no ", type));
}

Value Size(Context& context, const Value* v, size_t) {
  if (!context.Charge(1)) return Context::CostExceeded();
  switch (v[0].kind) {
    case Kind::kString: return Value::Int(static_cast<int64_t>(CodePoints(v[0].view())));
    case Kind::kBytes: case Kind::kList: case Kind::kMap: return Value::Int(v[0].length);
    default: return NoOverload();
  }
}

Value TypeOf(Context& context, const Value* v, size_t) {
  if (!context.Charge(1)) return Context::CostExceeded();
  return Value::TypeName(TypeNameOf(v[0]));
}

Value Dyn(Context& context, const Value* v, size_t) {
  return context.Charge(1) ? v[0] : Context::CostExceeded();
}

// Optional sign, then digits only.
bool PlainDigits(absl::string_view text, bool minus_allowed) {
  if (!text.empty() && (text[0] == '+' || (minus_allowed && text[0] == '-'))) {
    text.remove_prefix(1);
  }
  if (text.empty()) return false;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
  }
  return true;
}

template <typename T>
Value FromDigits(Context& context, const Value& value, const char* type) {
  absl::string_view text = value.view();
  if (!context.Charge(Tenths(text.size()))) return Context::CostExceeded();
  if (!PlainDigits(text, std::numeric_limits<T>::is_signed)) return BadText(context, value, type);
  if (text[0] == '+') text.remove_prefix(1);
  T number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return Range(context, type);
  if constexpr (std::numeric_limits<T>::is_signed) {
    return Value::Int(number);
  } else {
    return Value::Uint(number);
  }
}

Value ToInt(Context& context, const Value* v, size_t) {
  if (!context.Charge(1)) return Context::CostExceeded();
  switch (v[0].kind) {
    case Kind::kInt: return v[0];
    case Kind::kUint:
      if (v[0].uint_value > INT64_MAX) return Range(context, "int");
      return Value::Int(static_cast<int64_t>(v[0].uint_value));
    case Kind::kDouble: {
      const double d = v[0].double_value;
      if (!(d > -9223372036854775808.0 && d < 9223372036854775808.0)) return Range(context, "int");
      return Value::Int(static_cast<int64_t>(d));
    }
    case Kind::kString: return FromDigits<int64_t>(context, v[0], "int");
    case Kind::kTimestamp: return Value::Int(v[0].time.seconds);
    case Kind::kDecimal: {
      const auto whole = v[0].decimal.ToInt64();
      return whole.ok() ? Value::Int(*whole) : Range(context, "int");
    }
    default: return NoOverload();
  }
}

Value ToUint(Context& context, const Value* v, size_t) {
  if (!context.Charge(1)) return Context::CostExceeded();
  switch (v[0].kind) {
    case Kind::kUint: return v[0];
    case Kind::kInt:
      if (v[0].int_value < 0) return Range(context, "uint");
      return Value::Uint(static_cast<uint64_t>(v[0].int_value));
    case Kind::kDouble: {
      const double d = v[0].double_value;
      if (!(d >= 0 && d < 18446744073709551616.0)) return Range(context, "uint");
      return Value::Uint(static_cast<uint64_t>(d));
    }
    case Kind::kString: return FromDigits<uint64_t>(context, v[0], "uint");
    default: return NoOverload();
  }
}

// A decimal floating number: [+-]?digits[.digits][e[+-]digits] or .digits.
bool IsFloating(absl::string_view text) {
  size_t at = 0;
  if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
  const auto digits = [&] {
    const size_t begin = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    return at > begin;
  };
  bool any = digits();
  if (at < text.size() && text[at] == '.') {
    ++at;
    any = digits() || any;
  }
  if (!any) return false;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (!digits()) return false;
  }
  return at == text.size();
}

Value ToDouble(Context& context, const Value* v, size_t) {
  if (!context.Charge(1)) return Context::CostExceeded();
  switch (v[0].kind) {
    case Kind::kDouble: return v[0];
    case Kind::kInt: return Value::Double(static_cast<double>(v[0].int_value));
    case Kind::kUint: return Value::Double(static_cast<double>(v[0].uint_value));
    case Kind::kDecimal: return Value::Double(v[0].decimal.ToDouble());
    case Kind::kString: {
      const absl::string_view text = v[0].view();
      if (!context.Charge(Tenths(text.size()))) return Context::CostExceeded();
      constexpr double kInfinity = std::numeric_limits<double>::infinity();
      if (text == "NaN") return Value::Double(std::numeric_limits<double>::quiet_NaN());
      if (text == "Infinity" || text == "+Infinity") return Value::Double(kInfinity);
      if (text == "-Infinity") return Value::Double(-kInfinity);
      if (!IsFloating(text)) return BadText(context, v[0], "double");
      return Value::Double(std::strtod(std::string(text).c_str(), nullptr));
    }
    default: return NoOverload();
  }
}

Value ToBool(Context& context, const Value* v, size_t) {
  if (!context.Charge(1)) return Context::CostExceeded();
  if (v[0].kind == Kind::kBool) return v[0];
  if (v[0].kind != Kind::kString) return NoOverload();
  for (const char* yes : {"1", "t", "T", "true", "TRUE", "True"}) {
    if (v[0].view() == yes) return Value::Bool(true);
  }
  for (const char* no : {"0", "f", "F", "false", "FALSE", "False"}) {
    if (v[0].view() == no) return Value::Bool(false);
  }
  return BadText(context, v[0], "bool");
}

Value ToString(Context& context, const Value* v, size_t) {
  switch (v[0].kind) {
    case Kind::kString: return context.Charge(1) ? v[0] : Context::CostExceeded();
    case Kind::kBytes:
      if (!context.Charge(1 + Tenths(2 * uint64_t{v[0].length}))) return Context::CostExceeded();
      if (!IsUtf8(v[0].view())) {
        return Value::Error(Code::kInvalidUtf8, "the bytes are not valid UTF-8");
      }
      return Value::String(v[0].view());
    case Kind::kBool: case Kind::kInt: case Kind::kUint: case Kind::kDouble:
    case Kind::kTimestamp: case Kind::kDuration: case Kind::kDecimal: case Kind::kMoney: {
      const std::string text = ToText(v[0], context.arena);
      if (!context.Charge(1 + Tenths(text.size()))) return Context::CostExceeded();
      return MakeString(context, text);
    }
    default: return NoOverload();
  }
}

Value ToBytes(Context& context, const Value* v, size_t) {
  if (!context.Charge(1 + Tenths(2 * uint64_t{v[0].length}))) return Context::CostExceeded();
  if (v[0].kind == Kind::kBytes) return v[0];
  return v[0].kind == Kind::kString ? Value::Bytes(v[0].view()) : NoOverload();
}

Value ToTimestamp(Context& context, const Value* v, size_t) {
  if (!context.Charge(1)) return Context::CostExceeded();
  switch (v[0].kind) {
    case Kind::kTimestamp: return v[0];
    case Kind::kInt:
      if (v[0].int_value < kSecondsMin || v[0].int_value > kSecondsMax) {
        return Range(context, "timestamp");
      }
      return Value::Timestamp(v[0].int_value, 0);
    case Kind::kString: {
      if (!context.Charge(Tenths(v[0].length))) return Context::CostExceeded();
      int64_t seconds;
      int32_t nanos;
      Code code;
      if (ParseTimestamp(v[0].view(), seconds, nanos, code)) {
        return Value::Timestamp(seconds, nanos);
      }
      return MakeError(context, code,
                       absl::StrCat("'", std::string(v[0].view().substr(0, 60)),
                                    "' is no RFC 3339 time"));
    }
    default: return NoOverload();
  }
}

Value ToDuration(Context& context, const Value* v, size_t) {
  if (!context.Charge(1)) return Context::CostExceeded();
  if (v[0].kind == Kind::kDuration) return v[0];
  if (v[0].kind != Kind::kString) return NoOverload();
  if (!context.Charge(Tenths(v[0].length))) return Context::CostExceeded();
  int64_t nanos;
  Code code;
  if (ParseDuration(v[0].view(), nanos, code)) return Value::Duration(nanos);
  return MakeError(context, code, absl::StrCat("'", std::string(v[0].view().substr(0, 60)),
                                               "' is no duration like 1h30m"));
}

constexpr FunctionEntry kEntries[] = {
    {"size", Size,
     "(string) int; (bytes) int; (list(A)) int; (map(A, B)) int; string.() int; bytes.() int; "
     "list(A).() int; map(A, B).() int"},
    {"type", TypeOf, "(A) type"},
    {"dyn", Dyn, "(A) dyn"},
    {"int", ToInt,
     "(int) int; (uint) int; (double) int; (string) int; (timestamp) int; (decimal) int"},
    {"uint", ToUint, "(uint) uint; (int) uint; (double) uint; (string) uint"},
    {"double", ToDouble,
     "(double) double; (int) double; (uint) double; (string) double; (decimal) double"},
    {"bool", ToBool, "(bool) bool; (string) bool"},
    {"string", ToString,
     "(string) string; (bool) string; (int) string; (uint) string; (double) string; "
     "(bytes) string; (timestamp) string; (duration) string; (decimal) string; (money) string"},
    {"bytes", ToBytes, "(bytes) bytes; (string) bytes"},
    {"timestamp", ToTimestamp, "(timestamp) timestamp; (int) timestamp; (string) timestamp"},
    {"duration", ToDuration, "(duration) duration; (string) duration"},
};

}  // namespace

FunctionEntries ConversionFunctions() {
  return {kEntries, sizeof(kEntries) / sizeof(kEntries[0])};
}

}  // namespace weft::rules::expr
