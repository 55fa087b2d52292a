#include "libs/rpc/status_codec.h"

#include <catch2/catch.hpp>
#include <tuple>

#include "google/rpc/error_details.pb.h"
#include "libs/base/error.h"

namespace weft::rpc {
namespace {

template <typename Detail>
int Count(const google::rpc::Status& wire) {
  int count = 0;
  for (const auto& any : wire.details()) count += any.Is<Detail>() ? 1 : 0;
  return count;
}

template <typename Detail>
Detail Get(const google::rpc::Status& wire) {
  Detail detail;
  for (const auto& any : wire.details()) {
    if (any.Is<Detail>()) any.UnpackTo(&detail);
  }
  return detail;
}

TEST_CASE("an error comes back as it went, with one ErrorInfo", "[rpc][errors]") {
  const auto [code, reason] = GENERATE(table<absl::StatusCode, const char*>({
      {absl::StatusCode::kCancelled, "LEFT"},
      {absl::StatusCode::kInvalidArgument, "QUANTITY_NEGATIVE"},
      {absl::StatusCode::kDeadlineExceeded, "DEADLINE_PASSED"},
      {absl::StatusCode::kNotFound, "ITEM_NOT_FOUND"},
      {absl::StatusCode::kAlreadyExists, "ORDER_ID_REUSED"},
      {absl::StatusCode::kPermissionDenied, "ROLE_NOT_ALLOWED"},
      {absl::StatusCode::kResourceExhausted, "SHARD_BUSY"},
      {absl::StatusCode::kFailedPrecondition, "UNDONE"},
      {absl::StatusCode::kAborted, "ETAG_MISMATCH"},
      {absl::StatusCode::kOutOfRange, "OFFSET_GONE"},
      {absl::StatusCode::kUnimplemented, "METHOD_UNKNOWN"},
      {absl::StatusCode::kUnavailable, "ROOM_UNAVAILABLE"},
      {absl::StatusCode::kDataLoss, "ROW_UNREADABLE"},
      {absl::StatusCode::kUnauthenticated, "TOKEN_REQUIRED"},
  }));
  CAPTURE(reason);
  const absl::Status error = Error(code, reason, "what failed and what to do",
                                   {{"a", "1"}, {"b", "ü"}});

  const google::rpc::Status wire = ToWire(error, "pricing", "r1");

  CHECK(Count<google::rpc::ErrorInfo>(wire) == 1);
  CHECK(Get<google::rpc::ErrorInfo>(wire).domain() == "pricing.weft");
  CHECK(FromWire(wire) == error);
  CHECK(FromWire(wire.code(), wire.message(), wire.SerializeAsString()) == error);
}

TEST_CASE("an internal error shows the request id and nothing else", "[rpc][errors]") {
  const absl::Status error = GENERATE(Internal("secret"), absl::UnknownError("secret"),
                                      absl::InternalError("secret"));

  const google::rpc::Status wire = ToWire(error, "pricing", "r1");

  CHECK(wire.DebugString().find("secret") == std::string::npos);
  CHECK(wire.message().find("r1") != std::string::npos);
  CHECK(Get<google::rpc::ErrorInfo>(wire).reason() == "INTERNAL");
  CHECK(Count<google::rpc::ErrorInfo>(wire) == 1);
}

TEST_CASE("a status without a reason gets its code's name", "[rpc][errors]") {
  const google::rpc::Status wire = ToWire(absl::NotFoundError("gone"), "pricing", "r1");

  CHECK(Get<google::rpc::ErrorInfo>(wire).reason() == "NOT_FOUND");
}

TEST_CASE("what can be tried again says when", "[rpc][errors]") {
  const auto [after, nanos] = GENERATE(table<const char*, int>({
      {"", 100'000'000},
      {"250", 250'000'000},
      {"soon", 100'000'000},
      {"-1", 100'000'000},
  }));
  CAPTURE(after);

  const auto wire = ToWire(
      ResourceExhausted("SHARD_BUSY", "busy", {{"retry_after_ms", after}}), "p", "r");

  CHECK(Get<google::rpc::RetryInfo>(wire).retry_delay().nanos() == nanos);
}

TEST_CASE("a wrong field is named as a field violation", "[rpc][errors]") {
  const auto wire = ToWire(
      InvalidArgument("QUANTITY_NEGATIVE", "negative", {{"field", "lines[3].quantity"}}), "p",
      "r");

  CHECK(Get<google::rpc::BadRequest>(wire).field_violations(0).field() ==
        "lines[3].quantity");
}

TEST_CASE("any text fits and parses", "[rpc][errors]") {
  const std::string text = GENERATE(std::string(100'000, 'x'), std::string("\xff\xfe\x80"),
                                    std::string("\xed\xa0\x80"), std::string(5'000, '\xc3'));
  ErrorMetadata metadata;
  for (int i = 0; i < 100; ++i) metadata.emplace_back("key" + std::to_string(i), text);

  const google::rpc::Status wire = ToWire(NotFound("ITEM_NOT_FOUND", text, metadata), "p", "r");

  const std::string bytes = wire.SerializeAsString();
  CHECK(bytes.size() < 5'000);
  google::rpc::Status parsed;
  REQUIRE(parsed.ParseFromString(bytes));
  CHECK(ReasonOf(FromWire(parsed)) == "ITEM_NOT_FOUND");
}

TEST_CASE("details that do not fit the code are not believed", "[rpc][errors]") {
  const auto wire = ToWire(NotFound("ITEM_NOT_FOUND", "gone"), "p", "r");

  CHECK(ReasonOf(FromWire(7, "denied", wire.SerializeAsString())).empty());
  CHECK(ReasonOf(FromWire(5, "gone", "not a message")).empty());
  CHECK(FromWire(0, "", wire.SerializeAsString()).ok());
}

}  // namespace
}  // namespace weft::rpc
