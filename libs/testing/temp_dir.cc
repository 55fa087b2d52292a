#include <cstdlib>
#include <filesystem>

#include "libs/base/status_macros.h"
#include "libs/testing/paths.h"

namespace weft::testing {

TempDir::TempDir() {
  std::string pattern =
      (std::filesystem::temp_directory_path() / "weft-test-XXXXXX").string();
  WEFT_CHECK(mkdtemp(pattern.data()) != nullptr);
  path_ = pattern;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace weft::testing
