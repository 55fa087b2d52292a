#include "libs/money/rounding.h"

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"

namespace weft {
namespace {

constexpr const char* kNames[] = {"HALF_UP", "HALF_EVEN", "HALF_DOWN", "UP",
                                  "DOWN",    "CEILING",   "FLOOR"};

}  // namespace

const char* RoundingModeName(RoundingMode mode) { return kNames[static_cast<int>(mode)]; }

absl::StatusOr<RoundingMode> ParseRoundingMode(absl::string_view text) {
  for (int i = 0; i < 7; ++i) {
    if (text == kNames[i]) return static_cast<RoundingMode>(i);
  }
  return InvalidArgument("INVALID_ARGUMENT",
                         absl::StrCat("'", text,
                                      "' is no rounding mode; use HALF_UP, HALF_EVEN, "
                                      "HALF_DOWN, UP, DOWN, CEILING or FLOOR"));
}

}  // namespace weft
