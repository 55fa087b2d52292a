#include "libs/service/watchdog.h"

#include <catch2/catch.hpp>
#include <future>

#include "libs/base/error.h"
#include "libs/rpc/grpc_client.h"
#include "libs/rpc/grpc_server.h"
#include "libs/rpc/health.h"

namespace weft::service {
namespace {

// A client whose calls end as it is told.
class Scripted final : public rpc::Client {
 public:
  explicit Scripted(absl::Status status) : status_(std::move(status)) {}
  void CallRaw(const std::string&, std::string, const rpc::CallOptions&,
               rpc::RawAnswerCallback done) override {
    done(status_.ok() ? absl::StatusOr<rpc::RawAnswer>(rpc::RawAnswer())
                      : absl::StatusOr<rpc::RawAnswer>(status_));
  }
  std::unique_ptr<rpc::StreamHandle> StreamRaw(const std::string&, std::string,
                                               const rpc::CallOptions&,
                                               rpc::StreamCallbacks) override {
    return nullptr;
  }

 private:
  const absl::Status status_;
};

struct Looks {
  Mutex mutex;
  CondVar changed;
  std::vector<bool> alive;
  void Add(bool one) {
    MutexLock lock(mutex);
    alive.push_back(one);
    changed.NotifyAll();
  }
  std::vector<bool> Wait(size_t count) {
    MutexLock lock(mutex);
    while (alive.size() < count) changed.Wait(mutex);
    return {alive.begin(), alive.begin() + static_cast<std::ptrdiff_t>(count)};
  }
};

TEST_CASE("a queue that answers is alive, also when it says no", "[watchdog]") {
  const absl::Status answer = GENERATE(absl::OkStatus(), NotFound("HEALTH_PART_UNKNOWN", "no"));
  rpc::GrpcServer server({.room = "test"});
  REQUIRE(server.Start().ok());
  Scripted client(answer);
  Looks looks;

  Watchdog watchdog({.listeners = {{.name = "test", .target = server.target(), .client = &client}},
                     .alive = [&](bool alive) { looks.Add(alive); },
                     .dead = [](absl::Status) {},
                     .period = absl::Milliseconds(1)});

  CHECK(looks.Wait(5) == std::vector<bool>{true, true, true, true, true});
}

TEST_CASE("a queue that answers three calls not is not alive", "[watchdog]") {
  rpc::GrpcServer server({.room = "test"});
  REQUIRE(server.Start().ok());
  Scripted client(Error(absl::StatusCode::kDeadlineExceeded, "DEADLINE_PASSED", "stuck"));
  Looks looks;

  Watchdog watchdog({.listeners = {{.name = "test", .target = server.target(), .client = &client}},
                     .alive = [&](bool alive) { looks.Add(alive); },
                     .dead = [](absl::Status) {},
                     .period = absl::Milliseconds(1)});

  CHECK(looks.Wait(4) == std::vector<bool>{true, true, false, false});
}

TEST_CASE("a port that is gone is reported dead", "[watchdog]") {
  std::string target;
  {
    rpc::GrpcServer gone({.room = "test"});
    REQUIRE(gone.Start().ok());
    target = gone.target();
  }
  Scripted client(absl::OkStatus());
  std::promise<absl::Status> dead;
  std::atomic<bool> told{false};

  Watchdog watchdog({.listeners = {{.name = "test", .target = target, .client = &client}},
                     .alive = [](bool) {},
                     .dead =
                         [&](absl::Status status) {
                           if (!told.exchange(true)) dead.set_value(std::move(status));
                         },
                     .period = absl::Milliseconds(1)});

  CHECK(ReasonOf(dead.get_future().get()) == "LISTENER_DEAD");
}

}  // namespace
}  // namespace weft::service
