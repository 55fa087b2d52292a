// Where numbers and positions go on when a log was lost, or a part of one.
#include "libs/engine/openings.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "libs/engine/core_rig.h"
#include "libs/engine/house_for_test.h"
#include "libs/engine/reshard.h"

namespace weft::engine {
namespace {

using Missing = std::tuple<std::string, int64_t, int64_t>;

class Witness final : public Observer {
 public:
  void EventsLost(int, const std::string&, int32_t, const std::string& source, int64_t first,
                  int64_t last) override {
    lost.emplace_back(source, first, last);
  }
  std::vector<Missing> lost;
};

struct Rig : CoreRig {
  Rig() {
    options.observer = &witness;
    Open();
  }
  eventlog::Record Opening(int64_t offset, int64_t number, int64_t generation,
                           const std::string& room = "erp") {
    EventHeaders headers;
    headers.room = room;
    headers.number = number;
    headers.type = kSourceOpened;
    const std::string time = FormatEventTime(clock.Wall());
    headers.time_text = time;
    headers.subject = "log";
    headers.tenant = kPlatformTenant;
    headers.generation = generation;
    eventlog::Record record;
    record.offset = offset;
    record.append_time = clock.Wall();
    record.headers = MakeEventHeaders(headers);
    record.value = "";
    return record;
  }
  std::string position() const {
    return core->ReadView("t1", PartitionOf("t1"))->position().ToText();
  }
  eventlog::TopicPartition where(const std::string& topic) const {
    return {topic, static_cast<int32_t>(PartitionOf("t1"))};
  }
  // An operator lets the stopped partition be followed again.
  absl::Status Follow(const std::string& topic, eventlog::Watermarks marks) {
    absl::Status said = absl::UnknownError("not answered");
    Run(FollowInput{where(topic), marks, [&](absl::Status status) { said = std::move(status); }});
    Open();
    return said;
  }
  Witness witness;
};

TEST_CASE("an empty shard takes numbers and generation from an opening", "[core][G34]") {
  Rig rig;
  rig.Run(rig.Records(kTimeline, {rig.Opening(0, 5, 2), rig.MakeRecord(1, 6, "a", "x")}));

  CHECK_FALSE(rig.core->IsStopped(rig.where(kTimeline)));
  CHECK(rig.Add("a") == "g2.1");
  CHECK(rig.position() == "g2.1");
  // What it never had it did not lose.
  CHECK(rig.witness.lost.empty());
}

TEST_CASE("an opening tells what will never come, and goes before gaps only", "[core][G34]") {
  Rig rig;
  rig.Run(rig.Records(kTimeline, {rig.MakeRecord(0, 1, "a", "x"), rig.Opening(1, 3, 2)}));
  CHECK(rig.witness.lost == std::vector<Missing>{{"erp", 2, 3}});
  CHECK(rig.position() == "g2.1");

  rig.Run(rig.Records(kTimeline, {rig.MakeRecord(2, 4, "b", "x"), rig.MakeRecord(3, 6, "c", "x")}));
  CHECK(rig.Add("b") == "g2.2");
  CHECK(rig.Add("c").empty());
  CHECK(rig.core->IsStopped(rig.where(kTimeline)));
}

TEST_CASE("offsets of another generation name nothing", "[core][G34]") {
  Rig rig;
  rig.Run(rig.Records(kTimeline, {rig.MakeRecord(70, 1, "a", "x")}));
  REQUIRE(rig.position() == "g1.70");
  // As read from another log: the shard forgot its offsets.
  Batch batch;
  batch.Delete(Family::kMeta, layout::OffsetKey(PartitionOf("t1"), kTimeline));
  REQUIRE(rig.store.Write(batch, /*sync=*/true).ok());
  rig.Open();

  rig.Run(rig.Records(kTimeline, {rig.Opening(0, 1, 2)}));
  CHECK(rig.position() == "g2.0");
  rig.Crash();
  CHECK(rig.position() == "g2.0");
  rig.Run(rig.Records(kTimeline, {rig.MakeRecord(1, 2, "b", "x")}));
  CHECK(rig.position() == "g2.1");
}

TEST_CASE("a generation never goes back, whoever opens", "[core][G34]") {
  Rig rig;
  rig.Run(rig.Records(kTimeline, {rig.Opening(0, 9, 3), rig.Opening(1, 4, 2, "pricing"),
                                  rig.Opening(2, 9, 3)}));
  CHECK(rig.position() == "g3.2");
  rig.Run(rig.Records(kTimeline, {rig.MakeRecord(3, 10, "a", "x")}));
  CHECK(rig.Add("a") == "g3.3");
}

TEST_CASE("an opening of another topic leaves the timeline's generation", "[core][G34]") {
  Rig rig;
  rig.Run(rig.Records("deposits.v1", {rig.Opening(0, 7, 4), rig.MakeRecord(1, 8, "d", "ann 5")}));
  CHECK(rig.Balance("ann") == 5);
  CHECK(rig.position() == "g1.-1");
}

TEST_CASE("a gap is passed once, by an operator, and what is missing is told", "[core][G35]") {
  Rig rig;
  const auto gap = [&] {
    return rig.Records("deposits.v1", {rig.MakeRecord(1, 5, "b", "ann 50")});
  };
  rig.Run(rig.Records("deposits.v1", {rig.MakeRecord(0, 1, "a", "ann 1")}), gap());
  REQUIRE(rig.core->stopped().at(rig.where("deposits.v1")) == "EVENT_GAP");
  rig.Open();
  rig.Run(gap());
  REQUIRE(rig.core->IsStopped(rig.where("deposits.v1")));

  CHECK(rig.Follow("deposits.v1", {0, 1}) == absl::OkStatus());
  rig.Run(gap());
  CHECK(rig.Balance("ann") == 51);
  CHECK(rig.witness.lost == std::vector<Missing>{{"erp", 2, 4}});
  // Once: after a restart, too, the next gap stops it.
  rig.Open();
  rig.Run(rig.Records("deposits.v1", {rig.MakeRecord(2, 7, "c", "ann 500")}));
  CHECK(rig.Balance("ann") == 51);
  CHECK(rig.core->IsStopped(rig.where("deposits.v1")));
}

TEST_CASE("after retention a partition is followed from where it begins", "[core][G35]") {
  Rig rig;
  const eventlog::TopicPartition where = rig.where("deposits.v1");
  rig.Run(rig.Records("deposits.v1", {rig.MakeRecord(0, 1, "a", "ann 1")}));
  rig.core->StopPartition(where, "OFFSET_GONE");
  REQUIRE(rig.Follow("deposits.v1", {8, 8}) == absl::OkStatus());

  const auto starts = rig.core->StartPositions(
      [](const std::string& topic) -> std::optional<int32_t> {
        return topic == "deposits.v1" ? std::optional<int32_t>(64) : std::nullopt;
      },
      [](const eventlog::TopicPartition&) { return eventlog::Watermarks{}; });
  REQUIRE(starts.ok());
  CHECK((*starts)[static_cast<size_t>(where.partition)].next_offset == 8);
  CHECK_FALSE((*starts)[static_cast<size_t>(where.partition)].last_applied.has_value());
  rig.Run(rig.Records("deposits.v1", {rig.MakeRecord(8, 9, "b", "ann 50")}));
  CHECK(rig.Balance("ann") == 51);
}

TEST_CASE("what is followed is not followed again", "[core][G35]") {
  Rig rig;
  CHECK(ReasonOf(rig.Follow("deposits.v1", {0, 0})) == "PARTITION_FOLLOWED");
}

TEST_CASE("a topic that is missing is told as long as it is, and published to when it is back",
          "[core][G12]") {
  Rig rig;
  rig.Ask("Bank/Add", "r1", "ann 5");
  const auto groups = rig.core->TakeRound(rig.clock.Steady());
  REQUIRE(groups.size() == 1);
  rig.core->Published(groups[0].round, groups[0].index, NotFound("TOPIC_UNKNOWN", "it is gone"),
                      rig.clock.Steady());
  CHECK(ReasonOf(rig.core->relay_failure()) == "TOPIC_UNKNOWN");

  rig.clock.Advance(absl::Seconds(1));
  CHECK(rig.Publish() == std::vector<std::string>{"added.v1:1:5"});
  CHECK(rig.core->relay_failure() == absl::OkStatus());
}

TEST_CASE("a topic that is another one is not published to again", "[core][G22]") {
  Rig rig;
  rig.Ask("Bank/Add", "r1", "ann 5");
  const auto groups = rig.core->TakeRound(rig.clock.Steady());
  REQUIRE(groups.size() == 1);
  rig.core->Published(groups[0].round, groups[0].index, DataLoss("LOG_CHANGED", "another"),
                      rig.clock.Steady());
  rig.clock.Advance(absl::Seconds(10));
  CHECK(rig.Publish().empty());
  CHECK(ReasonOf(rig.core->relay_failure()) == "LOG_CHANGED");
}

// A room that writes the timeline, and one that reads it and takes commands.
Program MakeWriter() {
  Program program("writer");
  program.Emits(kTimeline, {});
  program.commands["Writer/Write"] = [](absl::string_view payload,
                                        Turn& turn) -> absl::StatusOr<std::string> {
    turn.EmitBytes(kTimeline, "test.Fact", std::string(payload), std::string(payload));
    return std::string();
  };
  return program;
}

TEST_CASE("rooms of before and of after a wiped log say the same position", "[shards][G34]") {
  House house;
  const Program writer = MakeWriter();
  const Program reader = bank::MakeProgram();
  const auto write = [&](Shards& shards, const std::string& id) {
    return Ask(shards, MakeCommand("Writer/Write", id, id)).value().token;
  };
  const auto position = [](Shards& shards) {
    return (*shards.Read("t1"))->position().ToText();
  };
  {
    const auto shards = house.Open(writer);
    const auto old = house.Open(reader);
    write(*shards, "one");
    CHECK(Await(*old, "t1", write(*shards, "two")) == absl::OkStatus());
    CHECK(position(*old) == "g1.1");
  }
  house.log.Wipe("00000000-0000-4000-8000-000000000002");
  const std::string folder = house.dir.path() + "/";
  REQUIRE(AppendOpenings(folder + "writer", writer, "", house.log) == absl::OkStatus());
  REQUIRE(RebaseChangelog(folder + "writer", house.log) == absl::OkStatus());
  REQUIRE(RebaseChangelog(folder + "bank", house.log) == absl::OkStatus());

  const auto shards = house.Open(writer);
  const Token token = write(*shards, "three");
  const auto old = house.Open(reader);
  CHECK(Await(*old, "t1", token) == absl::OkStatus());
  const std::string said = position(*old);
  CHECK(said.substr(0, 3) == "g2.");
  Options options;
  options.folder = folder + "fresh";
  const auto opened = Open(options, reader, house.log, house.clock);
  REQUIRE(opened.ok());
  const std::unique_ptr<Shards>& fresh = *opened;
  CHECK(Await(*fresh, "t1", token) == absl::OkStatus());
  CHECK(position(*fresh) == said);
}

}  // namespace
}  // namespace weft::engine
