#include "services/pricing/memory/symbols.h"

#include <cstring>

#include "absl/hash/hash.h"
#include "libs/base/status_macros.h"

namespace weft::pricing {

Symbols::Symbols(Epochs& epochs, Arena& arena)
    : epochs_(epochs),
      arena_(arena),
      chunks_(new std::atomic<SymbolEntry*>[kChunks]()) {
  tables_.push_back(std::make_unique<Table>(1024));
  table_.store(tables_.back().get());
  chunks_[0].store(new SymbolEntry[kChunk]);
}

Symbols::~Symbols() {
  for (uint32_t i = 0; i < kChunks; ++i) delete[] chunks_[i].load();
}

uint64_t Symbols::Hash(Symbol tenant, SymbolKind kind, absl::string_view text) {
  return absl::HashOf(static_cast<uint32_t>(tenant), static_cast<uint8_t>(kind), text);
}

Symbol Symbols::Find(Symbol tenant, SymbolKind kind, absl::string_view text) const {
  if (text.empty()) return Symbol::kNone;
  const Table* table = table_.load(std::memory_order_acquire);
  for (uint64_t i = Hash(tenant, kind, text);; ++i) {
    const uint32_t id = table->ids[i & table->mask].load(std::memory_order_acquire);
    if (id == 0) return Symbol::kNone;
    const SymbolEntry& entry = at(Symbol{id});
    if (entry.length == text.size() && entry.kind == kind &&
        entry.tenant == static_cast<uint32_t>(tenant) &&
        std::memcmp(entry.text, text.data(), text.size()) == 0) {
      return Symbol{id};
    }
  }
}

Symbol Symbols::Intern(Symbol tenant, SymbolKind kind, absl::string_view text) {
  if (const Symbol found = Find(tenant, kind, text); found != Symbol::kNone || text.empty()) {
    return found;
  }
  WEFT_CHECK(text.size() <= UINT16_MAX);
  const uint32_t id = ++size_;
  WEFT_CHECK(id / kChunk < kChunks);
  if (chunks_[id / kChunk].load() == nullptr) {
    chunks_[id / kChunk].store(new SymbolEntry[kChunk], std::memory_order_release);
  }
  SymbolEntry& entry = at(Symbol{id});
  auto* copy = static_cast<char*>(arena_.Allocate(text.size()));
  std::memcpy(copy, text.data(), text.size());
  entry.text = copy;
  entry.length = static_cast<uint16_t>(text.size());
  entry.kind = kind;
  entry.tenant = static_cast<uint32_t>(tenant);

  Table* table = table_.load();
  if (uint64_t{size_} * 4 > (table->mask + 1) * 3) {
    auto grown = std::make_unique<Table>((table->mask + 1) * 2);
    for (uint32_t old = 1; old < id; ++old) {
      const SymbolEntry& e = at(Symbol{old});
      uint64_t i = Hash(Symbol{e.tenant}, e.kind, absl::string_view(e.text, e.length));
      while (grown->ids[i & grown->mask].load(std::memory_order_relaxed) != 0) ++i;
      grown->ids[i & grown->mask].store(old, std::memory_order_relaxed);
    }
    table = grown.get();
    tables_.push_back(std::move(grown));
    table_.store(table, std::memory_order_release);
    retired_.push_back(epochs_.current());
    epochs_.Advance();
  }
  uint64_t i = Hash(tenant, kind, text);
  while (table->ids[i & table->mask].load(std::memory_order_relaxed) != 0) ++i;
  table->ids[i & table->mask].store(id, std::memory_order_release);
  return Symbol{id};
}

void Symbols::Reclaim(uint64_t oldest) {
  while (!retired_.empty() && retired_.front() < oldest) {
    retired_.erase(retired_.begin());
    tables_.erase(tables_.begin());
  }
}

size_t Symbols::bytes() const {
  size_t sum = kChunks * sizeof(void*) + (size_ / kChunk + 1) * kChunk * sizeof(SymbolEntry);
  for (const auto& table : tables_) sum += (table->mask + 1) * sizeof(uint32_t);
  return sum;
}

}  // namespace weft::pricing
