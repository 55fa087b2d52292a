// Decisions of a generator, taken from the fuzzer's bytes; zeros when they end.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace weft::fuzz {

class Bytes {
 public:
  explicit Bytes(absl::string_view input) : input_(input) {}
  bool empty() const { return at_ >= input_.size(); }
  uint8_t Next() { return empty() ? 0 : static_cast<uint8_t>(input_[at_++]); }
  // From 0 to limit - 1.
  int Pick(int limit) { return Next() % limit; }
  template <typename T, size_t kSize>
  T Of(const T (&choices)[kSize]) {
    return choices[Next() % kSize];
  }
  int64_t Number() {
    const int size = Pick(9);
    uint64_t value = 0;
    for (int i = 0; i < size; ++i) value = value << 8 | Next();
    return static_cast<int64_t>(value);
  }

 private:
  absl::string_view input_;
  size_t at_ = 0;
};

}  // namespace weft::fuzz
