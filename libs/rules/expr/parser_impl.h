// The parser's parts: operators (parser.cc), values and names (primary.cc),
// macros (macros.cc). Internal to them.
#pragma once

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/rules/expr/lexer.h"
#include "libs/rules/expr/parser.h"

namespace weft::rules::expr {

// "true", "false", "null", "in": never a name and never a field.
bool IsKeyword(absl::string_view name);

class Parser {
 public:
  Parser(absl::string_view source, const ParseOptions& options, Error& error)
      : source_(source), options_(options), error_(error) {}

  NodePtr Run();

 private:
  const Token& Peek(size_t ahead = 0) const {
    return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
  }
  const Token& Take() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
  bool IsMark(const char* mark, size_t ahead = 0) const {
    return Peek(ahead).kind == TokenKind::kMark && Peek(ahead).text == mark;
  }
  bool Accept(const char* mark);
  std::string Spelling(const Token& token) const;

  NodePtr FailAt(uint32_t offset, std::string message, std::string hint = "");
  NodePtr Fail(const Token& token, std::string message, std::string hint = "") {
    return FailAt(token.offset, std::move(message), std::move(hint));
  }
  bool Expect(const char* mark, const char* where);

  NodePtr New(NodeKind kind, uint32_t offset);
  NodePtr Finish(NodePtr node);

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

  NodePtr ParseExpr();

  NodePtr ParseBinary(int least);

  NodePtr ParseUnary();

  static bool IsNumber(const Token& token) {
    return token.kind == TokenKind::kInt || token.kind == TokenKind::kDouble;
  }

  NodePtr ParseMember();

  NodePtr ParseSelector(NodePtr operand);

  bool ParseArguments(std::vector<NodePtr>& arguments);

  NodePtr ParsePrimary();

  NodePtr ParseNumber(bool negative);

  NodePtr ParseName(bool absolute);

  NodePtr ParseList();

  NodePtr ParseMap();

  NodePtr MakeReceiverCall(NodePtr operand, const std::string& name, uint32_t offset,
                           std::vector<NodePtr> arguments);

  bool TakeVariable(const NodePtr& argument, std::string& variable);

  NodePtr MakeBind(uint32_t offset, std::vector<NodePtr> arguments);

  NodePtr MakeExtreme(const std::string& name, uint32_t offset, std::vector<NodePtr> arguments);

  // Sets `expanded` when `name` with these arguments is a macro; the result is
  // then the node or nullptr after a fault.
  NodePtr MakeComprehension(NodePtr& range, const std::string& name, uint32_t offset,
                            std::vector<NodePtr>& arguments, bool& expanded);

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

}  // namespace weft::rules::expr
