// Writes the decision ids of one answer (decision_id.h): what its lines share is put
// together once, so that a line adds only what is its own, and the MAC.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "services/pricing/domain/decision_id.h"

namespace weft::pricing {

class DecisionWriter {
 public:
  // Octets that Write() may touch from `out` on.
  static constexpr size_t kRoom = 128;

  // Of `shared`, item, quantity, unit and request_hash are left to Write(). `key` and
  // the views outlive the writer.
  DecisionWriter(const SipKey& key, absl::string_view tenant, const Decision& shared);

  // The same characters as WriteDecisionId(). Returns the end.
  char* Write(Stamp item, const Decimal& quantity, int unit, uint32_t request_hash, char* out);

 private:
  const SipKey& key_;
  const absl::string_view tenant_;
  const Decision shared_;
  bool plain_ = false;      // Of usual length, and the channel is no text.
  // Tenant, 0, release, account; behind them the line writes.
  char bytes_[192];
  size_t body_ = 0;         // Where the id begins.
  size_t own_ = 0;          // Where the line's own part begins.
  // As-of, position, kind of the channel, number of the channel.
  char tail_[48] = {};
  size_t tail_size_ = 0;
  size_t channel_kind_ = 0;  // Place in the tail.
};

}  // namespace weft::pricing
