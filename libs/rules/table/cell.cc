#include "libs/rules/table/cell.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libs/rules/expr/functions.h"
#include "libs/rules/expr/number_range.h"

namespace weft::rules {
namespace {

using expr::Code;
using expr::Kind;
using expr::Ordering;
using expr::Type;
using expr::TypeKind;
using expr::Value;

absl::string_view Trim(absl::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\n' || text.front() == '\t')) {
    text.remove_prefix(1);
  }
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n' || text.back() == '\t')) {
    text.remove_suffix(1);
  }
  return text;
}

// Walks over `text` outside quotes; `visit(i, depth)` returns false to stop.
// Brackets count as nesting only when `brackets` is set.
template <typename Visit>
void Walk(absl::string_view text, const Visit& visit) {
  int depth = 0;
  char quote = '\0';
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != '\0') {
      if (c == '\\') {
        ++i;
      } else if (c == quote) {
        quote = '\0';
      }
      continue;
    }
    if (c == '"' || c == '\'') {
      quote = c;
      continue;
    }
    if (c == ')' || c == ']' || c == '}') --depth;
    if (!visit(i, depth)) return;
    if (c == '(' || c == '[' || c == '{') ++depth;
  }
}

std::vector<absl::string_view> SplitTests(absl::string_view text) {
  std::vector<absl::string_view> tests;
  size_t begin = 0;
  // Interval ends may open with ']' or close with '[': split by hand at commas
  // that stand outside quotes, parentheses and intervals.
  Walk(text, [&](size_t i, int depth) {
    if (text[i] == ',' && depth <= 0) {
      tests.push_back(Trim(text.substr(begin, i - begin)));
      begin = i + 1;
    }
    return true;
  });
  tests.push_back(Trim(text.substr(begin)));
  return tests;
}

// Position of the ".." of an interval, or npos.
size_t FindDots(absl::string_view text) {
  size_t found = absl::string_view::npos;
  Walk(text, [&](size_t i, int depth) {
    if (depth == 0 && text.substr(i, 2) == "..") {
      found = i;
      return false;
    }
    return true;
  });
  return found;
}

bool UsesIt(const expr::Program& program, int slot) {
  return std::find(program.variables().begin(), program.variables().end(), slot) !=
         program.variables().end();
}

class NoFacts final : public expr::Facts {
 public:
  Value Variable(int, expr::Arena&) const override { return Value::Null(); }
};

bool IsScalar(const Type& type) {
  return type.kind != TypeKind::kList && type.kind != TypeKind::kMap &&
         type.kind != TypeKind::kRecord && type.kind != TypeKind::kDyn;
}

// Faults of an expression whose types fit.
bool IsUnsafe(Code code) {
  return code == Code::kDivideByZero || code == Code::kModulusByZero ||
         code == Code::kCurrencyMismatch || code == Code::kCostExceeded;
}

class CellParser {
 public:
  CellParser(const Tree& tree, const ColumnContext& column, Fault& fault)
      : tree_(tree), column_(column), fault_(fault) {}

  bool Run(Cell& cell) {
    absl::string_view text = Trim(tree_.text);
    if (tree_.is_null() || text.empty() || text == "-") return true;
    if (text == "absent" || text == "present") {
      cell.kind = text == "absent" ? Cell::Kind::kAbsent : Cell::Kind::kPresent;
      return true;
    }
    cell.kind = Cell::Kind::kTests;
    if (text.substr(0, 3) == "not" && Trim(text.substr(3)).substr(0, 1) == "(" &&
        text.back() == ')') {
      cell.negated = true;
      text = Trim(text.substr(3));
      text = Trim(text.substr(1, text.size() - 2));
    }
    for (const absl::string_view test : SplitTests(text)) {
      Test parsed;
      if (!ParseTest(test, parsed)) return false;
      cell.tests.push_back(std::move(parsed));
    }
    return true;
  }

 private:
  bool Refuse(std::string code, std::string message, std::string hint = "") {
    fault_ = {std::move(code), "", tree_.line, tree_.column, std::move(message), std::move(hint),
              false};
    return false;
  }

  bool ParseTest(absl::string_view text, Test& test) {
    if (text.empty()) return Refuse("bad_cell", "a test between two commas is missing");
    const size_t dots = FindDotsOfInterval(text);
    if (dots != absl::string_view::npos) return ParseInterval(text, dots, test);
    static constexpr std::pair<const char*, Relation> kRelations[] = {
        {"<=", Relation::kLessEqual}, {">=", Relation::kGreaterEqual}, {"==", Relation::kEqual},
        {"!=", Relation::kNotEqual},  {"<", Relation::kLess},          {">", Relation::kGreater},
        {"=", Relation::kEqual}};
    for (const auto& [mark, relation] : kRelations) {
      const absl::string_view sign = mark;
      if (text.substr(0, sign.size()) != sign) continue;
      test.relation = relation;
      return ParseOperand(Trim(text.substr(sign.size())), column_.type, test.left);
    }
    return ParseExpression(text, test);
  }

  // An interval starts with a bracket and holds ".." inside it.
  size_t FindDotsOfInterval(absl::string_view text) const {
    const char open = text.front();
    const char close = text.back();
    if ((open != '[' && open != '(' && open != ']') || text.size() < 4 ||
        (close != ']' && close != ')' && close != '[')) {
      return absl::string_view::npos;
    }
    const size_t dots = FindDots(text.substr(1, text.size() - 2));
    return dots == absl::string_view::npos ? dots : dots + 1;
  }

  bool ParseInterval(absl::string_view text, size_t dots, Test& test) {
    test.kind = Test::Kind::kInterval;
    test.low_included = text.front() == '[';
    test.high_included = text.back() == ']';
    const absl::string_view low = Trim(text.substr(1, dots - 1));
    const absl::string_view high = Trim(text.substr(dots + 2, text.size() - dots - 3));
    test.low_open = low.empty();
    test.high_open = high.empty();
    return (test.low_open || ParseOperand(low, column_.type, test.left)) &&
           (test.high_open || ParseOperand(high, column_.type, test.right));
  }

  std::unique_ptr<expr::Program> Compile(absl::string_view text, const std::optional<Type>& wanted,
                                         std::vector<expr::Error>& errors) {
    expr::CompileOptions options;
    options.wanted = wanted;
    options.rounding = column_.rounding;
    options.safe = true;
    expr::CompileResult result = expr::Compile(text, *column_.environment, options);
    errors = std::move(result.errors);
    return std::move(result.program);
  }

  bool ParseOperand(absl::string_view text, const Type& type, Operand& operand) {
    // In a money column a bare number means that amount in the input's currency.
    Decimal bare;
    if (type.kind == TypeKind::kMoney &&
        Decimal::ParseInto(text, bare) == DecimalError::kOk) {
      operand.constant = Value::OfDecimal(bare);
      return true;
    }
    std::vector<expr::Error> errors;
    auto program = Compile(text, type, errors);
    if (program == nullptr) return RefuseExpression(text, errors);
    if (UsesIt(*program, column_.it_slot)) {
      return Refuse("bad_cell", absl::StrCat("'it' is already the left side of '", text, "'"));
    }
    return Keep(std::move(program), operand);
  }

  bool RefuseExpression(absl::string_view text, const std::vector<expr::Error>& errors) {
    const expr::Error& first = errors[0];
    return Refuse(CodeName(first.code), absl::StrCat("in '", text, "': ", first.message),
                  first.hint);
  }

  // A program over nothing but constants becomes its value.
  bool Keep(std::unique_ptr<expr::Program> program, Operand& operand) {
    if (program->variables().empty()) {
      const NoFacts facts;
      uint64_t cost = 0;
      const Value value = program->EvaluateValue(facts, *column_.arena, 10'000, cost);
      if (value.is_error()) {
        return Refuse(CodeName(value.code),
                      absl::StrCat("'", program->source(), "': ", value.view()));
      }
      operand.constant = Own(value);
      return true;
    }
    operand.program = std::move(program);
    return true;
  }
  // Texts of constants must outlive their program.
  Value Own(Value value) {
    if (value.kind == Kind::kString || value.kind == Kind::kBytes) {
      value.text = column_.arena->Copy(value.view()).data();
    } else if (value.kind == Kind::kList) {
      auto* items = column_.arena->AllocateArray<Value>(value.length + 1);
      for (uint32_t i = 0; i < value.length; ++i) items[i] = Own(value.items[i]);
      value.items = items;
    }
    return value;
  }

  // An expression: a predicate over `it`, a value to equal, or a list to be in.
  bool ParseExpression(absl::string_view text, Test& test) {
    Decimal bare;
    if (column_.type.kind == TypeKind::kMoney &&
        Decimal::ParseInto(text, bare) == DecimalError::kOk) {
      test.left.constant = Value::OfDecimal(bare);
      return true;
    }
    std::vector<expr::Error> errors;
    auto program = Compile(text, std::nullopt, errors);
    if (program == nullptr && IsUnsafe(errors[0].code)) return RefuseExpression(text, errors);
    if (program != nullptr && UsesIt(*program, column_.it_slot)) {
      const TypeKind kind = program->result_type().kind;
      if (kind != TypeKind::kBool && kind != TypeKind::kDyn) {
        return Refuse("type_mismatch",
                      absl::StrCat("'", text, "' uses 'it' and must be true or false"));
      }
      test.kind = Test::Kind::kPredicate;
      test.left.program = std::move(program);
      return true;
    }
    if (program != nullptr && program->result_type().kind == TypeKind::kList &&
        IsScalar(column_.type)) {
      return Keep(std::move(program), test.left);
    }
    // A value to equal: wanted is the column's type, so that literals fit it.
    auto typed = Compile(text, column_.type, errors);
    if (typed == nullptr) {
      if (errors[0].code == Code::kUndeclaredReference) {
        return Refuse("undeclared_reference", absl::StrCat("'", text, "' is not known here"),
                      "a text needs quotes: \"key\"");
      }
      return RefuseExpression(text, errors);
    }
    return Keep(std::move(typed), test.left);
  }

  const Tree& tree_;
  const ColumnContext& column_;
  Fault& fault_;
};

Value OrderError(Ordering order) {
  return order == Ordering::kCurrencies
             ? Value::Error(Code::kCurrencyMismatch, "two currencies cannot be ordered")
             : Value::Error(Code::kNoSuchOverload, "the input cannot be compared with this");
}

// The input as it compares with `other`: money with a bare number by its amount.
Value Comparable(const Value& input, const Value& other) {
  return input.kind == Kind::kMoney && other.kind == Kind::kDecimal
             ? Value::OfDecimal(input.decimal)
             : input;
}

Value Compare(const Value& input, Relation relation, const Value& other, expr::Arena& arena) {
  if (input.kind == Kind::kString && other.kind == Kind::kString &&
      (relation == Relation::kEqual || relation == Relation::kNotEqual)) {
    return Value::Bool((input.view() == other.view()) == (relation == Relation::kEqual));
  }
  const Value left = Comparable(input, other);
  if (relation == Relation::kEqual || relation == Relation::kNotEqual) {
    bool equal = false;
    if (other.kind == Kind::kList && input.kind != Kind::kList) {
      for (uint32_t i = 0; i < other.length && !equal; ++i) {
        equal = expr::Equals(Comparable(input, other.items[i]), other.items[i], arena);
      }
    } else {
      equal = expr::Equals(left, other, arena);
    }
    return Value::Bool(equal == (relation == Relation::kEqual));
  }
  const Ordering order = expr::Order(left, other);
  switch (order) {
    case Ordering::kLess:
      return Value::Bool(relation == Relation::kLess || relation == Relation::kLessEqual);
    case Ordering::kGreater:
      return Value::Bool(relation == Relation::kGreater || relation == Relation::kGreaterEqual);
    case Ordering::kEqual:
      return Value::Bool(relation == Relation::kLessEqual || relation == Relation::kGreaterEqual);
    case Ordering::kUnordered: return Value::Bool(false);
    default: return OrderError(order);
  }
}

// The value, in `scratch` or where it stands.
const Value& ValueOf(const Operand& operand, const expr::Facts& facts, expr::Arena& arena,
                     uint64_t budget, uint64_t& cost, Value& scratch) {
  if (operand.constant.has_value()) return *operand.constant;
  scratch = operand.program->EvaluateValue(facts, arena, budget > cost ? budget - cost : 0, cost);
  return scratch;
}

Value JudgeTest(const Test& test, const Value& input, const expr::Facts& facts,
                expr::Arena& arena, uint64_t budget, uint64_t& cost) {
  cost += 1;
  Value scratch;
  switch (test.kind) {
    case Test::Kind::kPredicate: {
      const Value& result = ValueOf(test.left, facts, arena, budget, cost, scratch);
      if (result.is_error() || result.kind == Kind::kBool) return result;
      return Value::Error(Code::kNoSuchOverload, "a test with 'it' must be true or false");
    }
    case Test::Kind::kCompare: {
      const Value& other = ValueOf(test.left, facts, arena, budget, cost, scratch);
      return other.is_error() ? other : Compare(input, test.relation, other, arena);
    }
    case Test::Kind::kInterval: break;
  }
  Value inside = Value::Bool(true);
  if (!test.low_open) {
    const Value& low = ValueOf(test.left, facts, arena, budget, cost, scratch);
    if (low.is_error()) return low;
    inside = Compare(input, test.low_included ? Relation::kGreaterEqual : Relation::kGreater, low,
                     arena);
    if (inside.is_error() || !inside.bool_value) return inside;
  }
  if (!test.high_open) {
    const Value& high = ValueOf(test.right, facts, arena, budget, cost, scratch);
    if (high.is_error()) return high;
    inside = Compare(input, test.high_included ? Relation::kLessEqual : Relation::kLess, high,
                     arena);
  }
  return inside;
}

}  // namespace

bool Cell::IsBox() const {
  return std::all_of(tests.begin(), tests.end(), [](const Test& test) {
    if (test.kind == Test::Kind::kPredicate) return false;
    const auto fixed = [](const Operand& operand) { return operand.program == nullptr; };
    return fixed(test.left) && fixed(test.right);
  });
}

expr::NumberRange RangeOf(const Cell& cell) {
  if (cell.kind != Cell::Kind::kTests || cell.negated) return {};
  const auto end = [](const Operand& operand, std::optional<Decimal>& out) {
    Decimal value;
    if (!operand.constant.has_value()) return;
    if (operand.constant->kind == Kind::kMoney) {
      out = operand.constant->decimal;
    } else if (expr::AsDecimal(*operand.constant, value)) {
      out = value;
    }
  };
  std::optional<expr::NumberRange> all;
  for (const Test& test : cell.tests) {
    expr::NumberRange one;
    if (test.kind == Test::Kind::kInterval) {
      if (!test.low_open) end(test.left, one.low);
      if (!test.high_open) end(test.right, one.high);
      one.low_open = !test.low_included;
      one.high_open = !test.high_included;
    } else if (test.kind == Test::Kind::kCompare) {
      const Relation relation = test.relation;
      if (relation == Relation::kGreater || relation == Relation::kGreaterEqual ||
          relation == Relation::kEqual) {
        end(test.left, one.low);
        one.low_open = relation == Relation::kGreater;
      }
      if (relation == Relation::kLess || relation == Relation::kLessEqual ||
          relation == Relation::kEqual) {
        end(test.left, one.high);
        one.high_open = relation == Relation::kLess;
      }
      if (relation == Relation::kNotEqual) {
        std::optional<Decimal> other;
        end(test.left, other);
        one.nonzero = other.has_value() && other->is_zero() &&
                      test.left.constant->kind != Kind::kMoney;
      }
    }
    all = all.has_value() ? expr::UnionOfRanges(*all, one) : one;
  }
  return all.value_or(expr::NumberRange());
}

expr::CostBounds CostOf(const Cell& cell) {
  expr::CostBounds cost;
  for (const Test& test : cell.tests) {
    cost += {0, 1};
    for (const Operand* operand : {&test.left, &test.right}) {
      if (operand->program != nullptr) cost += {0, operand->program->cost_bounds().upper};
    }
  }
  return cost;
}

bool ParseCell(const Tree& text, const ColumnContext& column, Cell& cell, Fault& fault) {
  return CellParser(text, column, fault).Run(cell);
}

Value Judge(const Cell& cell, const Value& input, const expr::Facts& facts, expr::Arena& arena,
            uint64_t budget, uint64_t& cost) {
  const bool missing = input.is_error();  // Only optional inputs get here missing.
  switch (cell.kind) {
    case Cell::Kind::kAny: return Value::Bool(true);
    case Cell::Kind::kAbsent: return Value::Bool(missing);
    case Cell::Kind::kPresent: return Value::Bool(!missing);
    case Cell::Kind::kTests: break;
  }
  if (missing) return Value::Bool(false);
  Value pending = Value::Bool(false);  // Tests combine like ||.
  for (const Test& test : cell.tests) {
    const Value result = JudgeTest(test, input, facts, arena, budget, cost);
    if (result.is_error()) {
      if (IsFatal(result.code)) return result;
      if (!pending.is_error()) pending = result;
    } else if (result.bool_value) {
      return Value::Bool(!cell.negated);
    }
  }
  if (pending.is_error()) return pending;
  return Value::Bool(cell.negated);
}

}  // namespace weft::rules
