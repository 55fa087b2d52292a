#include "services/pricing/domain/rules/waterfall.h"

#include <algorithm>
#include <deque>
#include <map>

#include "absl/strings/str_cat.h"
#include "services/pricing/domain/rules/result_record.h"

namespace weft::pricing {

using rules::expr::Arena;
using rules::expr::Code;
using rules::expr::Kind;
using rules::expr::Value;

namespace {

constexpr uint64_t kBudget = 1'000'000;

Value Unknown() { return Value::Error(Code::kUndeclaredReference, "differs from line to line"); }

// A record of which only some fields are known. Remembers that it was asked for one
// that a line may lack: has() of it says nothing then.
class KnownRecord final : public rules::expr::Record {
 public:
  KnownRecord(const FactBinding& binding, int record, uint32_t features, bool& touched)
      : binding_(binding), record_(record), features_(features), touched_(touched) {}
  Value Field(int number, Arena&) const override {
    const FactBinding::Field field = binding_.field(record_, number);
    if (!FactBinding::PresenceIsKnown(field)) touched_ = true;
    return FactBinding::KnownOf(field, features_);
  }
  absl::string_view type_name() const override { return binding_.record_name(record_); }
  int field_count() const override { return binding_.field_count(record_); }

 private:
  const FactBinding& binding_;
  const int record_;
  const uint32_t features_;
  bool& touched_;
};

int64_t MicrosOf(const Value& timestamp) {
  return timestamp.time.seconds * 1'000'000 + timestamp.time.nanos / 1000;
}

bool AnyRule(const rules::DecisionTable& table) {
  return std::any_of(table.rules().begin(), table.rules().end(),
                     [](const rules::TableRule& rule) { return rule.enabled; });
}

}  // namespace

// Works out, for one combination of features, what is left to do.
class WaterfallMaker {
 public:
  WaterfallMaker(Waterfall& waterfall, const FactBinding& binding, uint32_t features)
      : waterfall_(waterfall) {
    slots_.assign(waterfall.slots_, Slot());
    values_.assign(waterfall.slots_, Unknown());
    for (size_t slot = 0; slot < binding.variables(); ++slot) {
      if (binding.record(slot) < 0) continue;
      records_.emplace_back(binding, binding.record(slot), features, touched_);
      values_[slot] = Value::OfRecord(&records_.back());
    }
    for (const rules::RuleSetOutput& output : waterfall.rule_set_->outputs()) {
      if (output.fallback.has_value()) Know(output.slot, *output.fallback);
    }
  }

  Waterfall::Plan Run() {
    const std::vector<rules::Step>& steps = waterfall_.rule_set_->steps();
    for (size_t i = 0; i < steps.size() && !ended_; ++i) Look(steps[i], i);
    for (const auto& [slot, value] : constants_) plan_.constants.emplace_back(slot, value);
    // Nothing is left but to pass on the price that was found.
    plan_.identity = slots_[static_cast<size_t>(waterfall_.price_slot_)].start &&
                     std::all_of(plan_.ops.begin(), plan_.ops.end(), [&](const auto& op) {
                       return OnlyPasses(steps[op.step], op);
                     });
    return std::move(plan_);
  }

 private:
  struct Slot {
    bool known = false;  // values_ has its value.
    bool start = false;  // It is the price that was found.
    bool written = false;  // An op or a constant has given it a value.
  };

  void Know(int slot, const Value& value) {
    slots_[static_cast<size_t>(slot)] = {true, false, true};
    values_[static_cast<size_t>(slot)] = value;
    constants_[slot] = value;
  }
  void Forget(int slot) {
    slots_[static_cast<size_t>(slot)] = {false, false, true};
    values_[static_cast<size_t>(slot)] = Unknown();
  }

  // The value of `formula` where it is the same for all lines. Unknown facts are
  // errors, which && and || look past exactly when the other side decides.
  bool Constant(const rules::Formula& formula, Value& out) {
    touched_ = false;
    uint64_t cost = 0;
    out = formula.program->EvaluateValue(rules::expr::ArrayFacts(values_.data()),
                                         waterfall_.constants_, kBudget, cost);
    if (out.is_error() || out.kind == Kind::kRecord) return false;
    return !touched_ || formula.program->source().find("has(") == std::string::npos;
  }

  bool IsStart(const rules::Formula& formula) const {
    const std::string& source = formula.program->source();
    if (source == Waterfall::kStart) return true;
    const std::vector<int>& variables = formula.program->variables();
    if (variables.size() != 1 || !slots_[static_cast<size_t>(variables[0])].start) return false;
    return source.find_first_not_of("abcdefghijklmnopqrstuvwxyz_ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") ==
           std::string::npos;
  }

  void Look(const rules::Step& step, size_t number) {
    Waterfall::Op op;
    op.step = number;
    if (step.when.has_value()) {
      Value verdict;
      if (!Constant(*step.when, verdict)) {
        op.check_when = true;
      } else if (verdict.kind != Kind::kBool || !verdict.bool_value) {
        return;
      }
    }
    bool needed = false;
    if (step.table.has_value()) needed = LookAtTable(step, op) || needed;
    if (step.call.has_value()) {
      op.ask_call = needed = true;
      Forget(step.call->slot);
    }
    for (size_t i = 0; i < step.set.size(); ++i) needed = LookAtSet(step.set[i], i, op) || needed;
    if (step.reason.has_value() && !step.reason->code.empty()) {
      const auto code =
          std::find(waterfall_.codes_.begin(), waterfall_.codes_.end(), step.reason->code);
      op.code = static_cast<int>(code - waterfall_.codes_.begin());
      needed = true;
    }
    if (!step.fail_code.empty() || step.stop) {
      needed = true;
      ended_ = !op.check_when;
    }
    if (needed) plan_.ops.push_back(op);
  }

  bool LookAtTable(const rules::Step& step, Waterfall::Op& op) {
    const rules::DecisionTable& table = *step.table->table;
    Value defaults;
    if (!op.check_when && !AnyRule(table) && Defaults(*step.table, defaults) &&
        !slots_[static_cast<size_t>(step.table->slot)].written) {
      Know(step.table->slot, defaults);
      return false;
    }
    op.ask_table = true;
    Forget(step.table->slot);
    return true;
  }

  // What a table without rules answers, where that is a record of constants.
  bool Defaults(const rules::TableCall& call, Value& out) {
    const rules::DecisionTable& table = *call.table;
    if (table.gives_list() || table.hit_policy() == rules::HitPolicy::kCollect ||
        call.record.empty()) {
      return false;
    }
    auto* values = waterfall_.constants_.AllocateArray<Value>(table.outputs().size() + 1);
    if (values == nullptr) return false;
    for (size_t i = 0; i < table.outputs().size(); ++i) {
      const rules::TableOutput& output = table.outputs()[i];
      if (!output.has_fallback || !output.fallback.constant.has_value()) return false;
      new (&values[i]) Value(*output.fallback.constant);
    }
    out = ResultRecord::Make(call.record, values, table.outputs().size(), waterfall_.constants_);
    return !out.is_error();
  }

  bool LookAtSet(const rules::Assignment& assignment, size_t number, Waterfall::Op& op) {
    const auto slot = static_cast<size_t>(assignment.slot);
    Value value;
    if (!op.check_when && !slots_[slot].written && Constant(assignment.value, value)) {
      Know(assignment.slot, value);
      return false;
    }
    const bool start = !op.check_when && IsStart(assignment.value);
    op.assign |= uint64_t{1} << number;
    Forget(assignment.slot);
    slots_[slot].start = start;
    return true;
  }

  // Whether an op does nothing but set names to the price that was found.
  bool OnlyPasses(const rules::Step& step, const Waterfall::Op& op) const {
    if (op.check_when || op.ask_table || op.ask_call || op.code >= 0 || !step.fail_code.empty()) {
      return false;
    }
    for (size_t i = 0; i < step.set.size(); ++i) {
      if ((op.assign >> i & 1) != 0 && !slots_[static_cast<size_t>(step.set[i].slot)].start) {
        return false;
      }
    }
    return true;
  }

  Waterfall& waterfall_;
  bool touched_ = false;
  bool ended_ = false;
  std::deque<KnownRecord> records_;
  std::vector<Slot> slots_;
  std::vector<Value> values_;
  std::map<int, Value> constants_;
  Waterfall::Plan plan_;
};

namespace {

void CollectBoundaries(const rules::DecisionTable& table, std::vector<int64_t>& out) {
  for (const rules::TableRule& rule : table.rules()) {
    if (!rule.enabled) continue;
    if (rule.valid_from.has_value()) out.push_back(MicrosOf(*rule.valid_from));
    if (rule.valid_to.has_value()) out.push_back(MicrosOf(*rule.valid_to));
  }
}

bool LooksAtQuantity(const std::string& source) {
  return source == "line.base_quantity" || source == "line.scale_quantity" ||
         source == "line.quantity";
}

void CollectBreakpoints(const rules::DecisionTable& table, std::vector<Decimal>& out) {
  const auto add = [&](const rules::Operand& operand) {
    if (operand.constant.has_value() && operand.constant->kind == Kind::kDecimal) {
      out.push_back(operand.constant->decimal);
    }
  };
  for (size_t c = 0; c < table.inputs().size(); ++c) {
    if (!LooksAtQuantity(table.inputs()[c].program->source())) continue;
    for (const rules::TableRule& rule : table.rules()) {
      if (!rule.enabled) continue;
      for (const rules::Test& test : rule.cells[c].tests) {
        add(test.left);
        add(test.right);
      }
    }
  }
}

// Tables of the rule set and of those it calls.
template <typename Visit>
void EachTable(const rules::RuleSet& rule_set, const Visit& visit) {
  for (const rules::Step& step : rule_set.steps()) {
    if (step.table.has_value()) visit(*step.table->table);
    if (step.call.has_value()) EachTable(*step.call->rule_set, visit);
  }
}

template <typename T>
void SortUnique(std::vector<T>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

}  // namespace

Waterfall::~Waterfall() = default;

std::unique_ptr<const Waterfall> Waterfall::Make(std::shared_ptr<const rules::RuleSet> rule_set,
                                                 const FactBinding& binding,
                                                 std::vector<rules::Fault>& faults) {
  std::unique_ptr<Waterfall> made(new Waterfall);
  const auto fault = [&](const char* code, std::string path, std::string message,
                         std::string hint) {
    faults.push_back({code, absl::StrCat(rule_set->id(), ": ", path), 0, 0, std::move(message),
                      std::move(hint), false});
  };
  const auto price = std::find_if(
      rule_set->outputs().begin(), rule_set->outputs().end(),
      [](const rules::RuleSetOutput& output) {
        return output.name == kPrice && output.type.kind == rules::expr::TypeKind::kMoney;
      });
  if (price == rule_set->outputs().end()) {
    fault("output_missing", "outputs.price", "the line price needs an output 'price' of money",
          "price: {type: money}");
    return nullptr;
  }
  made->rule_set_ = rule_set;
  made->price_slot_ = price->slot;
  int last = static_cast<int>(binding.variables()) - 1;
  for (const rules::RuleSetOutput& output : rule_set->outputs()) last = std::max(last, output.slot);
  for (size_t i = 0; i < rule_set->steps().size(); ++i) {
    const rules::Step& step = rule_set->steps()[i];
    const std::string path = absl::StrCat("steps[", i, "]");
    if (step.set.size() > kAssignmentsMax) {
      fault("too_many", path + ".set", "a step makes at most 64 assignments", "use two steps");
      return nullptr;
    }
    for (const rules::Assignment& assignment : step.set) last = std::max(last, assignment.slot);
    if (step.table.has_value()) {
      last = std::max(last, step.table->slot);
    }
    if (step.call.has_value()) last = std::max(last, step.call->slot);
    Op whole;
    whole.step = i;
    whole.check_when = step.when.has_value();
    whole.ask_table = step.table.has_value();
    whole.ask_call = step.call.has_value();
    whole.assign = step.set.size() == 64 ? ~uint64_t{0} : (uint64_t{1} << step.set.size()) - 1;
    if (step.reason.has_value() && !step.reason->code.empty()) {
      const auto known = std::find(made->codes_.begin(), made->codes_.end(), step.reason->code);
      whole.code = static_cast<int>(known - made->codes_.begin());
      if (known == made->codes_.end()) made->codes_.push_back(step.reason->code);
    }
    made->whole_.ops.push_back(whole);
  }
  if (made->codes_.size() > kCodesMax) {
    fault("too_many", "steps", "the reasons have more than 64 codes", "share codes");
    return nullptr;
  }
  EachTable(*rule_set, [&](const rules::DecisionTable& table) {
    CollectBoundaries(table, made->boundaries_);
    CollectBreakpoints(table, made->breakpoints_);
    for (const rules::TableInput& input : table.inputs()) {
      made->uses_scale_ = made->uses_scale_ || (AnyRule(table) &&
                          input.program->source().find("scale_quantity") != std::string::npos);
    }
  });
  for (size_t i = 0; i < made->counted_bits_.size(); ++i) {
    const auto code = std::find(made->codes_.begin(), made->codes_.end(), kCounted[i]);
    if (code != made->codes_.end()) {
      made->counted_bits_[i] = uint64_t{1} << (code - made->codes_.begin());
    }
  }
  made->slots_ = static_cast<size_t>(last) + 1;
  for (const rules::RuleSetOutput& output : rule_set->outputs()) {
    if (output.fallback.has_value()) {
      made->whole_.constants.emplace_back(output.slot, *output.fallback);
    }
  }
  SortUnique(made->boundaries_);
  SortUnique(made->breakpoints_);
  for (uint32_t features = 0; features < FactBinding::kFeatures; ++features) {
    made->plans_[features] = WaterfallMaker(*made, binding, features).Run();
  }
  for (uint32_t features = 0; features < FactBinding::kFeatures; ++features) {
    made->asks_for_costs_ = made->asks_for_costs_ ||
                            made->Touches(features) != made->Touches(features ^ FactBinding::kHasCost);
  }
  return made;
}

}  // namespace weft::pricing
