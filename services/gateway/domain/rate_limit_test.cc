#include "services/gateway/domain/rate_limit.h"

#include <catch2/catch.hpp>

namespace weft::gateway {
namespace {

Rates Reads(double per_second, double burst) {
  Rates rates;
  rates[static_cast<size_t>(RouteClass::kRead)] = {per_second, burst};
  return rates;
}

TEST_CASE("a bucket gives its burst and then its rate", "[rate]") {
  RateLimiter limiter(Reads(10, 3));
  const absl::Duration t0 = absl::Seconds(100);

  for (int i = 0; i < 3; ++i) CHECK(limiter.Take("a", RouteClass::kRead, t0).allowed);
  const Verdict refused = limiter.Take("a", RouteClass::kRead, t0);

  CHECK_FALSE(refused.allowed);
  CHECK(refused.retry_after == absl::Milliseconds(100));
  CHECK_FALSE(limiter.Take("a", RouteClass::kRead, t0 + absl::Milliseconds(99)).allowed);
  CHECK(limiter.Take("a", RouteClass::kRead, t0 + absl::Milliseconds(101)).allowed);
}

TEST_CASE("tenants and classes do not share a bucket", "[rate]") {
  Rates rates = Reads(1, 1);
  rates[static_cast<size_t>(RouteClass::kWrite)] = {1, 1};
  RateLimiter limiter(rates);
  const absl::Duration now = absl::Seconds(1);

  CHECK(limiter.Take("a", RouteClass::kRead, now).allowed);
  CHECK_FALSE(limiter.Take("a", RouteClass::kRead, now).allowed);
  CHECK(limiter.Take("b", RouteClass::kRead, now).allowed);
  CHECK(limiter.Take("a", RouteClass::kWrite, now).allowed);
  CHECK_FALSE(limiter.Take("a", RouteClass::kPrice, now).limited);
}

TEST_CASE("buckets that are full again are forgotten", "[rate]") {
  RateLimiter limiter(Reads(1, 1));
  for (int i = 0; i < 100; ++i) {
    limiter.Take("t" + std::to_string(i), RouteClass::kRead, absl::Seconds(1));
  }
  CHECK(limiter.size() == 100);

  limiter.Take("new", RouteClass::kRead, absl::Seconds(20));

  CHECK(limiter.size() == 1);
}

}  // namespace
}  // namespace weft::gateway
