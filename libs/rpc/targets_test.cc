#include "libs/rpc/targets.h"

#include <catch2/catch.hpp>
#include <set>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/ids.h"

namespace weft::rpc {
namespace {

absl::Status WrongShard(int shards) {
  return FailedPrecondition("WRONG_SHARD", "another shard's", {{"shards", absl::StrCat(shards)}});
}

TEST_CASE("replicas take turns, whoever asks", "[rpc][routing]") {
  Targets targets("a:1,b:2,c:3");
  std::set<std::string> seen;
  for (int i = 0; i < 3; ++i) seen.insert(targets.For("acme").target);
  CHECK(seen == std::set<std::string>{"a:1", "b:2", "c:3"});
}

TEST_CASE("as many targets as shards are the shards in order, once the room says so",
          "[rpc][routing]") {
  Targets targets("a:1,b:2");
  const Targets::Choice first = targets.For("acme");

  CHECK(targets.Learn(first, WrongShard(2)));

  for (int i = 0; i < 20; ++i) {
    const std::string tenant = absl::StrCat("tenant-", i);
    CHECK(targets.For(tenant).target == (PartitionOf(tenant) % 2 == 0 ? "a:1" : "b:2"));
  }
}

TEST_CASE("a call sent before another one learnt is sent again, too", "[rpc][routing]") {
  Targets targets("a:1,b:2");
  const Targets::Choice one = targets.For("acme");
  const Targets::Choice two = targets.For("acme");

  CHECK(targets.Learn(one, WrongShard(2)));
  CHECK(targets.Learn(two, WrongShard(2)));
  // Sent by the right number and still refused: the configuration is wrong.
  CHECK_FALSE(targets.Learn(targets.For("acme"), WrongShard(2)));
}

TEST_CASE("a number in the target's name stands for the shard", "[rpc][routing]") {
  Targets targets("room-{shard}.room:50051");
  CHECK(targets.Learn(targets.For("acme"), WrongShard(5)));
  CHECK(targets.For("acme").target ==
        absl::StrCat("room-", PartitionOf("acme") % 5, ".room:50051"));
}

TEST_CASE("one target learns nothing and other refusals teach nothing", "[rpc][routing]") {
  Targets one("a:1");
  CHECK_FALSE(one.Learn(one.For("acme"), WrongShard(2)));
  Targets two("a:1,b:2");
  CHECK_FALSE(two.Learn(two.For("acme"), FailedPrecondition("ELSE", "no", {{"shards", "2"}})));
  CHECK_FALSE(two.Learn(two.For("acme"), WrongShard(0)));
  CHECK_FALSE(two.Learn(two.For("acme"), WrongShard(65)));
}

}  // namespace
}  // namespace weft::rpc
