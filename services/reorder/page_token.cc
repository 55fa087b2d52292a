#include "services/reorder/page_token.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/hash.h"

namespace weft::reorder {
namespace {

constexpr size_t kMacOctets = 12;

std::string Mac(absl::string_view mac_key, absl::string_view question,
                absl::string_view position) {
  const Sha256Digest digest =
      HmacSha256(mac_key, absl::StrCat(question.size(), ":", question, position));
  return std::string(reinterpret_cast<const char*>(digest.data()), kMacOctets);
}

}  // namespace

std::string MakePageToken(absl::string_view mac_key, absl::string_view question,
                          absl::string_view position) {
  return absl::WebSafeBase64Escape(absl::StrCat(Mac(mac_key, question, position), position));
}

absl::StatusOr<std::string> ReadPageToken(absl::string_view mac_key, absl::string_view question,
                                          absl::string_view token) {
  if (token.empty()) return std::string();
  std::string bytes;
  if (absl::WebSafeBase64Unescape(token, &bytes) && bytes.size() >= kMacOctets) {
    const std::string position = bytes.substr(kMacOctets);
    if (EqualsConstantTime(Mac(mac_key, question, position),
                           absl::string_view(bytes).substr(0, kMacOctets))) {
      return position;
    }
  }
  return InvalidArgument("PAGE_TOKEN_INVALID",
                         "the page token is not of an answer to this question; begin again "
                         "without it",
                         {{"field", "pageToken"}});
}

absl::StatusOr<int> PageSize(int asked) {
  if (asked < 0) {
    return InvalidArgument("PAGE_SIZE_INVALID", "the page size must not be negative",
                           {{"field", "pageSize"}});
  }
  if (asked == 0) return kPageSizeDefault;
  return std::min(asked, kPageSizeMax);
}

}  // namespace weft::reorder
