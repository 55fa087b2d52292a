#include "services/gateway/domain/percent.h"

#include <catch2/catch.hpp>

#include "libs/base/error.h"

namespace weft::gateway {
namespace {

TEST_CASE("escapes are decoded as their place asks", "[percent]") {
  const auto [text, mode, expected] = GENERATE(table<std::string, Decode, std::string>({
      {"a%2Fb", Decode::kAll, "a/b"},
      {"a%2Fb", Decode::kKeepReserved, "a%2Fb"},
      {"a%2fb", Decode::kKeepReserved, "a%2fb"},
      {"a%20b", Decode::kKeepReserved, "a b"},
      {"a%3Ab", Decode::kKeepReserved, "a%3Ab"},
      {"a%25b", Decode::kKeepReserved, "a%25b"},
      {"a+b", Decode::kAll, "a+b"},
      {"a+b", Decode::kForm, "a b"},
      {"%C3%BC", Decode::kAll, "\xC3\xBC"},
      {"", Decode::kAll, ""},
  }));
  CAPTURE(text);

  CHECK(PercentDecode(text, mode).value() == expected);
}

TEST_CASE("a URL that is not UTF-8 with whole escapes is malformed", "[percent]") {
  const auto text = GENERATE(as<std::string>(), "%", "%2", "%zz", "a%2", "%FF", "%C3", "%C0%80",
                             "%ED%A0%80", "%F5%80%80%80");
  CAPTURE(text);

  const auto decoded = PercentDecode(text, Decode::kAll);

  REQUIRE_FALSE(decoded.ok());
  CHECK(ReasonOf(decoded.status()) == "URL_MALFORMED");
}

TEST_CASE("a query is its pairs in order", "[percent]") {
  using Pairs = std::vector<std::pair<std::string, std::string>>;

  CHECK(ParseQuery("a=1&b=x%20y&a=2").value() == Pairs{{"a", "1"}, {"b", "x y"}, {"a", "2"}});
  CHECK(ParseQuery("a&b=&=c&&").value() == Pairs{{"a", ""}, {"b", ""}, {"", "c"}});
  CHECK(ParseQuery("a=b=c").value() == Pairs{{"a", "b=c"}});
  CHECK(ParseQuery("").value().empty());
}

TEST_CASE("what is encoded decodes to itself", "[percent]") {
  std::string all;
  for (int c = 1; c < 128; ++c) all.push_back(static_cast<char>(c));

  CHECK(PercentDecode(PercentEncode(all), Decode::kAll).value() == all);
}

}  // namespace
}  // namespace weft::gateway
