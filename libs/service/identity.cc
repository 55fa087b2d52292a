#include "libs/service/identity.h"

#include <fcntl.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/hash.h"
#include "libs/base/status_macros.h"
#include "libs/rpc/token_signer.h"

namespace weft::service {
namespace {

constexpr size_t kMacKeyBytes = 32;
constexpr unsigned kPrivate = 0600;

bool IsHex(const std::string& text) {
  for (char c : text) {
    if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) return false;
  }
  return true;
}

absl::StatusOr<rpc::SigningKey> RoomKey(const std::string& path) {
  if (!std::filesystem::exists(path)) {
    const rpc::SigningKey made = rpc::SigningKey::Generate(rpc::Algorithm::kEdDsa);
    WEFT_RETURN_IF_ERROR(WriteFileOnce(path, made.ToPem(), kPrivate));
  }
  WEFT_ASSIGN_OR_RETURN(const std::string pem, ReadFile(path));
  return rpc::SigningKey::FromPem(pem);
}

absl::StatusOr<std::string> MacKey(const std::string& path) {
  if (!std::filesystem::exists(path)) {
    std::string key(kMacKeyBytes, '\0');
    WEFT_CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(key.data()), kMacKeyBytes) == 1);
    WEFT_RETURN_IF_ERROR(WriteFileOnce(path, absl::StrCat(Hex(key), "\n"), kPrivate));
  }
  WEFT_ASSIGN_OR_RETURN(const std::string file, ReadFile(path));
  const std::string hex(absl::StripAsciiWhitespace(file));
  if (hex.size() != 2 * kMacKeyBytes || !IsHex(hex)) {
    return InvalidArgument("KEY_INVALID",
                           absl::StrCat(path, " must hold 32 octets in hexadecimal"),
                           {{"path", path}});
  }
  return absl::HexStringToBytes(hex);
}

absl::StatusOr<rpc::JsonWebKeySet> Keys(const std::string& path) {
  WEFT_ASSIGN_OR_RETURN(const std::string json, ReadFile(path));
  return rpc::JsonWebKeySet::Parse(json);
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return NotFound("FILE_MISSING", absl::StrCat("cannot read ", path), {{"path", path}});
  std::ostringstream all;
  all << file.rdbuf();
  return all.str();
}

absl::Status WriteFileOnce(const std::string& path, const std::string& bytes, unsigned mode) {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  // A name of our own, linked when complete: several processes may do this at once, and
  // none may read a half or replace what another one has read.
  std::string temporary = absl::StrCat(path, ".XXXXXX");
  const int fd = mkostemp(temporary.data(), O_CLOEXEC);
  bool done = fd >= 0;
  if (done) {
    done = write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()) &&
           fchmod(fd, mode) == 0 && fsync(fd) == 0 &&
           (link(temporary.c_str(), path.c_str()) == 0 || errno == EEXIST);
  }
  const int reason = errno;
  if (fd >= 0) {
    close(fd);
    unlink(temporary.c_str());
  }
  if (done) return absl::OkStatus();
  return Unavailable("FILE_NOT_WRITTEN", absl::StrCat("cannot write ", path, ": ", strerror(reason)),
                     {{"path", path}});
}

absl::StatusOr<std::unique_ptr<Identity>> Identity::Make(const Settings& settings,
                                                         const Clock& clock) {
  WEFT_ASSIGN_OR_RETURN(rpc::SigningKey room_key, RoomKey(settings.room_key_file));
  auto identity = std::unique_ptr<Identity>(new Identity(std::move(room_key), settings));
  WEFT_ASSIGN_OR_RETURN(identity->mac_key_, MacKey(settings.mac_key_file));
  const rpc::JsonWebKeySet own({identity->room_key_.public_key()});
  std::vector<rpc::TokenIssuer> issuers = {
      {.issuer = rpc::kRoomIssuer, .audience = rpc::kAudience, .keys = own, .rooms = true},
      {.issuer = kLocalIssuer, .audience = rpc::kAudience, .keys = own}};
  for (const Settings::Issuer& issuer : settings.issuers) {
    WEFT_ASSIGN_OR_RETURN(rpc::JsonWebKeySet keys, Keys(issuer.jwks_file));
    issuers.push_back({.issuer = issuer.issuer,
                       .audience = issuer.audience,
                       .keys = std::move(keys),
                       .tenants = issuer.tenants,
                       .unknown_key = [wants = identity->wants_keys_] { wants->store(true); }});
  }
  identity->verifier_ = std::make_unique<rpc::TokenVerifier>(std::move(issuers), clock);
  identity->authenticator_ =
      settings.open_loopback ? rpc::OpenLoopback(*identity->verifier_, settings.open_tenant)
                             : rpc::RequireToken(*identity->verifier_);
  return identity;
}

absl::Status Identity::ReloadKeys() {
  absl::Status first;
  for (const Settings::Issuer& issuer : settings_.issuers) {
    absl::StatusOr<rpc::JsonWebKeySet> keys = Keys(issuer.jwks_file);
    if (keys.ok()) {
      verifier_->SetKeys(issuer.issuer, *std::move(keys));
    } else if (first.ok()) {
      first = keys.status();
    }
  }
  return first;
}

}  // namespace weft::service
