// Brings near what the lines to come will read.
//
// A line goes through a chain of cache misses: name, symbol, item, one slot and one
// offer per owner that is asked. One line cannot help that; of many lines the misses
// of the next ones overlap with the work on this one. The stages run a fixed number
// of lines ahead, each reading only what the one before it has brought near.
#pragma once

#include <array>

#include "absl/container/inlined_vector.h"
#include "services/pricing/domain/buyer.h"
#include "services/pricing/memory/fact_memory.h"
#include "weft/pricing/v1/pricing.pb.h"

namespace weft::pricing {

class LookAhead {
 public:
  using Lines = google::protobuf::RepeatedPtrField<v1::PriceRequestLine>;

  // All outlive the object.
  LookAhead(const FactMemory::Snapshot& facts, const Buyer& buyer, const Lines& lines)
      : facts_(facts), lines_(lines) {
    for (const Account* account : buyer.chain) AddOwner(account->account);
    for (const Symbol group : buyer.groups) AddOwner(group);
    for (const Book* book : buyer.books) {
      if (owners_.size() < kOwners) owners_.push_back(book->book);
    }
    if (lines.size() < 2) return;
    for (int i = -kHash; i < 0; ++i) Step(i);
  }

  // Before line `i` is priced. Shape: the symbol of its SKU, kNone when unknown.
  Symbol At(int i) {
    if (lines_.size() < 2) return Alone(lines_[i].sku());
    Step(i);
    return ring_[static_cast<size_t>(i) % kRing].sku;
  }

 private:
  // Lines ahead.
  static constexpr int kHash = 9;
  static constexpr int kEntry = 7;
  static constexpr int kItem = 5;
  static constexpr int kOffers = 3;
  static constexpr size_t kRing = 16;
  static constexpr size_t kOwners = 8;  // Further ones are seldom asked.

  struct Slot {
    uint64_t hash = 0;
    Symbol sku = Symbol::kNone;
  };

  void AddOwner(Symbol owner) {
    if (owners_.size() < kOwners && facts_.MayOffer(owner, Facts::Target::kSku)) {
      owners_.push_back(owner);
    }
  }
  bool Has(int i) const { return i >= 0 && i < lines_.size(); }
  Slot& Ring(int i) { return ring_[static_cast<size_t>(i) % kRing]; }

  // One line waits for its own chain; but what it asks its owners comes at once.
  Symbol Alone(absl::string_view name) {
    const Symbol sku = facts_.Find(SymbolKind::kSku, name);
    if (sku == Symbol::kNone) return sku;
    facts_.PrefetchItem(sku);
    for (const Symbol owner : owners_) facts_.PrefetchOfferSlot(owner, sku);
    for (const Symbol owner : owners_) facts_.PrefetchOffer(owner, sku);
    return sku;
  }

  void Step(int i) {
    if (Has(i + kHash)) Ring(i + kHash).hash = facts_.PrefetchSku(lines_[i + kHash].sku());
    if (Has(i + kEntry)) facts_.PrefetchEntry(Ring(i + kEntry).hash);
    if (Has(i + kItem)) {
      Slot& slot = Ring(i + kItem);
      slot.sku = facts_.Find(SymbolKind::kSku, lines_[i + kItem].sku());
      facts_.PrefetchItem(slot.sku);
      if (slot.sku != Symbol::kNone) {
        for (const Symbol owner : owners_) facts_.PrefetchOfferSlot(owner, slot.sku);
      }
    }
    if (Has(i + kOffers) && Ring(i + kOffers).sku != Symbol::kNone) {
      for (const Symbol owner : owners_) facts_.PrefetchOffer(owner, Ring(i + kOffers).sku);
    }
  }

  const FactMemory::Snapshot& facts_;
  const Lines& lines_;
  absl::InlinedVector<Symbol, kOwners> owners_;
  std::array<Slot, kRing> ring_;
};

}  // namespace weft::pricing
