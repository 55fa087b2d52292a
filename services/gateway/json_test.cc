#include "services/gateway/json.h"

#include <catch2/catch.hpp>

#include "libs/base/error.h"
#include "services/gateway/testing/fixture_descriptors.h"

namespace weft::gateway {
namespace {

const google::protobuf::Descriptor& Kinds() {
  return *FixtureApi().pool().FindMessageTypeByName("weft.testing.v1.Kinds");
}
const JsonCodec& Codec() {
  static const JsonCodec* const codec = new JsonCodec(FixtureApi().pool());
  return *codec;
}

// JSON read as Kinds and shown as text; or "<reason> <field>".
std::string Read(const std::string& json) {
  const auto wire = Codec().ToWire(Kinds(), json);
  if (!wire.ok()) {
    const auto metadata = MetadataOf(wire.status());
    return ReasonOf(wire.status()) + (metadata.empty() ? "" : " " + metadata[0].second);
  }
  const auto message = FixtureApi().New(&Kinds());
  CHECK(message->ParseFromString(*wire));
  return message->ShortDebugString();
}

TEST_CASE("canonical JSON is read", "[json]") {
  const auto [json, expected] = GENERATE(table<std::string, std::string>({
      {R"({})", ""},
      {R"( {"int32Value":5} )", "int32_value: 5"},
      {R"({"int32_value":5})", "int32_value: 5"},
      {R"({"int64Value":"9007199254740993"})", "int64_value: 9007199254740993"},
      {R"({"int64Value":9007199254740991})", "int64_value: 9007199254740991"},
      {R"({"uint64Value":"18446744073709551615"})", "uint64_value: 18446744073709551615"},
      {R"({"colour":"COLOUR_BLUE"})", "colour: COLOUR_BLUE"},
      {R"({"bytesValue":"AQI="})", "bytes_value: \"\\001\\002\""},
      {R"({"time":"1970-01-01T00:00:01Z"})", "time { seconds: 1 }"},
      {R"({"duration":"1.5s"})", "duration { seconds: 1 nanos: 500000000 }"},
      {R"({"mask":"a,bC"})", "mask { paths: \"a\" paths: \"b_c\" }"},
      {R"({"wrapped":"x"})", "wrapped { value: \"x\" }"},
      {R"({"byKey":{"k":{"title":"t"}}})", "by_key { key: \"k\" value { title: \"t\" } }"},
      {R"({"numbers":[1,2]})", "numbers: 1 numbers: 2"},
      {R"({"numbers":null,"stringValue":null,"nested":null})", ""},
      {R"({"maybe":0})", "maybe: 0"},
      {R"({"left":"a"})", "left: \"a\""},
      {R"({"nested":{"nested":{"boolValue":true}}})", "nested { nested { bool_value: true } }"},
      {R"({"stringValue":"\u00fc\ud83d\ude00"})",
       "string_value: \"\\303\\274\\360\\237\\230\\200\""},
  }));
  CAPTURE(json);

  CHECK(Read(json) == expected);
}

TEST_CASE("what is not JSON of the type is refused with its path", "[json]") {
  const auto [json, expected] = GENERATE(table<std::string, std::string>({
      {"", "BODY_MALFORMED"},
      {"nul", "BODY_MALFORMED"},
      {"{", "BODY_MALFORMED"},
      {"[]", "BODY_MALFORMED"},
      {"null", "BODY_MALFORMED"},
      {"\"x\"", "BODY_MALFORMED"},
      {"{} {}", "BODY_MALFORMED"},
      {"{int32Value:5}", "BODY_MALFORMED"},
      {"{'int32Value':5}", "BODY_MALFORMED"},
      {R"({"int32Value":5,})", "BODY_MALFORMED"},
      {R"({"numbers":[1,]})", "BODY_MALFORMED"},
      {R"({"int32Value":05})", "BODY_MALFORMED"},
      {R"({"doubleValue":NaN})", "BODY_MALFORMED"},
      {"{/* */}", "BODY_MALFORMED"},
      {"{\"stringValue\":\"\xff\"}", "BODY_MALFORMED"},
      {"{\"stringValue\":\"a\nb\"}", "BODY_MALFORMED"},
      {R"({"stringValue":"\ud800"})", "BODY_MALFORMED"},
      {R"({"bogus":1})", "UNKNOWN_FIELD bogus"},
      {R"({"things":[{},{"titel":"x"}]})", "UNKNOWN_FIELD things[1].titel"},
      {R"({"byKey":{"k":{"x":1}}})", "UNKNOWN_FIELD byKey.k.x"},
      {R"({"nested":{"nested":{"x":1}}})", "UNKNOWN_FIELD nested.nested.x"},
      {R"({"int32Value":1,"int32Value":2})", "FIELD_REPEATED int32Value"},
      {R"({"int32Value":1,"int32_value":2})", "FIELD_REPEATED int32_value"},
      {R"({"byKey":{"k":{},"k":{}}})", "FIELD_REPEATED byKey.k"},
      {R"({"int32Value":"abc"})", "FIELD_MALFORMED int32Value"},
      {R"({"int32Value":2147483648})", "FIELD_MALFORMED int32Value"},
      {R"({"int32Value":1.5})", "FIELD_MALFORMED int32Value"},
      {R"({"uint64Value":"-1"})", "FIELD_MALFORMED uint64Value"},
      {R"({"boolValue":1})", "FIELD_MALFORMED boolValue"},
      {R"({"stringValue":5})", "FIELD_MALFORMED stringValue"},
      {R"({"stringValue":{"a":1}})", "FIELD_MALFORMED stringValue"},
      {R"({"stringValue":["a"]})", "FIELD_MALFORMED stringValue"},
      {R"({"numbers":[[1]]})", "FIELD_MALFORMED numbers[0]"},
      {R"({"colour":"PINK"})", "FIELD_MALFORMED colour"},
      {R"({"time":"yesterday"})", "FIELD_MALFORMED time"},
      {R"({"time":{"seconds":1}})", "FIELD_MALFORMED time"},
      {R"({"numbers":1})", "FIELD_MALFORMED numbers"},
      {R"({"numbers":[1,"x"]})", "FIELD_MALFORMED numbers[1]"},
      {R"({"numbers":[null]})", "FIELD_MALFORMED numbers[0]"},
      {R"({"things":{"title":"x"}})", "FIELD_MALFORMED things"},
      {R"({"nested":"x"})", "FIELD_MALFORMED nested"},
      {R"({"nested":[]})", "FIELD_MALFORMED nested"},
      {R"({"byKey":[]})", "FIELD_MALFORMED byKey"},
      {R"({"bytesValue":"*"})", "FIELD_MALFORMED bytesValue"},
  }));
  CAPTURE(json);

  CHECK(Read(json) == expected);
}

TEST_CASE("a oneof holds one of its fields", "[json]") {
  CHECK_THAT(Read(R"({"left":"a","right":1})"), Catch::StartsWith("FIELD_MALFORMED"));
}

TEST_CASE("nesting without end is refused", "[json]") {
  std::string json;
  for (int i = 0; i < 10000; ++i) json += R"({"nested":)";

  CHECK(Read(json) == "BODY_MALFORMED");
  CHECK(Read(std::string(100000, '[')) == "BODY_MALFORMED");
}

TEST_CASE("answers print defaults, names and big numbers as text", "[json]") {
  const auto message = FixtureApi().New(&Kinds());
  const auto wire = Codec().ToWire(
      Kinds(), R"({"int64Value":"9007199254740993","colour":"COLOUR_RED","time":"2026-03-01T07:00:00.5Z"})");
  std::string json = "x";

  REQUIRE(Codec().ToJson(Kinds(), wire.value(), json).ok());

  CHECK(json ==
        R"(x{"int32Value":0,"int64Value":"9007199254740993","uint64Value":"0","doubleValue":0,)"
        R"("boolValue":false,"stringValue":"","bytesValue":"","colour":"COLOUR_RED",)"
        R"("byKey":{},"numbers":[],"things":[],"uint32Value":0,"time":"2026-03-01T07:00:00.500Z"})");
}

}  // namespace
}  // namespace weft::gateway
