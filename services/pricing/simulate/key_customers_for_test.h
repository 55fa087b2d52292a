// Prices, contracts and invoices of a few customers, and a table that would give some of
// them a discount, for tests.
#pragma once

#include "absl/strings/str_cat.h"
#include "services/pricing/testing/pricing_house.h"

namespace weft::pricing {

using B = PricingBench;

inline constexpr char kThreePercent[] = R"(kind: DecisionTable
id: pricing.volume-discounts
title: Volume discounts
schema: pricing-line@1
hit_policy: FIRST
inputs:
  - {id: groups, label: Groups, expr: account.groups, type: list(string)}
  - {id: quantity, label: Quantity, expr: line.scale_quantity, type: decimal}
outputs:
  - {id: percent, label: Percent, type: decimal, default: "0"}
  - {id: label, label: Text, type: string, default: '""'}
rules:
  - {id: key, when: {groups: '"KEY" in it', quantity: ">= 100"},
     then: {percent: "3", label: '"Key customers"'}}
)";

// LIST: A at 2.00, B at 5.00. KEY1 and KEY2 are key customers, SMALL is not; KEY2 has a
// contract on B.
inline void Fill(House& house) {
  for (const char* sku : {"A", "B"}) house.Fact(absl::StrCat("items/", sku), B::Item(sku));
  house.Fact("accounts/KEY1", B::Account("KEY1", {"KEY"}));
  house.Fact("accounts/KEY2", B::Account("KEY2", {"KEY"}));
  house.Fact("accounts/SMALL", B::Account("SMALL"));
  house.Fact("books/LIST", B::Book("LIST"));
  house.Fact("prices/LIST/A//1", B::Price("LIST", "A", {{"1", "2.00"}}));
  house.Fact("prices/LIST/B//1", B::Price("LIST", "B", {{"1", "5.00"}}));
  house.Fact("contracts/K-1", B::Discount("K-1", "KEY2", "B", "10"));
  house.Invoice("I-1", "KEY1", {{"A", "100"}, {"A", "99"}, {"B", "200"}});
  house.Invoice("I-2", "KEY2", {{"A", "400"}, {"B", "100"}, {"GONE", "100"}},
                "2026-04-01T00:00:00Z");
  house.Invoice("I-3", "SMALL", {{"A", "1000"}});
  house.Invoice("I-4", "NOBODY", {{"A", "100"}, {"B", "100"}});
  house.Invoice("C-1", "KEY1", {{"A", "-100"}}, "2026-03-02T00:00:00Z", "I-1");
}

}  // namespace weft::pricing
