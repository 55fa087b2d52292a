#include "services/gateway/transcoder.h"

#include <catch2/catch.hpp>

#include "libs/base/error.h"
#include "services/gateway/testing/fixture_descriptors.h"

namespace weft::gateway {
namespace {

struct Rest {
  std::string method;
  std::string path;
  std::string body;
  std::string key;
  std::string if_match;
};

// "<RPC> <request as text>", or "<reason> <first metadata value>".
std::string Message(const Rest& rest) {
  static const Transcoder* const transcoder = new Transcoder(FixtureApi());
  const size_t mark = rest.path.find('?');
  const auto match = FixtureApi().router().Find(rest.method, rest.path.substr(0, mark));
  if (!match.ok()) return ReasonOf(match.status());
  const Binding& binding = FixtureApi().bindings()[match->target];
  const std::string query = mark == std::string::npos ? "" : rest.path.substr(mark + 1);
  const auto wire = transcoder->ToMessage(binding, {.variables = match->variables,
                                                    .query = query,
                                                    .body = rest.body,
                                                    .idempotency_key = rest.key,
                                                    .if_match = rest.if_match});
  if (!wire.ok()) {
    const auto metadata = MetadataOf(wire.status());
    return ReasonOf(wire.status()) + (metadata.empty() ? "" : " " + metadata[0].second);
  }
  const Method& method = FixtureApi().methods()[binding.method];
  const auto message = FixtureApi().New(method.input());
  CHECK(message->ParseFromString(*wire));
  return method.descriptor->name() + " " + message->ShortDebugString();
}

TEST_CASE("a REST request becomes its message", "[transcode]") {
  const auto [rest, expected] = GENERATE(table<Rest, std::string>({
      {{"GET", "/v1/things/a%2Fb"}, "GetThing id: \"a/b\""},
      {{"GET", "/v1/shelves/s1/things/t1"}, "GetThing id: \"t1\" filter { shelf: \"s1\" }"},
      {{"GET", "/v1/shelves/s1/things/t1?filter.colours=COLOUR_RED"},
       "GetThing id: \"t1\" filter { shelf: \"s1\" colours: COLOUR_RED }"},
      {{"GET", "/v1/things?pageSize=5&words=a&words=b"},
       "ListThings page_size: 5 words: \"a\" words: \"b\""},
      {{"GET", "/v1/files/a/b%2Fc"}, "GetFile name: \"files/a/b%2Fc\""},
      {{"POST", "/v1/things", R"({"thing":{"title":"x"}})", "k1"},
       "CreateThing request_id: \"k1\" thing { title: \"x\" }"},
      {{"POST", "/v1/things", R"({"requestId":"k1","thing":{}})"},
       "CreateThing request_id: \"k1\" thing { }"},
      {{"POST", "/v1/things", R"({"requestId":"k1"})", "k1"}, "CreateThing request_id: \"k1\""},
      {{"POST", "/v1/things", "", "k1"}, "CreateThing request_id: \"k1\""},
      {{"PATCH", "/v1/things/t1?updateMask=title", R"({"title":"x"})", "k"},
       "UpdateThing request_id: \"k\" thing { id: \"t1\" title: \"x\" } update_mask { paths: \"title\" }"},
      {{"PATCH", "/v1/things/t1", R"({"id":"other","title":"x"})", "k", "v7"},
       "UpdateThing request_id: \"k\" thing { id: \"t1\" title: \"x\" } etag: \"v7\""},
      {{"DELETE", "/v1/things/t1", "", "k"}, "DeleteThing request_id: \"k\" id: \"t1\""},
  }));
  CAPTURE(rest.path, rest.body);

  CHECK(Message(rest) == expected);
}

TEST_CASE("a REST request that does not fit is refused by name", "[transcode]") {
  const auto [rest, expected] = GENERATE(table<Rest, std::string>({
      {{"GET", "/v1/nothing"}, "ROUTE_NOT_FOUND"},
      {{"PUT", "/v1/things"}, "METHOD_NOT_ALLOWED"},
      {{"GET", "/v1/things/%zz"}, "URL_MALFORMED"},
      {{"GET", "/v1/things?bogus=1"}, "UNKNOWN_PARAMETER bogus"},
      {{"GET", "/v1/things?pageSize=x"}, "PARAMETER_MALFORMED pageSize"},
      {{"GET", "/v1/things/t1?id=t2"}, "PARAMETER_REPEATED id"},
      {{"GET", "/v1/things?a=%2"}, "URL_MALFORMED"},
      {{"GET", "/v1/things", "{}"}, "BODY_NOT_ALLOWED"},
      {{"POST", "/v1/things?account=a", "{}", "k"}, "UNKNOWN_PARAMETER account"},
      {{"POST", "/v1/things", R"({"thing":{"x":1}})", "k"}, "UNKNOWN_FIELD thing.x"},
      {{"PATCH", "/v1/things/t1", R"({"x":1})", "k"}, "UNKNOWN_FIELD thing.x"},
      {{"PATCH", "/v1/things/t1", R"({"count":"x"})", "k"}, "FIELD_MALFORMED thing.count"},
      {{"PATCH", "/v1/things/t1?thing.title=x", "{}", "k"}, "UNKNOWN_PARAMETER thing.title"},
      {{"POST", "/v1/things", "{"}, "BODY_MALFORMED"},
      {{"POST", "/v1/things", "{}"}, "REQUEST_ID_REQUIRED Idempotency-Key"},
      {{"DELETE", "/v1/things/t1"}, "REQUEST_ID_REQUIRED Idempotency-Key"},
      {{"POST", "/v1/things", R"({"requestId":"k1"})", "k2"}, "REQUEST_ID_CONFLICT requestId"},
  }));
  CAPTURE(rest.path, rest.body);

  CHECK(Message(rest) == expected);
}

TEST_CASE("methods are classed by what they do", "[transcode]") {
  CHECK(FixtureMethod("GetThing").route_class == RouteClass::kRead);
  CHECK(FixtureMethod("CreateThing").route_class == RouteClass::kWrite);
  CHECK(FixtureMethod("WatchThings").route_class == RouteClass::kStream);
  CHECK(FixtureMethod("GetThing").room == "testing");
  CHECK(FixtureMethod("GetThing").name == "weft.testing.v1.FixtureService/GetThing");
}

}  // namespace
}  // namespace weft::gateway
