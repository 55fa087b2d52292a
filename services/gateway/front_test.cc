// The gateway as callers see it: HTTP over loopback, a room over gRPC behind it.
#include "services/gateway/front.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/error.h"
#include "services/gateway/testing/fixture_room.h"
#include "services/gateway/testing/http_client.h"
#include "simdjson.h"

namespace weft::gateway {
namespace {

using Map = std::map<std::string, std::string>;

// Reason, and "missing" for what is no error body of ours. Checks that there is
// exactly one ErrorInfo and that no detail type stands twice.
std::string ReasonIn(const std::string& body) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(body).get(root) != simdjson::SUCCESS) return "missing";
  simdjson::dom::array details;
  if (root["details"].get(details) != simdjson::SUCCESS) return "missing";
  std::string reason = "missing";
  std::set<std::string> types;
  for (const auto detail : details) {
    const std::string type{std::string_view(detail["@type"])};
    CHECK(types.insert(type).second);
    if (type == "type.googleapis.com/google.rpc.ErrorInfo") {
      reason = std::string(std::string_view(detail["reason"]));
    }
  }
  return reason;
}

std::string DomainIn(const std::string& body) {
  simdjson::dom::parser parser;
  const simdjson::dom::element root = parser.parse(body);
  return std::string(std::string_view(root.at_pointer("/details/0/domain")));
}

TEST_CASE("a request reaches its room and the answer comes back as JSON", "[gateway]") {
  Fixture fixture;
  HttpClient client(fixture.port());

  const Reply reply = client.Do("GET", "/v1/things/a%2Fb?filter.shelf=s%201",
                                {{"Authorization", fixture.Bearer("rep")}});

  CHECK(reply.status == 200);
  CHECK(reply.body ==
        R"({"id":"a/b","title":"s 1","count":"0","colour":"COLOUR_UNSPECIFIED","etag":""})");
  CHECK(reply.Header("content-type") == "application/json");
  CHECK(reply.Header("cache-control") == "no-store");
  CHECK(fixture.last().principal.tenant == "acme");
  CHECK(fixture.last().principal.user == "u-1");
}

TEST_CASE("every kind of field survives the way there and back", "[gateway]") {
  Fixture fixture;
  HttpClient client(fixture.port());
  const std::string body =
      R"({"int32Value":-5,"int64Value":"9007199254740993","uint64Value":"18446744073709551615",)"
      R"("doubleValue":1.5,"boolValue":true,"stringValue":"\u00fc\"","bytesValue":"AQI=",)"
      R"("colour":"COLOUR_BLUE","duration":"1.500s","mask":"a,bC","wrapped":"","byKey":{"k":)"
      R"({"id":"","title":"t","count":"0","colour":"COLOUR_UNSPECIFIED","etag":""}},"numbers":[1,2],)"
      R"("things":[],"maybe":0,"left":"","uint32Value":7,"time":"2026-03-01T07:00:00Z"})";

  const Reply reply = client.Do("POST", "/v1/things:reflect",
                                {{"Authorization", fixture.Bearer("rep")}}, body);

  REQUIRE(reply.status == 200);
  simdjson::dom::parser parser;
  const simdjson::dom::element root = parser.parse(reply.body);
  CHECK(std::string_view(root["int64Value"]) == "9007199254740993");
  CHECK(std::string_view(root["uint64Value"]) == "18446744073709551615");
  CHECK(std::string_view(root["stringValue"]) == "\xC3\xBC\"");
  CHECK(std::string_view(root["duration"]) == "1.500s");
  CHECK(std::string_view(root["mask"]) == "a,bC");
  CHECK(std::string_view(root["wrapped"]).empty());
  CHECK(int64_t(root["maybe"]) == 0);
  CHECK(std::string_view(root["byKey"]["k"]["title"]) == "t");
  CHECK(root["right"].error() == simdjson::NO_SUCH_FIELD);
}

TEST_CASE("every code of a room has its status, reason and headers", "[gateway]") {
  Fixture fixture;
  HttpClient client(fixture.port());
  const auto [code, status] = GENERATE(table<absl::StatusCode, int>({
      {absl::StatusCode::kInvalidArgument, 400},
      {absl::StatusCode::kFailedPrecondition, 400},
      {absl::StatusCode::kOutOfRange, 400},
      {absl::StatusCode::kUnauthenticated, 401},
      {absl::StatusCode::kPermissionDenied, 403},
      {absl::StatusCode::kNotFound, 404},
      {absl::StatusCode::kAlreadyExists, 409},
      {absl::StatusCode::kAborted, 409},
      {absl::StatusCode::kResourceExhausted, 429},
      {absl::StatusCode::kCancelled, 499},
      {absl::StatusCode::kUnknown, 500},
      {absl::StatusCode::kInternal, 500},
      {absl::StatusCode::kDataLoss, 500},
      {absl::StatusCode::kUnimplemented, 501},
      {absl::StatusCode::kUnavailable, 503},
      {absl::StatusCode::kDeadlineExceeded, 504},
  }));
  CAPTURE(code);

  const Reply reply =
      client.Do("POST", "/v1/things:fail",
                {{"Authorization", fixture.Bearer("rep")}, {"X-Request-Id", "my-request"}},
                absl::StrCat(R"({"code":)", static_cast<int>(code),
                             R"(,"reason":"THE_REASON","message":"secret text"})"));

  CHECK(reply.status == status);
  CHECK(reply.Header("x-request-id") == "my-request");
  if (status == 500) {
    CHECK_THAT(reply.body, !Catch::Contains("secret") && Catch::Contains("my-request"));
  } else {
    CHECK(ReasonIn(reply.body) == "THE_REASON");
    CHECK(DomainIn(reply.body) == "testing.weft");
    CHECK_THAT(reply.body, Catch::Contains("secret text"));
  }
  CHECK(reply.headers.count("www-authenticate") == (status == 401 ? 1 : 0));
  CHECK(reply.headers.count("retry-after") == (status == 429 || status == 503 ? 1 : 0));
}

TEST_CASE("what the gateway refuses has its documented reason", "[gateway]") {
  struct Row {
    int status;
    std::string reason;
    std::string method;
    std::string target;
    Map headers;
    std::string body;
    std::string role = "rep";
  };
  Fixture fixture;
  HttpClient client(fixture.port());
  const std::string big(5 << 20, 'x');
  const std::vector<Row> rows = {
      {404, "ROUTE_NOT_FOUND", "GET", "/v1/nothing", {}, ""},
      {404, "ROUTE_NOT_FOUND", "GET", "/", {}, ""},
      {405, "METHOD_NOT_ALLOWED", "PUT", "/v1/things", {}, ""},
      {400, "URL_MALFORMED", "GET", "/v1/things/%zz", {}, ""},
      {400, "UNKNOWN_PARAMETER", "GET", "/v1/things?bogus=1", {}, ""},
      {400, "PARAMETER_MALFORMED", "GET", "/v1/things?pageSize=many", {}, ""},
      {400, "PARAMETER_REPEATED", "GET", "/v1/things?pageSize=1&pageSize=2", {}, ""},
      {400, "BODY_NOT_ALLOWED", "GET", "/v1/things", {}, "{}"},
      {400, "BODY_MALFORMED", "POST", "/v1/things:reflect", {}, "{"},
      {400, "BODY_MALFORMED", "POST", "/v1/things:reflect", {}, "[]"},
      {400, "UNKNOWN_FIELD", "POST", "/v1/things:reflect", {}, R"({"bogus":1})"},
      {400, "FIELD_REPEATED", "POST", "/v1/things:reflect", {}, R"({"maybe":1,"maybe":1})"},
      {400, "FIELD_MALFORMED", "POST", "/v1/things:reflect", {}, R"({"maybe":"x"})"},
      {400, "REQUEST_ID_REQUIRED", "POST", "/v1/things", {}, "{}"},
      {400, "REQUEST_ID_REQUIRED", "DELETE", "/v1/things/t1", {}, ""},
      {400, "REQUEST_ID_CONFLICT", "POST", "/v1/things", {{"Idempotency-Key", "a"}},
       R"({"requestId":"b"})"},
      {400, "IDEMPOTENCY_KEY_MALFORMED", "POST", "/v1/things", {{"Idempotency-Key", "\"a"}}, "{}"},
      {400, "TIMEOUT_MALFORMED", "GET", "/v1/things", {{"Grpc-Timeout", "soon"}}, ""},
      {400, "TIMEOUT_MALFORMED", "GET", "/v1/things", {{"Connect-Timeout-Ms", "1s"}}, ""},
      {504, "DEADLINE_PASSED", "GET", "/v1/things", {{"Grpc-Timeout", "0S"}}, ""},
      {415, "MEDIA_TYPE_NOT_SUPPORTED", "POST", "/v1/things:reflect",
       {{"Content-Type", "application/xml"}}, "<a/>"},
      {415, "MEDIA_TYPE_NOT_SUPPORTED", "POST", "/v1/things:reflect",
       {{"Content-Encoding", "gzip"}}, "{}"},
      {403, "ROLE_NOT_ALLOWED", "GET", "/v1/things:audit", {}, ""},
      {414, "URL_TOO_LONG", "GET", "/v1/things?words=" + std::string(9000, 'a'), {}, ""},
      {431, "HEADERS_TOO_LARGE", "GET", "/v1/things", {{"X", std::string(40000, 'a')}}, ""},
      {413, "BODY_TOO_LARGE", "POST", "/v1/things:reflect", {}, big},
  };
  for (const Row& row : rows) {
    CAPTURE(row.reason, row.method, row.target.substr(0, 60));
    HttpClient own(fixture.port());
    Map headers = row.headers;
    headers.emplace("Authorization", fixture.Bearer(row.role));

    const Reply reply = own.Do(row.method, row.target, headers, row.body);

    CHECK(reply.status == row.status);
    CHECK(ReasonIn(reply.body) == row.reason);
    CHECK(DomainIn(reply.body) == "gateway.weft");
    CHECK_FALSE(reply.Header("x-request-id").empty());

    // The same as RFC 9457.
    HttpClient other(fixture.port());
    headers["Accept"] = "application/problem+json";
    const Reply problem = other.Do(row.method, row.target, headers, row.body);
    CHECK(problem.status == row.status);
    if (row.status != 414 && row.status != 431) {
      CHECK(problem.Header("content-type") == "application/problem+json");
      CHECK_THAT(problem.body, Catch::Contains(absl::StrCat("\"reason\":\"", row.reason, "\"")));
    }
  }
}

TEST_CASE("a caller needs a token that holds", "[gateway]") {
  Fixture fixture;
  Fixture foreign;
  HttpClient client(fixture.port());
  const std::string expired = absl::StrCat(
      "Bearer ", fixture.Token({.user = "u", .roles = {"rep"}}, absl::Hours(1)));
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"", "TOKEN_REQUIRED"},
      {"Basic dTpw", "TOKEN_INVALID"},
      {"Bearer x.y.z", "TOKEN_INVALID"},
      {foreign.Bearer("rep"), "TOKEN_INVALID"},
      {expired, "TOKEN_EXPIRED"},
  };
  for (const auto& [authorization, reason] : rows) {
    CAPTURE(reason, authorization.substr(0, 10));
    const Reply reply = client.Do(
        "GET", "/v1/things", authorization.empty() ? Map{} : Map{{"Authorization", authorization}});

    CHECK(reply.status == 401);
    CHECK(ReasonIn(reply.body) == reason);
    CHECK_THAT(reply.Header("www-authenticate"), Catch::StartsWith("Bearer realm=\"weft\""));
  }
}

TEST_CASE("a storefront acts for its accounts, a buyer for their own, a guest for none",
          "[gateway]") {
  struct Row {
    std::string role;
    std::string account;
    int status;
    std::string result;  // The account, or the reason.
  };
  const Row row = GENERATE(values<Row>({
      {"storefront", "a-1", 200, "a-1"},
      {"storefront", "a-2", 404, "ACCOUNT_NOT_FOUND"},
      {"storefront", "", 200, ""},
      {"buyer", "", 200, "a-1"},
      {"buyer", "a-1", 200, "a-1"},
      {"buyer", "a-2", 404, "ACCOUNT_NOT_FOUND"},
      {"guest", "", 200, ""},
      {"guest", "a-1", 404, "ACCOUNT_NOT_FOUND"},
  }));
  CAPTURE(row.role, row.account);
  Fixture fixture;
  HttpClient client(fixture.port());

  const Reply reply = client.Do(
      "POST", "/v1/things",
      {{"Authorization", fixture.Bearer(row.role)}, {"Idempotency-Key", "k"}},
      absl::StrCat(R"({"account":")", row.account, R"("})"));

  CHECK(reply.status == row.status);
  if (row.status == 200) {
    CHECK_THAT(reply.body, Catch::Contains(absl::StrCat(R"({"id":")", row.result, "\"")));
  } else {
    CHECK(ReasonIn(reply.body) == row.result);
  }
}

TEST_CASE("a mutation is repeated without a second effect", "[gateway]") {
  Fixture fixture;
  HttpClient client(fixture.port());
  const auto create = [&](const std::string& key, const std::string& title) {
    return client.Do("POST", "/v1/things",
                     {{"Authorization", fixture.Bearer("rep")}, {"Idempotency-Key", key}},
                     absl::StrCat(R"({"thing":{"title":")", title, R"("}})"));
  };

  const Reply first = create("k-1", "x");
  const Reply again = create("\"k-1\"", "x");
  const Reply other = create("k-1", "y");

  CHECK(first.status == 200);
  CHECK(first.Header("weft-token") == "g1.7");
  CHECK(first.Header("idempotent-replayed").empty());
  CHECK(again.body == first.body);
  CHECK(again.Header("idempotent-replayed") == "true");
  CHECK(other.status == 400);
  CHECK(ReasonIn(other.body) == "REQUEST_ID_REUSED");
}

TEST_CASE("If-Match guards an update", "[gateway]") {
  Fixture fixture;
  HttpClient client(fixture.port());
  const auto update = [&](Map headers) {
    headers.insert({{"Authorization", fixture.Bearer("rep")}, {"Idempotency-Key", "k"}});
    return client.Do("PATCH", "/v1/things/t1", headers, R"({"title":"x"})");
  };

  CHECK(update({{"If-Match", "\"v1\""}}).status == 200);
  const Reply stale = update({{"If-Match", "\"v0\""}});
  CHECK(stale.status == 412);
  CHECK(ReasonIn(stale.body) == "ETAG_MISMATCH");
  CHECK(update({}).status == 200);
}

TEST_CASE("an answer that did not change is not sent again", "[gateway]") {
  Fixture fixture;
  HttpClient client(fixture.port());
  const Map headers = {{"Authorization", fixture.Bearer("rep")}};
  const Reply first = client.Do("GET", "/v1/things/t1", headers);
  Map with = headers;
  with["If-None-Match"] = first.Header("etag");

  CHECK_FALSE(first.Header("etag").empty());
  CHECK(client.Do("GET", "/v1/things/t1", with).status == 304);
  CHECK(client.Do("GET", "/v1/things/t2", with).status == 200);
  CHECK(client.Do("HEAD", "/v1/things/t1", headers).Header("content-length") ==
        first.Header("content-length"));
}

TEST_CASE("request id, trace and deadline travel on", "[gateway]") {
  Fixture fixture;
  HttpClient client(fixture.port());
  const absl::Time before = absl::Now();

  const Reply reply = client.Do(
      "GET", "/v1/things/t1",
      {{"Authorization", fixture.Bearer("rep")},
       {"X-Request-Id", "r-77"},
       {"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
       {"Grpc-Timeout", "2S"},
       {"Weft-User", "somebody"}});

  CHECK(reply.Header("x-request-id") == "r-77");
  CHECK(fixture.last().request_id == "r-77");
  CHECK_THAT(fixture.last().traceparent,
             Catch::StartsWith("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
  CHECK(fixture.last().deadline - before <= absl::Milliseconds(2100));
  CHECK(fixture.last().principal.user == "u-1");
  // An id that could break a log line is replaced.
  CHECK(client
            .Do("GET", "/v1/things/t1",
                {{"Authorization", fixture.Bearer("rep")}, {"X-Request-Id", "a b"}})
            .Header("x-request-id") != "a b");
}

TEST_CASE("a deadline has a default and a ceiling", "[gateway]") {
  FixtureOptions options;
  options.config.mutable_deadline_default()->set_seconds(3);
  options.config.mutable_deadline_max()->set_seconds(6);
  Fixture fixture(options);
  HttpClient client(fixture.port());
  const auto [sent, seconds] = GENERATE(table<std::string, int>({{"", 3}, {"60S", 6}, {"1S", 1}}));
  CAPTURE(sent);
  Map headers = {{"Authorization", fixture.Bearer("rep")}};
  if (!sent.empty()) headers["Grpc-Timeout"] = sent;
  const absl::Time before = absl::Now();

  client.Do("GET", "/v1/things/t1", headers);

  const absl::Duration left = fixture.last().deadline - before;
  CHECK(left > absl::Seconds(seconds) - absl::Milliseconds(100));
  CHECK(left < absl::Seconds(seconds) + absl::Seconds(1));
}

TEST_CASE("a room that does not answer in time is 504", "[gateway]") {
  Fixture fixture;
  HttpClient client(fixture.port());

  const Reply reply =
      client.Do("GET", "/v1/things:hang",
                {{"Authorization", fixture.Bearer("rep")}, {"Connect-Timeout-Ms", "50"}});

  CHECK(reply.status == 504);
  CHECK(ReasonIn(reply.body) == "DEADLINE_PASSED");
}

TEST_CASE("a client that leaves cancels its call", "[gateway]") {
  Fixture fixture;
  {
    HttpClient client(fixture.port());
    client.Send(absl::StrCat("GET /v1/things:hang HTTP/1.1\r\nHost: x\r\nAuthorization: ",
                             fixture.Bearer("rep"), "\r\nGrpc-Timeout: 30S\r\n\r\n"));
  }

  CHECK(fixture.WaitForCall("Hang").code() == absl::StatusCode::kCancelled);
}

TEST_CASE("a room that is away is 503 and says when to come again", "[gateway]") {
  Fixture fixture({.room_away = true});
  HttpClient client(fixture.port());

  const Reply reply =
      client.Do("GET", "/v1/things/t1", {{"Authorization", fixture.Bearer("rep")}});

  CHECK(reply.status == 503);
  CHECK(ReasonIn(reply.body) == "ROOM_UNAVAILABLE");
  CHECK(reply.Header("retry-after") == "1");
}

TEST_CASE("a stream is one JSON object a line", "[gateway]") {
  Fixture fixture;
  HttpClient client(fixture.port());

  const Reply reply = client.Do("GET", "/v1/things:watch?count=3",
                                {{"Authorization", fixture.Bearer("rep")}});

  CHECK(reply.status == 200);
  CHECK(reply.Header("content-type") == "application/x-ndjson");
  CHECK(std::count(reply.body.begin(), reply.body.end(), '\n') == 3);
  CHECK_THAT(reply.body, Catch::StartsWith(R"({"id":"t0",)"));
  // The connection serves on.
  CHECK(client.Do("GET", "/livez").status == 200);
}

TEST_CASE("an event stream has ids, and a late error is its last event", "[gateway]") {
  Fixture fixture;
  HttpClient client(fixture.port());
  const Map headers = {{"Authorization", fixture.Bearer("rep")}, {"Accept", "text/event-stream"}};

  const Reply reply = client.Do("GET", "/v1/things:watch?count=2&code=9", headers);

  CHECK(reply.status == 200);
  CHECK(reply.Header("content-type") == "text/event-stream");
  CHECK_THAT(reply.body, Catch::StartsWith("id: 1\ndata: {\"id\":\"t0\"") &&
                             Catch::Contains("\n\nid: 2\ndata: {\"id\":\"t1\"") &&
                             Catch::Contains("\n\nevent: error\ndata: {\"code\":9") &&
                             Catch::Contains("WATCH_ENDED") && Catch::EndsWith("\n\n"));
}

TEST_CASE("a late error ends a stream of lines", "[gateway]") {
  Fixture fixture;
  HttpClient client(fixture.port());

  const Reply reply = client.Do("GET", "/v1/things:watch?count=1&code=14",
                                {{"Authorization", fixture.Bearer("rep")}});

  CHECK(reply.status == 200);
  const std::string last = reply.body.substr(reply.body.find('\n') + 1);
  CHECK_THAT(last, Catch::StartsWith(R"({"error":{"code":14)") && Catch::EndsWith("}\n"));
}

TEST_CASE("an error before the first message is an answer like any other", "[gateway]") {
  Fixture fixture;
  HttpClient client(fixture.port());

  const Reply reply = client.Do("GET", "/v1/things:watch?code=5",
                                {{"Authorization", fixture.Bearer("rep")}});

  CHECK(reply.status == 404);
  CHECK(ReasonIn(reply.body) == "WATCH_ENDED");
}

TEST_CASE("a silent stream of events shows signs of life, and its reader's end ends it",
          "[gateway]") {
  FixtureOptions options;
  options.config.mutable_heartbeat()->set_nanos(50'000'000);
  Fixture fixture(options);
  {
    HttpClient client(fixture.port());
    client.Send(absl::StrCat("GET /v1/things:watch?count=1&stay=true HTTP/1.1\r\nHost: x\r\n",
                             "Accept: text/event-stream\r\nAuthorization: ",
                             fixture.Bearer("rep"), "\r\n\r\n"));
    CHECK_FALSE(client.ReceiveUntil("data: {\"id\":\"t0\"").empty());
    CHECK_FALSE(client.ReceiveUntil(": still here\n\n").empty());
    CHECK_FALSE(client.ReceiveUntil(": still here\n\n").empty());
  }

  CHECK(fixture.WaitForCall("WatchThings").code() == absl::StatusCode::kCancelled);
}

TEST_CASE("a silent stream sends its head without waiting for a message", "[gateway]") {
  FixtureOptions options;
  options.config.mutable_heartbeat()->set_nanos(50'000'000);
  Fixture fixture(options);
  HttpClient client(fixture.port());

  client.Send(absl::StrCat("GET /v1/things:watch?stay=true HTTP/1.1\r\nHost: x\r\nAuthorization: ",
                           fixture.Bearer("rep"), "\r\n\r\n"));

  CHECK_THAT(client.ReceiveUntil("\r\n\r\n"), Catch::StartsWith("HTTP/1.1 200 OK"));
}

TEST_CASE("a tenant that asks too much waits, others do not", "[gateway]") {
  FixtureOptions options;
  auto* limit = options.config.add_rate_limits();
  limit->set_route_class("read");
  limit->set_per_second(0.01);
  limit->set_burst(2);
  Fixture fixture(options);
  HttpClient client(fixture.port());
  const Map headers = {{"Authorization", fixture.Bearer("rep")}};
  const std::string other = absl::StrCat(
      "Bearer ", fixture.Token({.tenant = "other", .user = "u", .roles = {"rep"}}));

  const Reply first = client.Do("GET", "/v1/things", headers);
  CHECK(client.Do("GET", "/v1/things", headers).status == 200);
  const Reply refused = client.Do("GET", "/v1/things", headers);

  CHECK(first.status == 200);
  CHECK(first.Header("ratelimit") == "\"read\";r=1");
  CHECK(first.Header("ratelimit-policy") == "\"read\";q=2;w=200");
  CHECK(refused.status == 429);
  CHECK(ReasonIn(refused.body) == "RATE_LIMITED");
  CHECK_THAT(refused.body, Catch::Contains("google.rpc.RetryInfo") &&
                               Catch::Contains("google.rpc.QuotaFailure"));
  CHECK(refused.Header("retry-after") == "100");
  CHECK(client.Do("GET", "/v1/things", {{"Authorization", other}}).status == 200);
  CHECK(client.Do("GET", "/v1/things:watch", headers).status == 200);
}

TEST_CASE("pages of exactly the configured origins may call", "[gateway]") {
  FixtureOptions options;
  options.config.add_cors_origins("https://shop.example.com");
  Fixture fixture(options);
  HttpClient client(fixture.port());
  const Map token = {{"Authorization", fixture.Bearer("rep")}};
  const auto with = [&](const std::string& origin) {
    Map headers = token;
    headers["Origin"] = origin;
    return client.Do("GET", "/v1/things", headers);
  };

  const Reply preflight =
      client.Do("OPTIONS", "/v1/things",
                {{"Origin", "https://shop.example.com"}, {"Access-Control-Request-Method", "POST"}});

  CHECK(preflight.status == 204);
  CHECK(preflight.Header("access-control-allow-origin") == "https://shop.example.com");
  CHECK(preflight.Header("access-control-allow-methods") == "GET, POST, OPTIONS");
  CHECK(preflight.Header("access-control-max-age") == "600");
  CHECK(with("https://shop.example.com").Header("access-control-allow-origin") ==
        "https://shop.example.com");
  for (const char* origin : {"https://shop.example.com.evil.test", "http://shop.example.com",
                             "null", "https://SHOP.example.com"}) {
    CAPTURE(origin);
    CHECK(with(origin).Header("access-control-allow-origin").empty());
    CHECK(with(origin).status == 200);
  }
  CHECK(client
            .Do("OPTIONS", "/v1/things",
                {{"Origin", "https://evil.test"}, {"Access-Control-Request-Method", "POST"}})
            .Header("access-control-allow-origin")
            .empty());
}

TEST_CASE("probes need no token and tell when the gateway drains", "[gateway]") {
  Fixture fixture;
  HttpClient client(fixture.port());

  CHECK(client.Do("GET", "/livez").status == 200);
  CHECK(client.Do("GET", "/readyz").status == 200);
  fixture.gateway().Drain();
  CHECK(client.Do("GET", "/readyz").status == 503);
  CHECK(client.Do("GET", "/livez").status == 200);
}

TEST_CASE("the OpenAPI document is served and can be kept", "[gateway]") {
  Fixture fixture;
  HttpClient client(fixture.port());

  const Reply reply = client.Do("GET", "/v1/openapi.json");

  CHECK(reply.status == 200);
  CHECK_THAT(reply.body, Catch::Contains("\"openapi\":\"3.1.0\""));
  CHECK(client.Do("GET", "/v1/openapi.json", {{"If-None-Match", reply.Header("etag")}}).status ==
        304);
}

TEST_CASE("in the open mode a caller names the user it acts for", "[gateway]") {
  Fixture fixture({.open = true});
  HttpClient client(fixture.port());

  const Reply reply = client.Do("GET", "/v1/things/t1", {{"Weft-User", "ana"}});

  CHECK(reply.status == 200);
  CHECK(fixture.last().principal.tenant == "demo");
  CHECK(fixture.last().principal.user == "ana");
  CHECK(fixture.last().principal.Has("operator"));
}

TEST_CASE("in the open mode no web page becomes a caller", "[gateway]") {
  FixtureOptions options{.open = true};
  options.config.add_cors_origins("https://shop.example.com");
  Fixture fixture(options);
  HttpClient client(fixture.port());
  const std::string self = absl::StrCat("localhost:", fixture.port());
  const std::vector<std::tuple<Map, int, std::string>> rows = {
      {{}, 200, ""},
      {{{"Host", self}, {"Origin", absl::StrCat("http://", self)}}, 200, ""},
      {{{"Origin", "https://shop.example.com"}}, 200, ""},
      {{{"Origin", "https://evil.test"}}, 403, "ORIGIN_NOT_ALLOWED"},
      {{{"Origin", "null"}}, 403, "ORIGIN_NOT_ALLOWED"},
      {{{"Host", "evil.test"}}, 403, "HOST_NOT_ALLOWED"},
      {{{"Host", "evil.test"}, {"Origin", "http://evil.test"}}, 403, "HOST_NOT_ALLOWED"},
  };
  for (const auto& [headers, status, reason] : rows) {
    CAPTURE(headers);
    const Reply reply = client.Do("GET", "/v1/things", headers);
    CHECK(reply.status == status);
    if (status != 200) CHECK(ReasonIn(reply.body) == reason);
  }
  // With tokens the name of the host is the operator's affair.
  Fixture closed;
  HttpClient other(closed.port());
  CHECK(other
            .Do("GET", "/v1/things",
                {{"Host", "weft.example.com"}, {"Authorization", closed.Bearer("rep")}})
            .status == 200);
}

TEST_CASE("the open mode does not listen beyond loopback", "[gateway]") {
  SystemClock clock;
  const rpc::TokenVerifier verifier({}, clock);
  const auto open = rpc::OpenLoopback(verifier, "demo");
  v1::GatewayConfig config;
  config.set_address("0.0.0.0");
  config.set_port(0);

  service::Surroundings around;
  around.clock = &clock;
  around.authenticator = open.get();

  const auto gateway = MakeGateway(config, around).value();

  CHECK(ReasonOf(gateway->Start()) == "OPEN_NOT_LOOPBACK");
}

TEST_CASE("requests are counted by their route, not by their URL", "[gateway]") {
  telemetry::Metrics metrics;
  telemetry::MetricsScope scope(metrics, {{"room", "gateway"}});
  {
    Fixture fixture({.metrics = &scope});
    HttpClient client(fixture.port());
    const Map headers = {{"Authorization", fixture.Bearer("rep")}};
    client.Do("GET", "/v1/things/t1", headers);
    client.Do("GET", "/v1/things/t1?x=1", headers);
    client.Do("GET", "/v1/elsewhere", headers);
  }
  const std::string text = metrics.ToText();

  for (const char* line : {
           R"(weft_http_requests_total{code="200",method="GET",room="gateway",route="/v1/things/{id}"} 1)",
           R"(weft_http_requests_total{code="400",method="GET",room="gateway",route="/v1/things/{id}"} 1)",
           R"(weft_http_requests_total{code="404",method="none",room="gateway",route="none"} 1)",
           R"(weft_http_requests_total{code="200",method="POST",room="gateway",route="/v1/things"} 0)",
           R"(weft_http_requests_in_flight{room="gateway"} 0)",
           R"(weft_http_request_duration_seconds_count{method="GET",room="gateway",route="/v1/things/{id}"} 2)",
           "weft_http_transcode_seconds_count{room=\"gateway\"} 2"}) {
    CHECK_THAT(text, Catch::Contains(line));
  }
  CHECK_THAT(text, !Catch::Contains("t1") && !Catch::Contains("elsewhere"));
}

}  // namespace
}  // namespace weft::gateway
