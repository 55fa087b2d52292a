#include "libs/engine/sync_thread.h"

#include <algorithm>
#include <utility>

namespace weft::engine {

SyncThread::SyncThread(Store& store, const Clock& clock, Synced synced)
    : store_(store), clock_(clock), synced_(std::move(synced)), thread_([this] { Run(); }) {}

SyncThread::~SyncThread() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  asks_.NotifyOne();
  thread_.join();
}

void SyncThread::Ask(uint64_t number) {
  {
    MutexLock lock(mutex_);
    asked_ = number;
  }
  asks_.NotifyOne();
}

absl::Duration SyncThread::busy_for() const {
  const absl::Duration now = clock_.Steady();
  MutexLock lock(mutex_);
  return std::max(now - began_, absl::ZeroDuration());
}

void SyncThread::Run() {
  uint64_t done = 0;
  while (true) {
    uint64_t number;
    absl::Duration began;
    {
      MutexLock lock(mutex_);
      while (!stopping_ && asked_ == done) asks_.Wait(mutex_);
      if (stopping_) return;
      number = asked_;
      began = began_ = clock_.Steady();
    }
    const absl::Status status = store_.Sync();
    const absl::Duration took = clock_.Steady() - began;
    {
      MutexLock lock(mutex_);
      began_ = absl::InfiniteDuration();
    }
    synced_(number, status, took);
    if (!status.ok()) return;
    done = number;
  }
}

}  // namespace weft::engine
