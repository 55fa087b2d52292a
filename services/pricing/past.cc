#include "services/pricing/past.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"

namespace weft::pricing {

absl::Status CheckHistory(const engine::RowReader& rows, const Moment& moment) {
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::HistoryRow> info, rows.Find(kInfo, ""));
  if (!info.has_value()) return absl::OkStatus();
  if (moment.position < static_cast<Stamp>(info->floor())) {
    return FailedPrecondition("HISTORY_GONE",
                              absl::StrCat("the facts of position ", PositionText(moment.position),
                                           " are no longer complete"),
                              {{"position", PositionText(moment.position)}});
  }
  if (moment.known_us < info->floor_us()) {
    const std::string kept = absl::FormatTime(
        absl::RFC3339_full, absl::FromUnixMicros(info->floor_us()), absl::UTCTimeZone());
    return FailedPrecondition(
        "HISTORY_GONE",
        absl::StrCat("what was known then is no longer complete; ask from ", kept, " on"),
        {{"known_from", kept}});
  }
  return absl::OkStatus();
}

Symbol PastFacts::Intern(SymbolKind kind, absl::string_view text) {
  if (text.empty()) return Symbol::kNone;
  const auto [it, added] = symbols_.try_emplace({kind, std::string(text)}, Symbol::kNone);
  if (added) {
    names_.push_back(it->first);
    it->second = Symbol{static_cast<uint32_t>(names_.size())};
  }
  return it->second;
}

// Any name may be asked for; it gets a symbol whether or not a fact has it.
Symbol PastFacts::Find(SymbolKind kind, absl::string_view text) const {
  return Writable().Intern(kind, text);
}

absl::string_view PastFacts::Text(Symbol symbol) const {
  if (symbol == Symbol::kNone) return absl::string_view();
  return names_[static_cast<uint32_t>(symbol) - 1].second;
}

std::vector<v1::StoredFact> PastFacts::Standing(const std::string& prefix) const {
  std::vector<v1::StoredFact> found;
  Stamp& seen = Writable().seen_;
  const auto known = [&](Stamp stamp, int64_t us) {
    return stamp <= moment_.position && us <= moment_.known_us;
  };
  const auto look = [&](absl::string_view, const v1::StoredFact& fact) {
    if (!known(StampOf(fact), fact.recorded_us())) return true;
    seen = std::max(seen, StampOf(fact));
    if (fact.until() != 0 && known(static_cast<Stamp>(fact.until()), fact.until_us())) {
      seen = std::max(seen, static_cast<Stamp>(fact.until()));
      return true;
    }
    found.push_back(fact);
    return true;
  };
  absl::Status status = rows_.Scan(kCurrent, prefix, look);
  if (status.ok()) status = rows_.Scan(kHistory, prefix, look);
  if (!status.ok() && status_.ok()) Writable().status_ = status;
  return found;
}

const Item* PastFacts::FindItem(Symbol sku) const {
  if (sku == Symbol::kNone) return nullptr;
  const auto [it, added] = Writable().items_.try_emplace(sku);
  if (added) {
    for (const v1::StoredFact& fact : Standing(ItemKey(Text(sku)))) {
      it->second = std::make_unique<Item>(ToItem(fact, Writable()));
    }
  }
  return it->second.get();
}

const Account* PastFacts::FindAccount(Symbol account) const {
  if (account == Symbol::kNone) return nullptr;
  const auto [it, added] = Writable().accounts_.try_emplace(account);
  if (added) {
    for (const v1::StoredFact& fact : Standing(AccountKey(Text(account)))) {
      it->second = std::make_unique<Account>(ToAccount(fact, Writable()));
    }
  }
  return it->second.get();
}

const Book* PastFacts::FindBook(Symbol book) const {
  if (book == Symbol::kNone) return nullptr;
  const auto it = books_.find(book);
  if (it != books_.end()) return it->second.get();
  std::unique_ptr<Book> made;
  for (const v1::StoredFact& fact : Standing(BookKey(Text(book)))) {
    made = std::make_unique<Book>(ToBook(fact, Writable()));
  }
  return (Writable().books_[book] = std::move(made)).get();
}

Symbol PastFacts::FindPartNumber(Symbol account, Symbol customer_sku) const {
  for (const v1::StoredFact& fact : Standing(PartNumberKey(Text(account), Text(customer_sku)))) {
    return Writable().Intern(SymbolKind::kSku, fact.part_number().sku());
  }
  return Symbol::kNone;
}

void PastFacts::KeepBooks() {
  if (all_books_) return;
  all_books_ = true;
  for (const v1::StoredFact& fact : Standing(engine::Key().Add("b").Take())) {
    Book book = ToBook(fact, *this);
    const Symbol symbol = book.book;
    books_.try_emplace(symbol, std::make_unique<Book>(std::move(book)));
  }
}

void PastFacts::AddBooks(Symbol group, std::vector<const Book*>& out) const {
  Writable().KeepBooks();
  for (const auto& [symbol, book] : books_) {
    if (book == nullptr) continue;
    if (group == Symbol::kNone
            ? book->groups.empty()
            : std::find(book->groups.begin(), book->groups.end(), group) != book->groups.end()) {
      out.push_back(book.get());
    }
  }
}

void PastFacts::Keep(v1::StoredFact fact) {
  KeptOffer kept;
  kept.fact = std::make_unique<v1::StoredFact>(std::move(fact));
  ToOffer(*kept.fact, *this, kept.parts);
  const OfferKey key{kept.parts.owner, kept.parts.target};
  offers_[key].push_back(std::move(kept));
}

void PastFacts::AddOffers(Symbol owner, Symbol target, Offers& out) const {
  const SymbolKind kind = names_[static_cast<uint32_t>(owner) - 1].first;
  PastFacts& self = Writable();
  if (kind == SymbolKind::kBook) {
    if (self.priced_items_.try_emplace(target, true).second) {
      for (v1::StoredFact& fact : Standing(PricesOfItem(Text(target)))) self.Keep(std::move(fact));
    }
  } else if (self.contracts_.try_emplace({owner, target}, true).second) {
    const Target sort = target == Symbol::kNone ? Target::kEverything
                        : names_[static_cast<uint32_t>(target) - 1].first == SymbolKind::kSku
                            ? Target::kSku
                            : Target::kCategory;
    for (v1::StoredFact& fact : Standing(ContractsOf(kind, Text(owner), sort, Text(target)))) {
      self.Keep(std::move(fact));
    }
  }
  const auto it = offers_.find({owner, target});
  if (it == offers_.end()) return;
  for (const KeptOffer& kept : it->second) out.push_back(kept.parts.offer);
}

const Category* PastFacts::FindCategory(Symbol category) const {
  if (category == Symbol::kNone) return nullptr;
  const auto [it, added] = Writable().categories_.try_emplace(category);
  if (added) {
    for (const v1::StoredFact& fact : Standing(CategoryKey(Text(category)))) {
      it->second = std::make_unique<Category>(ToCategory(fact, Writable()));
    }
  }
  return it->second.get();
}

namespace {

// Those that name the target; kNone = everything.
template <typename T>
void AddNaming(const std::deque<T>& all, Symbol target, std::vector<const T*>& out) {
  for (const T& one : all) {
    const auto& named = one.target.named;
    if (target == Symbol::kNone
            ? one.target.everything
            : std::find(named.begin(), named.end(), target) != named.end()) {
      out.push_back(&one);
    }
  }
}

}  // namespace

void PastFacts::AddSurcharges(Symbol target, std::vector<const Surcharge*>& out) const {
  if (!all_surcharges_) {
    PastFacts& self = Writable();
    self.all_surcharges_ = true;
    for (const v1::StoredFact& fact : Standing(engine::Key().Add("s").Take())) {
      self.surcharges_.push_back(ToSurcharge(fact, self));
    }
  }
  AddNaming(surcharges_, target, out);
}

void PastFacts::AddPromotions(Symbol target, std::vector<const Promotion*>& out) const {
  if (!all_promotions_) {
    PastFacts& self = Writable();
    self.all_promotions_ = true;
    for (const v1::StoredFact& fact : Standing(engine::Key().Add("m").Take())) {
      self.promotions_.push_back(ToPromotion(fact, self));
    }
  }
  AddNaming(promotions_, target, out);
}

void PastFacts::AddCosts(Symbol sku, std::vector<const Cost*>& out) const {
  if (sku == Symbol::kNone) return;
  const auto [it, added] = Writable().costs_.try_emplace(sku);
  if (added) {
    for (const v1::StoredFact& fact : Standing(CostsOf(Text(sku)))) {
      it->second.push_back(ToCost(fact, Writable()));
    }
  }
  for (const Cost& cost : it->second) out.push_back(&cost);
}

void PastFacts::AddRates(Symbol rate, std::vector<const ExchangeRate*>& out) const {
  if (rate == Symbol::kNone) return;
  const auto [it, added] = Writable().rates_.try_emplace(rate);
  if (added) {
    for (const v1::StoredFact& fact : Standing(RatesOf(Text(rate)))) {
      it->second.push_back(ToRate(fact, Writable()));
    }
  }
  for (const ExchangeRate& one : it->second) out.push_back(&one);
}

}  // namespace weft::pricing
