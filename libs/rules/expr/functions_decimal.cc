// Decimals and money (LANGUAGE: decimals and money).
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/money/money.h"
#include "libs/rules/expr/functions.h"

namespace weft::rules::expr {
namespace {

Value Unreadable(Context& context, const Value& text) {
  return MakeError(context, Code::kInvalidArgument,
                   absl::StrCat("'", std::string(text.view().substr(0, 60)), "' is no decimal"));
}

Value ParseDecimal(Context& context, const Value& text) {
  Decimal result;
  switch (Decimal::ParseInto(text.view(), result)) {
    case DecimalError::kOk: return Value::OfDecimal(result);
    case DecimalError::kOutOfRange: return FromDecimalError(DecimalError::kOutOfRange);
    default: return Unreadable(context, text);
  }
}

Value ToDecimal(Context& context, const Value* v, size_t) {
  if (!context.Charge(v[0].kind == Kind::kString ? 4 : 1)) return Context::CostExceeded();
  switch (v[0].kind) {
    case Kind::kDecimal: return v[0];
    case Kind::kInt: return Value::OfDecimal(Decimal(v[0].int_value));
    case Kind::kUint: return Value::OfDecimal(Decimal::FromUint(v[0].uint_value));
    case Kind::kString: return ParseDecimal(context, v[0]);
    case Kind::kDouble: {
      const std::string text = DoubleText(v[0].double_value);
      return ParseDecimal(context, Value::String(text));
    }
    default: return NoOverload();
  }
}

bool ReadMode(Context& context, const Value& v, RoundingMode& mode, Value& error) {
  const auto parsed = ParseRoundingMode(v.view());
  if (parsed.ok()) {
    mode = *parsed;
    return true;
  }
  error = MakeError(context, Code::kInvalidArgument,
                    absl::StrCat("'", std::string(v.view().substr(0, 40)),
                                 "' is no rounding mode; HALF_UP, HALF_EVEN, HALF_DOWN, UP, DOWN, "
                                 "CEILING or FLOOR"));
  return false;
}

// d.round(n[, mode]); m.round(), m.round(mode), m.round(n[, mode]).
Value Round(Context& context, const Value* v, size_t count) {
  const bool money = v[0].kind == Kind::kMoney;
  if (!money && v[0].kind != Kind::kDecimal) return NoOverload();
  if (!context.Charge(4)) return Context::CostExceeded();
  int64_t scale = money ? CurrencyDigits(v[0].currency) : 0;
  RoundingMode mode = context.rounding;
  size_t next = 1;
  if (next < count && v[next].kind == Kind::kInt) {
    scale = v[next++].int_value;
  } else if (!money) {
    return NoOverload();
  }
  if (next < count) {
    if (v[next].kind != Kind::kString) return NoOverload();
    Value error;
    if (!ReadMode(context, v[next++], mode, error)) return error;
  }
  if (next != count) return NoOverload();
  if (scale < 0 || scale > Decimal::kMaxScale) {
    return Value::Error(Code::kInvalidArgument, "a scale is from 0 to 34");
  }
  Decimal result;
  const DecimalError error = RoundInto(v[0].decimal, static_cast<int>(scale), mode, result);
  if (error != DecimalError::kOk) return FromDecimalError(error);
  return money ? Value::Money(result, v[0].currency) : Value::OfDecimal(result);
}

Value RoundToMultiple(Context& context, const Value* v, size_t count) {
  Decimal step;
  if (v[0].kind != Kind::kDecimal || !AsDecimal(v[1], step) ||
      (count == 3 && v[2].kind != Kind::kString)) {
    return NoOverload();
  }
  if (!context.Charge(4)) return Context::CostExceeded();
  RoundingMode mode = context.rounding;
  Value failed;
  if (count == 3 && !ReadMode(context, v[2], mode, failed)) return failed;
  Decimal result;
  const DecimalError error = RoundToStepInto(v[0].decimal, step, mode, result);
  return error == DecimalError::kOk ? Value::OfDecimal(result) : FromDecimalError(error);
}

Value Scale(Context& context, const Value* v, size_t) {
  if (!context.Charge(1)) return Context::CostExceeded();
  return v[0].kind == Kind::kDecimal ? Value::Int(v[0].decimal.scale()) : NoOverload();
}

Value Normalize(Context& context, const Value* v, size_t) {
  if (!context.Charge(1)) return Context::CostExceeded();
  return v[0].kind == Kind::kDecimal ? Value::OfDecimal(v[0].decimal.Normalized()) : NoOverload();
}

bool ReadCurrency(Context& context, const Value& code, uint16_t& currency, Value& error) {
  currency = CurrencyNumber(code.view());
  if (currency != 0) return true;
  error = MakeError(context, Code::kInvalidArgument,
                    absl::StrCat("'", std::string(code.view().substr(0, 40)),
                                 "' is no ISO 4217 currency code"));
  return false;
}

Value MakeMoney(Context& context, const Value* v, size_t) {
  if (v[1].kind != Kind::kString) return NoOverload();
  const Value amount = v[0].kind == Kind::kDouble ? NoOverload() : ToDecimal(context, v, 1);
  if (amount.is_error()) return amount;
  uint16_t currency;
  Value error;
  if (!ReadCurrency(context, v[1], currency, error)) return error;
  return Value::Money(amount.decimal, currency);
}

Value Amount(Context& context, const Value* v, size_t) {
  if (!context.Charge(1)) return Context::CostExceeded();
  return v[0].kind == Kind::kMoney ? Value::OfDecimal(v[0].decimal) : NoOverload();
}

Value CurrencyOf(Context& context, const Value* v, size_t) {
  if (!context.Charge(1)) return Context::CostExceeded();
  return v[0].kind == Kind::kMoney ? MakeString(context, CurrencyCode(v[0].currency))
                                   : NoOverload();
}

Value Allocate(Context& context, const Value* v, size_t) {
  if (v[0].kind != Kind::kMoney || v[1].kind != Kind::kList) return NoOverload();
  if (!context.Charge(1 + 4 * uint64_t{v[1].length})) return Context::CostExceeded();
  std::vector<Decimal> weights(v[1].length);
  for (uint32_t i = 0; i < v[1].length; ++i) {
    if (!AsDecimal(v[1].items[i], weights[i])) return NoOverload();
  }
  const auto shares =
      weft::Allocate(weft::Money{v[0].decimal, Currency::FromNumber(v[0].currency)}, weights);
  if (!shares.ok()) {
    return MakeError(context, Code::kInvalidArgument, std::string(shares.status().message()));
  }
  auto* items = context.arena.AllocateArray<Value>(shares->size() + 1);
  if (items == nullptr) return Value::Error(Code::kSizeExceeded, "too much memory");
  for (size_t i = 0; i < shares->size(); ++i) {
    items[i] = Value::Money((*shares)[i].amount, v[0].currency);
  }
  return Value::List(items, shares->size());
}

Value Convert(Context& context, const Value* v, size_t) {
  Decimal rate;
  if (v[0].kind != Kind::kMoney || v[1].kind != Kind::kString || !AsDecimal(v[2], rate)) {
    return NoOverload();
  }
  if (!context.Charge(2)) return Context::CostExceeded();
  uint16_t currency;
  Value failed;
  if (!ReadCurrency(context, v[1], currency, failed)) return failed;
  Decimal result;
  const DecimalError error = MultiplyInto(v[0].decimal, rate, result);
  return error == DecimalError::kOk ? Value::Money(result, currency) : FromDecimalError(error);
}

constexpr FunctionEntry kEntries[] = {
    {"decimal", ToDecimal,
     "(decimal) decimal; (int) decimal; (uint) decimal; (double) decimal; (string) decimal"},
    {"round", Round,
     "decimal.(int) decimal; decimal.(int, string) decimal; money.() money; "
     "money.(string) money; money.(int) money; money.(int, string) money"},
    {"roundTo", RoundToMultiple,
     "decimal.(decimal) decimal; decimal.(int) decimal; decimal.(decimal, string) decimal; "
     "decimal.(int, string) decimal"},
    {"scale", Scale, "decimal.() int"},
    {"normalize", Normalize, "decimal.() decimal"},
    {"money", MakeMoney, "(string, string) money; (decimal, string) money; (int, string) money"},
    {"amount", Amount, "money.() decimal"},
    {"currency", CurrencyOf, "money.() string"},
    {"allocate", Allocate, "money.(list(int)) list(money); money.(list(decimal)) list(money)"},
    {"convert", Convert, "money.(string, decimal) money; money.(string, int) money"},
};

}  // namespace

FunctionEntries DecimalFunctions() { return {kEntries, sizeof(kEntries) / sizeof(kEntries[0])}; }

}  // namespace weft::rules::expr
