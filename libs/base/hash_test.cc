#include "libs/base/hash.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

namespace weft {

TEST_CASE("SHA-256 agrees with FIPS 180-4's example", "[base]") {
  CHECK(Hex(Sha256("abc")) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("HMAC-SHA-256 agrees with RFC 4231's second case", "[base]") {
  CHECK(Hex(HmacSha256("Jefe", "what do ya want for nothing?")) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST_CASE("a MAC key longer than a block is hashed first", "[base]") {
  CHECK(Hex(HmacSha256(std::string(131, '\xaa'),
                       "Test Using Larger Than Block-Size Key - Hash Key First")) ==
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  CHECK(HmacSha256(std::string(64, 'k'), "") != HmacSha256(std::string(65, 'k'), ""));
}

TEST_CASE("hashes of one thread do not disturb those of another", "[base]") {
  const std::string expected = Hex(Sha256("text"));
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        if (Hex(Sha256("text")) != expected) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST_CASE("constant-time comparison is still a comparison", "[base]") {
  CHECK(EqualsConstantTime("abc", "abc"));
  CHECK_FALSE(EqualsConstantTime("abc", "abd"));
  CHECK_FALSE(EqualsConstantTime("abc", "ab"));
}

}  // namespace weft
