// Texts for people with embedded expressions: "{= vd.why }" (LANGUAGE: documents).
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace weft::rules {

struct TextPiece {
  bool is_expression = false;
  std::string text;  // Without the braces.
};

// Cuts a text into plain pieces and expressions. Braces and quotes inside an
// expression are its own. False when an expression is not closed.
bool CutText(absl::string_view text, std::vector<TextPiece>& pieces);

}  // namespace weft::rules
