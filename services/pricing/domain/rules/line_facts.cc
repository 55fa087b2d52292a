#include "services/pricing/domain/rules/line_facts.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/pricing/domain/charges.h"
#include "services/pricing/domain/find_price.h"

namespace weft::pricing {

using rules::expr::Arena;
using rules::expr::Code;
using rules::expr::Value;

enum class FactBinding::Field : uint8_t {
  kSku, kQuantity, kUnit, kBaseQuantity, kScaleQuantity,
  kCategory, kCategories, kTaxClass, kState, kCost,
  kAccountId, kGuest, kParent, kGroups, kGroup, kOrganisation, kBranch,
  kPrice, kPer, kOfferUnit, kSource, kIsContract, kNet, kDiscounted, kOwner, kReference,
  kTierMinimum, kDiscountPercent, kListPrice, kIsConverted,
  kPromotionPrice, kPromotionLabel, kSurchargePercent, kSurchargeAmount, kSurchargeLabel,
  kDiscountDecimals, kMode,
  kChargeCode, kChargeKind, kChargePer, kChargeAmount, kChargeNet,
};

namespace {

using Field = FactBinding::Field;
using Variable = FactBinding::Variable;

struct VariableName { const char* name; Variable variable; };
constexpr VariableName kVariables[] = {
    {"line", Variable::kLine},         {"item", Variable::kItem},
    {"account", Variable::kAccount},   {"offer", Variable::kOffer},
    {"promotion", Variable::kPromotion}, {"surcharge", Variable::kSurcharge},
    {"rounding", Variable::kRounding}, {"charge", Variable::kCharge},
    {"channel", Variable::kChannel},
    {"currency", Variable::kCurrency}, {"now", Variable::kNow},
};

struct FieldName { const char* name; Field field; };
constexpr FieldName kFields[] = {
    {"line.sku", Field::kSku},
    {"line.quantity", Field::kQuantity},
    {"line.unit", Field::kUnit},
    {"line.base_quantity", Field::kBaseQuantity},
    {"line.scale_quantity", Field::kScaleQuantity},
    {"item.category", Field::kCategory},
    {"item.categories", Field::kCategories},
    {"item.tax_class", Field::kTaxClass},
    {"item.state", Field::kState},
    {"item.cost", Field::kCost},
    {"account.id", Field::kAccountId},
    {"account.guest", Field::kGuest},
    {"account.parent", Field::kParent},
    {"account.groups", Field::kGroups},
    {"account.group", Field::kGroup},
    {"account.organisation", Field::kOrganisation},
    {"account.branch", Field::kBranch},
    {"offer.price", Field::kPrice},
    {"offer.per", Field::kPer},
    {"offer.unit", Field::kOfferUnit},
    {"offer.source", Field::kSource},
    {"offer.contract", Field::kIsContract},
    {"offer.net", Field::kNet},
    {"offer.discounted", Field::kDiscounted},
    {"offer.owner", Field::kOwner},
    {"offer.reference", Field::kReference},
    {"offer.tier_minimum", Field::kTierMinimum},
    {"offer.discount_percent", Field::kDiscountPercent},
    {"offer.list_price", Field::kListPrice},
    {"offer.converted", Field::kIsConverted},
    {"promotion.price", Field::kPromotionPrice},
    {"promotion.label", Field::kPromotionLabel},
    {"surcharge.percent", Field::kSurchargePercent},
    {"surcharge.amount", Field::kSurchargeAmount},
    {"surcharge.label", Field::kSurchargeLabel},
    {"rounding.discount_decimals", Field::kDiscountDecimals},
    {"rounding.mode", Field::kMode},
    {"charge.code", Field::kChargeCode},
    {"charge.kind", Field::kChargeKind},
    {"charge.per", Field::kChargePer},
    {"charge.amount", Field::kChargeAmount},
    {"charge.net", Field::kChargeNet},
};

const char* SourceText(Source source) {
  switch (source) {
    case Source::kAccountContract: return "account-contract";
    case Source::kParentContract: return "parent-contract";
    case Source::kGroupContract: return "group-contract";
    case Source::kBook: return "book";
    case Source::kList: return "list";
  }
  return "";
}

const char* KindText(Surcharge::Kind kind) {
  switch (kind) {
    case Surcharge::Kind::kFreight: return "freight";
    case Surcharge::Kind::kHazardous: return "hazardous";
    case Surcharge::Kind::kMetal: return "metal";
    case Surcharge::Kind::kMinimumOrder: return "minimum-order";
    case Surcharge::Kind::kSmallQuantity: return "small-quantity";
    case Surcharge::Kind::kOther: return "other";
  }
  return "";
}

const char* PerText(Surcharge::Per per) {
  switch (per) {
    case Surcharge::Per::kLine: return "line";
    case Surcharge::Per::kUnit: return "unit";
    case Surcharge::Per::kLinePercent: return "line-percent";
    case Surcharge::Per::kOrder: return "order";
    case Surcharge::Per::kOrderPercent: return "order-percent";
  }
  return "";
}

bool IsContract(Source source) {
  return source == Source::kAccountContract || source == Source::kParentContract ||
         source == Source::kGroupContract;
}

Value NotKnown() { return Value::Error(Code::kUndeclaredReference, "not known before the line"); }
Value TooLarge() { return Value::Error(Code::kOverflow, "the amount has more than 34 digits"); }

}  // namespace

std::unique_ptr<const FactBinding> FactBinding::Make(
    std::shared_ptr<const rules::FactSchema> schema, std::vector<rules::Fault>& faults) {
  auto binding = std::make_unique<FactBinding>();
  binding->schema_ = std::move(schema);
  const rules::expr::Environment& environment = binding->schema_->environment();
  binding->fields_.resize(environment.records.size());
  bool good = true;
  const auto unknown = [&](const std::string& name) {
    good = false;
    faults.push_back({"unknown_fact", absl::StrCat("variables.", name), 0, 0,
                      absl::StrCat("pricing does not offer '", name, "'"),
                      "use the schema pricing-line as it is published", false});
  };
  for (const rules::expr::VariableDeclaration& variable : environment.variables) {
    const auto* known =
        std::find_if(std::begin(kVariables), std::end(kVariables),
                     [&](const VariableName& entry) { return variable.name == entry.name; });
    if (known == std::end(kVariables)) {
      unknown(variable.name);
      continue;
    }
    binding->variables_.push_back(known->variable);
    int record = -1;
    for (size_t r = 0; r < environment.records.size(); ++r) {
      if (variable.type.kind == rules::expr::TypeKind::kRecord &&
          environment.records[r].name == variable.type.name) {
        record = static_cast<int>(r);
      }
    }
    binding->records_.push_back(record);
    if (record < 0) continue;
    std::vector<Field>& fields = binding->fields_[static_cast<size_t>(record)];
    for (const auto& field : environment.records[static_cast<size_t>(record)].fields) {
      const std::string name = absl::StrCat(variable.name, ".", field.name);
      const auto* entry = std::find_if(std::begin(kFields), std::end(kFields),
                                       [&](const FieldName& f) { return name == f.name; });
      if (entry == std::end(kFields)) {
        unknown(name);
      } else {
        fields.push_back(entry->field);
      }
    }
  }
  if (!good) return nullptr;
  return binding;
}

Value FactBinding::KnownOf(Field field, uint32_t features) {
  switch (field) {
    case Field::kCost: return (features & kHasCost) != 0 ? NotKnown() : Value::AbsentField();
    case Field::kIsContract: return Value::Bool((features & kContract) != 0);
    case Field::kIsConverted: return Value::Bool((features & kConverted) != 0);
    case Field::kPromotionPrice:
    case Field::kPromotionLabel:
      return (features & kPromotion) != 0 ? NotKnown() : Value::AbsentField();
    case Field::kSurchargePercent:
    case Field::kSurchargeAmount:
    case Field::kSurchargeLabel:
      return (features & kSurcharge) != 0 ? NotKnown() : Value::AbsentField();
    default: return NotKnown();
  }
}

bool FactBinding::PresenceIsKnown(Field field) {
  return field != Field::kDiscountPercent && field != Field::kListPrice;
}

bool FactBinding::OfRequest(Variable variable) {
  switch (variable) {
    case Variable::kAccount:
    case Variable::kChannel:
    case Variable::kCurrency:
    case Variable::kNow: return true;
    default: return false;
  }
}

LineFacts::LineFacts(const FactBinding& binding, const Facts& facts, const Buyer& buyer,
                     const Rounding& rounding, ListPriceSource* list_prices)
    : binding_(binding),
      facts_(facts),
      buyer_(buyer),
      rounding_(rounding),
      list_prices_(list_prices) {
  const std::string code = buyer.currency.code();
  code.copy(currency_, 3);
  int64_t seconds = buyer.as_of_us / 1'000'000;
  int64_t rest = buyer.as_of_us % 1'000'000;
  if (rest < 0) {
    rest += 1'000'000;
    --seconds;
  }
  now_ = Value::Timestamp(seconds, static_cast<int32_t>(rest) * 1000);
  records_.reserve(binding.variables());  // Slots point at them.
  for (size_t slot = 0; slot < binding.variables(); ++slot) {
    if (const int record = binding.record(slot); record >= 0) {
      records_.emplace_back(this, record);
      slots_.push_back(Value::OfRecord(&records_.back()));
      continue;
    }
    switch (binding.variable(slot)) {
      case Variable::kChannel: slots_.push_back(Value::String(buyer.channel)); break;
      case Variable::kCurrency:
        slots_.push_back(Value::String(absl::string_view(currency_, code.size())));
        break;
      default: slots_.push_back(now_); break;
    }
  }
}

uint32_t LineFacts::features() const {
  uint32_t features = 0;
  if (conditions_->has_cost) features |= FactBinding::kHasCost;
  if (conditions_->has_promotion) features |= FactBinding::kPromotion;
  if (conditions_->has_surcharge) features |= FactBinding::kSurcharge;
  if (IsContract(answer_->source)) features |= FactBinding::kContract;
  if (answer_->priced.converted) features |= FactBinding::kConverted;
  return features;
}

Value LineFacts::Text(Symbol symbol) const { return Value::String(facts_.Text(symbol)); }

Value LineFacts::MoneyOf(const Decimal& amount) const {
  return Value::Money(amount, buyer_.currency.number());
}

Value LineFacts::ListPrice() const {
  const Priced& own = answer_->priced;
  if (answer_->discounted && !own.converted) return MoneyOf(own.price);
  Priced list;
  if (list_prices_ == nullptr || !list_prices_->FindListPrice(*answer_, list)) {
    return Value::AbsentField();
  }
  // From the list's price unit into the offer's.
  Decimal amount;
  Decimal divisor;
  if (MultiplyInto(list.price, Decimal(list.numerator), amount) != DecimalError::kOk ||
      MultiplyInto(amount, Decimal(own.denominator), amount) != DecimalError::kOk ||
      MultiplyInto(Decimal(list.denominator), Decimal(own.numerator), divisor) !=
          DecimalError::kOk) {
    return TooLarge();
  }
  if (divisor != Decimal(1) && DivideInto(amount, divisor, amount) != DecimalError::kOk) {
    return TooLarge();
  }
  return MoneyOf(amount);
}

Value LineFacts::Names(const Symbol* symbols, size_t size, Arena& arena) const {
  auto* items = arena.AllocateArray<Value>(size + 1);
  if (items == nullptr) return Value::Error(Code::kSizeExceeded, "the decision needs too much");
  for (size_t i = 0; i < size; ++i) new (&items[i]) Value(Text(symbols[i]));
  return Value::List(items, size);
}

Value LineFacts::ChargeField(Field field) const {
  if (charge_ == nullptr) return NotKnown();
  const Surcharge& surcharge = *charge_->surcharge;
  switch (field) {
    case Field::kChargeCode: return Text(surcharge.surcharge);
    case Field::kChargeKind: return Value::String(KindText(surcharge.kind));
    case Field::kChargePer: return Value::String(PerText(surcharge.per));
    case Field::kChargeAmount: return MoneyOf(charge_->amount);
    case Field::kChargeNet: return MoneyOf(charge_->net);
    default: return NotKnown();
  }
}

Value LineFacts::FieldOf(Field field, Arena& arena) const {
  const Account* account = buyer_.account;
  switch (field) {
    case Field::kAccountId: return Text(account == nullptr ? Symbol::kNone : account->account);
    case Field::kGuest: return Value::Bool(account == nullptr);
    case Field::kParent: return Text(account == nullptr ? Symbol::kNone : account->parent);
    case Field::kGroups: return Names(buyer_.groups.data(), buyer_.groups.size(), arena);
    case Field::kGroup: return Text(buyer_.groups.empty() ? Symbol::kNone : buyer_.groups[0]);
    case Field::kOrganisation:
      return Text(account == nullptr ? Symbol::kNone : account->organisation);
    case Field::kBranch: return Text(account == nullptr ? Symbol::kNone : account->branch);
    case Field::kDiscountDecimals: return Value::Int(rounding_.discount_decimals);
    case Field::kMode: return Value::String(RoundingModeName(rounding_.mode));
    case Field::kChargeCode:
    case Field::kChargeKind:
    case Field::kChargePer:
    case Field::kChargeAmount:
    case Field::kChargeNet: return ChargeField(field);
    default: break;
  }
  if (answer_ == nullptr) return NotKnown();
  const LineAnswer& answer = *answer_;
  const Item& item = *answer.item;
  const Offer& stated = answer.priced.offer;
  switch (field) {
    case Field::kSku: return Text(item.sku);
    case Field::kQuantity: return Value::OfDecimal(answer.quantity);
    case Field::kUnit: return Text(answer.unit);
    case Field::kScaleQuantity:
      if (!answer.scale_quantity.is_zero()) return Value::OfDecimal(answer.scale_quantity);
      [[fallthrough]];
    case Field::kBaseQuantity: {
      if (answer.unit_ratio == UnitRatio()) return Value::OfDecimal(answer.quantity);
      const auto converted = ConvertUnit(answer.quantity, answer.unit_ratio, UnitRatio());
      return converted.ok() ? Value::OfDecimal(converted->value) : TooLarge();
    }
    case Field::kCategory:
      return Text(item.categories.empty() ? Symbol::kNone : item.categories[0]);
    case Field::kCategories: return Names(categories_->data(), categories_->size(), arena);
    case Field::kTaxClass: return Text(item.tax_class);
    case Field::kState:
      return Value::String(item.state == Item::State::kPhaseOut ? "phase-out" : "active");
    case Field::kCost:
      return conditions_->has_cost ? MoneyOf(conditions_->cost) : Value::AbsentField();
    case Field::kPromotionPrice:
      return conditions_->has_promotion ? MoneyOf(conditions_->promotion_price)
                                        : Value::AbsentField();
    case Field::kPromotionLabel:
      return conditions_->has_promotion ? Value::String(conditions_->promotion_label)
                                        : Value::AbsentField();
    case Field::kSurchargePercent:
      return conditions_->has_surcharge ? Value::OfDecimal(conditions_->surcharge_percent)
                                        : Value::AbsentField();
    case Field::kSurchargeAmount:
      return conditions_->has_surcharge ? MoneyOf(conditions_->surcharge_amount)
                                        : Value::AbsentField();
    case Field::kSurchargeLabel:
      return conditions_->has_surcharge ? Value::String(conditions_->surcharge_label)
                                        : Value::AbsentField();
    case Field::kPrice: return MoneyOf(answer.price);
    case Field::kPer: return Value::Int(stated.per_quantity);
    case Field::kOfferUnit:
      return Text(stated.unit == Symbol::kNone ? item.base_unit : stated.unit);
    case Field::kSource: return Value::String(SourceText(answer.source));
    case Field::kIsContract: return Value::Bool(IsContract(answer.source));
    case Field::kNet:
      return Value::Bool(IsContract(answer.source) &&
                         answer.offer.promise == Offer::Promise::kTiers);
    case Field::kDiscounted: return Value::Bool(answer.discounted);
    case Field::kOwner: return Text(answer.owner);
    case Field::kReference: return Value::String(answer.offer.reference);
    case Field::kTierMinimum: return Value::OfDecimal(answer.priced.tier_minimum);
    case Field::kDiscountPercent:
      if (!answer.discounted) return Value::AbsentField();
      return Value::OfDecimal(answer.priced.percent);
    case Field::kListPrice: return ListPrice();
    case Field::kIsConverted: return Value::Bool(answer.priced.converted);
    default: return NotKnown();
  }
}

}  // namespace weft::pricing
