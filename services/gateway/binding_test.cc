#include "services/gateway/binding.h"

#include <catch2/catch.hpp>

#include "libs/base/error.h"
#include "services/gateway/testing/fixture_descriptors.h"

namespace weft::gateway {
namespace {

using Texts = std::vector<std::pair<std::string, std::string>>;

// The bound message as text, or "<code's reason> <parameter>".
std::string Bound(const char* type, const Texts& texts) {
  const auto* descriptor = FixtureApi().pool().FindMessageTypeByName(type);
  const auto message = FixtureApi().New(descriptor);
  std::set<std::string> bound;
  for (const auto& [name, value] : texts) {
    if (const auto status = BindText(name, value, *message, bound); !status.ok()) {
      return ReasonOf(status) + " " + MetadataOf(status)[0].second;
    }
  }
  return message->ShortDebugString();
}

TEST_CASE("text from a URL becomes a field of its type", "[binding]") {
  const auto [name, value, expected] = GENERATE(table<std::string, std::string, std::string>({
      {"int32_value", "-5", "int32_value: -5"},
      {"int32Value", "5", "int32_value: 5"},
      {"int64_value", "9007199254740993", "int64_value: 9007199254740993"},
      {"uint64_value", "18446744073709551615", "uint64_value: 18446744073709551615"},
      {"double_value", "1.5", "double_value: 1.5"},
      {"bool_value", "true", "bool_value: true"},
      {"string_value", "a/b c", "string_value: \"a/b c\""},
      {"string_value", "", ""},
      {"bytes_value", "AQI=", "bytes_value: \"\\001\\002\""},
      {"bytes_value", "-_8=", "bytes_value: \"\\373\\377\""},
      {"colour", "COLOUR_RED", "colour: COLOUR_RED"},
      {"colour", "2", "colour: COLOUR_BLUE"},
      {"time", "1970-01-01T00:00:01Z", "time { seconds: 1 }"},
      {"duration", "1.5s", "duration { seconds: 1 nanos: 500000000 }"},
      {"mask", "intValue,a.bC", "mask { paths: \"int_value\" paths: \"a.b_c\" }"},
      {"wrapped", "x", "wrapped { value: \"x\" }"},
      {"numbers", "3", "numbers: 3"},
      {"maybe", "0", "maybe: 0"},
      {"nested.nested.stringValue", "x", "nested { nested { string_value: \"x\" } }"},
      {"left", "l", "left: \"l\""},
  }));
  CAPTURE(name, value);

  CHECK(Bound("weft.testing.v1.Kinds", {{name, value}}) == expected);
}

TEST_CASE("text that does not fit names its parameter", "[binding]") {
  const auto [name, value, expected] = GENERATE(table<std::string, std::string, std::string>({
      {"int32_value", "2147483648", "PARAMETER_MALFORMED int32_value"},
      {"int32_value", "", "PARAMETER_MALFORMED int32_value"},
      {"int32_value", "1.0", "PARAMETER_MALFORMED int32_value"},
      {"uint64_value", "-1", "PARAMETER_MALFORMED uint64_value"},
      {"uint32_value", "4294967296", "PARAMETER_MALFORMED uint32_value"},
      {"double_value", "x", "PARAMETER_MALFORMED double_value"},
      {"bool_value", "yes", "PARAMETER_MALFORMED bool_value"},
      {"bytes_value", "*", "PARAMETER_MALFORMED bytes_value"},
      {"colour", "RED", "PARAMETER_MALFORMED colour"},
      {"colour", "77", "PARAMETER_MALFORMED colour"},
      {"time", "yesterday", "PARAMETER_MALFORMED time"},
      {"duration", "5", "PARAMETER_MALFORMED duration"},
      {"bogus", "1", "UNKNOWN_PARAMETER bogus"},
      {"", "1", "UNKNOWN_PARAMETER "},
      {"nested", "1", "UNKNOWN_PARAMETER nested"},
      {"nested.bogus", "1", "UNKNOWN_PARAMETER nested.bogus"},
      {"int32_value.x", "1", "UNKNOWN_PARAMETER int32_value.x"},
      {"by_key", "1", "UNKNOWN_PARAMETER by_key"},
      {"by_key.a", "1", "UNKNOWN_PARAMETER by_key.a"},
      {"things.title", "1", "UNKNOWN_PARAMETER things.title"},
  }));
  CAPTURE(name, value);

  CHECK(Bound("weft.testing.v1.Kinds", {{name, value}}) == expected);
}

TEST_CASE("only a repeated field takes a second value", "[binding]") {
  CHECK(Bound("weft.testing.v1.ListThingsRequest",
              {{"words", "a"}, {"words", "b"}, {"filter.colours", "COLOUR_RED"},
               {"filter.colours", "2"}}) ==
        "filter { colours: COLOUR_RED colours: COLOUR_BLUE } words: \"a\" words: \"b\"");
  CHECK(Bound("weft.testing.v1.ListThingsRequest", {{"pageSize", "1"}, {"page_size", "2"}}) ==
        "PARAMETER_REPEATED page_size");
}

}  // namespace
}  // namespace weft::gateway
