// `weft token`: keys, and tokens signed with them.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "libs/base/error.h"
#include "libs/rpc/token_signer.h"
#include "tools/weft/commands.h"

namespace weft::cli {
namespace {

int Refuse(Terminal& terminal, absl::string_view reason, absl::string_view cause, int exit) {
  terminal.err << "error: " << reason << "\n  cause:   " << cause
               << "\n  next:    weft token --help\n";
  return exit;
}

// A key is for its owner's eyes only, and is never written over another.
bool WriteSecret(const std::string& path, const std::string& text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  const bool written =
      ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  return ::close(fd) == 0 && written;
}

bool IsRole(const std::string& role) {
  for (const char* known : kRoles) {
    if (role == known) return true;
  }
  return false;
}

}  // namespace

int Token(Terminal& terminal, const TokenOptions& options) {
  if (!options.new_key_file.empty()) {
    const auto key = rpc::SigningKey::Generate(rpc::Algorithm::kEdDsa);
    if (!WriteSecret(options.new_key_file, key.ToPem())) {
      return Refuse(terminal, "KEY_NOT_WRITTEN",
                    absl::StrCat("cannot make '", options.new_key_file,
                                 "'; it may be there already"),
                    kConflict);
    }
    terminal.out << key.PublicJwks() << "\n";
    return kOk;
  }
  std::ifstream in(options.key_file);
  const std::string pem(std::istreambuf_iterator<char>(in), {});
  if (pem.empty()) {
    return Refuse(terminal, "KEY_UNREADABLE",
                  absl::StrCat("cannot read the key '", options.key_file,
                               "'; --new-key FILE makes one"),
                  kNotFound);
  }
  const auto key = rpc::SigningKey::FromPem(pem);
  if (!key.ok()) return Refuse(terminal, ReasonOf(key.status()), key.status().message(), kUsage);
  if (options.jwks) {
    terminal.out << key->PublicJwks() << "\n";
    return kOk;
  }
  if (options.tenant.empty() || options.roles.empty()) {
    return Refuse(terminal, "CLAIMS_MISSING", "a token needs --tenant and at least one --role",
                  kUsage);
  }
  for (const std::string& role : options.roles) {
    if (!IsRole(role)) {
      return Refuse(terminal, "ROLE_UNKNOWN",
                    absl::StrCat("'", role, "' is no role; use ", absl::StrJoin(kRoles, ", ")),
                    kUsage);
    }
  }
  rpc::TokenSpec spec;
  if (!options.issuer.empty()) spec.issuer = options.issuer;
  spec.audience = options.audience;
  spec.issued = absl::Now();
  spec.lifetime = options.lifetime;
  Principal& p = spec.principal;
  p.tenant = options.tenant;
  p.user = options.user;
  p.subject = !options.subject.empty() ? options.subject
              : !options.user.empty()  ? options.user
                                       : "weft-token";
  p.account = options.account;
  p.roles = {options.roles.begin(), options.roles.end()};
  p.permissions = {options.permissions.begin(), options.permissions.end()};
  p.accounts = {options.accounts.begin(), options.accounts.end()};
  p.channels = {options.channels.begin(), options.channels.end()};
  p.channel = options.channel;
  terminal.out << rpc::SignToken(*key, spec) << "\n";
  return kOk;
}

}  // namespace weft::cli
