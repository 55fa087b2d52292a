// From a call's credentials to a Principal.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "libs/base/principal.h"
#include "libs/rpc/token_verifier.h"

namespace weft::rpc {

// What a call brought along.
struct Credentials {
  std::string authorization;  // "Bearer <token>", or "".
  std::string user;           // Metadata `weft-user`; only the open mode reads it.
};

// Thread safe. Errors: UNAUTHENTICATED / TOKEN_REQUIRED, TOKEN_EXPIRED,
// TOKEN_INVALID.
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  virtual absl::StatusOr<Principal> Authenticate(const Credentials& credentials) const = 0;
  // True when callers without a token are let in: such a server must listen on
  // loopback only.
  virtual bool open() const { return false; }
};

// Every call needs a token. `verifier` outlives it.
std::unique_ptr<Authenticator> RequireToken(const TokenVerifier& verifier);

// The mode of `weft up`: a caller without a token is a principal of `tenant`
// with every role, permission, account, organisation and channel; metadata
// `weft-user` names the user it acts for. A token, if there is one, counts.
std::unique_ptr<Authenticator> OpenLoopback(const TokenVerifier& verifier,
                                            std::string tenant);

// The principal of a caller without a token in the open mode.
Principal OpenPrincipal(const std::string& tenant, const std::string& user);

}  // namespace weft::rpc
