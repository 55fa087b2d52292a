// The parser of rule sets: head, names, expressions and outputs
// (rule_set_parser.cc), steps and what is sure in them (rule_set_steps.cc), tables
// and rule sets that they ask (rule_set_references.cc). Internal to them.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "libs/rules/rule_set/rule_set.h"

namespace weft::rules {

class RuleSetParser {
 public:
  RuleSetParser(const Tree& document, std::shared_ptr<const FactSchema> schema,
                const References& references, std::vector<Fault>& faults)
      : document_(document), schema_(*schema), references_(references), faults_(faults),
        environment_(schema->environment()), set_(new RuleSet) {
    set_->schema_ = std::move(schema);
    facts_ = environment_.variables.size();
    assigned_.assign(facts_, true);
    for (size_t slot = 0; slot < facts_; ++slot) {
      sensitive_.push_back(schema_.variable(slot).sensitive);
    }
  }

  std::shared_ptr<const RuleSet> Run();

 private:
  void Add(const Tree& at, std::string path, std::string code, std::string message,
           std::string hint = "");
  // False and a fault when `tree` is no map.
  bool AllowKeys(const Tree& tree, const std::string& path, const std::set<std::string>& keys);

  void ReadHead();

  // ---- Names ----

  // -1 when there is none yet.
  int FindName(const std::string& name) const;
  int Declare(const std::string& name, const expr::Type& type);
  // Whether a step may assign `name`; reports why not.
  bool MayAssign(const Tree& at, const std::string& path, const std::string& name);
  // The slot of `name` with `type`, declared when new; -1 and a fault when it
  // has another type.
  int SlotFor(const Tree& at, const std::string& path, const std::string& name,
              const expr::Type& type);
  void Mark(int slot, bool sensitive, bool conditional);

  // ---- Expressions ----

  Formula Compile(const Tree& at, const std::string& path, const std::string& text,
                  const std::optional<expr::Type>& wanted);
  Formula CompileScalar(const Tree& tree, const std::string& path,
                        const std::optional<expr::Type>& wanted);

  std::vector<Text::Part> ReadParts(const Tree& tree, const std::string& path);
  // A text, or a map by language with an optional `code`.
  Text ReadText(const Tree& tree, const std::string& path);

  // ---- Outputs ----

  void ReadOutputs();

  void ReadDefault(const Tree& tree, const std::string& path, RuleSetOutput& output);

  // Reports outputs that may have no value when the decision ends at `at`.
  void CheckOutputs(const Tree& at, const std::string& path);

  // ---- What is sure in a step ----

  // A condition that is true here.
  struct Given {
    std::string text;
    std::vector<int> slots;  // That it speaks of.
  };
  // After an assignment nothing is sure of what was said of the old value.
  void Forget(int slot);
  void Learn(int slot, const expr::Program& program);
  // What holds after a step that may have been skipped: what held before or after it.
  void MayBeSkipped(const std::vector<expr::VariableDeclaration>& before,
                    const std::vector<bool>& assigned_before);

  // ---- Steps ----

  void ReadSteps();

  // Each expression is bounded by itself; so is the decision as a whole.
  void CheckCost(const Tree& steps);

  // Whether the step ends the decision whenever it is reached.
  bool ReadStep(const Tree& tree, const std::string& path);

  void ReadSet(const Tree& tree, const std::string& path, Step& step, bool conditional);

  void ReadFail(const Tree& tree, const std::string& path, Step& step);

  // ---- References ----

  // Reads `ref` and `into`; "" and faults when they cannot be used.
  std::string ReadReference(const Tree& tree, const std::string& path,
                            const std::set<std::string>& keys, Reference& reference);
  // Forgets a name that could not be typed: it takes anything from here on.
  void Recover(const std::string& name);
  void CheckDepth(const Tree& at, const std::string& path, int below);
  // Declares the record type of a result once a document.
  std::string DeclareRecord(const std::string& id, expr::RecordDeclaration record);
  bool CheckImported(const Tree& at, const std::string& path, const expr::Type& type,
                     const expr::Environment& from);

  // Finds each fact of `wanted`: in `with`, among our facts by name, or missing.
  void MatchFacts(const Tree& at, const std::string& path, const FactSchema& wanted,
                  const std::vector<Assignment>& with, Reference& reference);

  void ReadTable(const Tree& tree, const std::string& path, Step& step, bool conditional);

  void ReadCall(const Tree& tree, const std::string& path, Step& step, bool conditional);

  void ReadWith(const Tree& tree, const std::string& path, RuleSetCall& call);

  const Tree& document_;
  const FactSchema& schema_;
  const References& references_;
  std::vector<Fault>& faults_;
  expr::Environment environment_;  // Facts, then names in the order of their declaration.
  std::shared_ptr<RuleSet> set_;
  RoundingMode rounding_ = RoundingMode::kHalfUp;
  size_t facts_ = 0;
  std::vector<bool> assigned_;     // By slot: surely has a value here.
  std::vector<bool> sensitive_;    // By slot: may tell of sensitive facts here.
  std::set<std::string> step_ids_;
  std::vector<Given> given_;             // Sure at the place that is read.
  bool ended_ = false;                   // An end of the decision was seen.
  expr::CostBounds step_cost_;
  std::vector<uint64_t> step_costs_;     // At most, by step.
};

}  // namespace weft::rules
