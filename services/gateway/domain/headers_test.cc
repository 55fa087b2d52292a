#include "services/gateway/domain/headers.h"

#include <catch2/catch.hpp>

#include "libs/base/error.h"

namespace weft::gateway {
namespace {

TEST_CASE("every gRPC code has its HTTP status", "[headers]") {
  const auto [code, expected] = GENERATE(table<absl::StatusCode, int>({
      {absl::StatusCode::kOk, 200},
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

  CHECK(HttpStatus(code) == expected);
  CHECK_FALSE(ReasonPhrase(expected).empty());
}

TEST_CASE("an idempotency key is quoted or bare visible ASCII", "[headers]") {
  const auto [value, expected] = GENERATE(table<std::string, std::string>({
      {"abc-1", "abc-1"},
      {"\"abc-1\"", "abc-1"},
      {"  abc ", "abc"},
      {"\"a b\"", "a b"},
      {"\"a\\\"b\\\\c\"", "a\"b\\c"},
      {std::string(255, 'x'), std::string(255, 'x')},
      {"\"" + std::string(255, 'x') + "\"", std::string(255, 'x')},
  }));
  CAPTURE(value);

  CHECK(ParseIdempotencyKey(value).value() == expected);
}

TEST_CASE("an idempotency key of another shape is malformed", "[headers]") {
  const auto value =
      GENERATE(as<std::string>(), "", "\"\"", "\"abc", "a b", "a\tb", "\xC3\xBC", "\"a\"b\"",
               "\"a\\b\"", "\"a\x01\"", "\"", std::string(256, 'x'), "\"a\\\"");
  CAPTURE(value);

  const auto key = ParseIdempotencyKey(value);

  REQUIRE_FALSE(key.ok());
  CHECK(ReasonOf(key.status()) == "IDEMPOTENCY_KEY_MALFORMED");
}

TEST_CASE("time-outs are digits and a unit", "[headers]") {
  CHECK(ParseGrpcTimeout("2S").value() == absl::Seconds(2));
  CHECK(ParseGrpcTimeout("800m").value() == absl::Milliseconds(800));
  CHECK(ParseGrpcTimeout("1H").value() == absl::Hours(1));
  CHECK(ParseGrpcTimeout("3M").value() == absl::Minutes(3));
  CHECK(ParseGrpcTimeout("5u").value() == absl::Microseconds(5));
  CHECK(ParseGrpcTimeout("7n").value() == absl::Nanoseconds(7));
  CHECK(ParseConnectTimeout("1500").value() == absl::Milliseconds(1500));
  for (const char* bad : {"", "S", "2", "2s", "-2S", "123456789S", "1.5S", " 2S"}) {
    CAPTURE(bad);
    CHECK(ReasonOf(ParseGrpcTimeout(bad).status()) == "TIMEOUT_MALFORMED");
  }
  for (const char* bad : {"", "-1", "1s", "12345678901"}) {
    CAPTURE(bad);
    CHECK(ReasonOf(ParseConnectTimeout(bad).status()) == "TIMEOUT_MALFORMED");
  }
}

TEST_CASE("identifiers of a caller are used only when they are harmless", "[headers]") {
  CHECK(IsRequestId("8f3c-11:a/b_c.d~e+f="));
  CHECK_FALSE(IsRequestId(""));
  CHECK_FALSE(IsRequestId("a b"));
  CHECK_FALSE(IsRequestId("a\"b"));
  CHECK_FALSE(IsRequestId(std::string(129, 'a')));
  CHECK(IsTraceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
  CHECK_FALSE(IsTraceparent("00-00000000000000000000000000000000-00f067aa0ba902b7-01"));
  CHECK_FALSE(IsTraceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"));
  CHECK_FALSE(IsTraceparent("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"));
  CHECK_FALSE(IsTraceparent("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
}

TEST_CASE("an Accept header asks for a type by name", "[headers]") {
  CHECK(Accepts("text/event-stream", "text/event-stream"));
  CHECK(Accepts("application/json, Text/Event-Stream;q=0.5", "text/event-stream"));
  CHECK_FALSE(Accepts("text/event-stream;q=0", "text/event-stream"));
  CHECK_FALSE(Accepts("*/*", "text/event-stream"));
  CHECK_FALSE(Accepts("", "text/event-stream"));
}

TEST_CASE("a host is loopback by its name only", "[headers]") {
  for (const char* host : {"localhost", "LocalHost:8080", "127.0.0.1", "127.1.2.3:80", "[::1]",
                           "[::1]:8080"}) {
    CAPTURE(host);
    CHECK(IsLoopbackHost(host));
  }
  for (const char* host : {"", "example.com", "localhost.example.com", "127.0.0.1.example.com",
                           "127.evil.example.com", "128.0.0.1", "127.0.0", "localhost:x",
                           "[::2]", "::1"}) {
    CAPTURE(host);
    CHECK_FALSE(IsLoopbackHost(host));
  }
}

TEST_CASE("tokens, media types and entity tags are read", "[headers]") {
  CHECK(BearerToken("Bearer abc") == "abc");
  CHECK(BearerToken("bearer  abc ") == "abc");
  CHECK_FALSE(BearerToken("Basic abc").has_value());
  CHECK_FALSE(BearerToken("").has_value());
  CHECK(MediaType("Application/JSON; charset=utf-8") == "application/json");
  CHECK(MatchesEtag("\"a\", W/\"b\"", "\"b\""));
  CHECK(MatchesEtag("*", "\"b\""));
  CHECK_FALSE(MatchesEtag("\"a\"", "\"b\""));
}

}  // namespace
}  // namespace weft::gateway
