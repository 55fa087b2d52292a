// Functions of lists and sets (LANGUAGE: lists).
#include <algorithm>
#include <vector>

#include "libs/rules/expr/functions.h"
#include "libs/rules/expr/utf8.h"

namespace weft::rules::expr {
namespace {

Value TooMuch() {
  return Value::Error(Code::kSizeExceeded, "the evaluation needs more than 4 MiB");
}
Value Empty() { return Value::Error(Code::kEmptyList, "the list is empty"); }

Value Sum(Context& context, const Value* v, size_t count) {
  if (v[0].kind != Kind::kList) return NoOverload();
  if (!context.Charge(1)) return Context::CostExceeded();
  uint32_t next = 0;
  Value total;
  if (count == 2) {
    total = v[1];
  } else if (v[0].length == 0) {
    return Empty();  // The checker supplies a zero where the element type has one.
  } else {
    total = v[0].items[next++];
  }
  for (; next < v[0].length; ++next) {
    total = AddValues(context, total, v[0].items[next]);
    if (total.is_error()) return total;
  }
  switch (total.kind) {
    case Kind::kBool: case Kind::kNull: case Kind::kMap: case Kind::kRecord: case Kind::kType:
      return NoOverload();
    default: return total;
  }
}

// Orders two elements; an error value when they have no order.
bool Ordered(Context& context, const Value& a, const Value& b, Ordering& order, Value& error) {
  if (!context.Charge(ComparisonCost(a, b))) {
    error = Context::CostExceeded();
    return false;
  }
  order = a.kind == b.kind ? Order(a, b) : Ordering::kNoOrder;
  if (order == Ordering::kNoOrder) error = NoOverload();
  if (order == Ordering::kCurrencies) {
    error = Value::Error(Code::kCurrencyMismatch, "two currencies cannot be ordered");
  }
  return order != Ordering::kNoOrder && order != Ordering::kCurrencies;
}

template <bool kMin>
Value MinMax(Context& context, const Value* v, size_t) {
  if (v[0].kind != Kind::kList) return NoOverload();
  if (v[0].length == 0) return Empty();
  if (!context.Charge(1)) return Context::CostExceeded();
  const Value* best = &v[0].items[0];
  for (uint32_t i = 0; i < v[0].length; ++i) {  // The first one too: it must have an order.
    Ordering order;
    Value error;
    if (!Ordered(context, v[0].items[i], *best, order, error)) return error;
    if (order == (kMin ? Ordering::kLess : Ordering::kGreater)) best = &v[0].items[i];
  }
  return *best;
}

Value Average(Context& context, const Value* v, size_t) {
  if (v[0].kind != Kind::kList) return NoOverload();
  if (v[0].length == 0) return Empty();
  Decimal total;
  for (uint32_t i = 0; i < v[0].length; ++i) {
    Decimal element;
    if (!AsDecimal(v[0].items[i], element)) return NoOverload();
    if (!context.Charge(2)) return Context::CostExceeded();
    const DecimalError error = AddInto(total, element, total);
    if (error != DecimalError::kOk) return FromDecimalError(error);
  }
  if (!context.Charge(1 + 4)) return Context::CostExceeded();
  Decimal result;
  const DecimalError error = DivideInto(total, Decimal(int64_t{v[0].length}), result);
  return error == DecimalError::kOk ? Value::OfDecimal(result) : FromDecimalError(error);
}

Value Distinct(Context& context, const Value* v, size_t) {
  if (v[0].kind != Kind::kList) return NoOverload();
  if (!context.Charge(1)) return Context::CostExceeded();
  auto* items = context.arena.AllocateArray<Value>(v[0].length + 1);
  if (items == nullptr) return TooMuch();
  uint32_t kept = 0;
  for (uint32_t i = 0; i < v[0].length; ++i) {
    bool seen = false;
    for (uint32_t j = 0; j < kept && !seen; ++j) {
      bool ok;
      seen = PaidEquals(context, items[j], v[0].items[i], ok);
      if (!ok) return Context::CostExceeded();
    }
    if (!seen) items[kept++] = v[0].items[i];
  }
  return Value::List(items, kept);
}

Value Sort(Context& context, const Value* v, size_t) {
  if (v[0].kind != Kind::kList) return NoOverload();
  return SortByKeys(context, v[0].items, v[0].items, v[0].length);
}

Value Reverse(Context& context, const Value* v, size_t) {
  if (v[0].kind == Kind::kString) {
    if (!context.Charge(1 + Tenths(2 * uint64_t{v[0].length}))) return Context::CostExceeded();
    const absl::string_view text = v[0].view();
    std::vector<size_t> starts;
    for (size_t at = 0; at < text.size();) {
      starts.push_back(at);
      uint32_t ignored;
      NextCodePoint(text, at, ignored);
    }
    std::string out;
    size_t end = text.size();
    for (size_t i = starts.size(); i-- > 0; end = starts[i]) {
      const absl::string_view piece = text.substr(starts[i], end - starts[i]);
      out.append(piece.data(), piece.size());
    }
    return MakeString(context, out);
  }
  if (v[0].kind != Kind::kList) return NoOverload();
  if (!context.Charge(1 + v[0].length)) return Context::CostExceeded();
  auto* items = context.arena.AllocateArray<Value>(v[0].length + 1);
  if (items == nullptr) return TooMuch();
  std::reverse_copy(v[0].items, v[0].items + v[0].length, items);
  return Value::List(items, v[0].length);
}

Value Slice(Context& context, const Value* v, size_t) {
  if (v[0].kind != Kind::kList || v[1].kind != Kind::kInt || v[2].kind != Kind::kInt) {
    return NoOverload();
  }
  const int64_t begin = v[1].int_value;
  const int64_t end = v[2].int_value;
  if (begin < 0 || end < begin || end > v[0].length) {
    return Value::Error(Code::kIndexOutOfRange, "the slice is outside the list");
  }
  if (!context.Charge(1 + end - begin)) return Context::CostExceeded();
  return Value::List(v[0].items + begin, end - begin);
}

Value Flatten(Context& context, const Value* v, size_t) {
  if (v[0].kind != Kind::kList) return NoOverload();
  uint64_t size = 0;
  for (uint32_t i = 0; i < v[0].length; ++i) {
    size += v[0].items[i].kind == Kind::kList ? v[0].items[i].length : 1;
  }
  if (!context.Charge(1 + size)) return Context::CostExceeded();
  if (size > kElementsMax) {
    return Value::Error(Code::kSizeExceeded, "the list has more than 10,000 elements");
  }
  auto* items = context.arena.AllocateArray<Value>(size + 1);
  if (items == nullptr) return TooMuch();
  Value* out = items;
  for (uint32_t i = 0; i < v[0].length; ++i) {
    const Value& element = v[0].items[i];
    if (element.kind == Kind::kList) {
      out = std::copy(element.items, element.items + element.length, out);
    } else {
      *out++ = element;
    }
  }
  return Value::List(items, size);
}

Value Range(Context& context, const Value* v, size_t) {
  if (v[0].kind != Kind::kInt) return NoOverload();
  const int64_t size = v[0].int_value;
  if (size < 0 || size > kElementsMax) {
    return Value::Error(Code::kInvalidArgument, "a range has 0 to 10,000 elements");
  }
  if (!context.Charge(1 + size)) return Context::CostExceeded();
  auto* items = context.arena.AllocateArray<Value>(size + 1);
  if (items == nullptr) return TooMuch();
  for (int64_t i = 0; i < size; ++i) items[i] = Value::Int(i);
  return Value::List(items, size);
}

// Whether `list` holds `element`; false in `ok` when the budget is passed.
bool Holds(Context& context, const Value& list, const Value& element, bool& ok) {
  ok = true;
  for (uint32_t i = 0; i < list.length && ok; ++i) {
    if (PaidEquals(context, list.items[i], element, ok)) return true;
  }
  return false;
}

enum class Set { kContains, kIntersects, kEquivalent };
template <Set kSet>
Value Sets(Context& context, const Value* v, size_t) {
  if (v[0].kind != Kind::kList || v[1].kind != Kind::kList) return NoOverload();
  if (!context.Charge(1)) return Context::CostExceeded();
  bool ok = true;
  bool all = true;
  bool any = false;
  for (uint32_t i = 0; i < v[1].length; ++i) {
    const bool found = Holds(context, v[0], v[1].items[i], ok);
    if (!ok) return Context::CostExceeded();
    all = all && found;
    any = any || found;
  }
  if (kSet == Set::kEquivalent) {
    for (uint32_t i = 0; i < v[0].length && all; ++i) {
      all = Holds(context, v[1], v[0].items[i], ok);
      if (!ok) return Context::CostExceeded();
    }
  }
  return Value::Bool(kSet == Set::kIntersects ? any : all);
}

constexpr FunctionEntry kEntries[] = {
    {"sum", Sum, "list(A).() A; list(A).(A) A"},
    {"min", MinMax<true>, "list(A).() A"},
    {"max", MinMax<false>, "list(A).() A"},
    {"avg", Average, "list(decimal).() decimal; list(int).() decimal; list(uint).() decimal"},
    {"distinct", Distinct, "list(A).() list(A)"},
    {"sort", Sort, "list(A).() list(A)"},
    {"reverse", Reverse, "string.() string; list(A).() list(A)"},
    {"slice", Slice, "list(A).(int, int) list(A)"},
    {"flatten", Flatten, "list(list(A)).() list(A); list(dyn).() list(dyn)"},
    {"lists.range", Range, "(int) list(int)"},
    {"sets.contains", Sets<Set::kContains>, "(list(A), list(A)) bool"},
    {"sets.intersects", Sets<Set::kIntersects>, "(list(A), list(A)) bool"},
    {"sets.equivalent", Sets<Set::kEquivalent>, "(list(A), list(A)) bool"},
};

}  // namespace

Value SortByKeys(Context& context, const Value* items, const Value* keys, uint32_t size) {
  uint64_t comparison = 1;
  for (uint32_t i = 0; i < size; ++i) {
    Ordering order;
    Value error;
    if (!Ordered(context, keys[0], keys[i], order, error)) return error;
    comparison = std::max(comparison, ComparisonCost(keys[i], keys[i]));
  }
  uint64_t levels = 0;
  while ((uint64_t{1} << levels) < uint64_t{size} + 1) ++levels;
  if (!context.Charge(1 + size * levels * comparison)) return Context::CostExceeded();
  auto* order = context.arena.AllocateArray<uint32_t>(size + 1);
  auto* sorted = context.arena.AllocateArray<Value>(size + 1);
  if (order == nullptr || sorted == nullptr) return TooMuch();
  for (uint32_t i = 0; i < size; ++i) order[i] = i;
  std::stable_sort(order, order + size, [&](uint32_t a, uint32_t b) {
    return Order(keys[a], keys[b]) == Ordering::kLess;
  });
  for (uint32_t i = 0; i < size; ++i) sorted[i] = items[order[i]];
  return Value::List(sorted, size);
}

FunctionEntries ListFunctions() { return {kEntries, sizeof(kEntries) / sizeof(kEntries[0])}; }

}  // namespace weft::rules::expr
