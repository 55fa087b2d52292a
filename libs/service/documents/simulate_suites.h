// A simulation whose cases are those of test suites: each is decided with the baseline
// and with the candidates, whatever the suite expects.
#pragma once

#include <vector>

#include "absl/time/time.h"
#include "libs/rules/documents/compile.h"
#include "weft/documents/v1/documents.pb.h"

namespace weft::documents {

// Figures, groups and costs. A case comes to its last output of money; without one it
// has changed where any output has. `at_now`: all cases at `now`.
v1::SimulateResponse SimulateSuites(const std::vector<rules::SetDocument>& suites,
                                    const rules::CompiledSet& before,
                                    const rules::CompiledSet& after, absl::Time now, bool at_now,
                                    int examples);

// The percentiles that reports tell, of what cases cost.
void SetCosts(std::vector<int64_t> before, std::vector<int64_t> after,
              v1::SimulateResponse& report);

}  // namespace weft::documents
