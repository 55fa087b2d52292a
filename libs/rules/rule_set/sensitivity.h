// Which expressions tell of facts that a schema marks `sensitive`. Errs on the
// side of hiding.
#pragma once

#include <string>
#include <vector>

#include "libs/rules/document/schema.h"
#include "libs/rules/expr/program.h"
#include "libs/rules/table/decision_table.h"

namespace weft::rules {

// `sensitive` says by slot of `environment` which variables are.
bool Reveals(const expr::Program& program, const expr::Environment& environment,
             const FactSchema& schema, const std::vector<bool>& sensitive);

// Whether a value of `type` holds a sensitive field somewhere.
bool HoldsSensitive(const expr::Type& type, const FactSchema& schema);

// Whether an output of the table may be computed from sensitive facts.
bool OutputsReveal(const DecisionTable& table);

}  // namespace weft::rules
