// The room's methods on real shards: commands, reads, streams.
#include <catch2/catch.hpp>
#include <deque>
#include <future>
#include <map>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/sync.h"
#include "libs/engine/open.h"
#include "libs/eventlog/memory_log.h"
#include "libs/testing/paths.h"
#include "services/inventory-projection/feed_for_test.h"
#include "services/inventory-projection/room.h"
#include "weft/inventory/v1/inventory.pb.h"

namespace weft::inventory {
namespace {

class HeldStream final : public rpc::RawStream {
 public:
  bool Write(std::string message) override {
    MutexLock lock(mutex_);
    messages_.push_back(std::move(message));
    changed_.NotifyAll();
    return true;
  }
  void Finish(absl::Status status) override {
    std::function<void()> done;
    {
      MutexLock lock(mutex_);
      status_ = std::move(status);
      finished_ = true;
      done = std::move(done_);
      changed_.NotifyAll();
    }
    if (done) done();
  }
  void OnDone(std::function<void()> done) override {
    MutexLock lock(mutex_);
    done_ = std::move(done);
  }
  bool done() const override { return false; }

  // The next message; fails the test after 20 s.
  v1::WatchAvailabilityResponse Next() {
    MutexLock lock(mutex_);
    while (messages_.empty()) {
      if (!changed_.WaitFor(mutex_, absl::Seconds(20))) return {};
    }
    v1::WatchAvailabilityResponse message;
    message.ParseFromString(messages_.front());
    messages_.pop_front();
    return message;
  }
  absl::Status End() {
    MutexLock lock(mutex_);
    while (!finished_) {
      if (!changed_.WaitFor(mutex_, absl::Seconds(20))) return absl::OkStatus();
    }
    return status_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::deque<std::string> messages_ ABSL_GUARDED_BY(mutex_);
  std::function<void()> done_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

class Methods final : public rpc::MethodRegistry {
 public:
  void RegisterUnary(const std::string& method, rpc::RawUnaryHandler handler) override {
    unary_[method] = std::move(handler);
  }
  void RegisterStream(const std::string& method, rpc::RawStreamHandler handler) override {
    streams_[method] = std::move(handler);
  }
  rpc::CallContext Context(const std::string& method) const {
    rpc::CallContext context;
    context.principal.tenant = "demo";
    context.principal.roles = {"service"};
    context.principal.accounts = {"*"};
    context.method = method;
    context.deadline = absl::Now() + absl::Seconds(20);
    return context;
  }
  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(const std::string& name, const Request& request) {
    const std::string method = "weft.inventory.v1.InventoryService/" + name;
    std::promise<absl::StatusOr<std::string>> promise;
    auto future = promise.get_future();
    unary_.at(method)(Context(method), request.SerializeAsString(),
                      [&](absl::StatusOr<std::string> answer, rpc::ReplyInfo info) {
                        token = info.token;
                        replayed = info.replayed;
                        promise.set_value(std::move(answer));
                      });
    const absl::StatusOr<std::string> bytes = future.get();
    if (!bytes.ok()) return bytes.status();
    Response response;
    response.ParseFromString(*bytes);
    return response;
  }
  std::shared_ptr<HeldStream> Watch(const v1::WatchAvailabilityRequest& request) {
    const std::string method = "weft.inventory.v1.InventoryService/WatchAvailability";
    auto stream = std::make_shared<HeldStream>();
    streams_.at(method)(Context(method), request.SerializeAsString(), stream);
    return stream;
  }
  std::string token;
  bool replayed = false;

 private:
  std::map<std::string, rpc::RawUnaryHandler> unary_;
  std::map<std::string, rpc::RawStreamHandler> streams_;
};

// Members in the order a process builds and closes them.
class Process {
 public:
  explicit Process(const v1::InventoryConfig& config = {}) : room_(MakeRoom(config, {})) {
    engine::Options options;
    options.folder = dir_.path() + "/inventory-projection";
    auto shards = engine::Open(options, *room_->program(), log_, clock_);
    REQUIRE(shards.ok());
    shards_ = *std::move(shards);
    room_->Bind(methods, shards_.get());
    feed.Stock("X", 10);
    feed.Stock("Y", 5);
    after = feed.Flush().ToText();
  }

  absl::StatusOr<v1::Reservation> Reserve(const std::string& id, const std::string& quantity) {
    v1::ReserveRequest request;
    request.set_request_id(id);
    auto* line = request.add_lines();
    line->set_sku("X");
    line->mutable_quantity()->set_value(quantity);
    return methods.Call<v1::Reservation>("Reserve", request);
  }
  std::string Available(const std::string& token) {
    v1::GetAvailabilityRequest request;
    request.add_lines()->set_sku("X");
    request.set_after(token);
    const auto answer = methods.Call<v1::GetAvailabilityResponse>("GetAvailability", request);
    REQUIRE(answer.ok());
    return answer->lines(0).available();
  }

 private:
  testing::TempDir dir_;
  SystemClock clock_;
  eventlog::MemoryLog log_{clock_};
  std::unique_ptr<service::Room> room_;
  std::unique_ptr<engine::Shards> shards_;

 public:
  Methods methods;
  Feed feed{log_, "demo"};
  std::string after;
};

TEST_CASE("a reservation is seen by the read that names its token", "[service]") {
  Process process;
  CHECK(process.Available(process.after) == "10");

  const auto held = process.Reserve("r1", "4");
  REQUIRE(held.ok());
  CHECK_FALSE(process.methods.token.empty());
  CHECK(process.Available(process.methods.token) == "6");
  CHECK(process.Reserve("r1", "4")->name() == held->name());
  CHECK(process.methods.replayed);
  CHECK(ReasonOf(process.Reserve("r1", "5").status()) == "REQUEST_ID_REUSED");
  CHECK(ReasonOf(process.Reserve("r2", "7").status()) == "INSUFFICIENT_STOCK");

  v1::GetReservationRequest get;
  get.set_name(held->name());
  const auto found = process.methods.Call<v1::Reservation>("GetReservation", get);
  REQUIRE(found.ok());
  CHECK(found->lines(0).allocations(0).held_quantity() == "4");
  get.set_name("reservations/none");
  CHECK(ReasonOf(process.methods.Call<v1::Reservation>("GetReservation", get).status()) ==
        "RESERVATION_NOT_FOUND");
}

TEST_CASE("a watch tells everything first and then what changes", "[service]") {
  Process process;
  v1::WatchAvailabilityRequest request;
  request.add_skus("X");
  request.add_skus("Y");
  request.set_after(process.after);
  const auto stream = process.methods.Watch(request);
  CHECK(stream->Next().lines_size() == 2);

  REQUIRE(process.Reserve("r1", "4").ok());

  const auto changed = stream->Next();
  REQUIRE(changed.lines_size() == 1);
  CHECK(changed.lines(0).sku() == "X");
  CHECK(changed.lines(0).available() == "6");
  stream->Finish(absl::CancelledError("the reader left"));
  CHECK(process.Reserve("r2", "1").ok());
}

TEST_CASE("watches are bounded", "[service]") {
  v1::InventoryConfig config;
  config.set_max_watchers(1);
  Process process(config);
  v1::WatchAvailabilityRequest request;
  CHECK(ReasonOf(process.methods.Watch(request)->End()) == "LINES_REQUIRED");
  for (int i = 0; i < 201; ++i) request.add_skus("X");
  CHECK(ReasonOf(process.methods.Watch(request)->End()) == "TOO_MANY_LINES");
  request.clear_skus();
  request.add_skus("X");

  const auto first = process.methods.Watch(request);
  const auto second = process.methods.Watch(request);
  CHECK(ReasonOf(second->End()) == "TOO_MANY_WATCHERS");
  first->Finish(absl::CancelledError("the reader left"));
  const auto third = process.methods.Watch(request);
  CHECK(third->Next().lines_size() == 1);
  third->Finish(absl::OkStatus());
}

TEST_CASE("settings out of range are refused by name", "[config]") {
  v1::InventoryConfig config;
  config.mutable_default_hold()->set_seconds(0);
  CHECK(ReasonOf(MakeSettings(config).status()) == "CONFIG_INVALID");
  config.mutable_default_hold()->set_seconds(60);
  config.mutable_longest_hold()->set_seconds(60);
  CHECK(MakeSettings(config)->default_hold == absl::Minutes(1));
  config.set_max_watchers(-1);
  CHECK(ReasonOf(MakeSettings(config).status()) == "CONFIG_INVALID");
}

}  // namespace
}  // namespace weft::inventory
