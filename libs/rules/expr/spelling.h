// How names of the language are spoken of in messages, and what somebody who
// mistyped one meant.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace weft::rules::expr {

// "_+_", "-_", "_<=_"; not "_in_".
bool IsOperator(const std::string& name);

// How people know a function: "+", "in", "size".
std::string Spoken(const std::string& name);

// The known name that is nearest by single edits; "" when none is near.
std::string Nearest(absl::string_view name, const std::vector<std::string>& known);

}  // namespace weft::rules::expr
