#include "libs/rules/expr/lexer.h"

#include "absl/strings/str_cat.h"
#include "libs/rules/expr/utf8.h"

namespace weft::rules::expr {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHex(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool IsLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
int HexValue(char c) {
  if (IsDigit(c)) return c - '0';
  return (c | 0x20) - 'a' + 10;
}

class Lexer {
 public:
  Lexer(absl::string_view source, Error& error) : source_(source), error_(error) {}

  std::optional<std::vector<Token>> Run() {
    if (source_.size() > kSourceBytesMax) {
      return Fail(0, absl::StrCat("the text is longer than ", kSourceBytesMax, " octets"));
    }
    if (!IsUtf8(source_)) return Fail(0, "the text is not valid UTF-8");
    std::vector<Token> tokens;
    while (true) {
      SkipSpace();
      if (at_ >= source_.size()) break;
      Token token;
      token.offset = static_cast<uint32_t>(at_);
      if (!Next(token)) return std::nullopt;
      tokens.push_back(std::move(token));
    }
    tokens.push_back({TokenKind::kEnd, static_cast<uint32_t>(at_), ""});
    return tokens;
  }

 private:
  char Peek(size_t ahead = 0) const {
    return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0';
  }

  std::nullopt_t Fail(size_t at, std::string message) {
    error_ = {Code::kSyntax, PositionAt(source_, static_cast<uint32_t>(at)),
              std::move(message), ""};
    return std::nullopt;
  }
  bool Refuse(size_t at, std::string message) {
    Fail(at, std::move(message));
    return false;
  }

  void SkipSpace() {
    while (at_ < source_.size()) {
      const char c = source_[at_];
      if (c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r') {
        ++at_;
      } else if (c == '/' && Peek(1) == '/') {
        while (at_ < source_.size() && source_[at_] != '\n') ++at_;
      } else {
        return;
      }
    }
  }

  bool Next(Token& token) {
    const char c = Peek();
    if (size_t prefix = StringPrefix(); prefix != absl::string_view::npos) {
      return ReadString(prefix, token);
    }
    if (IsLetter(c)) {
      const size_t begin = at_;
      while (IsLetter(Peek()) || IsDigit(Peek())) ++at_;
      token.kind = TokenKind::kIdentifier;
      token.text = std::string(source_.substr(begin, at_ - begin));
      return true;
    }
    if (IsDigit(c) || (c == '.' && IsDigit(Peek(1)))) return ReadNumber(token);
    if (c == '`') return ReadQuotedSelector(token);
    for (const char* mark : {"&&", "||", "<=", ">=", "==", "!="}) {
      if (c == mark[0] && Peek(1) == mark[1]) {
        token.kind = TokenKind::kMark;
        token.text = mark;
        at_ += 2;
        return true;
      }
    }
    if (absl::string_view("+-*/%!<>?:.,()[]{}").find(c) != absl::string_view::npos && c != '\0') {
      token.kind = TokenKind::kMark;
      token.text = std::string(1, c);
      ++at_;
      return true;
    }
    size_t next = at_;
    uint32_t code_point;
    NextCodePoint(source_, next, code_point);
    return Refuse(at_, absl::StrCat("unexpected character '",
                                    std::string(source_.substr(at_, next - at_)), "'"));
  }

  // Octets before the quote when a string starts here (0 to 2), else npos.
  size_t StringPrefix() const {
    const auto quote = [](char c) { return c == '"' || c == '\''; };
    const auto raw = [](char c) { return c == 'r' || c == 'R'; };
    const auto bytes = [](char c) { return c == 'b' || c == 'B'; };
    if (quote(Peek())) return 0;
    if ((raw(Peek()) || bytes(Peek())) && quote(Peek(1))) return 1;
    if (bytes(Peek()) && raw(Peek(1)) && quote(Peek(2))) return 2;
    return absl::string_view::npos;
  }

  bool ReadNumber(Token& token) {
    const size_t begin = at_;
    if (Peek() == '0' && Peek(1) == 'x' && IsHex(Peek(2))) {
      at_ += 2;
      while (IsHex(Peek())) ++at_;
      token.kind = TokenKind::kInt;
    } else {
      token.kind = TokenKind::kInt;
      while (IsDigit(Peek())) ++at_;
      if (Peek() == '.' && IsDigit(Peek(1))) {
        token.kind = TokenKind::kDouble;
        ++at_;
        while (IsDigit(Peek())) ++at_;
      }
      if (Peek() == 'e' || Peek() == 'E') {
        const size_t sign = (Peek(1) == '+' || Peek(1) == '-') ? 2 : 1;
        if (IsDigit(Peek(sign))) {
          token.kind = TokenKind::kDouble;
          at_ += sign;
          while (IsDigit(Peek())) ++at_;
        }
      }
    }
    token.text = std::string(source_.substr(begin, at_ - begin));
    if (token.kind == TokenKind::kInt && (Peek() == 'u' || Peek() == 'U')) {
      token.kind = TokenKind::kUint;
      ++at_;
    }
    if (IsLetter(Peek()) || IsDigit(Peek())) {
      return Refuse(begin, "a number runs into a name");
    }
    return true;
  }

  bool ReadQuotedSelector(Token& token) {
    const size_t begin = at_++;
    while (IsLetter(Peek()) || IsDigit(Peek()) || Peek() == '.' || Peek() == '-' ||
           Peek() == '/' || Peek() == ' ') {
      ++at_;
    }
    if (Peek() != '`' || at_ == begin + 1) {
      return Refuse(begin, "a quoted selector holds letters, digits, '_ . - /' and space");
    }
    token.kind = TokenKind::kQuotedSelector;
    token.text = std::string(source_.substr(begin + 1, at_ - begin - 1));
    ++at_;
    return true;
  }

  bool ReadString(size_t prefix, Token& token) {
    const size_t begin = at_;
    bool raw = false;
    bool bytes = false;
    for (size_t i = 0; i < prefix; ++i) {
      const char c = Peek(i);
      raw = raw || c == 'r' || c == 'R';
      bytes = bytes || c == 'b' || c == 'B';
    }
    at_ += prefix;
    const char quote = Peek();
    const bool triple = Peek(1) == quote && Peek(2) == quote;
    at_ += triple ? 3 : 1;
    token.kind = bytes ? TokenKind::kBytes : TokenKind::kString;
    while (true) {
      if (at_ >= source_.size()) return Refuse(begin, "the string is not closed");
      const char c = Peek();
      if (c == quote && (!triple || (Peek(1) == quote && Peek(2) == quote))) {
        at_ += triple ? 3 : 1;
        return true;
      }
      if (!triple && (c == '\n' || c == '\r')) {
        return Refuse(begin, "a line ends inside the string");
      }
      if (c == '\\' && !raw) {
        if (!ReadEscape(bytes, token.text)) return false;
      } else {
        token.text.push_back(c);
        ++at_;
      }
    }
  }

  bool ReadEscape(bool bytes, std::string& out) {
    const size_t begin = at_++;
    const char c = Peek();
    ++at_;
    const auto add = [&](uint32_t value) {
      if (bytes) {
        out.push_back(static_cast<char>(value));
        return true;
      }
      if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) {
        return Refuse(begin, "the escape names no valid code point");
      }
      AppendUtf8(value, out);
      return true;
    };
    switch (c) {
      case 'a': return add(7);
      case 'b': return add(8);
      case 'f': return add(12);
      case 'n': return add(10);
      case 'r': return add(13);
      case 't': return add(9);
      case 'v': return add(11);
      case '\\': case '?': case '"': case '\'': case '`':
        return add(static_cast<unsigned char>(c));
      default: break;
    }
    const auto digits = [&](int count, int base, uint32_t value) -> std::optional<uint32_t> {
      for (int i = 0; i < count; ++i, ++at_) {
        const char d = Peek();
        if (base == 16 ? !IsHex(d) : !(d >= '0' && d <= '7')) return std::nullopt;
        value = value * base + HexValue(d);
      }
      return value;
    };
    std::optional<uint32_t> value;
    if (c == 'x' || c == 'X') {
      value = digits(2, 16, 0);
    } else if ((c == 'u' || c == 'U') && !bytes) {
      value = digits(c == 'u' ? 4 : 8, 16, 0);
    } else if (c >= '0' && c <= '3') {
      value = digits(2, 8, c - '0');
    }
    if (!value.has_value()) return Refuse(begin, "unknown or incomplete escape");
    return add(*value);
  }

  const absl::string_view source_;
  Error& error_;
  size_t at_ = 0;
};

}  // namespace

std::optional<std::vector<Token>> Tokenize(absl::string_view source, Error& error) {
  return Lexer(source, error).Run();
}

}  // namespace weft::rules::expr
