// The math namespace (LANGUAGE: math functions).
#include <cmath>

#include "libs/rules/expr/functions.h"

namespace weft::rules::expr {
namespace {

bool IsComparable(Kind kind) {
  return kind == Kind::kInt || kind == Kind::kUint || kind == Kind::kDouble ||
         kind == Kind::kDecimal || kind == Kind::kMoney;
}

template <bool kGreatest>
Value Extreme(Context& context, const Value* v, size_t count) {
  if (count == 1 && v[0].kind == Kind::kList) {
    count = v[0].length;
    v = v[0].items;
    if (count == 0) return Value::Error(Code::kInvalidArgument, "the list is empty");
  }
  if (!IsComparable(v[0].kind)) return NoOverload();
  const Value* best = &v[0];
  for (size_t i = 1; i < count; ++i) {
    if (!context.Charge(ComparisonCost(*best, v[i]))) return Context::CostExceeded();
    switch (Order(v[i], *best)) {
      case Ordering::kGreater: if (kGreatest) best = &v[i]; break;
      case Ordering::kLess: if (!kGreatest) best = &v[i]; break;
      case Ordering::kEqual: case Ordering::kUnordered: break;
      case Ordering::kCurrencies:
        return Value::Error(Code::kCurrencyMismatch, "two currencies cannot be compared");
      case Ordering::kNoOrder: return NoOverload();
    }
  }
  return context.Charge(1) ? *best : Context::CostExceeded();
}

template <double (*kFunction)(double)>
Value OfDouble(Context& context, const Value* v, size_t) {
  if (!context.Charge(1)) return Context::CostExceeded();
  return v[0].kind == Kind::kDouble ? Value::Double(kFunction(v[0].double_value)) : NoOverload();
}

template <int kWhich>  // 0 isNaN, 1 isInf, 2 isFinite
Value Test(Context& context, const Value* v, size_t) {
  if (!context.Charge(1)) return Context::CostExceeded();
  if (v[0].kind != Kind::kDouble) return NoOverload();
  const double d = v[0].double_value;
  return Value::Bool(kWhich == 0 ? std::isnan(d) : kWhich == 1 ? std::isinf(d) : std::isfinite(d));
}

Value Abs(Context& context, const Value* v, size_t) {
  if (!context.Charge(1)) return Context::CostExceeded();
  switch (v[0].kind) {
    case Kind::kInt:
      if (v[0].int_value == INT64_MIN) {
        return Value::Error(Code::kOverflow, "the result does not fit 64 bits");
      }
      return Value::Int(v[0].int_value < 0 ? -v[0].int_value : v[0].int_value);
    case Kind::kUint: return v[0];
    case Kind::kDouble: return Value::Double(std::fabs(v[0].double_value));
    case Kind::kDecimal: return Value::OfDecimal(v[0].decimal.Abs());
    default: return NoOverload();
  }
}

Value Sign(Context& context, const Value* v, size_t) {
  if (!context.Charge(1)) return Context::CostExceeded();
  switch (v[0].kind) {
    case Kind::kInt: return Value::Int((v[0].int_value > 0) - (v[0].int_value < 0));
    case Kind::kUint: return Value::Uint(v[0].uint_value > 0 ? 1 : 0);
    case Kind::kDouble: {
      const double d = v[0].double_value;
      return Value::Double(std::isnan(d) ? d : static_cast<double>((d > 0) - (d < 0)));
    }
    case Kind::kDecimal: return Value::OfDecimal(Decimal(int64_t{v[0].decimal.sign()}));
    default: return NoOverload();
  }
}

Value SquareRoot(Context& context, const Value* v, size_t) {
  if (!context.Charge(v[0].kind == Kind::kDecimal ? 20 : 1)) return Context::CostExceeded();
  switch (v[0].kind) {
    case Kind::kInt: return Value::Double(std::sqrt(static_cast<double>(v[0].int_value)));
    case Kind::kUint: return Value::Double(std::sqrt(static_cast<double>(v[0].uint_value)));
    case Kind::kDouble: return Value::Double(std::sqrt(v[0].double_value));
    case Kind::kDecimal: {
      Decimal root;
      const DecimalError error = SquareRootInto(v[0].decimal, root);
      return error == DecimalError::kOk ? Value::OfDecimal(root) : FromDecimalError(error);
    }
    default: return NoOverload();
  }
}

enum class Bits { kAnd, kOr, kXor };
template <Bits kBits>
Value Bitwise(Context& context, const Value* v, size_t) {
  if (!context.Charge(1)) return Context::CostExceeded();
  if (v[0].kind != v[1].kind || (v[0].kind != Kind::kInt && v[0].kind != Kind::kUint)) {
    return NoOverload();
  }
  const uint64_t a = v[0].uint_value;
  const uint64_t b = v[1].uint_value;
  const uint64_t bits = kBits == Bits::kAnd ? a & b : kBits == Bits::kOr ? a | b : a ^ b;
  return v[0].kind == Kind::kInt ? Value::Int(static_cast<int64_t>(bits)) : Value::Uint(bits);
}

Value BitNot(Context& context, const Value* v, size_t) {
  if (!context.Charge(1)) return Context::CostExceeded();
  if (v[0].kind == Kind::kInt) return Value::Int(~v[0].int_value);
  return v[0].kind == Kind::kUint ? Value::Uint(~v[0].uint_value) : NoOverload();
}

template <bool kLeft>
Value Shift(Context& context, const Value* v, size_t) {
  if (!context.Charge(1)) return Context::CostExceeded();
  if ((v[0].kind != Kind::kInt && v[0].kind != Kind::kUint) || v[1].kind != Kind::kInt) {
    return NoOverload();
  }
  const int64_t by = v[1].int_value;
  if (by < 0) return Value::Error(Code::kInvalidArgument, "a shift count is negative");
  const uint64_t bits = by >= 64 ? 0 : kLeft ? v[0].uint_value << by : v[0].uint_value >> by;
  return v[0].kind == Kind::kInt ? Value::Int(static_cast<int64_t>(bits)) : Value::Uint(bits);
}

constexpr FunctionEntry kEntries[] = {
    {"math.greatest", Extreme<true>, "*"},
    {"math.least", Extreme<false>, "*"},
    {"math.ceil", OfDouble<std::ceil>, "(double) double"},
    {"math.floor", OfDouble<std::floor>, "(double) double"},
    {"math.trunc", OfDouble<std::trunc>, "(double) double"},
    {"math.round", OfDouble<std::round>, "(double) double"},
    {"math.abs", Abs, "(int) int; (uint) uint; (double) double; (decimal) decimal"},
    {"math.sign", Sign, "(int) int; (uint) uint; (double) double; (decimal) decimal"},
    {"math.sqrt", SquareRoot, "(int) double; (uint) double; (double) double; (decimal) decimal"},
    {"math.isNaN", Test<0>, "(double) bool"},
    {"math.isInf", Test<1>, "(double) bool"},
    {"math.isFinite", Test<2>, "(double) bool"},
    {"math.bitAnd", Bitwise<Bits::kAnd>, "(int, int) int; (uint, uint) uint"},
    {"math.bitOr", Bitwise<Bits::kOr>, "(int, int) int; (uint, uint) uint"},
    {"math.bitXor", Bitwise<Bits::kXor>, "(int, int) int; (uint, uint) uint"},
    {"math.bitNot", BitNot, "(int) int; (uint) uint"},
    {"math.bitShiftLeft", Shift<true>, "(int, int) int; (uint, int) uint"},
    {"math.bitShiftRight", Shift<false>, "(int, int) int; (uint, int) uint"},
};

}  // namespace

FunctionEntries MathFunctions() { return {kEntries, sizeof(kEntries) / sizeof(kEntries[0])}; }

}  // namespace weft::rules::expr
