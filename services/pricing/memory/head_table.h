// An open-addressing table from a 64-bit key (not 0) to the head of a chain, for
// one writer and any number of readers that hold an Epochs::Guard.
//
// Keys are never taken out; a chain may be empty. Growing copies the heads into a
// table of twice the size and publishes it; readers of the old one go on with it
// and see what was there when they entered, which is all they may see.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "services/pricing/memory/epochs.h"
#include "services/pricing/memory/huge_pages.h"

namespace weft::pricing {

struct Node;

class HeadTable {
 public:
  explicit HeadTable(Epochs& epochs) : epochs_(epochs) {
    tables_.push_back(std::make_unique<Table>(1024));
    table_.store(tables_.back().get());
  }

  // nullptr when the key was never inserted.
  std::atomic<Node*>* Find(uint64_t key) const {
    const Table* table = table_.load(std::memory_order_acquire);
    for (uint64_t i = Mix(key);; ++i) {
      Slot& slot = table->slots[i & table->mask];
      const uint64_t found = slot.key.load(std::memory_order_acquire);
      if (found == key) return &slot.head;
      if (found == 0) return nullptr;
    }
  }

  void Prefetch(uint64_t key) const {
    const Table* table = table_.load(std::memory_order_acquire);
    __builtin_prefetch(&table->slots[Mix(key) & table->mask]);
  }

  // Writer only.
  std::atomic<Node*>& Insert(uint64_t key) {
    if (std::atomic<Node*>* head = Find(key); head != nullptr) return *head;
    Table* table = table_.load();
    if ((size_ + 1) * 4 > (table->mask + 1) * 3) table = Grow(*table);
    ++size_;
    return Place(*table, key, nullptr);
  }

  // Writer only: frees tables that no reader can hold any more.
  void Reclaim(uint64_t oldest) {
    while (!retired_.empty() && retired_.front() < oldest) {
      retired_.erase(retired_.begin());
      tables_.erase(tables_.begin());
    }
  }

  uint64_t size() const { return size_; }
  size_t bytes() const {
    size_t sum = 0;
    for (const auto& table : tables_) sum += (table->mask + 1) * sizeof(Slot);
    return sum;
  }

 private:
  struct Slot {
    std::atomic<uint64_t> key{0};
    std::atomic<Node*> head{nullptr};
  };
  struct Table {
    explicit Table(uint64_t capacity) : mask(capacity - 1), slots(capacity) {}
    uint64_t mask;
    LargeArray<Slot> slots;
  };

  static uint64_t Mix(uint64_t key) {
    key *= 0x9e3779b97f4a7c15;
    key ^= key >> 32;
    key *= 0xd6e8feb86659fd93;
    return key ^ (key >> 32);
  }

  static std::atomic<Node*>& Place(Table& table, uint64_t key, Node* head) {
    for (uint64_t i = Mix(key);; ++i) {
      Slot& slot = table.slots[i & table.mask];
      if (slot.key.load(std::memory_order_relaxed) != 0) continue;
      slot.head.store(head, std::memory_order_relaxed);
      slot.key.store(key, std::memory_order_release);
      return slot.head;
    }
  }

  Table* Grow(const Table& old) {
    auto grown = std::make_unique<Table>((old.mask + 1) * 2);
    for (uint64_t i = 0; i <= old.mask; ++i) {
      const uint64_t key = old.slots[i].key.load(std::memory_order_relaxed);
      if (key != 0) Place(*grown, key, old.slots[i].head.load(std::memory_order_relaxed));
    }
    tables_.push_back(std::move(grown));
    table_.store(tables_.back().get(), std::memory_order_release);
    retired_.push_back(epochs_.current());
    epochs_.Advance();
    return tables_.back().get();
  }

  Epochs& epochs_;
  std::atomic<Table*> table_{nullptr};
  // Oldest first; the last one is in use.
  std::vector<std::unique_ptr<Table>> tables_;
  std::vector<uint64_t> retired_;  // When each of the others went out of use.
  uint64_t size_ = 0;
};

}  // namespace weft::pricing
