#include "services/approval/domain/credit.h"

#include <catch2/catch.hpp>

namespace weft::approval {
namespace {

Money Gbp(const char* amount) { return Money::Parse(amount, "GBP").value(); }
absl::Time At(int64_t seconds) { return absl::FromUnixSeconds(seconds); }

TEST_CASE("what an account uses is balance, open orders and later invoices, each once",
          "[credit]") {
  const std::vector<OpenOrder> open{
      {.order = "o1", .external_order_id = "w1", .open = Gbp("100")},
      {.order = "o2", .external_order_id = "w2", .erp_order = "E2", .open = Gbp("40"),
       .invoices = {{At(5), Gbp("7")}, {At(15), Gbp("3")}}}};
  struct Case {
    std::set<std::string> contained;
    int64_t watermark;
    const char* used;
  };
  auto c = GENERATE(values<Case>({
      {{}, 0, "1150"},           // 1,000 + 100 + 40 + 7 + 3
      {{}, 10, "1143"},          // The balance has the first invoice.
      {{}, 15, "1140"},          // Both.
      {{"w1"}, 15, "1040"},      // The balance has the first order.
      {{"E2"}, 0, "1100"},       // Known by the ERP's number.
      {{"w1", "w2"}, 0, "1000"},
  }));
  CreditStanding standing{.limit = Gbp("1200"),
                          .open_balance = Gbp("1000"),
                          .watermark = At(c.watermark),
                          .contained_orders = c.contained};

  CHECK(CreditUsed(standing, open, standing.limit->currency).value() == Gbp(c.used));
}

TEST_CASE("an order fits up to the limit and not a penny beyond", "[credit]") {
  CreditStanding standing{.limit = Gbp("1000"), .open_balance = Gbp("400")};
  CHECK_FALSE(CheckCredit(standing, {}, Gbp("600.00")).has_value());
  const auto ending = CheckCredit(standing, {}, Gbp("600.01"));
  REQUIRE(ending.has_value());
  CHECK(ending->reason == "CREDIT_EXCEEDED");
  CHECK(ending->state == OrderState::kRejected);
}

TEST_CASE("no limit is no question, another currency is no answer", "[credit]") {
  CreditStanding standing{.open_balance = Gbp("400")};
  CHECK_FALSE(CheckCredit(standing, {}, Gbp("999999")).has_value());
  standing.limit = Gbp("1000000");
  const auto ending = CheckCredit(standing, {}, Money::Parse("1", "EUR").value());
  REQUIRE(ending.has_value());
  CHECK(ending->reason == "CREDIT_CURRENCY");
}

TEST_CASE("a credit balance of the buyer widens what fits", "[credit]") {
  const CreditStanding standing{.limit = Gbp("0"), .open_balance = Gbp("-50")};
  CHECK_FALSE(CheckCredit(standing, {}, Gbp("50")).has_value());
  CHECK(CheckCredit(standing, {}, Gbp("50.01")).has_value());
}

}  // namespace
}  // namespace weft::approval
