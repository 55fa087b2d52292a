#include "libs/base/ids.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace weft {

TEST_CASE("a partition is the head of SHA-256 modulo 64", "[base]") {
  // SHA-256("abc") begins ba7816bf; 0xba7816bf mod 64 = 0x3f.
  CHECK(PartitionOf("abc") == 0x3f);
  CHECK(PartitionOf("abc") == PartitionOf(std::string("abc")));
}

TEST_CASE("a partition does not depend on which tenants were asked for before", "[base]") {
  std::vector<uint32_t> first;
  std::vector<std::string> tenants;
  for (int i = 0; i < 300; ++i) {
    tenants.push_back(std::string(static_cast<size_t>(i % 45), 'x') + std::to_string(i));
  }
  for (const std::string& tenant : tenants) first.push_back(PartitionOf(tenant));
  for (size_t i = tenants.size(); i-- > 0;) {
    CHECK(PartitionOf(tenants[i]) == first[i]);
    CHECK(PartitionOf(tenants[i]) == first[i]);
  }
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
