// Decimals as they stand in messages, brought to one spelling without ever
// passing through a binary fraction.
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace weft::erp {

// Most significant digits a decimal of ours has, and most digits behind the point.
inline constexpr int kDecimalDigitsMax = 34;
inline constexpr int kDecimalScaleMax = 12;

// The one spelling of a decimal: no exponent, no zeros in front or behind that
// say nothing, "0" for every zero. So equal decimals are equal texts.
//
// Shape: "14.20" → "14.2", "1e3" → "1000", "-0.0" → "0". Nullopt when `text` is no
// decimal (grammar of a JSON number), has more than kDecimalDigitsMax digits or
// more than kDecimalScaleMax behind the point.
std::optional<std::string> PlainDecimal(absl::string_view text);

}  // namespace weft::erp
