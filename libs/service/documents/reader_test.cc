#include "libs/service/documents/reader.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/ids.h"
#include "libs/service/documents/convert.h"
#include "libs/testing/room_harness.h"

namespace weft::documents {
namespace {

// A tenant that stands in the platform's partition, as the harness delivers each
// event to the partition of its tenant.
std::string NeighbourOfPlatform() {
  for (int i = 0;; ++i) {
    std::string name = absl::StrCat("t", i);
    if (PartitionOf(name) == PartitionOf(engine::kPlatformTenant)) return name;
  }
}
const std::string kTenant = NeighbourOfPlatform();

rules::Kinds TestKinds() {
  rules::Kinds kinds;
  kinds.kinds["Note"] = [](const rules::SetDocument&, std::vector<rules::Finding>&) {};
  kinds.make = [](const rules::DocumentSet& set, const rules::Rules&,
                  std::vector<rules::Finding>& findings) -> std::shared_ptr<const void> {
    std::string all;
    for (const rules::SetDocument& d : set.documents) {
      if (d.tree->TextOr("text") == "bad") {
        findings.push_back({.code = "bad", .document = d.key.ToText(), .message = "it is bad"});
        return nullptr;
      }
      absl::StrAppend(&all, all.empty() ? "" : " ", d.tree->TextOr("text"));
    }
    return std::make_shared<const std::string>(all);
  };
  return kinds;
}

struct Follower {
  DocumentReader reader{"pricing", TestKinds()};
  engine::Program program{"pricing-replica"};
  std::unique_ptr<testing::RoomHarness> room;
  std::map<std::string, int64_t> numbers;

  Follower() {
    reader.Mount(program);
    room = std::make_unique<testing::RoomHarness>(program);
  }
  static v1::DocumentRef Ref(const std::string& id, int64_t version, const std::string& channel) {
    v1::DocumentRef ref;
    ref.set_kind("Note");
    ref.set_id(id);
    ref.set_version(version);
    ref.set_channel(channel);
    return ref;
  }
  void Body(const std::string& tenant, const std::string& id, int64_t version,
            const std::string& text, const std::string& channel = "",
            const std::string& of = "pricing") {
    v1::DocumentPublished body;
    body.set_room(of);
    *body.mutable_ref() = Ref(id, version, channel);
    body.set_hash(absl::StrCat(text, version));
    body.set_source(absl::StrCat("{kind: Note, id: ", id, ", text: ", text, "}"));
    room->Deliver(tenant, engine::kTimeline, "pricing", "documents/" + id, body);
  }
  // `documents`: id, version, channel.
  int64_t Activate(const std::string& tenant,
                   const std::vector<std::tuple<std::string, int64_t, std::string>>& documents,
                   absl::Time from, const std::string& of = "pricing") {
    v1::ActivationPublished published;
    v1::Activation& activation = *published.mutable_activation();
    activation.set_room(of);
    activation.set_number(++numbers[tenant + of]);
    *activation.mutable_effective_from() = TimestampOf(from);
    for (const auto& [id, version, channel] : documents) {
      v1::ActivatedDocument& d = *activation.add_documents();
      *d.mutable_ref() = Ref(id, version, channel);
      d.set_hash(absl::StrCat(id, version));
    }
    return room->Deliver(tenant, engine::kTimeline, "pricing",
                         absl::StrCat("activations/", activation.number()), published);
  }
  std::string Text(absl::Time as_of, const std::string& channel = "",
                   engine::Position at = {INT64_MAX, INT64_MAX}) const {
    const auto active = reader.Find(kTenant, {"", "", channel}, as_of, at);
    if (!active->status.ok()) return ReasonOf(active->status);
    const auto* made = active->compiled->As<std::string>();
    return made == nullptr ? "nothing" : *made;
  }
};

const absl::Time kDay1 = absl::FromUnixSeconds(1'700'000'000);
const absl::Time kDay2 = kDay1 + absl::Hours(24);

TEST_CASE("what is active follows from the time, the position and the scope", "[documents]") {
  Follower f;
  CHECK(f.Text(kDay2) == "nothing");
  f.Body("platform", "a", 1, "standard");
  f.Activate("platform", {{"a", 1, ""}}, kDay1);
  CHECK(f.Text(kDay1) == "standard");
  CHECK(f.Text(kDay1 - absl::Seconds(1)) == "nothing");

  f.Body(kTenant, "a", 1, "own");
  f.Body(kTenant, "a", 1, "web", "web");
  const int64_t second = f.Activate(kTenant, {{"a", 1, ""}, {"a", 1, "web"}}, kDay2);
  CHECK(f.Text(kDay2) == "own");
  CHECK(f.Text(kDay2, "web") == "web");
  CHECK(f.Text(kDay2, "edi") == "own");
  CHECK(f.Text(kDay1) == "standard");
  CHECK(f.Text(kDay2, "", {1, second - 1}) == "standard");
  CHECK(f.reader.newest(kTenant) == engine::Position{1, second});

  const auto active = f.reader.FindNewest(kTenant, {}, kDay2);
  CHECK(active->set.activation == 1);
  CHECK(active->set.platform_activation == 1);
  CHECK(active->set.effective_from == kDay2);
  REQUIRE(active->set.documents.size() == 1);
  CHECK(active->set.documents[0].hash == "a1");
}

TEST_CASE("a set is compiled once and stays while it is looked for", "[documents]") {
  Follower f;
  f.Body("platform", "a", 1, "standard");
  f.Activate("platform", {{"a", 1, ""}}, kDay1);
  const auto first = f.reader.FindNewest(kTenant, {}, kDay2);
  CHECK(f.reader.FindNewest(kTenant, {}, kDay2) == first);
  f.Body("platform", "a", 2, "newer");
  f.Activate("platform", {{"a", 2, ""}}, kDay2);
  CHECK(f.Text(kDay2) == "newer");
  // Back to the first version: the same compiled object.
  f.Activate("platform", {{"a", 1, ""}}, kDay2);
  CHECK(f.reader.FindNewest(kTenant, {}, kDay2)->compiled == first->compiled);
}

TEST_CASE("a set that does not compile stops its tenant only, and until the next", "[documents]") {
  Follower f;
  f.Body("platform", "a", 1, "standard");
  f.Activate("platform", {{"a", 1, ""}}, kDay1);
  f.Body(kTenant, "a", 1, "bad");
  f.Activate(kTenant, {{"a", 1, ""}}, kDay1);
  CHECK(f.Text(kDay1) == "RULES_STALE");
  REQUIRE(f.reader.Stale(absl::InfiniteFuture()).size() == 1);
  CHECK(f.reader.Stale(absl::InfiniteFuture())[0].first == kTenant);
  CHECK(f.reader.FindNewest("platform", {}, kDay1)->status.ok());

  f.Activate(kTenant, {{"missing", 7, ""}}, kDay1);
  CHECK(f.Text(kDay1) == "RULES_STALE");
  f.Activate(kTenant, {}, kDay1);
  CHECK(f.Text(kDay1) == "standard");
}

TEST_CASE("what the build ships holds until the platform publishes", "[documents]") {
  const DocumentReader alone("pricing", TestKinds(), {"{kind: Note, id: a, text: shipped}"});
  const auto active = alone.FindNewest(kTenant, {}, kDay1);
  CHECK(*active->compiled->As<std::string>() == "shipped");
  CHECK(active->set.platform_activation == 0);
  CHECK(alone.FindNewest("elsewhere", {}, kDay1) == active);
}

TEST_CASE("other rooms' documents are none of ours, and a restart changes nothing",
          "[documents]") {
  Follower f;
  f.Body("platform", "a", 1, "standard");
  f.Activate("platform", {{"a", 1, ""}}, kDay1);
  f.Body("platform", "a", 9, "foreign", "", "approval");
  f.Activate("platform", {{"a", 9, ""}}, kDay2, "approval");
  CHECK(f.Text(kDay2) == "standard");

  DocumentReader fresh("pricing", TestKinds());
  f.program.read_models[0] = &fresh;
  f.room->Reopen();
  const auto active = fresh.FindNewest(kTenant, {}, kDay2);
  CHECK(*active->compiled->As<std::string>() == "standard");
  CHECK(fresh.newest(kTenant) == f.reader.newest(kTenant));
}

}  // namespace
}  // namespace weft::documents
