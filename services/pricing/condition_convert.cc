// Categories, surcharges, promotions, rates and costs as the rules see them.
#include "services/pricing/fact_convert.h"
#include "services/pricing/fact_read.h"
#include "services/pricing/state.h"

namespace weft::pricing {

using read::DecimalOr0;
using read::ToPeriod;

namespace {

ItemTarget ToTarget(const facts::v1::ItemTarget& from, Interner& names) {
  ItemTarget target;
  target.everything = from.everything();
  for (const std::string& sku : from.skus()) {
    target.named.push_back(names.Intern(SymbolKind::kSku, sku));
  }
  for (const std::string& category : from.categories()) {
    target.named.push_back(names.Intern(SymbolKind::kCategory, category));
  }
  for (const std::string& sku : from.except_skus()) {
    target.exceptions.push_back(names.Intern(SymbolKind::kSku, sku));
  }
  for (const std::string& category : from.except_categories()) {
    target.exceptions.push_back(names.Intern(SymbolKind::kCategory, category));
  }
  return target;
}

BuyerScope ToScope(const facts::v1::BuyerScope& from, Interner& names) {
  BuyerScope scope;
  for (const std::string& account : from.accounts()) {
    scope.owners.push_back(names.Intern(SymbolKind::kAccount, account));
  }
  for (const std::string& group : from.groups()) {
    scope.owners.push_back(names.Intern(SymbolKind::kGroup, group));
  }
  scope.organisation = names.Intern(SymbolKind::kOrganisation, from.organisation());
  scope.branch = names.Intern(SymbolKind::kBranch, from.branch());
  scope.channel = names.Intern(SymbolKind::kChannel, from.channel());
  return scope;
}

}  // namespace

Category ToCategory(const v1::StoredFact& stored, Interner& names) {
  Category category;
  category.category = names.Intern(SymbolKind::kCategory, stored.category().category());
  category.parent = names.Intern(SymbolKind::kCategory, stored.category().parent_category());
  category.version = StampOf(stored);
  return category;
}

Surcharge ToSurcharge(const v1::StoredFact& stored, Interner& names) {
  const facts::v1::SurchargeChanged& fact = stored.surcharge();
  Surcharge surcharge;
  surcharge.surcharge = names.Intern(SymbolKind::kSurcharge, fact.surcharge());
  surcharge.unit = names.Intern(SymbolKind::kUnit, fact.unit());
  surcharge.exclusion_group = names.Intern(SymbolKind::kCombination, fact.exclusion_group());
  surcharge.kind = static_cast<Surcharge::Kind>(fact.kind());
  surcharge.per = static_cast<Surcharge::Per>(fact.per());
  surcharge.currency = Currency::Find(fact.currency_code());
  surcharge.priority = fact.priority();
  surcharge.amount = DecimalOr0(fact.amount());
  surcharge.below_net = DecimalOr0(fact.below_net());
  surcharge.below_quantity = DecimalOr0(fact.below_quantity());
  surcharge.target = ToTarget(fact.target(), names);
  surcharge.scope = ToScope(fact.scope(), names);
  surcharge.period = ToPeriod(fact.validity());
  surcharge.version = StampOf(stored);
  surcharge.label = fact.label();
  return surcharge;
}

Promotion ToPromotion(const v1::StoredFact& stored, Interner& names) {
  const facts::v1::PromotionChanged& fact = stored.promotion();
  Promotion promotion;
  promotion.promotion = names.Intern(SymbolKind::kPromotion, fact.promotion());
  promotion.unit = names.Intern(SymbolKind::kUnit, fact.unit());
  promotion.combination_group =
      names.Intern(SymbolKind::kCombination, fact.combination_group());
  if (fact.has_amount_off()) {
    promotion.benefit = Promotion::Benefit::kAmountOff;
    promotion.value = DecimalOr0(fact.amount_off().amount());
    promotion.currency = Currency::Find(fact.amount_off().currency_code());
  } else if (fact.has_fixed_price()) {
    promotion.benefit = Promotion::Benefit::kFixedPrice;
    promotion.value = DecimalOr0(fact.fixed_price().amount());
    promotion.currency = Currency::Find(fact.fixed_price().currency_code());
  } else {
    promotion.value = DecimalOr0(fact.percent());
  }
  promotion.exclusive = fact.exclusive();
  promotion.priority = fact.priority();
  promotion.minimum_quantity = DecimalOr0(fact.minimum_quantity());
  promotion.target = ToTarget(fact.target(), names);
  promotion.scope = ToScope(fact.scope(), names);
  promotion.period = ToPeriod(fact.validity());
  promotion.version = StampOf(stored);
  promotion.coupon = fact.coupon();
  promotion.label = fact.label();
  return promotion;
}

Symbol RateSymbol(const facts::v1::ExchangeRateChanged& fact, Interner& names) {
  return names.Intern(SymbolKind::kRate,
                      RateName(Currency::Find(fact.from_currency_code()),
                               Currency::Find(fact.to_currency_code()), fact.kind()));
}

ExchangeRate ToRate(const v1::StoredFact& stored, Interner& names) {
  const facts::v1::ExchangeRateChanged& fact = stored.rate();
  ExchangeRate rate;
  rate.rate = DecimalOr0(fact.rate());
  rate.period = ToPeriod(fact.validity());
  rate.version = StampOf(stored);
  rate.entry = names.Intern(SymbolKind::kEntry, fact.entry());
  return rate;
}

Cost ToCost(const v1::StoredFact& stored, Interner& names) {
  const facts::v1::CostChanged& fact = stored.cost();
  Cost cost;
  cost.location = names.Intern(SymbolKind::kLocation, fact.location());
  cost.organisation = names.Intern(SymbolKind::kOrganisation, fact.organisation());
  cost.per_quantity = fact.per_quantity() == 0 ? 1 : fact.per_quantity();
  cost.cost = Money{DecimalOr0(fact.cost().amount()), Currency::Find(fact.cost().currency_code())};
  cost.period = ToPeriod(fact.validity());
  cost.version = StampOf(stored);
  cost.entry = names.Intern(SymbolKind::kEntry, fact.entry());
  return cost;
}

}  // namespace weft::pricing
