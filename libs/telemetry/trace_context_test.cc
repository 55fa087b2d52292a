#include "libs/telemetry/trace_context.h"

#include <catch2/catch.hpp>
#include <set>
#include <tuple>

namespace weft::telemetry {
namespace {

constexpr char kGood[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TEST_CASE("a traceparent is taken or refused as the standard says", "[trace]") {
  const auto [text, valid] = GENERATE(table<std::string, bool>({
      {kGood, true},
      {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", true},
      {"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true},
      {"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", true},
      {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", false},
      {"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false},
      {"00-00000000000000000000000000000000-b7ad6b7169203331-01", false},
      {"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false},
      {"00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false},
      {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0", false},
      {"00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false},
      {"", false},
  }));
  CAPTURE(text);

  CHECK(TraceContext::FromText(text).has_value() == valid);
}

TEST_CASE("a traceparent comes back as it was", "[trace]") {
  CHECK(TraceContext::FromText(kGood)->ToText() == kGood);
}

TEST_CASE("a child is of the same trace and another span", "[trace]") {
  const auto parent = TraceContext::FromText(kGood);
  const auto child = TraceContext::FromText(ChildTraceparent(kGood));

  REQUIRE(child.has_value());
  CHECK(child->trace_id == parent->trace_id);
  CHECK(child->span_id != parent->span_id);
  CHECK(child->flags == parent->flags);
}

TEST_CASE("without a parent a new trace begins", "[trace]") {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) {
    const auto trace = TraceContext::FromText(ChildTraceparent(i % 2 == 0 ? "" : "junk"));
    REQUIRE(trace.has_value());
    ids.insert(trace->trace_id);
  }
  CHECK(ids.size() == 1000);
}

}  // namespace
}  // namespace weft::telemetry
