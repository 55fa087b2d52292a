#include "tests/bench/load.h"

#include <catch2/catch.hpp>
#include <random>

#include "libs/rpc/grpc_server.h"

namespace weft::bench {
namespace {

TEST_CASE("percentiles are right within two percent", "[bench]") {
  Latency latency;
  for (int i = 1; i <= 100'000; ++i) latency.Add(absl::Microseconds(i));

  for (const double share : {0.01, 0.5, 0.99, 0.999}) {
    CAPTURE(share);
    CHECK(absl::ToDoubleMicroseconds(latency.Percentile(share)) ==
          Approx(share * 100'000).epsilon(0.02));
  }
  CHECK(latency.Percentile(1) >= absl::Microseconds(100'000));
  CHECK(Latency().Percentile(0.5) == absl::ZeroDuration());
}

TEST_CASE("merged latencies count together", "[bench]") {
  Latency one;
  Latency two;
  one.Add(absl::Microseconds(1));
  two.Add(absl::Microseconds(100));
  one.Merge(two);
  CHECK(one.count() == 2);
  CHECK(one.Percentile(0.99) >= absl::Microseconds(100));
}

TEST_CASE("each call is made once, in either loop", "[bench]") {
  const double rate = GENERATE(0.0, 2'000.0);
  const auto access = rpc::AccessTable::Parse("t.v1.T/Count public\n");
  rpc::GrpcServer server({.room = "t", .access = &*access});
  std::atomic<uint64_t> served{0};
  server.RegisterUnary("t.v1.T/Count",
                       [&](const rpc::CallContext&, std::string, rpc::RawReply reply) {
                         served.fetch_add(1);
                         reply(std::string(), {});
                       });
  REQUIRE(server.Start().ok());
  std::atomic<uint64_t> numbers{0};

  const LoadResult result = RunLoad({.target = server.target(),
                                     .method = "t.v1.T/Count",
                                     .callers = 8,
                                     .rate = rate,
                                     .warm_up = absl::Milliseconds(50),
                                     .duration = absl::Milliseconds(200)},
                                    [&](uint64_t) {
                                      numbers.fetch_add(1);
                                      return std::string();
                                    });

  INFO(result.first_error);
  CHECK(result.errors == 0);
  CHECK(result.all_ok == served.load());
  CHECK(numbers.load() == served.load());
  CHECK(result.calls > 0);
  CHECK(result.calls <= result.all_ok);
  if (rate > 0) CHECK(result.all_ok == 500);
}

TEST_CASE("errors are counted and the first one is shown", "[bench]") {
  rpc::GrpcServer server({.room = "t"});
  REQUIRE(server.Start().ok());

  const LoadResult result = RunLoad({.target = server.target(),
                                     .method = "t.v1.T/Nothing",
                                     .callers = 2,
                                     .warm_up = absl::ZeroDuration(),
                                     .duration = absl::Milliseconds(50)},
                                    [](uint64_t) { return std::string(); });

  CHECK(result.calls == 0);
  CHECK(result.errors > 0);
  CHECK(result.first_error.find("METHOD_UNKNOWN") == 0);
}

}  // namespace
}  // namespace weft::bench
