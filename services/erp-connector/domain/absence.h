// What a full load says by leaving things out.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"

namespace weft::erp {

// Of one kind, when load.end comes.
struct LoadCount {
  int64_t before = 0;     // Live objects at load.begin.
  int64_t mentioned = 0;  // Of those, named by the load.

  int64_t absent() const { return before > mentioned ? before - mentioned : 0; }
};

enum class LoadVerdict {
  kComplete,  // Nothing is absent.
  kDelete,    // What is absent is deleted.
  kAsk,       // More is absent than allowed: nothing is deleted until somebody decides.
};

// Shape: the strictest answer over all kinds; `percent_max` of `before` may be
// absent, inclusive.
LoadVerdict JudgeAbsence(const std::vector<LoadCount>& counts, int percent_max);

}  // namespace weft::erp
