// What scenario tests share: a shop with one list and one account, asked through the
// RPCs.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/pricing/testing/published_bench.h"

namespace weft::pricing {

// Nets of all lines, then the total.
inline std::string Nets(PricingBench& bench, const v1::CalculatePricesRequest& request) {
  const auto answer = bench.Calculate(PricingBench::Staff(), request);
  if (!answer.ok()) return ReasonOf(answer.status());
  std::string told;
  for (const v1::PriceLine& line : answer->lines()) {
    absl::StrAppend(&told, line.has_reason() ? line.reason().reason() : line.net().amount(), " ");
  }
  return absl::StrCat(told, "= ", answer->total().amount());
}

// Lines of the account A, in base units.
inline v1::CalculatePricesRequest Lines(
    const std::vector<std::pair<std::string, std::string>>& lines) {
  v1::CalculatePricesRequest request;
  request.set_account("A");
  SetUs(*request.mutable_as_of(), "2026-05-01T12:00:00Z");
  for (const auto& [sku, quantity] : lines) {
    v1::PriceRequestLine& line = *request.add_lines();
    line.set_sku(sku);
    line.mutable_quantity()->set_value(quantity);
  }
  return request;
}

// The account A, and the book LIST for everyone.
struct ScenarioShop : PublishedBench {
  ScenarioShop() {
    Put(Book("LIST"));
    Put(Account("A"));
  }
  void AddItem(const std::string& sku, const Tiers& tiers, const std::string& category = "") {
    facts::v1::ItemChanged item = Item(sku);
    if (!category.empty()) item.add_categories(category);
    Put(item);
    Put(Price("LIST", sku, tiers));
  }
  v1::PriceExplanation Explain(const v1::CalculatePricesRequest& like,
                               const Principal& who = Staff()) {
    v1::ExplainPriceRequest request;
    request.set_account(like.account());
    request.set_channel(like.channel());
    request.set_currency_code(like.currency_code());
    *request.mutable_as_of() = like.as_of();
    *request.mutable_line() = like.lines(0);
    auto told = Call<v1::PriceExplanation>(who, "ExplainPrice", request);
    if (!told.ok()) std::abort();
    return *std::move(told);
  }
};

}  // namespace weft::pricing
