#include <algorithm>
#include <new>

#include "absl/strings/str_cat.h"
#include "services/pricing/domain/labels.h"
#include "services/pricing/domain/rules/result_record.h"
#include "services/pricing/domain/rules/waterfall.h"

namespace weft::pricing {

using rules::expr::Arena;
using rules::expr::Code;
using rules::expr::Kind;
using rules::expr::Value;

namespace {

constexpr char kMask[] = "***";
constexpr char kTooMuch[] = "the decision needs more than 4 MiB";

}  // namespace

// One line; slots hold facts first, then names.
class WaterfallRun final : public rules::expr::Facts {
 public:
  WaterfallRun(const Waterfall& waterfall, const LineFacts& facts, Arena& arena,
               WaterfallResult& result, std::vector<WaterfallStep>* trace,
               absl::string_view language)
      : waterfall_(waterfall), facts_(facts), arena_(arena), result_(result), trace_(trace),
        language_(language) {}

  void Run(const Waterfall::Plan& plan) {
    slots_ = arena_.AllocateArray<Value>(waterfall_.slots_);
    if (slots_ == nullptr) {
      Fail(Code::kSizeExceeded, "", kTooMuch);
      return;
    }
    for (size_t i = 0; i < facts_.size(); ++i) new (&slots_[i]) Value(facts_.slots()[i]);
    for (size_t i = facts_.size(); i < waterfall_.slots_; ++i) {
      new (&slots_[i]) Value(Value::Error(Code::kUndeclaredReference, "the name has no value"));
    }
    for (const auto& [slot, value] : plan.constants) slots_[slot] = value;
    for (const Waterfall::Op& op : plan.ops) {
      if (!RunStep(op)) break;
    }
    result_.cost = cost_;
    if (result_.end != WaterfallResult::End::kPrice) return;
    const Value& price = slots_[waterfall_.price_slot_];
    if (price.kind != Kind::kMoney) {
      Fail(Code::kTypeMismatch, "", "the rules gave no price");
      return;
    }
    if (price.currency != StartCurrency()) {
      Fail(Code::kCurrencyMismatch, "", "the rules gave a price in another currency");
      return;
    }
    result_.price = price.decimal;
  }

  Value Variable(int slot, Arena&) const override { return slots_[slot]; }
  const Value* slots() const override { return slots_; }

 private:
  static constexpr uint64_t kBudget = 1'000'000;
  static constexpr uint64_t kExpressionBudget = 100'000;

  uint16_t StartCurrency() const { return facts_.currency_number(); }

  bool Fail(Code code, const std::string& step, std::string message) {
    result_.end = WaterfallResult::End::kFailed;
    result_.code = rules::expr::CodeName(code);
    result_.step = step;
    result_.message = std::move(message);
    return false;
  }

  Value Evaluate(const rules::Formula& formula) {
    const uint64_t left = cost_ < kBudget ? kBudget - cost_ : 0;
    return formula.program->EvaluateValue(*this, arena_, std::min(left, kExpressionBudget), cost_);
  }
  bool Failed(const rules::Formula& formula, const rules::Step& step, const Value& error) {
    return Fail(error.code, step.id,
                formula.sensitive ? "an expression over sensitive facts failed"
                                  : formula.program->ErrorOf(error).message);
  }

  Decimal Price() const {
    const Value& price = slots_[waterfall_.price_slot_];
    return price.kind == Kind::kMoney ? price.decimal : Decimal();
  }

  bool RunStep(const Waterfall::Op& op) {
    const rules::Step& step = waterfall_.rule_set_->steps()[op.step];
    if (op.check_when) {
      const Value verdict = Evaluate(*step.when);
      if (verdict.is_error()) return Failed(*step.when, step, verdict);
      if (!verdict.bool_value) return true;
    }
    const Decimal before = trace_ == nullptr ? Decimal() : Price();
    WaterfallStep traced;
    if (op.ask_table && !AskTable(*step.table, step, trace_ == nullptr ? nullptr : &traced)) {
      return false;
    }
    if (step.call.has_value() && op.ask_call && !Call(*step.call, step)) return false;
    if (op.assign != 0) {
      for (size_t i = 0; i < step.set.size(); ++i) {
        if ((op.assign >> i & 1) == 0) continue;
        const Value value = Evaluate(step.set[i].value);
        if (value.is_error()) return Failed(step.set[i].value, step, value);
        slots_[step.set[i].slot] = value;
      }
    }
    if (op.code >= 0) result_.codes |= uint64_t{1} << op.code;
    if (trace_ != nullptr) {
      traced.id = step.id;
      if (step.reason.has_value()) {
        traced.code = step.reason->code;
        if (!Write(*step.reason, step, traced.label)) return false;
      }
      traced.before = before;
      traced.after = Price();
      trace_->push_back(std::move(traced));
    }
    if (!step.fail_code.empty()) {
      result_.end = WaterfallResult::End::kRefused;
      result_.code = step.fail_code;
      result_.step = step.id;
      return Write(step.fail_message, step, result_.message) && false;
    }
    return !step.stop;
  }

  // The text in the language asked for, else in English, else in the first there is.
  bool Write(const rules::Text& text, const rules::Step& step, std::string& out) {
    out.clear();
    if (text.variants.empty()) return true;
    const rules::Text::Variant* variant = &text.variants.front();
    for (const rules::Text::Variant& other : text.variants) {
      if (LanguageRank(other.language, language_) > LanguageRank(variant->language, language_)) {
        variant = &other;
      }
    }
    for (const rules::Text::Part& part : variant->parts) {
      if (!part.formula.has_value()) {
        out += part.literal;
        continue;
      }
      const Value value = Evaluate(*part.formula);
      if (value.is_error()) return Failed(*part.formula, step, value);
      out += part.formula->sensitive ? kMask : rules::expr::ToText(value, arena_);
    }
    return true;
  }

  bool AskTable(const rules::TableCall& call, const rules::Step& step, WaterfallStep* traced) {
    const rules::DecisionTable& table = *call.table;
    rules::DecideOptions options;
    options.cost = cost_ < kBudget ? kBudget - cost_ : 0;
    const Value* own = FactsFor(call, nullptr);
    if (own == nullptr) return Fail(Code::kSizeExceeded, step.id, kTooMuch);
    const rules::TableResult decided =
        table.Decide(rules::expr::ArrayFacts(own), facts_.now(), arena_, options);
    cost_ += decided.cost;
    if (traced != nullptr) {
      traced->table = table.id();
      for (const int rule : decided.rules) {
        traced->rules.push_back(table.rules()[static_cast<size_t>(rule)].id);
      }
    }
    Value value = decided.value;
    if (value.is_error()) {
      return Fail(value.code, step.id, absl::StrCat("the table '", table.id(), "' failed"));
    }
    // The sum of no money has no currency.
    const bool no_sum = table.aggregate() == rules::Aggregate::kSum && value.kind == Kind::kInt &&
                        table.outputs()[0].type.kind == rules::expr::TypeKind::kMoney;
    if (value.kind == Kind::kNull || no_sum) {
      return Fail(Code::kNoRuleMatched, step.id,
                  absl::StrCat("no rule of the table '", table.id(), "' matches"));
    }
    if (!call.record.empty() && !Wrap(call.record, value)) {
      return Fail(Code::kSizeExceeded, step.id, kTooMuch);
    }
    slots_[call.slot] = value;
    return true;
  }

  // Maps of outputs become records, whose fields the checker knows by type.
  bool Wrap(const std::string& record, Value& value) {
    if (value.kind == Kind::kMap) {
      value = ResultRecord::Make(record, value.map->values, value.map->size, arena_);
    } else if (value.kind == Kind::kList) {
      auto* items = arena_.AllocateArray<Value>(value.length + 1);
      if (items == nullptr) return false;
      for (uint32_t i = 0; i < value.length; ++i) {
        const rules::expr::MapRep& map = *value.items[i].map;
        new (&items[i]) Value(ResultRecord::Make(record, map.values, map.size, arena_));
        if (items[i].is_error()) return false;
      }
      value = Value::List(items, value.length);
    }
    return !value.is_error();
  }

  // The facts of a referenced document; nullptr when memory ends.
  const Value* FactsFor(const rules::Reference& reference, const Value* arguments) {
    if (reference.same_facts) return slots_;
    auto* facts = arena_.AllocateArray<Value>(reference.facts.size() + 1);
    for (size_t i = 0; facts != nullptr && i < reference.facts.size(); ++i) {
      const rules::FactSource& source = reference.facts[i];
      new (&facts[i]) Value(source.argument >= 0 ? arguments[source.argument]
                            : source.slot >= 0   ? slots_[source.slot]
                                                 : source.fallback);
    }
    return facts;
  }

  bool Call(const rules::RuleSetCall& call, const rules::Step& step) {
    auto* arguments = arena_.AllocateArray<Value>(call.with.size() + 1);
    if (arguments == nullptr) return Fail(Code::kSizeExceeded, step.id, kTooMuch);
    for (size_t i = 0; i < call.with.size(); ++i) {
      new (&arguments[i]) Value(Evaluate(call.with[i].value));
      if (arguments[i].is_error()) return Failed(call.with[i].value, step, arguments[i]);
    }
    const Value* facts = FactsFor(call, arguments);
    if (facts == nullptr) return Fail(Code::kSizeExceeded, step.id, kTooMuch);
    rules::RunOptions options;
    options.cost = cost_ < kBudget ? kBudget - cost_ : 0;
    const rules::RuleSetResult inner =
        call.rule_set->Run(rules::expr::ArrayFacts(facts), facts_.now(), arena_, options);
    cost_ += inner.cost;
    if (inner.error.has_value()) {
      result_.end = inner.error->business ? WaterfallResult::End::kRefused
                                          : WaterfallResult::End::kFailed;
      result_.code = inner.error->code;
      result_.step = absl::StrCat(step.id, "/", inner.error->step);
      result_.message = inner.error->message;
      return false;
    }
    auto* values = arena_.AllocateArray<Value>(inner.outputs.size() + 1);
    if (values == nullptr) return Fail(Code::kSizeExceeded, step.id, kTooMuch);
    std::copy(inner.outputs.begin(), inner.outputs.end(), values);
    slots_[call.slot] = ResultRecord::Make(call.record, values, inner.outputs.size(), arena_);
    return true;
  }

  const Waterfall& waterfall_;
  const LineFacts& facts_;
  Arena& arena_;
  WaterfallResult& result_;
  std::vector<WaterfallStep>* const trace_;
  const absl::string_view language_;
  Value* slots_ = nullptr;
  uint64_t cost_ = 0;
};

void Waterfall::Run(const LineFacts& facts, uint32_t features, Arena& arena,
                    WaterfallResult& result, std::vector<WaterfallStep>* trace,
                    absl::string_view language) const {
  result.end = WaterfallResult::End::kPrice;
  result.codes = 0;
  WaterfallRun(*this, facts, arena, result, trace, language)
      .Run(trace == nullptr ? plans_[features] : whole_);
}

}  // namespace weft::pricing
