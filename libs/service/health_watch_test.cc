#include "libs/service/health_watch.h"

#include <catch2/catch.hpp>
#include <map>
#include <memory>

#include "absl/time/clock.h"
#include "libs/base/error.h"
#include "libs/eventlog/memory_log.h"

namespace weft::service {
namespace {

// Says what it is told to.
class FakeShards final : public engine::Shards {
 public:
  void Submit(engine::Command, engine::AnswerCallback) override {}
  absl::StatusOr<std::unique_ptr<engine::View>> Read(const std::string&) override {
    return absl::UnimplementedError("");
  }
  void WaitFor(const std::string&, const engine::Token&, absl::Duration,
               std::function<void(absl::Status)>) override {}
  std::unique_ptr<void, std::function<void(void*)>> Watch(const std::string&,
                                                          std::function<void()>) override {
    return {nullptr, [](void*) {}};
  }
  int count() const override { return 1; }
  engine::ShardHealth Health() const override {
    MutexLock lock(mutex);
    return health;
  }
  mutable Mutex mutex;
  engine::ShardHealth health ABSL_GUARDED_BY(mutex);
};

class FakeLog final : public eventlog::EventLog {
 public:
  absl::StatusOr<std::string> Identity() override { return std::string("id"); }
  absl::Status EnsureTopic(const std::string&, const eventlog::TopicOptions&) override {
    return absl::OkStatus();
  }
  absl::StatusOr<int32_t> PartitionCount(const std::string& topic) override {
    if (topic == "missing") return NotFound("TOPIC_UNKNOWN", "no such topic");
    return 64;
  }
  void Append(const eventlog::TopicPartition&, std::vector<eventlog::NewRecord>,
              eventlog::AppendCallback) override {}
  absl::StatusOr<std::unique_ptr<eventlog::Reader>> OpenReader(
      std::vector<eventlog::StartPosition>) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<eventlog::Watermarks> GetWatermarks(const eventlog::TopicPartition&) override {
    return eventlog::Watermarks{};
  }
  eventlog::LogStats Stats() override {
    MutexLock lock(mutex);
    return stats;
  }
  Mutex mutex;
  eventlog::LogStats stats ABSL_GUARDED_BY(mutex);
};

struct Told {
  Mutex mutex;
  CondVar changed;
  std::map<std::string, bool> last ABSL_GUARDED_BY(mutex);

  std::function<void(bool)> Of(const std::string& name) {
    return [this, name](bool yes) {
      MutexLock lock(mutex);
      last[name] = yes;
      changed.NotifyAll();
    };
  }
  bool Get(const std::string& name) {
    MutexLock lock(mutex);
    return last.at(name);
  }
  void WaitUntil(const std::string& name, bool yes) {
    MutexLock lock(mutex);
    while (last.count(name) == 0 || last[name] != yes) changed.Wait(mutex);
  }
};

struct Rig {
  FakeShards shards;
  FakeLog log;
  Told told;
  HealthWatch::Options Options(std::vector<std::string> topics) {
    return {.parts = {{.shards = &shards, .topics = std::move(topics)}},
            .log = &log,
            .lag_records_max = 100,
            .ready = told.Of("ready"),
            .alive = told.Of("alive"),
            .period = absl::Milliseconds(1)};
  }
  void SetLag(int64_t records) {
    MutexLock lock(log.mutex);
    log.stats.topics["facts"].has_reader = true;
    log.stats.topics["facts"].lag_records = records;
  }
};

TEST_CASE("a projection is ready once it is near the end of its topics, and stays so",
          "[service][health]") {
  Rig rig;
  rig.SetLag(101);
  HealthWatch watch(rig.Options({"facts", "missing"}));
  CHECK_FALSE(rig.told.Get("ready"));

  rig.SetLag(100);
  rig.told.WaitUntil("ready", true);

  // Falling behind later fails nothing: it answers and says how old that is. The
  // watch has looked again when it has told of something else.
  rig.SetLag(1'000'000);
  {
    MutexLock lock(rig.shards.mutex);
    rig.shards.health.silence = absl::Hours(1);
  }
  rig.told.WaitUntil("alive", false);
  CHECK(rig.told.Get("ready"));
}

TEST_CASE("what stands in the way of readiness, and what does not", "[service][health]") {
  Rig rig;
  const auto [name, arrange, ready] =
      GENERATE(table<const char*, std::function<void(Rig&)>, bool>({
          {"a topic without its reader", [](Rig&) {}, false},
          {"a log that is away",
           [](Rig& r) {
             MutexLock lock(r.log.mutex);
             r.log.stats.connected = false;
           },
           true},
          {"a log that is another one",
           [](Rig& r) {
             MutexLock lock(r.shards.mutex);
             r.shards.health.log_changed = true;
           },
           true},
          {"a partition that is not followed any more",
           [](Rig& r) {
             r.SetLag(5'000);
             MutexLock lock(r.shards.mutex);
             r.shards.health.stopped_partitions = 1;
           },
           true},
      }));
  CAPTURE(name);
  arrange(rig);
  const HealthWatch watch(rig.Options({"facts"}));
  CHECK(rig.told.Get("ready") == ready);
}

TEST_CASE("a room with commands is ready when it is open", "[service][health]") {
  Rig rig;
  rig.SetLag(1'000'000);
  const HealthWatch watch(rig.Options({}));
  CHECK(rig.told.Get("ready"));
}

TEST_CASE("a sequencer that does not turn is not alive, until it turns again",
          "[service][health]") {
  Rig rig;
  const auto silence = [&](absl::Duration duration) {
    MutexLock lock(rig.shards.mutex);
    rig.shards.health.silence = duration;
  };
  silence(absl::Seconds(30));
  HealthWatch watch(rig.Options({}));
  CHECK(rig.told.Get("alive"));
  silence(absl::Seconds(31));
  rig.told.WaitUntil("alive", false);
  silence(absl::ZeroDuration());
  rig.told.WaitUntil("alive", true);
}

}  // namespace
}  // namespace weft::service
