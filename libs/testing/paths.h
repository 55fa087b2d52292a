// Where tests find things. The values are fixed when the build is configured.
#pragma once

#include <string>

namespace weft::testing {

std::string SourceDir();  // The checkout.
std::string DataDir();    // tests/data
std::string BinDir();     // Where executables of this build are.

// A fresh directory of its own, removed with everything in it at the end.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace weft::testing
