// Linked into every executable of the tsan preset. ThreadSanitizer intercepts
// pthread_create, not C11's thrd_create: a thread that librdkafka starts would
// run without the sanitizer's state and crash in the first callback into our
// code. So threads are started the way the sanitizer sees, and joined: it would take
// the next thread at the same place for one that runs twice. glibc's thrd_t is its
// pthread_t.
#include <pthread.h>
#include <threads.h>

#include <cerrno>
#include <cstdint>
#include <memory>

namespace {

struct Start {
  thrd_start_t run;
  void* argument;
};

void* Enter(void* raw) {
  const std::unique_ptr<Start> start(static_cast<Start*>(raw));
  return reinterpret_cast<void*>(static_cast<intptr_t>(start->run(start->argument)));
}

}  // namespace

extern "C" int thrd_create(thrd_t* thread, thrd_start_t run, void* argument) {
  auto start = std::make_unique<Start>(Start{run, argument});
  const int error = pthread_create(thread, nullptr, Enter, start.get());
  if (error == 0) {
    start.release();  // Enter() owns it now.
    return thrd_success;
  }
  return error == ENOMEM || error == EAGAIN ? thrd_nomem : thrd_error;
}

extern "C" int thrd_join(thrd_t thread, int* result) {
  void* returned = nullptr;
  if (pthread_join(thread, &returned) != 0) return thrd_error;
  if (result != nullptr) *result = static_cast<int>(reinterpret_cast<intptr_t>(returned));
  return thrd_success;
}
