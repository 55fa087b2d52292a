#include "libs/rpc/retry_budget.h"

#include <catch2/catch.hpp>

namespace weft::rpc {
namespace {

TEST_CASE("a burst of retries ends when the bucket is empty", "[rpc]") {
  RetryBudget budget(0.1, 3);

  CHECK(budget.TryRetry());
  CHECK(budget.TryRetry());
  CHECK(budget.TryRetry());
  CHECK_FALSE(budget.TryRetry());
}

TEST_CASE("in the long run one call in ten may be retried", "[rpc]") {
  RetryBudget budget(0.1, 3);
  int retries = 0;

  for (int i = 0; i < 1000; ++i) {
    budget.OnCall();
    if (budget.TryRetry()) ++retries;
  }

  CHECK(retries >= 99);
  CHECK(retries <= 104);
}

}  // namespace
}  // namespace weft::rpc
