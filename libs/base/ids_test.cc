#include "libs/base/ids.h"

#include <catch2/catch.hpp>

namespace weft {

TEST_CASE("a partition is the head of SHA-256 modulo 64", "[base]") {
  // SHA-256("abc") begins ba7816bf; 0xba7816bf mod 64 = 0x3f.
  CHECK(PartitionOf("abc") == 0x3f);
  CHECK(PartitionOf("abc") == PartitionOf(std::string("abc")));
}

TEST_CASE("a derived id depends on each part and on where the parts end", "[base]") {
  const std::string id = DeriveId("t", "m", "r");

  CHECK(id.size() == 26);
  CHECK(id == DeriveId("t", "m", "r"));
  CHECK(id != DeriveId("u", "m", "r"));
  CHECK(id != DeriveId("t", "n", "r"));
  CHECK(id != DeriveId("t", "m", "s"));
  CHECK(DeriveId("ab", "c", "d") != DeriveId("a", "bc", "d"));
}

}  // namespace weft
