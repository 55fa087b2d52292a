#include "libs/base/status_macros.h"

#include <cstdio>
#include <cstdlib>

namespace weft::internal {

void CheckFailed(const char* file, int line, const char* what,
                 const absl::Status* status) {
  const std::string detail = status == nullptr ? "" : status->ToString();
  std::fprintf(stderr, "%s:%d: check failed: %s %s\n", file, line, what,
               detail.c_str());
  std::fflush(stderr);
  std::abort();
}

}  // namespace weft::internal
