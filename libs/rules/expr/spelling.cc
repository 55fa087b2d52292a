#include "libs/rules/expr/spelling.h"

#include <algorithm>

namespace weft::rules::expr {
namespace {

// Number of single edits between two names.
size_t Distance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

bool IsOperator(const std::string& name) {
  return name.size() > 1 && (name.front() == '_' || name.back() == '_') &&
         name.find_first_of("+-*/%<>=!") != std::string::npos;
}

std::string Spoken(const std::string& name) {
  if (!IsOperator(name) && name != "_in_") return name;
  std::string text = name;
  text.erase(std::remove(text.begin(), text.end(), '_'), text.end());
  return text;
}

std::string Nearest(absl::string_view name, const std::vector<std::string>& known) {
  constexpr size_t kNameMax = 100;  // Longer ones are no typing mistakes.
  if (name.size() > kNameMax) return "";
  std::string best;
  size_t least = std::max<size_t>(2, name.size() / 3) + 1;
  for (const std::string& candidate : known) {
    if (candidate.size() > kNameMax) continue;
    const size_t distance = Distance(name, candidate);
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace weft::rules::expr
