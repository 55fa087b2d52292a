// Who may call this process, and as whom it calls others: from settings and key
// files to an Authenticator and the rooms' signing key.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/base/clock.h"
#include "libs/rpc/authenticator.h"
#include "libs/rpc/jwk.h"
#include "libs/rpc/token_verifier.h"
#include "libs/service/settings.h"

namespace weft::service {

// Issuer of tokens that an operator of the installation makes with its key
// (`weft token`): any tenant and role but "service".
inline constexpr char kLocalIssuer[] = "weft";

// Thread safe.
class Identity {
 public:
  // Makes key files that are missing (mode 0600).
  // Errors: NOT_FOUND / FILE_MISSING, INVALID_ARGUMENT / KEY_INVALID, JWKS_INVALID.
  // `clock` outlives it.
  static absl::StatusOr<std::unique_ptr<Identity>> Make(const Settings& settings,
                                                        const Clock& clock);
  ~Identity();

  const rpc::Authenticator& authenticator() const;
  const rpc::SigningKey& room_key() const { return room_key_; }
  // 32 octets.
  const std::string& mac_key() const { return mac_key_; }

  // Takes other issuers from now on. Errors: as Make(); then the old ones hold.
  absl::Status SetIssuers(const std::vector<Settings::Issuer>& issuers);

  // Reads the issuers' key files again; keys that do not parse are left as they
  // were. Called every minute, and soon after a token named an unknown key.
  absl::Status ReloadKeys();
  bool WantsKeys() { return wants_keys_->exchange(false); }

 private:
  class Current;
  Identity(rpc::SigningKey room_key, const Clock& clock)
      : clock_(clock), room_key_(std::move(room_key)) {}

  const Clock& clock_;
  const rpc::SigningKey room_key_;
  std::string mac_key_;
  std::shared_ptr<std::atomic<bool>> wants_keys_ = std::make_shared<std::atomic<bool>>(false);
  std::shared_ptr<Current> authenticator_;
};

// The whole file. Errors: NOT_FOUND / FILE_MISSING.
absl::StatusOr<std::string> ReadFile(const std::string& path);
// Makes the file with the given mode, folders included, unless it is there: also then
// OK, and nothing is changed. Whole or not at all. Errors: UNAVAILABLE / FILE_NOT_WRITTEN.
absl::Status WriteFileOnce(const std::string& path, const std::string& bytes, unsigned mode);

}  // namespace weft::service
