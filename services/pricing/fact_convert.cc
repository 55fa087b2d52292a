#include "services/pricing/fact_convert.h"

#include <cstring>

#include "services/pricing/fact_read.h"
#include "services/pricing/state.h"

namespace weft::pricing {

using read::DecimalOr0;
using read::ReadTiers;
using read::TierList;
using read::TiersOf;
using read::ToPeriod;

namespace {

void SetTiers(const TierList& list, int64_t per_quantity, OfferParts& out) {
  ReadTiers(list, out.tiers, out.offer.quantity_scale, out.offer.price_scale);
  out.offer.promise = Offer::Promise::kTiers;
  out.offer.wide = true;
  out.offer.tier_count = static_cast<uint8_t>(out.tiers.size());
  out.offer.tiers = reinterpret_cast<const char*>(out.tiers.data());
  out.offer.per_quantity = per_quantity == 0 ? 1 : per_quantity;
}

// The offer's terms, when it has any. `contract` may be null.
void SetTerms(absl::string_view scale_group, const facts::v1::ContractChanged* contract,
              Interner& names, OfferParts& out) {
  out.terms.clear();
  const bool scoped = contract != nullptr &&
                      (!contract->organisation().empty() || !contract->branch().empty() ||
                       !contract->channel().empty() || contract->except_skus_size() > 0 ||
                       contract->except_categories_size() > 0);
  if (scale_group.empty() && !scoped) return;
  OfferTerms terms;
  terms.scale_group = names.Intern(SymbolKind::kScaleGroup, scale_group);
  std::vector<Symbol> exceptions;
  if (scoped) {
    terms.organisation = names.Intern(SymbolKind::kOrganisation, contract->organisation());
    terms.branch = names.Intern(SymbolKind::kBranch, contract->branch());
    terms.channel = names.Intern(SymbolKind::kChannel, contract->channel());
    for (const std::string& sku : contract->except_skus()) {
      exceptions.push_back(names.Intern(SymbolKind::kSku, sku));
    }
    for (const std::string& category : contract->except_categories()) {
      exceptions.push_back(names.Intern(SymbolKind::kCategory, category));
    }
  }
  terms.exception_count = static_cast<uint32_t>(exceptions.size());
  out.terms.resize(sizeof(terms) / sizeof(Symbol));
  std::memcpy(out.terms.data(), &terms, sizeof(terms));
  out.terms.insert(out.terms.end(), exceptions.begin(), exceptions.end());
  out.offer.terms = reinterpret_cast<const OfferTerms*>(out.terms.data());
}

}  // namespace

Item ToItem(const v1::StoredFact& stored, Interner& names) {
  const facts::v1::ItemChanged& fact = stored.item();
  Item item;
  item.sku = names.Intern(SymbolKind::kSku, fact.sku());
  item.base_unit = names.Intern(SymbolKind::kUnit, fact.base_unit());
  item.tax_class = names.Intern(SymbolKind::kTaxClass, fact.tax_class());
  item.successor = names.Intern(SymbolKind::kSku, fact.successor_sku());
  item.version = StampOf(stored);
  item.number = static_cast<Stamp>(stored.number());
  if (fact.state() == facts::v1::ItemChanged::ITEM_STATE_PHASE_OUT) {
    item.state = Item::State::kPhaseOut;
  } else if (fact.state() == facts::v1::ItemChanged::ITEM_STATE_DISCONTINUED) {
    item.state = Item::State::kDiscontinued;
  }
  for (const common::v1::UnitRatio& unit : fact.units()) {
    const auto ratio = UnitRatio::Make(unit.numerator(), unit.denominator());
    if (ratio.ok()) item.units.push_back({names.Intern(SymbolKind::kUnit, unit.unit()), *ratio});
  }
  for (const std::string& category : fact.categories()) {
    item.categories.push_back(names.Intern(SymbolKind::kCategory, category));
  }
  item.minimum_quantity = DecimalOr0(fact.minimum_quantity());
  item.quantity_step = DecimalOr0(fact.quantity_step());
  if (fact.has_cost()) {
    item.cost = Money{DecimalOr0(fact.cost().amount()), Currency::Find(fact.cost().currency_code())};
  }
  return item;
}

Account ToAccount(const v1::StoredFact& stored, Interner& names) {
  const facts::v1::AccountChanged& fact = stored.account();
  Account account;
  account.account = names.Intern(SymbolKind::kAccount, fact.account());
  account.parent = names.Intern(SymbolKind::kAccount, fact.parent_account());
  account.branch = names.Intern(SymbolKind::kBranch, fact.branch());
  account.organisation = names.Intern(SymbolKind::kOrganisation, fact.organisation());
  account.tax_class = names.Intern(SymbolKind::kTaxClass, fact.tax_class());
  account.currency = Currency::Find(fact.currency_code());
  account.version = StampOf(stored);
  account.number = static_cast<Stamp>(stored.number());
  for (const std::string& group : fact.groups()) {
    account.groups.push_back(names.Intern(SymbolKind::kGroup, group));
  }
  return account;
}

Book ToBook(const v1::StoredFact& stored, Interner& names) {
  const facts::v1::PriceBookChanged& fact = stored.book();
  Book book;
  book.book = names.Intern(SymbolKind::kBook, fact.book());
  book.organisation = names.Intern(SymbolKind::kOrganisation, fact.organisation());
  book.branch = names.Intern(SymbolKind::kBranch, fact.branch());
  book.channel = names.Intern(SymbolKind::kChannel, fact.channel());
  book.currency = Currency::Find(fact.currency_code());
  book.priority = fact.priority();
  book.version = StampOf(stored);
  book.period = ToPeriod(fact.validity());
  for (const std::string& group : fact.groups()) {
    book.groups.push_back(names.Intern(SymbolKind::kGroup, group));
  }
  return book;
}

void ToOffer(const v1::StoredFact& stored, Interner& names, OfferParts& out) {
  out.tiers.clear();
  out.offer = Offer();
  out.offer.version = StampOf(stored);
  if (stored.has_price()) {
    const facts::v1::PriceChanged& fact = stored.price();
    out.owner = names.Intern(SymbolKind::kBook, fact.book());
    out.target = names.Intern(SymbolKind::kSku, fact.sku());
    out.sort = Facts::Target::kSku;
    out.offer.unit = names.Intern(SymbolKind::kUnit, fact.unit());
    out.offer.period = ToPeriod(fact.validity());
    out.offer.name = fact.entry();
    out.offer.graduated = fact.tier_mode() == facts::v1::TIER_MODE_GRADUATED;
    SetTiers(fact.tiers(), fact.per_quantity(), out);
    SetTerms(fact.scale_group(), nullptr, names, out);
    return;
  }
  const facts::v1::ContractChanged& fact = stored.contract();
  if (!fact.project().empty()) {
    out.owner = names.Intern(SymbolKind::kProject, SiteName(fact.account(), fact.project()));
  } else if (!fact.ship_to().empty()) {
    out.owner = names.Intern(SymbolKind::kShipTo, SiteName(fact.account(), fact.ship_to()));
  } else if (!fact.account().empty()) {
    out.owner = names.Intern(SymbolKind::kAccount, fact.account());
  } else {
    out.owner = names.Intern(SymbolKind::kGroup, fact.group());
  }
  if (!fact.sku().empty()) {
    out.sort = Facts::Target::kSku;
    out.target = names.Intern(SymbolKind::kSku, fact.sku());
  } else if (!fact.category().empty()) {
    out.sort = Facts::Target::kCategory;
    out.target = names.Intern(SymbolKind::kCategory, fact.category());
  } else {
    out.sort = Facts::Target::kEverything;
    out.target = Symbol::kNone;
  }
  out.offer.period = ToPeriod(fact.validity());
  out.offer.name = fact.contract();
  out.offer.reference = fact.reference();
  if (fact.has_net_price()) {
    out.offer.unit = names.Intern(SymbolKind::kUnit, fact.net_price().unit());
    out.offer.currency = Currency::Find(fact.net_price().currency_code());
    out.offer.graduated = fact.net_price().tier_mode() == facts::v1::TIER_MODE_GRADUATED;
    SetTiers(fact.net_price().tiers(), fact.net_price().per_quantity(), out);
    SetTerms(fact.net_price().scale_group(), &fact, names, out);
    return;
  }
  SetTerms(fact.discount_tiers().scale_group(), &fact, names, out);
  if (fact.has_discount_tiers()) {
    out.offer.unit = names.Intern(SymbolKind::kUnit, fact.discount_tiers().unit());
    SetTiers(TiersOf(fact.discount_tiers()), 1, out);
    out.offer.promise = Offer::Promise::kDiscountTiers;
  } else if (fact.promise_case() == facts::v1::ContractChanged::kBook) {
    out.offer.promise = Offer::Promise::kBook;
    out.offer.book = names.Intern(SymbolKind::kBook, fact.book());
  } else {
    const Decimal percent = DecimalOr0(fact.discount_percent()).Normalized();
    out.offer.promise = Offer::Promise::kDiscount;
    out.offer.discount = percent.coefficient_64();
    out.offer.price_scale = static_cast<uint8_t>(percent.scale());
  }
}

}  // namespace weft::pricing
