// The type checker: gives every node a type and reports all faults in one pass
// (LANGUAGE: the type checker; decimal literals without decimal(..)).
#pragma once

#include <optional>
#include <vector>

#include "absl/strings/string_view.h"
#include "libs/rules/expr/ast.h"
#include "libs/rules/expr/environment.h"
#include "libs/rules/expr/error.h"

namespace weft::rules::expr {

inline constexpr size_t kErrorsMax = 50;

// Sets Node::type and Node::as_decimal below `root`. `wanted`, when given, is
// what the document wants at this place.
// Shape: the faults found; empty when the expression is well typed.
std::vector<Error> Check(absl::string_view source, Node& root, const Environment& environment,
                         const std::optional<Type>& wanted);

}  // namespace weft::rules::expr
