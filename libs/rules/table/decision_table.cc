#include "libs/rules/table/decision_table.h"

#include <algorithm>
#include <new>

#include "libs/rules/expr/functions.h"
#include "libs/rules/expr/number_range.h"
#include "libs/rules/table/table_index.h"

namespace weft::rules {

using expr::Code;
using expr::Kind;
using expr::Ordering;
using expr::TypeKind;
using expr::Value;

DecisionTable::DecisionTable() = default;
DecisionTable::~DecisionTable() = default;

void DecisionTable::Prepare() {
  // Records are maps from the outputs' ids, which all share their keys.
  const size_t size = outputs_.size();
  auto* keys = constants_.AllocateArray<Value>(size);
  for (size_t o = 0; o < size; ++o) keys[o] = Value::String(outputs_[o].id);
  form_ = expr::MakeMap(keys, keys, static_cast<uint32_t>(size), constants_).map;
  const auto ready = [&](const TableRule* rule) {
    const auto operand_of = [&](size_t o) -> const Operand& {
      const bool given = rule != nullptr && rule->outputs[o].given;
      return given ? rule->outputs[o].operand : outputs_[o].fallback;
    };
    for (size_t o = 0; o < size; ++o) {
      if (!operand_of(o).constant.has_value()) return Value::Null();
    }
    auto* values = constants_.AllocateArray<Value>(size);
    auto* map = constants_.AllocateArray<expr::MapRep>(1);
    for (size_t o = 0; o < size; ++o) values[o] = *operand_of(o).constant;
    *map = *form_;
    map->values = values;
    return Value::OfMap(map);
  };
  for (const TableRule& rule : rules_) records_.push_back(ready(&rule));
  default_record_ = ready(nullptr);
  if (rules_.size() >= TableIndex::kRulesFrom) index_ = TableIndex::Build(inputs_, rules_);
}

uint64_t DecisionTable::CostOfRule(size_t number) const {
  const TableRule& rule = rules_[number];
  expr::CostBounds cost;
  for (const Cell& cell : rule.cells) cost += CostOf(cell);
  if (rule.condition != nullptr) cost += {0, rule.condition->cost_bounds().upper};
  for (size_t o = 0; o < outputs_.size(); ++o) {
    const TableRule::Output& given = rule.outputs[o];
    const Operand& operand = given.given ? given.operand : outputs_[o].fallback;
    if (operand.program == nullptr) continue;
    // By rank outputs are evaluated once more.
    cost += {0, 2 * operand.program->cost_bounds().upper};
  }
  return cost.upper;
}

expr::CostBounds DecisionTable::cost_bounds() const {
  expr::CostBounds cost;
  for (const TableInput& input : inputs_) cost += input.program->cost_bounds();
  cost += {0, inputs_.size()};  // Looking them up.
  for (size_t r = 0; r < rules_.size(); ++r) {
    cost += {0, CostOfRule(r) + 4};  // 4: folding the outputs of COLLECT.
  }
  return cost;
}

expr::NumberRange DecisionTable::RangeOfOutput(size_t output) const {
  std::optional<expr::NumberRange> all;
  const auto add = [&](const Operand& operand) {
    expr::NumberRange one;
    Decimal value;
    if (operand.program != nullptr) {
      one = operand.program->result_range();
    } else if (operand.constant.has_value() && operand.constant->kind == Kind::kMoney) {
      one = expr::ExactRange(operand.constant->decimal);
      one.currency = operand.constant->currency;
    } else if (operand.constant.has_value() && expr::AsDecimal(*operand.constant, value)) {
      one = expr::ExactRange(value);
    }
    all = all.has_value() ? expr::UnionOfRanges(*all, one) : one;
  };
  for (const TableRule& rule : rules_) {
    const TableRule::Output& given = rule.outputs[output];
    add(given.given ? given.operand : outputs_[output].fallback);
  }
  if (outputs_[output].has_fallback) add(outputs_[output].fallback);
  return all.value_or(expr::NumberRange());
}

bool DecisionTable::gives_list() const {
  return hit_policy_ == HitPolicy::kRuleOrder || hit_policy_ == HitPolicy::kOutputOrder ||
         (hit_policy_ == HitPolicy::kCollect && aggregate_ == Aggregate::kNone);
}

// One decision: inputs once, candidates in order, then the hit policy.
class Decision final : public expr::Facts {
 public:
  Decision(const DecisionTable& table, const expr::Facts& facts, const Value& now,
           expr::Arena& arena, const DecideOptions& options)
      : table_(table), facts_(facts), now_(now), arena_(arena), options_(options),
        fact_slots_(static_cast<int>(table.schema_->environment().variables.size())) {}

  TableResult Run() {
    if (EvaluateInputs() && FindMatches()) Conclude();
    result_.cost = cost_;
    return result_;
  }

  // Facts first, then inputs, then `it`.
  Value Variable(int slot, expr::Arena& arena) const override {
    if (slot < fact_slots_) return facts_.Variable(slot, arena);
    const size_t input = slot - fact_slots_;
    return input < inputs_size_ ? inputs_[input] : it_;
  }

 private:
  void Fail(const Value& error, int rule) {
    result_.value = error;
    result_.error_rule = rule;
    result_.rules.clear();
  }
  bool OverBudget() {
    if (cost_ <= options_.cost) return false;
    Fail(Value::Error(Code::kCostExceeded, "the decision costs more than its budget"), -1);
    return true;
  }

  bool EvaluateInputs() {
    const size_t size = table_.inputs_.size();
    inputs_ = arena_.AllocateArray<Value>(size);
    if (inputs_ == nullptr) {
      Fail(Value::Error(Code::kSizeExceeded, "the decision needs more than 4 MiB"), -1);
      return false;
    }
    for (size_t i = 0; i < size; ++i) {
      const TableInput& input = table_.inputs_[i];
      new (&inputs_[i]) Value(
          input.program->EvaluateValue(facts_, arena_, options_.cost - cost_, cost_));
      inputs_size_ = i + 1;
      if (OverBudget()) return false;
      if (!inputs_[i].is_error()) continue;
      const Code code = inputs_[i].code;
      if (input.optional && (code == Code::kAbsentField || code == Code::kNoSuchKey)) continue;
      Fail(inputs_[i], -1);
      return false;
    }
    return true;
  }

  bool FindMatches() {
    const size_t rules = table_.rules_.size();
    const bool first_only = table_.hit_policy_ == HitPolicy::kFirst;
    if (options_.use_index && table_.index_ != nullptr) {
      const size_t words = table_.index_->words();
      uint64_t few[32];
      uint64_t* candidates = words <= 32 ? few : arena_.AllocateArray<uint64_t>(words);
      if (candidates == nullptr) {
        Fail(Value::Error(Code::kSizeExceeded, "the decision needs more than 4 MiB"), -1);
        return false;
      }
      std::copy_n(table_.index_->enabled(), words, candidates);
      for (size_t c = 0; c < inputs_size_; ++c) {
        if (!inputs_[c].is_error() && table_.index_->Narrow(c, inputs_[c], candidates)) {
          settled_ |= uint64_t{1} << c;
        }
      }
      cost_ += inputs_size_;  // A look-up a column.
      for (size_t w = 0; w < words; ++w) {
        for (uint64_t bits = candidates[w]; bits != 0; bits &= bits - 1) {
          const int rule = static_cast<int>(w * 64 + static_cast<size_t>(__builtin_ctzll(bits)));
          if (!Try(rule)) return false;
          if (first_only && !result_.rules.empty()) return true;
        }
      }
      return true;
    }
    for (size_t r = 0; r < rules; ++r) {
      if (!Try(static_cast<int>(r))) return false;
      if (first_only && !result_.rules.empty()) return true;
    }
    return true;
  }

  // Adds the rule when it matches; false when the decision failed.
  bool Try(int number) {
    const TableRule& rule = table_.rules_[number];
    if (!rule.enabled) return true;
    if (rule.valid_from.has_value() && expr::Order(now_, *rule.valid_from) == Ordering::kLess) {
      return true;
    }
    if (rule.valid_to.has_value() && expr::Order(now_, *rule.valid_to) != Ordering::kLess) {
      return true;
    }
    Value pending;
    for (size_t c = 0; c < inputs_size_; ++c) {
      if ((settled_ >> c & 1) != 0 || rule.cells[c].kind == Cell::Kind::kAny) continue;
      it_ = inputs_[c];
      const Value verdict = Judge(rule.cells[c], inputs_[c], *this, arena_, options_.cost, cost_);
      if (verdict.is_error()) {
        if (IsFatal(verdict.code)) {
          Fail(verdict, number);
          return false;
        }
        if (!pending.is_error()) pending = verdict;
      } else if (!verdict.bool_value) {
        return !OverBudget();
      }
    }
    if (rule.condition != nullptr) {
      const Value verdict =
          rule.condition->EvaluateValue(*this, arena_, options_.cost - cost_, cost_);
      if (verdict.is_error()) {
        if (!pending.is_error() || IsFatal(verdict.code)) pending = verdict;
      } else if (verdict.kind == Kind::kBool && !verdict.bool_value) {
        return !OverBudget();
      }
    }
    if (OverBudget()) return false;
    if (pending.is_error()) {
      Fail(pending, number);
      return false;
    }
    result_.rules.push_back(number);
    return true;
  }

  Value OutputOf(int rule, size_t output) {
    const TableRule::Output& out = table_.rules_[rule].outputs[output];
    return Evaluate(out.given ? out.operand : table_.outputs_[output].fallback);
  }
  Value Evaluate(const Operand& operand) {
    if (operand.constant.has_value()) return *operand.constant;
    return operand.program->EvaluateValue(*this, arena_,
                                          options_.cost - std::min(cost_, options_.cost), cost_);
  }

  // The outputs of a rule as a record; -1 = the defaults. kError on failure.
  Value RecordOf(int rule) {
    const Value& ready = rule < 0 ? table_.default_record_ : table_.records_[rule];
    if (ready.kind == Kind::kMap) return ready;
    const size_t size = table_.outputs_.size();
    auto* values = arena_.AllocateArray<Value>(size);
    auto* map = arena_.AllocateArray<expr::MapRep>(1);
    if (values == nullptr || map == nullptr) {
      return Value::Error(Code::kSizeExceeded, "the decision needs more than 4 MiB");
    }
    for (size_t o = 0; o < size; ++o) {
      values[o] = rule < 0 ? Evaluate(table_.outputs_[o].fallback) : OutputOf(rule, o);
      if (values[o].is_error()) return values[o];
    }
    *map = *table_.form_;
    map->values = values;
    return Value::OfMap(map);
  }

  // How far down its allowed values an output stands; outputs without values do not count.
  std::vector<size_t> RankOf(int rule) {
    std::vector<size_t> ranks;
    for (size_t o = 0; o < table_.outputs_.size(); ++o) {
      const std::vector<Value>& allowed = table_.outputs_[o].values;
      if (allowed.empty()) continue;
      const Value value = OutputOf(rule, o);
      size_t rank = 0;
      while (rank < allowed.size() && !expr::Equals(allowed[rank], value, arena_)) ++rank;
      ranks.push_back(rank);
    }
    return ranks;
  }

  void Single(int rule) {
    result_.rules.assign(1, rule);
    const Value record = RecordOf(rule);
    if (record.is_error()) return Fail(record, rule);
    result_.value = record;
  }

  void Conclude() {
    TableResult::Rules& matches = result_.rules;
    if (matches.empty()) return ConcludeEmpty();
    switch (table_.hit_policy_) {
      case HitPolicy::kUnique:
        if (matches.size() > 1) return Violation();
        return Single(matches[0]);
      case HitPolicy::kFirst: return Single(matches[0]);
      case HitPolicy::kAny: {
        const TableResult::Rules all = matches;
        const Value first = RecordOf(all[0]);
        if (first.is_error()) return Fail(first, all[0]);
        for (size_t i = 1; i < all.size(); ++i) {
          const Value other = RecordOf(all[i]);
          if (other.is_error()) return Fail(other, all[i]);
          if (!expr::Equals(first, other, arena_)) return Violation();
        }
        result_.value = first;
        return;
      }
      case HitPolicy::kPriority: {
        int best = matches[0];
        std::vector<size_t> rank = RankOf(best);
        for (const int rule : matches) {
          std::vector<size_t> other = RankOf(rule);
          if (other < rank) {
            best = rule;
            rank = std::move(other);
          }
        }
        return Single(best);
      }
      case HitPolicy::kOutputOrder: {
        std::vector<std::pair<std::vector<size_t>, int>> ranked;
        for (const int rule : matches) ranked.emplace_back(RankOf(rule), rule);
        std::stable_sort(ranked.begin(), ranked.end(),
                         [](const auto& a, const auto& b) { return a.first < b.first; });
        for (size_t i = 0; i < ranked.size(); ++i) matches[i] = ranked[i].second;
        return ConcludeList();
      }
      case HitPolicy::kRuleOrder: return ConcludeList();
      case HitPolicy::kCollect: return ConcludeCollect();
    }
  }

  void Violation() {
    const TableResult::Rules matches = result_.rules;
    Fail(Value::Error(Code::kHitPolicyViolation, "several rules match this case"), matches[1]);
    result_.rules = matches;  // So that a trace can name them.
  }

  void ConcludeEmpty() {
    if (table_.outputs_[0].has_fallback && !table_.gives_list() &&
        table_.hit_policy_ != HitPolicy::kCollect) {
      const Value record = RecordOf(-1);
      if (record.is_error()) return Fail(record, -1);
      result_.value = record;
      return;
    }
    if (table_.gives_list()) {
      result_.value = Value::List(nullptr, 0);
    } else if (table_.aggregate_ == Aggregate::kCount || table_.aggregate_ == Aggregate::kSum) {
      result_.value = table_.aggregate_ == Aggregate::kSum &&
                              table_.outputs_[0].type.kind == TypeKind::kDecimal
                          ? Value::OfDecimal(Decimal())
                          : Value::Int(0);
    } else {
      result_.value = Value::Null();
    }
  }

  void ConcludeList() {
    auto* items = arena_.AllocateArray<Value>(result_.rules.size());
    if (items == nullptr) {
      return Fail(Value::Error(Code::kSizeExceeded, "the decision needs more than 4 MiB"), -1);
    }
    for (size_t i = 0; i < result_.rules.size(); ++i) {
      items[i] = RecordOf(result_.rules[i]);
      if (items[i].is_error()) return Fail(items[i], result_.rules[i]);
    }
    result_.value = Value::List(items, result_.rules.size());
  }

  void ConcludeCollect() {
    const TableResult::Rules& matches = result_.rules;
    if (table_.aggregate_ == Aggregate::kNone) return ConcludeList();
    if (table_.aggregate_ == Aggregate::kCount) {
      result_.value = Value::Int(static_cast<int64_t>(matches.size()));
      return;
    }
    auto* items = arena_.AllocateArray<Value>(matches.size());
    if (items == nullptr) {
      return Fail(Value::Error(Code::kSizeExceeded, "the decision needs more than 4 MiB"), -1);
    }
    for (size_t i = 0; i < matches.size(); ++i) {
      items[i] = OutputOf(matches[i], 0);
      if (items[i].is_error()) return Fail(items[i], matches[i]);
    }
    const Value list = Value::List(items, matches.size());
    expr::Context context{arena_, 0, options_.cost, RoundingMode::kHalfUp};
    const char* name = table_.aggregate_ == Aggregate::kSum   ? "sum"
                       : table_.aggregate_ == Aggregate::kMin ? "min"
                                                              : "max";
    const Value folded = expr::FindFunction(name)->implementation(context, &list, 1);
    cost_ += context.cost;
    if (folded.is_error()) return Fail(folded, matches[0]);
    result_.value = folded;
  }

  const DecisionTable& table_;
  const expr::Facts& facts_;
  const Value& now_;
  expr::Arena& arena_;
  const DecideOptions& options_;
  const int fact_slots_;
  Value* inputs_ = nullptr;
  size_t inputs_size_ = 0;
  uint64_t settled_ = 0;  // Columns whose cells need no test any more.
  Value it_;
  uint64_t cost_ = 0;
  TableResult result_;
};

TableResult DecisionTable::Decide(const expr::Facts& facts, const Value& now, expr::Arena& arena,
                                  const DecideOptions& options) const {
  return Decision(*this, facts, now, arena, options).Run();
}

}  // namespace weft::rules
