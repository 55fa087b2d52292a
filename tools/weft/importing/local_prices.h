// Prices of a shop's own tables, found in this process by pricing's own rules: no
// server, no log. What is priced is what an import of the same tables would price.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "libs/money/decimal.h"
#include "libs/money/money.h"
#include "tools/weft/importing/check.h"

namespace weft::cli {

class LocalPrices {
 public:
  // Facts that pricing refuses become findings.
  LocalPrices(const Load& load, std::vector<Finding>& findings);
  ~LocalPrices();

  struct Question {
    std::string account;
    std::string sku;
    std::string quantity;  // Above 0.
    std::string unit;      // "" = the base unit.
    std::string currency;  // "" = the account's.
    absl::Time time;
  };
  struct Answer {
    bool priced = false;
    std::string rule;   // "contracts/K-17", "books/LIST", or why there is no price.
    std::string unit;   // Filled in.
    Currency currency;
    Decimal unit_price;
    Decimal net;
  };
  Answer Price(const Question& question) const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace weft::cli
