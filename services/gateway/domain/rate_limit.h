// Token buckets per tenant and class of route.
//
// A bucket holds at most `burst` tokens and gains `per_second`; a request takes
// one. A class without a rate is not limited. Buckets that are full again are
// forgotten, so memory follows the tenants that are active.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace weft::gateway {

enum class RouteClass { kRead, kPrice, kWrite, kStream };
inline constexpr size_t kRouteClasses = 4;
absl::string_view Name(RouteClass c);

struct Rate {
  double per_second = 0;  // 0 = not limited.
  double burst = 0;       // At least 1 where limited.
};
using Rates = std::array<Rate, kRouteClasses>;

struct Verdict {
  bool allowed = true;
  bool limited = false;          // False when the class has no rate.
  double remaining = 0;          // Whole tokens left.
  absl::Duration retry_after;    // Until one token is there; 0 when allowed.
};

// Not thread safe; front.h holds a lock around it.
class RateLimiter {
 public:
  explicit RateLimiter(Rates rates) : rates_(rates) {}

  // Takes a token at `now`, a time that never goes back (Clock::Steady).
  Verdict Take(absl::string_view tenant, RouteClass route_class, absl::Duration now);
  const Rate& rate(RouteClass c) const { return rates_[static_cast<size_t>(c)]; }
  // Buckets held; for tests.
  size_t size() const { return buckets_.size(); }

 private:
  struct Bucket {
    double tokens = 0;
    absl::Duration at;
  };
  void Forget(absl::Duration now);

  const Rates rates_;
  std::unordered_map<std::string, Bucket> buckets_;
  absl::Duration swept_;
};

}  // namespace weft::gateway
