// Price locks: a signed text that says what an account pays until a moment.
//
// Anyone who has the public key can tell whether a lock holds, without asking us; we
// keep no list of them. Format: a JSON Web Signature in compact form (RFC 7515),
//
//   lock    = base64url(header) "." base64url(payload) "." base64url(signature)
//   header  = {"alg":"EdDSA","kid":"<key id>","typ":"weft-price-lock+jws"}
//   payload = weft.pricing.v1.PriceLock as proto3 JSON
//
// base64url without padding; the signature is Ed25519 (RFC 8032) over the text before
// the last dot. The header is these octets exactly: nothing in it is the sender's to
// choose. The key is derived from the installation's MAC key, so every replica signs
// with the same, and no token that is checked with another key can be taken for a
// lock, nor a lock for a token.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/rpc/jwk.h"
#include "weft/pricing/v1/pricing.pb.h"

namespace weft::pricing {

inline constexpr int kMaxLockLines = 200;
// Longest text that is looked at.
inline constexpr size_t kMaxLockText = 512 << 10;

// `mac_key`: secret of the installation.
rpc::SigningKey PriceLockKey(absl::string_view mac_key);

std::string SignPriceLock(const rpc::SigningKey& key, const v1::PriceLock& lock);

// What a lock says, if one of `keys` signed it.
// Errors: INVALID_ARGUMENT / LOCK_MALFORMED; FAILED_PRECONDITION / LOCK_KEY_UNKNOWN,
// LOCK_SIGNATURE_INVALID.
absl::StatusOr<v1::PriceLock> ReadPriceLock(const rpc::JsonWebKeySet& keys,
                                            absl::string_view text);

// Who wants to use a lock, and when. Empty = any.
struct LockUser {
  std::string tenant;
  std::string account;
  absl::Time at;
};
// Errors: FAILED_PRECONDITION / LOCK_OTHER_TENANT, LOCK_OTHER_ACCOUNT, LOCK_EXPIRED.
absl::Status CheckPriceLock(const v1::PriceLock& lock, const LockUser& user);

// Puts the locked price of the line's item, unit and quantity into `line`, an answer in
// the lock's currency. False, and nothing changed, when the lock does not cover it or
// the line has a reason that no price can heal.
bool ApplyPriceLock(const v1::PriceLock& lock, v1::PriceLine& line);

}  // namespace weft::pricing
