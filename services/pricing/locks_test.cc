// Price locks: through the RPCs, and without them.
#include <catch2/catch.hpp>

#include "libs/base/error.h"
#include "services/pricing/price_lock.h"
#include "services/pricing/testing/pricing_bench.h"

namespace weft::pricing {
namespace {

struct Shop : PricingBench {
  Shop() {
    Put(Item("85123A"));
    Put(Item("71053"));
    Put(Account("ACME"));
    Put(Account("OTHER"));
    Put(Book("LIST"));
    Put(Price("LIST", "85123A", {{"1", "17.75"}, {"100", "15.00"}}));
  }
  v1::LockPricesRequest Ask(const std::string& quantity = "12", bool tiers = false) {
    v1::LockPricesRequest request;
    request.set_request_id("r-1");
    request.set_account("ACME");
    request.set_include_tiers(tiers);
    v1::PriceRequestLine& line = *request.add_lines();
    line.set_sku("85123A");
    line.mutable_quantity()->set_value(quantity);
    return request;
  }
  v1::LockPricesResponse Lock(const v1::LockPricesRequest& request) {
    auto locked = Call<v1::LockPricesResponse>(Staff(), "LockPrices", request);
    REQUIRE(locked.ok());
    return *std::move(locked);
  }
  std::string Refused(const v1::LockPricesRequest& request) {
    return ReasonOf(Call<v1::LockPricesResponse>(Staff(), "LockPrices", request).status());
  }
  // "" or the reason.
  std::string Verify(const Principal& who, const std::string& lock,
                     const std::string& account = "") {
    v1::VerifyPriceLockRequest request;
    request.set_price_lock(lock);
    request.set_account(account);
    const auto told = Call<v1::PriceLockVerification>(who, "VerifyPriceLock", request);
    REQUIRE(told.ok());
    CHECK(told->valid() == !told->has_reason());
    return told->reason().reason();
  }
  v1::CalculatePricesResponse Use(const std::string& lock, const std::string& quantity = "12",
                                  const Principal& who = Staff()) {
    v1::CalculatePricesRequest request = Line("ACME", "85123A", quantity);
    request.clear_as_of();
    request.set_price_lock(lock);
    auto answer = Calculate(who, request);
    REQUIRE(answer.ok());
    return *std::move(answer);
  }
  std::string Net(const std::string& lock, const std::string& quantity = "12") {
    return Use(lock, quantity).lines(0).net().amount();
  }
  static rpc::JsonWebKeySet Keys(absl::string_view mac_key) {
    return rpc::JsonWebKeySet({PriceLockKey(mac_key).public_key()});
  }
};

TEST_CASE("a lock holds its price while prices move", "[locks]") {
  Shop shop;
  const v1::LockPricesResponse locked = shop.Lock(shop.Ask());
  CHECK(locked.contents().lines(0).net().amount() == "213.00");
  CHECK(locked.contents().account() == "ACME");
  CHECK(locked.contents().lines(0).quantity_rule() == v1::LOCKED_QUANTITY_EXACT);

  shop.Put(Shop::Price("LIST", "85123A", {{"1", "20.00"}}));

  const v1::CalculatePricesResponse with = shop.Use(locked.price_lock());
  CHECK(with.lines(0).net().amount() == "213.00");
  CHECK(with.lines(0).price_lock() == locked.contents().id());
  CHECK(with.lines(0).decision_id() == locked.contents().lines(0).decision_id());
  CHECK(with.total().amount() == "213.00");
  CHECK(with.price_lock_use().lines() == 1);
  CHECK_FALSE(with.price_lock_use().has_reason());
  // Another quantity is not what was locked.
  CHECK(shop.Net(locked.price_lock(), "13") == "260.00");
}

TEST_CASE("a lock with tiers holds for other quantities", "[locks]") {
  Shop shop;
  const std::string lock = shop.Lock(shop.Ask("12", true)).price_lock();
  shop.Put(Shop::Price("LIST", "85123A", {{"1", "20.00"}}));

  CHECK(shop.Net(lock, "12") == "213.00");
  CHECK(shop.Net(lock, "99") == "1757.25");
  CHECK(shop.Net(lock, "100") == "1500.00");
}

TEST_CASE("a lock heals a price that has ended meanwhile", "[locks]") {
  Shop shop;
  const std::string lock = shop.Lock(shop.Ask()).price_lock();
  facts::v1::PriceChanged gone = Shop::Price("LIST", "85123A", {{"1", "17.75"}});
  SetUs(*gone.mutable_validity()->mutable_to(), "2020-01-01T00:00:00Z");
  shop.Put(gone);

  CHECK(shop.Use("").lines(0).reason().reason() == "NO_LONGER_VALID");
  CHECK(shop.Net(lock) == "213.00");
}

TEST_CASE("the same request makes the same lock, and repeats write nothing", "[locks]") {
  Shop shop;

  CHECK(shop.Lock(shop.Ask()).price_lock() == shop.Lock(shop.Ask()).price_lock());
  v1::LockPricesRequest other = shop.Ask();
  other.set_account("OTHER");
  CHECK(shop.Lock(other).contents().id() != shop.Lock(shop.Ask()).contents().id());
}

TEST_CASE("a lock that does not hold says why and changes no price", "[locks]") {
  Shop shop;
  const std::string lock = shop.Lock(shop.Ask()).price_lock();
  shop.Put(Shop::Price("LIST", "85123A", {{"1", "20.00"}}));
  CHECK(shop.Verify(Shop::Staff(), lock).empty());
  CHECK(shop.Verify(Shop::Buyer("ACME"), lock).empty());

  SECTION("tampered") {
    std::string tampered = lock;
    char& c = tampered[lock.find('.') + 20];
    c = c == 'A' ? 'B' : 'A';
    CHECK(shop.Verify(Shop::Staff(), tampered) == "LOCK_SIGNATURE_INVALID");
    CHECK(shop.Use(tampered).price_lock_use().reason().reason() == "LOCK_SIGNATURE_INVALID");
    CHECK(shop.Net(tampered) == "240.00");
  }
  SECTION("of another key") {
    Shop elsewhere;
    const auto parsed = ReadPriceLock(Shop::Keys(std::string(32, 'k')), lock);
    REQUIRE(parsed.ok());
    const std::string forged = SignPriceLock(PriceLockKey(std::string(32, 'x')), *parsed);
    CHECK(shop.Verify(Shop::Staff(), forged) == "LOCK_KEY_UNKNOWN");
    CHECK(shop.Net(forged) == "240.00");
  }
  SECTION("expired") {
    shop.clock().StepWall(absl::Hours(25));
    CHECK(shop.Verify(Shop::Staff(), lock) == "LOCK_EXPIRED");
    CHECK(shop.Net(lock) == "240.00");
    // Asking for the past does not bring it back.
    v1::CalculatePricesRequest past = Shop::Line("ACME", "85123A", "12");
    past.set_price_lock(lock);
    SetUs(*past.mutable_as_of(), "2026-01-01T00:00:01Z");
    CHECK(shop.Told(Shop::Staff(), past) == "20.00 240.00");
  }
  SECTION("another tenant") {
    CHECK(shop.Verify(Shop::Staff("rival"), lock) == "LOCK_OTHER_TENANT");
  }
  SECTION("another account") {
    CHECK(shop.Verify(Shop::Buyer("OTHER"), lock) == "LOCK_OTHER_ACCOUNT");
    CHECK(shop.Verify(Shop::Staff(), lock, "OTHER") == "LOCK_OTHER_ACCOUNT");
    v1::CalculatePricesRequest question = Shop::Line("OTHER", "85123A", "12");
    question.set_price_lock(lock);
    question.clear_as_of();
    CHECK(shop.Told(Shop::Staff(), question) == "20.00 240.00");
  }
  SECTION("no lock at all") {
    const std::string text = GENERATE(as<std::string>(), "x", "a.b.c", "..", "eyJhIjoxfQ.e30.AA");
    CAPTURE(text);
    CHECK(shop.Verify(Shop::Staff(), text) == "LOCK_MALFORMED");
  }
}

TEST_CASE("a lock is asked for properly", "[locks]") {
  Shop shop;
  v1::LockPricesRequest request = shop.Ask();
  SECTION("without a request id") {
    request.clear_request_id();
    CHECK(shop.Refused(request) == "REQUEST_ID_REQUIRED");
  }
  SECTION("without an account") {
    request.clear_account();
    request.set_currency_code("GBP");
    CHECK(shop.Refused(request) == "ACCOUNT_REQUIRED");
  }
  SECTION("for too long") {
    SetUs(*request.mutable_expire_time(), "2100-01-01T00:00:00Z");
    CHECK(shop.Refused(request) == "FIELD_INVALID");
  }
  SECTION("for nothing that has a price") {
    request.mutable_lines(0)->set_sku("71053");
    CHECK(shop.Refused(request) == "NOTHING_TO_LOCK");
  }
}

TEST_CASE("the published key verifies a lock without the room", "[locks]") {
  Shop shop;
  const std::string lock = shop.Lock(shop.Ask()).price_lock();
  const auto keys = shop.Call<v1::ListPriceLockKeysResponse>(Shop::Staff(), "ListPriceLockKeys",
                                                             v1::ListPriceLockKeysRequest());
  REQUIRE(keys.ok());
  const v1::PriceLockKey& key = keys->keys(0);
  const auto set = rpc::JsonWebKeySet::Parse(
      absl::StrCat(R"({"keys":[{"kty":")", key.kty(), R"(","crv":")", key.crv(), R"(","x":")",
                   key.x(), R"(","kid":")", key.kid(), R"(","alg":")", key.alg(), R"("}]})"));
  REQUIRE(set.ok());

  const auto contents = ReadPriceLock(*set, lock);

  REQUIRE(contents.ok());
  CHECK(contents->lines(0).net().amount() == "213.00");
}

}  // namespace
}  // namespace weft::pricing
