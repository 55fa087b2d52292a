// Types with variables while an expression is checked: what a variable stands
// for, and whether one type may stand where another is wanted (LANGUAGE: the
// type checker, "assignable").
//
// Bindings are undone by a trail, so that an overload that does not fit costs
// only what it bound.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "libs/rules/expr/type.h"

namespace weft::rules::expr {

class TypeSolver {
 public:
  // A variable that stands for nothing yet.
  Type Fresh();
  // `count` of them, numbered in a row from the result on.
  int FreshRow(int count);

  // Follows bindings at the top.
  Type Follow(const Type& type) const;
  TypeKind KindOf(const Type& type) const;
  // Every variable replaced; unbound ones become dyn.
  Type Final(const Type& type) const;
  // Bound variables replaced, unbound ones kept.
  Type Substitute(const Type& type) const;

  // Binds variables on success; leaves the bindings as they were otherwise.
  bool Assignable(const Type& a, const Type& b);
  // The same, but leaves bindings behind on failure: for use between Mark() and
  // Undo().
  bool Fit(const Type& a, const Type& b);

  // The more general of two assignable types.
  const Type& General(const Type& first, const Type& second) const;
  // The common type of two elements; dyn when they do not fit.
  Type Join(const Type& a, const Type& b);

  struct Mark {
    size_t trail;
    size_t variables;
  };
  Mark Here() const { return {trail_.size(), bindings_.size()}; }
  void Undo(const Mark& mark);

 private:
  void Bind(int variable, const Type& type);
  bool FitVariable(int variable, const Type& other);
  bool Contains(const Type& type, int variable) const;
  bool MoreGeneral(const Type& a, const Type& b) const;

  std::vector<std::optional<Type>> bindings_;
  std::vector<std::pair<int, std::optional<Type>>> trail_;  // What stood there before.
};

}  // namespace weft::rules::expr
