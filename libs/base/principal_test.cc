#include "libs/base/principal.h"

#include <catch2/catch.hpp>
#include <tuple>

#include "libs/base/error.h"

namespace weft {

TEST_CASE("an account outside the token is not found", "[base]") {
  Principal buyer{.tenant = "t", .user = "u1", .account = "A", .roles = {"buyer"}};
  Principal shop{.tenant = "t", .roles = {"storefront"}, .accounts = {"A", "B"}};
  Principal rep{.tenant = "t", .roles = {"rep"}, .accounts = {"*"}};

  CHECK(ActingAccount(buyer, "").value() == "A");
  CHECK(ActingAccount(buyer, "A").value() == "A");
  CHECK(ReasonOf(ActingAccount(buyer, "B").status()) == "ACCOUNT_NOT_FOUND");
  CHECK(ActingAccount(shop, "B").value() == "B");
  CHECK(ReasonOf(ActingAccount(shop, "C").status()) == "ACCOUNT_NOT_FOUND");
  CHECK(ActingAccount(shop, "").value().empty());
  CHECK(ActingAccount(rep, "Z").value() == "Z");
}

TEST_CASE("a buyer acts as nobody else", "[base]") {
  Principal buyer{.tenant = "t", .user = "u1", .account = "A", .roles = {"buyer"}};

  CHECK(ActingUser(buyer, "").value() == "u1");
  CHECK(ReasonOf(ActingUser(buyer, "u2").status()) == "USER_NOT_FOUND");
}

}  // namespace weft
