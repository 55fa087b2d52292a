// Keys for tokens: JSON Web Keys to verify with, private keys to sign with.
//
// Algorithms: RS256 and PS256 (RSA, 2,048 bits or more), ES256 (P-256), EdDSA
// (Ed25519). Nothing else, whatever a token's header says.
// Source: RFC 7515, 7517, 7518, 8037.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace weft::rpc {

enum class Algorithm { kRs256, kPs256, kEs256, kEdDsa };

// "RS256" …; nullptr-free: every enumerator has a name.
const char* NameOf(Algorithm algorithm);
// INVALID_ARGUMENT / ALGORITHM_REFUSED.
absl::StatusOr<Algorithm> AlgorithmOf(absl::string_view name);

// A public key. Cheap to copy; thread safe.
class VerificationKey {
 public:
  const std::string& id() const { return id_; }
  // An RSA key serves RS256 and PS256 unless its "alg" says which.
  bool Serves(Algorithm algorithm) const;
  // True when `signature` (as it stands in a token, decoded) is this key's over
  // `text`.
  bool Verify(Algorithm algorithm, absl::string_view text,
              absl::string_view signature) const;

 private:
  friend class JsonWebKeySet;
  friend class SigningKey;
  std::string id_;
  std::vector<Algorithm> algorithms_;
  std::shared_ptr<void> key_;  // EVP_PKEY
};

// What an issuer publishes. Constant after construction.
class JsonWebKeySet {
 public:
  JsonWebKeySet() = default;
  explicit JsonWebKeySet(std::vector<VerificationKey> keys) : keys_(std::move(keys)) {}
  // Shape: {"keys":[…]}. Keys of kinds we do not use, or for encryption, are
  // left out. Errors: INVALID_ARGUMENT / JWKS_INVALID.
  static absl::StatusOr<JsonWebKeySet> Parse(const std::string& json);

  const std::vector<VerificationKey>& keys() const { return keys_; }
  // By id, or nullptr.
  const VerificationKey* Find(absl::string_view id) const;

 private:
  std::vector<VerificationKey> keys_;
};

// A private key. Cheap to copy; thread safe.
class SigningKey {
 public:
  static SigningKey Generate(Algorithm algorithm);
  // The Ed25519 key of a secret of 32 octets: the same secret, the same key.
  static SigningKey FromSeed(absl::string_view seed);
  // PKCS#8 in PEM, not encrypted. Errors: INVALID_ARGUMENT / KEY_INVALID.
  static absl::StatusOr<SigningKey> FromPem(const std::string& pem,
                                            Algorithm algorithm = Algorithm::kEdDsa);
  std::string ToPem() const;

  Algorithm algorithm() const { return algorithm_; }
  // Derived from the public key, so the same key has the same id everywhere.
  const std::string& id() const { return id_; }
  std::string Sign(absl::string_view text) const;
  VerificationKey public_key() const;
  // The public half as {"keys":[…]}.
  std::string PublicJwks() const;

 private:
  SigningKey() = default;
  static SigningKey From(std::shared_ptr<void> key, Algorithm algorithm);

  Algorithm algorithm_ = Algorithm::kEdDsa;
  std::string id_;
  std::shared_ptr<void> key_;  // EVP_PKEY
};

// Base64url without padding, as tokens use it.
std::string ToBase64Url(absl::string_view bytes);
// False for anything else, padding included.
bool FromBase64Url(absl::string_view text, std::string& bytes);

}  // namespace weft::rpc
