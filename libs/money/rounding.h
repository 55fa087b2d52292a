// How a value between two neighbours is rounded.
//
//   mode        2.5   -2.5   2.4   -2.6
//   HALF_UP      3     -3     2     -3     halves away from zero; the default
//   HALF_EVEN    2     -2     2     -3
//   HALF_DOWN    2     -2     2     -3     halves towards zero
//   UP           3     -3     3     -3     away from zero
//   DOWN         2     -2     2     -2     towards zero
//   CEILING      3     -2     3     -2
//   FLOOR        2     -3     2     -3
//
// A mode is data (a document or a setting names it); it never depends on the
// locale or on the machine.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace weft {

enum class RoundingMode : uint8_t {
  kHalfUp,
  kHalfEven,
  kHalfDown,
  kUp,
  kDown,
  kCeiling,
  kFloor,
};

// "HALF_UP"; the text of documents and settings.
const char* RoundingModeName(RoundingMode mode);

// Errors: INVALID_ARGUMENT / INVALID_ARGUMENT for a text that is none of the seven.
absl::StatusOr<RoundingMode> ParseRoundingMode(absl::string_view text);

}  // namespace weft
