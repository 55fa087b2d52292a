// The read model: the current and coming versions of all facts of all tenants, in
// memory. Answers are found here; RocksDB is not asked for a current price.
//
// Writing: the shard's sequencer calls Load() and Apply() (one thread at a time; a
// mutex that nobody contends says so). Reading: any thread, without locks.
//
// How a reader sees one position while facts change: every version of a fact is a
// node that carries the positions [from, until) it holds for. The sequencer puts a
// new version at the head of its chain, marks the old one's end, and only then
// publishes the tenant's new position. A reader takes the published position once
// and skips nodes that do not hold for it, so a request of 5,000 lines sees one
// state however many facts arrive meanwhile.
//
// How old versions go: a replaced node is taken out of its chain when every reader
// that is in came after the position that ended it was published, and reused when
// every reader that is in came after that (Epochs). Tables that were outgrown go
// the same way.
//
// Moves: each symbol keeps the position at which what hangs on it last moved, for
// epochs. It is kept apart from the facts because a deletion moves it, too.
//
// Memory: a price of one tier takes 64 octets and 16 to 43 of the table; see
// bytes().
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "libs/base/sync.h"
#include "libs/engine/program.h"
#include "services/pricing/domain/facts.h"
#include "services/pricing/fact_convert.h"
#include "services/pricing/memory/arena.h"
#include "services/pricing/memory/epochs.h"
#include "services/pricing/memory/head_table.h"
#include "services/pricing/memory/symbols.h"

namespace weft::pricing {

// A version of a fact in a chain.
struct Node {
  uint64_t from = 0;                       // First position it holds for.
  std::atomic<uint64_t> until{kNever};     // First position it does not hold for.
  std::atomic<Node*> next{nullptr};        // Any order.

  bool Holds(Stamp position) const {
    return from <= position && position < until.load(std::memory_order_acquire);
  }
};

// What a reader takes once.
struct TenantHead {
  Stamp position = 0;      // Of the last fact applied.
  int64_t source_us = 0;   // When that fact was appended to the log.
  bool load_began = false;   // A load of prices has begun; has ended.
  bool load_ended = false;
  bool has_prices = false;
  uint8_t sorts = 0;         // Facts::Sort bits of what the tenant ever had.
  Stamp moved = 0;           // Facts::MovedAtLarge().
  // Prices may be asked: a load has ended, or none was ever announced and there
  // are prices.
  bool loaded() const { return load_ended || (!load_began && has_prices); }
};

class FactMemory : public engine::ReadModel {
 public:
  FactMemory();
  ~FactMemory() override;
  FactMemory(const FactMemory&) = delete;
  FactMemory& operator=(const FactMemory&) = delete;

  void Load(const engine::ChangedRow& row) override;
  void Apply(const std::vector<engine::ChangedRow>& rows, const std::string& tenant,
             engine::Position position) override;

  // What leads from a symbol to facts that name it: a group (or a tenant) to its
  // books, an item, category or tenant to surcharges and promotions, an item to costs.
  enum class Tie : uint8_t { kBook, kSurcharge, kPromotion, kCost };

  // One tenant's facts at the position that was published when it was made. Make
  // it for one request, on the stack of the thread that uses it.
  class Snapshot final : public Facts {
   public:
    Snapshot(FactMemory& memory, absl::string_view tenant);

    const TenantHead& head() const { return head_; }
    Stamp position() const { return head_.position; }
    // Number of a channel that some book named; 0 for others.
    Stamp ChannelNumber(absl::string_view channel) const;

    // Hints for an item whose line comes a few lines later: each brings near what
    // the next one reads. They change nothing but time.
    uint64_t PrefetchSku(absl::string_view sku) const {
      return memory_.symbols_.PrefetchSlot(tenant_, SymbolKind::kSku, sku);
    }
    void PrefetchEntry(uint64_t hash) const { memory_.symbols_.PrefetchEntry(hash); }
    void PrefetchItem(Symbol sku) const {
      if (sku == Symbol::kNone) return;
      const char* item = reinterpret_cast<const char*>(
          memory_.symbols_.at(sku).head.load(std::memory_order_acquire));
      __builtin_prefetch(item);
      __builtin_prefetch(item + 64);
      __builtin_prefetch(item + 128);
      __builtin_prefetch(&memory_.symbols_.moves(sku));
    }
    void PrefetchOfferSlot(Symbol owner, Symbol target) const {
      memory_.offers_.Prefetch(PairKey(owner, target));
    }
    void PrefetchOffer(Symbol owner, Symbol target) const {
      const std::atomic<Node*>* head = memory_.offers_.Find(PairKey(owner, target));
      if (head != nullptr) __builtin_prefetch(head->load(std::memory_order_acquire));
    }

    Symbol Find(SymbolKind kind, absl::string_view text) const override;
    absl::string_view Text(Symbol symbol) const override;
    const Item* FindItem(Symbol sku) const override;
    const Account* FindAccount(Symbol account) const override;
    const Book* FindBook(Symbol book) const override;
    Symbol FindPartNumber(Symbol account, Symbol customer_sku) const override;
    void AddBooks(Symbol group, std::vector<const Book*>& out) const override;
    void AddOffers(Symbol owner, Symbol target, Offers& out) const override;
    bool MayOffer(Symbol owner, Target target) const override;
    bool Has(Sort sort) const override {
      return (head_.sorts & static_cast<uint8_t>(sort)) != 0;
    }
    const Category* FindCategory(Symbol category) const override;
    void AddSurcharges(Symbol target, std::vector<const Surcharge*>& out) const override;
    void AddPromotions(Symbol target, std::vector<const Promotion*>& out) const override;
    void AddCosts(Symbol sku, std::vector<const Cost*>& out) const override;
    void AddRates(Symbol rate, std::vector<const ExchangeRate*>& out) const override;
    Stamp MovedAt(Symbol symbol) const override;
    Stamp MovedAtLarge() const override { return head_.moved; }

   private:
    template <typename T>
    const T* Visible(Symbol symbol) const;
    // Calls `each` with the values of the chain that hold at our position.
    template <typename T, typename Each>
    void ForEach(const std::atomic<Node*>* head, const Each& each) const;
    template <typename T>
    void AddLinked(Tie tie, Symbol target, std::vector<const T*>& out) const;

    Epochs::Guard guard_;
    const FactMemory& memory_;
    Symbol tenant_ = Symbol::kNone;
    TenantHead head_;
  };

  // Octets in use: records, tables, names.
  size_t bytes() const;
  uint64_t price_facts() const { return offers_alive_.load(); }

 private:
  friend class Snapshot;
  struct OfferNode;
  template <typename T>
  struct ValueNode;
  struct Tenant;
  class Names;
  enum class Table : uint8_t { kSymbols, kOffers, kPartNumbers, kLinks, kMoves };
  // Frees what was taken out: a node of a fact, or a head.
  using Freer = void (*)(FactMemory&, void*);
  struct Retired {
    uint64_t epoch = 0;
    bool unlinked = false;
    Table table = Table::kSymbols;
    uint64_t key = 0;
    void* what = nullptr;
    Freer free = nullptr;
  };

  Tenant& TenantOf(const std::string& name);
  void ApplyRow(Tenant& tenant, const engine::ChangedRow& row, Stamp now, TenantHead& head);
  void ApplyFact(Tenant& tenant, const v1::StoredFact& fact, Stamp from);
  void EndFact(Tenant& tenant, absl::string_view key, Stamp until);
  void PutOffer(Symbol owner, Symbol target, Facts::Target sort, const Offer& offer, Stamp from);
  bool EndOffer(Symbol owner, Symbol target, Symbol unit, absl::string_view name, bool any_unit,
                Stamp until);
  static uint8_t SortOf(const v1::StoredFact& fact);
  // Notes that what the key is about moved. `read_meanwhile` is false while a shard
  // opens.
  void Move(Tenant& tenant, absl::string_view key, Stamp now, bool read_meanwhile,
            TenantHead& head);
  // The version that has no end yet.
  template <typename T>
  const T* Current(Symbol symbol) const;
  void EndLink(Tie tie, Symbol from, Symbol to, Stamp until);
  void EndBookLinks(Tenant& tenant, Symbol book, Stamp until);
  void PutLinks(Tenant& tenant, Tie tie, const ItemTarget& target, Symbol to, Stamp from);
  template <typename T>
  void EndLinked(Tenant& tenant, Tie tie, Symbol symbol, Stamp until);
  template <typename T>
  void PutValue(std::atomic<Node*>& head, T value, Stamp from);
  template <typename T, typename Which>
  void EndValues(Table table, uint64_t key, std::atomic<Node*>& head, Stamp until,
                 const Which& which);
  void End(Table table, uint64_t key, Node* node, Stamp until, Freer free);
  std::atomic<Node*>* HeadOf(Table table, uint64_t key) const;
  static void Link(std::atomic<Node*>& head, Node* node);
  void Unlink(std::atomic<Node*>& head, Node* node);
  void Publish(Tenant& tenant, const TenantHead& head);
  void Reclaim();
  void Decode(const OfferNode& node, Offer& out) const;
  static uint64_t LinkKey(Tie tie, Symbol from) {
    return (uint64_t{static_cast<uint8_t>(tie)} << 32) | static_cast<uint32_t>(from);
  }
  static uint64_t PairKey(Symbol a, Symbol b) {
    return (uint64_t{static_cast<uint32_t>(a)} << 32) | static_cast<uint32_t>(b);
  }

  Mutex writing_;  // Held by Load and Apply.
  mutable Epochs epochs_;
  Arena arena_;
  Symbols symbols_;
  HeadTable offers_;
  HeadTable part_numbers_;
  HeadTable links_;
  std::deque<Retired> retired_;
  std::vector<std::unique_ptr<Tenant>> tenants_;
  std::atomic<uint64_t> offers_alive_{0};
  std::atomic<size_t> value_bytes_{0};
  OfferParts parts_;        // Scratch of the writer.
};

}  // namespace weft::pricing
