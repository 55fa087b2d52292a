// The README names every reason that the code can give, and no other.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "libs/testing/paths.h"

namespace weft::erp {
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

}  // namespace

TEST_CASE("every reason in the code is in the README", "[erp]") {
  const std::filesystem::path folder = testing::SourceDir() + "/services/erp-connector";
  std::set<std::string> in_code;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().filename();
    const std::string extension = entry.path().extension();
    if ((extension != ".cc" && extension != ".h") || name.find("_test.") != std::string::npos) {
      continue;
    }
    in_code.merge(Matches(ReadFile(entry.path()), "\"([A-Z][A-Z0-9]*_[A-Z0-9_]*[A-Z0-9])\""));
  }
  // Reasons of every room, and words of the format.
  for (const char* other : {"REQUEST_ID_REQUIRED", "ROW_UNREADABLE", "EVENT_UNREADABLE",
                            "PAGE_SIZE_INVALID", "PAGE_TOKEN_INVALID", "PHASE_OUT"}) {
    in_code.erase(other);
  }

  const std::string readme = ReadFile(folder / "README.md");
  const std::string reasons = readme.substr(readme.find("## Reasons"));
  const std::set<std::string> in_readme =
      Matches(reasons, "\\|? ?([A-Z][A-Z0-9]*_[A-Z0-9_]*[A-Z0-9])");

  // That none stands there without a cause in the code: tools/check_reasons.
  for (const std::string& reason : in_code) {
    CAPTURE(reason);
    CHECK(in_readme.count(reason) == 1);
  }
}

}  // namespace weft::erp
