// `weft log` and `weft state` from their arguments to what they ask and show.
#include <catch2/catch.hpp>
#include <deque>
#include <filesystem>
#include <map>
#include <sstream>

#include "libs/testing/paths.h"
#include "tools/weft/cli.h"
#include "tools/weft/session.h"

namespace weft::cli {
namespace {

struct Rig {
  std::deque<HttpAnswer> answers;
  std::vector<HttpCall> calls;
  std::vector<std::string> servers;
  std::map<std::string, std::string> variables;
  std::string input;
  int interrupt_after = 1 << 20;  // Looks until Ctrl-C.

  class Script final : public Transport {
   public:
    explicit Script(Rig& rig) : rig_(rig) {}
    absl::StatusOr<HttpAnswer> Do(const HttpCall& call, absl::Duration) override {
      rig_.calls.push_back(call);
      if (rig_.answers.empty()) return HttpAnswer{.status = 200, .headers = {}, .body = "{}"};
      HttpAnswer answer = rig_.answers.front();
      rig_.answers.pop_front();
      return answer;
    }
    absl::StatusOr<HttpAnswer> Stream(const HttpCall& call, absl::Duration timeout,
                                      const std::function<bool(const std::string&)>&) override {
      return Do(call, timeout);
    }

   private:
    Rig& rig_;
  };

  void Answer(const std::string& body) {
    answers.push_back({.status = 200, .headers = {}, .body = body});
  }
  struct Result {
    int exit = 0;
    std::string out;
    std::string err;
  };
  Result Run(const std::vector<std::string>& arguments) {
    std::istringstream in(input);
    std::ostringstream out;
    std::ostringstream err;
    int looks = 0;
    Terminal terminal{.in = in,
                      .out = out,
                      .err = err,
                      .steady = [] { return absl::ZeroDuration(); },
                      .sleep = [](absl::Duration) {},
                      .interrupted = [&] { return ++looks > interrupt_after; }};
    const Environment environment{
        .variable = [this](const std::string& name) { return variables[name]; },
        .connect = [this](const std::string& to) -> absl::StatusOr<std::unique_ptr<Transport>> {
          servers.push_back(to);
          return std::unique_ptr<Transport>(std::make_unique<Script>(*this));
        }};
    const int exit = cli::Run(arguments, terminal, environment);
    return {exit, out.str(), err.str()};
  }
};

constexpr char kFollows[] =
    R"({"process":"approval","kind":"kafka","connected":true,
        "topics":[{"name":"weft.facts.v1","readHere":true,"lagRecords":"12","lag":"1.500s"}],
        "rooms":[{"room":"approval","shards":2,"owned":[1]}]})";
constexpr char kStale[] =
    R"({"process":"pricing","kind":"kafka","connected":true,"clusterChanged":true,
        "stopped":[{"topic":"weft.facts.v1","partition":7,"reason":"LOG_CHANGED","cause":"why"}],
        "rooms":[{"room":"pricing-replica","shards":1,"owned":[0],"projection":true,
                  "logChanged":true}]})";

TEST_CASE("log status asks every process and shows how it stands", "[cli][admin]") {
  Rig rig;
  rig.variables["WEFT_ADMIN"] = "http://a:1,http://b:2";
  rig.Answer(kFollows);
  rig.Answer(kStale);

  const auto result = rig.Run({"log", "status"});

  CHECK(rig.servers == std::vector<std::string>{"http://a:1", "http://b:2"});
  CHECK(result.exit == kConflict);
  CHECK(result.out.find("1 of 2") != std::string::npos);
  CHECK(result.out.find("follows") != std::string::npos);
  CHECK(result.out.find("1.5 s") != std::string::npos);
  CHECK(result.out.find("stale: another log") != std::string::npos);
  // What to do about it.
  CHECK(result.err.find("weft log rebuild --room pricing-replica --admin http://b:2") !=
        std::string::npos);
  CHECK(result.err.find("weft.facts.v1 7: LOG_CHANGED") != std::string::npos);
}

TEST_CASE("a rebuild shows its steps and asks first", "[cli][admin]") {
  const auto [arguments, input, exit, calls] =
      GENERATE(table<std::vector<std::string>, const char*, int, size_t>({
          {{"log", "rebuild", "--dry-run"}, "", kOk, 1},
          {{"log", "rebuild"}, "n\n", kFailure, 1},
          {{"log", "rebuild"}, "", kFailure, 1},  // Nobody to ask.
          {{"log", "rebuild"}, "y\n", kOk, 2},
          {{"log", "rebuild", "--yes"}, "", kOk, 2},
      }));
  Rig rig;
  rig.input = input;
  const std::string action = R"({"verb":"rebuild","rooms":["p"],"steps":["empties the rows"]})";
  rig.Answer(action);
  rig.Answer(action);

  const auto result = rig.Run(arguments);

  CHECK(result.exit == exit);
  REQUIRE(rig.calls.size() == calls);
  CHECK(rig.calls[0].target == "/log:rebuild?dry_run=true");
  CHECK((result.out + result.err).find("empties the rows") != std::string::npos);
  if (calls == 2) CHECK(rig.calls[1].target == "/log:rebuild");
}

TEST_CASE("a checkpoint is waited for and its folder printed", "[cli][admin]") {
  const std::string running = R"({"process":"p","job":{"state":"STATE_RUNNING","total":"1"}})";
  Rig rig;
  rig.Answer(running);
  rig.Answer(running);

  SECTION("done") {
    rig.Answer(R"({"job":{"state":"STATE_DONE","done":"1","result":"/c/20260101T000000Z"}})");
    const auto result = rig.Run({"state", "checkpoint", "--admin", "http://a:1"});
    CHECK(result.exit == kOk);
    CHECK(result.out == "/c/20260101T000000Z\n");
    CHECK(rig.calls[0].method == "POST");
    CHECK(rig.calls[2].target == "/state");
  }
  SECTION("failed") {
    rig.Answer(R"({"job":{"state":"STATE_FAILED","reason":"DISK_FULL","message":"no room"}})");
    const auto result = rig.Run({"state", "checkpoint"});
    CHECK(result.exit == kFailure);
    CHECK(result.err.find("DISK_FULL") != std::string::npos);
  }
  SECTION("interrupted") {
    rig.interrupt_after = 1;
    const auto result = rig.Run({"state", "checkpoint"});
    CHECK(result.exit == kInterrupted);
    CHECK(result.err.find("weft state list") != std::string::npos);
  }
}

TEST_CASE("what is no checkpoint is neither verified nor restored", "[cli][admin]") {
  testing::TempDir folder;
  Rig rig;
  CHECK(rig.Run({"state", "verify", folder.path()}).exit == kNotFound);
  CHECK(rig.Run({"state", "restore", folder.path(), folder.path() + "/data"}).exit == kNotFound);
  CHECK(rig.Run({"state", "reshard", folder.path(), folder.path() + "/data", "--shards", "2"})
            .exit == kNotFound);
  CHECK(rig.calls.empty());
}

TEST_CASE("a reseed goes through all pages and says how it goes on", "[cli][admin]") {
  Rig rig;
  rig.Answer(R"({"emitted":"1000","leftOut":"3","nextPageToken":"abc"})");
  SECTION("to the end") {
    rig.Answer(R"({"emitted":"5"})");
    const auto result = rig.Run({"erp", "reseed", "main"});
    CHECK(result.exit == kOk);
    CHECK(result.out == "1005 facts written, 3 objects without one (what has happened)\n");
    CHECK(rig.calls.at(0).target == "/v1/erp/main:reseed");
    CHECK(rig.calls.at(1).body.find("abc") != std::string::npos);
  }
  SECTION("interrupted") {
    rig.interrupt_after = 1;
    const auto result = rig.Run({"erp", "reseed", "main"});
    CHECK(result.exit == kInterrupted);
    CHECK(result.err.find("weft erp reseed main --from abc") != std::string::npos);
  }
}

}  // namespace
}  // namespace weft::cli
