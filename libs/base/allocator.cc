// How jemalloc behaves in our processes. It is here because a batch frees in one
// thread what others allocated, which glibc's malloc is slow at.
//
// Four arenas, as rooms run on few cores; pages nobody uses go back to the system
// after five seconds. MALLOC_CONF in the environment goes before it.
extern "C" const char* malloc_conf;
const char* malloc_conf = "narenas:4,dirty_decay_ms:5000,muzzy_decay_ms:0";
