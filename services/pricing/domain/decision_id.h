// Decision ids: what a price depended on, in at most 80 URL-safe characters.
//
// An id is a handle, not a row: showing a price writes nothing, and any replica
// that has the history can compute the price again. It is no permission: who may
// see the decision is asked of the caller's account every time.
//
// Bytes, in base64url without padding:
//
//   id       = release account item currency quantity unit as_of position channel [hash] mac
//   release  = varint                 kEngineRelease of the rules
//   account  = number                 0 0 for a guest
//   item     = number
//   number   = generation offset      two varints: first record of the subject
//   currency = 2 octets, big-endian   Currency::number()
//   quantity = scale coefficient      1 octet; varint, positive, below 2^63
//   unit     = varint                 0 = base unit, else 1 + index in the item's units
//   as_of    = varint                 zigzag, microseconds since 1970
//   position = generation offset
//   channel  = kind rest              1 octet: 0 = none or not told; 1 = number of the book
//                                     that first named it; 2 = text up to the mac
//                                     16 more: a hash comes before the mac
//   hash     = 4 octets, little-endian  of the request, for lines that depend on more of it
//   mac      = 8 octets, little-endian  SipHash-2-4 over tenant 00 and all before
//
// A channel that no book names cannot change a price; its text is in the id when
// there is room for it.
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "libs/money/decimal.h"
#include "libs/money/money.h"
#include "services/pricing/domain/facts.h"
#include "services/pricing/domain/siphash.h"

namespace weft::pricing {

inline constexpr int kMaxDecisionId = 80;

struct Decision {
  int release = 0;
  Stamp account = 0;  // Account::number; 0 = a guest.
  Stamp item = 0;     // Item::number.
  Currency currency;
  Decimal quantity;
  int unit = 0;
  int64_t as_of_us = 0;
  Stamp position = 0;
  Stamp channel_number = 0;    // 0 = see the text.
  absl::string_view channel;   // May be dropped for want of room.
  uint32_t request_hash = 0;   // 0 = the id names all that it depended on.
};

// Writes the id to `out`, which has room for kMaxDecisionId characters. Returns the
// end.
char* WriteDecisionId(const SipKey& key, absl::string_view tenant, const Decision& decision,
                      char* out);
// Appends it to `out`.
void AppendDecisionId(const SipKey& key, absl::string_view tenant, const Decision& decision,
                      std::string& out);

// nullopt for anything that this key did not sign for this tenant. `channel` of
// the result points into `bytes`, which holds the decoded octets.
std::optional<Decision> ReadDecisionId(const SipKey& key, absl::string_view tenant,
                                       absl::string_view id, std::string& bytes);

}  // namespace weft::pricing
