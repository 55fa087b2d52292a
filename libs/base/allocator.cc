// How jemalloc behaves in our processes. glibc's malloc took a sixth of the time
// of a durable command: a batch frees in one thread what others allocated.
//
// Four arenas, as rooms run on few cores; pages nobody uses go back to the system
// after five seconds. MALLOC_CONF in the environment goes before it.
extern "C" const char* malloc_conf;
const char* malloc_conf = "narenas:4,dirty_decay_ms:5000,muzzy_decay_ms:0";
