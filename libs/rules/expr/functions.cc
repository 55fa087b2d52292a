#include "libs/rules/expr/functions.h"

#include <algorithm>
#include <unordered_map>

#include "libs/base/status_macros.h"

namespace weft::rules::expr {
namespace {

void ReadOverloads(const std::string& text, Function& function) {
  size_t at = 0;
  while (at < text.size()) {
    size_t end = text.find(';', at);
    if (end == std::string::npos) end = text.size();
    std::string one = text.substr(at, end - at);
    at = end + 1;
    one.erase(0, one.find_first_not_of(' '));
    Overload overload;
    const size_t open = one.find(".(");
    std::string params;
    // The parameter list is the first balanced (..) after the receiver, if any.
    size_t begin = 0;
    if (open != std::string::npos) {
      overload.receiver = true;
      Type receiver;
      WEFT_CHECK(ParseType(one.substr(0, open), receiver));
      overload.params.push_back(std::move(receiver));
      begin = open + 1;
    }
    WEFT_CHECK(one[begin] == '(');
    size_t close = begin;
    for (int depth = 0; close < one.size(); ++close) {
      depth += one[close] == '(' ? 1 : one[close] == ')' ? -1 : 0;
      if (depth == 0) break;
    }
    params = one.substr(begin + 1, close - begin - 1);
    std::string part;
    int depth = 0;
    const auto flush = [&] {
      if (part.find_first_not_of(' ') == std::string::npos) return;
      Type param;
      WEFT_CHECK(ParseType(part, param));
      overload.params.push_back(std::move(param));
      part.clear();
    };
    for (const char c : params) {
      depth += c == '(' ? 1 : c == ')' ? -1 : 0;
      if (c == ',' && depth == 0) {
        flush();
      } else {
        part.push_back(c);
      }
    }
    flush();
    const size_t result = one.find_first_not_of(' ', close + 1);
    WEFT_CHECK(result != std::string::npos && ParseType(one.substr(result), overload.result));
    function.overloads.push_back(std::move(overload));
  }
}

using Table = std::unordered_map<std::string, Function>;

const Table& Functions() {
  static const Table* const kTable = [] {
    auto* table = new Table;
    for (const FunctionEntries& group :
         {OperatorFunctions(), ConversionFunctions(), StringFunctions(), TimeFunctions(),
          MathFunctions(), ListFunctions(), DecimalFunctions()}) {
      for (size_t i = 0; i < group.count; ++i) {
        const FunctionEntry& entry = group.entries[i];
        Function& function = (*table)[entry.name];
        function.name = entry.name;
        function.implementation = entry.implementation;
        function.any_arguments = entry.overloads[0] == '*';
        if (!function.any_arguments) ReadOverloads(entry.overloads, function);
      }
    }
    return table;
  }();
  return *kTable;
}

}  // namespace

bool Function::Accepts(bool receiver, size_t count) const {
  if (any_arguments) return !receiver && count > 0;
  for (const Overload& overload : overloads) {
    if (overload.receiver == receiver && overload.params.size() == count) return true;
  }
  return false;
}

const Function* FindFunction(absl::string_view name) {
  const auto found = Functions().find(std::string(name));
  return found == Functions().end() ? nullptr : &found->second;
}

bool IsNamespace(absl::string_view name) {
  return name == "math" || name == "strings" || name == "lists" || name == "sets" ||
         name == "cel";
}

Value MakeError(Context& context, Code code, absl::string_view message) {
  const absl::string_view copy = context.arena.Copy(message);
  return Value::Error(code, copy.data() == nullptr ? "the message does not fit" : copy);
}

Value MakeString(Context& context, absl::string_view text) {
  if (text.size() > kTextBytesMax) {
    return Value::Error(Code::kSizeExceeded, "the text is longer than 64 KiB");
  }
  const absl::string_view copy = context.arena.Copy(text);
  if (copy.data() == nullptr) {
    return Value::Error(Code::kSizeExceeded, "the evaluation needs more than 4 MiB");
  }
  return Value::String(copy);
}

Value FromDecimalError(DecimalError error) {
  switch (error) {
    case DecimalError::kOverflow:
      return Value::Error(Code::kOverflow, "the decimal result has more than 34 digits");
    case DecimalError::kOutOfRange:
      return Value::Error(Code::kOutOfRange, "a decimal has at most 34 digits and 34 decimals");
    case DecimalError::kDivideByZero:
      return Value::Error(Code::kDivideByZero, "division by zero");
    default: return Value::Error(Code::kInvalidArgument, "not a decimal, scale or step");
  }
}

bool AsDecimal(const Value& v, Decimal& out) {
  switch (v.kind) {
    case Kind::kDecimal: out = v.decimal; return true;
    case Kind::kInt: out = Decimal(v.int_value); return true;
    case Kind::kUint: out = Decimal::FromUint(v.uint_value); return true;
    default: return false;
  }
}

namespace {

// Counts on in `cost`; stops where no budget reaches.
void AddComparisonCost(const Value& a, const Value& b, uint64_t& cost) {
  constexpr uint64_t kMost = 1 << 21;
  if (cost > kMost) return;
  switch (a.kind) {
    case Kind::kString: case Kind::kBytes:
      cost += 1 + Tenths(b.kind == a.kind ? std::min(a.length, b.length) : 0);
      return;
    case Kind::kDecimal: case Kind::kMoney: cost += 2; return;
    case Kind::kList:
      cost += 1;
      if (b.kind != Kind::kList || a.length != b.length) return;
      for (uint32_t i = 0; i < a.length && cost <= kMost; ++i) {
        AddComparisonCost(a.items[i], b.items[i], cost);
      }
      return;
    case Kind::kMap:
      cost += 1;
      if (b.kind != Kind::kMap || a.length != b.length) return;
      // Before looking for the pairs: as if each value met its like.
      for (uint32_t i = 0; i < a.length && cost <= kMost; ++i) {
        cost += 1;
        AddComparisonCost(a.map->values[i], a.map->values[i], cost);
      }
      return;
    default: cost += b.kind == Kind::kDecimal || b.kind == Kind::kMoney ? 2 : 1;
  }
}

}  // namespace

uint64_t ComparisonCost(const Value& a, const Value& b) {
  uint64_t cost = 0;
  AddComparisonCost(a, b, cost);
  return cost;
}

bool PaidEquals(Context& context, const Value& a, const Value& b, bool& ok) {
  ok = context.Charge(ComparisonCost(a, b));
  return ok && Equals(a, b, context.arena);
}

}  // namespace weft::rules::expr
