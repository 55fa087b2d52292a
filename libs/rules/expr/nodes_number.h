// Evaluation nodes for decimals, money and comparisons whose operand types the
// checker knows. Internal to the planner.
#pragma once

#include <utility>

#include "libs/rules/expr/plan.h"

namespace weft::rules::expr::internal {

using DecimalOperation = DecimalError (*)(const Decimal&, const Decimal&, Decimal&);

// Both sides are decimals.
template <DecimalOperation kOperation, int kCost>
struct DecimalNode final : LinkNode {
  DecimalNode(uint32_t at, Plan l, Plan r) : LinkNode(at, std::move(l)), right(std::move(r)) {}
  Value Continue(Frame& frame, const Value& a) const override {
    if (a.is_error()) return a;
    Value scratch;
    const Value& b = *right->Peek(frame, scratch);
    if (b.is_error()) return b;
    if (!frame.context.Charge(kCost)) return Raise(Context::CostExceeded());
    if (a.kind != Kind::kDecimal || b.kind != Kind::kDecimal) return Raise(NoOverload());
    Value result;
    result.kind = Kind::kDecimal;
    const DecimalError error = kOperation(a.decimal, b.decimal, result.decimal);
    return error == DecimalError::kOk ? result : Raise(FromDecimalError(error));
  }
  Plan right;
};

// Money with money (+ and -): of one currency.
template <DecimalOperation kOperation>
struct MoneySumNode final : LinkNode {
  MoneySumNode(uint32_t at, Plan l, Plan r) : LinkNode(at, std::move(l)), right(std::move(r)) {}
  Value Continue(Frame& frame, const Value& a) const override {
    if (a.is_error()) return a;
    Value scratch;
    const Value& b = *right->Peek(frame, scratch);
    if (b.is_error()) return b;
    if (!frame.context.Charge(2)) return Raise(Context::CostExceeded());
    if (a.kind != Kind::kMoney || b.kind != Kind::kMoney) return Raise(NoOverload());
    if (a.currency != b.currency) {
      return Raise(Value::Error(Code::kCurrencyMismatch, "two currencies cannot be combined"));
    }
    Value result;
    result.kind = Kind::kMoney;
    result.currency = a.currency;
    const DecimalError error = kOperation(a.decimal, b.decimal, result.decimal);
    return error == DecimalError::kOk ? result : Raise(FromDecimalError(error));
  }
  Plan right;
};

// Money times or by a decimal, or a decimal times money.
template <DecimalOperation kOperation, int kCost>
struct MoneyScaleNode final : LinkNode {
  MoneyScaleNode(uint32_t at, Plan l, Plan r) : LinkNode(at, std::move(l)), right(std::move(r)) {}
  Value Continue(Frame& frame, const Value& a) const override {
    if (a.is_error()) return a;
    Value scratch;
    const Value& b = *right->Peek(frame, scratch);
    if (b.is_error()) return b;
    if (!frame.context.Charge(kCost)) return Raise(Context::CostExceeded());
    const bool first = a.kind == Kind::kMoney && b.kind == Kind::kDecimal;
    if (!first && !(a.kind == Kind::kDecimal && b.kind == Kind::kMoney)) {
      return Raise(NoOverload());
    }
    Value result;
    result.kind = Kind::kMoney;
    result.currency = first ? a.currency : b.currency;
    const DecimalError error = kOperation(a.decimal, b.decimal, result.decimal);
    return error == DecimalError::kOk ? result : Raise(FromDecimalError(error));
  }
  Plan right;
};

// d.round(n), m.round(), m.round(n), each with or without a mode, all known when
// planned. kMinorUnit as scale: that of the currency.
struct RoundNode final : LinkNode {
  static constexpr int kMinorUnit = -1;
  RoundNode(uint32_t at, Plan l, Kind k, int s, RoundingMode m)
      : LinkNode(at, std::move(l)), kind(k), scale(s), mode(m) {}
  Value Continue(Frame& frame, const Value& value) const override {
    if (value.is_error()) return value;
    if (!frame.context.Charge(4)) return Raise(Context::CostExceeded());
    if (value.kind != kind) return Raise(NoOverload());
    Value result;
    result.kind = kind;
    result.currency = value.currency;
    const int to = scale != kMinorUnit ? scale : CurrencyDigits(value.currency);
    const DecimalError error = RoundInto(value.decimal, to, mode, result.decimal);
    return error == DecimalError::kOk ? result : Raise(FromDecimalError(error));
  }
  Kind kind;
  int scale;
  RoundingMode mode;
};

struct ToDecimalNode final : LinkNode {
  ToDecimalNode(uint32_t at, Plan l) : LinkNode(at, std::move(l)) {}
  Value Continue(Frame&, const Value& value) const override {
    if (value.is_error() || value.kind == Kind::kDecimal) return value;
    Decimal decimal;
    return AsDecimal(value, decimal) ? Value::OfDecimal(decimal) : Raise(NoOverload());
  }
};

enum class Relation : uint8_t { kLess, kLessEqual, kGreater, kGreaterEqual, kEqual, kNotEqual };

inline Truth Holds(Relation relation, int order) {
  bool holds = false;
  switch (relation) {
    case Relation::kLess: holds = order < 0; break;
    case Relation::kLessEqual: holds = order <= 0; break;
    case Relation::kGreater: holds = order > 0; break;
    case Relation::kGreaterEqual: holds = order >= 0; break;
    case Relation::kEqual: holds = order == 0; break;
    case Relation::kNotEqual: holds = order != 0; break;
  }
  return holds ? Truth::kTrue : Truth::kFalse;
}

inline int OrderDecimals(const Decimal& a, const Decimal& b) {
  if (a.scale() == b.scale() && a.fits_64() && b.fits_64()) {
    return (a.coefficient_64() > b.coefficient_64()) - (a.coefficient_64() < b.coefficient_64());
  }
  return weft::Compare(a, b);
}

// Both sides are of the kind, known by the checker: ints, decimals or
// money.
template <Kind kKind>
struct CompareNode final : LinkNode {
  CompareNode(uint32_t at, Relation r, Plan l, Plan rhs)
      : LinkNode(at, std::move(l)), relation(r), right(std::move(rhs)),
        fixed(right->constant()) {}
  Value Continue(Frame& frame, const Value& a) const override {
    Value other;
    const Truth truth = Judge(frame, a, other);
    return truth == Truth::kOther ? other : Value::Bool(truth == Truth::kTrue);
  }
  Truth Test(Frame& frame, Value& other) const override {
    Value scratch;
    return Judge(frame, *left->Peek(frame, scratch), other);
  }
  Truth Judge(Frame& frame, const Value& a, Value& other) const {
    if (a.is_error()) return Raise(a, other);
    if (fixed != nullptr) return Judge(frame, a, *fixed, other);
    Value scratch;
    const Value& b = *right->Peek(frame, scratch);
    return b.is_error() ? Raise(b, other) : Judge(frame, a, b, other);
  }
  Truth Judge(Frame& frame, const Value& a, const Value& b, Value& other) const {
    constexpr int kCost = kKind == Kind::kDecimal || kKind == Kind::kMoney ? 2 : 1;
    if (!frame.context.Charge(kCost)) return Raise(Context::CostExceeded(), other);
    const bool equality = relation == Relation::kEqual || relation == Relation::kNotEqual;
    if (a.kind != kKind || b.kind != kKind) {
      // A null: never in order with anything, but equal or not.
      if (!equality) return Raise(NoOverload(), other);
      const bool same = Equals(a, b, frame.context.arena);
      return same == (relation == Relation::kEqual) ? Truth::kTrue : Truth::kFalse;
    }
    if constexpr (kKind == Kind::kInt) {
      return Holds(relation, (a.int_value > b.int_value) - (a.int_value < b.int_value));
    } else if constexpr (kKind == Kind::kMoney) {
      if (a.currency != b.currency) {
        if (equality) return relation == Relation::kEqual ? Truth::kFalse : Truth::kTrue;
        return Raise(Value::Error(Code::kCurrencyMismatch, "two currencies cannot be combined"),
                     other);
      }
      return Holds(relation, OrderDecimals(a.decimal, b.decimal));
    } else {
      return Holds(relation, OrderDecimals(a.decimal, b.decimal));
    }
  }
  Relation relation;
  Plan right;
  const Value* fixed;  // The right side when it is a constant.
};

}  // namespace weft::rules::expr::internal
