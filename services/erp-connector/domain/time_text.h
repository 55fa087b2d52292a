// Moments and days as they stand in messages (RFC 3339).
#pragma once

#include <optional>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace weft::erp {

// "2026-03-01T08:30:00Z", with fraction and offset if any; seconds may be left
// out. Nullopt for anything else, a day that does not exist included.
std::optional<absl::Time> ParseMoment(absl::string_view text);

}  // namespace weft::erp
