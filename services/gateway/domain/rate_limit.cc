#include "services/gateway/domain/rate_limit.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace weft::gateway {
namespace {

// How often buckets that are full again are looked for.
constexpr absl::Duration kSweepEvery = absl::Seconds(10);

}  // namespace

absl::string_view Name(RouteClass c) {
  switch (c) {
    case RouteClass::kRead: return "read";
    case RouteClass::kPrice: return "price";
    case RouteClass::kWrite: return "write";
    case RouteClass::kStream: return "stream";
  }
  return "read";
}

Verdict RateLimiter::Take(absl::string_view tenant, RouteClass route_class, absl::Duration now) {
  const Rate& rate = rates_[static_cast<size_t>(route_class)];
  if (rate.per_second <= 0) return {};
  const double burst = std::max(rate.burst, 1.0);
  if (now - swept_ > kSweepEvery) Forget(now);
  const auto [it, fresh] = buckets_.try_emplace(
      absl::StrCat(static_cast<int>(route_class), "/", tenant), Bucket{burst, now});
  Bucket& bucket = it->second;
  if (!fresh) {
    bucket.tokens = std::min(
        burst, bucket.tokens + absl::ToDoubleSeconds(now - bucket.at) * rate.per_second);
    bucket.at = now;
  }
  Verdict verdict{.limited = true};
  if (bucket.tokens >= 1) {
    bucket.tokens -= 1;
    verdict.remaining = std::floor(bucket.tokens);
    return verdict;
  }
  verdict.allowed = false;
  verdict.retry_after = absl::Seconds((1 - bucket.tokens) / rate.per_second);
  return verdict;
}

void RateLimiter::Forget(absl::Duration now) {
  swept_ = now;
  for (auto it = buckets_.begin(); it != buckets_.end();) {
    const Rate& rate = rates_[static_cast<size_t>(it->first[0] - '0')];
    const double tokens =
        it->second.tokens + absl::ToDoubleSeconds(now - it->second.at) * rate.per_second;
    it = tokens >= std::max(rate.burst, 1.0) ? buckets_.erase(it) : std::next(it);
  }
}

}  // namespace weft::gateway
