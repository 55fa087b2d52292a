// How two versions of a document differ: by rule, step and field, not by line.
#pragma once

#include <string>
#include <vector>

#include "libs/rules/document/tree.h"

namespace weft::rules {

struct Change {
  std::string path;    // "rules[key-bulk].then.discount"; "rules" for another order.
  std::string before;  // "" = it is new.
  std::string after;   // "" = it is gone.
};

// Elements of a list that have an `id` (or a `name`) are matched by it, others by
// their place. The order of matched elements counts, as rules are read in order.
std::vector<Change> Diff(const Tree& before, const Tree& after);

}  // namespace weft::rules
