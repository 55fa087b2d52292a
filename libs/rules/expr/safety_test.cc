#include "libs/rules/expr/safety.h"

#include <catch2/catch.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "libs/rules/expr/program.h"

namespace weft::rules::expr {
namespace {

Environment Shop() {
  const auto decimal = [](int64_t low, bool open) {
    NumberRange range;
    range.low = Decimal(low);
    range.low_open = open;
    return range;
  };
  Environment environment;
  RecordDeclaration line{"Line", {}};
  line.fields.push_back({"qty", Type::Of(TypeKind::kDecimal), false, {}, decimal(0, true)});
  line.fields.push_back({"stock", Type::Of(TypeKind::kDecimal), false, {}, decimal(0, false)});
  line.fields.push_back({"pack", Type::Of(TypeKind::kInt), false, {}, {}});
  line.fields.push_back({"price", Type::Of(TypeKind::kMoney), false, {}, {}});
  line.fields.push_back({"sku", Type::Of(TypeKind::kString), false, {1000, 40}, {}});
  environment.records.push_back(line);
  environment.variables.push_back({"line", Type::Record("Line")});
  environment.variables.push_back({"lines", Type::List(Type::Record("Line")), {50, 1000}, {}});
  environment.variables.push_back({"many", Type::List(Type::Of(TypeKind::kDecimal))});
  environment.variables.push_back({"note", Type::Of(TypeKind::kString), {1000, 60'000}, {}});
  return environment;
}

// "" or "line:column code" of the first fault.
std::string Refusal(const std::string& source, const std::vector<std::string>& given = {}) {
  CompileOptions options;
  options.safe = true;
  options.given = given;
  const CompileResult compiled = Compile(source, Shop(), options);
  if (compiled.errors.empty()) return "";
  const Error& error = compiled.errors[0];
  return absl::StrCat(error.position.line, ":", error.position.column, " ", CodeName(error.code));
}

}  // namespace

TEST_CASE("a document may not divide by what may be zero", "[rules]") {
  auto [source, expected] = GENERATE(table<std::string, std::string>({
      {"line.stock / line.qty", ""},
      {"line.qty / line.stock", "1:10 divide_by_zero"},
      {"line.qty /\n  line.pack", "1:10 divide_by_zero"},
      {"10 % line.pack", "1:4 modulus_by_zero"},
      {"1 / 0", "1:3 divide_by_zero"},
      {"line.qty / 3", ""},
      {"line.qty / -0.5", ""},
      {"line.price / line.pack", "1:12 divide_by_zero"},
      {"line.price / line.price", "1:12 divide_by_zero"},
      {"line.pack > 0 ? 10 / line.pack : 0", ""},
      {"line.pack == 0 ? 0 : 10 / line.pack", ""},
      {"line.pack == 0 ? 10 / line.pack : 0", "1:21 divide_by_zero"},
      {"line.pack >= 0 ? 10 / line.pack : 0", "1:21 divide_by_zero"},
      {"line.pack != 0 && 10 / line.pack > 2", ""},
      {"line.pack == 0 || 10 / line.pack > 2", ""},
      {"!(line.pack <= 0) && 10 / line.pack > 2", ""},
      {"line.pack != 0 || 10 / line.pack > 2", "1:22 divide_by_zero"},
      {"line.stock > 5 ? 1.0 / (line.stock - 5) : decimal(0)", ""},
      {"line.stock >= 5 ? 1.0 / (line.stock - 5) : decimal(0)", "1:23 divide_by_zero"},
      {"line.stock > 5 ? 1.0 / (line.stock + 1) : decimal(0)", ""},
      {"line.qty / (line.stock + 1)", ""},
      {"line.qty / (line.qty + line.qty)", ""},
      {"line.qty / (1 - line.stock)", "1:10 divide_by_zero"},
      // Tiny numbers may round to zero.
      {"line.qty / (line.qty * line.qty)", "1:10 divide_by_zero"},
      {"line.stock / line.qty.round(2)", "1:12 divide_by_zero"},
      {"line.stock / math.greatest(line.stock, 1.0)", ""},
      {"line.price > money('0', 'EUR') ? line.price / line.price : decimal(1)", ""},
      {"lines.map(l, 1.0 / l.qty).sum()", ""},
      {"lines.map(l, 1.0 / l.stock).sum()", "1:18 divide_by_zero"},
      {"lines.map(l, l.stock > 0, 1.0 / l.stock).sum()", ""},
      {"lines.size() > 0 ? 100 / lines.size() : 0", ""},
      {"size(lines) == 0 ? 0 : 100 / lines.size()", ""},
      {"100 / lines.size()", "1:5 divide_by_zero"},
      {"cel.bind(n, line.stock + 1, line.qty / n)", ""},
      {"line.pack > 0 ? lines.map(line, 10 / line.pack) : [0]", "1:36 divide_by_zero"},
      {"2.0 / 0.0 > 1.0", ""},  // IEEE 754.
  }));
  CAPTURE(source);

  CHECK(Refusal(source) == expected);
}

TEST_CASE("what is given where an expression stands counts", "[rules]") {
  CHECK(Refusal("10 / line.pack", {"line.pack > 0"}).empty());
  CHECK(Refusal("10 / line.pack", {"line.pack < 9"}) == "1:4 divide_by_zero");
  CHECK(Refusal("10 / line.pack", {"line.pack >"}) == "1:4 divide_by_zero");
  CHECK(Refusal("10 / line.pack", {"!(line.pack == 0\n)"}).empty());
}

TEST_CASE("a document may not combine money of two currencies", "[rules]") {
  auto [source, expected] = GENERATE(table<std::string, std::string>({
      {"money('1', 'EUR') + money('1', 'USD')", "1:19 currency_mismatch"},
      {"line.price + money('1', 'EUR') * 2 - money('1', 'USD')", "1:36 currency_mismatch"},
      {"line.price + money('1', 'EUR')", ""},
      {"money('1', 'EUR') < money('1', 'USD')", "1:19 currency_mismatch"},
      {"money('1', 'EUR') == money('1', 'USD')", ""},
      {"money('1', 'EUR').convert('USD', 2) + money('1', 'USD')", ""},
      {"money('1', 'EUR').round() + money('1', 'USD')", "1:27 currency_mismatch"},
      {"math.greatest(money('1', 'EUR'), money('1', 'USD'))", "1:6 currency_mismatch"},
      {"(line.qty > 1 ? money('1', 'EUR') : money('2', 'EUR')) + money('1', 'USD')",
       "1:56 currency_mismatch"},
      {"(line.qty > 1 ? money('1', 'EUR') : money('2', 'USD')) + money('1', 'USD')", ""},
  }));
  CAPTURE(source);

  CHECK(Refusal(source) == expected);
}

TEST_CASE("a document may not cost more than its budget", "[rules]") {
  auto [source, expected] = GENERATE(table<std::string, std::string>({
      {"lines.exists(l, l.qty > 100)", ""},
      {"lines.exists(l, lines.exists(m, m.sku == l.sku && m.qty != l.qty))", ""},
      {"many.exists(a, many.exists(b, a + b > 10))", "1:6 cost_exceeded"},
      {"line.qty > 1 && many.exists(a, many.exists(b, a + b > 10))", "1:22 cost_exceeded"},
      {"many.sort()[0] > 1", ""},
      {"many.distinct().size() > 2", "1:6 cost_exceeded"},
      {"note.contains(note)", "1:6 cost_exceeded"},
      {"note.contains('urgent')", ""},
      {"lists.range(10000).all(x, x < 20000)", ""},
      {"lists.range(10000).all(x, [x, x + 1].sum() < 20000 || x > 3)", "1:20 cost_exceeded"},
  }));
  CAPTURE(source);

  CHECK(Refusal(source) == expected);
}

TEST_CASE("the message of what is too dear names the part and the limit", "[rules]") {
  CompileOptions options;
  options.safe = true;

  const CompileResult compiled =
      Compile("many.exists(a, many.exists(b, a + b > 10))", Shop(), options);

  REQUIRE(compiled.errors.size() == 1);
  CHECK(compiled.errors[0].message ==
        "this may cost up to 7003002 units, and 100000 is the most; the dearest part is 'exists' "
        "over up to 1000 elements");
}

}  // namespace weft::rules::expr
