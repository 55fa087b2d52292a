// Latencies of a run: counted in buckets that grow by 1.6 %, so that a
// percentile of a million calls costs 30 KiB and no sorting.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "absl/time/time.h"

namespace weft::bench {

class Latency {
 public:
  void Add(absl::Duration latency) {
    const int64_t ns = absl::ToInt64Nanoseconds(latency);
    ++buckets_[Bucket(ns < 0 ? 0 : static_cast<uint64_t>(ns))];
    ++count_;
  }
  void Merge(const Latency& other) {
    for (size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
    count_ += other.count_;
  }
  uint64_t count() const { return count_; }
  // The bound below which a share of the calls were, e.g. 0.99; zero of none.
  absl::Duration Percentile(double share) const {
    const auto wanted = static_cast<uint64_t>(share * static_cast<double>(count_));
    uint64_t seen = 0;
    for (size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen > wanted || (seen == count_ && count_ > 0)) {
        return absl::Nanoseconds(static_cast<int64_t>(UpperBound(i)));
      }
    }
    return absl::ZeroDuration();
  }

 private:
  static constexpr int kSubBits = 6;  // 64 buckets a power of two.
  static constexpr size_t kSub = size_t{1} << kSubBits;

  static size_t Bucket(uint64_t ns) {
    if (ns < kSub) return ns;
    const int power = 63 - std::countl_zero(ns);
    return (static_cast<size_t>(power - kSubBits + 1) << kSubBits) +
           ((ns >> (power - kSubBits)) & (kSub - 1));
  }
  static uint64_t UpperBound(size_t bucket) {
    if (bucket < kSub) return bucket;
    const size_t power = (bucket >> kSubBits) + kSubBits - 1;
    return (uint64_t{1} << power) +
           (((bucket & (kSub - 1)) + 1) << (power - kSubBits)) - 1;
  }

  std::array<uint64_t, (64 - kSubBits + 1) * kSub> buckets_{};
  uint64_t count_ = 0;
};

}  // namespace weft::bench
