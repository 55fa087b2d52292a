// Memory for what is read at random places: on huge pages where it is large, since
// then a look-up misses the processor's table of pages far less often. Small things
// stay on the heap. Where the system has no huge pages to give, it is memory like any.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace weft::pricing {

// A piece of zeros, aligned to a huge page and a whole number of them.
class HugeBlock {
 public:
  static constexpr size_t kPage = size_t{2} << 20;

  HugeBlock() = default;
  explicit HugeBlock(size_t bytes) : size_((bytes + kPage - 1) / kPage * kPage) {
    // One page more, of which what is before and behind the aligned part goes back.
    void* const all = ::mmap(nullptr, size_ + kPage, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) throw std::bad_alloc();
    const auto start = reinterpret_cast<uintptr_t>(all);
    const size_t before = (kPage - start % kPage) % kPage;
    data_ = static_cast<std::byte*>(all) + before;
    if (before != 0) ::munmap(all, before);
    if (before != kPage) ::munmap(data_ + size_, kPage - before);
    ::madvise(data_, size_, MADV_HUGEPAGE);  // A wish; it may be refused.
  }
  HugeBlock(HugeBlock&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  HugeBlock& operator=(HugeBlock&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~HugeBlock() {
    if (data_ != nullptr) ::munmap(data_, size_);
  }

  std::byte* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  std::byte* data_ = nullptr;
  size_t size_ = 0;
};

// An array of fixed size whose elements begin value-initialised.
template <typename T>
class LargeArray {
  static_assert(std::is_trivially_destructible_v<T>);

 public:
  explicit LargeArray(size_t size) {
    if (size * sizeof(T) < HugeBlock::kPage) {
      heap_ = std::make_unique<T[]>(size);
      data_ = heap_.get();
      return;
    }
    block_ = HugeBlock(size * sizeof(T));
    data_ = reinterpret_cast<T*>(block_.data());
    std::uninitialized_value_construct_n(data_, size);
  }

  T& operator[](size_t i) const { return data_[i]; }

 private:
  std::unique_ptr<T[]> heap_;
  HugeBlock block_;
  T* data_ = nullptr;
};

}  // namespace weft::pricing
