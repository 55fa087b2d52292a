// Identifiers: strong types, derived ids, and the partition of a tenant.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace weft {

// A string that cannot be mistaken for another kind of string.
//
//   using AccountId = StrongString<struct AccountIdTag>;
template <typename Tag>
class StrongString {
 public:
  StrongString() = default;
  explicit StrongString(std::string value) : value_(std::move(value)) {}

  const std::string& value() const { return value_; }
  bool empty() const { return value_.empty(); }
  auto operator<=>(const StrongString&) const = default;

  template <typename H>
  friend H AbslHashValue(H h, const StrongString& id) {
    return H::combine(std::move(h), id.value_);
  }

 private:
  std::string value_;
};

// Number of partitions of every topic of ours, and of the key space of every
// store. It never changes: it would break the order per tenant.
inline constexpr uint32_t kPartitions = 64;

// First four bytes, big-endian, of SHA-256(tenant), modulo kPartitions.
uint32_t PartitionOf(absl::string_view tenant);

// The id of a thing that a request creates: the same request creates the same
// id for ever, so creating is safe to repeat after any answer was lost.
//
// Shape: 26 characters of lower-case base32 (130 bits of SHA-256 over the
// three parts, each with its length); no prefix.
std::string DeriveId(absl::string_view tenant, absl::string_view method,
                     absl::string_view request_id);

}  // namespace weft
