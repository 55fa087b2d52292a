#include "libs/engine/event.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/engine/wire.h"

namespace weft::engine {

std::string Token::ToText() const {
  if (*this == Token()) return "";
  std::string bytes(1, '\x01');
  AppendText(bytes, room);
  AppendVarint(bytes, partition);
  AppendText(bytes, topic);
  AppendVarint(bytes, static_cast<uint64_t>(number));
  return absl::WebSafeBase64Escape(bytes);
}

absl::StatusOr<Token> Token::FromText(absl::string_view text) {
  Token token;
  if (text.empty()) return token;
  std::string bytes;
  uint8_t version = 0;
  uint64_t partition = 0;
  uint64_t number = 0;
  const auto refused = [] {
    return InvalidArgument("TOKEN_INVALID",
                           "`after` is not a token of ours; pass on what an answer gave");
  };
  if (text.size() > 1024 || !absl::WebSafeBase64Unescape(text, &bytes)) return refused();
  WireReader in(bytes);
  if (!in.U8(version) || version != 1 || !in.Text(token.room) || !in.Varint(partition) ||
      !in.Text(token.topic) || !in.Varint(number) || !in.done() || partition > 0xffff ||
      number > static_cast<uint64_t>(INT64_MAX)) {
    return refused();
  }
  token.partition = static_cast<uint32_t>(partition);
  token.number = static_cast<int64_t>(number);
  return token;
}

std::string Position::ToText() const { return absl::StrCat("g", generation, ".", offset); }

}  // namespace weft::engine
