#include <cstdio>
#include <cstdlib>

#include "tests/fuzz/targets.h"

namespace weft::fuzz {

void Broken(absl::string_view what, absl::string_view detail) {
  std::fprintf(stderr, "%.*s:\n%.*s\n", static_cast<int>(what.size()), what.data(),
               static_cast<int>(detail.size()), detail.data());
  std::abort();
}

}  // namespace weft::fuzz
