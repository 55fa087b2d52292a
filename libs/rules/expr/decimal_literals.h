// Decimal literals without decimal(..): a floating literal next to a decimal is
// read as a decimal from its source text, never through a double (LANGUAGE:
// decimal literals).
#pragma once

#include <string>

#include "libs/rules/expr/ast.h"
#include "libs/rules/expr/type_solver.h"

namespace weft::rules::expr {

// Whether `node`, whose children have types, may be read as a decimal.
bool IsPromotable(const Node& node, const TypeSolver& solver);

// Makes a promotable `node` (or an int where a decimal is wanted) a decimal.
// Shape: the literals that have too many digits for one are added to `too_long`.
void Promote(Node& node, const TypeSolver& solver, std::vector<const Node*>& too_long);

}  // namespace weft::rules::expr
