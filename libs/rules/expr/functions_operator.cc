// Arithmetic, comparison, membership (LANGUAGE: operators; equality and order).
#include <cmath>
#include <cstring>

#include "libs/rules/expr/functions.h"

namespace weft::rules::expr {
namespace {

Value Overflow() { return Value::Error(Code::kOverflow, "the result does not fit 64 bits"); }
Value TimeRange() {
  return Value::Error(Code::kOutOfRange, "the time or duration is out of range");
}
Value Mismatch() {
  return Value::Error(Code::kCurrencyMismatch, "two currencies cannot be combined");
}

__int128 Nanos(const Value& timestamp) {
  return timestamp.time.seconds * kNanosPerSecond + timestamp.time.nanos;
}

Value MakeTimestamp(__int128 nanos) {
  __int128 seconds = nanos / kNanosPerSecond;
  __int128 rest = nanos % kNanosPerSecond;
  if (rest < 0) {
    rest += kNanosPerSecond;
    --seconds;
  }
  if (seconds < kSecondsMin || seconds > kSecondsMax) return TimeRange();
  return Value::Timestamp(static_cast<int64_t>(seconds), static_cast<int32_t>(rest));
}

Value MakeDuration(__int128 nanos) {
  constexpr __int128 kLimit = static_cast<__int128>(1) << 63;
  if (nanos >= kLimit || nanos < -kLimit) return TimeRange();
  return Value::Duration(static_cast<int64_t>(nanos));
}

// One arithmetic operation over all kinds that have it.
enum class Operation { kAdd, kSubtract, kMultiply, kDivide };

template <Operation kOperation>
Value DecimalResult(Context& context, const Value& a, const Value& b) {
  Decimal x, y, result;
  if (!AsDecimal(a, x) || !AsDecimal(b, y)) return NoOverload();
  if (!context.Charge(kOperation == Operation::kDivide ? 4 : 2)) return Context::CostExceeded();
  DecimalError error = DecimalError::kOk;
  if constexpr (kOperation == Operation::kAdd) error = AddInto(x, y, result);
  if constexpr (kOperation == Operation::kSubtract) error = SubtractInto(x, y, result);
  if constexpr (kOperation == Operation::kMultiply) error = MultiplyInto(x, y, result);
  if constexpr (kOperation == Operation::kDivide) error = DivideInto(x, y, result);
  return error == DecimalError::kOk ? Value::OfDecimal(result) : FromDecimalError(error);
}

template <Operation kOperation>
Value MoneyResult(Context& context, const Value& a, const Value& b) {
  Value left = a;
  Value right = b;
  const bool both = a.kind == Kind::kMoney && b.kind == Kind::kMoney;
  if constexpr (kOperation == Operation::kAdd || kOperation == Operation::kSubtract) {
    if (!both) return NoOverload();
  }
  if constexpr (kOperation == Operation::kMultiply) {
    if (both) return NoOverload();
  }
  if constexpr (kOperation == Operation::kDivide) {
    if (a.kind != Kind::kMoney) return NoOverload();
  }
  if (both && a.currency != b.currency) return Mismatch();
  const uint16_t currency = a.kind == Kind::kMoney ? a.currency : b.currency;
  if (left.kind == Kind::kMoney) left = Value::OfDecimal(left.decimal);
  if (right.kind == Kind::kMoney) right = Value::OfDecimal(right.decimal);
  const Value result = DecimalResult<kOperation>(context, left, right);
  if (result.is_error()) return result;
  if (kOperation == Operation::kDivide && both) return result;
  return Value::Money(result.decimal, currency);
}

bool HasDecimal(const Value& a, const Value& b) {
  return a.kind == Kind::kDecimal || b.kind == Kind::kDecimal;
}
bool HasMoney(const Value& a, const Value& b) {
  return a.kind == Kind::kMoney || b.kind == Kind::kMoney;
}

Value Concatenate(Context& context, const Value& a, const Value& b) {
  const uint64_t size = uint64_t{a.length} + b.length;
  if (a.kind == Kind::kList) {
    if (!context.Charge(1 + size)) return Context::CostExceeded();
    if (size > kElementsMax) {
      return Value::Error(Code::kSizeExceeded, "the list has more than 10,000 elements");
    }
    auto* items = context.arena.AllocateArray<Value>(size);
    if (items == nullptr) return Value::Error(Code::kSizeExceeded, "too much memory");
    std::copy(a.items, a.items + a.length, items);
    std::copy(b.items, b.items + b.length, items + a.length);
    return Value::List(items, size);
  }
  if (!context.Charge(1 + Tenths(2 * size))) return Context::CostExceeded();
  if (size > kTextBytesMax) {
    return Value::Error(Code::kSizeExceeded, "the text is longer than 64 KiB");
  }
  auto* text = context.arena.AllocateArray<char>(size + 1);
  if (text == nullptr) return Value::Error(Code::kSizeExceeded, "too much memory");
  if (a.length > 0) std::memcpy(text, a.text, a.length);
  if (b.length > 0) std::memcpy(text + a.length, b.text, b.length);
  const absl::string_view joined(text, size);
  return a.kind == Kind::kString ? Value::String(joined) : Value::Bytes(joined);
}

Value Add(Context& context, const Value* v, size_t) { return AddValues(context, v[0], v[1]); }

Value Subtract(Context& context, const Value* v, size_t) {
  const Value& a = v[0];
  const Value& b = v[1];
  if (HasMoney(a, b)) return MoneyResult<Operation::kSubtract>(context, a, b);
  if (HasDecimal(a, b)) return DecimalResult<Operation::kSubtract>(context, a, b);
  if (!context.Charge(1)) return Context::CostExceeded();
  if (a.kind == Kind::kTimestamp && b.kind == Kind::kTimestamp) {
    return MakeDuration(Nanos(a) - Nanos(b));
  }
  if (a.kind == Kind::kTimestamp && b.kind == Kind::kDuration) {
    return MakeTimestamp(Nanos(a) - b.int_value);
  }
  if (a.kind != b.kind) return NoOverload();
  switch (a.kind) {
    case Kind::kInt: {
      int64_t result;
      if (__builtin_sub_overflow(a.int_value, b.int_value, &result)) return Overflow();
      return Value::Int(result);
    }
    case Kind::kUint: {
      uint64_t result;
      if (__builtin_sub_overflow(a.uint_value, b.uint_value, &result)) return Overflow();
      return Value::Uint(result);
    }
    case Kind::kDouble: return Value::Double(a.double_value - b.double_value);
    case Kind::kDuration:
      return MakeDuration(static_cast<__int128>(a.int_value) - b.int_value);
    default: return NoOverload();
  }
}

Value Multiply(Context& context, const Value* v, size_t) {
  const Value& a = v[0];
  const Value& b = v[1];
  if (HasMoney(a, b)) return MoneyResult<Operation::kMultiply>(context, a, b);
  if (HasDecimal(a, b)) return DecimalResult<Operation::kMultiply>(context, a, b);
  if (!context.Charge(1)) return Context::CostExceeded();
  if (a.kind != b.kind) return NoOverload();
  switch (a.kind) {
    case Kind::kInt: {
      int64_t result;
      if (__builtin_mul_overflow(a.int_value, b.int_value, &result)) return Overflow();
      return Value::Int(result);
    }
    case Kind::kUint: {
      uint64_t result;
      if (__builtin_mul_overflow(a.uint_value, b.uint_value, &result)) return Overflow();
      return Value::Uint(result);
    }
    case Kind::kDouble: return Value::Double(a.double_value * b.double_value);
    default: return NoOverload();
  }
}

Value Divide(Context& context, const Value* v, size_t) {
  const Value& a = v[0];
  const Value& b = v[1];
  if (HasMoney(a, b)) return MoneyResult<Operation::kDivide>(context, a, b);
  if (HasDecimal(a, b)) return DecimalResult<Operation::kDivide>(context, a, b);
  if (!context.Charge(1)) return Context::CostExceeded();
  if (a.kind != b.kind) return NoOverload();
  switch (a.kind) {
    case Kind::kInt:
      if (b.int_value == 0) return Value::Error(Code::kDivideByZero, "division by zero");
      if (b.int_value == -1 && a.int_value == INT64_MIN) return Overflow();
      return Value::Int(a.int_value / b.int_value);
    case Kind::kUint:
      if (b.uint_value == 0) return Value::Error(Code::kDivideByZero, "division by zero");
      return Value::Uint(a.uint_value / b.uint_value);
    case Kind::kDouble: return Value::Double(a.double_value / b.double_value);
    default: return NoOverload();
  }
}

Value Modulo(Context& context, const Value* v, size_t) {
  const Value& a = v[0];
  const Value& b = v[1];
  if (!context.Charge(1)) return Context::CostExceeded();
  if (a.kind != b.kind) return NoOverload();
  if (a.kind == Kind::kInt) {
    if (b.int_value == 0) return Value::Error(Code::kModulusByZero, "modulus by zero");
    if (b.int_value == -1 && a.int_value == INT64_MIN) return Overflow();
    return Value::Int(a.int_value % b.int_value);
  }
  if (a.kind == Kind::kUint) {
    if (b.uint_value == 0) return Value::Error(Code::kModulusByZero, "modulus by zero");
    return Value::Uint(a.uint_value % b.uint_value);
  }
  return NoOverload();
}

Value Negate(Context& context, const Value* v, size_t) {
  if (!context.Charge(1)) return Context::CostExceeded();
  switch (v[0].kind) {
    case Kind::kInt:
      if (v[0].int_value == INT64_MIN) return Overflow();
      return Value::Int(-v[0].int_value);
    case Kind::kDouble: return Value::Double(-v[0].double_value);
    case Kind::kDecimal: return Value::OfDecimal(-v[0].decimal);
    case Kind::kMoney: return Value::Money(-v[0].decimal, v[0].currency);
    default: return NoOverload();
  }
}

Value Not(Context& context, const Value* v, size_t) {
  if (!context.Charge(1)) return Context::CostExceeded();
  return v[0].kind == Kind::kBool ? Value::Bool(!v[0].bool_value) : NoOverload();
}

template <bool kEqual>
Value Equality(Context& context, const Value* v, size_t) {
  bool ok;
  const bool equal = PaidEquals(context, v[0], v[1], ok);
  return ok ? Value::Bool(equal == kEqual) : Context::CostExceeded();
}

template <bool kLess, bool kOrEqual>
Value Compare(Context& context, const Value* v, size_t) {
  if (!context.Charge(ComparisonCost(v[0], v[1]))) return Context::CostExceeded();
  switch (Order(v[0], v[1])) {
    case Ordering::kLess: return Value::Bool(kLess);
    case Ordering::kGreater: return Value::Bool(!kLess);
    case Ordering::kEqual: return Value::Bool(kOrEqual);
    case Ordering::kUnordered: return Value::Bool(false);
    case Ordering::kCurrencies: return Mismatch();
    case Ordering::kNoOrder: break;
  }
  return NoOverload();
}

Value In(Context& context, const Value* v, size_t) {
  if (v[1].kind == Kind::kMap) {
    if (!context.Charge(1)) return Context::CostExceeded();
    return Value::Bool(MapFind(*v[1].map, v[0]) != nullptr);
  }
  if (v[1].kind != Kind::kList) return NoOverload();
  if (!context.Charge(1)) return Context::CostExceeded();
  for (uint32_t i = 0; i < v[1].length; ++i) {
    bool ok;
    if (PaidEquals(context, v[0], v[1].items[i], ok)) return Value::Bool(true);
    if (!ok) return Context::CostExceeded();
  }
  return Value::Bool(false);
}

#define ARITHMETIC "(int, int) int; (uint, uint) uint; (double, double) double; "
#define DECIMALS                                                                   \
  "(decimal, decimal) decimal; (decimal, int) decimal; (int, decimal) decimal; "   \
  "(decimal, uint) decimal; (uint, decimal) decimal; "
#define ORDERED                                                                        \
  "(bool, bool) bool; (int, int) bool; (uint, uint) bool; (double, double) bool; "     \
  "(string, string) bool; (bytes, bytes) bool; (timestamp, timestamp) bool; "          \
  "(duration, duration) bool; (int, uint) bool; (uint, int) bool; (int, double) bool; " \
  "(double, int) bool; (uint, double) bool; (double, uint) bool; "                     \
  "(decimal, decimal) bool; (decimal, int) bool; (int, decimal) bool; "                \
  "(decimal, uint) bool; (uint, decimal) bool; (money, money) bool"

constexpr FunctionEntry kEntries[] = {
    {"_+_", Add,
     ARITHMETIC "(string, string) string; (bytes, bytes) bytes; (list(A), list(A)) list(A); "
                "(timestamp, duration) timestamp; (duration, timestamp) timestamp; "
                "(duration, duration) duration; " DECIMALS "(money, money) money"},
    {"_-_", Subtract,
     ARITHMETIC "(timestamp, timestamp) duration; (timestamp, duration) timestamp; "
                "(duration, duration) duration; " DECIMALS "(money, money) money"},
    {"_*_", Multiply,
     ARITHMETIC DECIMALS "(money, decimal) money; (money, int) money; (money, uint) money; "
                         "(decimal, money) money; (int, money) money; (uint, money) money"},
    {"_/_", Divide,
     ARITHMETIC DECIMALS "(money, decimal) money; (money, int) money; (money, uint) money; "
                         "(money, money) decimal"},
    {"_%_", Modulo, "(int, int) int; (uint, uint) uint"},
    {"-_", Negate, "(int) int; (double) double; (decimal) decimal; (money) money"},
    {"!_", Not, "(bool) bool"},
    {"_==_", Equality<true>, "(A, A) bool"},
    {"_!=_", Equality<false>, "(A, A) bool"},
    {"_<_", Compare<true, false>, ORDERED},
    {"_<=_", Compare<true, true>, ORDERED},
    {"_>_", Compare<false, false>, ORDERED},
    {"_>=_", Compare<false, true>, ORDERED},
    {"_in_", In, "(A, list(A)) bool; (A, map(A, B)) bool"},
};

}  // namespace

Value AddValues(Context& context, const Value& a, const Value& b) {
  if (HasMoney(a, b)) return MoneyResult<Operation::kAdd>(context, a, b);
  if (HasDecimal(a, b)) return DecimalResult<Operation::kAdd>(context, a, b);
  if (a.kind == b.kind &&
      (a.kind == Kind::kString || a.kind == Kind::kBytes || a.kind == Kind::kList)) {
    return Concatenate(context, a, b);
  }
  if (!context.Charge(1)) return Context::CostExceeded();
  if (a.kind == Kind::kTimestamp && b.kind == Kind::kDuration) {
    return MakeTimestamp(Nanos(a) + b.int_value);
  }
  if (a.kind == Kind::kDuration && b.kind == Kind::kTimestamp) {
    return MakeTimestamp(Nanos(b) + a.int_value);
  }
  if (a.kind != b.kind) return NoOverload();
  switch (a.kind) {
    case Kind::kInt: {
      int64_t result;
      if (__builtin_add_overflow(a.int_value, b.int_value, &result)) return Overflow();
      return Value::Int(result);
    }
    case Kind::kUint: {
      uint64_t result;
      if (__builtin_add_overflow(a.uint_value, b.uint_value, &result)) return Overflow();
      return Value::Uint(result);
    }
    case Kind::kDouble: return Value::Double(a.double_value + b.double_value);
    case Kind::kDuration:
      return MakeDuration(static_cast<__int128>(a.int_value) + b.int_value);
    default: return NoOverload();
  }
}

FunctionEntries OperatorFunctions() {
  return {kEntries, sizeof(kEntries) / sizeof(kEntries[0])};
}

}  // namespace weft::rules::expr
