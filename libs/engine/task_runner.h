// The thread of a room that runs executors of tasks. One that blocks holds up
// the room's other tasks, never its turns.
#pragma once

#include <deque>
#include <functional>
#include <thread>

#include "libs/base/sync.h"

namespace weft::engine {

// Thread safe.
class TaskRunner {
 public:
  TaskRunner();
  ~TaskRunner();
  TaskRunner(const TaskRunner&) = delete;
  TaskRunner& operator=(const TaskRunner&) = delete;

  void Run(std::function<void()> call);
  // What waits is dropped; what runs finishes.
  void Stop();

 private:
  void Loop();

  Mutex mutex_;
  CondVar changed_;
  std::deque<std::function<void()>> calls_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace weft::engine
