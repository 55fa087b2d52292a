// Bearer tokens (JWT): from a token to a Principal, or a refusal.
//
// Checks: shape, algorithm on the list, no unknown `crit`, signature by a key of
// the issuer, `aud`, `exp` and `nbf` with 60 s of skew, our claims. Tokens seen
// before are remembered until they expire (bounded), so a repeat costs a look-up.
//
// Claims: README.md, "Tokens". Source: RFC 7519, RFC 8725.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/base/principal.h"
#include "libs/base/sync.h"
#include "libs/rpc/jwk.h"

namespace weft::rpc {

// One issuer whose tokens are taken.
struct TokenIssuer {
  std::string issuer;    // Must equal `iss`.
  std::string audience;  // Must stand in `aud`.
  JsonWebKeySet keys;
  // Only our own rooms' issuer may give the role "service"; from others it is
  // dropped.
  bool rooms = false;
  // Tenants it may speak for; empty = any.
  std::vector<std::string> tenants;
  // Called, without a lock, when a token names a key that is not in the set:
  // fetch it and call SetKeys. May be null.
  std::function<void()> unknown_key;
};

// Thread safe.
class TokenVerifier {
 public:
  // `clock` outlives the verifier.
  TokenVerifier(std::vector<TokenIssuer> issuers, const Clock& clock);

  // Errors: UNAUTHENTICATED / TOKEN_EXPIRED; UNAUTHENTICATED / TOKEN_INVALID
  // (metadata "check" names the check that failed).
  absl::StatusOr<Principal> Verify(absl::string_view token) const;

  // Replaces an issuer's keys; what was remembered of it is forgotten.
  void SetKeys(const std::string& issuer, JsonWebKeySet keys);

 private:
  struct Verified {
    Principal principal;
    absl::Time not_before;
    absl::Time expires;
  };
  absl::StatusOr<Verified> Check(absl::string_view token) const;
  absl::Status CheckTimes(const Verified& verified) const;

  const Clock& clock_;
  mutable Mutex mutex_;
  std::vector<std::shared_ptr<const TokenIssuer>> issuers_ ABSL_GUARDED_BY(mutex_);
  uint64_t generation_ ABSL_GUARDED_BY(mutex_) = 0;
  // Two halves: when the young one is full it becomes the old one.
  using Memory = absl::flat_hash_map<std::string, std::shared_ptr<const Verified>>;
  mutable Memory young_ ABSL_GUARDED_BY(mutex_);
  mutable Memory old_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace weft::rpc
