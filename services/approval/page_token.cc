#include "services/approval/page_token.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/hash.h"

namespace weft::approval {
namespace {

constexpr size_t kMacBytes = 12;

std::string Mac(absl::string_view key, absl::string_view binding, absl::string_view cursor) {
  const Sha256Digest digest =
      HmacSha256(key, absl::StrCat(binding.size(), ":", binding, cursor));
  return std::string(reinterpret_cast<const char*>(digest.data()), kMacBytes);
}

}  // namespace

std::string PageTokens::Make(absl::string_view binding, absl::string_view cursor) const {
  if (cursor.empty()) return "";
  return absl::WebSafeBase64Escape(absl::StrCat(Mac(key_, binding, cursor), cursor));
}

absl::StatusOr<std::string> PageTokens::Read(absl::string_view binding,
                                             const std::string& token) const {
  if (token.empty()) return std::string();
  std::string bytes;
  if (absl::WebSafeBase64Unescape(token, &bytes) && bytes.size() > kMacBytes) {
    const std::string cursor = bytes.substr(kMacBytes);
    if (EqualsConstantTime(bytes.substr(0, kMacBytes), Mac(key_, binding, cursor))) return cursor;
  }
  return InvalidArgument("PAGE_TOKEN_INVALID",
                         "the page token is not one of this list with these arguments");
}

absl::StatusOr<int> PageSize(int asked) {
  if (asked < 0) {
    return InvalidArgument("FIELD_INVALID", "pageSize is negative", {{"field", "pageSize"}});
  }
  return asked == 0 ? 50 : std::min(asked, 500);
}

}  // namespace weft::approval
