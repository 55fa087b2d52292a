// The README names every reason that the code can give.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "libs/testing/paths.h"

namespace weft::approval {
namespace {

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::set<std::string> Matches(const std::string& text, const char* pattern) {
  std::set<std::string> found;
  const std::regex regex(pattern);
  for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it) {
    found.insert((*it)[1]);
  }
  return found;
}

TEST_CASE("every reason in the code is in the README", "[docs]") {
  const std::filesystem::path folder = testing::SourceDir() + "/services/approval";
  std::set<std::string> in_code;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().filename();
    const std::string extension = entry.path().extension();
    if ((extension != ".cc" && extension != ".h") || name.find("_test.") != std::string::npos ||
        entry.path().parent_path().filename() == "testing") {
      continue;
    }
    in_code.merge(Matches(ReadFile(entry.path()), "\"([A-Z][A-Z0-9]*_[A-Z0-9_]*[A-Z0-9])\""));
  }
  // States by name; the reason of tasks that wait for a room.
  for (const char* other : {"PENDING_APPROVAL", "PARTIALLY_SHIPPED", "ROOM_UNAVAILABLE"}) {
    in_code.erase(other);
  }

  const std::string readme = ReadFile(folder / "README.md");
  const std::set<std::string> in_readme =
      Matches(readme.substr(readme.find("## Reasons")), "([A-Z][A-Z0-9]*_[A-Z0-9_]*[A-Z0-9])");
  for (const std::string& reason : in_code) {
    CAPTURE(reason);
    CHECK(in_readme.count(reason) == 1);
  }
}

}  // namespace
}  // namespace weft::approval
