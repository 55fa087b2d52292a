// Makes tokens: for `weft token`, for tests, and for rooms that call rooms.
#pragma once

#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/base/principal.h"
#include "libs/base/sync.h"
#include "libs/rpc/jwk.h"

namespace weft::rpc {

// Issuer and audience of tokens that our own rooms make for each other.
inline constexpr char kRoomIssuer[] = "weft-rooms";
inline constexpr char kAudience[] = "weft";

struct TokenSpec {
  std::string issuer = kRoomIssuer;
  std::string audience = kAudience;
  Principal principal;
  absl::Time issued;
  absl::Duration lifetime = absl::Seconds(60);
};

// The compact form. Claims: README.md, "Tokens".
std::string SignToken(const SigningKey& key, const TokenSpec& spec);

// The tokens a room calls other rooms with: 60 s, role "service", the tenant
// and the causing user. Reused for half their life. Thread safe.
class RoomTokens {
 public:
  // `clock` outlives it.
  RoomTokens(std::string room, SigningKey key, const Clock& clock);
  std::string For(const std::string& tenant, const std::string& user);

 private:
  struct Made {
    std::string token;
    absl::Time reuse_until;
  };
  const std::string room_;
  const SigningKey key_;
  const Clock& clock_;
  Mutex mutex_;
  absl::flat_hash_map<std::pair<std::string, std::string>, Made> made_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace weft::rpc
