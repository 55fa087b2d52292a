#include "services/pricing/domain/applicable.h"

#include <algorithm>

namespace weft::pricing {
namespace {

template <typename List>
bool Contains(const List& list, Symbol symbol) {
  return std::find(list.begin(), list.end(), symbol) != list.end();
}

template <typename List>
bool Names(const List& list, Symbol sku, const Categories& categories) {
  for (const Symbol named : list) {
    if (named == sku || Contains(categories, named)) return true;
  }
  return false;
}

void Lower(const Period& period, int64_t at_us, int64_t* boundary_us) {
  if (boundary_us == nullptr) return;
  if (at_us < period.from_us) *boundary_us = std::min(*boundary_us, period.from_us);
  if (at_us < period.to_us) *boundary_us = std::min(*boundary_us, period.to_us);
}

bool FitsPlace(Symbol organisation, Symbol branch, Symbol channel, const Buyer& buyer,
               Symbol of_request) {
  const Symbol own_organisation =
      buyer.account == nullptr ? Symbol::kNone : buyer.account->organisation;
  const Symbol own_branch = buyer.account == nullptr ? Symbol::kNone : buyer.account->branch;
  return (organisation == Symbol::kNone || organisation == own_organisation) &&
         (branch == Symbol::kNone || branch == own_branch) &&
         (channel == Symbol::kNone || channel == of_request);
}

// `add(target)` adds what names the target; what fits stays in `out`.
template <typename T, typename Add>
void FindFitting(const Item& item, const Categories& categories, const Buyer& buyer,
                 Symbol channel, std::vector<const T*>& out, int64_t* boundary_us,
                 const Add& add) {
  out.clear();
  add(item.sku);
  for (const Symbol category : categories) add(category);
  add(Symbol::kNone);
  if (out.empty()) return;
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  std::erase_if(out, [&](const T* found) {
    if (Names(found->target.exceptions, item.sku, categories) ||
        !InScope(found->scope, buyer, channel)) {
      return true;
    }
    Lower(found->period, buyer.as_of_us, boundary_us);
    return !found->period.Contains(buyer.as_of_us);
  });
}

}  // namespace

void AllCategories(const Facts& facts, const Item& item, Categories& out) {
  out.assign(item.categories.begin(), item.categories.end());
  if (!facts.Has(Facts::Sort::kCategories)) return;
  size_t first = 0;
  for (int depth = 1; depth < kMaxCategoryDepth && first < out.size(); ++depth) {
    const size_t end = out.size();
    for (size_t i = first; i < end; ++i) {
      const Category* category = facts.FindCategory(out[i]);
      if (category == nullptr || category->parent == Symbol::kNone) continue;
      if (!Contains(out, category->parent)) out.push_back(category->parent);
    }
    first = end;
  }
}

bool IsAbout(const ItemTarget& target, Symbol sku, const Categories& categories) {
  return (target.everything || Names(target.named, sku, categories)) &&
         !Names(target.exceptions, sku, categories);
}

bool IsExcepted(const Offer& offer, Symbol sku, const Categories& categories) {
  if (offer.terms == nullptr || offer.terms->exception_count == 0) return false;
  if (offer.terms->Excepts(sku)) return true;
  for (const Symbol category : categories) {
    if (offer.terms->Excepts(category)) return true;
  }
  return false;
}

bool InScope(const BuyerScope& scope, const Buyer& buyer, Symbol channel) {
  if (!FitsPlace(scope.organisation, scope.branch, scope.channel, buyer, channel)) return false;
  if (scope.owners.empty()) return true;
  for (const Account* account : buyer.chain) {
    if (Contains(scope.owners, account->account)) return true;
  }
  for (const Symbol group : buyer.groups) {
    if (Contains(scope.owners, group)) return true;
  }
  return false;
}

bool InScope(const OfferTerms& terms, const Buyer& buyer, Symbol channel) {
  return FitsPlace(terms.organisation, terms.branch, terms.channel, buyer, channel);
}

void FindSurcharges(const Facts& facts, const Item& item, const Categories& categories,
                    const Buyer& buyer, Symbol channel, std::vector<const Surcharge*>& out,
                    int64_t* boundary_us) {
  out.clear();
  if (!facts.Has(Facts::Sort::kSurcharges)) return;
  FindFitting(item, categories, buyer, channel, out, boundary_us,
              [&](Symbol target) { facts.AddSurcharges(target, out); });
  std::sort(out.begin(), out.end(), [&](const Surcharge* a, const Surcharge* b) {
    return facts.Text(a->surcharge) < facts.Text(b->surcharge);
  });
}

void FindPromotions(const Facts& facts, const Item& item, const Categories& categories,
                    const Buyer& buyer, Symbol channel, std::vector<const Promotion*>& out,
                    int64_t* boundary_us) {
  out.clear();
  if (!facts.Has(Facts::Sort::kPromotions)) return;
  FindFitting(item, categories, buyer, channel, out, boundary_us,
              [&](Symbol target) { facts.AddPromotions(target, out); });
  std::sort(out.begin(), out.end(), [&](const Promotion* a, const Promotion* b) {
    if (a->priority != b->priority) return a->priority > b->priority;
    return facts.Text(a->promotion) < facts.Text(b->promotion);
  });
}

bool Excludes(const Facts& facts, const Surcharge& by, const Surcharge& one) {
  if (&by == &one || one.exclusion_group == Symbol::kNone || by.kind != one.kind ||
      by.exclusion_group != one.exclusion_group) {
    return false;
  }
  if (by.priority != one.priority) return by.priority > one.priority;
  if (by.period.from_us != one.period.from_us) return by.period.from_us > one.period.from_us;
  return facts.Text(by.surcharge) < facts.Text(one.surcharge);
}

RateState FindRate(const Facts& facts, Currency from, Currency to, absl::string_view kind,
                   int64_t at_us, ExchangeRate& out, int64_t* boundary_us) {
  if (from == to) {
    out = ExchangeRate();
    out.rate = Decimal(1);
    return RateState::kFound;
  }
  if (!facts.Has(Facts::Sort::kRates)) return RateState::kMissing;
  std::vector<const ExchangeRate*> rates;
  facts.AddRates(facts.Find(SymbolKind::kRate, RateName(from, to, kind)), rates);
  const ExchangeRate* best = nullptr;
  bool ended = false;
  for (const ExchangeRate* rate : rates) {
    Lower(rate->period, at_us, boundary_us);
    if (!rate->period.Contains(at_us)) {
      ended = ended || rate->period.to_us <= at_us;
      continue;
    }
    const auto better = [&](const ExchangeRate& a, const ExchangeRate& b) {
      if (a.period.from_us != b.period.from_us) return a.period.from_us > b.period.from_us;
      if (a.period.to_us != b.period.to_us) return a.period.to_us < b.period.to_us;
      return facts.Text(a.entry) > facts.Text(b.entry);
    };
    if (best == nullptr || better(*rate, *best)) best = rate;
  }
  if (best != nullptr) {
    out = *best;
    return RateState::kFound;
  }
  if (rates.empty()) return RateState::kMissing;
  return ended ? RateState::kExpired : RateState::kNotYet;
}

bool FindCost(const Facts& facts, const Item& item, Symbol location, Symbol organisation,
              int64_t at_us, Cost& out, int64_t* boundary_us) {
  if (facts.Has(Facts::Sort::kCosts)) {
    std::vector<const Cost*> costs;
    facts.AddCosts(item.sku, costs);
    const auto rank = [](const Cost& cost) {
      return (cost.location != Symbol::kNone ? 2 : 0) +
             (cost.organisation != Symbol::kNone ? 1 : 0);
    };
    const auto better = [&](const Cost& a, const Cost& b) {
      if (rank(a) != rank(b)) return rank(a) > rank(b);
      if (a.period.from_us != b.period.from_us) return a.period.from_us > b.period.from_us;
      if (a.period.to_us != b.period.to_us) return a.period.to_us < b.period.to_us;
      return facts.Text(a.entry) > facts.Text(b.entry);
    };
    const Cost* best = nullptr;
    for (const Cost* cost : costs) {
      if ((cost->location != Symbol::kNone && cost->location != location) ||
          (cost->organisation != Symbol::kNone && cost->organisation != organisation)) {
        continue;
      }
      Lower(cost->period, at_us, boundary_us);
      if (!cost->period.Contains(at_us)) continue;
      if (best == nullptr || better(*cost, *best)) best = cost;
    }
    if (best != nullptr) {
      out = *best;
      return true;
    }
  }
  if (item.cost.currency.is_none()) return false;
  out = Cost();
  out.cost = item.cost;
  out.version = item.version;
  return true;
}

Stamp EpochOf(const Facts& facts, const Buyer& buyer, Symbol sku) {
  Stamp epoch = facts.MovedAtLarge();
  const auto see = [&](Symbol symbol) {
    if (symbol != Symbol::kNone) epoch = std::max(epoch, facts.MovedAt(symbol));
  };
  for (const Account* account : buyer.chain) {
    see(account->account);
    // A parent that is not there has moved when it went, and will when it comes.
    see(account->parent);
  }
  for (const Symbol group : buyer.groups) see(group);
  see(sku);
  return epoch;
}

}  // namespace weft::pricing
