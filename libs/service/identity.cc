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
#include "libs/base/sync.h"
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

// What holds now; calls under way keep what they began with.
class Identity::Current final : public rpc::Authenticator {
 public:
  struct Set {
    std::unique_ptr<rpc::TokenVerifier> verifier;
    std::unique_ptr<rpc::Authenticator> authenticator;
    std::vector<Settings::Issuer> issuers;
  };

  Current(bool open_loopback, std::string open_tenant)
      : open_loopback_(open_loopback), open_tenant_(std::move(open_tenant)) {}

  void Take(std::unique_ptr<rpc::TokenVerifier> verifier, std::vector<Settings::Issuer> issuers) {
    auto set = std::make_shared<Set>();
    set->authenticator = open_loopback_ ? rpc::OpenLoopback(*verifier, open_tenant_)
                                        : rpc::RequireToken(*verifier);
    set->verifier = std::move(verifier);
    set->issuers = std::move(issuers);
    MutexLock lock(mutex_);
    set_ = std::move(set);
  }
  std::shared_ptr<Set> Get() const {
    MutexLock lock(mutex_);
    return set_;
  }

  absl::StatusOr<Principal> Authenticate(const rpc::Credentials& credentials) const override {
    return Get()->authenticator->Authenticate(credentials);
  }
  bool open() const override { return open_loopback_; }

 private:
  const bool open_loopback_;
  const std::string open_tenant_;
  mutable Mutex mutex_;
  std::shared_ptr<Set> set_ ABSL_GUARDED_BY(mutex_);
};

Identity::~Identity() = default;

const rpc::Authenticator& Identity::authenticator() const { return *authenticator_; }

absl::StatusOr<std::unique_ptr<Identity>> Identity::Make(const Settings& settings,
                                                         const Clock& clock) {
  WEFT_ASSIGN_OR_RETURN(rpc::SigningKey room_key, RoomKey(settings.room_key_file));
  auto identity = std::unique_ptr<Identity>(new Identity(std::move(room_key), clock));
  WEFT_ASSIGN_OR_RETURN(identity->mac_key_, MacKey(settings.mac_key_file));
  identity->authenticator_ =
      std::make_shared<Current>(settings.open_loopback, settings.open_tenant);
  WEFT_RETURN_IF_ERROR(identity->SetIssuers(settings.issuers));
  return identity;
}

absl::Status Identity::SetIssuers(const std::vector<Settings::Issuer>& issuers) {
  const rpc::JsonWebKeySet own({room_key_.public_key()});
  std::vector<rpc::TokenIssuer> taken = {
      {.issuer = rpc::kRoomIssuer, .audience = rpc::kAudience, .keys = own, .rooms = true},
      {.issuer = kLocalIssuer, .audience = rpc::kAudience, .keys = own}};
  for (const Settings::Issuer& issuer : issuers) {
    WEFT_ASSIGN_OR_RETURN(rpc::JsonWebKeySet keys, Keys(issuer.jwks_file));
    taken.push_back({.issuer = issuer.issuer,
                     .audience = issuer.audience,
                     .keys = std::move(keys),
                     .tenants = issuer.tenants,
                     .unknown_key = [wants = wants_keys_] { wants->store(true); }});
  }
  authenticator_->Take(std::make_unique<rpc::TokenVerifier>(std::move(taken), clock_), issuers);
  return absl::OkStatus();
}

absl::Status Identity::ReloadKeys() {
  const std::shared_ptr<Current::Set> set = authenticator_->Get();
  absl::Status first;
  for (const Settings::Issuer& issuer : set->issuers) {
    absl::StatusOr<rpc::JsonWebKeySet> keys = Keys(issuer.jwks_file);
    if (keys.ok()) {
      set->verifier->SetKeys(issuer.issuer, *std::move(keys));
    } else if (first.ok()) {
      first = keys.status();
    }
  }
  return first;
}

}  // namespace weft::service
