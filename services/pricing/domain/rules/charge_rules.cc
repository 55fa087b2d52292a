#include "services/pricing/domain/rules/charge_rules.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace weft::pricing {

using rules::expr::Kind;
using rules::expr::Value;

namespace {

constexpr char kPercent[] = "percent";

}  // namespace

std::unique_ptr<const ChargeRules> ChargeRules::Make(
    std::shared_ptr<const FactBinding> binding,
    std::shared_ptr<const rules::DecisionTable> table, std::vector<rules::Fault>& faults) {
  const auto percent = std::find_if(
      table->outputs().begin(), table->outputs().end(), [](const rules::TableOutput& output) {
        return output.id == kPercent && output.type.kind == rules::expr::TypeKind::kDecimal;
      });
  if (percent == table->outputs().end()) {
    faults.push_back({"output_missing", absl::StrCat(table->id(), ": outputs"), 0, 0,
                      "the table of surcharges needs an output 'percent', a decimal",
                      "{id: percent, type: decimal, default: \"100\"}", false});
    return nullptr;
  }
  std::unique_ptr<ChargeRules> made(new ChargeRules);
  made->binding_ = std::move(binding);
  const bool whole = !percent->has_fallback ||
                     (percent->fallback.constant.has_value() &&
                      percent->fallback.constant->kind == Kind::kDecimal &&
                      percent->fallback.constant->decimal == Decimal(100));
  made->any_rule_ = !whole || std::any_of(table->rules().begin(), table->rules().end(),
                                      [](const rules::TableRule& rule) { return rule.enabled; });
  made->table_ = std::move(table);
  return made;
}

void ChargeRules::Apply(const Facts& facts, const Buyer& buyer, const Rounding& rounding,
                        std::vector<Charge>& charges) const {
  if (!any_rule_ || charges.empty()) return;
  LineFacts line_facts(*binding_, facts, buyer, rounding, nullptr);
  rules::expr::Arena arena;
  for (Charge& charge : charges) {
    if (charge.lost != Charge::Lost::kTaken) continue;
    line_facts.SetCharge(charge);
    arena.Reset();
    const rules::TableResult decided = table_->Decide(
        rules::expr::ArrayFacts(line_facts.slots()), line_facts.now(), arena, {});
    Value percent = decided.value;
    if (percent.kind == Kind::kMap) {
      const Value* named = rules::expr::MapFind(*percent.map, Value::String(kPercent));
      if (named == nullptr) continue;
      percent = *named;
    }
    if (percent.kind != Kind::kDecimal || percent.decimal.sign() < 0) continue;
    for (const int rule : decided.rules) {
      charge.rules.push_back(table_->rules()[static_cast<size_t>(rule)].id);
    }
    if (percent.decimal.is_zero()) {
      charge.lost = Charge::Lost::kWaived;
      charge.amount = Decimal();
      continue;
    }
    Decimal amount;
    if (MulDivRound(charge.amount, percent.decimal, 1, 100, buyer.currency.minor_digits(),
                    rounding.mode, amount) == DecimalError::kOk) {
      charge.amount = amount;
    }
  }
}

}  // namespace weft::pricing
