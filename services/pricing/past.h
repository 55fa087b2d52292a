// The facts of one tenant as they stood at a past position, or as they were known
// at a past moment: read from the stored rows, current ones and history, as a
// question needs them.
//
// The same rules run on it as on the read model; that is what makes a decision
// repeatable. One object answers one request, in one thread; the view outlives it.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "libs/engine/turn.h"
#include "services/pricing/domain/facts.h"
#include "services/pricing/fact_convert.h"
#include "services/pricing/state.h"

namespace weft::pricing {

// Either of the two, the other left at its default.
struct Moment {
  Stamp position = kNever;        // Everything recorded up to it, inclusive.
  int64_t known_us = kForEver;    // Everything recorded up to it, inclusive.
};

// Whether what stood at the moment is still complete.
// Errors: FAILED_PRECONDITION / HISTORY_GONE.
absl::Status CheckHistory(const engine::RowReader& rows, const Moment& moment);

class PastFacts final : public Facts, private Interner {
 public:
  PastFacts(const engine::RowReader& rows, Moment moment) : rows_(rows), moment_(moment) {}

  // DATA_LOSS when a row did not parse; the answers then do not count.
  const absl::Status& status() const { return status_; }
  // A position at which all that was asked stands as it does here.
  Stamp position() const { return moment_.position != kNever ? moment_.position : seen_; }

  Symbol Find(SymbolKind kind, absl::string_view text) const override;
  absl::string_view Text(Symbol symbol) const override;
  const Item* FindItem(Symbol sku) const override;
  const Account* FindAccount(Symbol account) const override;
  const Book* FindBook(Symbol book) const override;
  Symbol FindPartNumber(Symbol account, Symbol customer_sku) const override;
  void AddBooks(Symbol group, std::vector<const Book*>& out) const override;
  void AddOffers(Symbol owner, Symbol target, Offers& out) const override;
  bool MayOffer(Symbol, Target) const override { return true; }
  bool Has(Sort) const override { return true; }
  const Category* FindCategory(Symbol category) const override;
  void AddSurcharges(Symbol target, std::vector<const Surcharge*>& out) const override;
  void AddPromotions(Symbol target, std::vector<const Promotion*>& out) const override;
  void AddCosts(Symbol sku, std::vector<const Cost*>& out) const override;
  void AddRates(Symbol rate, std::vector<const ExchangeRate*>& out) const override;

 private:
  // An offer keeps the fact it points into.
  struct KeptOffer {
    std::unique_ptr<v1::StoredFact> fact;
    OfferParts parts;
  };
  using OfferKey = std::pair<Symbol, Symbol>;

  Symbol Intern(SymbolKind kind, absl::string_view text) override;
  // The versions under `prefix` that stand at the moment.
  std::vector<v1::StoredFact> Standing(const std::string& prefix) const;
  PastFacts& Writable() const { return const_cast<PastFacts&>(*this); }
  void Keep(v1::StoredFact fact);
  void KeepBooks();

  const engine::RowReader& rows_;
  const Moment moment_;
  absl::Status status_;
  Stamp seen_ = 0;
  std::map<std::pair<SymbolKind, std::string>, Symbol> symbols_;
  std::vector<std::pair<SymbolKind, std::string>> names_;  // By symbol, from 1.
  // Filled when first asked for; nullptr = there is none.
  std::map<Symbol, std::unique_ptr<Item>> items_;
  std::map<Symbol, std::unique_ptr<Account>> accounts_;
  std::map<Symbol, std::unique_ptr<Book>> books_;
  bool all_books_ = false;
  std::map<OfferKey, std::vector<KeptOffer>> offers_;
  std::map<Symbol, bool> priced_items_;  // Whose prices in all books are kept.
  std::map<OfferKey, bool> contracts_;   // (owner, target) that were read.
  std::map<Symbol, std::unique_ptr<Category>> categories_;
  bool all_surcharges_ = false;
  std::deque<Surcharge> surcharges_;
  bool all_promotions_ = false;
  std::deque<Promotion> promotions_;
  std::map<Symbol, std::vector<Cost>> costs_;
  std::map<Symbol, std::vector<ExchangeRate>> rates_;
};

}  // namespace weft::pricing
