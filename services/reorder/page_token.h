// Where a list goes on. A token belongs to one question; it is opaque and cannot be
// made up, because it bears a MAC.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace weft::reorder {

inline constexpr int kPageSizeDefault = 50;
inline constexpr int kPageSizeMax = 500;

// `question` is all that must not change from page to page.
std::string MakePageToken(absl::string_view mac_key, absl::string_view question,
                          absl::string_view position);
// Shape: the position; "" for an empty token.
// Errors: INVALID_ARGUMENT / PAGE_TOKEN_INVALID.
absl::StatusOr<std::string> ReadPageToken(absl::string_view mac_key, absl::string_view question,
                                          absl::string_view token);

// The size to use for the size asked for; 0 is the default, larger is cut.
// Errors: INVALID_ARGUMENT / PAGE_SIZE_INVALID for a negative one.
absl::StatusOr<int> PageSize(int asked);

}  // namespace weft::reorder
