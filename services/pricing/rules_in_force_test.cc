// What a thread remembers of the documents never shows: every question gets what the
// documents say at its moment, position and scope.
#include "services/pricing/rules_in_force.h"

#include <catch2/catch.hpp>
#include <map>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/ids.h"
#include "libs/service/documents/convert.h"
#include "libs/testing/room_harness.h"
#include "services/pricing/domain/testing/small_facts.h"
#include "services/pricing/rule_documents.h"
#include "services/pricing/state.h"

namespace weft::pricing {
namespace {

namespace docs = documents::v1;

// The harness delivers each event to the partition of its tenant, the platform's too.
std::string NeighbourOfPlatform() {
  for (int i = 0;; ++i) {
    std::string name = absl::StrCat("t", i);
    if (PartitionOf(name) == PartitionOf(engine::kPlatformTenant)) return name;
  }
}
const std::string kTenant = NeighbourOfPlatform();
const absl::Time kDay1 = absl::FromUnixSeconds(1'700'000'000);
const absl::Time kDay2 = kDay1 + absl::Hours(24);
constexpr char kTable[] = "pricing.volume-discounts";

struct Replica {
  documents::DocumentReader reader{"pricing", PricingKinds(), ShippedDocuments()};
  engine::Program program{"pricing-replica"};
  std::unique_ptr<testing::RoomHarness> room;
  std::map<std::string, int64_t> numbers;
  SmallFacts facts;
  Account account;

  Replica() {
    reader.Mount(program);
    room = std::make_unique<testing::RoomHarness>(program);
    account.organisation = facts.S(SymbolKind::kOrganisation, "north");
  }
  // Version `version` of the volume discounts, for `scope` (organisation, channel).
  Stamp Publish(const std::string& tenant, absl::Time from,
                const std::vector<std::tuple<int64_t, std::string, std::string>>& documents) {
    docs::ActivationPublished published;
    docs::Activation& activation = *published.mutable_activation();
    activation.set_room("pricing");
    activation.set_number(++numbers[tenant]);
    *activation.mutable_effective_from() = documents::TimestampOf(from);
    for (const auto& [version, organisation, channel] : documents) {
      docs::DocumentPublished body;
      body.set_room("pricing");
      body.mutable_ref()->set_kind("DecisionTable");
      body.mutable_ref()->set_id(kTable);
      body.mutable_ref()->set_version(version);
      body.mutable_ref()->set_organisation(organisation);
      body.mutable_ref()->set_channel(channel);
      body.set_hash(absl::StrCat("h", version));
      body.set_source(absl::StrCat(R"(
kind: DecisionTable
id: )", kTable, R"(
schema: pricing-line@1
hit_policy: FIRST
inputs:
  - {id: quantity, label: Quantity, expr: line.scale_quantity, type: decimal}
outputs:
  - {id: percent, label: Discount, type: decimal, default: "0"}
  - {id: label, label: Text, type: string, default: '""'}
rules:
  - {id: all, when: {quantity: ">= 1"}, then: {percent: ")", version, R"(", label: '"d"'}}
)"));
      room->Deliver(tenant, engine::kTimeline, "pricing", "documents/d", body);
      docs::ActivatedDocument& d = *activation.add_documents();
      *d.mutable_ref() = body.ref();
      d.set_hash(body.hash());
    }
    return StampOf(1, room->Deliver(tenant, engine::kTimeline, "pricing",
                                    absl::StrCat("activations/", activation.number()), published));
  }
  // Version of the volume discounts that counts; 0 = the build's own.
  int64_t Version(absl::Time as_of, const std::string& channel = "", bool guest = true,
                  Stamp at = ~Stamp{0} >> 1) {
    RulesInForce rules(&reader, kTenant);
    Buyer buyer;
    if (!guest) buyer.account = &account;
    Ask ask;
    ask.as_of_us = absl::ToUnixMicros(as_of);
    ask.channel = channel;
    if (!rules.Find(facts, ask, buyer, rules.At(at)).ok()) return -1;
    return (*rules).VersionOf("DecisionTable", kTable);
  }
  Stamp Position() { return RulesInForce(&reader, kTenant).At(0); }
};

TEST_CASE("what is published counts in the next question of a thread that asked before",
          "[pricing]") {
  Replica r;
  CHECK(r.Version(kDay2) == 0);
  CHECK(r.Version(kDay2) == 0);
  CHECK(r.Position() == 0);
  const Stamp first = r.Publish(kTenant, kDay1, {{1, "", ""}});
  CHECK(r.Version(kDay2) == 1);
  CHECK(r.Position() == first);
  const Stamp second = r.Publish(kTenant, kDay1, {{2, "", ""}});
  CHECK(r.Version(kDay2) == 2);
  CHECK(r.Position() == second);
  // The platform's set is complete or nothing: a table without its schema is refused.
  const Stamp third = r.Publish("platform", kDay1, {{3, "", ""}});
  CHECK(r.Version(kDay2) == -1);
  CHECK(r.Position() == third);
}

TEST_CASE("each question gets the rules of its moment, scope and position, in any order",
          "[pricing]") {
  Replica r;
  const Stamp first = r.Publish(kTenant, kDay1, {{1, "", ""}, {2, "north", ""}, {3, "", "web"}});
  r.Publish(kTenant, kDay2, {{4, "", ""}});
  for (int round = 0; round < 3; ++round) {
    INFO(round);
    CHECK(r.Version(kDay1 - absl::Microseconds(1)) == 0);
    CHECK(r.Version(kDay1) == 1);
    CHECK(r.Version(kDay1, "edi") == 1);
    CHECK(r.Version(kDay1, "", false) == 2);
    CHECK(r.Version(kDay1, "web") == 3);
    CHECK(r.Version(kDay1, "web", false) == 3);
    CHECK(r.Version(kDay2 - absl::Microseconds(1)) == 1);
    CHECK(r.Version(kDay2, "web") == 4);
  }
  // An answer at an older position: what was published later is not looked at. Such
  // a position is asked of the reader itself; a question's own is never older than
  // what its thread knew at its beginning.
  const engine::Position old{1, static_cast<int64_t>(first & ((Stamp{1} << 48) - 1))};
  CHECK(r.reader.Find(kTenant, {}, kDay2, old)->set.activation == 1);
}

TEST_CASE("what is published while a question is under way does not count in it", "[pricing]") {
  Replica r;
  r.Publish(kTenant, kDay1, {{1, "", ""}});
  CHECK(r.Version(kDay1) == 1);
  RulesInForce rules(&r.reader, kTenant);
  const Stamp at = rules.At(0);
  r.Publish(kTenant, kDay1, {{2, "", ""}});
  Ask ask;
  ask.as_of_us = absl::ToUnixMicros(kDay1);
  REQUIRE(rules.Find(r.facts, ask, Buyer(), at).ok());
  CHECK((*rules).VersionOf("DecisionTable", kTable) == 1);
  CHECK(r.Version(kDay1) == 2);
}

TEST_CASE("more tenants and scopes than a thread remembers", "[pricing]") {
  Replica r;
  std::vector<std::tuple<int64_t, std::string, std::string>> documents = {{1, "", ""}};
  for (int i = 2; i < 22; ++i) documents.push_back({i, "", absl::StrCat("c", i)});
  r.Publish(kTenant, kDay1, documents);
  for (int round = 0; round < 2; ++round) {
    for (int i = 2; i < 22; ++i) CHECK(r.Version(kDay1, absl::StrCat("c", i)) == i);
    for (int i = 0; i < 100; ++i) {
      RulesInForce other(&r.reader, absl::StrCat("other", i));
      CHECK(other.At(7) >= 7);
    }
    CHECK(r.Version(kDay1) == 1);
  }
}

}  // namespace
}  // namespace weft::pricing
