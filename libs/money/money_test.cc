#include "libs/money/money.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "libs/base/error.h"

namespace weft {
namespace {

Money M(absl::string_view amount, absl::string_view currency) {
  return Money::Parse(amount, currency).value();
}

std::string Joined(const absl::StatusOr<std::vector<Money>>& parts) {
  if (!parts.ok()) return ReasonOf(parts.status());
  std::string text;
  for (const Money& part : *parts) text += part.amount.ToString() + " ";
  return text;
}

TEST_CASE("currencies know their minor unit", "[money]") {
  const auto [code, digits] = GENERATE(table<const char*, int>(
      {{"EUR", 2}, {"GBP", 2}, {"JPY", 0}, {"KWD", 3}, {"CLF", 4}, {"XOF", 0}, {"ZWG", 2}}));
  CAPTURE(code);
  const Currency currency = Currency::Parse(code).value();
  CHECK(currency.minor_digits() == digits);
  CHECK(currency.code() == code);
  CHECK(Currency::FromNumber(currency.number()) == currency);
}

TEST_CASE("a text that is no currency code is refused", "[money]") {
  const auto* code = GENERATE("", "eur", "EU", "EURO", "XYZ", "AAA", "E R");
  CAPTURE(code);
  CHECK(ReasonOf(Currency::Parse(code).status()) == "INVALID_ARGUMENT");
  CHECK(Currency::Find(code).is_none());
}

TEST_CASE("money of two currencies does not combine", "[money]") {
  CHECK(ReasonOf(Add(M("1", "EUR"), M("1", "USD")).status()) == "CURRENCY_MISMATCH");
  CHECK(ReasonOf(Compare(M("1", "EUR"), M("1", "USD")).status()) == "CURRENCY_MISMATCH");
  CHECK(ReasonOf(Divide(M("1", "EUR"), M("1", "USD")).status()) == "CURRENCY_MISMATCH");
  CHECK_FALSE(M("1", "EUR") == M("1", "USD"));
}

TEST_CASE("money adds, scales and prints exactly", "[money]") {
  CHECK(Add(M("12.50", "EUR"), M("0.005", "EUR")).value().ToString() == "12.505 EUR");
  CHECK(Subtract(M("17.75", "GBP"), M("3.55", "GBP")).value().ToString() == "14.20 GBP");
  CHECK(Multiply(M("14.20", "GBP"), Decimal(600)).value().ToString() == "8520.00 GBP");
  CHECK(Divide(M("10", "EUR"), M("4", "EUR")).value().ToString() == "2.5");
  CHECK(M("12.5", "EUR") == M("12.50", "EUR"));
}

TEST_CASE("money is converted by a rate and rounded to its minor unit", "[money]") {
  const auto [amount, from, rate, to, expected] =
      GENERATE(table<const char*, const char*, const char*, const char*, const char*>({
          {"12.3456", "EUR", "1.0837", "USD", "13.38 USD"},
          {"19.99", "USD", "151.37", "JPY", "3026 JPY"},
          {"19.99", "USD", "0.3071", "KWD", "6.139 KWD"},
      }));
  const Money converted = Convert(M(amount, from), Currency::Parse(to).value(),
                                  Decimal::Parse(rate).value())
                              .value();
  CHECK(Round(converted).value().ToString() == expected);
}

TEST_CASE("allocation loses nothing and favours the largest remainder", "[money]") {
  const std::vector<Decimal> thirds(3, Decimal(1));
  CHECK(Joined(Allocate(M("10.00", "EUR"), thirds)) == "3.34 3.33 3.33 ");
  CHECK(Joined(Allocate(M("-10.00", "EUR"), thirds)) == "-3.34 -3.33 -3.33 ");
  CHECK(Joined(Allocate(M("0.05", "EUR"), {Decimal(3), Decimal(7)})) == "0.02 0.03 ");
  CHECK(Joined(Allocate(M("100", "JPY"), {Decimal(0), Decimal(1), Decimal(2)})) ==
        "0 33 67 ");
  CHECK(Joined(Allocate(M("1.00", "EUR"), {Decimal::Parse("0.5").value(), Decimal(1)})) ==
        "0.33 0.67 ");
}

TEST_CASE("what cannot be allocated is refused", "[money]") {
  CHECK(Joined(Allocate(M("1.001", "EUR"), {Decimal(1)})) == "INVALID_ARGUMENT");
  CHECK(Joined(Allocate(M("1.00", "EUR"), {})) == "INVALID_ARGUMENT");
  CHECK(Joined(Allocate(M("1.00", "EUR"), {Decimal(0)})) == "INVALID_ARGUMENT");
  CHECK(Joined(Allocate(M("1.00", "EUR"), {Decimal(2), Decimal(-1)})) == "INVALID_ARGUMENT");
}

}  // namespace
}  // namespace weft
