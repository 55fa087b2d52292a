#include "libs/rules/expr/type_solver.h"

#include <algorithm>

namespace weft::rules::expr {
namespace {

bool Nullable(TypeKind kind) {
  return kind == TypeKind::kNull || kind == TypeKind::kRecord || kind == TypeKind::kTimestamp ||
         kind == TypeKind::kDuration || kind == TypeKind::kDecimal || kind == TypeKind::kMoney;
}

}  // namespace

Type TypeSolver::Fresh() { return Type::Variable(FreshRow(1)); }

int TypeSolver::FreshRow(int count) {
  const int first = static_cast<int>(bindings_.size());
  bindings_.resize(bindings_.size() + static_cast<size_t>(count));
  return first;
}

Type TypeSolver::Follow(const Type& type) const {
  const Type* at = &type;
  while (at->kind == TypeKind::kVariable && bindings_[at->variable].has_value()) {
    at = &*bindings_[at->variable];
  }
  return *at;
}

TypeKind TypeSolver::KindOf(const Type& type) const {
  const Type* at = &type;
  while (at->kind == TypeKind::kVariable && bindings_[at->variable].has_value()) {
    at = &*bindings_[at->variable];
  }
  return at->kind;
}

Type TypeSolver::Final(const Type& type) const {
  Type result = Follow(type);
  if (result.kind == TypeKind::kVariable) return Type();
  for (Type& param : result.params) param = Final(param);
  return result;
}

Type TypeSolver::Substitute(const Type& type) const {
  Type result = Follow(type);
  for (Type& param : result.params) param = Substitute(param);
  return result;
}

bool TypeSolver::Contains(const Type& type, int variable) const {
  const Type t = Follow(type);
  if (t.kind == TypeKind::kVariable) return t.variable == variable;
  return std::any_of(t.params.begin(), t.params.end(),
                     [&](const Type& p) { return Contains(p, variable); });
}

// Neither `a` nor `b` more general: false.
bool TypeSolver::MoreGeneral(const Type& a, const Type& b) const {
  const Type x = Follow(a);
  const Type y = Follow(b);
  if (y.kind == TypeKind::kDyn || y.kind == TypeKind::kVariable) return false;
  if (x.kind == TypeKind::kDyn || x.kind == TypeKind::kVariable) return true;
  if (x.kind != y.kind) return false;
  for (size_t i = 0; i < x.params.size(); ++i) {
    if (MoreGeneral(x.params[i], y.params[i])) return true;
  }
  return false;
}

const Type& TypeSolver::General(const Type& first, const Type& second) const {
  return MoreGeneral(second, first) ? second : first;
}

Type TypeSolver::Join(const Type& a, const Type& b) {
  if (Assignable(b, a) || Assignable(a, b)) return General(Substitute(a), Substitute(b));
  return Type();
}

void TypeSolver::Undo(const Mark& mark) {
  while (trail_.size() > mark.trail) {
    auto& [variable, before] = trail_.back();
    bindings_[variable] = std::move(before);
    trail_.pop_back();
  }
  bindings_.resize(mark.variables);
}

void TypeSolver::Bind(int variable, const Type& type) {
  trail_.emplace_back(variable, std::move(bindings_[variable]));
  bindings_[variable] = type;
}

bool TypeSolver::Assignable(const Type& a, const Type& b) {
  const Mark mark = Here();
  if (Fit(a, b)) return true;
  Undo(mark);
  return false;
}

bool TypeSolver::Fit(const Type& a, const Type& b) {
  if (b.kind == TypeKind::kVariable) return FitVariable(b.variable, a);
  if (a.kind == TypeKind::kVariable) return FitVariable(a.variable, b);
  if (a.kind == TypeKind::kDyn || b.kind == TypeKind::kDyn) return true;
  if (a.kind == TypeKind::kNull || b.kind == TypeKind::kNull) {
    return Nullable(a.kind) && Nullable(b.kind);
  }
  if (a.kind != b.kind || a.name != b.name) return false;
  for (size_t i = 0; i < a.params.size(); ++i) {
    if (!Fit(a.params[i], b.params[i])) return false;
  }
  return true;
}

bool TypeSolver::FitVariable(int variable, const Type& other) {
  // Follow chains of variables to the last one.
  while (bindings_[variable].has_value() && bindings_[variable]->kind == TypeKind::kVariable) {
    variable = bindings_[variable]->variable;
  }
  const Type target = Follow(other);
  if (target.kind == TypeKind::kVariable && target.variable == variable) return true;
  if (!bindings_[variable].has_value()) {
    if (Contains(target, variable)) return false;
    Bind(variable, target);
    return true;
  }
  const Type bound = *bindings_[variable];
  if (!Fit(bound, target)) return false;
  const Type& general = General(bound, target);
  if (!(general.kind == TypeKind::kVariable && general.variable == variable)) {
    Bind(variable, general);
  }
  return true;
}

}  // namespace weft::rules::expr
