// The entry of libFuzzer, for the target WEFT_FUZZ_TARGET.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  weft::fuzz::WEFT_FUZZ_TARGET(absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
