// Decision tables: many cases side by side (LANGUAGE: decision tables).
//
//   auto table = DecisionTable::Parse(tree, schema, faults);
//   TableResult result = table->Decide(facts, now, arena, {});
//
// Immutable once parsed and usable by any number of threads, each with an arena
// of its own. Larger tables are indexed; the outcome, errors included, is the same
// as without.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "libs/rules/document/schema.h"
#include "libs/rules/document/tree.h"
#include "libs/rules/expr/program.h"
#include "libs/rules/table/cell.h"

namespace weft::rules {

class TableIndex;

enum class HitPolicy : uint8_t { kUnique, kFirst, kAny, kPriority, kRuleOrder, kOutputOrder, kCollect };
enum class Aggregate : uint8_t { kNone, kSum, kMin, kMax, kCount };

struct TableInput {
  std::string id;
  std::string label;
  expr::Type type;
  bool optional = false;
  std::unique_ptr<expr::Program> program;
  std::vector<std::string> values;    // The domain, for completeness.
  std::optional<Interval> range;
};

struct TableOutput {
  std::string id;
  std::string label;
  expr::Type type;
  std::vector<expr::Value> values;    // Allowed, best first.
  Operand fallback;                   // `default`
  bool has_fallback = false;
};

struct TableRule {
  std::string id;
  bool enabled = true;
  std::optional<expr::Value> valid_from;  // Timestamps, half open.
  std::optional<expr::Value> valid_to;
  std::vector<Cell> cells;                // One per input.
  std::unique_ptr<expr::Program> condition;  // `if`
  struct Output {
    bool given = false;
    Operand operand;
  };
  std::vector<Output> outputs;            // One per output.
};

struct TableResult {
  using Rules = absl::InlinedVector<int, 4>;
  // A record as a map of outputs, a list of them, a number, or null; kError when
  // `error_rule` or an input failed.
  expr::Value value;
  // Numbers of the rules that decided, in the order of the result.
  Rules rules;
  // Rule whose cell, condition or output failed; -1 = an input.
  int error_rule = -1;
  uint64_t cost = 0;
};

struct DecideOptions {
  uint64_t cost = 1'000'000;
  bool use_index = true;  // Off in tests that compare.
};

class DecisionTable {
 public:
  // nullptr when `faults` holds errors; warnings and notes may be there too.
  static std::shared_ptr<const DecisionTable> Parse(const Tree& document,
                                                    std::shared_ptr<const FactSchema> schema,
                                                    std::vector<Fault>& faults);
  ~DecisionTable();

  // `now` is a timestamp value; rules outside their validity do not match.
  TableResult Decide(const expr::Facts& facts, const expr::Value& now, expr::Arena& arena,
                     const DecideOptions& options) const;

  const std::string& id() const { return id_; }
  HitPolicy hit_policy() const { return hit_policy_; }
  Aggregate aggregate() const { return aggregate_; }
  bool complete() const { return complete_; }
  const std::vector<TableInput>& inputs() const { return inputs_; }
  const std::vector<TableOutput>& outputs() const { return outputs_; }
  const std::vector<TableRule>& rules() const { return rules_; }
  const FactSchema& schema() const { return *schema_; }
  // Of one decision, from the sizes that the schema declares.
  expr::CostBounds cost_bounds() const;
  // The most that a rule costs: its cells, its `if` and its outputs.
  uint64_t CostOfRule(size_t rule) const;
  // What is known of a number that an output gives.
  expr::NumberRange RangeOfOutput(size_t output) const;
  // The type that `into` gets in a rule set.
  bool gives_list() const;

 private:
  friend class TableParser;
  friend class Decision;
  DecisionTable();
  // What decisions share: records of constant outputs, the index.
  void Prepare();

  std::string id_;
  std::shared_ptr<const FactSchema> schema_;
  HitPolicy hit_policy_ = HitPolicy::kUnique;
  Aggregate aggregate_ = Aggregate::kNone;
  bool complete_ = false;
  expr::Environment environment_;  // Facts, then inputs, then `it`.
  std::vector<TableInput> inputs_;
  std::vector<TableOutput> outputs_;
  std::vector<TableRule> rules_;
  expr::Arena constants_{expr::Arena::kDocumentBytesMax};
  const expr::MapRep* form_ = nullptr;   // Keys of a record, without values.
  std::vector<expr::Value> records_;     // By rule; null when an output is no constant.
  expr::Value default_record_;           // The same.
  std::unique_ptr<TableIndex> index_;
};

// Overlaps, gaps and redundant rules of a table (LANGUAGE: analysis at publish
// time). Shape: faults, warnings marked as such; each names a region.
std::vector<Fault> Analyse(const DecisionTable& table);

}  // namespace weft::rules
