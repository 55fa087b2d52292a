#include "libs/service/watchdog.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "libs/rpc/grpc_client.h"
#include "libs/rpc/self_probe.h"

namespace weft::service {
namespace {

constexpr absl::Duration kMinute = absl::Minutes(1);
constexpr absl::Duration kMinuteAtLeast = absl::Seconds(10);

// One call to the queue behind the port, waited for.
bool QueueAnswers(rpc::Client& client, absl::Duration timeout) {
  struct State {
    Mutex mutex;
    CondVar changed;
    bool ended ABSL_GUARDED_BY(mutex) = false;
    bool answered ABSL_GUARDED_BY(mutex) = false;
  };
  auto state = std::make_shared<State>();
  client.CallRaw("grpc.health.v1.Health/Check", "", {.timeout = timeout},
                 [state](absl::StatusOr<rpc::RawAnswer> answer) {
                   MutexLock lock(state->mutex);
                   state->ended = true;
                   // Any answer of the server is one, NOT_FOUND too.
                   state->answered =
                       answer.ok() || answer.status().code() == absl::StatusCode::kNotFound;
                   state->changed.NotifyAll();
                 });
  MutexLock lock(state->mutex);
  while (!state->ended) state->changed.Wait(state->mutex);
  return state->answered;
}

}  // namespace

Watchdog::Watchdog(Options options) : options_(std::move(options)) {
  for (const Listener& listener : options_.listeners) watched_.push_back({.listener = listener});
  thread_ = std::thread([this] { Run(); });
}

Watchdog::~Watchdog() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

bool Watchdog::Pause(absl::Duration pause) {
  MutexLock lock(mutex_);
  const absl::Time due = absl::Now() + pause;
  for (absl::Duration left = pause; !stopping_ && left > absl::ZeroDuration();
       left = std::min(due - absl::Now(), pause)) {
    changed_.WaitFor(mutex_, left);
  }
  return !stopping_;
}

bool Watchdog::Answers(const Listener& listener) const {
  if (listener.client != nullptr) return QueueAnswers(*listener.client, options_.timeout);
  rpc::ClientPool pool({});
  const auto client = pool.Room({.room = listener.name, .target = listener.target});
  return QueueAnswers(*client, options_.timeout);
}

void Watchdog::Look() {
  bool alive = true;
  for (Watched& watched : watched_) {
    const absl::Status probe =
        rpc::ProbeListener(watched.listener.target, options_.timeout);
    watched.failed_connections = probe.ok() ? 0 : watched.failed_connections + 1;
    if (watched.failed_connections >= options_.failures) options_.dead(probe);
    const bool answers = Answers(watched.listener);
    watched.failed_calls = answers ? 0 : watched.failed_calls + 1;
    alive = alive && watched.failed_calls < options_.failures;
  }
  if (options_.alive) options_.alive(alive);
}

void Watchdog::Run() {
  absl::Time last_minute = absl::Now();
  while (Pause(options_.period)) {
    if (options_.every_look) options_.every_look();
    Look();
    const absl::Duration since = absl::Now() - last_minute;
    const bool wanted = options_.wants_minute && since >= kMinuteAtLeast && options_.wants_minute();
    if (since < kMinute && since >= absl::ZeroDuration() && !wanted) continue;
    last_minute = absl::Now();
    if (options_.every_minute) options_.every_minute();
  }
}

}  // namespace weft::service
