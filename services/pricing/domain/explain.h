// The steps of a price: what it starts from and what each rule adds. They add up
// to the shown unit price exactly.
#pragma once

#include <string>
#include <vector>

#include "services/pricing/domain/find_price.h"

namespace weft::pricing {

struct Step {
  std::string label;    // Public: names no other group, book or account.
  Decimal amount;       // What it adds, per unit of the line.
  Decimal result;       // Sum so far.
  // Of a step of the rules: "rule-sets/pricing.line-price#floor", with the rule of the
  // table it asked ("…, tables/pricing.floors#all"), and the document's version.
  std::string rule;
  int64_t document_version = 0;
  // Else the fact behind it.
  Source source = Source::kBook;
  Symbol owner = Symbol::kNone;
  Symbol target = Symbol::kNone;
  Offer offer;
  Period period;
};

// What the rules said of a line besides its price.
struct Notice {
  std::string code;   // "CONTRACT_BELOW_FLOOR"
  std::string text;
  std::string rule;
};

// `answer` has a price and was found by `finder`. Shape: what the price starts from,
// the discount of a contract, then each step of the rules that changes it; `notices` gets
// the steps that only say something. `language` chooses the texts; the finder speaks it.
std::vector<Step> StepsOf(PriceFinder& finder, const LineAnswer& answer, const Buyer& buyer,
                          absl::string_view language, std::vector<Notice>* notices);

}  // namespace weft::pricing
