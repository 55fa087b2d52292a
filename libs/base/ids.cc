#include "libs/base/ids.h"

#include <functional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "libs/base/hash.h"

namespace weft {
namespace {

uint32_t HashedPartition(absl::string_view tenant) {
  const Sha256Digest d = Sha256(tenant);
  const uint32_t head = (uint32_t{d[0]} << 24) | (uint32_t{d[1]} << 16) |
                        (uint32_t{d[2]} << 8) | uint32_t{d[3]};
  return head % kPartitions;
}

}  // namespace

// Every request asks for the partition of its tenant, and tenants are few: a thread
// remembers those it met last.
uint32_t PartitionOf(absl::string_view tenant) {
  struct Met {
    char tenant[39];
    uint8_t size = 0;
    uint32_t partition = 0;
  };
  static thread_local Met met[64];
  if (tenant.empty() || tenant.size() > sizeof(Met::tenant)) return HashedPartition(tenant);
  const std::string_view text(tenant.data(), tenant.size());
  Met& slot = met[std::hash<std::string_view>()(text) % 64];
  if (slot.size != text.size() || text.compare(0, text.size(), slot.tenant, slot.size) != 0) {
    slot.partition = HashedPartition(tenant);
    slot.size = static_cast<uint8_t>(text.size());
    text.copy(slot.tenant, text.size());
  }
  return slot.partition;
}

std::string DeriveId(absl::string_view tenant, absl::string_view method,
                     absl::string_view request_id) {
  // Crockford's alphabet in lower case: no i, l, o, u.
  static constexpr char kAlphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
  static constexpr int kLength = 26;
  const Sha256Digest digest =
      Sha256(absl::StrCat(tenant.size(), ":", tenant, method.size(), ":", method,
                          request_id.size(), ":", request_id));
  std::string id;
  uint32_t bits = 0;
  int available = 0;
  for (size_t i = 0; static_cast<int>(id.size()) < kLength; ++i) {
    bits = (bits << 8) | digest[i];
    available += 8;
    while (available >= 5 && static_cast<int>(id.size()) < kLength) {
      available -= 5;
      id.push_back(kAlphabet[(bits >> available) & 31]);
    }
  }
  return id;
}

}  // namespace weft
