#include <cerrno>
#include <cstdlib>

#include "libs/rules/expr/parser_impl.h"

namespace weft::rules::expr {
namespace {

bool IsReserved(absl::string_view name) {
  for (const char* word :
       {"as", "break", "const", "continue", "else", "for", "function", "if", "import", "let",
        "loop", "package", "namespace", "return", "var", "void", "while"}) {
    if (name == word) return true;
  }
  return false;
}

}  // namespace

bool IsKeyword(absl::string_view name) {
  return name == "true" || name == "false" || name == "null" || name == "in";
}

NodePtr Parser::ParsePrimary() {
  const Token& token = Peek();
  switch (token.kind) {
    case TokenKind::kInt: case TokenKind::kUint: case TokenKind::kDouble:
      return ParseNumber(false);
    case TokenKind::kString: case TokenKind::kBytes: {
      NodePtr node = New(token.kind == TokenKind::kString ? NodeKind::kString : NodeKind::kBytes,
                         token.offset);
      if (node == nullptr) return nullptr;
      node->text = token.text;
      Take();
      return Finish(std::move(node));
    }
    case TokenKind::kIdentifier: return ParseName(false);
    case TokenKind::kQuotedSelector:
      return Fail(token, "a quoted selector stands only after '.'");
    case TokenKind::kEnd: return Fail(token, "the text ends where a value is expected");
    case TokenKind::kMark: break;
  }
  if (IsMark("-") && IsNumber(Peek(1))) {
    Take();
    return ParseNumber(true);
  }
  if (IsMark(".")) {
    Take();
    if (Peek().kind != TokenKind::kIdentifier) return Fail(Peek(), "expected a name after '.'");
    return ParseName(true);
  }
  if (IsMark("(")) {
    const Level level(*this);
    if (level.TooDeep()) return nullptr;
    Take();
    NodePtr node = ParseExpr();
    if (node == nullptr || !Expect(")", "to close a parenthesis")) return nullptr;
    open_chains_.erase(node.get());  // (a && b) && c is two nodes.
    return node;
  }
  if (IsMark("[")) return ParseList();
  if (IsMark("{")) return ParseMap();
  return Fail(token, absl::StrCat("expected a value, found '", Spelling(token), "'"));
}

NodePtr Parser::ParseNumber(bool negative) {
  const Token token = Peek();
  const uint32_t offset = negative ? tokens_[at_ - 1].offset : token.offset;
  NodePtr node;
  if (token.kind == TokenKind::kDouble) {
    node = New(NodeKind::kDouble, offset);
    if (node == nullptr) return nullptr;
    node->text = absl::StrCat(negative ? "-" : "", token.text[0] == '.' ? "0" : "", token.text);
    node->double_value = std::strtod(node->text.c_str(), nullptr);
  } else {
    const bool is_uint = token.kind == TokenKind::kUint;
    node = New(is_uint ? NodeKind::kUint : NodeKind::kInt, offset);
    if (node == nullptr) return nullptr;
    const bool hex = token.text.size() > 1 && token.text[1] == 'x';
    errno = 0;
    const unsigned long long value =
        std::strtoull(token.text.c_str() + (hex ? 2 : 0), nullptr, hex ? 16 : 10);
    const unsigned long long limit =
        is_uint ? ~0ULL : (1ULL << 63) - (negative ? 0 : 1);
    if (errno == ERANGE || value > limit) {
      return Fail(token, absl::StrCat(negative ? "-" : "", token.text,
                                      is_uint ? " does not fit an unsigned integer"
                                              : " does not fit an integer"),
                  "integers have 64 bits");
    }
    node->uint_value = value;
    node->int_value = negative ? static_cast<int64_t>(0 - value) : static_cast<int64_t>(value);
    node->text = absl::StrCat(negative ? "-" : "", token.text);
  }
  Take();
  return Finish(std::move(node));
}

NodePtr Parser::ParseName(bool absolute) {
  const Token token = Peek();
  Take();
  if (!absolute) {
    if (token.text == "true" || token.text == "false") {
      NodePtr node = New(NodeKind::kBool, token.offset);
      if (node != nullptr) node->bool_value = token.text == "true";
      return Finish(std::move(node));
    }
    if (token.text == "null") return Finish(New(NodeKind::kNull, token.offset));
  }
  if (IsKeyword(token.text) || IsReserved(token.text)) {
    return Fail(token, absl::StrCat("'", token.text, "' is a reserved word"));
  }
  if (!IsMark("(")) {
    NodePtr node = New(NodeKind::kIdent, token.offset);
    if (node == nullptr) return nullptr;
    node->text = token.text;
    node->absolute = absolute;
    return Finish(std::move(node));
  }
  std::vector<NodePtr> arguments;
  if (!ParseArguments(arguments)) return nullptr;
  if (options_.macros && !absolute && token.text == "has" && arguments.size() == 1) {
    if (arguments[0]->kind != NodeKind::kSelect) {
      return Fail(token, "has(..) takes exactly a field selection, has(e.f)");
    }
    arguments[0]->kind = NodeKind::kHas;
    return std::move(arguments[0]);
  }
  NodePtr node = New(NodeKind::kCall, token.offset);
  if (node == nullptr) return nullptr;
  node->text = token.text;
  node->absolute = absolute;
  node->children = std::move(arguments);
  return Finish(std::move(node));
}

NodePtr Parser::ParseList() {
  const Level level(*this);
  if (level.TooDeep()) return nullptr;
  NodePtr node = New(NodeKind::kList, Peek().offset);
  Take();
  while (node != nullptr && !IsMark("]")) {
    if (IsMark("?")) return Fail(Peek(), "optional values are not supported");
    if (node->children.size() == kLiteralElementsMax) {
      return Fail(Peek(), absl::StrCat("a list has at most ", kLiteralElementsMax, " elements"));
    }
    NodePtr element = ParseExpr();
    if (element == nullptr) return nullptr;
    node->children.push_back(std::move(element));
    if (!Accept(",")) break;
  }
  if (node == nullptr || !Expect("]", "to close a list")) return nullptr;
  return Finish(std::move(node));
}

NodePtr Parser::ParseMap() {
  const Level level(*this);
  if (level.TooDeep()) return nullptr;
  NodePtr node = New(NodeKind::kMap, Peek().offset);
  Take();
  while (node != nullptr && !IsMark("}")) {
    if (IsMark("?")) return Fail(Peek(), "optional values are not supported");
    if (node->children.size() == 2 * kLiteralElementsMax) {
      return Fail(Peek(), absl::StrCat("a map has at most ", kLiteralElementsMax, " entries"));
    }
    NodePtr key = ParseExpr();
    if (key == nullptr || !Expect(":", "between key and value")) return nullptr;
    NodePtr value = ParseExpr();
    if (value == nullptr) return nullptr;
    node->children.push_back(std::move(key));
    node->children.push_back(std::move(value));
    if (!Accept(",")) break;
  }
  if (node == nullptr || !Expect("}", "to close a map")) return nullptr;
  return Finish(std::move(node));
}

}  // namespace weft::rules::expr
