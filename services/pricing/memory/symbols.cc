#include "services/pricing/memory/symbols.h"

#include <cstring>

#include "absl/hash/hash.h"
#include "libs/base/status_macros.h"

namespace weft::pricing {

Symbols::Symbols(Epochs& epochs, Arena& arena)
    : epochs_(epochs),
      arena_(arena),
      chunks_(new std::atomic<SymbolEntry*>[kChunks]()),
      moves_(new std::atomic<SymbolMoves*>[kChunks]()) {
  tables_.push_back(std::make_unique<Table>(1024));
  table_.store(tables_.back().get());
  moves_[0].store(new SymbolMoves[kChunk]);
  chunks_[0].store(new SymbolEntry[kChunk]);
}

Symbols::~Symbols() {
  for (uint32_t i = 0; i < kChunks; ++i) {
    delete[] chunks_[i].load();
    delete[] moves_[i].load();
  }
}

uint64_t Symbols::Hash(Symbol tenant, SymbolKind kind, absl::string_view text) {
  return absl::HashOf(static_cast<uint32_t>(tenant), static_cast<uint8_t>(kind), text);
}

Symbol Symbols::Find(Symbol tenant, SymbolKind kind, absl::string_view text) const {
  if (text.empty()) return Symbol::kNone;
  const Table* table = table_.load(std::memory_order_acquire);
  const uint64_t hash = Hash(tenant, kind, text);
  for (uint64_t i = hash;; ++i) {
    const uint64_t slot = table->slots[i & table->mask].load(std::memory_order_acquire);
    if (slot == 0) return Symbol::kNone;
    if (slot >> 32 != hash >> 32) continue;
    const auto id = static_cast<uint32_t>(slot);
    const SymbolEntry& entry = at(Symbol{id});
    if (entry.length == text.size() && entry.kind == kind &&
        entry.tenant == static_cast<uint32_t>(tenant) && entry.text() == text) {
      return Symbol{id};
    }
  }
}

void Symbols::Place(Table& table, uint64_t hash, uint32_t id) {
  uint64_t i = hash;
  while (table.slots[i & table.mask].load(std::memory_order_relaxed) != 0) ++i;
  table.slots[i & table.mask].store((hash >> 32 << 32) | id, std::memory_order_release);
}

Symbol Symbols::Intern(Symbol tenant, SymbolKind kind, absl::string_view text) {
  if (const Symbol found = Find(tenant, kind, text); found != Symbol::kNone || text.empty()) {
    return found;
  }
  WEFT_CHECK(text.size() <= UINT16_MAX);
  const uint32_t id = ++size_;
  WEFT_CHECK(id / kChunk < kChunks);
  if (chunks_[id / kChunk].load() == nullptr) {
    moves_[id / kChunk].store(new SymbolMoves[kChunk], std::memory_order_release);
    chunks_[id / kChunk].store(new SymbolEntry[kChunk], std::memory_order_release);
  }
  SymbolEntry& entry = at(Symbol{id});
  char* letters = entry.letters;
  if (text.size() > SymbolEntry::kInline) {
    letters = static_cast<char*>(arena_.Allocate(text.size()));
    entry.longer = letters;
  }
  std::memcpy(letters, text.data(), text.size());
  entry.length = static_cast<uint16_t>(text.size());
  entry.kind = kind;
  entry.tenant = static_cast<uint32_t>(tenant);

  Table* table = table_.load();
  if (uint64_t{size_} * 2 > table->mask + 1) {
    auto grown = std::make_unique<Table>((table->mask + 1) * 2);
    for (uint32_t old = 1; old < id; ++old) {
      const SymbolEntry& e = at(Symbol{old});
      Place(*grown, Hash(Symbol{e.tenant}, e.kind, e.text()), old);
    }
    table = grown.get();
    tables_.push_back(std::move(grown));
    table_.store(table, std::memory_order_release);
    retired_.push_back(epochs_.current());
    epochs_.Advance();
  }
  Place(*table, Hash(tenant, kind, text), id);
  return Symbol{id};
}

void Symbols::Reclaim(uint64_t oldest) {
  while (!retired_.empty() && retired_.front() < oldest) {
    retired_.erase(retired_.begin());
    tables_.erase(tables_.begin());
  }
}

size_t Symbols::bytes() const {
  size_t sum = 2 * kChunks * sizeof(void*) +
               (size_ / kChunk + 1) * kChunk * (sizeof(SymbolEntry) + sizeof(SymbolMoves));
  for (const auto& table : tables_) sum += (table->mask + 1) * sizeof(uint64_t);
  return sum;
}

}  // namespace weft::pricing
