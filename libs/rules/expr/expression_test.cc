#include <catch2/catch.hpp>
#include <string>

#include "libs/rules/expr/program.h"

namespace weft::rules::expr {
namespace {

// What an expression without facts gives, as text; errors by code.
std::string Eval(const std::string& source) {
  const Environment environment;
  const CompileResult compiled = Compile(source, environment, {});
  if (compiled.program == nullptr) return std::string("!") + CodeName(compiled.errors[0].code);
  Arena arena;
  const ArrayFacts facts(nullptr);
  const Outcome outcome = compiled.program->Evaluate(facts, arena, {});
  return outcome.error.has_value() ? std::string("!") + CodeName(outcome.error->code)
                                   : ToText(outcome.value, arena);
}

}  // namespace

TEST_CASE("decimals and money follow the table of the language", "[rules]") {
  auto [source, expected] = GENERATE(table<std::string, std::string>({
      {"decimal('12.50') + 1", "13.50"},
      {"decimal('12.50') * 1.10", "13.7500"},
      {"decimal(10) / 4", "2.5"},
      {"decimal(1) / 3", "0.3333333333333333333333333333333333"},
      {"decimal('2.5').round(0)", "3"},
      {"decimal('2.5').round(0, 'HALF_EVEN')", "2"},
      {"decimal('2.5').round(0, 'NEAREST')", "!invalid_argument"},
      {"decimal('7.32').roundTo(0.05)", "7.30"},
      {"money('12.50', 'EUR') + money('1', 'USD')", "!currency_mismatch"},
      {"money('12.50', 'EUR') * 2", "25.00 EUR"},
      {"(money('10.00', 'EUR') / 3).round()", "3.33 EUR"},
      {"string(money('10.00', 'EUR').allocate([1, 1, 1])[0])", "3.34 EUR"},
      {"money('12', 'XXQ')", "!invalid_argument"},
      {"decimal(1) == 1.0", "true"},
      {"1 == 1.0", "!no_matching_overload"},
      {"dyn(1) == 1.0", "true"},
      {"decimal(1) / 0", "!divide_by_zero"},
      {"[decimal('1.10'), decimal('2')].sum()", "3.10"},
      {"[1, 2, 4].avg()", "2.333333333333333333333333333333333"},
  }));
  CAPTURE(source);

  CHECK(Eval(source) == expected);
}

TEST_CASE("texts, lists and times follow the table of the language", "[rules]") {
  auto [source, expected] = GENERATE(table<std::string, std::string>({
      {"'h\\u00e9llo'.charAt(1)", "\u00e9"},
      {"'tacocat'.indexOf('ac', 2)", "-1"},
      {"'tacocat'.lastIndexOf('c')", "4"},
      {"'abc'.replace('', '_')", "_a_b_c_"},
      {"'a,b,c'.split(',', 2)", "[a, b,c]"},
      {"'  x\\u00a0'.trim()", "x"},
      {"'%s is %.2f'.format(['pi', 3.14159])", "pi is 3.14"},
      {"'%x'.format([255])", "ff"},
      {"'%d'.format(['x'])", "!invalid_argument"},
      {"[3, 1, 2].sort()", "[1, 2, 3]"},
      {"[3, 1, 2].sortBy(x, -x)", "[3, 2, 1]"},
      {"{'a': 1, 'b': 2}.transformMap(k, v, v * 10)['b']", "20"},
      {"[1, 2, 3].transformList(i, x, i * x)", "[0, 2, 6]"},
      {"cel.bind(x, 5, x * x)", "25"},
      {"math.greatest(1, 5, 3)", "5"},
      {"math.least('a')", "!syntax"},
      {"lists.range(3)", "[0, 1, 2]"},
      {"sets.contains([1, 2, 3], [3, 1])", "true"},
      {"timestamp('2026-03-01T07:00:00Z').getHours('America/Denver')", "0"},
      {"timestamp('2026-03-01T07:00:00Z') - duration('1h')", "2026-03-01T06:00:00Z"},
      {"timestamp('0000-01-01T00:00:00Z')", "!out_of_range"},
      {"duration('1h30m')", "5400s"},
      {"string(123.456)", "123.456"},
      {"string(1e21)", "1e+21"},
      {"string(1.0)", "1"},
      {"type(decimal(1))", "decimal"},
      {"'abc'.matches('[')", "!syntax"},
      {"-(-9223372036854775808)", "!overflow"},
      {"--19", "19"},
      {"!-(1)", "!syntax"},
      {"1/0 > 2 || true", "true"},
  }));
  CAPTURE(source);

  CHECK(Eval(source) == expected);
}

TEST_CASE("a fault names its place and a remedy", "[rules]") {
  Environment environment;
  environment.records.push_back({"Line", {{"quantity", Type::Of(TypeKind::kDecimal)}}});
  environment.variables.push_back({"line", Type::Record("Line")});

  const CompileResult compiled =
      Compile("line.quantity > 10 &&\n  line.quantiy < 5", environment, {});

  REQUIRE(compiled.errors.size() == 1);
  CHECK(compiled.errors[0].code == Code::kUnknownField);
  CHECK(compiled.errors[0].position.line == 2);
  CHECK(compiled.errors[0].position.column == 8);
  CHECK(compiled.errors[0].hint == "did you mean 'quantity'?");
}

TEST_CASE("long chains parse and deep ones are refused", "[rules]") {
  std::string ors = "false";
  for (int i = 0; i < 500; ++i) ors += " || false";
  std::string parens = std::string(32, '(') + "1" + std::string(32, ')');
  std::string deep = std::string(200, '(') + "1" + std::string(200, ')');
  std::string sums = "1";
  for (int i = 0; i < 1500; ++i) sums += " + 1";
  std::string choices;
  for (int i = 0; i < 24; ++i) choices += "false ? 1 : ";

  CHECK(Eval(ors + " || true") == "true");
  CHECK(Eval(parens) == "1");
  CHECK(Eval(deep) == "!syntax");
  CHECK(Eval(sums) == "1501");
  CHECK(Eval(choices + "2") == "2");
  CHECK(Eval(std::string(32, '!') + "true") == "true");
}

TEST_CASE("a chain of thousands of links costs no depth", "[rules]") {
  // 16 KiB of source and 4,000 nodes are the only bounds.
  const auto chain = [](std::string text, const std::string& link, int count) {
    for (int i = 0; i < count; ++i) text += link;
    return text;
  };
  Environment environment;
  environment.variables.push_back({"d", Type::Of(TypeKind::kDecimal)});
  environment.variables.push_back({"m", Type::Map(Type::Of(TypeKind::kString), Type())});
  const Value values[] = {Value::OfDecimal(Decimal(2)), Value::Null()};
  const auto eval = [&](const std::string& source) {
    const CompileResult compiled = Compile(source, environment, {});
    if (compiled.program == nullptr) return compiled.errors[0].ToString();
    Arena arena;
    const ArrayFacts facts(values);
    const Value value = compiled.program->Evaluate(facts, arena, {}).value;
    return value.is_error() ? std::string("!") + CodeName(value.code) : ToText(value, arena);
  };

  CHECK(eval(chain("d", " - 1", 1900)) == "-1898");
  CHECK(eval(chain("1.5", " + d", 1900)) == "3801.5");
  CHECK(eval(chain("'a'", ".trim()", 1900)) == "a");
  CHECK(eval(chain("[1]", ".map(x,x)", 990)) == "[1]");
  CHECK(eval(chain("m", ".a", 3900)) == "!no_such_overload");
  CHECK(eval(chain("[[]]", "[0]", 1900)) == "!index_out_of_range");
  CHECK(eval(chain("true", " && d > 1", 900)) == "true");
  CHECK(eval(chain("1", " == 1 || 1", 900) + " == 1") == "true");
  CHECK(eval("d * (" + chain("", "d == 1.0 ? 1.5 : ", 100) + "2.5)") == "5.0");
}

TEST_CASE("values that hold one value many times over cost what they show", "[rules]") {
  // 2^60 ones, built by sixty small lists.
  std::string lists = "a0";
  std::string maps = "a0";
  for (int i = 60; i > 0; --i) {
    const std::string one = "a" + std::to_string(i - 1);
    const std::string next = "a" + std::to_string(i);
    lists = "cel.bind(" + next + ", [" + one + ", " + one + "], " + (i == 60 ? "BODY" : lists) + ")";
    maps = "cel.bind(" + next + ", {1: " + one + ", 2: " + one + "}, " + (i == 60 ? "BODY" : maps) + ")";
  }
  const auto with = [](std::string text, const std::string& body) {
    text.replace(text.find("BODY"), 4, body);
    return "cel.bind(a0, [1], " + text + ")";
  };

  CHECK(Eval(with(lists, "a60 == a60")) == "!cost_exceeded");
  CHECK(Eval(with(maps, "a60 == a60")) == "!cost_exceeded");
  CHECK(Eval(with(lists, "'%s'.format([a60])")) == "!size_exceeded");
  CHECK(Eval(with(lists, "a60")).size() < 70'000);
  CHECK(Eval(with(lists, "[a60].distinct().size()")) == "1");
}

TEST_CASE("an evaluation stops at its budget and && cannot hide it", "[rules]") {
  const Environment environment;
  const CompileResult compiled = Compile(
      "lists.range(1000).all(x, lists.range(1000).all(y, x + y >= 0)) || true", environment, {});
  REQUIRE(compiled.program != nullptr);
  Arena arena;
  const ArrayFacts facts(nullptr);

  const Outcome outcome = compiled.program->Evaluate(facts, arena, {});

  REQUIRE(outcome.error.has_value());
  CHECK(outcome.error->code == Code::kCostExceeded);
}

}  // namespace weft::rules::expr
