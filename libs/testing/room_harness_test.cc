#include "libs/testing/room_harness.h"

#include <catch2/catch.hpp>

#include "libs/base/error.h"
#include "libs/engine/program_for_test.h"

namespace weft::testing {
namespace {

using engine::bank::Balance;
using engine::bank::MakeProgram;

std::string BalanceOf(const RoomHarness& room, const std::string& tenant,
                      const std::string& account) {
  return std::to_string(Balance(*room.Read(tenant), account).value());
}

TEST_CASE("a command changes rows, emits an event and answers", "[harness]") {
  const engine::Program program = MakeProgram();
  RoomHarness room(program);

  const auto answer = room.SubmitBytes("Bank/Add", MakePrincipal("t1", {}), "r1", "ann 5");

  REQUIRE(answer.ok());
  CHECK(answer->payload == "5");
  CHECK(answer->token.number == 1);
  CHECK(BalanceOf(room, "t1", "ann") == "5");
  CHECK(BalanceOf(room, "t2", "ann") == "0");
  REQUIRE(room.emitted("added.v1").size() == 1);
  CHECK(room.emitted()[0].number == 1);
  CHECK(room.emitted()[0].tenant == "t1");
  CHECK(room.emitted()[0].subject == "ann");
}

TEST_CASE("a timer fires when time has advanced to it, and once", "[harness]") {
  const engine::Program program = MakeProgram();
  RoomHarness room(program);
  REQUIRE(room.SubmitBytes("Bank/Later", MakePrincipal("t1", {}), "r1", "ann 7 60").ok());

  room.Advance(absl::Seconds(59));
  CHECK(BalanceOf(room, "t1", "ann") == "0");
  room.Advance(absl::Seconds(1));
  CHECK(BalanceOf(room, "t1", "ann") == "7");
  room.Advance(absl::Hours(1));
  CHECK(BalanceOf(room, "t1", "ann") == "7");
}

TEST_CASE("a task is asked with one key until its outcome is known", "[harness]") {
  const engine::Program program = MakeProgram();
  RoomHarness room(program);
  int calls = 0;
  room.OnTask("quote", [&](const engine::TaskCall&) -> absl::StatusOr<std::string> {
    if (++calls < 3) return Unavailable("AWAY", "away");
    return "11";
  });

  REQUIRE(room.SubmitBytes("Bank/Ask", MakePrincipal("t1", {}), "r1", "ann").ok());
  CHECK(room.pending_tasks() == 1);
  room.Advance(absl::Minutes(1));

  CHECK(room.pending_tasks() == 0);
  CHECK(room.task_calls().size() == 3);
  for (const auto& call : room.task_calls()) CHECK(call.key == "r1");
  CHECK(BalanceOf(room, "t1", "ann") == "11");
}

TEST_CASE("an event that its handler refuses is parked and later ones go on", "[harness]") {
  const engine::Program program = MakeProgram();
  RoomHarness room(program);

  room.DeliverBytes("t1", "deposits.v1", "erp", "a", "x.Deposit", "ann 3");
  room.DeliverBytes("t1", "deposits.v1", "erp", "b", "x.Deposit", "poison");
  room.DeliverBytes("t1", "deposits.v1", "erp", "c", "x.Deposit", "ann 4");

  CHECK(BalanceOf(room, "t1", "ann") == "7");
  REQUIRE(room.parked().size() == 1);
  CHECK(room.parked()[0].reason == "DEPOSIT_INVALID");
  CHECK(room.parked()[0].value == "poison");
}

TEST_CASE("reopening keeps what was answered", "[harness]") {
  const engine::Program program = MakeProgram();
  RoomHarness room(program);
  const auto ann = MakePrincipal("t1", {});
  REQUIRE(room.SubmitBytes("Bank/Add", ann, "r1", "ann 5").ok());

  room.Reopen();
  const auto again = room.SubmitBytes("Bank/Add", ann, "r1", "ann 5");

  REQUIRE(again.ok());
  CHECK(again->replayed);
  CHECK(again->payload == "5");
  CHECK(BalanceOf(room, "t1", "ann") == "5");
}

}  // namespace
}  // namespace weft::testing
