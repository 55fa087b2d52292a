#include "libs/rules/expr/parser_impl.h"

namespace weft::rules::expr {

NodePtr Parser::MakeReceiverCall(NodePtr operand, const std::string& name, uint32_t offset,
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

bool Parser::TakeVariable(const NodePtr& argument, std::string& variable) {
  if (argument->kind != NodeKind::kIdent || argument->absolute) {
    FailAt(argument->offset, "expected the name of a variable");
    return false;
  }
  variable = argument->text;
  return true;
}

NodePtr Parser::MakeBind(uint32_t offset, std::vector<NodePtr> arguments) {
  NodePtr node = New(NodeKind::kBind, offset);
  if (node == nullptr || !TakeVariable(arguments[0], node->variable1)) return nullptr;
  node->children.push_back(std::move(arguments[1]));
  node->children.push_back(std::move(arguments[2]));
  return node;
}

NodePtr Parser::MakeExtreme(const std::string& name, uint32_t offset,
                            std::vector<NodePtr> arguments) {
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

NodePtr Parser::MakeComprehension(NodePtr& range, const std::string& name, uint32_t offset,
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

}  // namespace weft::rules::expr
