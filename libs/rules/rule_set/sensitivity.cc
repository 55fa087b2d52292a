#include "libs/rules/rule_set/sensitivity.h"

#include <set>

#include "libs/rules/expr/checker.h"
#include "libs/rules/expr/parser.h"

namespace weft::rules {
namespace {

using expr::Node;
using expr::NodeKind;
using expr::Type;
using expr::TypeKind;

class Search {
 public:
  explicit Search(const FactSchema& schema) : schema_(schema) {}

  // Whether a value of `type` holds a sensitive field somewhere.
  bool Holds(const Type& type) {
    for (const Type& param : type.params) {
      if (Holds(param)) return true;
    }
    if (type.kind != TypeKind::kRecord || !seen_.insert(type.name).second) return false;
    bool holds = false;
    const auto& records = schema_.environment().records;
    for (size_t r = 0; r < records.size() && !holds; ++r) {
      if (records[r].name != type.name) continue;
      for (size_t f = 0; f < records[r].fields.size() && !holds; ++f) {
        holds = schema_.field(r, f).sensitive || Holds(records[r].fields[f].type);
      }
    }
    seen_.erase(type.name);
    return holds;
  }

  bool Visit(const Node& node) {
    if (node.kind == NodeKind::kHas) return false;
    if (node.kind == NodeKind::kSelect && Selects(node)) return true;
    // A record as a whole may be turned into text or compared by a function.
    if (node.kind == NodeKind::kCall && node.text != "size") {
      for (const auto& child : node.children) {
        if (Holds(child->type)) return true;
      }
    }
    for (const auto& child : node.children) {
      if (Visit(*child)) return true;
    }
    return false;
  }

 private:
  bool Selects(const Node& node) {
    const Type& of = node.children[0]->type;
    const auto& records = schema_.environment().records;
    for (size_t r = 0; r < records.size(); ++r) {
      // Of an unknown type: any field of that name may be meant.
      if (of.kind == TypeKind::kRecord && of.name != records[r].name) continue;
      if (of.kind != TypeKind::kRecord && of.kind != TypeKind::kDyn) continue;
      const int number = records[r].FieldNumber(node.text);
      if (number >= 0 && schema_.field(r, number).sensitive) return true;
    }
    return false;
  }

  const FactSchema& schema_;
  std::set<std::string> seen_;
};

bool Reveals(const Operand& operand, const expr::Environment& environment,
             const FactSchema& schema, const std::vector<bool>& sensitive) {
  return operand.program != nullptr && Reveals(*operand.program, environment, schema, sensitive);
}

}  // namespace

bool Reveals(const expr::Program& program, const expr::Environment& environment,
             const FactSchema& schema, const std::vector<bool>& sensitive) {
  for (const int slot : program.variables()) {
    if (sensitive[slot]) return true;
  }
  expr::Error error;
  const expr::NodePtr root = expr::Parse(program.source(), {}, error);
  if (root == nullptr) return true;
  expr::Check(program.source(), *root, environment, std::nullopt);
  Search search(schema);
  return search.Holds(root->type) || search.Visit(*root);
}

bool HoldsSensitive(const Type& type, const FactSchema& schema) {
  return Search(schema).Holds(type);
}

bool OutputsReveal(const DecisionTable& table) {
  const FactSchema& schema = table.schema();
  expr::Environment environment = schema.environment();
  std::vector<bool> sensitive;
  for (size_t slot = 0; slot < environment.variables.size(); ++slot) {
    sensitive.push_back(schema.variable(slot).sensitive);
  }
  std::vector<bool> inputs;
  for (const TableInput& input : table.inputs()) {
    inputs.push_back(Reveals(*input.program, schema.environment(), schema, sensitive));
    environment.variables.push_back({input.id, input.type});
  }
  sensitive.insert(sensitive.end(), inputs.begin(), inputs.end());
  environment.variables.push_back({"it", Type()});
  sensitive.push_back(false);
  for (const TableOutput& output : table.outputs()) {
    if (Reveals(output.fallback, environment, schema, sensitive)) return true;
  }
  for (const TableRule& rule : table.rules()) {
    for (const TableRule::Output& output : rule.outputs) {
      if (Reveals(output.operand, environment, schema, sensitive)) return true;
    }
  }
  return false;
}

}  // namespace weft::rules
