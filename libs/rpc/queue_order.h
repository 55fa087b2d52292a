// Tells ThreadSanitizer what a completion queue orders: what was written before
// an operation was started is seen by the thread that takes its event. gRPC's
// library is not instrumented, so it cannot see that by itself.
#pragma once

#if defined(__SANITIZE_THREAD__)
#define WEFT_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WEFT_TSAN 1
#endif
#endif

#ifdef WEFT_TSAN
extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);
#endif

namespace weft::rpc {

// Before an operation with this tag is started.
inline void BeforeOperation([[maybe_unused]] void* tag) {
#ifdef WEFT_TSAN
  __tsan_release(tag);
#endif
}

// After the queue gave the tag back.
inline void AfterEvent([[maybe_unused]] void* tag) {
#ifdef WEFT_TSAN
  __tsan_acquire(tag);
#endif
}

}  // namespace weft::rpc
