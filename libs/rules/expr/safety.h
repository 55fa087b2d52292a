// What an expression may do wrong for some facts although its types fit: divide
// by what may be zero, combine money of two currencies. A document with such an
// expression is refused, so that no decision meets it.
//
// Known of a number is what the schema's `range` says, what arithmetic makes of
// it, and what a condition before it has made sure of: "qty != 0 && total / qty >
// 5", "qty > 0 ? total / qty : 0", the `when` of a step.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "libs/rules/expr/ast.h"
#include "libs/rules/expr/environment.h"
#include "libs/rules/expr/error.h"

namespace weft::rules::expr {

struct Safety {
  std::vector<Error> errors;
  NumberRange range;  // Of the result, when it is a number or money.
};

// `root` is checked. `given`: texts of conditions that are true whenever this is
// evaluated; one that has faults is ignored.
Safety CheckSafety(absl::string_view source, const Node& root, const Environment& environment,
                   const std::vector<std::string>& given);

}  // namespace weft::rules::expr
