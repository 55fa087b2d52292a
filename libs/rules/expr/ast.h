// The syntax tree of an expression, after macro expansion.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "libs/rules/expr/error.h"
#include "libs/rules/expr/type.h"

namespace weft::rules::expr {

enum class NodeKind : uint8_t {
  kNull,
  kBool,
  kInt,
  kUint,
  kDouble,
  kString,
  kBytes,
  kIdent,          // text = name; `absolute` for a leading dot
  kSelect,         // children[0].text
  kHas,            // has(children[0].text)
  kIndex,          // children[0][children[1]]
  kCall,           // text = function; `receiver`: children[0] is the receiver
  kAnd,            // any number of children: a chain is one node
  kOr,
  kConditional,    // children: condition, then, else
  kList,
  kMap,            // children: key, value, key, value …
  kComprehension,  // see `macro`
  kBind,           // cel.bind: variable1 = children[0] in children[1]
};

// Comprehensions keep their macro's meaning; they are not lowered to a fold.
enum class Macro : uint8_t {
  kNone,
  kAll,
  kExists,
  kExistsOne,
  kFilter,
  kMap,             // map and transformList; children: range, [filter], body
  kTransformMap,
  kTransformMapEntry,
  kSortBy,
};

struct Node {
  Node() = default;
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  NodeKind kind = NodeKind::kNull;
  Macro macro = Macro::kNone;
  bool absolute = false;
  bool receiver = false;
  bool has_filter = false;   // kMap and transforms: children[1] is the predicate.
  bool bool_value = false;
  int64_t int_value = 0;
  uint64_t uint_value = 0;
  double double_value = 0;
  uint32_t offset = 0;       // In the source.
  uint32_t end = 0;
  uint8_t macros = 0;        // How deep comprehensions nest in here.
  // Name, string value, or the source text of a number (decimals are read from it).
  std::string text;
  std::string variable1;     // Comprehension variables; variable2 "" = one-variable form.
  std::string variable2;
  std::vector<std::unique_ptr<Node>> children;

  // Set by the checker.
  Type type;
  bool as_decimal = false;   // A floating literal read as a decimal, or an int made one.
};
using NodePtr = std::unique_ptr<Node>;

}  // namespace weft::rules::expr
