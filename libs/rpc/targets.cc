#include "libs/rpc/targets.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "libs/base/error.h"
#include "libs/base/ids.h"

namespace weft::rpc {
namespace {

constexpr char kShard[] = "{shard}";

}  // namespace

Targets::Targets(const std::string& text, int shards)
    : targets_(absl::StrSplit(text, ',')),
      by_number_(absl::StrContains(text, kShard)),
      shards_(std::max(shards, 1)) {}

Targets::Choice Targets::For(const std::string& tenant) {
  const int shards = shards_.load();
  const uint32_t shard = PartitionOf(tenant) % static_cast<uint32_t>(shards);
  const bool in_order =
      !by_number_ && shards > 1 && static_cast<size_t>(shards) == targets_.size();
  const std::string& target =
      in_order ? targets_[shard]
      : targets_.size() == 1
          ? targets_[0]
          : targets_[next_.fetch_add(1, std::memory_order_relaxed) % targets_.size()];
  return {by_number_ ? absl::StrReplaceAll(target, {{kShard, absl::StrCat(shard)}}) : target,
          shards};
}

bool Targets::Learn(const Choice& choice, const absl::Status& status) {
  if (ReasonOf(status) != "WRONG_SHARD" || (!by_number_ && targets_.size() == 1)) return false;
  for (const auto& [key, value] : MetadataOf(status)) {
    int shards = 0;
    if (key == "shards" && absl::SimpleAtoi(value, &shards) && shards >= 1 &&
        shards <= static_cast<int>(kPartitions)) {
      shards_.store(shards);
      // Others may have learnt it meanwhile; what counts is what this call was sent by.
      return shards != choice.shards;
    }
  }
  return false;
}

}  // namespace weft::rpc
