#include "libs/rules/expr/decimal_literals.h"

#include "libs/money/decimal.h"

namespace weft::rules::expr {

bool IsPromotable(const Node& node, const TypeSolver& solver) {
  if (node.kind == NodeKind::kDouble) return true;
  if (node.kind == NodeKind::kCall && node.text == "-_") {
    return IsPromotable(*node.children[0], solver);
  }
  if (node.kind != NodeKind::kConditional) return false;
  bool any = false;
  for (size_t i = 1; i < 3; ++i) {
    const Node& branch = *node.children[i];
    if (IsPromotable(branch, solver)) {
      any = true;
      continue;
    }
    const TypeKind kind = solver.KindOf(branch.type);
    if (kind != TypeKind::kInt && kind != TypeKind::kDecimal) return false;
  }
  return any;
}

void Promote(Node& node, const TypeSolver& solver, std::vector<const Node*>& too_long) {
  if (node.kind == NodeKind::kCall && node.text == "-_" && IsPromotable(node, solver)) {
    Promote(*node.children[0], solver, too_long);
  } else if (node.kind == NodeKind::kConditional) {
    Promote(*node.children[1], solver, too_long);
    Promote(*node.children[2], solver, too_long);
  } else if (solver.KindOf(node.type) != TypeKind::kDecimal) {
    node.as_decimal = true;
    Decimal ignored;
    if (node.kind == NodeKind::kDouble &&
        Decimal::ParseInto(node.text, ignored) != DecimalError::kOk) {
      too_long.push_back(&node);
    }
  }
  node.type = Type::Of(TypeKind::kDecimal);
}

}  // namespace weft::rules::expr
