// Tokens of list pages: opaque, and good only for the list, the tenant and the
// arguments they were made for.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace weft::approval {

class PageTokens {
 public:
  // `key`: secret of the installation.
  explicit PageTokens(std::string key) : key_(std::move(key)) {}

  // `binding` names the list, the tenant and the arguments; `cursor` is where the
  // next page starts. An empty cursor is the end: an empty token.
  std::string Make(absl::string_view binding, absl::string_view cursor) const;
  // The cursor; "" for an empty token.
  // Errors: INVALID_ARGUMENT / PAGE_TOKEN_INVALID.
  absl::StatusOr<std::string> Read(absl::string_view binding, const std::string& token) const;

 private:
  const std::string key_;
};

// 50 when 0, at most 500. Errors: INVALID_ARGUMENT / FIELD_INVALID when negative.
absl::StatusOr<int> PageSize(int asked);

}  // namespace weft::approval
