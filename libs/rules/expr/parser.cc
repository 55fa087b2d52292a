#include "libs/rules/expr/parser.h"

#include "libs/rules/expr/parser_impl.h"

namespace weft::rules::expr {
namespace {

// Binding power of a binary operator; 0 when it is none.
int BindingPower(const Token& token) {
  if (token.kind == TokenKind::kIdentifier) return token.text == "in" ? 40 : 0;
  if (token.kind != TokenKind::kMark) return 0;
  const std::string& mark = token.text;
  if (mark == "*" || mark == "/" || mark == "%") return 60;
  if (mark == "+" || mark == "-") return 50;
  if (mark == "<" || mark == "<=" || mark == ">" || mark == ">=" || mark == "==" ||
      mark == "!=") {
    return 40;
  }
  if (mark == "&&") return 30;
  if (mark == "||") return 20;
  return 0;
}

}  // namespace

NodePtr Parser::Run() {
  auto tokens = Tokenize(source_, error_);
  if (!tokens.has_value()) return nullptr;
  tokens_ = *std::move(tokens);
  NodePtr node = ParseExpr();
  if (node == nullptr) return nullptr;
  if (Peek().kind != TokenKind::kEnd) {
    return Fail(Peek(), absl::StrCat("unexpected '", Spelling(Peek()), "' after the expression"));
  }
  return node;
}

bool Parser::Accept(const char* mark) {
  if (!IsMark(mark)) return false;
  Take();
  return true;
}

std::string Parser::Spelling(const Token& token) const {
  if (token.kind == TokenKind::kEnd) return "end of text";
  const size_t end = at_ + 1 < tokens_.size() ? tokens_[at_ + 1].offset : source_.size();
  std::string text(source_.substr(token.offset, std::min<size_t>(end - token.offset, 40)));
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n')) text.pop_back();
  return text;
}

NodePtr Parser::FailAt(uint32_t offset, std::string message, std::string hint) {
  // The first fault is the one that helps.
  if (!failed_) {
    error_ = {Code::kSyntax, PositionAt(source_, offset), std::move(message), std::move(hint)};
  }
  failed_ = true;
  return nullptr;
}

bool Parser::Expect(const char* mark, const char* where) {
  if (Accept(mark)) return true;
  Fail(Peek(), absl::StrCat("expected '", mark, "' ", where, ", found '", Spelling(Peek()), "'"));
  return false;
}

NodePtr Parser::New(NodeKind kind, uint32_t offset) {
  if (++nodes_ > kNodesMax) {
    return FailAt(offset, absl::StrCat("the expression has more than ", kNodesMax, " parts"),
                  "split it into several steps");
  }
  auto node = std::make_unique<Node>();
  node->kind = kind;
  node->offset = offset;
  return node;
}

NodePtr Parser::Finish(NodePtr node) {
  if (node != nullptr) {
    for (const NodePtr& child : node->children)
      node->macros = std::max(node->macros, child->macros);
    node->end = static_cast<uint32_t>(at_ == 0 ? 0 : tokens_[at_].offset);
  }
  return node;
}

NodePtr Parser::ParseExpr() {
  NodePtr condition = ParseBinary(20);
  if (condition == nullptr || !IsMark("?")) return condition;
  const Level level(*this);
  if (level.TooDeep()) return nullptr;
  NodePtr node = New(NodeKind::kConditional, condition->offset);
  Take();
  if (node == nullptr) return nullptr;
  NodePtr then = ParseBinary(20);
  if (then == nullptr || !Expect(":", "in a conditional")) return nullptr;
  NodePtr otherwise = ParseExpr();
  if (otherwise == nullptr) return nullptr;
  node->children.push_back(std::move(condition));
  node->children.push_back(std::move(then));
  node->children.push_back(std::move(otherwise));
  return Finish(std::move(node));
}

NodePtr Parser::ParseBinary(int least) {
  NodePtr left = ParseUnary();
  while (left != nullptr) {
    const Token& operation = Peek();
    const int power = BindingPower(operation);
    if (power < least || power == 0) break;
    const std::string name = operation.text;
    const uint32_t offset = operation.offset;
    Take();
    NodePtr right = ParseBinary(power + 1);
    if (right == nullptr) return nullptr;
    if (name == "&&" || name == "||") {
      const NodeKind kind = name == "&&" ? NodeKind::kAnd : NodeKind::kOr;
      // A chain of one logical operator is one node: it may be long.
      if (left->kind == kind && open_chains_.count(left.get()) > 0) {
        ++nodes_;
        left->macros = std::max(left->macros, right->macros);
        left->children.push_back(std::move(right));
        continue;
      }
      NodePtr node = New(kind, left->offset);
      if (node == nullptr) return nullptr;
      node->children.push_back(std::move(left));
      node->children.push_back(std::move(right));
      left = Finish(std::move(node));
      open_chains_.insert(left.get());
      continue;
    }
    NodePtr node = New(NodeKind::kCall, offset);
    if (node == nullptr) return nullptr;
    node->text = absl::StrCat("_", name, "_");
    node->children.push_back(std::move(left));
    node->children.push_back(std::move(right));
    left = Finish(std::move(node));
  }
  return left;
}

NodePtr Parser::ParseUnary() {
  for (const char* mark : {"!", "-"}) {
    if (!IsMark(mark)) continue;
    const Token& operation = Peek();
    if (mark[0] == '-' && IsNumber(Peek(1))) return ParseMember();
    const Level level(*this);
    if (level.TooDeep()) return nullptr;
    NodePtr node = New(NodeKind::kCall, operation.offset);
    if (node == nullptr) return nullptr;
    node->text = mark[0] == '!' ? "!_" : "-_";
    Take();
    const char* other = mark[0] == '!' ? "-" : "!";
    NodePtr operand;
    if (IsMark(mark)) {
      operand = ParseUnary();
    } else if (IsMark(other) && !(other[0] == '-' && IsNumber(Peek(1)))) {
      return Fail(Peek(), "'!' and '-' cannot be mixed", "use parentheses");
    } else {
      operand = ParseMember();
    }
    if (operand == nullptr) return nullptr;
    node->children.push_back(std::move(operand));
    return Finish(std::move(node));
  }
  return ParseMember();
}

NodePtr Parser::ParseMember() {
  NodePtr node = ParsePrimary();
  while (node != nullptr) {
    if (IsMark(".")) {
      if (IsMark("?", 1)) return Fail(Peek(), "optional values are not supported");
      Take();
      node = ParseSelector(std::move(node));
    } else if (IsMark("[")) {
      if (IsMark("?", 1)) return Fail(Peek(), "optional values are not supported");
      const Level level(*this);
      if (level.TooDeep()) return nullptr;
      NodePtr index = New(NodeKind::kIndex, Peek().offset);
      Take();
      NodePtr key = index == nullptr ? nullptr : ParseExpr();
      if (key == nullptr || !Expect("]", "after an index")) return nullptr;
      index->children.push_back(std::move(node));
      index->children.push_back(std::move(key));
      node = Finish(std::move(index));
    } else if (IsMark("{") && (node->kind == NodeKind::kIdent ||
                               node->kind == NodeKind::kSelect)) {
      return Fail(Peek(), "records cannot be built in an expression");
    } else {
      break;
    }
  }
  return node;
}

NodePtr Parser::ParseSelector(NodePtr operand) {
  const Token& selector = Peek();
  if (selector.kind != TokenKind::kIdentifier && selector.kind != TokenKind::kQuotedSelector) {
    return Fail(selector, "expected a field name after '.'");
  }
  if (selector.kind == TokenKind::kIdentifier && IsKeyword(selector.text)) {
    return Fail(selector, absl::StrCat("'", selector.text, "' is a keyword, not a field"));
  }
  const std::string name = selector.text;
  const uint32_t offset = selector.offset;
  Take();
  if (!IsMark("(")) {
    NodePtr node = New(NodeKind::kSelect, offset);
    if (node == nullptr) return nullptr;
    node->text = name;
    node->children.push_back(std::move(operand));
    return Finish(std::move(node));
  }
  std::vector<NodePtr> arguments;
  if (!ParseArguments(arguments)) return nullptr;
  return Finish(MakeReceiverCall(std::move(operand), name, offset, std::move(arguments)));
}

bool Parser::ParseArguments(std::vector<NodePtr>& arguments) {
  const Level level(*this);
  if (level.TooDeep()) return false;
  Take();  // (
  if (Accept(")")) return true;
  do {
    if (arguments.size() == kArgumentsMax) {
      Fail(Peek(), absl::StrCat("a call has at most ", kArgumentsMax, " arguments"));
      return false;
    }
    NodePtr argument = ParseExpr();
    if (argument == nullptr) return false;
    arguments.push_back(std::move(argument));
  } while (Accept(","));
  return Expect(")", "after the arguments");
}

NodePtr Parse(absl::string_view source, const ParseOptions& options, Error& error) {
  return Parser(source, options, error).Run();
}

std::string DottedName(const Node& node) {
  std::vector<const std::string*> parts;
  const Node* at = &node;
  for (; at->kind == NodeKind::kSelect; at = at->children[0].get()) parts.push_back(&at->text);
  if (at->kind != NodeKind::kIdent) return "";
  std::string name = at->text;
  for (size_t i = parts.size(); i-- > 0;) absl::StrAppend(&name, ".", *parts[i]);
  return name;
}

Node::~Node() {
  // One list instead of a call per level: chains may have thousands of links.
  std::vector<NodePtr> rest = std::move(children);
  while (!rest.empty()) {
    const NodePtr node = std::move(rest.back());
    rest.pop_back();
    for (NodePtr& child : node->children) rest.push_back(std::move(child));
    node->children.clear();
  }
}

}  // namespace weft::rules::expr
