#include "libs/base/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>

#include "libs/base/status_macros.h"

namespace weft {

namespace {

// OpenSSL 3 looks an algorithm up by name each time a one-shot call is made,
// which costs ten times the hash of a short text. So it is looked up once, and
// each thread keeps its context.
class Sha256Context {
 public:
  Sha256Context() : context_(EVP_MD_CTX_new()) { WEFT_CHECK(context_ != nullptr); }
  ~Sha256Context() { EVP_MD_CTX_free(context_); }
  Sha256Context(const Sha256Context&) = delete;
  Sha256Context& operator=(const Sha256Context&) = delete;

  void Start() {
    static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    WEFT_CHECK(algorithm != nullptr);
    WEFT_CHECK(EVP_DigestInit_ex2(context_, algorithm, nullptr) == 1);
  }
  void Add(const void* bytes, size_t size) {
    WEFT_CHECK(EVP_DigestUpdate(context_, bytes, size) == 1);
  }
  Sha256Digest Finish() {
    Sha256Digest digest;
    WEFT_CHECK(EVP_DigestFinal_ex(context_, digest.data(), nullptr) == 1);
    return digest;
  }

 private:
  EVP_MD_CTX* const context_;
};

Sha256Context& ThreadContext() {
  thread_local Sha256Context context;
  return context;
}

}  // namespace

Sha256Digest Sha256(absl::string_view bytes) {
  Sha256Context& context = ThreadContext();
  context.Start();
  context.Add(bytes.data(), bytes.size());
  return context.Finish();
}

// RFC 2104: H((key ^ 5c…) H((key ^ 36…) text)), a long key being hashed first.
Sha256Digest HmacSha256(absl::string_view key, absl::string_view bytes) {
  std::array<uint8_t, 64> inner{};
  if (key.size() > inner.size()) {
    const Sha256Digest hashed = Sha256(key);
    std::copy(hashed.begin(), hashed.end(), inner.begin());
  } else {
    std::copy(key.begin(), key.end(), inner.begin());
  }
  std::array<uint8_t, 64> outer = inner;
  for (uint8_t& octet : inner) octet ^= 0x36;
  for (uint8_t& octet : outer) octet ^= 0x5c;
  Sha256Context& context = ThreadContext();
  context.Start();
  context.Add(inner.data(), inner.size());
  context.Add(bytes.data(), bytes.size());
  const Sha256Digest first = context.Finish();
  context.Start();
  context.Add(outer.data(), outer.size());
  context.Add(first.data(), first.size());
  return context.Finish();
}

std::string Hex(absl::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto octet = static_cast<unsigned char>(c);
    out.push_back(kDigits[octet >> 4]);
    out.push_back(kDigits[octet & 15]);
  }
  return out;
}

std::string Hex(const Sha256Digest& digest) {
  return Hex(absl::string_view(reinterpret_cast<const char*>(digest.data()),
                               digest.size()));
}

bool EqualsConstantTime(absl::string_view a, absl::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace weft
