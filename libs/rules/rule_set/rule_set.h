// Rule sets: a decision in steps (LANGUAGE: rule sets).
//
//   References references{tables, rule_sets};  // id → parsed document
//   auto rule_set = RuleSet::Parse(tree, schema, references, faults);
//   RuleSetResult result = rule_set->Run(facts, now, arena, {.trace = true});
//
// A name is a fact, an output, or what a step assigns; it has one type. Parsing
// proves that no name is read before it is set and that every output is set on
// every path, so a run never meets a name without a value.
//
// Immutable once parsed and usable by any number of threads, each with an arena
// of its own. Values of a result live as long as the facts, the arena and the
// rule set.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "libs/rules/document/schema.h"
#include "libs/rules/document/tree.h"
#include "libs/rules/rule_set/step.h"
#include "libs/rules/table/decision_table.h"

namespace weft::rules {

// Finds the documents that another one refers to; nullptr when there is none.
struct References {
  std::function<std::shared_ptr<const DecisionTable>(const std::string& id)> table;
  std::function<std::shared_ptr<const RuleSet>(const std::string& id)> rule_set;
};

struct RuleSetOutput {
  std::string name;
  expr::Type type;
  int slot = 0;
  std::optional<expr::Value> fallback;      // `default`
  std::unique_ptr<expr::Program> source;    // Of the default; holds its texts.
  expr::NumberRange range;                  // What is known of a number at every end.
  bool sensitive = false;                   // Tells of sensitive facts: mask it in logs.
};

// Why a decision came out as it did. `step` is a path over calls: "base/floor".
struct Reason {
  std::string step;
  std::string code;
  std::vector<std::pair<std::string, std::string>> texts;  // Language ("" = any), text.
  // In `language`, else the first there is.
  const std::string& In(absl::string_view language) const;
};

struct StepTrace {
  struct Assigned {
    std::string name;
    std::string text;                 // "***" when it tells of sensitive facts.
    bool operator==(const Assigned&) const = default;
  };
  std::string id;
  bool ran = false;                   // False: its `when` was false.
  std::vector<Assigned> assigned;     // In order; `into` names too.
  std::vector<std::string> rules;     // Ids of the table's rules that decided.
  std::string reason;
  std::vector<StepTrace> inner;       // Steps of the called rule set.
};

struct DecisionError {
  bool business = false;  // From `fail`: the decision is refused.
  std::string code;       // "no_rule_matched", or the code of `fail`.
  std::string step;       // A path over calls; "" = before the first step.
  std::string part;       // "when", "set.net", "table", "table:<rule>", "call.with.qty" …
  expr::Position position;  // In the expression of that part.
  std::string message;
  std::string ToString() const;
};

struct RuleSetResult {
  std::vector<expr::Value> outputs;     // By number of outputs(); empty on an error.
  std::vector<Reason> reasons;
  std::vector<StepTrace> trace;         // Up to the end or the error.
  std::optional<DecisionError> error;
  std::string stopped_at;               // Id of the step whose `stop` ended the run.
  uint64_t cost = 0;                    // One unit a step, plus all expressions and tables.
};

struct RunOptions {
  uint64_t cost = 1'000'000;            // The whole decision, with all it calls.
  uint64_t expression_cost = 100'000;   // One expression.
  bool trace = false;
  bool reason_texts = true;             // False: reasons have step and code only.
  bool mask_all = false;                // Write no value to traces, reasons and messages.
};

class RuleSet {
 public:
  static constexpr size_t kStepsMax = 1'000;
  static constexpr size_t kOutputsMax = 64;
  static constexpr int kDepthMax = 8;   // References below a document.

  // nullptr when `faults` holds errors.
  static std::shared_ptr<const RuleSet> Parse(const Tree& document,
                                              std::shared_ptr<const FactSchema> schema,
                                              const References& references,
                                              std::vector<Fault>& faults);
  ~RuleSet();

  // `now` is a timestamp value, for the validity of table rules.
  RuleSetResult Run(const expr::Facts& facts, const expr::Value& now, expr::Arena& arena,
                    const RunOptions& options) const;

  // The same into a result that is used again: its memory is kept, so that a run
  // without reasons allocates nothing from the heap.
  void Run(const expr::Facts& facts, const expr::Value& now, expr::Arena& arena,
           const RunOptions& options, RuleSetResult& result) const;

  const std::string& id() const { return id_; }
  const FactSchema& schema() const { return *schema_; }
  const std::vector<RuleSetOutput>& outputs() const { return outputs_; }
  const std::vector<Step>& steps() const { return steps_; }
  // Of one decision with all that it calls, from the sizes that the schema declares.
  const expr::CostBounds& cost_bounds() const { return cost_bounds_; }
  // The longest chain of references below; 0 = it refers to nothing.
  int depth() const { return depth_; }

 private:
  friend class RuleSetParser;
  friend class RuleSetRun;
  RuleSet();

  std::string id_;
  std::shared_ptr<const FactSchema> schema_;
  std::vector<RuleSetOutput> outputs_;
  std::vector<Step> steps_;
  size_t slots_ = 0;  // Facts, then names in the order of their declaration.
  int depth_ = 0;
  expr::CostBounds cost_bounds_;
  expr::Arena constants_{expr::Arena::kDocumentBytesMax};
};

}  // namespace weft::rules
