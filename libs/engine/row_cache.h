// Rows read lately, bounded by bytes. Two generations: what is used moves to
// the young one; when that is half the budget it becomes the old one and what
// the old one still held is dropped. Not thread safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace weft::engine {

class RowCache {
 public:
  explicit RowCache(int64_t bytes_max) : generation_bytes_max_(bytes_max / 2) {}

  // Null: not known. A row known to be missing holds nullopt. Valid until the
  // next call.
  const std::optional<std::string>* Find(absl::string_view key) {
    if (auto it = young_.find(key); it != young_.end()) return &it->second;
    const auto it = old_.find(key);
    if (it == old_.end()) return nullptr;
    std::string owned(it->first);
    std::optional<std::string> value = std::move(it->second);
    old_.erase(it);
    return Insert(std::move(owned), std::move(value));
  }
  const std::optional<std::string>* Insert(std::string key, std::optional<std::string> value) {
    if (bytes_ > generation_bytes_max_) {
      old_ = std::move(young_);
      young_.clear();
      bytes_ = 0;
    }
    bytes_ += Cost(key, value);
    auto [it, inserted] = young_.insert_or_assign(std::move(key), std::move(value));
    return &it->second;
  }
  void Clear() {
    young_.clear();
    old_.clear();
    bytes_ = 0;
  }

 private:
  static int64_t Cost(const std::string& key, const std::optional<std::string>& value) {
    return static_cast<int64_t>(96 + key.size() + (value.has_value() ? value->size() : 0));
  }
  using Map = absl::flat_hash_map<std::string, std::optional<std::string>>;
  const int64_t generation_bytes_max_;
  Map young_;
  Map old_;
  int64_t bytes_ = 0;  // Of the young ones; overwritten rows count twice, which errs early.
};

}  // namespace weft::engine
