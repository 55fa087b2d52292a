#include "libs/rpc/authenticator.h"

#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "libs/base/error.h"

namespace weft::rpc {
namespace {

constexpr absl::string_view kBearer = "Bearer ";

class TokenAuthenticator : public Authenticator {
 public:
  explicit TokenAuthenticator(const TokenVerifier& verifier) : verifier_(verifier) {}

  absl::StatusOr<Principal> Authenticate(const Credentials& credentials) const override {
    if (credentials.authorization.empty()) {
      return Unauthenticated("TOKEN_REQUIRED",
                             "the call has no token; send 'authorization: Bearer <token>'");
    }
    if (!absl::StartsWithIgnoreCase(credentials.authorization, kBearer)) {
      return Unauthenticated("TOKEN_INVALID",
                             "only bearer tokens are taken; send 'authorization: Bearer <token>'");
    }
    return verifier_.Verify(
        absl::string_view(credentials.authorization).substr(kBearer.size()));
  }

 private:
  const TokenVerifier& verifier_;
};

class OpenAuthenticator final : public TokenAuthenticator {
 public:
  OpenAuthenticator(const TokenVerifier& verifier, std::string tenant)
      : TokenAuthenticator(verifier), tenant_(std::move(tenant)) {}

  absl::StatusOr<Principal> Authenticate(const Credentials& credentials) const override {
    if (!credentials.authorization.empty()) {
      return TokenAuthenticator::Authenticate(credentials);
    }
    return OpenPrincipal(tenant_, credentials.user);
  }
  bool open() const override { return true; }

 private:
  const std::string tenant_;
};

}  // namespace

std::unique_ptr<Authenticator> RequireToken(const TokenVerifier& verifier) {
  return std::make_unique<TokenAuthenticator>(verifier);
}

std::unique_ptr<Authenticator> OpenLoopback(const TokenVerifier& verifier,
                                            std::string tenant) {
  return std::make_unique<OpenAuthenticator>(verifier, std::move(tenant));
}

Principal OpenPrincipal(const std::string& tenant, const std::string& user) {
  Principal principal{.tenant = tenant,
                      .subject = "loopback",
                      .user = user,
                      .permissions = {"see-cost"},
                      .accounts = {"*"},
                      .organisations = {"*"},
                      .channels = {"*"}};
  principal.roles.insert(std::begin(kRoles), std::end(kRoles));
  return principal;
}

}  // namespace weft::rpc
