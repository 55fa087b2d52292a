#include "libs/rules/rule_set/text.h"

namespace weft::rules {
namespace {

// The end of the expression that starts at `at`: its closing brace, or npos.
size_t EndOfExpression(absl::string_view text, size_t at) {
  int depth = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"' || c == '\'') {
      for (++at; at < text.size() && text[at] != c; ++at) {
        if (text[at] == '\\') ++at;
      }
    } else if (c == '{') {
      ++depth;
    } else if (c == '}' && depth-- == 0) {
      return at;
    }
  }
  return absl::string_view::npos;
}

}  // namespace

bool CutText(absl::string_view text, std::vector<TextPiece>& pieces) {
  size_t at = 0;
  while (at < text.size()) {
    const size_t open = text.find("{=", at);
    if (open != at) {
      pieces.push_back({false, std::string(text.substr(at, open - at))});
      if (open == absl::string_view::npos) return true;
    }
    const size_t end = EndOfExpression(text, open + 2);
    if (end == absl::string_view::npos) return false;
    pieces.push_back({true, std::string(text.substr(open + 2, end - open - 2))});
    at = end + 1;
  }
  return true;
}

}  // namespace weft::rules
