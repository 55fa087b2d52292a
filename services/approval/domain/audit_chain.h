// The hash chain of the audit trail.
//
// Bytes that are hashed (SHA-256), in this order; never to be changed, a new
// layout gets a new first octet:
//
//   entry  = 01 sequence time field*9
//   sequence, time = 8 octets, big-endian (time: nanoseconds since 1970)
//   field  = 4 octets length, big-endian, and the octets of: actor,
//            on_behalf_of, action, subject, subject_revision (decimal text),
//            rule, detail, previous hash (hexadecimal), tenant
//
// An entry can be changed or left out only by changing every hash after it, so
// whoever kept one later hash can prove it.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace weft::approval {

struct AuditEntry {
  int64_t sequence = 0;
  absl::Time time;
  std::string actor;
  std::string on_behalf_of;
  std::string action;
  std::string subject;
  int64_t subject_revision = 0;
  std::string rule;
  std::string detail;
  std::string previous_hash;
  std::string hash;
};

// The hash before the first entry: 64 zeros.
std::string NoHash();

// The hash that `entry` must have (its own `hash` is not read).
std::string HashOf(absl::string_view tenant, const AuditEntry& entry);

// Walks a chain from a known point.
class ChainVerifier {
 public:
  ChainVerifier(std::string tenant, int64_t next_sequence, std::string previous_hash)
      : tenant_(std::move(tenant)),
        next_(next_sequence),
        previous_hash_(std::move(previous_hash)) {}

  // False when the entry is not the next one, does not join or was changed; its
  // number is then broken(), and nothing more is taken.
  bool Take(const AuditEntry& entry);

  int64_t broken() const { return broken_; }  // 0 = none.
  int64_t last_sequence() const { return next_ - 1; }
  const std::string& last_hash() const { return previous_hash_; }

 private:
  const std::string tenant_;
  int64_t next_;
  std::string previous_hash_;
  int64_t broken_ = 0;
};

}  // namespace weft::approval
