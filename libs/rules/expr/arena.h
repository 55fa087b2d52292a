// Memory of one evaluation: handed out in blocks, given back all at once.
//
// Reset() keeps the first block, so an arena that is used again allocates
// nothing from the heap for ordinary expressions. Not thread safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "absl/strings/string_view.h"

namespace weft::rules::expr {

class Arena {
 public:
  static constexpr size_t kBytesMax = 4 * 1024 * 1024;  // size_exceeded beyond.

  // Constants of a document: its own limits bound them long before this.
  static constexpr size_t kDocumentBytesMax = 512 * 1024 * 1024;

  Arena() = default;
  explicit Arena(size_t bytes_max) : bytes_max_(bytes_max) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // 16-octet aligned. nullptr when the limit would be passed.
  void* Allocate(size_t size) {
    size = (size + 15) & ~size_t{15};
    if (size <= end_ - at_ && block_ != nullptr) [[likely]] {
      void* memory = block_ + at_;
      at_ += size;
      return memory;
    }
    return AllocateSlow(size);
  }
  template <typename T>
  T* AllocateArray(size_t count) {
    return static_cast<T*>(Allocate(count * sizeof(T)));
  }
  // A copy of `text` in the arena; data() is nullptr when the limit is passed.
  absl::string_view Copy(absl::string_view text) {
    char* memory = static_cast<char*>(Allocate(text.size() + 1));
    if (memory == nullptr) return absl::string_view();
    std::memcpy(memory, text.data(), text.size());
    return absl::string_view(memory, text.size());
  }
  void Reset() {
    if (blocks_.size() > 1) blocks_.resize(1);
    block_ = blocks_.empty() ? nullptr : blocks_[0].get();
    end_ = blocks_.empty() ? 0 : kBlock;
    at_ = 0;
    total_ = end_;
  }

 private:
  static constexpr size_t kBlock = 8 * 1024;

  void* AllocateSlow(size_t size) {
    const size_t block = size > kBlock ? size : kBlock;
    if (total_ + block > bytes_max_) return nullptr;
    // The first block is kept by Reset(), so it has the ordinary size.
    if (blocks_.empty() && block != kBlock) {
      blocks_.push_back(std::make_unique<char[]>(kBlock));
      total_ += kBlock;
    }
    blocks_.push_back(std::make_unique<char[]>(block));
    total_ += block;
    block_ = blocks_.back().get();
    end_ = block;
    at_ = size;
    return block_;
  }

  std::vector<std::unique_ptr<char[]>> blocks_;
  char* block_ = nullptr;
  size_t at_ = 0;
  size_t end_ = 0;
  size_t total_ = 0;
  size_t bytes_max_ = kBytesMax;
};

}  // namespace weft::rules::expr
