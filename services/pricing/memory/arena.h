// Memory for many small records of few sizes: bump allocation from chunks, and a
// free list per size. Chunks are small at first and huge pages later. Used by one
// thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include "services/pricing/memory/huge_pages.h"

namespace weft::pricing {

class Arena {
 public:
  static constexpr size_t kChunk = size_t{256} << 10;
  static constexpr size_t kSmall = size_t{4} << 20;  // In small chunks.
  static constexpr size_t kLargest = 4096;  // Larger pieces are allocated alone.

  // Eight-octet aligned.
  void* Allocate(size_t bytes) {
    bytes = Rounded(bytes);
    if (bytes > kLargest) {
      reserved_ += bytes;
      return ::operator new(bytes);
    }
    Free*& list = free_[bytes / 8];
    if (list != nullptr) {
      Free* piece = list;
      list = piece->next;
      return piece;
    }
    if (left_ < bytes) AddChunk();
    void* piece = next_;
    next_ += bytes;
    left_ -= bytes;
    return piece;
  }

  void Release(void* piece, size_t bytes) {
    bytes = Rounded(bytes);
    if (bytes > kLargest) {
      reserved_ -= bytes;
      ::operator delete(piece);
      return;
    }
    Free* freed = new (piece) Free{free_[bytes / 8]};
    free_[bytes / 8] = freed;
  }

  size_t reserved() const { return reserved_; }

 private:
  struct Free {
    Free* next;
  };
  void AddChunk() {
    if (reserved_ < kSmall) {
      chunks_.push_back(std::make_unique_for_overwrite<std::byte[]>(kChunk));
      next_ = chunks_.back().get();
      left_ = kChunk;
    } else {
      blocks_.emplace_back(HugeBlock::kPage);
      next_ = blocks_.back().data();
      left_ = blocks_.back().size();
    }
    reserved_ += left_;
  }
  static size_t Rounded(size_t bytes) { return (bytes + 7) & ~size_t{7}; }

  std::vector<std::unique_ptr<std::byte[]>> chunks_;
  std::vector<HugeBlock> blocks_;
  std::byte* next_ = nullptr;
  size_t left_ = 0;
  size_t reserved_ = 0;
  Free* free_[kLargest / 8 + 1] = {};
};

}  // namespace weft::pricing
