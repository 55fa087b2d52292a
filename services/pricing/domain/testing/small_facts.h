// Facts written down in a test: a few maps, no positions.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "services/pricing/domain/facts.h"

namespace weft::pricing {

inline Decimal D(absl::string_view text) { return Decimal::Parse(text).value(); }
inline Currency Cur(absl::string_view code) { return Currency::Parse(code).value(); }
inline int64_t Us(absl::string_view rfc3339) {
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, rfc3339, &time, &error)) std::abort();
  return absl::ToUnixMicros(time);
}

class SmallFacts final : public Facts {
 public:
  Symbol S(SymbolKind kind, absl::string_view text) {
    if (text.empty()) return Symbol::kNone;
    const auto key = std::make_pair(kind, std::string(text));
    const auto it = std::find(names_.begin(), names_.end(), key);
    if (it != names_.end()) return Symbol{static_cast<uint32_t>(it - names_.begin()) + 1};
    names_.push_back(key);
    return Symbol{static_cast<uint32_t>(names_.size())};
  }

  Item& AddItem(absl::string_view sku, absl::string_view base = "EA") {
    Item item;
    item.sku = S(SymbolKind::kSku, sku);
    item.base_unit = S(SymbolKind::kUnit, base);
    item.number = 1 + items_.size();
    return items_[item.sku] = item;
  }
  void AddUnit(Item& item, absl::string_view unit, int64_t numerator, int64_t denominator = 1) {
    item.units.push_back(
        {S(SymbolKind::kUnit, unit), UnitRatio::Make(numerator, denominator).value()});
  }
  Account& AddAccount(absl::string_view name, absl::string_view currency,
                      std::vector<std::string> groups = {}, absl::string_view parent = "") {
    Account account;
    account.account = S(SymbolKind::kAccount, name);
    account.currency = Cur(currency);
    account.parent = S(SymbolKind::kAccount, parent);
    for (const std::string& group : groups) {
      account.groups.push_back(S(SymbolKind::kGroup, group));
    }
    account.number = 1 + accounts_.size();
    return accounts_[account.account] = account;
  }
  Book& AddBook(absl::string_view name, absl::string_view currency, int priority = 0,
                std::vector<std::string> groups = {}) {
    Book book;
    book.book = S(SymbolKind::kBook, name);
    book.currency = Cur(currency);
    book.priority = priority;
    for (const std::string& group : groups) book.groups.push_back(S(SymbolKind::kGroup, group));
    return books_[book.book] = book;
  }
  void AddPartNumber(absl::string_view account, absl::string_view theirs, absl::string_view sku) {
    part_numbers_[{S(SymbolKind::kAccount, account), S(SymbolKind::kCustomerSku, theirs)}] =
        S(SymbolKind::kSku, sku);
  }

  struct OfferText {
    std::vector<std::pair<std::string, std::string>> tiers;  // Quantity, price.
    std::string unit;
    std::string currency;    // Of contracts.
    std::string discount;
    std::string book;
    std::string from, to;    // RFC 3339.
    int64_t per = 1;
    std::string name = "1";
    bool graduated = false;
    bool discount_tiers = false;  // Prices of tiers are percents.
    std::string scale_group;
  };
  void AddOffer(Symbol owner, Symbol target, const OfferText& text) {
    Offer offer;
    offer.unit = S(SymbolKind::kUnit, text.unit);
    if (!text.currency.empty()) offer.currency = Cur(text.currency);
    if (!text.from.empty()) offer.period.from_us = Us(text.from);
    if (!text.to.empty()) offer.period.to_us = Us(text.to);
    offer.per_quantity = text.per;
    strings_.push_back(text.name);
    offer.name = strings_.back();
    if (!text.discount.empty()) {
      offer.promise = Offer::Promise::kDiscount;
      offer.discount = D(text.discount).coefficient_64();
      offer.price_scale = static_cast<uint8_t>(D(text.discount).scale());
    } else if (!text.book.empty()) {
      offer.promise = Offer::Promise::kBook;
      offer.book = S(SymbolKind::kBook, text.book);
    }
    tiers_.emplace_back();
    for (const auto& [minimum, price] : text.tiers) {
      offer.quantity_scale =
          std::max(offer.quantity_scale, static_cast<uint8_t>(D(minimum).scale()));
      offer.price_scale = std::max(offer.price_scale, static_cast<uint8_t>(D(price).scale()));
    }
    for (const auto& [minimum, price] : text.tiers) {
      tiers_.back().push_back(
          {Round(D(minimum), offer.quantity_scale).value().coefficient_64(),
           Round(D(price), offer.price_scale).value().coefficient_64()});
    }
    offer.wide = true;
    offer.graduated = text.graduated;
    if (text.discount_tiers) offer.promise = Offer::Promise::kDiscountTiers;
    if (!text.scale_group.empty()) {
      terms_.emplace_back();
      terms_.back().scale_group = S(SymbolKind::kScaleGroup, text.scale_group);
      offer.terms = &terms_.back();
    }
    offer.tier_count = static_cast<uint8_t>(text.tiers.size());
    offer.tiers = reinterpret_cast<const char*>(tiers_.back().data());
    offers_[{owner, target}].push_back(offer);
  }
  void AddPrice(absl::string_view book, absl::string_view sku, const OfferText& text) {
    AddOffer(S(SymbolKind::kBook, book), S(SymbolKind::kSku, sku), text);
  }
  void AddContract(absl::string_view account, absl::string_view sku, const OfferText& text) {
    AddOffer(S(SymbolKind::kAccount, account), S(SymbolKind::kSku, sku), text);
  }

  void AddRate(absl::string_view from, absl::string_view to, absl::string_view rate,
               absl::string_view valid_from, absl::string_view valid_to) {
    ExchangeRate made;
    made.rate = D(rate);
    if (!valid_from.empty()) made.period.from_us = Us(valid_from);
    if (!valid_to.empty()) made.period.to_us = Us(valid_to);
    rates_[S(SymbolKind::kRate, RateName(Cur(from), Cur(to), ""))].push_back(made);
  }
  std::deque<Promotion> promotions;  // About everything.
  std::deque<Surcharge> surcharges;

  bool Has(Sort) const override { return true; }
  void AddPromotions(Symbol target, std::vector<const Promotion*>& out) const override {
    if (target != Symbol::kNone) return;
    for (const Promotion& promotion : promotions) out.push_back(&promotion);
  }
  void AddSurcharges(Symbol target, std::vector<const Surcharge*>& out) const override {
    if (target != Symbol::kNone) return;
    for (const Surcharge& surcharge : surcharges) out.push_back(&surcharge);
  }
  void AddRates(Symbol rate, std::vector<const ExchangeRate*>& out) const override {
    const auto it = rates_.find(rate);
    if (it == rates_.end()) return;
    for (const ExchangeRate& known : it->second) out.push_back(&known);
  }

  Symbol Find(SymbolKind kind, absl::string_view text) const override {
    return const_cast<SmallFacts*>(this)->S(kind, text);
  }
  absl::string_view Text(Symbol symbol) const override {
    if (symbol == Symbol::kNone) return absl::string_view();
    return names_[static_cast<uint32_t>(symbol) - 1].second;
  }
  const Item* FindItem(Symbol sku) const override { return At(items_, sku); }
  const Account* FindAccount(Symbol account) const override { return At(accounts_, account); }
  const Book* FindBook(Symbol book) const override { return At(books_, book); }
  Symbol FindPartNumber(Symbol account, Symbol theirs) const override {
    const auto it = part_numbers_.find({account, theirs});
    return it == part_numbers_.end() ? Symbol::kNone : it->second;
  }
  void AddBooks(Symbol group, std::vector<const Book*>& out) const override {
    for (const auto& [symbol, book] : books_) {
      const bool has = std::find(book.groups.begin(), book.groups.end(), group) != book.groups.end();
      if (group == Symbol::kNone ? book.groups.empty() : has) out.push_back(&book);
    }
  }
  void AddOffers(Symbol owner, Symbol target, Offers& out) const override {
    const auto it = offers_.find({owner, target});
    if (it == offers_.end()) return;
    out.insert(out.end(), it->second.begin(), it->second.end());
  }
  bool MayOffer(Symbol, Target) const override { return true; }

 private:
  template <typename T>
  static const T* At(const std::map<Symbol, T>& map, Symbol symbol) {
    const auto it = map.find(symbol);
    return it == map.end() ? nullptr : &it->second;
  }

  std::deque<std::pair<SymbolKind, std::string>> names_;
  std::map<Symbol, Item> items_;
  std::map<Symbol, Account> accounts_;
  std::map<Symbol, Book> books_;
  std::map<std::pair<Symbol, Symbol>, Symbol> part_numbers_;
  std::map<std::pair<Symbol, Symbol>, std::vector<Offer>> offers_;
  std::deque<std::vector<RawTier<int64_t>>> tiers_;
  std::deque<std::string> strings_;
  std::deque<OfferTerms> terms_;
  std::map<Symbol, std::vector<ExchangeRate>> rates_;
};

}  // namespace weft::pricing
