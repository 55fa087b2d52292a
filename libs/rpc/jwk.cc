#include "libs/rpc/jwk.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/hash.h"
#include "libs/base/status_macros.h"
#include "libs/rpc/json_object.h"

namespace weft::rpc {
namespace {

constexpr int kRsaBitsMin = 2048;
constexpr size_t kEs256Half = 32;
constexpr size_t kKeysMax = 64;

template <typename T, void (*Free)(T*)>
struct Deleter {
  void operator()(T* pointer) const { Free(pointer); }
};
using MdCtx = std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX, EVP_MD_CTX_free>>;
using KeyCtx = std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX, EVP_PKEY_CTX_free>>;
using Number = std::unique_ptr<BIGNUM, Deleter<BIGNUM, BN_free>>;
using EcdsaSig = std::unique_ptr<ECDSA_SIG, Deleter<ECDSA_SIG, ECDSA_SIG_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, Deleter<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Deleter<OSSL_PARAM, OSSL_PARAM_free>>;
using Memory = std::unique_ptr<BIO, Deleter<BIO, BIO_free_all>>;

EVP_PKEY* Pkey(const std::shared_ptr<void>& key) { return static_cast<EVP_PKEY*>(key.get()); }

std::shared_ptr<void> Own(EVP_PKEY* key) {
  return std::shared_ptr<void>(key, [](void* p) { EVP_PKEY_free(static_cast<EVP_PKEY*>(p)); });
}

const unsigned char* Bytes(absl::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Number ToNumber(const std::string& bytes) {
  return Number(BN_bin2bn(Bytes(bytes), static_cast<int>(bytes.size()), nullptr));
}

EVP_PKEY* FromParams(const char* type, OSSL_PARAM_BLD* builder) {
  const Params params(OSSL_PARAM_BLD_to_param(builder));
  const KeyCtx context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return nullptr;
  }
  return key;
}

EVP_PKEY* RsaKey(const std::string& n, const std::string& e) {
  const Number modulus = ToNumber(n);
  const Number exponent = ToNumber(e);
  if (BN_num_bits(modulus.get()) < kRsaBitsMin) return nullptr;
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get());
  return FromParams("RSA", builder.get());
}

EVP_PKEY* EcKey(const std::string& x, const std::string& y) {
  if (x.size() != kEs256Half || y.size() != kEs256Half) return nullptr;
  const std::string point = absl::StrCat("\x04", x, y);
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                   point.size());
  return FromParams("EC", builder.get());
}

// Padding and salt for the RSA algorithms; true for the others.
bool SetPadding(Algorithm algorithm, EVP_PKEY_CTX* context) {
  if (algorithm == Algorithm::kRs256) {
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
  }
  if (algorithm == Algorithm::kPs256) {
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
  }
  return true;
}

const EVP_MD* DigestOf(Algorithm algorithm) {
  return algorithm == Algorithm::kEdDsa ? nullptr : EVP_sha256();
}

// r | s, 32 octets each, as tokens have it, to DER as OpenSSL wants it.
std::string ToDer(absl::string_view raw) {
  const EcdsaSig signature(ECDSA_SIG_new());
  ECDSA_SIG_set0(signature.get(), BN_bin2bn(Bytes(raw), kEs256Half, nullptr),
                 BN_bin2bn(Bytes(raw) + kEs256Half, kEs256Half, nullptr));
  unsigned char* der = nullptr;
  const int length = i2d_ECDSA_SIG(signature.get(), &der);
  std::string bytes;
  if (length > 0) bytes.assign(reinterpret_cast<char*>(der), static_cast<size_t>(length));
  OPENSSL_free(der);
  return bytes;
}

std::string FromDer(absl::string_view der) {
  const unsigned char* at = Bytes(der);
  const EcdsaSig signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  WEFT_CHECK(signature != nullptr);
  std::string raw(2 * kEs256Half, '\0');
  auto* out = reinterpret_cast<unsigned char*>(raw.data());
  BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), out, kEs256Half);
  BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), out + kEs256Half, kEs256Half);
  return raw;
}

// "" when it is absent or no text.
std::string TextField(const JsonObject::Members& jwk, const char* name) {
  const simdjson::dom::element* element = JsonObject::Find(jwk, name);
  std::string_view text;
  if (element == nullptr || element->get(text) != simdjson::SUCCESS) return "";
  return std::string(text);
}

std::string NumberParam(EVP_PKEY* key, const char* name) {
  BIGNUM* raw = nullptr;
  WEFT_CHECK(EVP_PKEY_get_bn_param(key, name, &raw) == 1);
  const Number number(raw);
  std::string bytes(static_cast<size_t>(BN_num_bytes(number.get())), '\0');
  BN_bn2bin(number.get(), reinterpret_cast<unsigned char*>(bytes.data()));
  return bytes;
}

std::string Padded(std::string bytes, size_t size) {
  return std::string(size - std::min(size, bytes.size()), '\0') + bytes;
}

// The members that define a public key, in the order of RFC 7638.
std::string PublicMembers(EVP_PKEY* key, Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::kEdDsa: {
      std::string x(32, '\0');
      size_t length = x.size();
      WEFT_CHECK(EVP_PKEY_get_raw_public_key(
                     key, reinterpret_cast<unsigned char*>(x.data()), &length) == 1);
      return absl::StrCat(R"("crv":"Ed25519","kty":"OKP","x":")", ToBase64Url(x), "\"");
    }
    case Algorithm::kEs256: {
      const std::string x = Padded(NumberParam(key, OSSL_PKEY_PARAM_EC_PUB_X), kEs256Half);
      const std::string y = Padded(NumberParam(key, OSSL_PKEY_PARAM_EC_PUB_Y), kEs256Half);
      return absl::StrCat(R"("crv":"P-256","kty":"EC","x":")", ToBase64Url(x), R"(","y":")",
                          ToBase64Url(y), "\"");
    }
    case Algorithm::kRs256:
    case Algorithm::kPs256:
      break;
  }
  return absl::StrCat(R"("e":")", ToBase64Url(NumberParam(key, OSSL_PKEY_PARAM_RSA_E)),
                      R"(","kty":"RSA","n":")",
                      ToBase64Url(NumberParam(key, OSSL_PKEY_PARAM_RSA_N)), "\"");
}

bool KeyFits(EVP_PKEY* key, Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::kEdDsa:
      return EVP_PKEY_is_a(key, "ED25519") == 1;
    case Algorithm::kEs256: {
      char group[32] = "";
      size_t length = 0;
      return EVP_PKEY_is_a(key, "EC") == 1 &&
             EVP_PKEY_get_group_name(key, group, sizeof(group), &length) == 1 &&
             (absl::string_view(group) == "prime256v1" || absl::string_view(group) == "P-256");
    }
    case Algorithm::kRs256:
    case Algorithm::kPs256:
      return EVP_PKEY_is_a(key, "RSA") == 1 && EVP_PKEY_get_bits(key) >= kRsaBitsMin;
  }
  return false;
}

}  // namespace

const char* NameOf(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::kRs256:
      return "RS256";
    case Algorithm::kPs256:
      return "PS256";
    case Algorithm::kEs256:
      return "ES256";
    case Algorithm::kEdDsa:
      return "EdDSA";
  }
  return "";
}

absl::StatusOr<Algorithm> AlgorithmOf(absl::string_view name) {
  for (const Algorithm algorithm :
       {Algorithm::kRs256, Algorithm::kPs256, Algorithm::kEs256, Algorithm::kEdDsa}) {
    if (name == NameOf(algorithm)) return algorithm;
  }
  return InvalidArgument(
      "ALGORITHM_REFUSED",
      absl::StrCat("algorithm '", name, "' is not taken; use RS256, PS256, ES256 or EdDSA"));
}

std::string ToBase64Url(absl::string_view bytes) { return absl::WebSafeBase64Escape(bytes); }

bool FromBase64Url(absl::string_view text, std::string& bytes) {
  for (char c : text) {
    const bool known = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                       (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (!known) return false;
  }
  return absl::WebSafeBase64Unescape(text, &bytes);
}

bool VerificationKey::Serves(Algorithm algorithm) const {
  return std::find(algorithms_.begin(), algorithms_.end(), algorithm) != algorithms_.end();
}

bool VerificationKey::Verify(Algorithm algorithm, absl::string_view text,
                             absl::string_view signature) const {
  if (!Serves(algorithm)) return false;
  std::string der;
  if (algorithm == Algorithm::kEs256) {
    if (signature.size() != 2 * kEs256Half) return false;
    der = ToDer(signature);
    signature = der;
  }
  const MdCtx context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* key_context = nullptr;
  return EVP_DigestVerifyInit(context.get(), &key_context, DigestOf(algorithm), nullptr,
                              Pkey(key_)) == 1 &&
         SetPadding(algorithm, key_context) &&
         EVP_DigestVerify(context.get(), Bytes(signature), signature.size(), Bytes(text),
                          text.size()) == 1;
}

absl::StatusOr<JsonWebKeySet> JsonWebKeySet::Parse(const std::string& json) {
  JsonObject set;
  if (!set.Parse(json)) {
    return InvalidArgument("JWKS_INVALID", "the key set is not a JSON object");
  }
  const simdjson::dom::element* list = set.Find("keys");
  simdjson::dom::array elements;
  if (list == nullptr || list->get(elements) != simdjson::SUCCESS) {
    return InvalidArgument("JWKS_INVALID", "the key set has no list 'keys'");
  }
  JsonWebKeySet keys;
  for (const simdjson::dom::element element : elements) {
    simdjson::dom::object object;
    JsonObject::Members jwk;
    if (element.get(object) != simdjson::SUCCESS || !JsonObject::Collect(object, jwk)) {
      return InvalidArgument("JWKS_INVALID", "a key is no JSON object");
    }
    const std::string kind = TextField(jwk, "kty");
    const std::string curve = TextField(jwk, "crv");
    const std::string use = TextField(jwk, "use");
    const std::string algorithm = TextField(jwk, "alg");
    if (!use.empty() && use != "sig") continue;
    VerificationKey key;
    key.id_ = TextField(jwk, "kid");
    std::string a;
    std::string b;
    EVP_PKEY* pkey = nullptr;
    if (kind == "RSA") {
      key.algorithms_ = {Algorithm::kRs256, Algorithm::kPs256};
      if (FromBase64Url(TextField(jwk, "n"), a) && FromBase64Url(TextField(jwk, "e"), b)) {
        pkey = RsaKey(a, b);
      }
    } else if (kind == "EC" && curve == "P-256") {
      key.algorithms_ = {Algorithm::kEs256};
      if (FromBase64Url(TextField(jwk, "x"), a) && FromBase64Url(TextField(jwk, "y"), b)) {
        pkey = EcKey(a, b);
      }
    } else if (kind == "OKP" && curve == "Ed25519") {
      key.algorithms_ = {Algorithm::kEdDsa};
      if (FromBase64Url(TextField(jwk, "x"), a)) {
        pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Bytes(a), a.size());
      }
    } else {
      continue;
    }
    if (pkey == nullptr) {
      return InvalidArgument("JWKS_INVALID",
                             absl::StrCat("key '", key.id_, "' of kind ", kind,
                                          " is broken or too short (RSA: 2,048 bits)"));
    }
    key.key_ = Own(pkey);
    if (!algorithm.empty()) {
      const absl::StatusOr<Algorithm> only = AlgorithmOf(algorithm);
      if (!only.ok() || !key.Serves(*only)) continue;
      key.algorithms_ = {*only};
    }
    if (keys.keys_.size() == kKeysMax) {
      return InvalidArgument("JWKS_INVALID", absl::StrCat("more than ", kKeysMax, " keys"));
    }
    keys.keys_.push_back(std::move(key));
  }
  return keys;
}

const VerificationKey* JsonWebKeySet::Find(absl::string_view id) const {
  for (const VerificationKey& key : keys_) {
    if (key.id() == id) return &key;
  }
  return nullptr;
}

SigningKey SigningKey::From(std::shared_ptr<void> key, Algorithm algorithm) {
  SigningKey signing;
  signing.algorithm_ = algorithm;
  const std::string members = PublicMembers(Pkey(key), algorithm);
  const Sha256Digest thumbprint = Sha256(absl::StrCat("{", members, "}"));
  signing.id_ = ToBase64Url(absl::string_view(
      reinterpret_cast<const char*>(thumbprint.data()), thumbprint.size()));
  signing.key_ = std::move(key);
  return signing;
}

SigningKey SigningKey::Generate(Algorithm algorithm) {
  EVP_PKEY* key = nullptr;
  switch (algorithm) {
    case Algorithm::kEdDsa:
      key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
      break;
    case Algorithm::kEs256:
      key = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256");
      break;
    case Algorithm::kRs256:
    case Algorithm::kPs256:
      key = EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<size_t>(kRsaBitsMin));
      break;
  }
  WEFT_CHECK(key != nullptr);
  return From(Own(key), algorithm);
}

SigningKey SigningKey::FromSeed(absl::string_view seed) {
  WEFT_CHECK(seed.size() == 32);
  EVP_PKEY* key =
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, Bytes(seed), seed.size());
  WEFT_CHECK(key != nullptr);
  return From(Own(key), Algorithm::kEdDsa);
}

absl::StatusOr<SigningKey> SigningKey::FromPem(const std::string& pem, Algorithm algorithm) {
  const Memory memory(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  // An encrypted key must fail, not ask on the terminal.
  const auto no_passphrase = [](char*, int, int, void*) { return -1; };
  EVP_PKEY* key = PEM_read_bio_PrivateKey(memory.get(), nullptr, no_passphrase, nullptr);
  if (key == nullptr) {
    return InvalidArgument("KEY_INVALID",
                           "the key file holds no private key in PEM without a passphrase");
  }
  std::shared_ptr<void> owned = Own(key);
  if (!KeyFits(key, algorithm)) {
    return InvalidArgument("KEY_INVALID", absl::StrCat("the key does not fit ",
                                                       NameOf(algorithm)));
  }
  return From(std::move(owned), algorithm);
}

std::string SigningKey::ToPem() const {
  const Memory memory(BIO_new(BIO_s_mem()));
  WEFT_CHECK(PEM_write_bio_PKCS8PrivateKey(memory.get(), Pkey(key_), nullptr, nullptr, 0,
                                           nullptr, nullptr) == 1);
  char* data = nullptr;
  const long length = BIO_get_mem_data(memory.get(), &data);
  return std::string(data, static_cast<size_t>(length));
}

std::string SigningKey::Sign(absl::string_view text) const {
  const MdCtx context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* key_context = nullptr;
  WEFT_CHECK(EVP_DigestSignInit(context.get(), &key_context, DigestOf(algorithm_), nullptr,
                                Pkey(key_)) == 1);
  WEFT_CHECK(SetPadding(algorithm_, key_context));
  size_t length = 0;
  WEFT_CHECK(EVP_DigestSign(context.get(), nullptr, &length, Bytes(text), text.size()) == 1);
  std::string signature(length, '\0');
  WEFT_CHECK(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()),
                            &length, Bytes(text), text.size()) == 1);
  signature.resize(length);
  return algorithm_ == Algorithm::kEs256 ? FromDer(signature) : signature;
}

VerificationKey SigningKey::public_key() const {
  VerificationKey key;
  key.id_ = id_;
  key.algorithms_ = {algorithm_};
  key.key_ = key_;
  return key;
}

std::string SigningKey::PublicJwks() const {
  return absl::StrCat(R"({"keys":[{"alg":")", NameOf(algorithm_), R"(",)",
                      PublicMembers(Pkey(key_), algorithm_), R"(,"kid":")", id_,
                      R"(","use":"sig"}]})");
}

}  // namespace weft::rpc
