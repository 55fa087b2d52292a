// Tokens to a syntax tree (LANGUAGE: grammar, macros, limits at parse time).
#pragma once

#include <optional>

#include "absl/strings/string_view.h"
#include "libs/rules/expr/ast.h"
#include "libs/rules/expr/error.h"

namespace weft::rules::expr {

struct ParseOptions {
  bool macros = true;  // False: macro names are ordinary calls.
};

inline constexpr int kNodesMax = 4000;
inline constexpr int kDepthMax = 128;
inline constexpr int kComprehensionDepthMax = 4;
inline constexpr size_t kLiteralElementsMax = 1000;
inline constexpr size_t kArgumentsMax = 64;

// Shape: the tree, or nullptr and the first fault in `error`.
NodePtr Parse(absl::string_view source, const ParseOptions& options, Error& error);

// A dotted name if `node` is nothing but one ("a.b.c"), else "".
std::string DottedName(const Node& node);

}  // namespace weft::rules::expr
