// What the engine guarantees, one test a sentence; the tags are the numbers of
// README.md.
#include "libs/engine/core.h"

#include <catch2/catch.hpp>

#include "libs/base/error.h"
#include "libs/engine/core_rig.h"

namespace weft::engine {
namespace {

using Strings = std::vector<std::string>;

// --- Durability ----------------------------------------------------------------

TEST_CASE("a caller is answered after the sync, not before", "[core][G1]") {
  CoreRig rig;
  Reply reply;

  rig.core->Decide(CoreRig::List(rig.MakeCommand("Bank/Add", "r1", "ann 5", &reply)), rig.Now());
  CHECK_FALSE(reply.answered);
  REQUIRE(rig.core->Write(/*sync=*/false).ok());
  CHECK_FALSE(reply.answered);
  REQUIRE(rig.core->Sync().ok());
  CHECK_FALSE(reply.answered);
  rig.core->Release();

  CHECK(reply.text() == "5");
  rig.Crash();
  CHECK(rig.Balance("ann") == 5);
}

TEST_CASE("a refusal waits for the sync too, for it may rest on what is not yet durable",
          "[core][G1]") {
  CoreRig rig;
  Reply add;
  Reply refused;

  rig.core->Decide(CoreRig::List(rig.MakeCommand("Bank/Add", "r1", "ann 5", &add),
                                 rig.MakeCommand("Bank/Add", "r2", "ann -9", &refused)),
                   rig.Now());
  REQUIRE(rig.core->Write(/*sync=*/true).ok());
  CHECK_FALSE(refused.answered);
  rig.core->Release();

  CHECK(refused.text() == "BALANCE_TOO_LOW");
}

TEST_CASE("a turn is durable as a whole or not at all", "[core][G2]") {
  CoreRig rig;
  const std::string before = rig.store.Dump();

  rig.core->Decide(
      CoreRig::List(rig.MakeCommand("Bank/Add", "r1", "ann 5"),
                    rig.MakeCommand("Bank/Later", "r2", "ann 5 60"),
                    rig.MakeCommand("Bank/Ask", "r3", "ann"),
                    rig.Records("deposits.v1", {rig.MakeRecord(0, 1, "a", "ann 1")})),
      rig.Now());
  REQUIRE(rig.core->Write(/*sync=*/false).ok());
  REQUIRE(rig.store.unsynced() == 1);  // State, outbox, timer, task, answer, offset: one batch.

  rig.core.reset();
  rig.store.Crash();
  CHECK(rig.store.Dump() == before);
}

TEST_CASE("a turn that returns an error leaves nothing behind", "[core][G3]") {
  CoreRig rig;
  const std::string before = rig.store.Dump();

  CHECK(rig.Ask("Bank/Add", "r1", "ann -5").text() == "BALANCE_TOO_LOW");

  CHECK(rig.store.Dump() == before);
  CHECK(rig.Add("r1").empty());
  // The number of the event it did not emit is free.
  CHECK(rig.Ask("Bank/Add", "r2", "ann 5").answer->token.number == 1);
}

TEST_CASE("a turn that breaks a rule of the engine leaves nothing behind", "[core][G3]") {
  CoreRig rig;
  const std::string before = rig.store.Dump();

  CHECK(rig.Ask("Bank/Large", "r1", "5000").text() == "RECORD_TOO_LARGE");

  CHECK(rig.store.Dump() == before);
}

TEST_CASE("a turn sees the turns before it in the same batch", "[core][G4]") {
  CoreRig rig;
  Reply first;
  Reply second;
  Reply peek;

  rig.Run(rig.MakeCommand("Bank/Add", "r1", "ann 5", &first),
          rig.MakeCommand("Bank/Add", "r2", "ann -3", &second),
          rig.MakeCommand("Bank/Peek", "r3", "ann", &peek));

  CHECK(first.text() == "5");
  CHECK(second.text() == "2");
  CHECK(peek.text() == "2");
}

TEST_CASE("a scan merges what is stored, what the batch wrote and what the turn wrote",
          "[core][G4]") {
  Program program("scan");
  program.commands["Put"] = [](absl::string_view payload,
                               Turn& turn) -> absl::StatusOr<std::string> {
    for (const std::string& word : bank::Words(payload)) {
      if (word[0] == '-') {
        turn.Delete(bank::kAdds, word.substr(1));
      } else {
        turn.Put(bank::kAdds, word, std::string(payload));
      }
    }
    std::string found;
    (void)turn.Scan(bank::kAdds, "k", [&](absl::string_view key, const std::string& row) {
      found += std::string(key) + "=" + row + ";";
      // Changing rows while scanning is allowed and does not disturb.
      turn.Put(bank::kBalances, key, std::string("seen"));
      return true;
    });
    return found;
  };
  CoreRig rig(std::move(program));
  CHECK(rig.Ask("Put", "r1", "k1 k3 k5 z").text() == "k1=k1 k3 k5 z;k3=k1 k3 k5 z;k5=k1 k3 k5 z;");
  Reply second;
  Reply third;

  rig.Run(rig.MakeCommand("Put", "r2", "k2 -k3", &second),
          rig.MakeCommand("Put", "r3", "k4 -k2 k1", &third));

  CHECK(second.text() == "k1=k1 k3 k5 z;k2=k2 -k3;k5=k1 k3 k5 z;");
  CHECK(third.text() == "k1=k4 -k2 k1;k4=k4 -k2 k1;k5=k1 k3 k5 z;");
}

TEST_CASE("a full disk keeps what waits at the gate at the gate", "[core][G21]") {
  CoreRig rig;
  Reply first;
  rig.core->Decide(CoreRig::List(rig.MakeCommand("Bank/Add", "r1", "ann 5", &first),
                                 rig.MakeCommand("Bank/Ask", "r2", "ann")),
                   rig.Now());
  REQUIRE(rig.core->Write(/*sync=*/true).ok());
  rig.store.FailWrites(ResourceExhausted("DISK_FULL", "full"));
  rig.core->Decide(CoreRig::List(rig.MakeCommand("Bank/Add", "r3", "ann 5")), rig.Now());
  REQUIRE_FALSE(rig.core->Write(/*sync=*/true).ok());
  rig.store.FailWrites(absl::OkStatus());

  CHECK_FALSE(first.answered);
  CHECK(rig.Publish().empty());
  CHECK(rig.core->TakeTasks(rig.clock.Steady(), 10).empty());
  rig.core->Release();
  CHECK(first.text() == "5");
  CHECK(rig.Publish() == Strings{"added.v1:1:5"});
  CHECK(rig.core->TakeTasks(rig.clock.Steady(), 10).size() == 1);
}

TEST_CASE("a full disk refuses the batch and leaves nothing of it", "[core][G21]") {
  CoreRig rig;
  REQUIRE(rig.Ask("Bank/Add", "r1", "ann 5").answer.ok());
  rig.store.FailWrites(ResourceExhausted("DISK_FULL", "full"));
  Reply reply;

  const absl::Status status = rig.core->RunBatch(
      CoreRig::List(rig.MakeCommand("Bank/Add", "r2", "ann 5", &reply),
                    rig.MakeCommand("Bank/Later", "r3", "ann 5 1")),
      rig.Now());
  rig.store.FailWrites(absl::OkStatus());

  CHECK(ReasonOf(status) == "DISK_FULL");
  CHECK(reply.text() == "DISK_FULL");
  CHECK(rig.Ask("Bank/Add", "r2", "ann 5").text() == "10");
  CHECK(rig.Publish() == Strings{"added.v1:1:5", "added.v1:2:5"});
  rig.clock.Advance(absl::Minutes(1));
  rig.Run();
  CHECK(rig.Balance("ann") == 10);
}

TEST_CASE("a store that cannot be read stops the shard, it parks and refuses nothing",
          "[core][G21]") {
  CoreRig rig;
  rig.Ask("Bank/Add", "r1", "ann 5");
  rig.Open();  // With an empty cache.
  const std::string before = rig.store.Dump();
  rig.store.FailReads(DataLoss("STORE_CORRUPT", "damaged"));
  Reply reply;

  const absl::Status status = rig.core->RunBatch(
      CoreRig::List(rig.Records("deposits.v1", {rig.MakeRecord(0, 1, "a", "ann 1")}),
                    rig.MakeCommand("Bank/Add", "r2", "ann 5", &reply)),
      rig.Now());

  CHECK(ReasonOf(status) == "STORE_CORRUPT");
  CHECK_FALSE(reply.answered);
  rig.store.FailReads(absl::OkStatus());
  CHECK(rig.store.Dump() == before);
}

// --- Repeats ---------------------------------------------------------------------

TEST_CASE("a repeat gets the first answer and has no second effect", "[core][G5]") {
  CoreRig rig;
  const Reply first = rig.Ask("Bank/Add", "r1", "ann 5");
  REQUIRE(rig.Ask("Bank/Add", "r2", "ann 5").text() == "10");
  const bool crash = GENERATE(false, true);
  if (crash) rig.Crash();

  const Reply again = rig.Ask("Bank/Add", "r1", "ann 5");

  CHECK(again.text() == "5");
  CHECK(again.answer->replayed);
  CHECK(again.answer->token == first.answer->token);
  CHECK(rig.Balance("ann") == 10);
}

TEST_CASE("a repeat in the same batch waits behind the first and gets its answer",
          "[core][G5]") {
  CoreRig rig;
  Reply first;
  Reply second;

  rig.Run(rig.MakeCommand("Bank/Add", "r1", "ann 5", &first),
          rig.MakeCommand("Bank/Add", "r1", "ann 5", &second));

  CHECK(first.text() == "5");
  CHECK(second.text() == "5");
  CHECK(second.answer->replayed);
  CHECK(rig.Balance("ann") == 5);
}

TEST_CASE("answers go after their time, never before the least", "[core][G5]") {
  CoreRig rig;
  REQUIRE(rig.Ask("Bank/Add", "r1", "ann 5").answer.ok());

  rig.clock.Advance(absl::Hours(24) - absl::Minutes(1));
  REQUIRE(rig.Ask("Bank/Add", "r2", "ann 5").answer.ok());
  CHECK(rig.Ask("Bank/Add", "r1", "ann 5").answer->replayed);
  rig.clock.Advance(absl::Minutes(2));
  REQUIRE(rig.Ask("Bank/Add", "r3", "ann 5").answer.ok());

  CHECK_FALSE(rig.Ask("Bank/Add", "r1", "ann 5").answer->replayed);
  CHECK(rig.Ask("Bank/Add", "r2", "ann 5").answer->replayed);
}

TEST_CASE("beyond their bytes answers go early, but none younger than the least",
          "[core][G5]") {
  CoreRig rig;
  rig.options.answers_bytes_max = 1;
  rig.Open();
  for (int i = 0; i < 5; ++i) rig.Ask("Bank/Add", "r" + std::to_string(i), "ann 5");
  CHECK(rig.Ask("Bank/Add", "r0", "ann 5").answer->replayed);

  rig.clock.Advance(absl::Minutes(11));
  for (int i = 5; i < 9; ++i) rig.Ask("Bank/Add", "r" + std::to_string(i), "ann 5");

  CHECK_FALSE(rig.Ask("Bank/Add", "r0", "ann 5").answer->replayed);
  CHECK(rig.Ask("Bank/Add", "r8", "ann 5").answer->replayed);
}

TEST_CASE("another body under the same id is refused", "[core][G6]") {
  CoreRig rig;
  REQUIRE(rig.Ask("Bank/Add", "r1", "ann 5").answer.ok());

  CHECK(rig.Ask("Bank/Add", "r1", "ann 6").text() == "REQUEST_ID_REUSED");

  // Another method or tenant has ids of its own.
  CHECK(rig.Ask("Bank/Later", "r1", "ann 6 1").answer.ok());
  CHECK(rig.Ask("Bank/Add", "r1", "ann 6", "t2").text() == "6");
}

TEST_CASE("a refusal is decided anew", "[core][G7]") {
  CoreRig rig;
  REQUIRE(rig.Ask("Bank/Add", "r1", "ann -5").text() == "BALANCE_TOO_LOW");
  REQUIRE(rig.Ask("Bank/Add", "r2", "ann 9").answer.ok());

  CHECK(rig.Ask("Bank/Add", "r1", "ann -5").text() == "4");
}

TEST_CASE("a command without a usable request id is refused", "[core][G6]") {
  const std::string id = GENERATE(std::string(), std::string("a b"), std::string("a\n"),
                                  std::string("\xc3\xa4"), std::string(256, 'x'));
  CAPTURE(id);
  Command command;
  command.request_id = id;
  CHECK(ReasonOf(MakeCommandInput(std::move(command), absl::ZeroDuration()).status()) ==
        "REQUEST_ID_REQUIRED");
}

TEST_CASE("what was undone before it came is never done", "[core][G8]") {
  CoreRig rig;
  REQUIRE(rig.Ask("Bank/Undo", "u1", "r1 ann 5").text() == "marked");
  const bool crash = GENERATE(false, true);
  if (crash) rig.Crash();

  CHECK(rig.Ask("Bank/Add", "r1", "ann 5").text() == "UNDONE");
  rig.clock.Advance(absl::Hours(24 * 30));
  rig.Run();
  CHECK(rig.Ask("Bank/Add", "r1", "ann 5").text() == "UNDONE");

  CHECK(rig.Balance("ann") == 0);
  CHECK(rig.Ask("Bank/Add", "r2", "ann 5").text() == "5");
}

TEST_CASE("an undo and its do in one batch leave nothing, in either order", "[core][G8]") {
  CoreRig rig;
  const bool do_first = GENERATE(true, false);
  Input add = rig.MakeCommand("Bank/Add", "r1", "ann 5");
  Input undo = rig.MakeCommand("Bank/Undo", "u1", "r1 ann 5");

  if (do_first) {
    rig.Run(std::move(add), std::move(undo));
  } else {
    rig.Run(std::move(undo), std::move(add));
  }

  CHECK(rig.Balance("ann") == 0);
}

TEST_CASE("ids of created things are the same for the same request", "[core][G25]") {
  Program program("ids");
  program.commands["Make"] = [](absl::string_view payload,
                                Turn& turn) -> absl::StatusOr<std::string> {
    return turn.NewId() + "/" + turn.NewId(payload);
  };
  CoreRig rig(std::move(program));

  const std::string first = rig.Ask("Make", "r1", "line-1").text();
  rig.Crash();

  CHECK(rig.Ask("Make", "r1", "line-1").text() == first);
  CHECK(rig.Ask("Make", "r2", "line-1").text() != first);
  CHECK(rig.Ask("Make", "r1", "line-1", "t2").text() != first);
  CHECK(first.substr(0, 26) == DeriveId("t1", "Make", "r1"));
}

TEST_CASE("a command whose deadline passed in the queue is not started", "[core][G16]") {
  CoreRig rig;
  Reply reply;
  Input input = rig.MakeCommand("Bank/Add", "r1", "ann 5", &reply);
  rig.clock.Advance(absl::Seconds(6));

  rig.Run(std::move(input));

  CHECK(reply.text() == "DEADLINE_PASSED");
  CHECK(rig.Balance("ann") == 0);
}

// --- Events in -------------------------------------------------------------------

TEST_CASE("a record is applied once, whatever is delivered again", "[core][G9]") {
  CoreRig rig;
  const auto one = [&] { return rig.MakeRecord(0, 1, "a", "ann 1"); };
  const auto two = [&] { return rig.MakeRecord(1, 2, "b", "ann 10"); };
  rig.Run(rig.Records("deposits.v1", {one(), two()}));

  rig.Run(rig.Records("deposits.v1", {one(), two()}));           // The reader began again.
  rig.Run(rig.Records("deposits.v1", {rig.MakeRecord(2, 1, "a", "ann 1"),
                                      rig.MakeRecord(3, 2, "b", "ann 10")}));  // Published twice.
  rig.Crash();
  rig.Run(rig.Records("deposits.v1", {two(), rig.MakeRecord(3, 2, "b", "ann 10"),
                                      rig.MakeRecord(4, 3, "c", "ann 100")}));

  CHECK(rig.Balance("ann") == 111);
}

TEST_CASE("a crash before the sync applies the record again, after it never", "[core][G9]") {
  CoreRig rig;
  const bool synced = GENERATE(false, true);

  rig.core->Decide(
      CoreRig::List(rig.Records("deposits.v1", {rig.MakeRecord(0, 1, "a", "ann 1")})), rig.Now());
  REQUIRE(rig.core->Write(synced).ok());
  rig.Crash();

  CHECK(rig.Balance("ann") == (synced ? 1 : 0));
  rig.Run(rig.Records("deposits.v1", {rig.MakeRecord(0, 1, "a", "ann 1")}));
  CHECK(rig.Balance("ann") == 1);
}

TEST_CASE("a gap stops its partition and no other", "[core][G10]") {
  CoreRig rig;
  std::string other = "t2";
  while (PartitionOf(other) == PartitionOf("t1")) other += "x";
  rig.Run(rig.Records("deposits.v1", {rig.MakeRecord(0, 1, "a", "ann 1"),
                                      rig.MakeRecord(1, 3, "c", "ann 100"),
                                      rig.MakeRecord(2, 4, "d", "ann 1000")}));

  CHECK(rig.Balance("ann") == 1);
  CHECK(rig.core->stopped().size() == 1);
  CHECK(rig.core->IsStopped({"deposits.v1", static_cast<int32_t>(PartitionOf("t1"))}));
  rig.Run(rig.Records("deposits.v1", {rig.MakeRecord(0, 1, "a", "bob 1", other)}, other));
  CHECK(rig.Balance("bob", other) == 1);
  CHECK(rig.Ask("Bank/Add", "r1", "ann 5").text() == "6");

  // Opened anew, it goes on where it stopped.
  rig.Open();
  rig.Run(rig.Records("deposits.v1", {rig.MakeRecord(1, 2, "b", "ann 10"),
                                      rig.MakeRecord(2, 3, "c", "ann 100")}));
  CHECK(rig.Balance("ann") == 116);
}

TEST_CASE("each source has numbers of its own", "[core][G10]") {
  CoreRig rig;
  auto other = rig.MakeRecord(1, 1, "b", "ann 10");
  for (auto& h : other.headers) {
    if (h.name == "ce_source") h.value = "/weft/other";
  }

  rig.Run(rig.Records("deposits.v1", {rig.MakeRecord(0, 1, "a", "ann 1"), other,
                                      rig.MakeRecord(2, 2, "c", "ann 100")}));

  CHECK(rig.Balance("ann") == 111);
}

TEST_CASE("a compacted topic may lack numbers in what was there at the start, not later",
          "[core][G10]") {
  Program program = bank::MakeProgram();
  program.Compacted("deposits.v1");
  CoreRig rig(std::move(program));
  const auto positions = rig.core->StartPositions(
      [](const std::string& topic) {
        return topic == "deposits.v1" ? std::optional<int32_t>(64) : std::nullopt;
      },
      [](const eventlog::TopicPartition&) -> absl::StatusOr<eventlog::Watermarks> {
        return eventlog::Watermarks{0, 10};
      });
  REQUIRE(positions.ok());
  REQUIRE(positions->size() == 64);

  rig.Run(rig.Records("deposits.v1", {rig.MakeRecord(4, 3, "a", "ann 1"),
                                      rig.MakeRecord(9, 7, "b", "ann 10"),
                                      rig.MakeRecord(10, 8, "c", "ann 100"),
                                      rig.MakeRecord(11, 10, "d", "ann 1000")}));

  CHECK(rig.Balance("ann") == 111);
  CHECK(rig.core->stopped().size() == 1);
}

TEST_CASE("a reader starts behind what was applied and knows its digest", "[core][G9]") {
  CoreRig rig;
  const auto record = rig.MakeRecord(7, 1, "a", "ann 1");
  rig.Run(rig.Records("deposits.v1", {record}));
  rig.Crash();

  const auto positions = rig.core->StartPositions(
      [](const std::string& topic) {
        return topic == "deposits.v1" ? std::optional<int32_t>(64) : std::nullopt;
      },
      [](const eventlog::TopicPartition&) -> absl::StatusOr<eventlog::Watermarks> {
        return eventlog::Watermarks{0, 0};
      });

  REQUIRE(positions.ok());
  const auto& start = (*positions)[PartitionOf("t1")];
  CHECK(start.next_offset == 8);
  REQUIRE(start.last_applied.has_value());
  CHECK(start.last_applied->offset == 7);
  CHECK(start.last_applied->digest == eventlog::RecordDigest(record));
}

TEST_CASE("a record that cannot be applied is parked with its bytes and reason",
          "[core][G11]") {
  CoreRig rig;
  auto unreadable = rig.MakeRecord(1, 2, "b", "ann 10");
  unreadable.headers.clear();
  rig.Run(rig.Records("deposits.v1", {rig.MakeRecord(0, 1, "a", "poison"), unreadable,
                                      rig.MakeRecord(2, 2, "c", "ann 100")}));
  rig.Crash();

  CHECK(rig.Balance("ann") == 100);
  CHECK(rig.Add("a").empty());  // The refused turn left nothing.
  const auto parked = rig.core->ListParked(10);
  REQUIRE(parked.size() == 2);
  CHECK(parked[0].reason == "DEPOSIT_INVALID");
  CHECK(parked[0].value == "poison");
  CHECK(parked[0].offset == 0);
  CHECK(parked[1].reason == "EVENT_UNREADABLE");
  CHECK(parked[1].value == "ann 10");
}

TEST_CASE("a record waits behind a parked one of its key and follows it", "[core][G11]") {
  Program program = bank::MakeProgram();
  bool broken = true;
  program.events["deposits.v1"] = {[&](const Event& event, Turn& turn) -> absl::Status {
    const auto words = bank::Words(event.payload);
    if (broken) return InvalidArgument("BROKEN", "broken");
    const auto row = turn.Find(bank::kAdds, "order");
    turn.Put(bank::kAdds, "order", row->value_or("") + words[0]);
    return absl::OkStatus();
  }};
  CoreRig rig(std::move(program));
  rig.Run(rig.Records("deposits.v1", {rig.MakeRecord(0, 1, "k", "a")}));
  broken = false;
  rig.Run(rig.Records("deposits.v1", {rig.MakeRecord(1, 2, "k", "b"),
                                      rig.MakeRecord(2, 3, "other", "x"),
                                      rig.MakeRecord(3, 4, "k", "c")}));
  CHECK(rig.Add("order") == "x");
  rig.Crash();
  const auto parked = rig.core->ListParked(10);
  REQUIRE(parked.size() == 3);
  CHECK(parked[1].reason == "PARKED_PREDECESSOR");
  const auto act = [&](ParkedInput::Action action, const ParkedRecord& record) {
    absl::Status result = absl::UnknownError("not called");
    rig.Run(ParkedInput{action, record.partition, record.number,
                        [&](absl::Status status) { result = std::move(status); }});
    return result;
  };

  CHECK(ReasonOf(act(ParkedInput::Action::kReplay, parked[2])) == "PARKED_PREDECESSOR");
  SECTION("replayed, the others follow in order") {
    CHECK(act(ParkedInput::Action::kReplay, parked[0]).ok());
    CHECK(rig.Add("order") == "xabc");
  }
  SECTION("discarded, the others follow in order") {
    CHECK(act(ParkedInput::Action::kDiscard, parked[0]).ok());
    CHECK(rig.Add("order") == "xbc");
  }
  SECTION("failing again, it stays") {
    broken = true;
    CHECK(ReasonOf(act(ParkedInput::Action::kReplay, parked[0])) == "BROKEN");
    CHECK(rig.core->ListParked(10).size() == 3);
    return;
  }
  CHECK(rig.core->ListParked(10).empty());
  CHECK(rig.core->parked() == 0);
  rig.Run(rig.Records("deposits.v1", {rig.MakeRecord(4, 5, "k", "d")}));
  CHECK(rig.Add("order").back() == 'd');
  CHECK(ReasonOf(act(ParkedInput::Action::kReplay, parked[0])) == "PARKED_NOT_FOUND");
}

TEST_CASE("a tenant's position is the offset of its last fact or the platform's",
          "[core][G18]") {
  CoreRig rig;
  rig.Run(rig.Records(kTimeline, {rig.MakeRecord(5, 1, "items/1", "x")}));
  CHECK(rig.Add("items/1") == "g1.5");
  const auto view = [&](const std::string& tenant) {
    return rig.core->ReadView(tenant, PartitionOf("t1"));
  };
  CHECK(view("t1")->position() == Position{1, 5});
  CHECK(view("other")->position() == Position{1, -1});

  rig.clock.Advance(absl::Seconds(1));
  rig.Run(rig.Records(kTimeline, {rig.MakeRecord(9, 2, "docs/1", "x", kPlatformTenant)}));
  rig.Crash();

  CHECK(view("t1")->position() == Position{1, 9});
  CHECK(view("other")->position() == Position{1, 9});
  CHECK(view("t1")->source_time() == rig.clock.Wall());
}

// --- Events out --------------------------------------------------------------------

TEST_CASE("events are numbered without gaps and published in order, again after a crash",
          "[core][G12]") {
  CoreRig rig;
  rig.Ask("Bank/Add", "r1", "ann 1");
  rig.Ask("Bank/Add", "r2", "ann -5");  // Refused.
  rig.Ask("Bank/Add", "r3", "ann 3");
  CHECK(rig.Publish(/*confirm=*/false) == Strings{"added.v1:1:1", "added.v1:2:3"});

  rig.Crash();
  rig.Ask("Bank/Add", "r4", "ann 4");

  CHECK(rig.Publish() == Strings{"added.v1:1:1", "added.v1:2:3", "added.v1:3:4"});
  REQUIRE(rig.core->Trim(/*all=*/true).ok());
  REQUIRE(rig.core->Sync().ok());
  rig.Crash();
  CHECK(rig.Publish().empty());
  CHECK(rig.Ask("Bank/Add", "r5", "ann 5").answer->token.number == 4);
}

TEST_CASE("what the platform says stands in every partition, numbered in each", "[core]") {
  CoreRig rig;
  rig.Ask("Bank/Add", "r1", "ann 1");

  CHECK(rig.Ask("Bank/Tell", "r2", "x").text() == "INTERNAL");  // A tenant has one partition.
  const Reply told = rig.Ask("Bank/Tell", "r3", "x", kPlatformTenant);

  REQUIRE(told.answer.ok());
  CHECK(told.answer->token == Token{"bank", PartitionOf(kPlatformTenant), "added.v1", 1});
  std::vector<std::string> published = rig.Publish();
  CHECK(published.size() == 65);
  // All are the first of their partition, but in the one where something was.
  CHECK(std::count(published.begin(), published.end(), "added.v1:2:x") == 1);
  CHECK(std::count(published.begin(), published.end(), "added.v1:1:x") == 63);
}

TEST_CASE("no event leaves before its turn is released", "[core][G12]") {
  CoreRig rig;
  rig.core->Decide(CoreRig::List(rig.MakeCommand("Bank/Add", "r1", "ann 1")), rig.Now());
  CHECK(rig.Publish().empty());
  REQUIRE(rig.core->Write(/*sync=*/true).ok());
  CHECK(rig.Publish().empty());
  rig.core->Release();
  CHECK(rig.Publish() == Strings{"added.v1:1:1"});
}

TEST_CASE("a failed append is repeated before anything later of its partition",
          "[core][G12]") {
  CoreRig rig;
  rig.Ask("Bank/Add", "r1", "ann 1");
  rig.Ask("Bank/Add", "r2", "ann 2");
  auto groups = rig.core->TakeRound(rig.clock.Steady());
  REQUIRE(groups.size() == 1);
  rig.Ask("Bank/Add", "r3", "ann 3");
  CHECK(rig.Publish().empty());  // One round at a time.

  rig.core->Published(groups[0].round, groups[0].index, Unavailable("LOG_UNAVAILABLE", "away"),
                      rig.clock.Steady());
  CHECK(rig.Publish().empty());  // A pause first.
  rig.clock.Advance(absl::Seconds(1));

  CHECK(rig.Publish() == Strings{"added.v1:1:1", "added.v1:2:2", "added.v1:3:3"});
}

TEST_CASE("a record the log will never take stops the relay and is told", "[core][G12]") {
  CoreRig rig;
  rig.Ask("Bank/Add", "r1", "ann 1");
  auto groups = rig.core->TakeRound(rig.clock.Steady());
  REQUIRE(groups.size() == 1);

  rig.core->Published(groups[0].round, 0, InvalidArgument("RECORD_TOO_LARGE", "large"),
                      rig.clock.Steady());

  CHECK(ReasonOf(rig.core->relay_failure()) == "RECORD_TOO_LARGE");
  CHECK(rig.Publish().empty());
}

TEST_CASE("more rows than memory holds are published from the store, in order",
          "[core][G12]") {
  CoreRig rig;
  rig.options.relay_memory_bytes_max = 40;
  rig.options.publish_rows_max = 3;
  rig.options.trim_rows_min = 2;
  rig.Open();
  Strings expected;
  for (int i = 1; i <= 20; ++i) {
    rig.Ask("Bank/Add", "r" + std::to_string(i), "ann " + std::to_string(i));
    expected.push_back("added.v1:" + std::to_string(i) + ":" + std::to_string(i));
  }

  CHECK(rig.Publish() == expected);
  CHECK(rig.core->outbox_rows() == 0);
  CHECK(rig.core->outbox_bytes() == 0);
}

TEST_CASE("a shard whose outbox is full says so until the log took rows", "[core][G20]") {
  CoreRig rig;
  rig.options.outbox_bytes_max = 400;
  rig.Open();
  CHECK_FALSE(rig.core->log_behind());
  for (int i = 0; i < 4; ++i) rig.Ask("Bank/Add", "r" + std::to_string(i), "ann 1");

  CHECK(rig.core->log_behind());
  rig.Crash();
  CHECK(rig.core->log_behind());
  rig.Publish();
  CHECK_FALSE(rig.core->log_behind());
}

// --- Timers ------------------------------------------------------------------------

TEST_CASE("a timer fires once, not before it is due, and survives a crash", "[core][G13]") {
  CoreRig rig;
  rig.Ask("Bank/Later", "r1", "ann 5 60");
  rig.Crash();
  CHECK(rig.core->next_timer() == rig.core->now() + absl::Seconds(60));

  rig.clock.Advance(absl::Seconds(60) - absl::Microseconds(1));
  CHECK_FALSE(rig.core->HasInternalWork(rig.Now()));
  rig.Run();
  CHECK(rig.Balance("ann") == 0);
  rig.clock.Advance(absl::Microseconds(1));
  CHECK(rig.core->HasInternalWork(rig.Now()));
  rig.Run();
  CHECK(rig.Balance("ann") == 5);
  rig.Crash();
  rig.clock.Advance(absl::Hours(1));
  rig.Run();
  CHECK(rig.Balance("ann") == 5);
  CHECK(rig.core->next_timer() == absl::InfiniteFuture());
}

TEST_CASE("a timer set again moves, a cancelled one never fires", "[core][G13]") {
  CoreRig rig;
  rig.Ask("Bank/Later", "r1", "ann 5 60");
  rig.Ask("Bank/Later", "r2", "ann 7 30");
  rig.Ask("Bank/Later", "r3", "bob 5 60");
  rig.Ask("Bank/Later", "r4", "cat 5 10");
  rig.Ask("Bank/Later", "r5", "cat 6 90");
  rig.Ask("Bank/Never", "r6", "bob");

  rig.clock.Advance(absl::Seconds(31));
  rig.Run();
  CHECK(rig.Balance("ann") == 7);
  CHECK(rig.Balance("cat") == 0);
  rig.clock.Advance(absl::Seconds(60));
  rig.Run();

  CHECK(rig.Balance("ann") == 7);
  CHECK(rig.Balance("bob") == 0);
  CHECK(rig.Balance("cat") == 6);
}

TEST_CASE("a timer cancelled by a turn of the batch it would fire in does not fire",
          "[core][G13]") {
  Program program("timers");
  program.Timer("t", [](const TimerFired& timer, Turn& turn) {
    turn.Put(bank::kAdds, timer.key, std::string("fired"));
    turn.CancelTimer("t", "b");
  });
  program.commands["Set"] = [](absl::string_view, Turn& turn) -> absl::StatusOr<std::string> {
    turn.SetTimer("t", "a", turn.now() + absl::Seconds(1));
    turn.SetTimer("t", "b", turn.now() + absl::Seconds(2));
    return "";
  };
  CoreRig rig(std::move(program));
  rig.Ask("Set", "r1", "");

  rig.clock.Advance(absl::Minutes(1));
  rig.Run();

  CHECK(rig.Add("a") == "fired");
  CHECK(rig.Add("b").empty());
}

TEST_CASE("more timers than a batch takes fire in order over several", "[core][G13]") {
  CoreRig rig;
  rig.options.timers_per_batch_max = 3;
  rig.Open();
  for (int i = 0; i < 10; ++i) {
    rig.Ask("Bank/Later", "r" + std::to_string(i), "a" + std::to_string(i) + " 1 60");
  }
  rig.clock.Advance(absl::Minutes(2));

  int batches = 0;
  for (; rig.core->HasInternalWork(rig.Now()); ++batches) rig.Run();

  CHECK(batches == 4);
  for (int i = 0; i < 10; ++i) CHECK(rig.Balance("a" + std::to_string(i)) == 1);
}

TEST_CASE("shard time is stored and never goes back", "[core][G14]") {
  CoreRig rig;
  rig.Ask("Bank/Add", "r1", "ann 5");
  const absl::Time before = rig.core->now();

  rig.clock.StepWall(-absl::Hours(5));
  rig.Ask("Bank/Add", "r2", "ann 5");
  CHECK(rig.core->now() == before);
  rig.Crash();
  CHECK(rig.core->now() == before);
  rig.clock.Advance(absl::Hours(1));
  rig.Ask("Bank/Add", "r3", "ann 5");

  CHECK(rig.core->now() == before);
  CHECK(rig.core->ReadView("t1", PartitionOf("t1"))->now() == before);
}

// --- Tasks -------------------------------------------------------------------------

TEST_CASE("a task is called until its outcome is known, always with its key", "[core][G15]") {
  CoreRig rig;
  rig.Ask("Bank/Ask", "r1", "ann");
  auto calls = rig.core->TakeTasks(rig.clock.Steady(), 10);
  REQUIRE(calls.size() == 1);
  CHECK(calls[0].key == "r1");
  CHECK(calls[0].attempt == 1);
  CHECK(rig.core->TakeTasks(rig.clock.Steady(), 10).empty());  // Under way.

  const auto code = GENERATE(absl::StatusCode::kUnavailable, absl::StatusCode::kDeadlineExceeded,
                             absl::StatusCode::kCancelled, absl::StatusCode::kUnknown,
                             absl::StatusCode::kAborted, absl::StatusCode::kResourceExhausted);
  rig.core->TaskAnswered(calls[0], absl::Status(code, "later"), rig.clock.Steady());
  CHECK(rig.core->TakeTasks(rig.clock.Steady(), 10).empty());  // A pause first.
  rig.clock.Advance(absl::Seconds(1));
  calls = rig.core->TakeTasks(rig.clock.Steady(), 10);
  REQUIRE(calls.size() == 1);
  CHECK(calls[0].attempt == 2);

  rig.core->TaskAnswered(calls[0], std::string("11"), rig.clock.Steady());
  rig.Run();
  CHECK(rig.Balance("ann") == 11);
  rig.core->TaskAnswered(calls[0], std::string("11"), rig.clock.Steady());  // Once more.
  rig.Run();
  rig.Crash();
  rig.clock.Advance(absl::Hours(1));
  CHECK(rig.core->TakeTasks(rig.clock.Steady(), 10).empty());
  CHECK(rig.Balance("ann") == 11);
}

TEST_CASE("a crash before the result is durable calls again", "[core][G15]") {
  CoreRig rig;
  rig.Ask("Bank/Ask", "r1", "ann");
  auto calls = rig.core->TakeTasks(rig.clock.Steady(), 10);
  rig.core->TaskAnswered(calls[0], std::string("11"), rig.clock.Steady());
  rig.core->Decide({}, rig.Now());
  REQUIRE(rig.core->Write(/*sync=*/false).ok());

  rig.Crash();

  calls = rig.core->TakeTasks(rig.clock.Steady(), 10);
  REQUIRE(calls.size() == 1);
  rig.core->TaskAnswered(calls[0], std::string("11"), rig.clock.Steady());
  rig.Run();
  CHECK(rig.Balance("ann") == 11);
}

TEST_CASE("an unanswered call is made again, and its late answer still counts", "[core][G15]") {
  CoreRig rig;
  rig.Ask("Bank/Ask", "r1", "ann");
  const auto first = rig.core->TakeTasks(rig.clock.Steady(), 10);
  rig.clock.Advance(absl::Seconds(61));
  const auto second = rig.core->TakeTasks(rig.clock.Steady(), 10);
  REQUIRE(second.size() == 1);

  rig.core->TaskAnswered(first[0], std::string("11"), rig.clock.Steady());
  rig.core->TaskAnswered(second[0], std::string("11"), rig.clock.Steady());
  rig.Run();

  CHECK(rig.Balance("ann") == 11);
  CHECK(rig.core->pending_tasks() == 0);
}

TEST_CASE("a definite refusal is a result", "[core][G15]") {
  CoreRig rig;
  rig.Ask("Bank/Ask", "r1", "ann");
  const auto calls = rig.core->TakeTasks(rig.clock.Steady(), 10);

  rig.core->TaskAnswered(calls[0], FailedPrecondition("NO", "no"), rig.clock.Steady());
  rig.Run();

  CHECK(rig.Add("r1") == "refused");
}

TEST_CASE("starting a task again does nothing, pending or done", "[core][G15]") {
  Program program("tasks");
  int results = 0;
  program.Task("t", nullptr, [&](const TaskResult&, Turn&) { ++results; });
  program.commands["Start"] = [](absl::string_view, Turn& turn) -> absl::StatusOr<std::string> {
    turn.StartTask({"t", "k", "payload"});
    turn.StartTask({"t", "k", "payload"});
    return "";
  };
  CoreRig rig(std::move(program));
  rig.Run(rig.MakeCommand("Start", "r1", ""), rig.MakeCommand("Start", "r2", ""));
  CHECK(rig.core->pending_tasks() == 1);
  const auto calls = rig.core->TakeTasks(rig.clock.Steady(), 10);
  REQUIRE(calls.size() == 1);
  rig.core->TaskAnswered(calls[0], std::string(), rig.clock.Steady());
  rig.Run(rig.MakeCommand("Start", "r3", ""));
  rig.Crash();

  rig.Run(rig.MakeCommand("Start", "r4", ""));

  CHECK(rig.core->pending_tasks() == 0);
  CHECK(results == 1);
}

TEST_CASE("no call is made before its turn is released", "[core][G15]") {
  CoreRig rig;
  rig.core->Decide(CoreRig::List(rig.MakeCommand("Bank/Ask", "r1", "ann")), rig.Now());
  CHECK(rig.core->TakeTasks(rig.clock.Steady(), 10).empty());
  REQUIRE(rig.core->Write(/*sync=*/true).ok());
  CHECK(rig.core->TakeTasks(rig.clock.Steady(), 10).empty());
  rig.core->Release();
  CHECK(rig.core->TakeTasks(rig.clock.Steady(), 10).size() == 1);
}

// --- Sameness, reading ---------------------------------------------------------------

TEST_CASE("the same inputs give the same bytes", "[core][G17]") {
  const auto run = [] {
    CoreRig rig;
    rig.Ask("Bank/Add", "r1", "ann 5");
    rig.Run(rig.MakeCommand("Bank/Later", "r2", "ann 5 60"),
            rig.MakeCommand("Bank/Ask", "r3", "ann"),
            rig.Records("deposits.v1", {rig.MakeRecord(0, 1, "a", "ann 1"),
                                        rig.MakeRecord(1, 2, "b", "poison")}));
    rig.clock.Advance(absl::Minutes(2));
    const auto calls = rig.core->TakeTasks(rig.clock.Steady(), 10);
    rig.core->TaskAnswered(calls[0], std::string("11"), rig.clock.Steady());
    rig.Run();
    return rig.store.Dump();
  };
  CHECK(run() == run());
}

TEST_CASE("the order of two batches or one batch of both gives the same rows", "[core][G17]") {
  const auto run = [](bool together) {
    CoreRig rig;
    if (together) {
      rig.Run(rig.MakeCommand("Bank/Add", "r1", "ann 5"),
              rig.MakeCommand("Bank/Add", "r2", "ann 6"));
    } else {
      rig.Ask("Bank/Add", "r1", "ann 5");
      rig.Ask("Bank/Add", "r2", "ann 6");
    }
    std::string rows;
    const auto it = rig.store.Scan(Family::kState, "", "", nullptr);
    for (; it->Valid(); it->Next()) rows += std::string(it->key()) + std::string(it->value());
    return rows;
  };
  CHECK(run(true) == run(false));
}

TEST_CASE("a view stays as it was when it was taken", "[core][G18]") {
  CoreRig rig;
  rig.Ask("Bank/Add", "r1", "ann 5");
  const auto view = rig.core->ReadView("t1", PartitionOf("t1"));

  rig.Ask("Bank/Add", "r2", "ann 5");
  rig.Ask("Bank/Add", "r3", "bob 5");

  CHECK(bank::Balance(*view, "ann").value() == 5);
  CHECK(bank::Balance(*view, "bob").value() == 0);
}

TEST_CASE("a view shows one tenant's rows only", "[core][G18]") {
  CoreRig rig;
  rig.Ask("Bank/Add", "r1", "ann 5", "t1");
  std::string neighbour = "t2";
  for (int i = 0; PartitionOf(neighbour) != PartitionOf("t1"); ++i) {
    neighbour = "t" + std::to_string(i + 3);
  }
  rig.Ask("Bank/Add", "r1", "ann 7", neighbour);

  int rows = 0;
  const auto view = rig.core->ReadView("t1", PartitionOf("t1"));
  REQUIRE(view->Scan(bank::kBalances, "", [&](absl::string_view, const std::string& row) {
                ++rows;
                CHECK(row == "5");
                return true;
              }).ok());
  CHECK(rows == 1);
}

TEST_CASE("a token is applied once what it names is", "[core][G18]") {
  CoreRig rig;
  const Token deposit{"erp", PartitionOf("t1"), "deposits.v1", 1};
  const Token own{"bank", PartitionOf("t1"), "added.v1", 1};
  const Token unread{"erp", PartitionOf("t1"), "elsewhere.v1", 1};
  CHECK_FALSE(rig.core->Applied(deposit));
  CHECK_FALSE(rig.core->Applied(own));
  CHECK(rig.core->Applied(unread));
  CHECK(rig.core->Applied(Token()));

  rig.Ask("Bank/Add", "r1", "ann 5");
  rig.Run(rig.Records("deposits.v1", {rig.MakeRecord(0, 1, "a", "poison")}));

  CHECK(rig.core->Applied(deposit));  // Parked is dealt with.
  CHECK(rig.core->Applied(own));
}

TEST_CASE("a read model gets rows when they are durable, before callers are answered",
          "[core][G19]") {
  struct Model final : ReadModel {
    void Load(const ChangedRow& row) override { loaded.push_back(row.key + "=" + *row.value); }
    void Apply(const std::vector<ChangedRow>& rows, const std::string& tenant,
               Position) override {
      for (const ChangedRow& row : rows) {
        applied.push_back(tenant + "/" + row.key + "=" +
                          (row.value.has_value() ? row.value->substr(1) : "gone"));
      }
    }
    Strings loaded;
    Strings applied;
  } model;
  Program program = bank::MakeProgram();
  program.read_models.push_back(&model);
  CoreRig rig(std::move(program));
  size_t seen = 99;
  Input input = rig.MakeCommand("Bank/Add", "r1", "ann 5");
  std::get<CommandInput>(input).done = [&](absl::StatusOr<Answer>) {
    seen = model.applied.size();
  };

  rig.core->Decide(CoreRig::List(std::move(input)), rig.Now());
  REQUIRE(rig.core->Write(/*sync=*/true).ok());
  CHECK(model.applied.empty());
  size_t published = 99;
  rig.core->Release([&] {
    published = model.applied.size();
    CHECK(seen == 99);
  });

  CHECK(published == 2);
  CHECK(model.applied == Strings{"t1/ann=5", "t1/r1=ann"});
  CHECK(seen == 2);
  rig.Open();
  CHECK(model.loaded == Strings{std::string("ann=\x01") + "5", std::string("r1=\x01") + "ann"});
}

TEST_CASE("batches leave in the order they were written", "[core][G1]") {
  CoreRig rig;
  Reply first;
  Reply second;
  rig.core->Decide(CoreRig::List(rig.MakeCommand("Bank/Add", "r1", "ann 5", &first)), rig.Now());
  REQUIRE(rig.core->Write(true).ok());
  rig.core->Decide(CoreRig::List(rig.MakeCommand("Bank/Add", "r2", "ann 5", &second)), rig.Now());
  REQUIRE(rig.core->Write(true).ok());

  CHECK(rig.core->Release());
  CHECK(first.answered);
  CHECK_FALSE(second.answered);
  CHECK(rig.core->Release());
  CHECK(second.text() == "10");
  CHECK_FALSE(rig.core->Release());
}

TEST_CASE("a store of another room or another number of shards is refused", "[core][G26]") {
  CoreRig rig;
  rig.core.reset();
  CoreOptions options;
  Program other("other");

  CHECK(ReasonOf(Core::Open(options, other, rig.store, rig.Now()).status()) == "STORE_MISMATCH");
  options.shards = 2;
  CHECK(ReasonOf(Core::Open(options, rig.program, rig.store, rig.Now()).status()) ==
        "STORE_MISMATCH");
}

TEST_CASE("rows of an older schema version stay readable", "[core][G27]") {
  struct Versioned {
    static void Encode(const std::string& row, std::string& out) { out = "v2:" + row; }
    static absl::StatusOr<std::string> Decode(absl::string_view bytes, int version) {
      if (version == 1) return "old " + std::string(bytes);
      return "new " + std::string(bytes.substr(3));
    }
  };
  CoreRig rig;
  rig.Ask("Bank/Add", "r1", "ann 5");
  static constexpr Table<std::string, Versioned> kSecond{1, "balances", 2};

  const auto row = rig.core->ReadView("t1", PartitionOf("t1"))->Find(kSecond, "ann");

  CHECK(row->value() == "old 5");
}

}  // namespace
}  // namespace weft::engine
