#include "services/pricing/domain/decision_id.h"

#include <catch2/catch.hpp>
#include <random>
#include <string>

#include "services/pricing/domain/decision_writer.h"

namespace weft::pricing {
namespace {

constexpr SipKey kKey{0x0706050403020100, 0x0f0e0d0c0b0a0908};

Decision Largest() {
  return {.release = 1000,
          .account = (Stamp{200} << 48) | ((Stamp{1} << 40) - 1),
          .item = (Stamp{200} << 48) | ((Stamp{1} << 40) - 1),
          .currency = Currency::Parse("ZWL").value(),
          .quantity = Decimal::Parse("999999999.999999999").value(),
          .unit = 20,
          .as_of_us = 253'402'300'799'999'999,
          .position = (Stamp{200} << 48) | ((Stamp{1} << 40) - 1),
          .channel_number = 0,
          .channel = "a channel with a very long name that has no room"};
}

TEST_CASE("the keyed hash is SipHash-2-4", "[decision_id]") {
  // From the reference vectors: 00 01 02 ... under the key 00 .. 0f.
  std::string bytes;
  CHECK(SipHash(kKey, bytes) == 0x726fdb47dd0e0e31);
  for (char c = 0; c < 15; ++c) bytes.push_back(c);
  CHECK(SipHash(kKey, bytes) == 0xa129ca6149be45e5);
}

TEST_CASE("an id says again what it was made of", "[decision_id]") {
  Decision decision{.release = 1,
                    .account = 17,
                    .item = 4711,
                    .currency = Currency::Parse("GBP").value(),
                    .quantity = Decimal::Parse("600.50").value(),
                    .unit = 2,
                    .as_of_us = -1,
                    .position = (Stamp{1} << 48) | 123456,
                    .channel_number = 0,
                    .channel = "web"};
  std::string id, bytes;
  AppendDecisionId(kKey, "demo", decision, id);

  const std::optional<Decision> read = ReadDecisionId(kKey, "demo", id, bytes);

  REQUIRE(read.has_value());
  CHECK(id.size() <= 60);
  CHECK(read->release == 1);
  CHECK(read->account == 17);
  CHECK(read->item == 4711);
  CHECK(read->currency.code() == "GBP");
  CHECK(read->quantity.Identical(decision.quantity));
  CHECK(read->unit == 2);
  CHECK(read->as_of_us == -1);
  CHECK(read->position == decision.position);
  CHECK(read->channel == "web");
}

TEST_CASE("no id is longer than 80 characters", "[decision_id]") {
  std::string id, bytes;
  AppendDecisionId(kKey, "demo", Largest(), id);
  CHECK(id.size() <= 80);
  REQUIRE(ReadDecisionId(kKey, "demo", id, bytes).has_value());
  // What had no room cannot change a price.
  CHECK(ReadDecisionId(kKey, "demo", id, bytes)->channel.empty());
}

TEST_CASE("an id that was touched is no id", "[decision_id]") {
  std::string id, bytes;
  AppendDecisionId(kKey, "demo", Largest(), id);
  for (size_t i = 0; i < id.size(); ++i) {
    std::string other = id;
    other[i] = other[i] == 'A' ? 'B' : 'A';
    CAPTURE(i);
    CHECK_FALSE(ReadDecisionId(kKey, "demo", other, bytes).has_value());
  }
  CHECK_FALSE(ReadDecisionId(kKey, "other", id, bytes).has_value());
  CHECK_FALSE(ReadDecisionId({1, 2}, "demo", id, bytes).has_value());
  CHECK_FALSE(ReadDecisionId(kKey, "demo", id.substr(1), bytes).has_value());
  CHECK_FALSE(ReadDecisionId(kKey, "demo", id + "A", bytes).has_value());
  CHECK_FALSE(ReadDecisionId(kKey, "demo", "", bytes).has_value());
}

TEST_CASE("the ids of one answer's lines are those that each line would have by itself",
          "[decision_id]") {
  std::mt19937_64 random(Catch::rngSeed());
  const std::string tenants[] = {"d", "demo", std::string(64, 't'), std::string(65, 't')};
  const std::string channels[] = {"", "web", Largest().channel.data()};
  const char* quantities[] = {"1", "0.001", "600.50", "999999999.999999999"};
  const auto number = [&] {
    return (Stamp{random() % 300} << 48) | (random() >> (16 + random() % 48));
  };
  for (int round = 0; round < 2000; ++round) {
    Decision decision;
    decision.release = static_cast<int>(random() % 200);
    decision.account = round % 3 == 0 ? 0 : number();
    decision.currency = Currency::Parse(round % 2 == 0 ? "GBP" : "ZWL").value();
    decision.as_of_us = static_cast<int64_t>(random() >> (random() % 40 + 6));
    if (round % 5 == 0) decision.as_of_us = -decision.as_of_us;
    decision.position = number();
    if (round % 4 == 0) decision.channel_number = number();
    decision.channel = channels[random() % 3];
    const std::string& tenant = tenants[random() % 4];
    DecisionWriter writer(kKey, tenant, decision);
    for (int line = 0; line < 3; ++line) {
      decision.item = number();
      decision.quantity = Decimal::Parse(quantities[random() % 4]).value();
      decision.unit = static_cast<int>(random() % 300);
      decision.request_hash = line == 1 ? static_cast<uint32_t>(random()) | 1 : 0;
      char one[128];
      char other[DecisionWriter::kRoom];
      const std::string expected(one, WriteDecisionId(kKey, tenant, decision, one));
      REQUIRE(std::string(other, writer.Write(decision.item, decision.quantity, decision.unit,
                                              decision.request_hash, other)) == expected);
    }
  }
}

}  // namespace
}  // namespace weft::pricing
