// The cases of a test suite as cases of a simulation.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "libs/money/decimal.h"
#include "libs/rules/documents/compile.h"

namespace weft::rules {

// What one case of a suite comes to, whatever the suite expects.
struct DecidedCase {
  std::string name;
  std::string error;  // The code; empty = it decided.
  std::map<std::string, std::string> outputs;  // As text.
  // The last output that is money.
  std::optional<Decimal> amount;
  std::string currency;
  std::string rule;   // Rules or steps that decided.
  int64_t cost = 0;
};
// `at_now`: every case at `now` instead of the moment it names.
std::vector<DecidedCase> DecideSuite(const SetDocument& suite, const Rules& rules, absl::Time now,
                                     bool at_now = false);

}  // namespace weft::rules
