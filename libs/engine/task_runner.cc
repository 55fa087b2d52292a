#include "libs/engine/task_runner.h"

#include <utility>

namespace weft::engine {

TaskRunner::TaskRunner() : thread_([this] { Loop(); }) {}

TaskRunner::~TaskRunner() { Stop(); }

void TaskRunner::Run(std::function<void()> call) {
  {
    MutexLock lock(mutex_);
    if (stopping_) return;
    calls_.push_back(std::move(call));
  }
  changed_.NotifyOne();
}

void TaskRunner::Stop() {
  std::deque<std::function<void()>> dropped;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    dropped.swap(calls_);
  }
  changed_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

void TaskRunner::Loop() {
  while (true) {
    std::function<void()> call;
    {
      MutexLock lock(mutex_);
      while (!stopping_ && calls_.empty()) changed_.Wait(mutex_);
      if (stopping_) return;
      call = std::move(calls_.front());
      calls_.pop_front();
    }
    call();
  }
}

}  // namespace weft::engine
