#include "services/inventory-projection/watchers.h"

#include <algorithm>
#include <utility>

#include "libs/base/error.h"
#include "services/inventory-projection/availability.h"

namespace weft::inventory {

struct Watchers::Watcher {
  std::string tenant;
  v1::WatchAvailabilityRequest request;
  std::unique_ptr<rpc::Stream<v1::WatchAvailabilityResponse>> stream;
  std::atomic<bool> due{true};

  Mutex mutex;  // Held while its snapshot is read, and to leave.
  bool left ABSL_GUARDED_BY(mutex) = false;
  std::unique_ptr<void, std::function<void(void*)>> handle ABSL_GUARDED_BY(mutex);
  std::map<std::string, std::string> sent ABSL_GUARDED_BY(mutex);  // By item, as bytes.
};

Watchers::Watchers(engine::Shards& shards, const Settings& settings)
    : shards_(shards), settings_(settings), thread_([this] { Run(); }) {}

Watchers::~Watchers() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  thread_.join();
}

void Watchers::MarkDue() {
  {
    MutexLock lock(mutex_);
    due_ = true;
  }
  changed_.NotifyOne();
}

void Watchers::Add(const std::string& tenant, v1::WatchAvailabilityRequest request,
                   rpc::Stream<v1::WatchAvailabilityResponse> stream) {
  auto watcher = std::make_shared<Watcher>();
  watcher->tenant = tenant;
  watcher->request = std::move(request);
  watcher->stream =
      std::make_unique<rpc::Stream<v1::WatchAvailabilityResponse>>(std::move(stream));
  bool full = false;
  {
    MutexLock lock(mutex_);
    full = watchers_.size() >= static_cast<size_t>(settings_.max_watchers);
    if (!full) watchers_.push_back(watcher);
  }
  if (full) {
    watcher->stream->Finish(ResourceExhausted(
        "TOO_MANY_WATCHERS",
        "this room serves no more watches at once; close one or watch more items in one"));
    return;
  }
  auto handle = shards_.Watch(tenant, [this, weak = std::weak_ptr<Watcher>(watcher)] {
    if (const auto alive = weak.lock()) {
      if (!alive->due.exchange(true)) MarkDue();
    }
  });
  {
    MutexLock lock(watcher->mutex);
    watcher->handle = std::move(handle);
  }
  watcher->stream->OnDone([this, weak = std::weak_ptr<Watcher>(watcher)] {
    const auto alive = weak.lock();
    if (alive == nullptr) return;
    std::unique_ptr<void, std::function<void(void*)>> ended;
    {
      MutexLock lock(alive->mutex);
      alive->left = true;
      ended = std::move(alive->handle);
    }
    MutexLock lock(mutex_);
    watchers_.erase(std::remove(watchers_.begin(), watchers_.end(), alive), watchers_.end());
  });
  MarkDue();
}

void Watchers::Run() {
  for (;;) {
    std::vector<std::shared_ptr<Watcher>> round;
    {
      MutexLock lock(mutex_);
      while (!due_ && !stopping_) changed_.Wait(mutex_);
      if (stopping_) return;
      due_ = false;
      round = watchers_;
    }
    for (const std::shared_ptr<Watcher>& watcher : round) {
      if (watcher->due.exchange(false)) Tell(watcher);
    }
    round.clear();
    // What changes meanwhile is told together in the next round.
    MutexLock lock(mutex_);
    if (!stopping_) changed_.WaitFor(mutex_, settings_.watch_pause);
  }
}

void Watchers::Tell(const std::shared_ptr<Watcher>& watcher) {
  v1::WatchAvailabilityResponse message;
  absl::Status status;
  {
    MutexLock lock(watcher->mutex);
    if (watcher->left) return;
    absl::StatusOr<std::unique_ptr<engine::View>> view = shards_.Read(watcher->tenant);
    status = view.status();
    if (status.ok()) {
      v1::GetAvailabilityRequest question;
      for (const std::string& sku : watcher->request.skus()) {
        question.add_lines()->set_sku(sku);
      }
      *question.mutable_locations() = watcher->request.locations();
      absl::StatusOr<v1::GetAvailabilityResponse> answer = ReadAvailability(question, **view);
      status = answer.status();
      if (status.ok()) {
        *message.mutable_freshness() = answer->freshness();
        for (v1::Availability& line : *answer->mutable_lines()) {
          std::string bytes = line.SerializeAsString();
          std::string& before = watcher->sent[line.sku()];
          if (before == bytes) continue;
          before = std::move(bytes);
          *message.add_lines() = std::move(line);
        }
      }
    }
  }
  // Outside the lock: a stream may end, and call OnDone, while it is written.
  if (!status.ok()) {
    watcher->stream->Finish(status);
    return;
  }
  if (!message.lines().empty()) watcher->stream->Write(message);
}

}  // namespace weft::inventory
