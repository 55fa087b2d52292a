#include "tools/weft/importing/check.h"

#include <algorithm>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/hash.h"

namespace weft::cli {
namespace {

constexpr size_t kContractId = 100;

Decimal Number(const std::string& digits, int64_t otherwise = 0) {
  Decimal value;
  return Decimal::ParseInto(digits, value) == DecimalError::kOk ? value : Decimal(otherwise);
}

std::string Compact(absl::Time time) {
  return absl::FormatTime("%Y%m%dT%H%M%SZ", time, absl::UTCTimeZone());
}
// "" for ever; sorts and names.
std::string SpanText(const Span& span) {
  if (!span.from.has_value() && !span.to.has_value()) return "";
  return absl::StrCat(span.from.has_value() ? Compact(*span.from) : "",
                      span.to.has_value() ? absl::StrCat("-", Compact(*span.to)) : "");
}
bool Overlap(const Span& a, const Span& b) {
  return a.from.value_or(absl::InfinitePast()) < b.to.value_or(absl::InfiniteFuture()) &&
         b.from.value_or(absl::InfinitePast()) < a.to.value_or(absl::InfiniteFuture());
}

// What two rows of one item are compared by.
auto Content(const ItemRow& r) {
  std::string units;
  for (const UnitRow& u : r.units) {
    absl::StrAppend(&units, u.unit, "=", u.numerator, "/", u.denominator, "|");
}
  return std::make_tuple(r.name, r.base_unit, r.state, r.successor, r.tax_class, r.minimum,
                         r.step, r.cost, r.cost_currency, units, r.categories);
}

class Checker {
 public:
  Checker(Shop shop, std::vector<Finding>& findings)
      : shop_(std::move(shop)), findings_(findings) {
    for (const Shop::File& file : shop_.files) tables_.insert(file.name);
  }

  Load Run() {
    Unique(shop_.items, load_.items, "item", [](const ItemRow& r) { return r.sku; },
           [](const ItemRow& a, const ItemRow& b) { return Content(a) == Content(b); });
    Unique(shop_.accounts, load_.accounts, "account",
           [](const AccountRow& r) { return r.account; },
           [](const AccountRow& a, const AccountRow& b) {
             return std::tie(a.name, a.parent, a.currency, a.organisation, a.branch, a.tax_class,
                             a.terms, a.groups) ==
                    std::tie(b.name, b.parent, b.currency, b.organisation, b.branch, b.tax_class,
                             b.terms, b.groups);
           });
    Unique(shop_.books, load_.books, "book", [](const BookRow& r) { return r.book; },
           [](const BookRow& a, const BookRow& b) {
             return std::tie(a.currency, a.groups, a.organisation, a.branch, a.channel,
                             a.priority) == std::tie(b.currency, b.groups, b.organisation,
                                                     b.branch, b.channel, b.priority);
           });
    Unique(shop_.stock, load_.stock, "stock",
           [](const StockRow& r) { return absl::StrCat(r.sku, " ", r.location); },
           [](const StockRow& a, const StockRow& b) {
             return Number(a.on_hand) == Number(b.on_hand) && Number(a.safety) == Number(b.safety);
           });
    for (const ItemRow& item : load_.items) items_[item.sku] = &item;
    for (const AccountRow& account : load_.accounts) accounts_[account.account] = &account;
    Books();
    Prices();
    Contracts();
    Orphans();
    Outliers();
    std::set<std::string> locations;
    for (const StockRow& stock : load_.stock) locations.insert(stock.location);
    load_.locations = {locations.begin(), locations.end()};
    return std::move(load_);
  }

 private:
  void Say(bool error, const char* code, const Place& at, std::string subject,
           std::string message) {
    findings_.push_back({error, code, at, std::move(subject), std::move(message)});
  }
  void Warn(const char* code, const Place& at, std::string subject, std::string message) {
    Say(false, code, at, std::move(subject), std::move(message));
  }

  template <typename Row, typename Key, typename Equal>
  void Unique(std::vector<Row>& in, std::vector<Row>& out, const char* what, Key key,
              Equal equal) {
    std::map<std::string, size_t> seen;
    for (Row& row : in) {
      const std::string name = key(row);
      const auto [found, fresh] = seen.emplace(name, out.size());
      if (fresh) {
        out.push_back(std::move(row));
        continue;
      }
      const Row& first = out[found->second];
      const bool same = equal(first, row);
      Say(!same, same ? "DUPLICATE" : "CONFLICT", row.at, absl::StrCat(what, " ", name),
          absl::StrCat(same ? "the same as" : "differs from", " line ", first.at.line,
                       same ? "" : "; that one counts"));
    }
  }

  // The tier of a row joins those of its entry.
  void AddTier(const std::string& subject, TierRow tier, std::vector<TierRow>& tiers) {
    for (const TierRow& other : tiers) {
      if (other.minimum != tier.minimum) continue;
      const bool same = other.price == tier.price;
      Say(!same, same ? "DUPLICATE" : "CONFLICT", tier.at, subject,
          absl::StrCat(same ? "the same as line " : "another price stands in line ",
                       other.at.line, same ? "" : "; that one counts"));
      return;
    }
    if (tier.price.is_zero()) {
      Warn("PRICE_ZERO", tier.at, subject, "a price of 0 states no price");
    }
    tiers.push_back(std::move(tier));
  }
  void Finish(const std::string& subject, std::vector<TierRow>& tiers) {
    std::stable_sort(tiers.begin(), tiers.end(),
                     [](const TierRow& a, const TierRow& b) { return a.minimum < b.minimum; });
    for (size_t i = 1; i < tiers.size(); ++i) {
      if (tiers[i].price <= tiers[i - 1].price) continue;
      Warn("TIERS_INVERTED", tiers[i].at, subject,
           absl::StrCat("from ", tiers[i].minimum.ToString(), " on a unit costs ",
                        tiers[i].price.ToString(), ", before that ",
                        tiers[i - 1].price.ToString()));
    }
  }

  void Books() {
    for (const BookRow& book : load_.books) currencies_[book.book] = book.currency;
    for (const PriceRow& price : shop_.prices) {
      std::string& currency = currencies_[price.book];
      if (!price.currency.empty() && currency.empty()) currency = price.currency;
    }
    std::set<std::string> known;
    for (const BookRow& book : load_.books) known.insert(book.book);
    for (const PriceRow& price : shop_.prices) {
      if (!known.insert(price.book).second || currencies_[price.book].empty()) continue;
      load_.books.push_back({.at = price.at,
                             .book = price.book,
                             .name = price.book,
                             .currency = currencies_[price.book]});
    }
  }

  void Prices() {
    std::map<std::string, size_t> entries;
    std::map<std::string, std::vector<size_t>> rivals;
    for (PriceRow& row : shop_.prices) {
      const std::string subject = absl::StrCat("price ", row.book, " ", row.sku);
      const std::string& currency = currencies_[row.book];
      if (currency.empty()) {
        Say(true, "CURRENCY_MISSING", row.at, subject,
            absl::StrCat("no row says which currency book ", row.book, " has"));
        continue;
      }
      if (!row.currency.empty() && row.currency != currency) {
        Say(true, "CONFLICT", row.at, subject,
            absl::StrCat("book ", row.book, " is in ", currency, ", this price in ",
                         row.currency));
        continue;
      }
      if (row.per.empty()) row.per = "1";
      const std::string span = SpanText(row.span);
      const std::string rival = absl::StrCat(row.book, "\n", row.sku, "\n", row.unit);
      const std::string key = absl::StrCat(rival, "\n", Number(row.per).ToString(), "\n", span);
      const auto [found, fresh] = entries.emplace(key, load_.prices.size());
      const TierRow tier{Number(row.minimum), Number(row.price), row.at};
      if (fresh) {
        rivals[rival].push_back(load_.prices.size());
        load_.prices.push_back({.row = row, .name = span.empty() ? "1" : span, .tiers = {}});
      }
      AddTier(subject, tier, load_.prices[found->second].tiers);
    }
    for (PriceEntry& price : load_.prices) {
      Finish(absl::StrCat("price ", price.row.book, " ", price.row.sku), price.tiers);
    }
    for (const auto& [name, indexes] : rivals) {
      for (size_t i = 1; i < indexes.size(); ++i) {
        PriceEntry& later = load_.prices[indexes[i]];
        for (size_t k = 0; k < i; ++k) {
          const PriceEntry& earlier = load_.prices[indexes[k]];
          // Two price units of one validity still need names of their own.
          if (earlier.name == later.name) absl::StrAppend(&later.name, "/", later.row.per);
          if (!Overlap(earlier.row.span, later.row.span)) continue;
          Warn("OVERLAP", later.row.at, absl::StrCat("price ", later.row.book, " ", later.row.sku),
               absl::StrCat("valid together with line ", earlier.row.at.line,
                            "; the one that starts latest counts"));
          break;
        }
      }
    }
  }

  void Contracts() {
    std::map<std::string, size_t> entries;
    std::map<std::string, std::vector<size_t>> rivals;
    for (ContractRow& row : shop_.contracts) {
      const std::string owner = row.account.empty() ? row.group : row.account;
      const std::string target = row.everything     ? "*"
                                 : !row.sku.empty() ? row.sku
                                                    : absl::StrCat("category ", row.category);
      const std::string subject = absl::StrCat("contract ", owner, " ", target);
      if (!row.price.empty() && row.currency.empty()) {
        const auto account = accounts_.find(row.account);
        if (account != accounts_.end()) row.currency = account->second->currency;
        if (row.currency.empty()) {
          Say(true, "CURRENCY_MISSING", row.at, subject, "a price needs a currency");
          continue;
        }
      }
      if (row.per.empty()) row.per = "1";
      const std::string rival = absl::StrCat(row.account.empty() ? "g\n" : "a\n", owner, "\n",
                                             target, "\n", row.unit, "\n", row.currency);
      std::string id = absl::StrCat(row.contract.empty() ? "-" : row.contract, "/", owner, "/",
                                    target, row.unit.empty() ? "" : "/", row.unit);
      if (const std::string span = SpanText(row.span); !span.empty()) {
        absl::StrAppend(&id, "/", span);
      }
      const std::string key = absl::StrCat(id, "\n", rival);
      if (id.size() > kContractId) {
        id = absl::StrCat(id.substr(0, 60), "/", Hex(Sha256(id)).substr(0, 24));
      }
      const auto [found, fresh] = entries.emplace(key, load_.contracts.size());
      if (fresh) {
        rivals[rival].push_back(load_.contracts.size());
        load_.contracts.push_back({.row = row, .id = std::move(id), .tiers = {}});
      }
      ContractEntry& entry = load_.contracts[found->second];
      if (!row.price.empty()) {
        AddTier(subject, {Number(row.minimum), Number(row.price), row.at}, entry.tiers);
      } else if (!fresh) {
        const bool same = Number(entry.row.discount) == Number(row.discount) &&
                          entry.row.book == row.book && entry.tiers.empty();
        Say(!same, same ? "DUPLICATE" : "CONFLICT", row.at, subject,
            absl::StrCat(same ? "the same as line " : "differs from line ", entry.row.at.line,
                         same ? "" : "; that one counts"));
      }
    }
    for (ContractEntry& contract : load_.contracts) {
      Finish(absl::StrCat("contract ", contract.id), contract.tiers);
    }
    for (const auto& [name, indexes] : rivals) {
      for (size_t i = 1; i < indexes.size(); ++i) {
        const ContractEntry& later = load_.contracts[indexes[i]];
        for (size_t k = 0; k < i; ++k) {
          const ContractEntry& earlier = load_.contracts[indexes[k]];
          if (!Overlap(earlier.row.span, later.row.span)) continue;
          Warn("OVERLAP", later.row.at, absl::StrCat("contract ", later.id),
               absl::StrCat("valid together with line ", earlier.row.at.line,
                            "; the one that starts latest counts"));
          break;
        }
      }
    }
  }

  void Orphan(const Place& at, const std::string& subject, const char* what,
              const std::string& name) {
    Warn("ORPHAN", at, subject, absl::StrCat("names ", what, " ", name, ", which no row has"));
  }
  bool NoItem(const std::string& sku) const {
    return tables_.count("items.csv") > 0 && !sku.empty() && items_.count(sku) == 0;
  }
  bool NoAccount(const std::string& account) const {
    return tables_.count("accounts.csv") > 0 && !account.empty() && accounts_.count(account) == 0;
  }
  void CheckUnit(const Place& at, const std::string& subject, const std::string& sku,
                 const std::string& unit) {
    const auto item = items_.find(sku);
    if (unit.empty() || item == items_.end() || unit == item->second->base_unit) return;
    for (const UnitRow& other : item->second->units) {
      if (other.unit == unit) return;
    }
    Warn("UNIT_UNKNOWN", at, subject, absl::StrCat(sku, " has no unit ", unit));
  }

  void Orphans() {
    std::set<std::string> books;
    for (const BookRow& book : load_.books) books.insert(book.book);
    for (const ItemRow& row : load_.items) {
      if (NoItem(row.successor)) Orphan(row.at, absl::StrCat("item ", row.sku), "item", row.successor);
    }
    for (const AccountRow& row : load_.accounts) {
      if (NoAccount(row.parent)) {
        Orphan(row.at, absl::StrCat("account ", row.account), "account", row.parent);
      }
    }
    for (const PriceEntry& price : load_.prices) {
      const std::string subject = absl::StrCat("price ", price.row.book, " ", price.row.sku);
      if (NoItem(price.row.sku)) Orphan(price.row.at, subject, "item", price.row.sku);
      CheckUnit(price.row.at, subject, price.row.sku, price.row.unit);
    }
    for (const ContractEntry& contract : load_.contracts) {
      const std::string subject = absl::StrCat("contract ", contract.id);
      const ContractRow& row = contract.row;
      if (NoAccount(row.account)) Orphan(row.at, subject, "account", row.account);
      if (NoItem(row.sku)) Orphan(row.at, subject, "item", row.sku);
      if (!row.book.empty() && books.count(row.book) == 0) {
        Orphan(row.at, subject, "book", row.book);
      }
      CheckUnit(row.at, subject, row.sku, row.unit);
    }
    for (const StockRow& row : load_.stock) {
      if (NoItem(row.sku)) Orphan(row.at, absl::StrCat("stock ", row.sku), "item", row.sku);
    }
  }

  // Of one base unit; nullopt when the unit is not known.
  std::optional<Decimal> PerBaseUnit(const std::string& sku, const std::string& unit,
                                     const std::string& per, const Decimal& price) const {
    int64_t numerator = 1, denominator = 1;
    const auto item = items_.find(sku);
    if (item != items_.end() && !unit.empty() && unit != item->second->base_unit) {
      bool found = false;
      for (const UnitRow& other : item->second->units) {
        if (other.unit != unit) continue;
        numerator = other.numerator;
        denominator = other.denominator;
        found = true;
      }
      if (!found) return std::nullopt;
    }
    Decimal units, out;
    if (MultiplyInto(Number(per, 1), Decimal(numerator), units) != DecimalError::kOk ||
        units.is_zero() || MultiplyInto(price, Decimal(denominator), out) != DecimalError::kOk ||
        DivRound(out, units, 12, RoundingMode::kHalfUp, out) != DecimalError::kOk) {
      return std::nullopt;
    }
    return out;
  }

  void Outliers() {
    struct One {
      Decimal price;
      Place at;
      std::string subject;
    };
    std::map<std::pair<std::string, std::string>, std::vector<One>> prices;  // SKU, currency.
    const auto add = [&](const std::string& sku, const std::string& currency,
                         const std::string& unit, const std::string& per,
                         const std::vector<TierRow>& tiers, std::string subject) {
      if (sku.empty() || tiers.empty() || tiers.front().price.is_zero()) return;
      const auto price = PerBaseUnit(sku, unit, per, tiers.front().price);
      if (price.has_value()) {
        prices[{sku, currency}].push_back({*price, tiers.front().at, std::move(subject)});
      }
    };
    for (const PriceEntry& p : load_.prices) {
      add(p.row.sku, currencies_[p.row.book], p.row.unit, p.row.per, p.tiers,
          absl::StrCat("price ", p.row.book, " ", p.row.sku));
    }
    for (const ContractEntry& c : load_.contracts) {
      add(c.row.sku, c.row.currency, c.row.unit, c.row.per, c.tiers,
          absl::StrCat("contract ", c.id));
    }
    for (auto& [key, list] : prices) {
      const auto item = items_.find(key.first);
      if (item != items_.end() && !item->second->cost.empty() &&
          item->second->cost_currency == key.second) {
        const Decimal cost = Number(item->second->cost);
        for (const One& one : list) {
          if (one.price < cost) {
            Warn("BELOW_COST", one.at, one.subject,
                 absl::StrCat(one.price.Normalized().ToString(), " is below the cost of ",
                              cost.ToString()));
          }
        }
      }
      if (list.size() < 3) continue;
      std::vector<Decimal> sorted;
      for (const One& one : list) sorted.push_back(one.price);
      std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2),
                       sorted.end());
      const Decimal median = sorted[sorted.size() / 2];
      for (const One& one : list) {
        Decimal high, low;
        if (MultiplyInto(median, Decimal(kOutlierFactor), high) != DecimalError::kOk ||
            MultiplyInto(one.price, Decimal(kOutlierFactor), low) != DecimalError::kOk) {
          continue;
        }
        if (one.price > high || low < median) {
          Warn("OUTLIER", one.at, one.subject,
               absl::StrCat(one.price.Normalized().ToString(), " where the item's median is ",
                            median.Normalized().ToString()));
        }
      }
    }
  }

  Shop shop_;
  std::vector<Finding>& findings_;
  std::set<std::string> tables_;
  Load load_;
  std::map<std::string, const ItemRow*> items_;
  std::map<std::string, const AccountRow*> accounts_;
  std::map<std::string, std::string> currencies_;  // Of books.
};

}  // namespace

Load Check(Shop shop, std::vector<Finding>& findings) {
  return Checker(std::move(shop), findings).Run();
}

}  // namespace weft::cli
