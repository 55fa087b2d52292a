#include "services/gateway/error_body.h"

#include <catch2/catch.hpp>

#include "libs/base/error.h"

namespace weft::gateway {
namespace {

const ErrorContext kContext = {.room = "pricing", .request_id = "r-1", .path = "/v1/x"};

TEST_CASE("an error is a google.rpc.Status with one ErrorInfo", "[errors]") {
  const auto status = NotFound("PRICE_LIST_NOT_FOUND", "price list 'a\"b' is not known",
                               {{"price_list", "a\"b"}});

  CHECK(StatusJson(status, kContext) ==
        R"({"code":5,"message":"price list 'a\"b' is not known","details":[)"
        R"({"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"PRICE_LIST_NOT_FOUND",)"
        R"("domain":"pricing.weft","metadata":{"price_list":"a\"b"}}]})");
}

TEST_CASE("a wrong field is named in BadRequest", "[errors]") {
  const auto status = InvalidArgument("UNKNOWN_FIELD", "no", {{"field", "lines[0].x"}});

  CHECK_THAT(StatusJson(status, kContext),
             Catch::Contains(R"({"@type":"type.googleapis.com/google.rpc.BadRequest",)"
                             R"("fieldViolations":[{"field":"lines[0].x","description":"no"}]})"));
}

TEST_CASE("a caller who may repeat is told when", "[errors]") {
  const auto limited = ResourceExhausted("RATE_LIMITED", "slow down",
                                         {{"route_class", "read"}, {"retry_after_ms", "250"}});
  const auto away = Unavailable("ROOM_UNAVAILABLE", "pricing is away");

  CHECK_THAT(StatusJson(limited, kContext), Catch::Contains(R"("retryDelay":"0.250s")"));
  CHECK_THAT(StatusJson(limited, kContext), Catch::Contains("google.rpc.QuotaFailure"));
  CHECK_THAT(StatusJson(away, kContext), Catch::Contains(R"("retryDelay":"1s")"));
  CHECK_FALSE(RetryDelay(NotFound("X", "y")).has_value());
}

TEST_CASE("our own faults show the request id and nothing else", "[errors]") {
  const auto code = GENERATE(absl::StatusCode::kInternal, absl::StatusCode::kUnknown,
                             absl::StatusCode::kDataLoss);
  const auto status = Error(code, "SECRET_REASON", "stack at db-7", {{"host", "db-7"}});

  for (const std::string& body : {StatusJson(status, kContext), ProblemJson(status, kContext)}) {
    CHECK_THAT(body, !Catch::Contains("db-7") && !Catch::Contains("SECRET"));
    CHECK_THAT(body, Catch::Contains("r-1"));
  }
  CHECK(HttpStatusOf(status) == 500);
}

TEST_CASE("a status without a reason has its code's name", "[errors]") {
  CHECK(PublicReason(absl::DeadlineExceededError("late")) == "DEADLINE_EXCEEDED");
}

TEST_CASE("a problem names the same reason", "[errors]") {
  const auto status = FailedPrecondition("ORDER_CLOSED", "order 7 is closed", {{"order", "7"}});

  CHECK(ProblemJson(status, kContext) ==
        R"({"type":"urn:weft:reason:ORDER_CLOSED","title":"ORDER_CLOSED","status":400,)"
        R"("detail":"order 7 is closed","instance":"/v1/x","reason":"ORDER_CLOSED",)"
        R"("code":"FAILED_PRECONDITION","domain":"pricing.weft","requestId":"r-1",)"
        R"("metadata":{"order":"7"}})");
}

TEST_CASE("text that is not UTF-8 still gives JSON", "[errors]") {
  CHECK_THAT(StatusJson(NotFound("X", "a\xff\x01z"), kContext),
             Catch::Contains("a\xEF\xBF\xBD\\u0001z"));
}

}  // namespace
}  // namespace weft::gateway
