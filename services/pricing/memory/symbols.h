// Names as small numbers, shared by all tenants: the same (tenant, kind, text) is
// always the same symbol. One writer; readers hold an Epochs::Guard.
//
// A symbol lives as long as the process: names are few and come again. Each has
// room for the head of one chain (of an item, an account, a book, ...), so that
// going from a name to its facts is one look-up of the text.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/strings/string_view.h"
#include "services/pricing/domain/facts.h"
#include "services/pricing/memory/arena.h"
#include "services/pricing/memory/epochs.h"
#include "services/pricing/memory/huge_pages.h"

namespace weft::pricing {

struct Node;

// Half a cache line, short names included: what a look-up touches besides its slot.
struct alignas(32) SymbolEntry {
  static constexpr size_t kInline = 16;

  std::atomic<Node*> head{nullptr};
  // All but head and targets: constant after the symbol is published.
  uint32_t tenant = 0;              // Symbol of the tenant; 0 for a tenant itself.
  uint16_t length = 0;
  SymbolKind kind = SymbolKind::kTenant;
  std::atomic<uint8_t> targets{0};  // Facts::Target bits of what it offers.
  union {
    char letters[kInline] = {};     // Up to 16 octets of name.
    const char* longer;             // Others lie in the arena.
  };

  absl::string_view text() const {
    return absl::string_view(length <= kInline ? letters : longer, length);
  }
};
static_assert(sizeof(SymbolEntry) == 32);

// When what hangs on a symbol moved.
struct SymbolMoves {
  std::atomic<Stamp> newest{0};
  std::atomic<Node*> older{nullptr};  // For readers before `newest`, newest first.
};

class Symbols {
 public:
  Symbols(Epochs& epochs, Arena& arena);
  ~Symbols();

  Symbol Find(Symbol tenant, SymbolKind kind, absl::string_view text) const;
  // Hints for look-ups to come: brings the slot near; with the slot near, the entry.
  uint64_t PrefetchSlot(Symbol tenant, SymbolKind kind, absl::string_view text) const {
    const uint64_t hash = Hash(tenant, kind, text);
    const Table* table = table_.load(std::memory_order_acquire);
    __builtin_prefetch(&table->slots[hash & table->mask]);
    return hash;
  }
  void PrefetchEntry(uint64_t hash) const {
    const Table* table = table_.load(std::memory_order_acquire);
    const auto id =
        static_cast<uint32_t>(table->slots[hash & table->mask].load(std::memory_order_acquire));
    if (id != 0) __builtin_prefetch(&at(Symbol{id}));
  }
  // Writer only.
  Symbol Intern(Symbol tenant, SymbolKind kind, absl::string_view text);

  SymbolEntry& at(Symbol symbol) const {
    const auto id = static_cast<uint32_t>(symbol);
    return chunks_[id / kChunk].load(std::memory_order_acquire)[id % kChunk];
  }
  SymbolMoves& moves(Symbol symbol) const {
    const auto id = static_cast<uint32_t>(symbol);
    return moves_[id / kChunk].load(std::memory_order_acquire)[id % kChunk];
  }
  absl::string_view Text(Symbol symbol) const {
    if (symbol == Symbol::kNone) return absl::string_view();
    return at(symbol).text();
  }

  // Writer only.
  void Reclaim(uint64_t oldest);
  uint32_t size() const { return size_; }
  size_t bytes() const;

 private:
  static constexpr uint32_t kChunk = 4096;
  static constexpr uint32_t kChunks = 16384;  // 67 million names.

  // A slot is the symbol below and the upper half of its hash above, so that a
  // look-up goes to the right entry at once; 0 = free.
  struct Table {
    explicit Table(uint64_t capacity)
        : mask(capacity - 1), slots(capacity) {}
    uint64_t mask;
    LargeArray<std::atomic<uint64_t>> slots;
  };
  static uint64_t Hash(Symbol tenant, SymbolKind kind, absl::string_view text);
  static void Place(Table& table, uint64_t hash, uint32_t id);

  Epochs& epochs_;
  Arena& arena_;
  std::unique_ptr<std::atomic<SymbolEntry*>[]> chunks_;
  std::unique_ptr<std::atomic<SymbolMoves*>[]> moves_;  // Beside each chunk.
  std::atomic<Table*> table_{nullptr};
  std::vector<std::unique_ptr<Table>> tables_;
  std::vector<uint64_t> retired_;
  uint32_t size_ = 0;
};

}  // namespace weft::pricing
