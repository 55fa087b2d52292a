#include "libs/base/hash.h"

#include <catch2/catch.hpp>

namespace weft {

TEST_CASE("SHA-256 agrees with FIPS 180-4's example", "[base]") {
  CHECK(Hex(Sha256("abc")) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("HMAC-SHA-256 agrees with RFC 4231's second case", "[base]") {
  CHECK(Hex(HmacSha256("Jefe", "what do ya want for nothing?")) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST_CASE("constant-time comparison is still a comparison", "[base]") {
  CHECK(EqualsConstantTime("abc", "abc"));
  CHECK_FALSE(EqualsConstantTime("abc", "abd"));
  CHECK_FALSE(EqualsConstantTime("abc", "ab"));
}

}  // namespace weft
