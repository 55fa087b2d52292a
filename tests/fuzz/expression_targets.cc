// Lexer, parser, checker and evaluator.
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/rules/expr/parser.h"
#include "libs/rules/expr/program.h"
#include "tests/fuzz/bytes.h"
#include "tests/fuzz/targets.h"

namespace weft::fuzz {
namespace {

using namespace rules::expr;  // NOLINT: a file about one library.

class LineRecord final : public Record {
 public:
  explicit LineRecord(std::vector<Value> values) : values_(std::move(values)) {
    ready_ = values_.data();
  }
  Value Field(int number, Arena&) const override { return values_[static_cast<size_t>(number)]; }
  absl::string_view type_name() const override { return "Line"; }
  int field_count() const override { return static_cast<int>(values_.size()); }

 private:
  std::vector<Value> values_;
};

// What the expressions of all targets look at.
struct Shop {
  Shop() {
    const auto add = [&](const char* name, Type type, Value value) {
      environment.variables.push_back({name, std::move(type), {8, 16}, {}});
      slots.push_back(value);
    };
    RecordDeclaration record{"Line", {}};
    record.fields.push_back({"qty", Type::Of(TypeKind::kDecimal), false, {}, {}});
    record.fields.push_back({"price", Type::Of(TypeKind::kMoney), false, {}, {}});
    record.fields.push_back({"sku", Type::Of(TypeKind::kString), false, {8, 16}, {}});
    record.fields.push_back({"note", Type::Of(TypeKind::kString), true, {8, 16}, {}});
    environment.records.push_back(record);
    add("b", Type::Of(TypeKind::kBool), Value::Bool(true));
    add("i", Type::Of(TypeKind::kInt), Value::Int(7));
    add("j", Type::Of(TypeKind::kInt), Value::Int(INT64_MIN));
    add("u", Type::Of(TypeKind::kUint), Value::Uint(3));
    add("f", Type::Of(TypeKind::kDouble), Value::Double(2.5));
    add("d", Type::Of(TypeKind::kDecimal), Value::OfDecimal(Decimal::FromUnscaled(1250, 2)));
    add("z", Type::Of(TypeKind::kDecimal), Value::OfDecimal(Decimal()));
    add("m", Type::Of(TypeKind::kMoney),
        Value::Money(Decimal::FromUnscaled(995, 2), CurrencyNumber("EUR")));
    add("y", Type::Of(TypeKind::kMoney),
        Value::Money(Decimal::FromUnscaled(120, 0), CurrencyNumber("JPY")));
    add("s", Type::Of(TypeKind::kString), Value::String("b\xC3\xBCro-12"));
    add("t", Type::Of(TypeKind::kTimestamp), Value::Timestamp(1'700'000'000, 5));
    add("p", Type::Of(TypeKind::kDuration), Value::Duration(90'000'000'000));
    lines.emplace_back(std::vector<Value>{slots[5], slots[7], Value::String("A-1"),
                                          Value::String("x")});
    lines.emplace_back(std::vector<Value>{slots[6], slots[8], Value::String("B-2"),
                                          Value::AbsentField()});
    add("line", Type::Record("Line"), Value::OfRecord(&lines[0]));
    items = {Value::Int(3), Value::Int(-1), Value::Int(3)};
    add("li", Type::List(Type::Of(TypeKind::kInt)), Value::List(items.data(), items.size()));
    decimals = {slots[5], slots[6]};
    add("ld", Type::List(Type::Of(TypeKind::kDecimal)),
        Value::List(decimals.data(), decimals.size()));
    texts = {Value::String("key"), Value::String("public")};
    add("ls", Type::List(Type::Of(TypeKind::kString)), Value::List(texts.data(), texts.size()));
    records = {Value::OfRecord(&lines[0]), Value::OfRecord(&lines[1])};
    add("lines", Type::List(Type::Record("Line")), Value::List(records.data(), records.size()));
    add("map", Type::Map(Type::Of(TypeKind::kString), Type::Of(TypeKind::kInt)),
        MakeMap(texts.data(), items.data(), 2, arena));
    add("any", Type(), Value::Int(4));
  }
  Environment environment;
  std::vector<Value> slots;
  std::vector<LineRecord> lines;
  std::vector<Value> items, decimals, texts, records;
  Arena arena;
};

const Shop& TheShop() {
  static const Shop* const kShop = new Shop;
  return *kShop;
}

std::string ShowErrors(const std::vector<Error>& errors) {
  std::string text;
  for (const Error& error : errors) absl::StrAppend(&text, error.ToString(), "\n");
  return text;
}

// Same kind and value; NaN is NaN.
bool Same(const Value& a, const Value& b, Arena& arena) {
  if (a.kind != b.kind) return false;
  if (a.is_error()) return a.code == b.code;
  if (a.kind == Kind::kDouble && std::isnan(a.double_value)) return std::isnan(b.double_value);
  if (a.kind == Kind::kDecimal || a.kind == Kind::kMoney) {
    return a.currency == b.currency && a.decimal.Identical(b.decimal);
  }
  if (a.kind == Kind::kList) {
    if (a.length != b.length) return false;
    for (uint32_t i = 0; i < a.length; ++i) {
      if (!Same(a.items[i], b.items[i], arena)) return false;
    }
    return true;
  }
  return Equals(a, b, arena) || a.kind == Kind::kMap || a.kind == Kind::kType;
}

// An expression of a type, mostly well formed, from bytes.
class Writer {
 public:
  explicit Writer(Bytes& bytes) : bytes_(bytes) {}

  std::string Write(TypeKind kind, int depth) {
    if (depth > 4 || bytes_.empty()) return Leaf(kind);
    switch (kind) {
      case TypeKind::kBool: return Bool(depth + 1);
      case TypeKind::kInt: return Int(depth + 1);
      case TypeKind::kDecimal: return DecimalText(depth + 1);
      case TypeKind::kMoney: return Money(depth + 1);
      case TypeKind::kString: return String(depth + 1);
      default: return Leaf(kind);
    }
  }

 private:
  std::string Leaf(TypeKind kind) {
    switch (kind) {
      case TypeKind::kBool: return bytes_.Of({"b", "true", "false", "has(line.note)"});
      case TypeKind::kInt: {
        if (bytes_.Pick(3) == 0) return absl::StrCat(bytes_.Number());
        return bytes_.Of({"i", "j", "0", "1", "li[0]", "map.key", "map['public']"});
      }
      case TypeKind::kDecimal:
        return bytes_.Of({"d", "z", "line.qty", "decimal('0.005')", "decimal(3)", "ld[1]",
                          "decimal('9999999999999999999999999999999999')", "ld[5]"});
      case TypeKind::kMoney:
        return bytes_.Of({"m", "y", "line.price", "money('1.005', 'EUR')", "money('0', 'USD')"});
      default:
        return bytes_.Of(
            {"s", "line.sku", "line.note", "'key'", "''", "'\\u00fc'", "ls[0]", "ls[2]"});
    }
  }
  std::string Both(const char* sign, TypeKind kind, int depth) {
    const std::string left = Write(kind, depth);
    return absl::StrCat("(", left, " ", sign, " ", Write(kind, depth), ")");
  }
  const char* Relation() { return bytes_.Of({"<", "<=", ">", ">=", "==", "!="}); }
  std::string Bool(int depth) {
    switch (bytes_.Pick(12)) {
      case 0: return Both("&&", TypeKind::kBool, depth);
      case 1: return Both("||", TypeKind::kBool, depth);
      case 2: return absl::StrCat("!", Write(TypeKind::kBool, depth));
      case 3: return Both(Relation(), TypeKind::kInt, depth);
      case 4: return Both(Relation(), TypeKind::kDecimal, depth);
      case 5: return Both(Relation(), TypeKind::kMoney, depth);
      case 6: return Both(Relation(), TypeKind::kString, depth);
      case 7: return absl::StrCat(Write(TypeKind::kString, depth), " in ['key', 'A-1', '']");
      case 8:
        return absl::StrCat("li.exists(x, x ", Relation(), " ", Write(TypeKind::kInt, depth), ")");
      case 9: return absl::StrCat("lines.all(l, l.qty ", Relation(), " ",
                                  Write(TypeKind::kDecimal, depth), ")");
      case 10: return absl::StrCat(Write(TypeKind::kDecimal, depth), " ", Relation(), " ",
                                   Write(TypeKind::kInt, depth));
      default: return absl::StrCat(Write(TypeKind::kString, depth), ".contains(",
                                   Write(TypeKind::kString, depth), ")");
    }
  }
  std::string Choice(TypeKind kind, int depth) {
    const std::string condition = Write(TypeKind::kBool, depth);
    const std::string then = Write(kind, depth);
    return absl::StrCat("(", condition, " ? ", then, " : ", Write(kind, depth), ")");
  }
  std::string Int(int depth) {
    switch (bytes_.Pick(8)) {
      case 0: return Choice(TypeKind::kInt, depth);
      case 1: return absl::StrCat("-(", Write(TypeKind::kInt, depth), ")");
      case 2: return absl::StrCat("size(", Write(TypeKind::kString, depth), ")");
      case 3: return absl::StrCat("li.filter(x, x > ", Write(TypeKind::kInt, depth), ").sum(0)");
      case 4: return absl::StrCat("cel.bind(v, ", Write(TypeKind::kInt, depth), ", v + v)");
      default: return Both(bytes_.Of({"+", "-", "*", "/", "%"}), TypeKind::kInt, depth);
    }
  }
  std::string Mode() {
    return bytes_.Of({"", ", 'HALF_EVEN'", ", 'CEILING'", ", 'DOWN'", ", 'UP'"});
  }
  std::string DecimalText(int depth) {
    switch (bytes_.Pick(10)) {
      case 0: return Choice(TypeKind::kDecimal, depth);
      case 1: return absl::StrCat("-(", Write(TypeKind::kDecimal, depth), ")");
      case 2:
        return absl::StrCat(Write(TypeKind::kDecimal, depth), ".round(", bytes_.Pick(36), Mode(),
                            ")");
      case 3:
        return absl::StrCat("(", Write(TypeKind::kDecimal, depth), " ",
                            bytes_.Of({"+", "-", "*", "/"}), " ", Write(TypeKind::kInt, depth),
                            ")");
      case 4: return absl::StrCat(Write(TypeKind::kMoney, depth), ".amount()");
      case 5: return Both("/", TypeKind::kMoney, depth);
      case 6: return absl::StrCat("math.greatest(", Write(TypeKind::kDecimal, depth), ", ",
                                  Write(TypeKind::kDecimal, depth), ")");
      default: return Both(bytes_.Of({"+", "-", "*", "/"}), TypeKind::kDecimal, depth);
    }
  }
  std::string Money(int depth) {
    switch (bytes_.Pick(7)) {
      case 0: return Choice(TypeKind::kMoney, depth);
      case 1: return absl::StrCat("-(", Write(TypeKind::kMoney, depth), ")");
      case 2: return absl::StrCat(Write(TypeKind::kMoney, depth), ".round()");
      case 3:
        return absl::StrCat(Write(TypeKind::kMoney, depth), ".round(", bytes_.Pick(36), Mode(),
                            ")");
      case 4: return absl::StrCat("(", Write(TypeKind::kMoney, depth), bytes_.Of({" * ", " / "}),
                                  Write(TypeKind::kDecimal, depth), ")");
      case 5: return absl::StrCat("(", Write(TypeKind::kInt, depth), " * ",
                                  Write(TypeKind::kMoney, depth), ")");
      default: return Both(bytes_.Of({"+", "-"}), TypeKind::kMoney, depth);
    }
  }
  std::string String(int depth) {
    switch (bytes_.Pick(7)) {
      case 0: return Choice(TypeKind::kString, depth);
      case 1: return absl::StrCat("string(", Write(TypeKind::kDecimal, depth), ")");
      case 2: return absl::StrCat(Write(TypeKind::kString, depth), ".replace(",
                                  Write(TypeKind::kString, depth), ", 'ab')");
      case 3: return absl::StrCat("'%s|%s'.format([", Write(TypeKind::kInt, depth), ", ",
                                  Write(TypeKind::kMoney, depth), "])");
      case 4:
        return absl::StrCat(Write(TypeKind::kString, depth), ".substring(", bytes_.Pick(4), ")");
      case 5: return absl::StrCat("[", Write(TypeKind::kString, depth), ", s].join('-')");
      default: return Both("+", TypeKind::kString, depth);
    }
  }
  Bytes& bytes_;
};

}  // namespace

void Parse(absl::string_view input) {
  Error error;
  const NodePtr node = rules::expr::Parse(input, {}, error);
  if (node == nullptr && (error.code == Code::kNone || error.position.offset > input.size())) {
    Broken("a fault has no place in the text", input);
  }
}

void Check(absl::string_view input) {
  const Shop& shop = TheShop();
  CompileOptions options;
  options.safe = true;
  const CompileResult once = Compile(input, shop.environment, options);
  const CompileResult again = Compile(input, shop.environment, options);
  if (ShowErrors(once.errors) != ShowErrors(again.errors)) Broken("two checks differ", input);
  if ((once.program == nullptr) == once.errors.empty()) Broken("neither program nor fault", input);
  // What types alone accept is evaluated, too; what is unchecked as well.
  for (const bool check : {true, false}) {
    options.safe = false;
    options.check = check;
    const CompileResult compiled = Compile(input, shop.environment, options);
    if (compiled.program == nullptr) continue;
    Arena arena;
    const Outcome outcome =
        compiled.program->Evaluate(ArrayFacts(shop.slots.data()), arena, {20'000});
    if (!outcome.error.has_value()) (void)ToText(outcome.value, arena);
  }
}

void Evaluate(absl::string_view input) {
  const Shop& shop = TheShop();
  Bytes bytes(input);
  const TypeKind kind = bytes.Of({TypeKind::kBool, TypeKind::kInt, TypeKind::kDecimal,
                                  TypeKind::kMoney, TypeKind::kString});
  const std::string source = Writer(bytes).Write(kind, 0);
  CompileOptions options;
  const CompileResult checked = Compile(source, shop.environment, options);
  if (checked.program == nullptr) return;
  options.check = false;
  const CompileResult plain = Compile(source, shop.environment, options);
  if (plain.program == nullptr) Broken("checked, but not planned without", source);
  const ArrayFacts facts(shop.slots.data());
  Arena arena;
  const Outcome first = checked.program->Evaluate(facts, arena, {});
  const Outcome second = checked.program->Evaluate(facts, arena, {});
  const Outcome reference = plain.program->Evaluate(facts, arena, {});
  if (!Same(first.value, second.value, arena) || first.cost != second.cost) {
    Broken("two evaluations differ", source);
  }
  if (!Same(first.value, reference.value, arena)) {
    Broken("checked and unchecked differ",
           absl::StrCat(source, "\n", ToText(first.value, arena), "\n",
                        ToText(reference.value, arena)));
  }
  if (first.value.is_error() && first.error->position != reference.error->position) {
    Broken("checked and unchecked fail at two places", source);
  }
  if (first.cost > checked.program->cost_bounds().upper) {
    Broken("the cost is above its bound",
           absl::StrCat(source, "\n", first.cost, " > ", checked.program->cost_bounds().upper));
  }
  if (!first.value.is_error() && first.cost < checked.program->cost_bounds().lower) {
    Broken("the cost is below its bound",
           absl::StrCat(source, "\n", first.cost, " < ", checked.program->cost_bounds().lower));
  }
}

}  // namespace weft::fuzz
