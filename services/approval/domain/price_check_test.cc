#include "services/approval/domain/price_check.h"

#include <catch2/catch.hpp>

#include "services/approval/domain/policy.h"
#include "services/approval/domain/quote_state.h"

namespace weft::approval {
namespace {

Money Gbp(const char* amount) { return Money::Parse(amount, "GBP").value(); }

TEST_CASE("a missing price is told before a changed one", "[prices]") {
  const PricedLine good{.sku = "A", .unit_price = Gbp("2"), .net = Gbp("4")};
  const PricedLine none{.sku = "B", .reason = "NOT_YET_VALID", .message = "from March"};

  const auto ending =
      CheckPrices({good, none}, {{.unit_price = Gbp("1"), .net = {}}, {}});

  REQUIRE(ending.has_value());
  CHECK(ending->reason == "NOT_YET_VALID");
}

TEST_CASE("a price in another currency is a changed price", "[prices]") {
  const PricedLine line{.sku = "A", .unit_price = Gbp("2"), .net = Gbp("4")};
  const auto ending =
      CheckPrices({line}, {{.unit_price = Money::Parse("2", "EUR").value(), .net = {}}});
  REQUIRE(ending.has_value());
  CHECK(ending->reason == "PRICE_CHANGED");
}

TEST_CASE("a total needs an approval when it is above the limit of its currency", "[policy]") {
  PolicyTerms terms;
  terms.default_limit = Decimal(int64_t{100});
  terms.limits = {Gbp("25000")};
  CHECK_FALSE(NeedsApproval(terms, Gbp("25000.00")));
  CHECK(NeedsApproval(terms, Gbp("25000.01")));
  CHECK(NeedsApproval(terms, Money::Parse("100.01", "EUR").value()));
  CHECK_FALSE(NeedsApproval(terms, Money::Parse("100", "EUR").value()));
  terms.approval_off = true;
  CHECK_FALSE(NeedsApproval(terms, Gbp("9999999")));
}

TEST_CASE("a quote is accepted, declined or runs out only when it was sent", "[quote]") {
  using enum QuoteState;
  for (const QuoteState from : {kPricing, kDraft, kSent, kAccepted, kDeclined, kExpired}) {
    CAPTURE(QuoteStateName(from));
    for (const QuoteState to : {kAccepted, kDeclined, kExpired}) {
      CHECK(CanMove(from, to) == (from == kSent));
    }
    CHECK(CanMove(from, kSent) == (from == kDraft));
    CHECK(CanMove(from, kDraft) == (from == kPricing));
    CHECK_FALSE(CanMove(from, kPricing));
  }
}

}  // namespace
}  // namespace weft::approval
