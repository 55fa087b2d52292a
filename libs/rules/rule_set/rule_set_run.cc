#include <algorithm>
#include <new>

#include "absl/strings/str_cat.h"
#include "libs/rules/rule_set/rule_set.h"

namespace weft::rules {
namespace {

using expr::Code;
using expr::Kind;
using expr::Type;
using expr::TypeKind;
using expr::Value;

constexpr char kMask[] = "***";

// The result of a table or a rule set; lives in the arena, values by field number.
class ResultRecord final : public expr::Record {
 public:
  ResultRecord(absl::string_view name, const Value* values, int size)
      : Record(values), name_(name), values_(values), size_(size) {}
  Value Field(int number, expr::Arena&) const override { return values_[number]; }
  absl::string_view type_name() const override { return name_; }
  int field_count() const override { return size_; }

 private:
  absl::string_view name_;
  const Value* values_;
  int size_;
};

// kError when the arena is full.
Value MakeRecord(absl::string_view name, const Value* values, size_t size, expr::Arena& arena) {
  void* memory = arena.Allocate(sizeof(ResultRecord));
  if (memory == nullptr) {
    return Value::Error(Code::kSizeExceeded, "the decision needs more than 4 MiB");
  }
  return Value::OfRecord(new (memory) ResultRecord(name, values, static_cast<int>(size)));
}

// Whether a value found at run time is of a type that the checker could not see.
bool Fits(const Value& value, const Type& type) {
  switch (type.kind) {
    case TypeKind::kBool: return value.kind == Kind::kBool;
    case TypeKind::kInt: return value.kind == Kind::kInt;
    case TypeKind::kUint: return value.kind == Kind::kUint;
    case TypeKind::kDouble: return value.kind == Kind::kDouble;
    case TypeKind::kString: return value.kind == Kind::kString;
    case TypeKind::kBytes: return value.kind == Kind::kBytes;
    case TypeKind::kTimestamp: return value.kind == Kind::kTimestamp || value.kind == Kind::kNull;
    case TypeKind::kDuration: return value.kind == Kind::kDuration || value.kind == Kind::kNull;
    case TypeKind::kDecimal: return value.kind == Kind::kDecimal || value.kind == Kind::kNull;
    case TypeKind::kMoney: return value.kind == Kind::kMoney || value.kind == Kind::kNull;
    case TypeKind::kList: return value.kind == Kind::kList;
    case TypeKind::kMap: return value.kind == Kind::kMap;
    case TypeKind::kRecord:
      return value.kind == Kind::kNull ||
             (value.kind == Kind::kRecord && value.record->type_name() == type.name);
    default: return true;
  }
}

// The sum of no money has no currency, so it is no result; other empty sums are
// zeros of their type.
Value EmptySum(const Value& value, const Type& type) {
  if (value.kind != Kind::kInt) return value;
  switch (type.kind) {
    case TypeKind::kMoney: return Value::Null();
    case TypeKind::kDouble: return Value::Double(static_cast<double>(value.int_value));
    case TypeKind::kUint: return Value::Uint(static_cast<uint64_t>(value.int_value));
    default: return value;
  }
}

}  // namespace

const std::string& Reason::In(absl::string_view language) const {
  static const std::string kNone;
  for (const auto& [of, text] : texts) {
    if (of == language) return text;
  }
  return texts.empty() ? kNone : texts.front().second;
}

std::string DecisionError::ToString() const {
  return absl::StrCat(step, step.empty() ? "" : ": ", code, part.empty() ? "" : " in ", part, ": ",
                      message);
}

// One run; slots hold facts first, then names.
class RuleSetRun final : public expr::Facts {
 public:
  RuleSetRun(const RuleSet& set, const Value& now, expr::Arena& arena, const RunOptions& options,
             RuleSetResult& result)
      : set_(set), now_(now), arena_(arena), options_(options), result_(result) {}

  void Run(const expr::Facts& facts) {
    const size_t known = set_.schema_->environment().variables.size();
    if (!MakeSlots()) return;
    if (const Value* ready = facts.slots()) {
      std::copy_n(ready, known, slots_);
    } else {
      for (size_t slot = 0; slot < known; ++slot) {
        slots_[slot] = facts.Variable(static_cast<int>(slot), arena_);
      }
    }
    bool going = true;
    for (size_t i = 0; i < set_.steps_.size() && going; ++i) going = RunStep(set_.steps_[i]);
    if (!result_.error.has_value()) {
      result_.outputs.reserve(set_.outputs_.size());
      for (const RuleSetOutput& output : set_.outputs_) {
        result_.outputs.push_back(slots_[output.slot]);
      }
    }
  }

  Value Variable(int slot, expr::Arena&) const override { return slots_[slot]; }
  const Value* slots() const override { return slots_; }

 private:
  bool MakeSlots() {
    slots_ = arena_.AllocateArray<Value>(set_.slots_);
    if (slots_ == nullptr) {
      Refuse(Code::kSizeExceeded, "", "the decision needs more than 4 MiB");
      return false;
    }
    for (size_t slot = set_.schema_->environment().variables.size(); slot < set_.slots_; ++slot) {
      new (&slots_[slot]) Value(Value::Error(Code::kUndeclaredReference, "the name has no value"));
    }
    for (const RuleSetOutput& output : set_.outputs_) {
      if (output.fallback.has_value()) slots_[output.slot] = *output.fallback;
    }
    return true;
  }

  // ---- Errors; all return false, so that a step ends ----

  bool Refuse(Code code, absl::string_view part, std::string message) {
    result_.error = DecisionError{false, CodeName(code), step_ == nullptr ? "" : step_->id,
                                  std::string(part), {}, std::move(message)};
    return false;
  }
  bool Refuse(const Formula& formula, absl::string_view part, const Value& value) {
    const expr::Error error = formula.program->ErrorOf(value);
    const bool hidden = formula.sensitive || options_.mask_all;
    Refuse(error.code, part,
           hidden ? "an expression over sensitive facts failed" : error.message);
    result_.error->position = error.position;
    return false;
  }

  uint64_t Left() const { return options_.cost - std::min(options_.cost, result_.cost); }

  // Evaluates within what is left of both budgets.
  bool Evaluate(const Formula& formula, absl::string_view part, Value& out) {
    const uint64_t budget = std::min(options_.expression_cost, Left());
    out = formula.program->EvaluateValue(*this, arena_, budget, result_.cost);
    return !out.is_error() || Refuse(formula, part, out);
  }
  bool Evaluate(const Assignment& assignment, const char* section, Value& out) {
    out = assignment.value.program->EvaluateValue(
        *this, arena_, std::min(options_.expression_cost, Left()), result_.cost);
    if (out.is_error()) {
      return Refuse(assignment.value, absl::StrCat(section, ".", assignment.name), out);
    }
    return Fits(out, assignment.type) ||
           Refuse(Code::kTypeMismatch, absl::StrCat(section, ".", assignment.name),
                  absl::StrCat("the value is no ", assignment.type.ToString()));
  }

  // ---- Steps ----

  // False when the decision ends here.
  bool RunStep(const Step& step) {
    step_ = &step;
    if (options_.trace) {
      result_.trace.emplace_back();
      result_.trace.back().id = step.id;
    }
    // A unit a step bounds rule sets whose expressions are free.
    if (++result_.cost > options_.cost) {
      return Refuse(Code::kCostExceeded, "", "the decision costs more than its budget");
    }
    if (step.when.has_value()) {
      Value verdict;
      if (!Evaluate(*step.when, "when", verdict)) return false;
      if (verdict.kind != Kind::kBool) {
        return Refuse(Code::kNoSuchOverload, "when", "a condition must be true or false");
      }
      if (!verdict.bool_value) return true;
    }
    if (options_.trace) result_.trace.back().ran = true;
    if (step.table.has_value() && !AskTable(*step.table)) return false;
    if (step.call.has_value() && !Call(*step.call)) return false;
    for (const Assignment& assignment : step.set) {
      Value value;
      if (!Evaluate(assignment, "set", value)) return false;
      slots_[assignment.slot] = value;
      Trace(assignment.name, value, assignment.value.sensitive);
    }
    if (step.reason.has_value() && !GiveReason(*step.reason)) return false;
    if (!step.fail_code.empty()) return Fail(step);
    if (step.stop) result_.stopped_at = step.id;
    return !step.stop;
  }

  void Trace(const std::string& name, const Value& value, bool sensitive) {
    if (!options_.trace) return;
    result_.trace.back().assigned.push_back(
        {name, sensitive || options_.mask_all ? kMask : expr::ToText(value, arena_)});
  }

  // Without `wanted` it is evaluated all the same: outcome and cost do not depend
  // on who reads the text.
  bool Write(const Text::Variant& variant, absl::string_view part, bool wanted, std::string& out) {
    for (const Text::Part& piece : variant.parts) {
      if (!piece.formula.has_value()) {
        if (wanted) out += piece.literal;
        continue;
      }
      Value value;
      if (!Evaluate(*piece.formula, part, value)) return false;
      if (!wanted) continue;
      out += piece.formula->sensitive || options_.mask_all ? kMask : expr::ToText(value, arena_);
    }
    return true;
  }

  bool GiveReason(const Text& text) {
    Reason reason{step_->id, text.code, {}};
    const bool wanted = options_.reason_texts || options_.trace;
    for (const Text::Variant& variant : text.variants) {
      std::string written;
      if (!Write(variant, "reason", wanted, written)) return false;
      if (wanted) reason.texts.emplace_back(variant.language, std::move(written));
    }
    if (options_.trace) result_.trace.back().reason = reason.In("");
    result_.reasons.push_back(std::move(reason));
    return true;
  }

  bool Fail(const Step& step) {
    std::string message;
    if (!Write(step.fail_message.variants.front(), "fail.message", true, message)) return false;
    result_.error = DecisionError{true, step.fail_code, step.id, "fail", {}, std::move(message)};
    return false;
  }

  // ---- References ----

  // The facts of a referenced document; nullptr and an error when memory ends.
  const Value* FactsFor(const Reference& reference, const Value* arguments) {
    if (reference.same_facts) return slots_;
    auto* facts = arena_.AllocateArray<Value>(reference.facts.size() + 1);
    if (facts == nullptr) {
      Refuse(Code::kSizeExceeded, "", "the decision needs more than 4 MiB");
      return nullptr;
    }
    for (size_t i = 0; i < reference.facts.size(); ++i) {
      const FactSource& source = reference.facts[i];
      new (&facts[i]) Value(source.argument >= 0 ? arguments[source.argument]
                            : source.slot >= 0   ? slots_[source.slot]
                                                 : source.fallback);
    }
    return facts;
  }

  bool AskTable(const TableCall& call) {
    const DecisionTable& table = *call.table;
    const Value* facts = FactsFor(call, nullptr);
    if (facts == nullptr) return false;
    DecideOptions options;
    options.cost = Left();
    const TableResult decided = table.Decide(expr::ArrayFacts(facts), now_, arena_, options);
    result_.cost += decided.cost;
    if (options_.trace) {
      for (const int rule : decided.rules) {
        result_.trace.back().rules.push_back(table.rules()[rule].id);
      }
    }
    Value value = decided.value;
    if (value.is_error()) {
      std::string part = "table";
      if (decided.error_rule >= 0)
        absl::StrAppend(&part, ":", table.rules()[decided.error_rule].id);
      // Messages of cells may quote inputs, which may be sensitive.
      return Refuse(value.code, part,
                    call.sensitive || options_.mask_all
                        ? absl::StrCat("the table '", table.id(), "' failed")
                        : absl::StrCat("the table '", table.id(), "' failed: ", value.view()));
    }
    if (table.aggregate() == Aggregate::kSum) value = EmptySum(value, table.outputs()[0].type);
    if (value.kind == Kind::kNull) {
      return Refuse(Code::kNoRuleMatched, "table",
                    absl::StrCat("no rule of the table '", table.id(),
                                 "' matches; add a rule or defaults"));
    }
    Trace(call.into, value, call.sensitive);
    if (!call.record.empty() && !Wrap(call.record, value)) return false;
    slots_[call.slot] = value;
    return true;
  }

  // Maps of outputs become records, whose fields the checker knows by type.
  bool Wrap(const std::string& record, Value& value) {
    if (value.kind == Kind::kMap) {
      value = MakeRecord(record, value.map->values, value.map->size, arena_);
    } else if (value.kind == Kind::kList) {
      auto* items = arena_.AllocateArray<Value>(value.length + 1);
      for (uint32_t i = 0; items != nullptr && i < value.length; ++i) {
        const expr::MapRep& map = *value.items[i].map;
        items[i] = MakeRecord(record, map.values, map.size, arena_);
        if (items[i].is_error()) items = nullptr;
      }
      value = items != nullptr ? Value::List(items, value.length)
                               : Value::Error(Code::kSizeExceeded, "");
    }
    return !value.is_error() ||
           Refuse(Code::kSizeExceeded, "table", "the decision needs more than 4 MiB");
  }

  // Whether an overriding value keeps the rules of the fact that it stands for.
  bool CheckArgument(const RuleSet& called, const Assignment& with, const Value& value) {
    const FieldRules& rules = called.schema_->variable(with.slot);
    bool good = true;
    if (rules.range.has_value()) {
      good = rules.range->Contains(value.kind == Kind::kMoney ? Value::OfDecimal(value.decimal)
                                                              : value);
    }
    if (value.kind == Kind::kString) {
      good = good && value.length <= rules.limits.length &&
             (rules.values.empty() || std::find(rules.values.begin(), rules.values.end(),
                                                value.view()) != rules.values.end());
    }
    if (value.kind == Kind::kList || value.kind == Kind::kMap) {
      good = good && value.length <= rules.limits.items;
    }
    if (good) return true;
    Refuse(Code::kOutOfRange, absl::StrCat("call.with.", with.name),
           absl::StrCat("the value is outside what '", called.id(), "' allows for '", with.name,
                        "'"));
    result_.error->code = "facts_invalid";
    return false;
  }

  bool Call(const RuleSetCall& call) {
    const RuleSet& called = *call.rule_set;
    auto* arguments = arena_.AllocateArray<Value>(call.with.size() + 1);
    if (arguments == nullptr) {
      return Refuse(Code::kSizeExceeded, "call", "the decision needs more than 4 MiB");
    }
    for (size_t i = 0; i < call.with.size(); ++i) {
      if (!Evaluate(call.with[i], "call.with", arguments[i]) ||
          !CheckArgument(called, call.with[i], arguments[i])) {
        return false;
      }
    }
    const Value* facts = FactsFor(call, arguments);
    if (facts == nullptr) return false;
    RunOptions options = options_;
    options.cost = Left();
    options.mask_all = options_.mask_all || call.hides_facts;
    RuleSetResult inner;
    RuleSetRun(called, now_, arena_, options, inner).Run(expr::ArrayFacts(facts));
    result_.cost += inner.cost;
    for (Reason& reason : inner.reasons) {
      reason.step = absl::StrCat(step_->id, "/", reason.step);
      result_.reasons.push_back(std::move(reason));
    }
    if (options_.trace) result_.trace.back().inner = std::move(inner.trace);
    if (inner.error.has_value()) {
      inner.error->step = inner.error->step.empty()
                              ? step_->id
                              : absl::StrCat(step_->id, "/", inner.error->step);
      result_.error = std::move(inner.error);
      return false;
    }
    return Keep(call, inner.outputs);
  }

  bool Keep(const RuleSetCall& call, const std::vector<Value>& outputs) {
    auto* values = arena_.AllocateArray<Value>(outputs.size() + 1);
    if (values == nullptr) {
      return Refuse(Code::kSizeExceeded, "call", "the decision needs more than 4 MiB");
    }
    std::copy(outputs.begin(), outputs.end(), values);
    const Value record = MakeRecord(call.record, values, outputs.size(), arena_);
    if (record.is_error()) return Refuse(record.code, "call", std::string(record.view()));
    slots_[call.slot] = record;
    if (!options_.trace) return true;
    std::string text = "{";
    for (size_t i = 0; i < outputs.size(); ++i) {
      const RuleSetOutput& output = call.rule_set->outputs()[i];
      const bool hidden = call.hides_facts || output.sensitive || options_.mask_all;
      absl::StrAppend(&text, i == 0 ? "" : ", ", output.name, ": ",
                      hidden ? kMask : expr::ToText(outputs[i], arena_));
    }
    result_.trace.back().assigned.push_back({call.into, text + "}"});
    return true;
  }

  const RuleSet& set_;
  const Value& now_;
  expr::Arena& arena_;
  const RunOptions options_;
  Value* slots_ = nullptr;
  const Step* step_ = nullptr;
  RuleSetResult& result_;
};

RuleSetResult RuleSet::Run(const expr::Facts& facts, const Value& now, expr::Arena& arena,
                           const RunOptions& options) const {
  RuleSetResult result;
  RuleSetRun(*this, now, arena, options, result).Run(facts);
  return result;
}

void RuleSet::Run(const expr::Facts& facts, const Value& now, expr::Arena& arena,
                  const RunOptions& options, RuleSetResult& result) const {
  result.outputs.clear();
  result.reasons.clear();
  result.trace.clear();
  result.error.reset();
  result.stopped_at.clear();
  result.cost = 0;
  RuleSetRun(*this, now, arena, options, result).Run(facts);
}

}  // namespace weft::rules
