// Who still reads: lets one writer know when nobody can hold a pointer that it
// took out of a shared structure.
//
// A reader enters before it loads its first pointer and leaves when it holds none
// any more. The writer takes something out, notes current(), calls Advance(), and
// may reuse it once Oldest() is above the noted number: every reader that is in
// then came after it was taken out.
//
// Readers never wait for the writer and the writer never waits for readers. Entry
// is one compare-and-swap on a line of its own per thread, as a rule.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <thread>

namespace weft::pricing {

class Epochs {
 public:
  static constexpr int kSlots = 256;  // Readers at once; further ones spin.

  struct alignas(64) Slot {
    std::atomic<uint64_t> epoch{0};  // 0 = nobody.
  };

  class Guard {
   public:
    explicit Guard(Epochs& epochs) {
      static std::atomic<uint32_t> next_thread{0};
      thread_local const uint32_t first = next_thread.fetch_add(1);
      for (uint32_t i = first;; ++i) {
        slot_ = &epochs.slots_[i % kSlots];
        uint64_t idle = 0;
        // Sequentially consistent: this store comes before every pointer the
        // reader loads, as the writer's unlinking comes before its look at the slots.
        if (slot_->epoch.compare_exchange_strong(idle, epochs.now_.load())) break;
        if (i - first >= kSlots) std::this_thread::yield();
      }
      std::atomic_thread_fence(std::memory_order_seq_cst);
    }
    ~Guard() {
      if (slot_ != nullptr) slot_->epoch.store(0, std::memory_order_release);
    }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    Slot* slot_ = nullptr;
  };

  uint64_t current() const { return now_.load(); }
  void Advance() { now_.fetch_add(1); }
  // The smallest number a reader entered with; the largest number when none is in.
  uint64_t Oldest() const {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    uint64_t oldest = std::numeric_limits<uint64_t>::max();
    for (const Slot& slot : slots_) {
      const uint64_t epoch = slot.epoch.load();
      if (epoch != 0 && epoch < oldest) oldest = epoch;
    }
    return oldest;
  }

 private:
  std::atomic<uint64_t> now_{1};
  Slot slots_[kSlots];
};

}  // namespace weft::pricing
