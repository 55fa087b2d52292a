// Reading history and suggestions from a snapshot.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "libs/base/principal.h"
#include "libs/engine/shards.h"
#include "services/reorder/config.h"
#include "weft/reorder/v1/reorder.pb.h"

namespace weft::reorder {

// Items of one account that are looked at for suggestions, at most.
inline constexpr int kSuggestionItemsMax = 20'000;

// Errors: NOT_FOUND / ACCOUNT_NOT_FOUND; INVALID_ARGUMENT / ACCOUNT_REQUIRED,
// PAGE_SIZE_INVALID, PAGE_TOKEN_INVALID, FIELD_INVALID.
absl::StatusOr<v1::ListSuggestionsResponse> ListSuggestions(
    const v1::ListSuggestionsRequest& request, const Principal& principal,
    const Settings& settings, const std::string& mac_key, const engine::View& view);

absl::StatusOr<v1::GetPurchaseHistoryResponse> GetPurchaseHistory(
    const v1::GetPurchaseHistoryRequest& request, const Principal& principal,
    const std::string& mac_key, const engine::View& view);

}  // namespace weft::reorder
