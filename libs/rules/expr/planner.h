// Turns a checked tree into evaluation nodes (LANGUAGE: shape of the engine):
// names become slots and field numbers, calls the function itself, constants
// are folded (errors are not folded away), and operators whose operand types are
// known become nodes made for them.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "libs/rules/expr/ast.h"
#include "libs/rules/expr/plan.h"
#include "libs/rules/expr/program.h"

namespace weft::rules::expr {

class Planner {
 public:
  // All outlive the planner; constants go to the program.
  Planner(const Environment& environment, const CompileOptions& options, Program& program)
      : environment_(environment), options_(options), program_(program) {}

  internal::Plan Build(const Node& node);

 private:
  using Plan = internal::Plan;

  template <typename T, typename... Args>
  Plan Make(const Node& node, Args&&... args) {
    return std::make_unique<T>(node.offset, std::forward<Args>(args)...);
  }
  Plan Constant(const Node& node, Value value);
  Value Keep(Value value);
  int Push(const std::string& name);
  int FindLocal(const std::string& name) const;

  // The child that the plan of `node` starts from, or nullptr.
  const Node* LeftOf(const Node& node) const;
  // A node that starts from nothing.
  Plan BuildBase(const Node& node);
  // `left` is the plan of LeftOf(node).
  Plan BuildLink(const Node& node, Plan left);
  // Puts a node at the end of a chain when it would nest too deep.
  static Plan Chained(Plan plan, int& nested);
  std::vector<Plan> BuildAll(const Node& node, size_t from = 0);

  // The meaning of a whole dotted name, when it has one.
  std::optional<Environment::Meaning> MeaningOf(const Node& node) const;
  const Function* NamespaceFunction(const Node& node) const;
  Plan BuildName(const Node& node);
  Plan BuildSelect(const Node& node, Plan left);
  Plan Fold(const Node& node, Plan plan);

  Plan BuildCall(const Node& node, Plan left);
  Plan MakeCall(const Node& node, const Function& function, bool receiver, Plan left,
                std::vector<Plan> rest);
  // Nodes made for operand types that the checker knows; nullptr when there is
  // none, and `left` is then untouched.
  Plan BuildSpecial(const Node& node, Plan& left);
  Plan BuildArithmetic(const Node& node, Plan& left);
  Plan BuildCompare(const Node& node, Plan& left);
  Plan BuildInTexts(const Node& node, Plan& left);
  Plan BuildRound(const Node& node, Plan& left);
  Plan BuildComprehension(const Node& node, Plan left);

  const Environment& environment_;
  const CompileOptions& options_;
  Program& program_;
  std::vector<std::string> locals_;
  std::set<int> mentioned_;
};

}  // namespace weft::rules::expr
