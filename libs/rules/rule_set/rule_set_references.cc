#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libs/rules/rule_set/rule_set_parser.h"
#include "libs/rules/rule_set/schema_match.h"
#include "libs/rules/rule_set/sensitivity.h"

namespace weft::rules {

using expr::Type;
using expr::TypeKind;
using expr::Value;

// ---- References ----

std::string RuleSetParser::ReadReference(const Tree& tree, const std::string& path,
                          const std::set<std::string>& keys, Reference& reference) {
  if (!AllowKeys(tree, path, keys)) return "";
  reference.into = tree.TextOr("into");
  const std::string ref = tree.TextOr("ref");
  if (ref.empty()) Add(tree, path + ".ref", "missing_key", "the id of a document is wanted");
  if (reference.into.empty()) {
    Add(tree, path + ".into", "missing_key", "say under which name the result is stored");
    return "";
  }
  return MayAssign(tree, path + ".into", reference.into) ? ref : "";
}

void RuleSetParser::Recover(const std::string& name) {
  if (name.empty()) return;
  const int known = FindName(name);
  if (known >= 0 && static_cast<size_t>(known) < facts_) return;
  assigned_[known >= 0 ? known : Declare(name, Type())] = true;
}

void RuleSetParser::CheckDepth(const Tree& at, const std::string& path, int below) {
  set_->depth_ = std::max(set_->depth_, below + 1);
  if (below + 1 > RuleSet::kDepthMax) {
    Add(at, path, "nesting_too_deep",
        absl::StrCat("references nest ", below + 1, " deep, and ", RuleSet::kDepthMax,
                     " is the most"));
  }
}

std::string RuleSetParser::DeclareRecord(const std::string& id, expr::RecordDeclaration record) {
  record.name = absl::StrCat("result of ", id);
  if (environment_.FindRecord(record.name) == nullptr) environment_.records.push_back(record);
  return record.name;
}

bool RuleSetParser::CheckImported(const Tree& at, const std::string& path, const Type& type,
                   const expr::Environment& from) {
  if (SameRecords(type, schema_.environment(), from)) return true;
  Add(at, path, "schema_mismatch",
      absl::StrCat("the result holds ", type.ToString(), ", which '", schema_.id(),
                   "' declares otherwise or not at all"));
  return false;
}

void RuleSetParser::MatchFacts(const Tree& at, const std::string& path, const FactSchema& wanted,
                const std::vector<Assignment>& with, Reference& reference) {
  reference.same_facts = &wanted == &schema_ && with.empty();
  const auto& variables = wanted.environment().variables;
  for (size_t slot = 0; slot < variables.size(); ++slot) {
    FactSource source;
    for (size_t i = 0; i < with.size(); ++i) {
      if (with[i].slot == static_cast<int>(slot)) source.argument = static_cast<int>(i);
    }
    const int own = FindName(variables[slot].name);
    const FieldRules& rules = wanted.variable(slot);
    if (source.argument >= 0) {
      // Overridden.
    } else if (own >= 0 && static_cast<size_t>(own) < facts_) {
      source.slot = own;
      // The other schema may not know that this is sensitive.
      if (&wanted != &schema_ &&
          (sensitive_[own] || HoldsSensitive(variables[slot].type, schema_))) {
        reference.sensitive = true;
      }
      if (environment_.variables[own].type != variables[slot].type ||
          !SameRecords(variables[slot].type, schema_.environment(), wanted.environment())) {
        Add(at, path, "schema_mismatch",
            absl::StrCat("the fact '", variables[slot].name, "' is ",
                         variables[slot].type.ToString(), " of another form there"));
      }
    } else if (rules.fallback.has_value()) {
      source.fallback = *rules.fallback;
    } else if (rules.optional) {
      source.fallback = Value::AbsentField();
    } else {
      Add(at, path, "missing_fact",
          absl::StrCat("the fact '", variables[slot].name, "' is needed there and not known here"),
          "call a rule set with {with: {name: expression}}");
    }
    reference.facts.push_back(source);
  }
}

void RuleSetParser::ReadTable(const Tree& tree, const std::string& path, Step& step,
                              bool conditional) {
  TableCall call;
  const std::string ref = ReadReference(tree, path, {"ref", "into"}, call);
  if (!ref.empty()) call.table = references_.table ? references_.table(ref) : nullptr;
  if (!ref.empty() && call.table == nullptr) {
    Add(tree, path + ".ref", "unknown_reference", absl::StrCat("there is no table '", ref, "'"));
  }
  if (call.table == nullptr) return Recover(call.into);
  const DecisionTable& table = *call.table;
  CheckDepth(tree, path + ".ref", 0);
  MatchFacts(tree, path, table.schema(), {}, call);
  Type type;
  if (table.aggregate() == Aggregate::kCount) {
    type = Type::Of(TypeKind::kInt);
  } else if (table.aggregate() != Aggregate::kNone) {
    type = table.outputs()[0].type;
  } else {
    expr::RecordDeclaration record;
    for (const TableOutput& output : table.outputs()) {
      if (!CheckImported(tree, path, output.type, table.schema().environment())) {
        return Recover(call.into);
      }
      record.fields.push_back({output.id, output.type});
      record.fields.back().range = table.RangeOfOutput(record.fields.size() - 1);
    }
    call.record = DeclareRecord(table.id(), std::move(record));
    type = Type::Record(call.record);
    if (table.gives_list()) type = Type::List(type);
  }
  call.sensitive = call.sensitive || OutputsReveal(table);
  call.slot = SlotFor(tree, path + ".into", call.into, type);
  if (call.slot < 0) return Recover(call.into);
  Mark(call.slot, call.sensitive, conditional);
  Forget(call.slot);
  environment_.variables[call.slot].range = {};
  step_cost_ += table.cost_bounds();
  step.table = std::move(call);
}

void RuleSetParser::ReadCall(const Tree& tree, const std::string& path, Step& step,
                             bool conditional) {
  RuleSetCall call;
  const std::string ref = ReadReference(tree, path, {"ref", "into", "with"}, call);
  if (!ref.empty() && ref == set_->id_) {
    Add(tree, path + ".ref", "reference_cycle",
        absl::StrCat("'", ref, "' calls itself"), "references form no cycle");
    return Recover(call.into);
  }
  if (!ref.empty()) call.rule_set = references_.rule_set ? references_.rule_set(ref) : nullptr;
  if (!ref.empty() && call.rule_set == nullptr) {
    Add(tree, path + ".ref", "unknown_reference",
        absl::StrCat("there is no rule set '", ref, "', or it has faults"));
  }
  if (call.rule_set == nullptr) return Recover(call.into);
  const RuleSet& called = *call.rule_set;
  CheckDepth(tree, path + ".ref", called.depth());
  if (const Tree* with = tree.Find("with")) ReadWith(*with, path + ".with", call);
  MatchFacts(tree, path, called.schema(), call.with, call);
  expr::RecordDeclaration record;
  call.hides_facts = call.hides_facts || call.sensitive;
  call.sensitive = call.hides_facts;
  for (const RuleSetOutput& output : called.outputs()) {
    if (!CheckImported(tree, path, output.type, called.schema().environment())) {
      return Recover(call.into);
    }
    record.fields.push_back({output.name, output.type});
    record.fields.back().range = output.range;
    call.sensitive = call.sensitive || output.sensitive;
  }
  call.record = DeclareRecord(called.id(), std::move(record));
  call.slot = SlotFor(tree, path + ".into", call.into, Type::Record(call.record));
  if (call.slot < 0) return Recover(call.into);
  Mark(call.slot, call.sensitive, conditional);
  Forget(call.slot);
  step_cost_ += called.cost_bounds();
  step.call = std::move(call);
}

void RuleSetParser::ReadWith(const Tree& tree, const std::string& path, RuleSetCall& call) {
  if (!tree.is_map()) {
    return Add(tree, path, "not_a_map", "overridden facts are written {name: expression}");
  }
  const expr::Environment& there = call.rule_set->schema().environment();
  for (const auto& [name, value] : tree.fields) {
    const std::string at = absl::StrCat(path, ".", name);
    int slot = static_cast<int>(there.variables.size()) - 1;
    while (slot >= 0 && there.variables[slot].name != name) --slot;
    if (slot < 0) {
      Add(value, at, "unknown_key",
          absl::StrCat("'", call.rule_set->id(), "' knows no fact '", name, "'"));
      continue;
    }
    const Type& type = there.variables[slot].type;
    if (!SameRecords(type, schema_.environment(), there)) {
      Add(value, at, "schema_mismatch",
          absl::StrCat(type.ToString(), " has another form in '", call.rule_set->id(), "'"));
      continue;
    }
    Formula formula = CompileScalar(value, at, type);
    if (formula.sensitive) call.hides_facts = true;
    call.with.push_back({name, slot, type, std::move(formula)});
  }
}

}  // namespace weft::rules
