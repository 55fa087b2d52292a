#include "libs/rules/expr/parser.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/rules/expr/lexer.h"

namespace weft::rules::expr {
namespace {

bool IsKeyword(absl::string_view name) {
  return name == "true" || name == "false" || name == "null" || name == "in";
}

bool IsReserved(absl::string_view name) {
  for (const char* word :
       {"as", "break", "const", "continue", "else", "for", "function", "if", "import", "let",
        "loop", "package", "namespace", "return", "var", "void", "while"}) {
    if (name == word) return true;
  }
  return false;
}

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

class Parser {
 public:
  Parser(absl::string_view source, const ParseOptions& options, Error& error)
      : source_(source), options_(options), error_(error) {}

  NodePtr Run() {
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

 private:
  const Token& Peek(size_t ahead = 0) const {
    return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
  }
  const Token& Take() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
  bool IsMark(const char* mark, size_t ahead = 0) const {
    return Peek(ahead).kind == TokenKind::kMark && Peek(ahead).text == mark;
  }
  bool Accept(const char* mark) {
    if (!IsMark(mark)) return false;
    Take();
    return true;
  }
  std::string Spelling(const Token& token) const {
    if (token.kind == TokenKind::kEnd) return "end of text";
    const size_t end = at_ + 1 < tokens_.size() ? tokens_[at_ + 1].offset : source_.size();
    std::string text(source_.substr(token.offset, std::min<size_t>(end - token.offset, 40)));
    while (!text.empty() && (text.back() == ' ' || text.back() == '\n')) text.pop_back();
    return text;
  }

  NodePtr FailAt(uint32_t offset, std::string message, std::string hint = "") {
    // The first fault is the one that helps.
    if (!failed_) {
      error_ = {Code::kSyntax, PositionAt(source_, offset), std::move(message), std::move(hint)};
    }
    failed_ = true;
    return nullptr;
  }
  NodePtr Fail(const Token& token, std::string message, std::string hint = "") {
    return FailAt(token.offset, std::move(message), std::move(hint));
  }
  bool Expect(const char* mark, const char* where) {
    if (Accept(mark)) return true;
    Fail(Peek(), absl::StrCat("expected '", mark, "' ", where, ", found '", Spelling(Peek()), "'"));
    return false;
  }

  NodePtr New(NodeKind kind, uint32_t offset) {
    if (++nodes_ > kNodesMax) {
      return FailAt(offset, absl::StrCat("the expression has more than ", kNodesMax, " parts"),
                    "split it into several steps");
    }
    auto node = std::make_unique<Node>();
    node->kind = kind;
    node->offset = offset;
    return node;
  }
  NodePtr Finish(NodePtr node) {
    if (node != nullptr) {
      for (const NodePtr& child : node->children) node->macros = std::max(node->macros, child->macros);
      node->end = static_cast<uint32_t>(at_ == 0 ? 0 : tokens_[at_].offset);
    }
    return node;
  }

  // Counts one level of nesting for as long as it lives.
  class Level {
   public:
    explicit Level(Parser& parser) : parser_(parser) { ++parser_.depth_; }
    ~Level() { --parser_.depth_; }
    bool TooDeep() const {
      if (parser_.depth_ <= kDepthMax) return false;
      parser_.Fail(parser_.Peek(), absl::StrCat("nested deeper than ", kDepthMax, " levels"));
      return true;
    }

   private:
    Parser& parser_;
  };

  NodePtr ParseExpr() {
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

  NodePtr ParseBinary(int least) {
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

  NodePtr ParseUnary() {
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

  static bool IsNumber(const Token& token) {
    return token.kind == TokenKind::kInt || token.kind == TokenKind::kDouble;
  }

  NodePtr ParseMember() {
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

  NodePtr ParseSelector(NodePtr operand) {
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

  bool ParseArguments(std::vector<NodePtr>& arguments) {
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

  NodePtr ParsePrimary() {
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

  NodePtr ParseNumber(bool negative) {
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

  NodePtr ParseName(bool absolute) {
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

  NodePtr ParseList() {
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

  NodePtr ParseMap() {
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

  NodePtr MakeReceiverCall(NodePtr operand, const std::string& name, uint32_t offset,
                           std::vector<NodePtr> arguments) {
    if (options_.macros) {
      if (operand->kind == NodeKind::kIdent && !operand->absolute) {
        if (operand->text == "cel" && name == "bind" && arguments.size() == 3) {
          return MakeBind(offset, std::move(arguments));
        }
        if (operand->text == "math" && (name == "greatest" || name == "least")) {
          return MakeExtreme(name, offset, std::move(arguments));
        }
      }
      bool expanded = false;
      NodePtr macro = MakeComprehension(operand, name, offset, arguments, expanded);
      if (expanded) return macro;
    }
    NodePtr node = New(NodeKind::kCall, offset);
    if (node == nullptr) return nullptr;
    node->text = name;
    node->receiver = true;
    node->children.push_back(std::move(operand));
    for (NodePtr& argument : arguments) node->children.push_back(std::move(argument));
    return node;
  }

  bool TakeVariable(const NodePtr& argument, std::string& variable) {
    if (argument->kind != NodeKind::kIdent || argument->absolute) {
      FailAt(argument->offset, "expected the name of a variable");
      return false;
    }
    variable = argument->text;
    return true;
  }

  NodePtr MakeBind(uint32_t offset, std::vector<NodePtr> arguments) {
    NodePtr node = New(NodeKind::kBind, offset);
    if (node == nullptr || !TakeVariable(arguments[0], node->variable1)) return nullptr;
    node->children.push_back(std::move(arguments[1]));
    node->children.push_back(std::move(arguments[2]));
    return node;
  }

  NodePtr MakeExtreme(const std::string& name, uint32_t offset, std::vector<NodePtr> arguments) {
    if (arguments.empty()) return FailAt(offset, absl::StrCat("math.", name, " needs an argument"));
    for (const NodePtr& argument : arguments) {
      switch (argument->kind) {
        case NodeKind::kString: case NodeKind::kBool: case NodeKind::kBytes:
        case NodeKind::kNull: case NodeKind::kMap:
          return FailAt(argument->offset, absl::StrCat("math.", name, " compares numbers"));
        default: break;
      }
    }
    NodePtr node = New(NodeKind::kCall, offset);
    if (node == nullptr) return nullptr;
    node->text = absl::StrCat("math.", name);
    node->children = std::move(arguments);
    return node;
  }

  // Sets `expanded` when `name` with these arguments is a macro; the result is
  // then the node or nullptr after a fault.
  NodePtr MakeComprehension(NodePtr& range, const std::string& name, uint32_t offset,
                            std::vector<NodePtr>& arguments, bool& expanded) {
    Macro macro = Macro::kNone;
    int variables = 1;
    bool filter = false;
    const size_t count = arguments.size();
    if (name == "all" || name == "exists" || name == "exists_one" || name == "existsOne") {
      if (count != 2 && count != 3) return nullptr;
      macro = name == "all" ? Macro::kAll : name == "exists" ? Macro::kExists : Macro::kExistsOne;
      variables = static_cast<int>(count) - 1;
    } else if (name == "filter" && count == 2) {
      macro = Macro::kFilter;
    } else if (name == "map" && (count == 2 || count == 3)) {
      macro = Macro::kMap;
      filter = count == 3;
    } else if (name == "sortBy" && count == 2) {
      macro = Macro::kSortBy;
    } else if ((name == "transformList" || name == "transformMap" ||
                name == "transformMapEntry") && (count == 3 || count == 4)) {
      macro = name == "transformList" ? Macro::kMap
              : name == "transformMap" ? Macro::kTransformMap
                                       : Macro::kTransformMapEntry;
      variables = 2;
      filter = count == 4;
    } else {
      return nullptr;
    }
    expanded = true;
    NodePtr node = New(NodeKind::kComprehension, offset);
    if (node == nullptr) return nullptr;
    node->macro = macro;
    node->has_filter = filter;
    node->text = name;
    if (!TakeVariable(arguments[0], node->variable1)) return nullptr;
    if (variables == 2) {
      if (!TakeVariable(arguments[1], node->variable2)) return nullptr;
      if (node->variable1 == node->variable2) {
        return FailAt(arguments[1]->offset, "the two variables need different names");
      }
    }
    node->children.push_back(std::move(range));
    int deepest = 0;
    for (size_t i = variables; i < count; ++i) {
      deepest = std::max<int>(deepest, arguments[i]->macros);
      node->children.push_back(std::move(arguments[i]));
    }
    if (deepest + 1 > kComprehensionDepthMax) {
      return FailAt(offset, absl::StrCat("macros nest deeper than ", kComprehensionDepthMax));
    }
    node->macros = static_cast<uint8_t>(deepest + 1);
    return node;
  }

  const absl::string_view source_;
  const ParseOptions& options_;
  Error& error_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
  int nodes_ = 0;
  int depth_ = 0;
  bool failed_ = false;
  std::set<const Node*> open_chains_;
};

}  // namespace

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
